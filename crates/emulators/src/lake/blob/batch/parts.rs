//! Takes the body of a batch apart: parts of `multipart/mixed`, each of which is a request.
//!
//! Spec: <https://www.rfc-editor.org/rfc/rfc2046#section-5.1.1>

use axum::http::{HeaderMap, HeaderName, HeaderValue, Method};

/// One operation of a batch.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) content_id: Option<String>,
    pub(super) method: Method,
    /// Path and query.
    pub(super) target: String,
    pub(super) headers: HeaderMap,
}

/// The boundary that a content type names.
pub(super) fn boundary(content_type: &str) -> Option<&str> {
    let mut words = content_type.split(';').map(str::trim);
    if !words.next()?.eq_ignore_ascii_case("multipart/mixed") {
        return None;
    }
    let value = words.find_map(|word| {
        let (name, value) = word.split_once('=')?;
        name.trim().eq_ignore_ascii_case("boundary").then_some(value.trim().trim_matches('"'))
    })?;
    (1..=MAX_BOUNDARY).contains(&value.len()).then_some(value)
}

impl Part {
    /// All operations; `None` if the document is not made of them.
    pub(super) fn all(document: &[u8], boundary: &str) -> Option<Vec<Self>> {
        // Line ends differ between clients, and nothing in a batch of deletes has a body.
        let text = std::str::from_utf8(document).ok()?.replace("\r\n", "\n");
        let separator = ["--", boundary].concat();
        let mut parts = Vec::new();
        let mut pieces = text.split(separator.as_str());
        if !pieces.next()?.trim().is_empty() {
            return None;
        }
        for piece in pieces {
            if piece.starts_with("--") {
                return Some(parts);
            }
            parts.push(Self::parse(piece.strip_prefix('\n')?)?);
        }
        // The closing boundary is missing: the document was cut.
        None
    }

    fn parse(piece: &str) -> Option<Self> {
        let (frame, request) = piece.split_once("\n\n")?;
        let frame = headers(frame)?;
        let is_http = frame
            .get("content-type")
            .is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"application/http"));
        if !is_http {
            return None;
        }
        let content_id = frame.get("content-id").and_then(|id| id.to_str().ok());
        let (line, rest) = request.split_once('\n')?;
        let mut words = line.split(' ');
        let method = Method::from_bytes(words.next()?.as_bytes()).ok()?;
        let target = words.next()?.to_owned();
        let is_right = target.starts_with('/') && words.next()? == "HTTP/1.1";
        if !is_right || words.next().is_some() {
            return None;
        }
        let head = rest.split_once("\n\n").map_or(rest, |(head, _)| head);
        Some(Self {
            content_id: content_id.map(str::to_owned),
            method,
            target,
            headers: headers(head)?,
        })
    }
}

fn headers(text: &str) -> Option<HeaderMap> {
    let mut headers = HeaderMap::new();
    for line in text.lines().filter(|line| !line.is_empty()) {
        let (name, value) = line.split_once(':')?;
        let name = HeaderName::from_bytes(name.trim().as_bytes()).ok()?;
        headers.append(name, HeaderValue::from_str(value.trim()).ok()?);
    }
    Some(headers)
}

// Spec: <https://www.rfc-editor.org/rfc/rfc2046#section-5.1.1>
const MAX_BOUNDARY: usize = 70;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_is_taken_apart_and_its_ids_are_kept() {
        let document = "--b1\r\nContent-Type: application/http\r\nContent-ID: 7\r\n\r\n\
                        DELETE /raw/a%20b?x=y HTTP/1.1\r\nx-ms-date: now\r\n\
                        Content-Length: 0\r\n\r\n\r\n--b1--\r\n";
        let parts = Part::all(document.as_bytes(), "b1").unwrap();
        assert_eq!(parts.len(), 1);
        assert_eq!(parts[0].content_id.as_deref(), Some("7"));
        assert_eq!(parts[0].method, Method::DELETE);
        assert_eq!(parts[0].target, "/raw/a%20b?x=y");
        assert_eq!(parts[0].headers["x-ms-date"], "now");
    }

    #[test]
    fn what_is_cut_or_no_batch_is_none() {
        let whole = "--b\nContent-Type: application/http\n\nDELETE /raw/a HTTP/1.1\n\n\n--b--";
        assert_eq!(Part::all(whole.as_bytes(), "b").unwrap().len(), 1);
        for document in [
            "",
            "text",
            &whole[..whole.len() - 2],
            &whole.replace("HTTP/1.1", "HTTP/1.1 x"),
            &whole.replace("/raw/a", "raw/a"),
            &whole.replace("application/http", "text/plain"),
        ] {
            assert!(Part::all(document.as_bytes(), "b").is_none(), "{document}");
        }
    }

    #[test]
    fn a_boundary_is_found_with_or_without_quotes() {
        for (text, expected) in [
            ("multipart/mixed; boundary=batch_1", Some("batch_1")),
            ("Multipart/Mixed;Boundary=\"b 1\"", Some("b 1")),
            ("multipart/mixed", None),
            ("multipart/mixed; boundary=", None),
            ("text/plain; boundary=b", None),
        ] {
            assert_eq!(boundary(text), expected, "{text}");
        }
    }
}
