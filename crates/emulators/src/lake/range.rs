//! Byte ranges: `bytes=a-b` and `bytes=a-`, the two forms the service knows.
//!
//! Spec: <https://learn.microsoft.com/rest/api/storageservices/specifying-the-range-header-for-blob-service-operations>

use super::{
    failure::{Code, Failure},
    request::LakeRequest,
};

/// A range as it was asked for: the first byte, and the last one if it was named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RequestedRange {
    first: u64,
    last: Option<u64>,
}

/// A range inside a file of known length; never empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ByteRange {
    pub(crate) offset: u64,
    pub(crate) length: u64,
}

impl RequestedRange {
    /// The range of a request, `x-ms-range` before `Range`.
    ///
    /// The service knows no suffix range and no list of ranges. A `Range` it does not know means
    /// nothing, as RFC 9110 allows, and the whole file is sent; a wrong `x-ms-range` is an error.
    pub(crate) fn of(request: &LakeRequest) -> Result<Option<Self>, Failure> {
        if let Some(text) = request.header("x-ms-range")? {
            return match Self::parse(text) {
                Some(range) => Ok(Some(range)),
                None => Err(Failure::header("x-ms-range", text)),
            };
        }
        Ok(request.header("range")?.and_then(Self::parse))
    }

    /// The range of a copy's source.
    pub(crate) fn of_source(request: &LakeRequest) -> Result<Option<Self>, Failure> {
        let name = "x-ms-source-range";
        request
            .header(name)?
            .map(|text| Self::parse(text).ok_or_else(|| Failure::header(name, text)))
            .transpose()
    }

    fn parse(text: &str) -> Option<Self> {
        let (first, last) = text.trim().strip_prefix("bytes=")?.split_once('-')?;
        let first = first.parse().ok()?;
        let last = if last.is_empty() { None } else { Some(last.parse().ok()?) };
        last.is_none_or(|last| last >= first).then_some(Self { first, last })
    }

    /// The part of a file of `length` bytes that this range covers.
    pub(crate) fn within(self, length: u64) -> Result<ByteRange, Failure> {
        if self.first >= length {
            return Err(Failure::new(Code::InvalidRange)
                .with_header("content-range", &["bytes */", &length.to_string()].concat()));
        }
        let last = self.last.unwrap_or(u64::MAX).min(length - 1);
        Ok(ByteRange { offset: self.first, length: last - self.first + 1 })
    }
}

impl ByteRange {
    /// The value of `Content-Range` for a file of `length` bytes.
    pub(crate) fn content_range(self, length: u64) -> String {
        format!("bytes {}-{}/{length}", self.offset, self.offset + self.length - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_two_documented_forms_are_ranges() {
        let range = |first, last| Some(RequestedRange { first, last });
        for (text, expected) in [
            ("bytes=0-0", range(0, Some(0))),
            ("bytes=255-", range(255, None)),
            ("bytes=-5", None),
            ("bytes=5-4", None),
            ("bytes=0-1,3-4", None),
            ("bytes=", None),
            ("items=0-1", None),
        ] {
            assert_eq!(RequestedRange::parse(text), expected, "{text}");
        }
    }

    #[test]
    fn a_range_ends_with_the_file_and_must_begin_in_it() {
        let range = RequestedRange { first: 3, last: Some(99) };
        let within = range.within(10).unwrap();
        assert_eq!(within, ByteRange { offset: 3, length: 7 });
        assert_eq!(within.content_range(10), "bytes 3-9/10");
        for length in [0, 3] {
            assert_eq!(range.within(length).unwrap_err().code(), Code::InvalidRange);
        }
    }
}
