//! Files that expire, and the tags of files.

use std::time::Duration;

use super::{Answer, BLOB, DFS, LakeFixture, send};

impl LakeFixture {
    async fn expire(&self, path: &str, option: &str, time: &str) -> Answer {
        let request = self.put(format!("{BLOB}/raw/{path}?comp=expiry"));
        let request = request.header("x-ms-expiry-option", option);
        send(if time.is_empty() { request } else { request.header("x-ms-expiry-time", time) }).await
    }

    async fn is_there(&self, path: &str) -> bool {
        send(self.head(format!("{DFS}/raw/{path}"))).await.status == 200
    }
}

#[tokio::test]
async fn expired_files_vanish_and_others_stay() {
    let lake = LakeFixture::start().await;
    for name in ["d/now", "d/created", "d/absolute", "d/never", "d/moved", "d/rewritten"] {
        lake.file(name, b"content").await;
    }
    let before = send(lake.head(format!("{DFS}/raw/d/now"))).await.expect(200);
    let set = lake.expire("d/now", "RelativeToNow", "60000").await.expect(200);
    assert_ne!(set.etag(), before.etag());
    lake.expire("d/created", "RelativeToCreation", "60000").await.expect(200);
    lake.expire("d/absolute", "Absolute", "Fri, 01 Jan 2100 00:00:00 GMT").await.expect(200);
    lake.expire("d/never", "RelativeToNow", "60000").await.expect(200);
    lake.expire("d/never", "NeverExpire", "").await.expect(200);
    lake.expire("d/moved", "RelativeToNow", "60000").await.expect(200);
    lake.expire("d/rewritten", "RelativeToNow", "60000").await.expect(200);
    let head = send(lake.head(format!("{DFS}/raw/d/absolute"))).await.expect(200);
    assert_eq!(head.header("x-ms-expiry-time"), "Fri, 01 Jan 2100 00:00:00 GMT");
    assert!(!send(lake.head(format!("{DFS}/raw/d/never"))).await.has("x-ms-expiry-time"));
    let rename = lake.put(format!("{DFS}/raw/d/new-name"));
    send(rename.header("x-ms-rename-source", "/raw/d/moved")).await.expect(201);
    lake.file("d/rewritten", b"anew").await;

    lake.emulators.advance_lake_clock(Duration::from_secs(59));
    assert!(lake.is_there("d/now").await);
    lake.emulators.advance_lake_clock(Duration::from_secs(2));
    assert_eq!(lake.names("recursive=true").await, ["d", "d/absolute", "d/never", "d/rewritten"]);
    send(lake.get(format!("{DFS}/raw/d/now"))).await.expect_error(404, "PathNotFound");
    send(lake.put(format!("{DFS}/raw/d/now?resource=file"))).await.expect(201);
    assert!(lake.is_there("d/now").await, "its name is free");
}

#[tokio::test]
async fn a_file_is_made_with_its_end() {
    let lake = LakeFixture::start().await;
    let create = lake.put(format!("{DFS}/raw/file?resource=file"));
    let create = create.header("x-ms-expiry-option", "RelativeToNow");
    send(create.header("x-ms-expiry-time", "1000")).await.expect(201);
    assert!(lake.is_there("file").await);
    lake.emulators.advance_lake_clock(Duration::from_secs(2));
    assert!(!lake.is_there("file").await);
}

#[tokio::test]
async fn an_end_that_cannot_be_is_refused() {
    let lake = LakeFixture::start().await;
    lake.file("file", b"content").await;
    lake.directory("dir").await;
    for (option, time) in [
        ("RelativeToNow", "-1"),
        ("RelativeToNow", "soon"),
        ("RelativeToNow", "0"),
        ("Absolute", "1000"),
        ("Absolute", "Sun, 06 Nov 1994 08:49:37 GMT"),
        ("Sometimes", "1000"),
    ] {
        lake.expire("file", option, time).await.expect_error(400, "InvalidHeaderValue");
    }
    lake.expire("file", "RelativeToNow", "").await.expect_error(400, "MissingRequiredHeader");
    send(lake.put(format!("{BLOB}/raw/file?comp=expiry")))
        .await
        .expect_error(400, "MissingRequiredHeader");
    lake.expire("dir", "RelativeToNow", "1000").await.expect_error(409, "ResourceTypeMismatch");
    lake.expire("absent", "NeverExpire", "").await.expect_error(404, "BlobNotFound");
    let put = lake.put_blob("file", b"").header("x-ms-expiry-option", "NeverExpire");
    send(put).await.expect_error(501, "NotImplemented");
    assert_eq!(lake.content("file").await, b"content");
}

#[tokio::test]
async fn tags_are_set_read_and_replaced_apart_from_the_entity_tag() {
    let lake = LakeFixture::start().await;
    let url = format!("{BLOB}/raw/file?comp=tags");
    let put = lake.put_blob("file", b"content").header("x-ms-tags", "team=red%20one&a=");
    let etag = send(put).await.expect(201).etag().to_owned();
    let read = send(lake.get(&url)).await.expect(200).text();
    assert!(
        read.ends_with(
            "<Tags><TagSet><Tag><Key>a</Key><Value></Value></Tag>\
             <Tag><Key>team</Key><Value>red one</Value></Tag></TagSet></Tags>"
        ),
        "{read}"
    );
    let document = "<Tags><TagSet><Tag><Key>k</Key><Value>v</Value></Tag></TagSet></Tags>";
    let set = |document: &str| lake.request(reqwest::Method::PUT, &url).body(document.to_owned());
    send(set(document)).await.expect(204);
    let head = send(lake.head(format!("{BLOB}/raw/file"))).await.expect(200);
    assert_eq!((head.header("x-ms-tag-count"), head.etag()), ("1", etag.as_str()));
    for (wrong, code) in [
        ("", "InvalidXmlDocument"),
        ("<Tags>", "InvalidXmlDocument"),
        ("<Tags><TagSet><Tag><Key></Key><Value>v</Value></Tag></TagSet></Tags>", "EmptyTagName"),
        ("<Tags><TagSet><Tag><Key>!</Key><Value>v</Value></Tag></TagSet></Tags>", "InvalidTag"),
    ] {
        let request = set(wrong).header("content-length", wrong.len());
        send(request).await.expect_error(400, code);
    }
    let read = send(lake.get(&url)).await.expect(200).text();
    assert!(read.contains("<Key>k</Key>"), "what was there is still there: {read}");
    lake.file("file", b"anew").await;
    let read = send(lake.get(&url)).await.expect(200).text();
    assert!(read.ends_with("<Tags><TagSet></TagSet></Tags>"), "{read}");
    lake.directory("dir").await;
    send(lake.get(format!("{BLOB}/raw/dir?comp=tags")))
        .await
        .expect_error(409, "ResourceTypeMismatch");
    let conditional = lake.get(format!("{BLOB}/raw/file")).header("x-ms-if-tags", "\"k\"='v'");
    send(conditional).await.expect_error(501, "NotImplemented");
}
