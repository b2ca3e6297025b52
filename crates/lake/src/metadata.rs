//! User-defined properties of paths and filesystems: metadata to the blob endpoint, properties to
//! the dfs endpoint.

use std::collections::BTreeMap;

use base64::{Engine, engine::general_purpose::STANDARD};
use http::{HeaderName, Method};

use crate::{
    client::LakeClient,
    error::{Error, Result},
    etag::{ETag, WriteCondition},
    lease::{LeaseId, leased},
    names::conditional,
    path::LakePath,
    properties::missing,
    wire::{Body, Endpoint, Headers, Request},
};

/// Names and values that the service keeps with a path or a filesystem.
///
/// A name begins with a letter or `_`, and goes on with letters, digits and `_`; the service
/// compares names without regard to case and gives them back in some case of its own. A value is
/// visible ASCII and spaces, none of them at its ends.
///
/// Spec: <https://learn.microsoft.com/rest/api/storageservices/setting-and-retrieving-properties-and-metadata-for-blob-resources>
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Metadata(BTreeMap<String, String>);

impl Metadata {
    /// Adds a pair, in place of one of the same name.
    ///
    /// # Errors
    /// `InvalidInput`: the name or the value is not as described above.
    pub fn with(mut self, name: impl Into<String>, value: impl Into<String>) -> Result<Self> {
        let (name, value) = (name.into(), value.into());
        let is_letter = |b: u8| b.is_ascii_alphabetic() || b == b'_';
        let is_name = name.bytes().next().is_some_and(is_letter)
            && name.bytes().all(|b| is_letter(b) || b.is_ascii_digit());
        if !is_name {
            return Err(Error::invalid_input(
                "use the metadata name",
                name,
                "it must begin with a letter or `_` and hold letters, digits and `_` only",
            ));
        }
        if !value.bytes().all(|b| matches!(b, b' '..=b'~')) || value.trim() != value {
            return Err(Error::invalid_input(
                "use the metadata value of",
                name,
                "it must hold visible ASCII characters, with spaces only between them",
            )
            .with_hint("encode other values, in base64 for example"));
        }
        self.0.retain(|known, _| !known.eq_ignore_ascii_case(&name));
        self.0.insert(name, value);
        Ok(self)
    }

    /// The value of a name, without regard to case.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// Names and values, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// How many pairs there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Reads `x-ms-properties`. What others wrote is taken as it is, but for the mark of
    /// directories, which the service sets, and the checksum that uploads of this crate leave.
    pub(crate) fn of_properties(text: Option<&str>) -> Result<Self, String> {
        let mut pairs = BTreeMap::new();
        for pair in text.unwrap_or_default().split(',').filter(|pair| !pair.trim().is_empty()) {
            let wrong = || format!("`{pair}` is no property");
            let (name, value) = pair.trim().split_once('=').ok_or_else(wrong)?;
            let value = STANDARD.decode(value).map_err(|_| wrong())?;
            if !["hdi_isfolder", "azconnect_crc64"].iter().any(|own| name.eq_ignore_ascii_case(own))
            {
                pairs.insert(name.to_owned(), String::from_utf8_lossy(&value).into_owned());
            }
        }
        Ok(Self(pairs))
    }

    /// Writes `x-ms-properties`.
    pub(crate) fn to_properties(&self) -> String {
        let pairs: Vec<_> = self
            .iter()
            .map(|(name, value)| [name, "=", &STANDARD.encode(value)].concat())
            .collect();
        pairs.join(",")
    }

    /// Adds them to a write at the blob endpoint.
    pub(crate) fn add_to_blob(&self, mut request: Request) -> Result<Request> {
        for (name, value) in self.iter() {
            let name = ["x-ms-meta-", &name.to_ascii_lowercase()].concat();
            let name: HeaderName = name.parse().map_err(|source| {
                Error::invalid_input("use the metadata name", &name, "it is no header name")
                    .with_source(source)
            })?;
            request = request.header(name, value)?;
        }
        Ok(request)
    }
}

impl LakeClient {
    /// Replaces all metadata of the file or directory at `path`; of a root, those of its
    /// filesystem, where `lease` and the condition `IfMatch` have no meaning.
    ///
    /// Returns the new entity tag.
    ///
    /// # Errors
    /// - `NotFound`: there is nothing at `path`.
    /// - `PreconditionFailed`: by `condition`, or it is leased (`LeaseIdMissing`).
    ///
    /// # Cancel safety
    /// A dropped future leaves open whether they were replaced; doing it again does no harm.
    ///
    /// Spec: <https://learn.microsoft.com/rest/api/storageservices/datalakestoragegen2/path/update>
    pub async fn set_metadata(
        &self,
        path: &LakePath,
        metadata: &Metadata,
        condition: &WriteCondition,
        lease: Option<&LeaseId>,
    ) -> Result<ETag> {
        let pair =
            if path.is_root() { ("resource", "filesystem") } else { ("action", "setProperties") };
        let url = self.wire.url(Endpoint::Dfs, path, &[pair]);
        let request = Request::new("set metadata of", path.to_string(), Method::PATCH, url)
            .header(X_MS_PROPERTIES, &metadata.to_properties())?
            .body(Body::empty());
        let request = leased(conditional(request, condition)?, lease);
        let (response, _) = self.wire.send(&request).await?;
        response.headers().etag().ok_or_else(|| missing(&request, "ETag"))
    }
}

pub(crate) const X_MS_PROPERTIES: HeaderName = HeaderName::from_static("x-ms-properties");

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;

    #[test]
    fn names_and_values_that_no_header_can_carry_are_refused_at_once() {
        for (name, value) in [
            ("", "v"),
            ("1a", "v"),
            ("a-b", "v"),
            ("größe", "v"),
            ("a", "größe"),
            ("a", " v"),
            ("a", "v\n"),
            ("a", "x\r\nx-ms-meta-b: y"),
        ] {
            let error = Metadata::default().with(name, value).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput, "{name} {value:?}");
        }
    }

    // Expected values: printf red | base64; printf 2024 | base64
    #[test]
    fn properties_are_pairs_of_name_and_base64() {
        let metadata = Metadata::default().with("team", "red").unwrap();
        let metadata = metadata.with("Year", "1999").unwrap().with("year", "2024").unwrap();
        assert_eq!(metadata.to_properties(), "team=cmVk,year=MjAyNA==");
        let read = Metadata::of_properties(Some("team=cmVk, year=MjAyNA==,hdi_isfolder=dHJ1ZQ=="));
        assert_eq!(read.unwrap(), metadata);
        assert_eq!(metadata.get("TEAM"), Some("red"));
        assert!(Metadata::of_properties(None).unwrap().is_empty());
        for wrong in ["team", "team=red!"] {
            assert!(Metadata::of_properties(Some(wrong)).is_err(), "{wrong}");
        }
    }
}
