//! Continuation tokens: opaque to clients, and full of characters that a URL must escape, as the
//! service's are.

use base64::{Engine, engine::general_purpose::STANDARD};

use super::failure::Failure;

/// Makes the token that continues a listing after the entry with the sort key `after`.
pub(super) fn encode(after: &str) -> String {
    STANDARD.encode([MARK, after].concat())
}

/// Reads a token of [`encode`]; an empty one is none. `name`: the query parameter it came in.
pub(super) fn decode(name: &'static str, token: Option<&str>) -> Result<Option<String>, Failure> {
    let Some(token) = token.filter(|token| !token.is_empty()) else { return Ok(None) };
    let decoded = STANDARD.decode(token).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    match decoded.as_deref().and_then(|text| text.strip_prefix(MARK)) {
        Some(after) => Ok(Some(after.to_owned())),
        None => Err(Failure::query(name, token)),
    }
}

/// Where a listing goes on, for an account that puts an empty page before every other.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Turn {
    pub(super) after: Option<String>,
    /// Whether this page is one of the empty ones.
    pub(super) is_empty: bool,
}

impl Turn {
    /// `token`: what [`decode`] found. `with_empty_pages`: whether the account has any.
    pub(super) fn of(token: Option<String>, with_empty_pages: bool) -> Self {
        match token {
            Some(token) => match token.strip_prefix(FULL_PAGE) {
                Some("") => Self { after: None, is_empty: false },
                Some(after) => Self { after: Some(after.to_owned()), is_empty: false },
                None => Self { after: Some(token), is_empty: with_empty_pages },
            },
            None => Self { after: None, is_empty: with_empty_pages },
        }
    }

    /// The token behind an empty page.
    pub(super) fn full_page(&self) -> String {
        encode(&[FULL_PAGE, self.after.as_deref().unwrap_or_default()].concat())
    }
}

/// Before a place to go on at: the empty page has been sent. No name begins with it.
const FULL_PAGE: &str = "\u{2}";

/// Encodes to `+/+/`, so that a client that forgets to escape tokens fails at once.
const MARK: &str = "\u{3ff}\u{3f}";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_needs_escaping_and_survives_the_round_trip() {
        let token = encode("a\0b");
        assert!(token.contains(['+', '/', '=']), "{token}");
        assert_eq!(decode("continuation", Some(&token)).unwrap().as_deref(), Some("a\0b"));
    }

    #[test]
    fn every_other_page_is_empty_if_the_account_is_so() {
        assert_eq!(Turn::of(None, false), Turn { after: None, is_empty: false });
        let first = Turn::of(None, true);
        assert!(first.is_empty);
        let token = decode("marker", Some(&first.full_page())).unwrap();
        assert_eq!(Turn::of(token, true), Turn { after: None, is_empty: false });
        let second = Turn::of(Some("a".to_owned()), true);
        assert!(second.is_empty);
        let token = decode("marker", Some(&second.full_page())).unwrap();
        assert_eq!(Turn::of(token, true), Turn { after: Some("a".to_owned()), is_empty: false });
    }

    #[test]
    fn a_token_of_somebody_else_is_refused() {
        assert!(decode("marker", Some("YQ==")).is_err());
        assert!(decode("marker", Some("no base64")).is_err());
        assert_eq!(decode("marker", Some("")).unwrap(), None);
    }
}
