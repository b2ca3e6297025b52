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
    fn a_token_of_somebody_else_is_refused() {
        assert!(decode("marker", Some("YQ==")).is_err());
        assert!(decode("marker", Some("no base64")).is_err());
        assert_eq!(decode("marker", Some("")).unwrap(), None);
    }
}
