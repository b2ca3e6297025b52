//! Files and stdin, read whole and not without end.

use std::{
    fs::File,
    io::{self, Read},
    path::Path,
};

use zeroize::Zeroizing;

use crate::failure::Failure;

/// Reads a file, or stdin where none is named or it is `-`.
///
/// No more than one byte beyond `most`: who gets that many knows that it is too long, and says so.
pub(crate) fn read(path: Option<&Path>, most: u64) -> Result<Zeroizing<Vec<u8>>, Failure> {
    match path.filter(|path| *path != Path::new("-")) {
        None => read_limited(io::stdin().lock(), most)
            .map_err(|error| Failure::from_error("cannot read stdin", &error)),
        Some(path) => File::open(path).and_then(|file| read_limited(file, most)).map_err(|error| {
            Failure::from_error(format!("cannot read `{}`", path.display()), &error)
        }),
    }
}

/// What is short is read into its place once and leaves no copy behind.
fn read_limited(reader: impl Read, most: u64) -> io::Result<Zeroizing<Vec<u8>>> {
    let room = usize::try_from(most + 1).unwrap_or(usize::MAX).min(ROOM);
    let mut bytes = Zeroizing::new(Vec::with_capacity(room));
    reader.take(most + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

const ROOM: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_long_is_read_so_far_that_it_shows() {
        assert_eq!(*read_limited(&b"1234"[..], 4).unwrap(), b"1234");
        assert_eq!(*read_limited(&b"123456"[..], 4).unwrap(), b"12345");
        assert_eq!(*read_limited(&b""[..], 4).unwrap(), b"");
        let most = 25 * 1024;
        assert_eq!(read_limited(&vec![b'a'; 1 << 20][..], most).unwrap().len(), 25 * 1024 + 1);
    }
}
