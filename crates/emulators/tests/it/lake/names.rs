//! Names: what may be a path, and that none leads out of the folder.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_rustls::{TlsConnector, rustls};

use super::{DFS, LakeFixture, VERSION, send};

#[tokio::test]
async fn names_with_any_character_that_may_be_are_stored_and_listed() {
    let lake = LakeFixture::start().await;
    for (encoded, name) in [
        ("a%20b", "a b"),
        ("%25%32%35", "%25"),
        ("plus+plus", "plus+plus"),
        ("%C3%A9%E6%97%A5", "é日"),
        ("q%3Fa%26b%3Dc%23d", "q?a&b=c#d"),
        ("..hidden..", "..hidden.."),
        ("%3C%22'%3E", "<\"'>"),
    ] {
        lake.file(encoded, name.as_bytes()).await;
        assert_eq!(lake.content(encoded).await, name.as_bytes());
        assert!(lake.names("recursive=true").await.contains(&name.to_owned()), "{name}");
    }
}

#[tokio::test]
async fn names_that_lead_elsewhere_are_refused_and_write_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let storage = folder.path().join("a/b/c");
    let lake = LakeFixture::with(azconnect_emulators::Config {
        storage_dir: Some(storage.clone()),
        ..Default::default()
    })
    .await;
    for path in [
        "/raw/%2E%2E/x",
        "/raw/../x",
        "/raw/d/..%2F..%2F..%2Fx",
        "/raw/..%5Cx",
        "/raw/d%00x",
        "/raw/./x",
        "/raw/d//x",
        "/%2E%2E/x",
        "/../x",
        "/raw%2F..%2F../x",
        "//x/y",
    ] {
        let target = format!("{path}?resource=file");
        let status = put_raw(&lake, &target).await;
        assert_eq!(status, 400, "{path}");
    }
    let mut files = Vec::new();
    walk(folder.path(), &mut files);
    assert_eq!(files, Vec::<std::path::PathBuf>::new());
}

#[tokio::test]
async fn filesystem_names_follow_the_rule_of_containers() {
    let lake = LakeFixture::start().await;
    for name in ["ab", "Upper", "under_score", "a--b", "-a-", "a.b"] {
        send(lake.put(format!("{DFS}/{name}?resource=filesystem")))
            .await
            .expect_error(400, "InvalidResourceName");
    }
}

/// Sends a PUT whose target no client library has tidied up; gives the status.
async fn put_raw(lake: &LakeFixture, target: &str) -> u16 {
    let mut roots = rustls::RootCertStore::empty();
    let ca = certificate(lake.emulators.ca_pem());
    roots.add(ca).unwrap();
    let provider = std::sync::Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let host = DFS.strip_prefix("https://").unwrap();
    let stream = tokio::net::TcpStream::connect(lake.emulators.endpoints().lake_dfs).await.unwrap();
    let name = host.to_owned().try_into().unwrap();
    let mut stream =
        TlsConnector::from(std::sync::Arc::new(config)).connect(name, stream).await.unwrap();
    let request = format!(
        "PUT {target} HTTP/1.1\r\nhost: {host}\r\nauthorization: Bearer {}\r\n\
         x-ms-version: {VERSION}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
        lake.token
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    let answer = String::from_utf8_lossy(&answer).into_owned();
    answer.split(' ').nth(1).unwrap().parse().unwrap()
}

fn certificate(pem: &str) -> rustls::pki_types::CertificateDer<'static> {
    use rustls::pki_types::pem::PemObject;
    rustls::pki_types::CertificateDer::from_pem_slice(pem.as_bytes()).unwrap()
}

fn walk(folder: &std::path::Path, files: &mut Vec<std::path::PathBuf>) {
    for found in std::fs::read_dir(folder).unwrap() {
        let path = found.unwrap().path();
        if path.is_dir() { walk(&path, files) } else { files.push(path) }
    }
}
