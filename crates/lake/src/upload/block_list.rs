//! Block ids, and the XML that turns staged blocks into a file.

use base64::{Engine, engine::general_purpose::STANDARD};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The ids of the blocks of one upload.
///
/// They begin with what is this upload's own, so that two uploads to one path never mix blocks,
/// and a file can be told to be this upload's work. All have the same length, as the service asks.
#[derive(Clone, Copy, Debug)]
pub(super) struct BlockIds(Uuid);

impl BlockIds {
    pub(super) fn new() -> Self {
        Self(Uuid::new_v4())
    }

    /// The id of the block with this zero-based number.
    pub(super) fn id(&self, number: u32) -> String {
        let mut id = self.0.as_bytes().to_vec();
        id.extend_from_slice(&number.to_be_bytes());
        STANDARD.encode(id)
    }

    /// The body that makes a file of the first `count` blocks.
    ///
    /// Spec: <https://learn.microsoft.com/rest/api/storageservices/put-block-list#request-body>
    pub(super) fn commit_xml(&self, count: u32) -> Result<String, quick_xml::SeError> {
        // `Latest` also finds blocks that are committed already, so that a repeat is harmless.
        let list = BlockList { latest: (0..count).map(|number| self.id(number)).collect() };
        let mut xml = String::from("<?xml version=\"1.0\" encoding=\"utf-8\"?>");
        quick_xml::se::to_writer(&mut xml, &list)?;
        Ok(xml)
    }

    /// Whether `xml`, an answer to Get Block List, is of a file made of the first `count` blocks.
    pub(super) fn made(&self, count: u32, xml: &[u8]) -> bool {
        let Some(found) = committed(xml) else {
            return false;
        };
        found.len() == count as usize
            && (0..count).zip(&found).all(|(number, name)| self.id(number) == *name)
    }
}

fn committed(xml: &[u8]) -> Option<Vec<String>> {
    let text = std::str::from_utf8(xml).ok()?.trim_start_matches('\u{feff}');
    let found: Found = quick_xml::de::from_str(text).ok()?;
    Some(found.committed_blocks.block.into_iter().map(|block| block.name).collect())
}

#[derive(Serialize)]
struct BlockList {
    #[serde(rename = "Latest")]
    latest: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Found {
    #[serde(default)]
    committed_blocks: Blocks,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Blocks {
    #[serde(default)]
    block: Vec<Named>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Named {
    name: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids() -> BlockIds {
        BlockIds(Uuid::from_u128(0x0011_2233_4455_6677_8899_aabb_ccdd_eeff))
    }

    // Expected ids: printf '00112233445566778899aabbccddeeff00000000' | xxd -r -p | base64
    #[test]
    fn the_list_names_blocks_in_order() {
        assert_eq!(
            ids().commit_xml(2).unwrap(),
            "<?xml version=\"1.0\" encoding=\"utf-8\"?><BlockList>\
             <Latest>ABEiM0RVZneImaq7zN3u/wAAAAA=</Latest>\
             <Latest>ABEiM0RVZneImaq7zN3u/wAAAAE=</Latest></BlockList>"
        );
        assert!(ids().commit_xml(0).unwrap().contains("BlockList"));
    }

    #[test]
    fn ids_differ_but_in_length() {
        let (one, other) = (BlockIds::new(), BlockIds::new());
        assert_ne!(one.id(7), other.id(7));
        assert_ne!(one.id(7), one.id(8));
        assert_eq!(one.id(0).len(), other.id(49_999).len());
    }

    #[test]
    fn our_own_work_is_recognized() {
        let answer = |names: &[String]| {
            let blocks: String = names
                .iter()
                .map(|name| format!("<Block><Name>{name}</Name><Size>1</Size></Block>"))
                .collect();
            format!(
                "\u{feff}<?xml version=\"1.0\" encoding=\"utf-8\"?><BlockList><CommittedBlocks>\
                 {blocks}</CommittedBlocks></BlockList>"
            )
        };
        let ours = [ids().id(0), ids().id(1)];
        assert!(ids().made(2, answer(&ours).as_bytes()));
        assert!(!ids().made(1, answer(&ours).as_bytes()));
        assert!(!ids().made(2, answer(&[ours[1].clone(), ours[0].clone()]).as_bytes()));
        assert!(!ids().made(2, answer(&[]).as_bytes()));
        assert!(!BlockIds::new().made(2, answer(&ours).as_bytes()));
        assert!(!ids().made(2, b"<BlockList"));
        assert!(!ids().made(2, b"<BlockList/>"));
    }
}
