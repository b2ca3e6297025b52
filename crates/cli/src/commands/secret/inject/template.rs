//! Templates: text with references in double braces.

use azconnect_keyvault::SecretValue;
use base64::{Engine, engine::general_purpose::STANDARD};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use zeroize::Zeroizing;

use crate::{
    cloud::Cloud,
    commands::secret::resolve::{self, AKV, APP_SERVICE, Wanted},
    failure::Failure,
};

/// A template, taken apart.
#[derive(Debug)]
pub(super) struct Template<'a> {
    parts: Vec<Part<'a>>,
    wanted: Vec<Wanted>,
}

#[derive(Debug)]
enum Part<'a> {
    Text(&'a [u8]),
    /// The next of the values, through these filters.
    Value(Vec<Filter>),
}

#[derive(Clone, Copy, Debug)]
enum Filter {
    Base64,
    Json,
    UrlEncode,
}

impl<'a> Template<'a> {
    /// Finds the references. `name`: the template's, for messages.
    pub(super) fn parse(text: &'a [u8], name: &str, cloud: &Cloud) -> Result<Self, Failure> {
        let mut template = Self { parts: Vec::new(), wanted: Vec::new() };
        let mut done = 0;
        let mut at = 0;
        while let Some(open) = find(text, at, b"{{") {
            let place = || Place { text, at: open, name };
            let inside = open + 2;
            at = inside;
            let line = text.get(inside..).unwrap_or_default().split(|byte| *byte == b'\n').next();
            let Some(line) = line.map(<[u8]>::trim_ascii_start) else { break };
            let Some(end) = find(text, inside, b"}}").filter(|end| is_one_line(text, inside, *end))
            else {
                if begins_reference(line) {
                    return Err(place().failure("`}}` is missing behind the reference"));
                }
                continue;
            };
            let expression = text.get(inside..end).unwrap_or_default().trim_ascii();
            let Ok(expression) = std::str::from_utf8(expression) else { continue };
            let mut pieces = expression.split('|').map(str::trim);
            let reference = pieces.next().unwrap_or_default();
            let parsed = resolve::parse(reference, cloud)
                .map_err(|failure| failure.within(place().says("this is no valid reference")))?;
            // Expressions of other template languages are theirs.
            let Some(parsed) = parsed else { continue };
            let filters = pieces
                .map(|filter| {
                    Filter::named(filter).ok_or_else(|| {
                        place()
                            .failure("no filter has this name")
                            .with_hint("the filters are `base64`, `json` and `urlencode`")
                    })
                })
                .collect::<Result<_, _>>()?;
            template.parts.push(Part::Text(text.get(done..open).unwrap_or_default()));
            template.parts.push(Part::Value(filters));
            template.wanted.push(Wanted {
                place: place().to_string(),
                text: reference.to_owned(),
                reference: parsed,
            });
            at = end + 2;
            done = at;
        }
        template.parts.push(Part::Text(text.get(done..).unwrap_or_default()));
        Ok(template)
    }

    /// The secrets, in the order of their places.
    pub(super) fn wanted(&self) -> &[Wanted] {
        &self.wanted
    }

    /// The text with these values in the places of the references.
    pub(super) fn render(&self, values: &[SecretValue]) -> Zeroizing<Vec<u8>> {
        let mut values = values.iter();
        let mut pieces = Vec::with_capacity(self.parts.len());
        for part in &self.parts {
            pieces.push(match part {
                Part::Text(text) => Piece::Text(text),
                Part::Value(filters) => {
                    let value = values.next().map_or("", SecretValue::expose_secret);
                    let value = Zeroizing::new(value.to_owned());
                    Piece::Value(filters.iter().fold(value, |value, filter| filter.apply(&value)))
                }
            });
        }
        // In one go, so that no shorter buffer with secrets is left behind.
        let length = pieces.iter().map(|piece| piece.bytes().len()).sum();
        let mut rendered = Zeroizing::new(Vec::with_capacity(length));
        for piece in &pieces {
            rendered.extend_from_slice(piece.bytes());
        }
        rendered
    }
}

enum Piece<'a> {
    Text(&'a [u8]),
    Value(Zeroizing<String>),
}

impl Piece<'_> {
    fn bytes(&self) -> &[u8] {
        match self {
            Self::Text(text) => text,
            Self::Value(value) => value.as_bytes(),
        }
    }
}

impl Filter {
    fn named(name: &str) -> Option<Self> {
        match name {
            "base64" => Some(Self::Base64),
            "json" => Some(Self::Json),
            "urlencode" => Some(Self::UrlEncode),
            _ => None,
        }
    }

    fn apply(self, value: &str) -> Zeroizing<String> {
        Zeroizing::new(match self {
            Self::Base64 => STANDARD.encode(value),
            Self::Json => {
                let quoted = Zeroizing::new(serde_json::Value::from(value).to_string());
                // The quotation marks are the template's.
                quoted.get(1..quoted.len().saturating_sub(1)).unwrap_or_default().to_owned()
            }
            Self::UrlEncode => utf8_percent_encode(value, RESERVED).to_string(),
        })
    }
}

/// Where in a template something is.
struct Place<'a> {
    text: &'a [u8],
    at: usize,
    name: &'a str,
}

impl Place<'_> {
    fn says(&self, what: &str) -> String {
        format!("{self}: {what}")
    }

    fn failure(&self, what: &str) -> Failure {
        Failure::new(self.says(what))
    }
}

impl std::fmt::Display for Place<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let before = self.text.get(..self.at).unwrap_or_default();
        let line = 1 + before.iter().filter(|byte| **byte == b'\n').count();
        let column = 1 + before.iter().rev().take_while(|byte| **byte != b'\n').count();
        write!(formatter, "{}, line {line}, column {column}", self.name)
    }
}

fn find(text: &[u8], from: usize, wanted: &[u8; 2]) -> Option<usize> {
    let windows = text.get(from..)?.windows(2);
    windows.enumerate().find(|(_, window)| window == wanted).map(|(index, _)| from + index)
}

fn is_one_line(text: &[u8], from: usize, to: usize) -> bool {
    !text.get(from..to).unwrap_or_default().contains(&b'\n')
}

/// Whether this can only be meant as a reference.
fn begins_reference(text: &[u8]) -> bool {
    text.starts_with(AKV.as_bytes()) || text.starts_with(APP_SERVICE.as_bytes())
}

/// All but what RFC 3986 calls unreserved.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

#[cfg(test)]
mod tests;
