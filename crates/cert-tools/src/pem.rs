//! PEM text taken apart into blocks, so that OpenSSL is handed one block at a time, or the bytes in it.
//!
//! OpenSSL's own readers of PEM ask for the password of any encrypted block at the terminal, and spend as many
//! key-derivation rounds as the text asks for.
//!
//! Spec: <https://www.rfc-editor.org/rfc/rfc7468>

use base64::{
    Engine as _, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use zeroize::Zeroizing;

/// What stands between a BEGIN line and its END line.
#[derive(Clone, Copy)]
pub(crate) struct Block<'a> {
    /// `CERTIFICATE` and the like.
    pub(crate) label: &'a [u8],
    /// From the BEGIN line to the END line, both included.
    pub(crate) text: &'a [u8],
    /// `None` where the END line is missing, or is that of another label.
    content: Option<&'a [u8]>,
}

/// The blocks of `text`, in its order; what stands between them is passed over.
pub(crate) fn blocks(text: &[u8]) -> impl Iterator<Item = Block<'_>> {
    // A byte order mark would hide the first block.
    let mut rest = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
    std::iter::from_fn(move || {
        let (label, from_begin, after_begin) = next_boundary(rest, BEGIN)?;
        let (content, text, after) = match next_dashes(after_begin) {
            Some(end) => {
                let content = after_begin.get(..end)?;
                let at_end = after_begin.get(end..)?;
                match boundary(first_line(at_end), END) {
                    Some(end_label) => {
                        let after = at_end.get(first_line(at_end).len()..)?;
                        let text = from_begin.get(..from_begin.len() - after.len())?;
                        ((end_label == label).then_some(content), text, after)
                    }
                    // The next block begins within this one.
                    None => (None, content, at_end),
                }
            }
            None => (None, from_begin, [].as_slice()),
        };
        rest = after;
        Some(Block { label, text, content })
    })
}

impl Block<'_> {
    /// Whether it is encrypted in the way that is older than PKCS#8 (`Proc-Type: 4,ENCRYPTED`).
    ///
    /// Spec: <https://www.rfc-editor.org/rfc/rfc1421#section-4.6.1.1>
    pub(crate) fn is_encrypted(&self) -> bool {
        self.content.is_some_and(|content| {
            content.split(|byte| *byte == b'\n').any(|line| line.starts_with(b"Proc-Type:"))
        })
    }

    /// The bytes that the block holds as base64 text; `None` if it is damaged.
    pub(crate) fn bytes(&self) -> Option<Zeroizing<Vec<u8>>> {
        let content = self.content?;
        // Room for all of it at once: growing would leave copies of a key behind.
        let mut digits = Zeroizing::new(Vec::with_capacity(content.len()));
        digits.extend(content.iter().copied().filter(|byte| !byte.is_ascii_whitespace()));
        let mut bytes = Zeroizing::new(vec![0; digits.len() / 4 * 3 + 3]);
        let length = BASE64.decode_slice(&*digits, &mut bytes).ok()?;
        bytes.truncate(length);
        Some(bytes)
    }
}

/// The first line of `text` that is a boundary of this kind: its label, the text from it on, and the text after it.
fn next_boundary<'a>(text: &'a [u8], kind: &[u8]) -> Option<(&'a [u8], &'a [u8], &'a [u8])> {
    let mut rest = text;
    loop {
        let from = rest.get(next_dashes(rest)?..)?;
        let line = first_line(from);
        let after = from.get(line.len()..)?;
        if let Some(label) = boundary(line, kind) {
            return Some((label, from, after));
        }
        rest = after;
    }
}

/// Where the first line begins that starts with dashes.
fn next_dashes(text: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        let line = text.get(at..)?;
        if line.starts_with(DASHES) {
            return Some(at);
        }
        at += line.iter().position(|byte| *byte == b'\n')? + 1;
    }
}

/// The first line of `text` with its end.
fn first_line(text: &[u8]) -> &[u8] {
    let end = text.iter().position(|byte| *byte == b'\n').map_or(text.len(), |end| end + 1);
    text.get(..end).unwrap_or(text)
}

fn boundary<'a>(line: &'a [u8], kind: &[u8]) -> Option<&'a [u8]> {
    line.trim_ascii_end().strip_prefix(kind)?.strip_suffix(DASHES)
}

const DASHES: &[u8] = b"-----";
const BEGIN: &[u8] = b"-----BEGIN ";
const END: &[u8] = b"-----END ";

const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> Vec<(String, Option<String>)> {
        let utf8 = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        blocks(text.as_bytes())
            .map(|block| (utf8(block.label), block.bytes().map(|bytes| utf8(&bytes))))
            .collect()
    }

    #[track_caller]
    fn check(text: &str, expected: &[(&str, Option<&str>)]) {
        let expected: Vec<_> = expected
            .iter()
            .map(|(label, content)| ((*label).to_owned(), content.map(str::to_owned)))
            .collect();
        assert_eq!(shown(text), expected, "{text:?}");
    }

    #[test]
    fn blocks_are_found_in_any_text() {
        check("", &[]);
        check("-----BEGIN", &[]);
        check("-----BEGIN A-----\naGk=\n-----END A-----", &[("A", Some("hi"))]);
        check("\u{feff}-----BEGIN A-----\r\naG\r\nk\r\n-----END A-----\r\n", &[("A", Some("hi"))]);
        check(
            "Bag Attributes\n-----BEGIN A-----  \naGk=\n-----END A-----\n--\n-----BEGIN B-----\n-----END B-----\n",
            &[("A", Some("hi")), ("B", Some(""))],
        );
    }

    #[test]
    fn damaged_blocks_have_no_bytes() {
        check("-----BEGIN A-----\naGk=", &[("A", None)]);
        check("-----BEGIN A-----\naGk=\n-----END B-----\n", &[("A", None)]);
        check("-----BEGIN A-----\na!k=\n-----END A-----\n", &[("A", None)]);
        check(
            "-----BEGIN A-----\naGk=\n-----BEGIN B-----\naGk=\n-----END B-----\n",
            &[("A", None), ("B", Some("hi"))],
        );
        check("-----BEGIN A-----\naGk=\n-----oops\n-----END A-----\n", &[("A", None)]);
    }

    #[test]
    fn a_block_carries_its_own_text_and_headers() {
        let text = b"x\n-----BEGIN A-----\nProc-Type: 4,ENCRYPTED\n\naGk=\n-----END A-----\ny";
        let block = blocks(text).next().unwrap();
        assert_eq!(block.text, &text[2..text.len() - 1]);
        assert!(block.is_encrypted() && block.bytes().is_none());
    }
}
