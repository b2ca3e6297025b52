//! What a client says about a file beside its bytes: content headers and user-defined properties,
//! which the dfs endpoint calls properties and the blob endpoint metadata.

use std::collections::BTreeMap;

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use base64::{Engine, engine::general_purpose::STANDARD};

use super::{
    failure::{Code, Failure},
    reply::Reply,
    request::{Api, LakeRequest},
};

/// The content headers of a file, in the order of [`CONTENT_HEADERS`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct ContentHeaders([Option<HeaderValue>; 6]);

/// The user-defined properties of a path or a filesystem.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Properties(BTreeMap<String, Vec<u8>>);

impl ContentHeaders {
    /// The content headers of a request to the dfs endpoint (`x-ms-content-type` and so on).
    pub(crate) fn of_dfs(headers: &HeaderMap) -> Self {
        Self(CONTENT_HEADERS.map(|row| headers.get(row.dfs).cloned()))
    }

    /// The content headers of a request to the blob endpoint (`x-ms-blob-content-type` and so on).
    ///
    /// `or_plain`: whether the plain header counts where the special one is absent, as it does for
    /// Put Blob, whose body is the file.
    pub(crate) fn of_blob(headers: &HeaderMap, or_plain: bool) -> Self {
        Self(CONTENT_HEADERS.map(|row| {
            let plain = if or_plain { headers.get(row.plain) } else { None };
            headers.get(row.blob).or(plain).cloned()
        }))
    }

    /// Takes over what `newer` says and keeps the rest.
    pub(crate) fn update(&mut self, newer: Self) {
        for (mine, newer) in self.0.iter_mut().zip(newer.0) {
            if newer.is_some() {
                *mine = newer;
            }
        }
    }

    pub(crate) fn content_type(&self) -> HeaderValue {
        self.0[CONTENT_TYPE].clone().unwrap_or(DEFAULT_CONTENT_TYPE)
    }

    pub(crate) fn content_md5(&self) -> Option<&HeaderValue> {
        self.0[CONTENT_MD5].as_ref()
    }

    pub(crate) fn set_content_md5(&mut self, md5: &str) {
        self.0[CONTENT_MD5] = HeaderValue::from_str(md5).ok();
    }

    /// Writes the headers of a read; the MD5 is that of the whole file, so an answer that holds a
    /// part of it (`is_partial`) gives it under another name.
    pub(crate) fn write_to(&self, mut reply: Reply, api: Api, is_partial: bool) -> Reply {
        for (index, row) in CONTENT_HEADERS.iter().enumerate() {
            let name = match (index, is_partial, api) {
                (CONTENT_MD5, true, Api::Blob) => row.blob,
                (CONTENT_MD5, true, Api::Dfs) => row.dfs,
                _ => row.plain,
            };
            let value = if index == CONTENT_TYPE {
                Some(self.content_type())
            } else {
                self.0[index].clone()
            };
            if let Some(value) = value {
                reply = reply.with_value(HeaderName::from_static(name), value);
            }
        }
        reply
    }

    /// The headers that are set, by their plain names with capitals, for a listing.
    pub(crate) fn listed(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let is_default = self.0[CONTENT_TYPE].is_none();
        let default = is_default.then_some(("Content-Type", "application/octet-stream"));
        let set = CONTENT_HEADERS
            .iter()
            .zip(&self.0)
            .filter_map(|(row, value)| Some((row.listed, value.as_ref()?.to_str().ok()?)));
        default.into_iter().chain(set)
    }
}

impl Properties {
    /// The properties of a request to the dfs endpoint: `x-ms-properties: name=base64,…`.
    /// `None` if the header is absent.
    pub(crate) fn of_dfs(request: &LakeRequest) -> Result<Option<Self>, Failure> {
        let Some(text) = request.header("x-ms-properties")? else { return Ok(None) };
        let wrong = || Failure::header("x-ms-properties", text);
        let mut properties = BTreeMap::new();
        for pair in text.split(',').map(str::trim).filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').ok_or_else(wrong)?;
            let value = STANDARD.decode(value.trim()).map_err(|_| wrong())?;
            if !is_property_name(name.trim()) || !is_property_value(&value) {
                return Err(wrong());
            }
            properties.insert(name.trim().to_owned(), value);
        }
        Ok(Some(Self(properties)))
    }

    /// The metadata of a request to the blob endpoint: one `x-ms-meta-name` header for each.
    pub(crate) fn of_blob(headers: &HeaderMap) -> Result<Self, Failure> {
        let mut properties = BTreeMap::new();
        for (header, value) in headers {
            let Some(name) = header.as_str().strip_prefix("x-ms-meta-") else { continue };
            if !is_property_name(name) {
                return Err(Failure::new(Code::InvalidMetadata));
            }
            properties.insert(name.to_owned(), value.as_bytes().to_vec());
        }
        Ok(Self(properties))
    }

    /// Whether they say that the blob stands for a directory, where there are no others.
    pub(crate) fn mark_a_directory(&self) -> bool {
        self.0.iter().any(|(name, value)| {
            name.eq_ignore_ascii_case(FOLDER_MARK) && value.eq_ignore_ascii_case(b"true")
        })
    }

    /// Lets the blob stand for a directory.
    pub(crate) fn mark_directory(&mut self) {
        self.0.insert(FOLDER_MARK.to_owned(), b"true".to_vec());
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The value of `x-ms-properties`; `None` if there are no properties.
    pub(crate) fn to_dfs(&self) -> Option<String> {
        let pairs: Vec<_> = self
            .0
            .iter()
            .map(|(name, value)| [name.as_str(), "=", &STANDARD.encode(value)].concat())
            .collect();
        (!pairs.is_empty()).then(|| pairs.join(","))
    }

    /// Writes the properties as `x-ms-meta-` headers.
    pub(crate) fn write_metadata_to(&self, mut reply: Reply) -> Reply {
        for (name, value) in &self.0 {
            let name = ["x-ms-meta-", &name.to_ascii_lowercase()].concat();
            if let (Ok(name), Ok(value)) = (name.parse(), HeaderValue::from_bytes(value)) {
                reply = reply.with_value(name, value);
            }
        }
        reply
    }

    /// Names and values, for a listing.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, String)> {
        self.0.iter().map(|(name, value)| {
            (name.as_str(), value.iter().map(|byte| char::from(*byte)).collect())
        })
    }
}

/// By this clients of Hadoop mark directories; with a hierarchical namespace the service adds it.
pub(crate) const FOLDER_MARK: &str = "hdi_isfolder";

/// One content header under each of its names.
struct ContentHeader {
    plain: &'static str,
    dfs: &'static str,
    blob: &'static str,
    listed: &'static str,
}

const CONTENT_TYPE: usize = 0;
const CONTENT_MD5: usize = 5;
const DEFAULT_CONTENT_TYPE: HeaderValue = HeaderValue::from_static("application/octet-stream");
const CONTENT_HEADERS: [ContentHeader; 6] = [
    ContentHeader {
        plain: "content-type",
        dfs: "x-ms-content-type",
        blob: "x-ms-blob-content-type",
        listed: "Content-Type",
    },
    ContentHeader {
        plain: "content-encoding",
        dfs: "x-ms-content-encoding",
        blob: "x-ms-blob-content-encoding",
        listed: "Content-Encoding",
    },
    ContentHeader {
        plain: "content-language",
        dfs: "x-ms-content-language",
        blob: "x-ms-blob-content-language",
        listed: "Content-Language",
    },
    ContentHeader {
        plain: "content-disposition",
        dfs: "x-ms-content-disposition",
        blob: "x-ms-blob-content-disposition",
        listed: "Content-Disposition",
    },
    ContentHeader {
        plain: "cache-control",
        dfs: "x-ms-cache-control",
        blob: "x-ms-blob-cache-control",
        listed: "Cache-Control",
    },
    ContentHeader {
        plain: "content-md5",
        dfs: "x-ms-content-md5",
        blob: "x-ms-blob-content-md5",
        listed: "Content-MD5",
    },
];

/// Names of metadata are C# identifiers.
///
/// Spec: <https://learn.microsoft.com/rest/api/storageservices/naming-and-referencing-containers--blobs--and-metadata#metadata-names>
fn is_property_name(name: &str) -> bool {
    let is_letter = |byte: u8| byte.is_ascii_alphabetic() || byte == b'_';
    name.bytes().next().is_some_and(is_letter)
        && name.bytes().all(|byte| is_letter(byte) || byte.is_ascii_digit())
}

/// Values become header values at the blob endpoint.
fn is_property_value(value: &[u8]) -> bool {
    HeaderValue::from_bytes(value).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_names_are_identifiers() {
        for (name, expected) in
            [("owner", true), ("_a1", true), ("1a", false), ("a-b", false), ("", false)]
        {
            assert_eq!(is_property_name(name), expected, "{name}");
        }
    }

    #[test]
    fn properties_of_one_endpoint_are_the_metadata_of_the_other() {
        let mut headers = HeaderMap::new();
        headers.insert("x-ms-meta-team", HeaderValue::from_static("red"));
        headers.insert("x-ms-meta-year", HeaderValue::from_static("2024"));
        let properties = Properties::of_blob(&headers).unwrap();
        // `printf red | base64`, `printf 2024 | base64`
        assert_eq!(properties.to_dfs().as_deref(), Some("team=cmVk,year=MjAyNA=="));
    }

    #[test]
    fn newer_content_headers_replace_and_absent_ones_keep() {
        let mut headers = HeaderMap::new();
        headers.insert("x-ms-content-type", HeaderValue::from_static("text/csv"));
        headers.insert("x-ms-cache-control", HeaderValue::from_static("no-store"));
        let mut content = ContentHeaders::of_dfs(&headers);
        headers.insert("x-ms-content-type", HeaderValue::from_static("text/plain"));
        headers.remove("x-ms-cache-control");
        content.update(ContentHeaders::of_dfs(&headers));
        let listed: Vec<_> = content.listed().collect();
        assert_eq!(listed, [("Content-Type", "text/plain"), ("Cache-Control", "no-store")]);
    }
}
