//! Put Block, Put Block List, Get Block List.

use std::sync::Arc;

use axum::{body::Body, http::StatusCode};
use base64::{Engine, engine::general_purpose::STANDARD};
use quick_xml::{Reader, events::Event};

use crate::lake::{
    Lake,
    acl::NewAccess,
    body::{blocking, digest_of, receive, receive_document},
    conditions::Conditions,
    digest::ExpectedDigests,
    failure::{Code, Failure},
    properties::{ContentHeaders, Properties},
    read,
    reply::Reply,
    request::LakeRequest,
    store::{BlockList, BlockSource, MAX_BLOCKS, PendingBlock, Place, Publication},
    tags::Tags,
    xml::XmlWriter,
};

/// Put Block: takes one block, which waits for its list.
///
/// Spec: <https://learn.microsoft.com/rest/api/storageservices/put-block>
pub(super) async fn put(
    lake: &Arc<Lake>,
    request: &LakeRequest,
    place: Place,
    body: &mut Option<Body>,
) -> Result<Reply, Failure> {
    let id = request.query.required("blockid")?.to_owned();
    check_id(&id)?;
    let length = request.content_length()?;
    if length == 0 {
        return Err(Failure::header("Content-Length", "0"));
    }
    if length > MAX_BLOCK_BYTES {
        return Err(Failure::new(Code::RequestBodyTooLarge));
    }
    let expected = ExpectedDigests::of(request)?;
    // Before the body, so that nobody sends one for nothing.
    let conditions = Conditions::of(request)?;
    lake.store.with_filesystem(&place.account, &place.filesystem, |filesystem| {
        // There need not be a file yet.
        match filesystem.get(&place.path) {
            Some(entry) => conditions.check_lease(Some(entry), lake.store.now()),
            None => Ok(()),
        }
    })?;
    let (staged, file) = {
        let lake = Arc::clone(lake);
        blocking(move || lake.store.stage()).await?
    };
    let digest = receive(body.take().unwrap_or_default(), length, &expected, file).await?;
    lake.store.put_block(&place, PendingBlock { id, staged, length })?;
    let (name, value) = digest.header();
    Ok(Reply::empty(StatusCode::CREATED)
        .with("x-ms-request-server-encrypted", "true")
        .with(name, &value))
}

/// Put Block List: publishes the blocks it lists, in its order.
///
/// Spec: <https://learn.microsoft.com/rest/api/storageservices/put-block-list>
pub(super) async fn put_list(
    lake: &Arc<Lake>,
    request: &LakeRequest,
    place: Place,
    body: &mut Option<Body>,
) -> Result<Reply, Failure> {
    let length = request.content_length()?;
    if length > MAX_LIST_BYTES as u64 {
        return Err(Failure::new(Code::RequestBodyTooLarge));
    }
    let expected = ExpectedDigests::of(request)?;
    let conditions = Conditions::of(request)?;
    let publication = Publication {
        headers: ContentHeaders::of_blob(&request.headers, false),
        properties: Properties::of_blob(&request.headers)?,
        tags: Tags::of(request)?,
        access: NewAccess::by(request.caller.owner_name()),
        ..Publication::default()
    };
    let document = receive_document(body.take().unwrap_or_default(), MAX_LIST_BYTES).await?;
    let digest = digest_of(expected.digester()?, &document)
        .map_err(|error| Failure::io("finish a checksum", &error))?;
    expected.check(&digest)?;
    let list = parse_list(&document)?;
    let lake = Arc::clone(lake);
    let entry =
        blocking(move || lake.store.put_block_list(&place, &conditions, &list, publication))
            .await?;
    let (name, value) = digest.header();
    Ok(read::written(StatusCode::CREATED, &entry).with(name, &value))
}

/// Get Block List.
///
/// Spec: <https://learn.microsoft.com/rest/api/storageservices/get-block-list>
pub(super) fn get_list(
    lake: &Lake,
    request: &LakeRequest,
    place: &Place,
) -> Result<Reply, Failure> {
    let (committed, uncommitted) =
        match request.query.get("blocklisttype").map(str::to_ascii_lowercase).as_deref() {
            None | Some("committed") => (true, false),
            Some("uncommitted") => (false, true),
            Some("all") => (true, true),
            Some(other) => return Err(Failure::query("blocklisttype", other)),
        };
    let BlockList { entry, waiting } = lake.store.block_list(place)?;
    let mut document = XmlWriter::new();
    document.open("BlockList");
    let file = entry.as_ref().and_then(|entry| entry.file());
    if committed {
        document.open("CommittedBlocks");
        for block in file.iter().flat_map(|file| file.blocks.iter()) {
            listed(&mut document, &block.id, block.length);
        }
        document.close("CommittedBlocks");
    }
    if uncommitted {
        document.open("UncommittedBlocks");
        for (id, length) in &waiting {
            listed(&mut document, id, *length);
        }
        document.close("UncommittedBlocks");
    }
    document.close("BlockList");
    let length = entry.as_ref().map_or(0, |entry| entry.length());
    let reply =
        Reply::xml(StatusCode::OK, document).with("x-ms-blob-content-length", &length.to_string());
    Ok(match &entry {
        Some(entry) => {
            reply.with("etag", &entry.stamp.etag()).with("last-modified", &entry.stamp.http_date())
        }
        None => reply,
    })
}

fn listed(document: &mut XmlWriter, id: &str, length: u64) {
    document.open("Block");
    document.leaf("Name", id);
    document.leaf("Size", &length.to_string());
    document.close("Block");
}

pub(super) fn check_id(id: &str) -> Result<(), Failure> {
    match STANDARD.decode(id) {
        Ok(decoded) if (1..=MAX_ID_BYTES).contains(&decoded.len()) => Ok(()),
        _ => Err(Failure::new(Code::InvalidBlockId)),
    }
}

fn parse_list(document: &[u8]) -> Result<Vec<(BlockSource, String)>, Failure> {
    let invalid = || Failure::new(Code::InvalidXmlDocument);
    let mut reader = Reader::from_reader(document);
    reader.config_mut().trim_text(true);
    let mut list = Vec::new();
    let (mut depth, mut is_list) = (0_usize, false);
    let mut block: Option<(BlockSource, String)> = None;
    loop {
        match reader.read_event().map_err(|_| invalid())? {
            Event::Start(element) => {
                depth += 1;
                block = match (depth, element.name().as_ref()) {
                    (1, b"BlockList") if !is_list => {
                        is_list = true;
                        None
                    }
                    (2, b"Committed") => Some((BlockSource::Committed, String::new())),
                    (2, b"Latest") => Some((BlockSource::Latest, String::new())),
                    (2, b"Uncommitted") => Some((BlockSource::Uncommitted, String::new())),
                    _ => return Err(invalid()),
                };
            }
            Event::Text(text) => {
                let text = text.decode().map_err(|_| invalid())?;
                match &mut block {
                    Some((_, id)) => id.push_str(text.trim()),
                    None => return Err(invalid()),
                }
            }
            Event::End(_) => {
                depth = depth.checked_sub(1).ok_or_else(invalid)?;
                if let Some((source, id)) = block.take() {
                    check_id(&id)?;
                    if list.len() == MAX_BLOCKS {
                        return Err(Failure::new(Code::BlockCountExceedsLimit));
                    }
                    list.push((source, id));
                }
            }
            Event::Empty(element)
                if depth == 0 && !is_list && element.name().as_ref() == b"BlockList" =>
            {
                is_list = true;
            }
            Event::Decl(_) | Event::Comment(_) => {}
            Event::Eof if depth == 0 && is_list => return Ok(list),
            _ => return Err(invalid()),
        }
    }
}

/// For versions since 2019-12-12.
///
/// Spec: <https://learn.microsoft.com/azure/storage/blobs/scalability-targets>
const MAX_BLOCK_BYTES: u64 = 4000 * 1024 * 1024;
// Spec: <https://learn.microsoft.com/rest/api/storageservices/put-block#uri-parameters>
const MAX_ID_BYTES: usize = 64;
/// Room for the most blocks with the longest ids.
const MAX_LIST_BYTES: usize = 8 * 1024 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_list_keeps_its_order_and_its_sources() {
        let list = parse_list(
            b"\xef\xbb\xbf<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<BlockList>\n  \
              <Latest>QUFB</Latest>\n  <Committed>QUFC</Committed>\n  \
              <Uncommitted>QUFD</Uncommitted>\n</BlockList>",
        )
        .unwrap();
        assert_eq!(
            list,
            [
                (BlockSource::Latest, "QUFB".to_owned()),
                (BlockSource::Committed, "QUFC".to_owned()),
                (BlockSource::Uncommitted, "QUFD".to_owned()),
            ]
        );
        assert_eq!(parse_list(b"<BlockList></BlockList>").unwrap(), []);
        assert_eq!(parse_list(b"<BlockList/>").unwrap(), []);
    }

    #[test]
    fn what_is_no_block_list_is_refused() {
        for document in [
            "<BlockList><Latest>QUFB</BlockList>",
            "<BlockList><Newest>QUFB</Newest></BlockList>",
            "<Blocks/>",
            "<BlockList>QUFB</BlockList>",
            "<BlockList><Latest>QUFB</Latest>",
            "<BlockList><Latest><Latest>QUFB</Latest></Latest></BlockList>",
            "text",
            "",
            "<BlockList/><BlockList/>",
        ] {
            let code = parse_list(document.as_bytes()).unwrap_err().code();
            assert_eq!(code, Code::InvalidXmlDocument, "{document}");
        }
        let code = parse_list(b"<BlockList><Latest>!</Latest></BlockList>").unwrap_err().code();
        assert_eq!(code, Code::InvalidBlockId);
    }
}
