//! Entity tags, and conditions on what is being written.

use std::fmt;

/// The service's mark of one state of a file: it changes with every change.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct ETag(String);

/// What has to be true of a path for something to be written there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum WriteCondition {
    /// Whatever is there is replaced.
    #[default]
    Always,
    /// Nothing is there yet (`If-None-Match: *`); otherwise the error is `AlreadyExists`.
    IfAbsent,
    /// It is still in this state (`If-Match`); otherwise the error is `PreconditionFailed`.
    IfMatch(ETag),
}

impl ETag {
    /// The tag with its quotes, as in HTTP headers.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Headers have quotes, listings have none.
    pub(crate) fn from_header(value: &str) -> Self {
        if value.starts_with('"') || value.starts_with("W/") {
            Self(value.to_owned())
        } else {
            Self(["\"", value, "\""].concat())
        }
    }
}

impl fmt::Display for ETag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for ETag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ETag({})", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn header_and_listing_give_equal_tags() {
        assert_eq!(ETag::from_header("0x8D1"), ETag::from_header("\"0x8D1\""));
        assert_eq!(ETag::from_header("0x8D1").as_str(), "\"0x8D1\"");
    }
}
