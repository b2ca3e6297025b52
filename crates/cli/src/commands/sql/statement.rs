//! Where the statement comes from.

use std::{
    fs,
    io::{self, Read},
    path::{Path, PathBuf},
};

use clap::Args;

use crate::failure::Failure;

/// The statement, in one of its places.
#[derive(Args, Debug)]
#[group(required = true, multiple = false)]
pub(super) struct StatementArgs {
    /// Statement to run; `-` reads it from stdin
    #[arg(value_name = "SQL")]
    sql: Option<String>,

    /// File that holds the statement; `-` is stdin
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
}

/// A statement larger than this is a mistake: some other file, say.
const MAX_BYTES: u64 = 16 << 20;

impl StatementArgs {
    /// The statement's text.
    pub(super) fn read(&self) -> Result<String, Failure> {
        let text = match (&self.sql, &self.file) {
            (Some(sql), _) if sql != "-" => sql.clone(),
            (_, Some(path)) if path != Path::new("-") => {
                let failed = |error| {
                    Failure::from_error(format!("cannot read `{}`", path.display()), &error)
                };
                read_limited(fs::File::open(path).map_err(failed)?).map_err(failed)?
            }
            _ => read_limited(io::stdin().lock())
                .map_err(|error| Failure::from_error("cannot read the statement", &error))?,
        };
        // Editors on Windows put a mark there that is no SQL.
        let text = text.strip_prefix('\u{FEFF}').map(str::to_owned).unwrap_or(text);
        if text.trim().is_empty() {
            return Err(Failure::usage("the statement is empty"));
        }
        Ok(text)
    }
}

fn read_limited(reader: impl Read) -> io::Result<String> {
    let mut text = String::new();
    reader.take(MAX_BYTES + 1).read_to_string(&mut text)?;
    if text.len() as u64 > MAX_BYTES {
        let detail = format!("it is longer than {MAX_BYTES} bytes");
        return Err(io::Error::new(io::ErrorKind::InvalidData, detail));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(content: &[u8]) -> Result<String, Failure> {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), content).unwrap();
        StatementArgs { sql: None, file: Some(file.path().to_owned()) }.read()
    }

    #[test]
    fn a_file_is_read_without_its_byte_order_mark() {
        assert_eq!(file("\u{FEFF}SELECT 'ß'".as_bytes()).unwrap(), "SELECT 'ß'");
    }

    #[test]
    fn an_empty_statement_is_refused() {
        assert!(file(b" \n").is_err());
        assert!(StatementArgs { sql: Some(String::new()), file: None }.read().is_err());
    }

    #[test]
    fn a_file_that_is_no_text_is_refused() {
        assert!(file(&[0xFF, 0xFE, 0x00]).unwrap_err().to_string().contains("cannot read"));
    }
}
