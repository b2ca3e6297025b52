//! Put Block, Put Block List, Get Block List.

use base64::{Engine, engine::general_purpose::STANDARD};
use reqwest::{Method, RequestBuilder};

use super::{BLOB, LakeFixture, send};

fn id(name: &str) -> String {
    STANDARD.encode(name)
}

fn put_block(lake: &LakeFixture, path: &str, id: &str, bytes: &[u8]) -> RequestBuilder {
    let mut url = url::Url::parse(&format!("{BLOB}/raw/{path}?comp=block")).unwrap();
    url.query_pairs_mut().append_pair("blockid", id);
    lake.request(Method::PUT, url.as_str()).body(bytes.to_vec())
}

fn put_list(lake: &LakeFixture, path: &str, list: &[(&str, &str)]) -> RequestBuilder {
    let blocks: String =
        list.iter().map(|(source, name)| format!("<{source}>{}</{source}>", id(name))).collect();
    lake.request(Method::PUT, format!("{BLOB}/raw/{path}?comp=blocklist"))
        .body(format!("<?xml version=\"1.0\" encoding=\"utf-8\"?><BlockList>{blocks}</BlockList>"))
}

async fn block_list(lake: &LakeFixture, path: &str) -> String {
    let url = format!("{BLOB}/raw/{path}?comp=blocklist&blocklisttype=all");
    send(lake.get(url)).await.expect(200).text()
}

#[tokio::test]
async fn blocks_become_a_file_in_the_order_of_their_list() {
    let lake = LakeFixture::start().await;
    for (name, bytes) in [("c", "third"), ("a", "first "), ("b", "second "), ("x", "unused")] {
        send(put_block(&lake, "d/f", &id(name), bytes.as_bytes())).await.expect(201);
    }
    assert_eq!(lake.names("recursive=true").await, [""; 0]);
    send(lake.get(format!("{BLOB}/raw/d/f"))).await.expect_error(404, "BlobNotFound");
    let waiting = block_list(&lake, "d/f").await;
    assert!(waiting.contains("<CommittedBlocks></CommittedBlocks>"), "{waiting}");
    assert!(waiting.contains("<Block><Name>Yg==</Name><Size>7</Size></Block>"), "{waiting}");

    let list = [("Latest", "a"), ("Uncommitted", "b"), ("Latest", "c")];
    let made = put_list(&lake, "d/f", &list).header("x-ms-blob-content-type", "text/plain");
    let made = send(made).await.expect(201);
    let read = send(lake.get(format!("{BLOB}/raw/d/f"))).await.expect(200);
    assert_eq!(read.text(), "first second third");
    assert_eq!(read.etag(), made.etag());
    assert_eq!(read.header("content-type"), "text/plain");
    let committed = block_list(&lake, "d/f").await;
    assert_eq!(
        committed,
        "<?xml version=\"1.0\" encoding=\"utf-8\"?><BlockList><CommittedBlocks>\
         <Block><Name>YQ==</Name><Size>6</Size></Block>\
         <Block><Name>Yg==</Name><Size>7</Size></Block>\
         <Block><Name>Yw==</Name><Size>5</Size></Block>\
         </CommittedBlocks><UncommittedBlocks></UncommittedBlocks></BlockList>"
    );
}

#[tokio::test]
async fn committed_blocks_can_be_kept_moved_and_replaced() {
    let lake = LakeFixture::start().await;
    for (name, bytes) in [("a", "AAA"), ("b", "BB"), ("c", "C")] {
        send(put_block(&lake, "f", &id(name), bytes.as_bytes())).await.expect(201);
    }
    send(put_list(&lake, "f", &[("Latest", "a"), ("Latest", "b"), ("Latest", "c")]))
        .await
        .expect(201);
    send(put_block(&lake, "f", &id("b"), b"new")).await.expect(201);
    let list = [("Committed", "c"), ("Latest", "b"), ("Committed", "b"), ("Latest", "a")];
    send(put_list(&lake, "f", &list)).await.expect(201);
    assert_eq!(lake.content("f").await, b"CnewBBAAA");
    send(put_list(&lake, "f", &[])).await.expect(201);
    assert_eq!(lake.content("f").await, b"");
}

#[tokio::test]
async fn a_list_with_an_unknown_block_changes_nothing() {
    let lake = LakeFixture::start().await;
    lake.file("f", b"old").await;
    send(put_block(&lake, "f", &id("a"), b"new")).await.expect(201);
    for list in [[("Latest", "a"), ("Latest", "b")], [("Committed", "a"), ("Latest", "a")]] {
        send(put_list(&lake, "f", &list)).await.expect_error(400, "InvalidBlockList");
    }
    assert_eq!(lake.content("f").await, b"old");
    send(put_list(&lake, "f", &[("Latest", "a")]).header("if-match", "\"0x1\""))
        .await
        .expect_error(412, "ConditionNotMet");
    send(put_list(&lake, "f", &[("Latest", "a")]).header("if-none-match", "*"))
        .await
        .expect_error(409, "BlobAlreadyExists");
    assert_eq!(lake.content("f").await, b"old");
    send(put_list(&lake, "f", &[("Latest", "a")])).await.expect(201);
    assert_eq!(lake.content("f").await, b"new");
}

#[tokio::test]
async fn block_ids_are_base64_of_one_length() {
    let lake = LakeFixture::start().await;
    let long = STANDARD.encode([7; 65]);
    for wrong in ["a", "not base64!", "", &long] {
        send(put_block(&lake, "f", wrong, b"x")).await.expect_error(400, "InvalidBlockId");
    }
    send(lake.put(format!("{BLOB}/raw/f?comp=block")))
        .await
        .expect_error(400, "MissingRequiredQueryParameter");
    send(put_block(&lake, "f", &id("aa"), b"x")).await.expect(201);
    send(put_block(&lake, "f", &id("bbbb"), b"x")).await.expect_error(400, "InvalidBlobOrBlock");
}

#[tokio::test]
async fn a_block_with_a_wrong_checksum_does_not_count() {
    let lake = LakeFixture::start().await;
    let block = || put_block(&lake, "f", &id("a"), b"123456789");
    send(block().header("x-ms-content-crc64", "AAAAAAAAAAA="))
        .await
        .expect_error(400, "Crc64Mismatch");
    send(put_list(&lake, "f", &[("Latest", "a")])).await.expect_error(400, "InvalidBlockList");
    // The check value of CRC-64/NVME, ae8b14860a799888, little-endian.
    let answer = send(block().header("x-ms-content-crc64", "iJh5CoYUi64=")).await.expect(201);
    assert_eq!(answer.header("x-ms-content-crc64"), "iJh5CoYUi64=");
}

#[tokio::test]
async fn a_full_overwrite_ends_the_blocks_that_wait() {
    let lake = LakeFixture::start().await;
    send(put_block(&lake, "f", &id("a"), b"lost")).await.expect(201);
    lake.file("f", b"whole").await;
    send(put_list(&lake, "f", &[("Latest", "a")])).await.expect_error(400, "InvalidBlockList");
    assert_eq!(lake.content("f").await, b"whole");
}

#[tokio::test]
async fn what_is_no_list_is_refused() {
    let lake = LakeFixture::start().await;
    let url = format!("{BLOB}/raw/f?comp=blocklist");
    for body in ["", "<BlockList><Latest>QQ==", "<Blocks/>", "{}"] {
        let request = lake.request(Method::PUT, &url).header("content-length", body.len());
        let answer = send(request.body(body)).await;
        answer.expect_error(400, "InvalidXmlDocument");
    }
    send(lake.get(format!("{url}&blocklisttype=some")))
        .await
        .expect_error(400, "InvalidQueryParameterValue");
    send(lake.get(url)).await.expect_error(404, "BlobNotFound");
}
