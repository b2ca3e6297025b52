//! An HTTP/1.1 server that gives the answers it was told to, one per connection, and keeps what it was asked.

use std::{
    collections::{BTreeMap, VecDeque},
    fmt::Write as _,
    sync::{Arc, Mutex},
};

use azconnect_auth::url::{Url, form_urlencoded};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

/// One answer.
#[derive(Clone, Debug)]
pub(crate) enum Reply {
    /// Status, headers, body.
    Http(u16, Vec<(&'static str, String)>, String),
    /// The connection is closed in the middle of a body that was announced.
    Cut,
    /// Nothing, for as long as the client waits.
    Silence,
}

/// One request.
#[derive(Clone, Debug)]
pub(crate) struct Received {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) query: Vec<(String, String)>,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) form: BTreeMap<String, String>,
}

pub(crate) struct Responder {
    url: Url,
    received: Arc<Mutex<Vec<Received>>>,
    task: tokio::task::JoinHandle<()>,
}

impl Responder {
    /// Listens on a free port of loopback. Requests beyond the last answer get status 418.
    pub(crate) async fn start(replies: impl IntoIterator<Item = Reply>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = Url::parse(&format!("http://{}/", listener.local_addr().unwrap())).unwrap();
        let received = Arc::new(Mutex::new(Vec::new()));
        let replies = Arc::new(Mutex::new(replies.into_iter().collect::<VecDeque<_>>()));
        let log = Arc::clone(&received);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (log, replies) = (Arc::clone(&log), Arc::clone(&replies));
                tokio::spawn(async move { serve(stream, &log, &replies).await });
            }
        });
        Self { url, received, task }
    }

    pub(crate) fn url(&self) -> Url {
        self.url.clone()
    }

    pub(crate) fn received(&self) -> Vec<Received> {
        self.received.lock().unwrap().clone()
    }
}

impl Drop for Responder {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Reply {
    pub(crate) fn json(status: u16, body: impl ToString) -> Self {
        Self::Http(status, vec![("content-type", "application/json".to_owned())], body.to_string())
    }

    pub(crate) fn status(status: u16) -> Self {
        Self::Http(status, Vec::new(), String::new())
    }

    pub(crate) fn with_header(mut self, name: &'static str, value: &str) -> Self {
        if let Self::Http(_, headers, _) = &mut self {
            headers.push((name, value.to_owned()));
        }
        self
    }
}

async fn serve(
    mut stream: TcpStream,
    log: &Mutex<Vec<Received>>,
    replies: &Mutex<VecDeque<Reply>>,
) {
    let Some(received) = read(&mut stream).await else { return };
    log.lock().unwrap().push(received);
    let reply = replies.lock().unwrap().pop_front();
    let text = match reply.unwrap_or_else(|| Reply::status(418)) {
        Reply::Http(status, headers, body) => {
            let mut text = format!("HTTP/1.1 {status} -\r\nconnection: close\r\n");
            for (name, value) in headers {
                write!(text, "{name}: {value}\r\n").unwrap();
            }
            write!(text, "content-length: {}\r\n\r\n{body}", body.len()).unwrap();
            text
        }
        Reply::Cut => "HTTP/1.1 200 -\r\ncontent-length: 1000\r\n\r\n{\"access_token\":".to_owned(),
        Reply::Silence => return std::future::pending().await,
    };
    // The client may be gone, which is what some tests are about.
    let _ = stream.write_all(text.as_bytes()).await;
    let _ = stream.shutdown().await;
}

async fn read(stream: &mut TcpStream) -> Option<Received> {
    let mut bytes = Vec::new();
    let head_length = loop {
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
        if let Some(position) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break position + 4;
        }
    };
    let head = String::from_utf8(bytes[..head_length].to_vec()).unwrap();
    let mut lines = head.lines();
    let mut request_line = lines.next().unwrap().split(' ');
    let method = request_line.next().unwrap().to_owned();
    let target = Url::parse("http://any/").unwrap().join(request_line.next().unwrap()).unwrap();
    let headers = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
        .collect::<BTreeMap<_, _>>();
    let length = headers.get("content-length").map_or(0, |text| text.parse().unwrap());
    while bytes.len() < head_length + length {
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
    Some(Received {
        method,
        path: target.path().to_owned(),
        query: target.query_pairs().into_owned().collect(),
        headers,
        form: form_urlencoded::parse(&bytes[head_length..]).into_owned().collect(),
    })
}
