//! A server on loopback that answers whatever a test tells it to, true or not.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use azconnect_lake::{LakeClient, LakeClientBuilder, Namespace};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

use crate::harness::{Credential, builder};

/// A request as it came.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) line: String,
    headers: String,
    pub(crate) body: Vec<u8>,
}

impl Seen {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.lines().find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then_some(value.trim())
        })
    }
}

/// The server; it ends with the test's runtime.
pub(crate) struct Scripted {
    address: SocketAddr,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Scripted {
    /// `answer` gets each request and its number, and gives the whole answer as it goes over the
    /// wire. The connection is closed behind it.
    pub(crate) async fn start(
        answer: impl Fn(usize, &Seen) -> Vec<u8> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (record, answer) = (Arc::clone(&seen), Arc::new(answer));
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let (record, answer) = (Arc::clone(&record), Arc::clone(&answer));
                tokio::spawn(async move {
                    let Some(request) = read_request(&mut stream).await else { return };
                    let number = {
                        let mut record = record.lock().unwrap();
                        record.push(request.clone());
                        record.len() - 1
                    };
                    let answer = answer(number, &request);
                    // The client may have hung up already.
                    let _ = stream.write_all(&answer).await;
                    let _ = stream.shutdown().await;
                });
            }
        });
        Self { address, seen }
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    pub(crate) fn url(&self) -> url::Url {
        let mut url = url::Url::parse("http://127.0.0.1").unwrap();
        url.set_port(Some(self.address.port())).unwrap();
        url
    }

    pub(crate) fn builder(&self, credential: Arc<Credential>) -> LakeClientBuilder {
        let url = self.url();
        // Known, so that no test counts a request that asks for it.
        builder(credential)
            .with_namespace(Namespace::Hierarchical)
            .with_dfs_endpoint(url.clone())
            .with_blob_endpoint(url)
    }

    pub(crate) fn client(&self) -> LakeClient {
        self.builder(Credential::of(["token".to_owned()])).build().unwrap()
    }
}

/// An answer with a head that says `headers` and a body that may have another length.
pub(crate) fn answer(status: &str, headers: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
    let mut head = ["HTTP/1.1 ", status, "\r\nConnection: close\r\n"].concat();
    for (name, value) in headers {
        head.push_str(&[name, ": ", value, "\r\n"].concat());
    }
    head.push_str("\r\n");
    [head.as_bytes(), body].concat()
}

async fn read_request(stream: &mut tokio::net::TcpStream) -> Option<Seen> {
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break end;
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    };
    let head = String::from_utf8(bytes[..end].to_vec()).ok()?;
    let (line, headers) = head.split_once("\r\n").unwrap_or((&head, ""));
    let mut seen = Seen {
        line: line.to_owned(),
        headers: headers.to_owned(),
        body: bytes[end + 4..].to_vec(),
    };
    let length: usize = seen.header("content-length").unwrap_or("0").parse().ok()?;
    while seen.body.len() < length {
        if stream.read_buf(&mut seen.body).await.ok()? == 0 {
            return None;
        }
    }
    Some(seen)
}
