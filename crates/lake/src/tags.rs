//! Blob index tags, by which the service finds files of a whole account.

use std::collections::BTreeMap;

use http::Method;
use serde::{Deserialize, Serialize};

use crate::{
    client::LakeClient,
    error::{Error, ErrorKind, Result},
    lease::{LeaseId, leased},
    path::LakePath,
    wire::{Body, Endpoint, Request},
};

/// The tags of a file: at most 10 names of 1 to 128 characters with values of up to 256, made of
/// letters, digits, spaces and `+ - . / : = _`.
///
/// Spec: <https://learn.microsoft.com/azure/storage/blobs/storage-manage-find-blobs#setting-blob-index-tags>
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tags(BTreeMap<String, String>);

impl Tags {
    /// Adds a tag, in place of one of the same name.
    ///
    /// # Errors
    /// `InvalidInput`: name or value is not as described above, or it would be the eleventh.
    pub fn with(mut self, name: impl Into<String>, value: impl Into<String>) -> Result<Self> {
        let (name, value) = (name.into(), value.into());
        let is_fine = |text: &str| {
            text.bytes().all(|b| b.is_ascii_alphanumeric() || b" +-./:=_".contains(&b))
        };
        let mistake = if name.is_empty() || name.len() > 128 {
            "its name must have 1 to 128 characters"
        } else if value.len() > 256 {
            "its value may have at most 256 characters"
        } else if !is_fine(&name) || !is_fine(&value) {
            "a tag is made of letters, digits, spaces and + - . / : = _"
        } else if self.0.len() == 10 && !self.0.contains_key(&name) {
            "a file has at most 10 tags"
        } else {
            self.0.insert(name, value);
            return Ok(self);
        };
        Err(Error::invalid_input("use the tag", name, mistake))
    }

    /// The value of a tag.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// Names and values, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// How many tags there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl LakeClient {
    /// Asks for the tags of the file at `path`.
    ///
    /// # Errors
    /// - `NotFound`: there is nothing at `path`.
    /// - `PermissionDenied`: tags need a role of their own, such as `Storage Blob Data Owner`.
    /// - `Unsupported`, `Conflict`: the account, or a directory, has no tags.
    ///
    /// # Cancel safety
    /// Safe: it changes nothing.
    ///
    /// Spec: <https://learn.microsoft.com/rest/api/storageservices/get-blob-tags>
    pub async fn tags(&self, path: &LakePath) -> Result<Tags> {
        let url = self.wire.url(Endpoint::Blob, path, &[("comp", "tags")]);
        let request = Request::new("read tags of", path.to_string(), Method::GET, url);
        let (_, body) = self.wire.fetch(&request, LONGEST_TAGS).await?;
        parse(&body).ok_or_else(|| {
            request.error(ErrorKind::InvalidResponse).with_detail("the answer holds no tags")
        })
    }

    /// Replaces all tags of the file at `path`; its entity tag stays. `lease`: needed if the file
    /// is leased.
    ///
    /// # Errors
    /// As [`tags`](Self::tags), and `PreconditionFailed`: it is leased.
    ///
    /// # Cancel safety
    /// A dropped future leaves open whether they were replaced; doing it again does no harm.
    ///
    /// Spec: <https://learn.microsoft.com/rest/api/storageservices/set-blob-tags>
    pub async fn set_tags(
        &self,
        path: &LakePath,
        tags: &Tags,
        lease: Option<&LeaseId>,
    ) -> Result<()> {
        let url = self.wire.url(Endpoint::Blob, path, &[("comp", "tags")]);
        let request = Request::new("set tags of", path.to_string(), Method::PUT, url);
        let xml = to_xml(tags)
            .map_err(|source| request.error(ErrorKind::InvalidInput).with_source(source))?;
        let request = request
            .static_header("content-type", "application/xml")
            .body(Body::pieces(vec![xml.into()]));
        self.wire.send(&leased(request, lease)).await.map(drop)
    }
}

fn to_xml(tags: &Tags) -> Result<String, quick_xml::SeError> {
    let tag = tags
        .iter()
        .map(|(key, value)| Tag { key: key.to_owned(), value: value.to_owned() })
        .collect();
    let document = Document { tag_set: TagSet { tag } };
    let mut xml = String::from("<?xml version=\"1.0\" encoding=\"utf-8\"?>");
    quick_xml::se::to_writer_with_root(&mut xml, "Tags", &document)?;
    Ok(xml)
}

fn parse(body: &[u8]) -> Option<Tags> {
    let text = std::str::from_utf8(body).ok()?.trim_start_matches('\u{feff}');
    let document: Document = quick_xml::de::from_str(text).ok()?;
    let pairs = document.tag_set.tag.into_iter().map(|tag| (tag.key, tag.value));
    Some(Tags(pairs.collect()))
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Document {
    tag_set: TagSet,
}

#[derive(Default, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
struct TagSet {
    #[serde(default)]
    tag: Vec<Tag>,
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Tag {
    key: String,
    #[serde(default)]
    value: String,
}

/// Ten tags with the longest names and values need less than a tenth of it.
const LONGEST_TAGS: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_travel_as_the_vendor_shows_them() {
        let tags = Tags::default().with("team", "red one").unwrap().with("a/b", "").unwrap();
        let xml = to_xml(&tags).unwrap();
        assert!(
            xml.ends_with(
                "<Tags><TagSet><Tag><Key>a/b</Key><Value/></Tag>\
                 <Tag><Key>team</Key><Value>red one</Value></Tag></TagSet></Tags>"
            ),
            "{xml}"
        );
        assert_eq!(parse(xml.as_bytes()).unwrap(), tags);
        let spaced = "\u{feff}<?xml version=\"1.0\"?>\n<Tags>\n <TagSet>\n  <Tag><Key>k</Key>\
                      <Value>v</Value></Tag>\n </TagSet>\n</Tags>";
        assert_eq!(parse(spaced.as_bytes()).unwrap().get("k"), Some("v"));
        assert!(parse(b"<Tags><TagSet/></Tags>").unwrap().is_empty());
        for wrong in [&b""[..], b"<Tags", b"\xff", b"{}"] {
            assert!(parse(wrong).is_none(), "{wrong:?}");
        }
    }

    #[test]
    fn what_the_service_would_refuse_is_refused_here() {
        for (name, value) in
            [("", "v"), ("a#", "v"), ("a", "é"), (&"n".repeat(129), "v"), ("a", &"v".repeat(257))]
        {
            let error = Tags::default().with(name, value).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput, "{name} {value}");
        }
        let mut tags = Tags::default();
        for number in 0..10 {
            tags = tags.with(format!("k{number}"), "v").unwrap();
        }
        assert!(tags.clone().with("k0", "w").is_ok());
        assert!(tags.with("k10", "v").is_err());
    }
}
