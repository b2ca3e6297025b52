//! Pages of deleted paths, in the XML of the blob endpoint.

use std::{collections::VecDeque, sync::Arc};

use http::Method;
use serde::Deserialize;

use super::DeletedPath;
use crate::{
    error::{ErrorKind, Result},
    path::LakePath,
    properties::PathType,
    wire::{Endpoint, Request, Wire},
};

/// What is left to ask for.
pub(super) struct DeletedPages {
    wire: Arc<Wire>,
    directory: LakePath,
    next: Next,
}

enum Next {
    First,
    After(String),
    End,
}

impl DeletedPages {
    pub(super) fn new(wire: Arc<Wire>, directory: LakePath) -> Self {
        Self { wire, directory, next: Next::First }
    }

    pub(super) async fn page(&mut self) -> Result<Option<VecDeque<DeletedPath>>> {
        let marker = match &self.next {
            Next::First => None,
            Next::After(marker) => Some(marker.as_str()),
            Next::End => return Ok(None),
        };
        let prefix = [self.directory.path(), "/"].concat();
        let mut pairs = vec![("restype", "container"), ("comp", "list"), ("showonly", "deleted")];
        if !self.directory.is_root() {
            pairs.push(("prefix", &prefix));
        }
        if let Some(marker) = marker {
            pairs.push(("marker", marker));
        }
        let root = LakePath::root(self.directory.filesystem().clone());
        let url = self.wire.url(Endpoint::Blob, &root, &pairs);
        let request = Request::new("list deleted", self.directory.to_string(), Method::GET, url);
        let (_, body) = self.wire.fetch(&request, LONGEST_PAGE_BYTES).await?;
        let (entries, next) = parse(&body, &self.directory)
            .map_err(|mistake| request.error(ErrorKind::InvalidResponse).with_detail(mistake))?;
        if next.as_deref().is_some() && next.as_deref() == marker {
            return Err(request
                .error(ErrorKind::InvalidResponse)
                .with_detail("the listing goes round in a circle"));
        }
        self.next = next.map_or(Next::End, Next::After);
        Ok(Some(entries))
    }
}

fn parse(
    body: &[u8],
    directory: &LakePath,
) -> Result<(VecDeque<DeletedPath>, Option<String>), String> {
    let text = std::str::from_utf8(body).map_err(|_| "the listing is not UTF-8".to_owned())?;
    let page: Page = quick_xml::de::from_str(text.trim_start_matches('\u{feff}'))
        .map_err(|error| format!("the listing is malformed: {error}"))?;
    let entries = page.blobs.blob.into_iter().map(|blob| blob.into_path(directory));
    let entries = entries.collect::<Result<_, _>>()?;
    Ok((entries, page.next_marker.filter(|marker| !marker.is_empty())))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Page {
    #[serde(default)]
    blobs: Blobs,
    next_marker: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Blobs {
    #[serde(default)]
    blob: Vec<Blob>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Blob {
    name: String,
    deletion_id: Option<String>,
    #[serde(default)]
    properties: Facts,
}

#[derive(Default, Deserialize)]
struct Facts {
    #[serde(rename = "Content-Length")]
    length: Option<u64>,
    #[serde(rename = "ResourceType")]
    resource_type: Option<String>,
    #[serde(rename = "DeletedTime")]
    deleted_time: Option<String>,
    #[serde(rename = "RemainingRetentionDays")]
    remaining_days: Option<u32>,
}

impl Blob {
    fn into_path(self, directory: &LakePath) -> Result<DeletedPath, String> {
        let path = directory.listed(&self.name)?;
        let Facts { length, resource_type, deleted_time, remaining_days } = self.properties;
        let path_type = match resource_type.as_deref() {
            Some("directory") => Some(PathType::Directory),
            Some("file") => Some(PathType::File),
            _ => None,
        };
        Ok(DeletedPath {
            path,
            deletion_id: self
                .deletion_id
                .ok_or_else(|| format!("`{}` has no deletion id", self.name))?,
            path_type,
            size: length.unwrap_or_default(),
            deleted_on: deleted_time
                .and_then(|date| httpdate::parse_http_date(&date).ok())
                .map(Into::into),
            remaining_retention_days: remaining_days,
        })
    }
}

/// 5,000 entries with names of 1,024 four-byte characters, escaped, stay below this.
const LONGEST_PAGE_BYTES: usize = 64 * 1024 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    fn page(name: &str, id: &str) -> String {
        format!(
            "\u{feff}<?xml version=\"1.0\" encoding=\"utf-8\"?><EnumerationResults><Blobs><Blob>\
             <Name>{name}</Name><Deleted>true</Deleted>{id}<Properties>\
             <Content-Length>7</Content-Length><ResourceType>file</ResourceType>\
             <DeletedTime>Tue, 24 Nov 2026 06:00:00 GMT</DeletedTime>\
             <RemainingRetentionDays>6</RemainingRetentionDays></Properties></Blob></Blobs>\
             <NextMarker/></EnumerationResults>"
        )
    }

    #[test]
    fn a_deleted_path_is_read_with_its_id() {
        let body = page("a/b &amp; c", "<DeletionId>132549163</DeletionId>");
        let (paths, next) = parse(body.as_bytes(), &"raw/a".parse().unwrap()).unwrap();
        assert_eq!(next, None);
        assert_eq!(paths.len(), 1);
        assert_eq!(paths[0].path.to_string(), "raw/a/b & c");
        assert_eq!(paths[0].deletion_id, "132549163");
        assert_eq!((paths[0].size, paths[0].remaining_retention_days), (7, Some(6)));
        assert_eq!(paths[0].deleted_on.unwrap().unix_timestamp(), 1_795_500_000);
    }

    #[test]
    fn what_cannot_be_restored_or_lies_elsewhere_is_refused() {
        let id = "<DeletionId>1</DeletionId>";
        for body in [
            page("a/../b", id),
            page("b/c", id),
            page("a", id),
            page("a/b", ""),
            "<EnumerationResults>".to_owned(),
            String::new(),
        ] {
            assert!(parse(body.as_bytes(), &"raw/a".parse().unwrap()).is_err(), "{body}");
        }
    }
}
