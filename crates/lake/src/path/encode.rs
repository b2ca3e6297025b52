//! Percent-encoding of paths and query strings, as the service decodes them.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// A path for a URL or for the header `x-ms-rename-source`: slashes stay, all else that RFC 3986
/// does not call unreserved is encoded as UTF-8.
pub(crate) fn encode_path(path: &str) -> String {
    utf8_percent_encode(path, PATH).to_string()
}

/// `name=value&…`, each encoded; a space is `%20`, never `+`.
pub(crate) fn query_string(pairs: &[(&str, &str)]) -> String {
    let mut query = String::new();
    for (name, value) in pairs {
        if !query.is_empty() {
            query.push('&');
        }
        query.extend(utf8_percent_encode(name, VALUE));
        query.push('=');
        query.extend(utf8_percent_encode(value, VALUE));
    }
    query
}

/// Spec: <https://www.rfc-editor.org/rfc/rfc3986#section-2.3>
const VALUE: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

const PATH: &AsciiSet = &VALUE.remove(b'/');

#[cfg(test)]
mod tests {
    use super::*;

    // Expected values: python3 -c 'import urllib.parse,sys; print(urllib.parse.quote(sys.argv[1]))' TEXT
    #[test]
    fn paths_are_encoded_as_python_does() {
        for (path, encoded) in [
            ("a/b.parquet", "a/b.parquet"),
            ("a b", "a%20b"),
            ("100%", "100%25"),
            ("a+b", "a%2Bb"),
            ("a#b?c&d=e", "a%23b%3Fc%26d%3De"),
            ("größe/日本", "gr%C3%B6%C3%9Fe/%E6%97%A5%E6%9C%AC"),
            ("%2e%2e", "%252e%252e"),
            ("a\\b", "a%5Cb"),
            ("year=2024/~x_y-z", "year%3D2024/~x_y-z"),
        ] {
            assert_eq!(encode_path(path), encoded);
        }
    }

    #[test]
    fn query_values_hide_every_separator() {
        assert_eq!(
            query_string(&[("directory", "a b/c&d"), ("continuation", "x+/==")]),
            "directory=a%20b%2Fc%26d&continuation=x%2B%2F%3D%3D"
        );
    }
}
