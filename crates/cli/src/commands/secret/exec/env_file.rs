//! Files of variables, as many programs call `.env`. Nothing is substituted, and errors quote nothing of the file.

use std::{fs, path::Path};

use dotenvor::{Entry, Error, ParseErrorKind};
use secrecy::SecretString;
use zeroize::Zeroizing;

use crate::failure::Failure;

/// One variable of a file.
#[derive(Debug)]
pub(super) struct Variable {
    pub(super) name: String,
    pub(super) value: SecretString,
    /// The line of its name; the first is 1.
    pub(super) number: u32,
}

/// Reads a file. Of a name that comes twice, the last value is kept.
pub(super) fn read(path: &Path) -> Result<Vec<Variable>, Failure> {
    let bytes = fs::read(path).map(Zeroizing::new).map_err(|error| {
        Failure::from_error(format!("cannot read `{}`", path.display()), &error)
    })?;
    parse(&bytes, path)
}

fn parse(bytes: &[u8], path: &Path) -> Result<Vec<Variable>, Failure> {
    // Editors of Windows begin a file with a byte order mark, which would become a part of the first name.
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let entries = dotenvor::parse_bytes(bytes).map_err(|error| failure(&error, path))?;
    Ok(entries
        .into_iter()
        .map(|Entry { key, value, line, .. }| Variable {
            name: key,
            value: SecretString::from(value),
            number: line,
        })
        .collect())
}

fn failure(error: &Error, path: &Path) -> Failure {
    let path = path.display();
    match error {
        Error::Parse(error) => {
            let reason = match error.kind {
                ParseErrorKind::InvalidKey => "a name has other characters than `A-Za-z0-9_.-`",
                ParseErrorKind::InvalidSyntax => "this is not `NAME=VALUE`",
                ParseErrorKind::MissingKey => "the name is missing",
                ParseErrorKind::UnterminatedQuote => "the quotation does not end",
            };
            let (line, column) = (error.line, error.column);
            Failure::new(format!("cannot read `{path}`: line {line}, column {column}: {reason}"))
        }
        Error::InvalidEncoding(_) => Failure::from_error(format!("cannot read `{path}`"), error)
            .with_hint("save the file as UTF-8"),
        Error::Io(_) => Failure::from_error(format!("cannot read `{path}`"), error),
    }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &[(&str, &str, u32)]) {
        let found = parse(text.as_bytes(), Path::new("job.env")).unwrap();
        let found: Vec<_> = found
            .iter()
            .map(|one| (one.name.as_str(), one.value.expose_secret(), one.number))
            .collect();
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn values_are_kept_as_they_are_written() {
        let reference = "@Microsoft.KeyVault(VaultName=kv-demo;SecretName=db)";
        check(
            &format!("A={reference}\r\nB='{reference}'\n"),
            &[("A", reference, 1), ("B", reference, 2)],
        );
        check(
            "# comment\n\nexport A = $HOME/x # more\nB=\"${A}\\n\"\nC='$A'",
            &[("A", "$HOME/x", 3), ("B", "${A}\n", 4), ("C", "$A", 5)],
        );
        check(
            "\u{feff}A=1\nA=2\nB=\"two\nlines\"\nC=",
            &[("A", "2", 2), ("B", "two\nlines", 3), ("C", "", 5)],
        );
        check("", &[]);
    }

    #[test]
    fn errors_tell_the_line_and_quote_nothing() {
        for (text, place) in [
            (&b"A=1\nhunter2\n"[..], "line 2, column 8"),
            (b"=hunter2", "line 1"),
            (b"hunter2 hunter2=x", "line 1"),
            (b"A='hunter2", "line 1"),
            (b"A='x' hunter2", "line 1"),
            (b"A=hunter2\xff", ""),
        ] {
            let failure = parse(text, Path::new("job.env")).unwrap_err().to_string();
            assert!(failure.starts_with("error: cannot read `job.env`"), "{failure}");
            assert!(failure.contains(place) && !failure.contains("hunter2"), "{failure}");
        }
    }
}
