//! The data lake as a stranger sees it: raw requests to both endpoints, by their real host names,
//! against every rule and error.

mod access;
mod acl;
mod append;
mod attributes;
mod blob;
mod blocks;
mod copy;
mod filesystems;
mod flat;
mod lease;
mod names;
mod paths;
mod read;
mod soft_delete;

use azconnect_emulators::{Config, Emulators};
use reqwest::{Certificate, Client, Method, RequestBuilder, StatusCode, header::HeaderMap};
use secrecy::ExposeSecret;
use serde_json::Value;
use time::Duration;

const DFS: &str = "https://lakedemo.dfs.core.windows.net";
const BLOB: &str = "https://lakedemo.blob.core.windows.net";
const VERSION: &str = "2023-11-03";

/// Emulators, and a client that sends the two host names of the account to them.
struct LakeFixture {
    emulators: Emulators,
    http: Client,
    token: String,
}

/// What was answered, whole.
struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl LakeFixture {
    async fn start() -> Self {
        Self::with(Config::default()).await
    }

    async fn with(config: Config) -> Self {
        let emulators = Emulators::start(config).await.unwrap();
        let ca = Certificate::from_pem(emulators.ca_pem().as_bytes()).unwrap();
        let http = Client::builder()
            .tls_backend_rustls()
            .no_proxy()
            .tls_certs_only([ca])
            .resolve(DFS.strip_prefix("https://").unwrap(), emulators.endpoints().lake_dfs)
            .resolve(BLOB.strip_prefix("https://").unwrap(), emulators.endpoints().lake_blob)
            .build()
            .unwrap();
        let token = token(&emulators, "uami-demo");
        Self { emulators, http, token }
    }

    /// A request with a token and a version, as every right one has.
    fn request(&self, method: Method, url: impl AsRef<str>) -> RequestBuilder {
        self.http
            .request(method, url.as_ref())
            .bearer_auth(&self.token)
            .header("x-ms-version", VERSION)
    }

    fn get(&self, url: impl AsRef<str>) -> RequestBuilder {
        self.request(Method::GET, url)
    }

    fn head(&self, url: impl AsRef<str>) -> RequestBuilder {
        self.request(Method::HEAD, url)
    }

    fn delete(&self, url: impl AsRef<str>) -> RequestBuilder {
        self.request(Method::DELETE, url)
    }

    /// A PUT without a body, which says so as the service wants it.
    fn put(&self, url: impl AsRef<str>) -> RequestBuilder {
        self.request(Method::PUT, url).header("content-length", "0")
    }

    fn patch(&self, url: impl AsRef<str>) -> RequestBuilder {
        self.request(Method::PATCH, url).header("content-length", "0")
    }

    fn append(&self, path: &str, position: u64, bytes: &[u8]) -> RequestBuilder {
        let url = format!("{DFS}/raw/{path}?action=append&position={position}");
        self.request(Method::PATCH, url).body(bytes.to_vec())
    }

    fn flush(&self, path: &str, position: u64) -> RequestBuilder {
        self.patch(format!("{DFS}/raw/{path}?action=flush&position={position}"))
    }

    fn put_blob(&self, path: &str, bytes: &[u8]) -> RequestBuilder {
        self.request(Method::PUT, format!("{BLOB}/raw/{path}"))
            .header("x-ms-blob-type", "BlockBlob")
            // The HTTP client would leave out a zero, which the service wants to see.
            .header("content-length", bytes.len())
            .body(bytes.to_vec())
    }

    /// Makes a file of the filesystem `raw`.
    async fn file(&self, path: &str, bytes: &[u8]) -> Answer {
        send(self.put_blob(path, bytes)).await.expect(201)
    }

    async fn directory(&self, path: &str) -> Answer {
        send(self.put(format!("{DFS}/raw/{path}?resource=directory"))).await.expect(201)
    }

    /// What a path of the filesystem `raw` holds.
    async fn content(&self, path: &str) -> Vec<u8> {
        send(self.get(format!("{DFS}/raw/{path}"))).await.expect(200).body
    }

    /// The names that a listing of the filesystem `raw` gives.
    async fn names(&self, query: &str) -> Vec<String> {
        let url = format!("{DFS}/raw?resource=filesystem&{query}");
        let listed = send(self.get(url)).await.expect(200).json();
        let paths = listed["paths"].as_array().unwrap();
        paths.iter().map(|path| path["name"].as_str().unwrap().to_owned()).collect()
    }
}

impl Answer {
    #[track_caller]
    fn expect(self, status: u16) -> Self {
        assert_eq!(self.status.as_u16(), status, "{}", String::from_utf8_lossy(&self.body));
        self
    }

    /// Checks a refusal: status, code in the header, and the body in the format of its endpoint
    /// with the same code and the request's id.
    #[track_caller]
    fn expect_error(self, status: u16, code: &str) -> Self {
        let answer = self.expect(status);
        assert_eq!(answer.header("x-ms-error-code"), code);
        let text = answer.text();
        if text.starts_with('{') {
            let json = answer.json();
            assert_eq!(answer.header("content-type"), "application/json;charset=utf-8");
            assert_eq!(json["error"]["code"], code);
            let message = json["error"]["message"].as_str().unwrap().to_owned();
            assert!(message.contains(answer.header("x-ms-request-id")), "{message}");
        } else if !text.is_empty() {
            assert_eq!(answer.header("content-type"), "application/xml");
            assert!(text.contains(&format!("<Error><Code>{code}</Code><Message>")), "{text}");
            assert!(text.contains(answer.header("x-ms-request-id")), "{text}");
        }
        answer
    }

    #[track_caller]
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).unwrap_or_else(|| panic!("no {name}")).to_str().unwrap()
    }

    fn has(&self, name: &str) -> bool {
        self.headers.contains_key(name)
    }

    fn etag(&self) -> &str {
        self.header("etag")
    }

    #[track_caller]
    fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

async fn send(request: RequestBuilder) -> Answer {
    let response = request.send().await.unwrap();
    Answer {
        status: response.status(),
        headers: response.headers().clone(),
        body: response.bytes().await.unwrap().to_vec(),
    }
}

fn token(emulators: &Emulators, principal: &str) -> String {
    token_for(emulators, principal, "https://storage.azure.com", Duration::HOUR)
}

fn token_for(emulators: &Emulators, principal: &str, audience: &str, lifetime: Duration) -> String {
    emulators.issue_token(principal, audience, lifetime).unwrap().expose_secret().to_owned()
}
