//! Sends requests to the two endpoints of an account: token, headers, repeats, typed refusals.
//!
//! The rest of the crate knows what to ask; this module alone knows how it is asked.

mod answer;
mod fallback;
mod read_check;
mod request;
mod retry;
mod tokens;

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering},
    },
    time::Duration,
};

use azure_core::credentials::TokenCredential;
use reqwest::{
    Response, StatusCode,
    header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue},
};
use url::Url;

pub use self::retry::RetryOptions;
pub(crate) use self::{
    answer::{Headers, collect, next_chunk},
    read_check::ReadCheck,
    request::{Body, Request, X_MS_CLIENT_TRANSACTION_ID},
    retry::Sleeper,
};
use self::{retry::Attempts, tokens::Tokens};
use crate::{
    error::{Error, ErrorKind, Result, ServiceFailure, is_retryable},
    namespace::{Learned, Namespace},
    path::{AccountName, LakePath, encode_path, query_string},
};

/// Everything that requests to one account share.
pub(crate) struct Wire {
    http: reqwest::Client,
    tokens: Tokens,
    account: AccountName,
    dfs: Url,
    blob: Url,
    retry: RetryOptions,
    sleeper: Sleeper,
    learned: Learned,
    read_check: AtomicU8,
}

/// One of the two services that see the same files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Endpoint {
    /// Bytes.
    Blob,
    /// Names.
    Dfs,
}

/// What [`Wire::new`] is made of.
pub(crate) struct WireParts {
    pub(crate) http: reqwest::Client,
    pub(crate) credential: Arc<dyn TokenCredential>,
    pub(crate) scope: String,
    pub(crate) account: AccountName,
    pub(crate) dfs: Url,
    pub(crate) blob: Url,
    pub(crate) retry: RetryOptions,
    pub(crate) namespace: Option<Namespace>,
    pub(crate) sleeper: Sleeper,
}

impl Wire {
    pub(crate) fn new(parts: WireParts) -> Self {
        let WireParts { http, credential, scope, account, dfs, blob, retry, namespace, sleeper } =
            parts;
        let tokens = Tokens::new(credential, scope);
        let learned = Learned::new(namespace);
        let read_check = AtomicU8::new(0);
        Self { http, tokens, account, dfs, blob, retry, sleeper, learned, read_check }
    }

    pub(crate) fn account(&self) -> &AccountName {
        &self.account
    }

    /// What was found out about the account so far.
    pub(crate) fn learned(&self) -> &Learned {
        &self.learned
    }

    /// The URL of `path` at `endpoint`, with a query of `pairs`.
    pub(crate) fn url(&self, endpoint: Endpoint, path: &LakePath, pairs: &[(&str, &str)]) -> Url {
        let base = match endpoint {
            Endpoint::Blob => &self.blob,
            Endpoint::Dfs => &self.dfs,
        };
        let mut full = base.path().trim_end_matches('/').to_owned();
        full.push('/');
        full.push_str(path.filesystem().as_str());
        if !path.is_root() {
            full.push('/');
            full.push_str(&encode_path(path.path()));
        }
        let mut url = base.clone();
        url.set_path(&full);
        if !pairs.is_empty() {
            url.set_query(Some(&query_string(pairs)));
        }
        url
    }

    /// The URL of the account itself at `endpoint`, with a query of `pairs`.
    pub(crate) fn account_url(&self, endpoint: Endpoint, pairs: &[(&str, &str)]) -> Url {
        let mut url = match endpoint {
            Endpoint::Blob => self.blob.clone(),
            Endpoint::Dfs => self.dfs.clone(),
        };
        let path = [url.path().trim_end_matches('/'), "/"].concat();
        url.set_path(&path);
        url.set_query(Some(&query_string(pairs)));
        url
    }

    /// Waits as this client waits between attempts.
    pub(crate) async fn sleep(&self, span: Duration) {
        (self.sleeper)(span).await;
    }

    /// How the service vouches for what it sends, as far as this client has found out.
    pub(crate) fn read_check(&self) -> ReadCheck {
        ReadCheck::of(self.read_check.load(Ordering::Relaxed))
    }

    /// The service does not do `check`: the next best one is asked for from now on.
    pub(crate) fn read_check_failed(&self, check: ReadCheck) {
        self.read_check.fetch_max(check.next_best(), Ordering::Relaxed);
    }

    /// Counts the attempts of one operation.
    pub(crate) fn attempts(&self) -> Attempts<'_> {
        Attempts::new(&self.retry, &self.sleeper)
    }

    /// Sends `request` until it succeeds or should not be sent again, and returns the answer when
    /// its head is there, with the number of attempts made.
    pub(crate) async fn send(&self, request: &Request) -> Result<(Response, u32)> {
        let mut attempts = self.attempts();
        loop {
            match self.send_once(request).await {
                Ok(response) => return Ok((response, attempts.made() + 1)),
                Err(error) => attempts.pause_or_give_up(error).await?,
            }
        }
    }

    /// Sends `request` as [`Wire::send`] does, also if the answer breaks off, and returns the
    /// answer's headers and its whole body, of at most `longest` bytes.
    pub(crate) async fn fetch(
        &self,
        request: &Request,
        longest: usize,
    ) -> Result<(HeaderMap, Vec<u8>)> {
        let mut attempts = self.attempts();
        loop {
            let answer = async {
                let response = self.send_once(request).await?;
                let headers = response.headers().clone();
                Ok((headers, collect(response, request, longest).await?))
            };
            match answer.await {
                Ok(answer) => return Ok(answer),
                Err(error) => attempts.pause_or_give_up(error).await?,
            }
        }
    }

    /// One attempt, which includes a second one at the other endpoint if the blob endpoint is out
    /// of reach and the dfs endpoint knows the same request.
    pub(crate) async fn send_once(&self, request: &Request) -> Result<Response> {
        self.send_to_whom_it_reaches(request).await
    }

    /// One attempt at one endpoint, which includes a second one with a fresh token if the first was
    /// refused.
    async fn send_to_endpoint(&self, request: &Request) -> Result<Response> {
        let bearer = self.bearer(request, None).await?;
        let response = self.exchange(request, bearer.clone()).await?;
        if response.status() != StatusCode::UNAUTHORIZED {
            return self.accept(request, response).await;
        }
        // A token may be revoked, or signed by a key that was just replaced.
        let refused = self.accept(request, response).await;
        match self.bearer(request, Some(&bearer)).await {
            Ok(fresh) if fresh != bearer => {
                let response = self.exchange(request, fresh).await?;
                self.accept(request, response).await
            }
            _ => refused,
        }
    }

    /// What lets the service of another account, or this one, read files here on our behalf.
    pub(crate) async fn copy_authorization(&self, request: &Request) -> Result<HeaderValue> {
        self.bearer(request, None).await
    }

    async fn bearer(
        &self,
        request: &Request,
        refused: Option<&HeaderValue>,
    ) -> Result<HeaderValue> {
        self.tokens.bearer(refused).await.map_err(|source| {
            Error::new(ErrorKind::Unauthenticated, request.operation, &request.resource)
                .with_detail(format!("there is no token for `{}`", self.tokens.scope()))
                .with_source(source)
        })
    }

    async fn exchange(&self, request: &Request, bearer: HeaderValue) -> Result<Response> {
        if !self.may_receive_token(&request.url) {
            return Err(request
                .error(ErrorKind::InvalidInput)
                .with_detail("this host is not one of the account's endpoints"));
        }
        let mut headers = request.headers.clone();
        headers.insert(AUTHORIZATION, bearer);
        headers.insert(X_MS_VERSION, HeaderValue::from_static(SERVICE_VERSION));
        let now = httpdate::fmt_http_date(std::time::SystemTime::now());
        if headers.contains_key("x-ms-structured-body") {
            headers.insert(X_MS_VERSION, HeaderValue::from_static(STRUCTURED_BODY_VERSION));
        }
        insert(&mut headers, X_MS_DATE, &now);
        insert(&mut headers, X_MS_CLIENT_REQUEST_ID, &request.client_request_id);

        let mut builder =
            self.http.request(request.method.clone(), request.url.clone()).headers(headers);
        if let Some(body) = request.body.for_attempt() {
            builder = builder.body(body);
        }
        let patience = HEAD_TIMEOUT + request.body.time_at_the_slowest();
        let sent = tokio::time::timeout(patience, builder.send()).await;
        let response = match sent {
            Ok(Ok(response)) => response,
            Ok(Err(source)) => return Err(self.unreached(request, source)),
            Err(_) => {
                return Err(request
                    .error(ErrorKind::Timeout)
                    .with_detail(format!("no answer within {} s", patience.as_secs()))
                    .with_transient(None));
            }
        };
        tracing::debug!(
            operation = request.operation,
            resource = request.resource,
            status = response.status().as_u16(),
            request_id = response.headers().text("x-ms-request-id"),
            "data lake answered"
        );
        Ok(response)
    }

    async fn accept(&self, request: &Request, response: Response) -> Result<Response> {
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let retry_after = retry::retry_after(response.headers(), std::time::SystemTime::now());
        let code = response.headers().text("x-ms-error-code").map(str::to_owned);
        let request_id = response.headers().text("x-ms-request-id").map(str::to_owned);
        let existing = response.headers().text("x-ms-existing-resource-type").map(str::to_owned);
        // A refusal whose explanation cannot be read is still that refusal.
        let body = collect(response, request, LONGEST_REFUSAL).await.unwrap_or_default();
        let failure = ServiceFailure::new(status.as_u16(), code, request_id, &body);
        let retryable = is_retryable(status.as_u16(), failure.code.as_deref());
        let error = failure.into_error(
            request.operation,
            &request.resource,
            self.account.as_str(),
            self.tokens.scope(),
        );
        let error = match existing {
            Some(kind) => error.with_existing(kind),
            None => error,
        };
        Err(if retryable { error.with_transient(retry_after) } else { error })
    }

    fn unreached(&self, request: &Request, source: reqwest::Error) -> Error {
        let kind = if source.is_timeout() { ErrorKind::Timeout } else { ErrorKind::Connect };
        let mut error = request.error(kind);
        if source.is_connect() {
            let host = request.url.host_str().unwrap_or_default();
            error = error.with_unreached();
            error = error.with_detail(format!("`{host}` was not reached")).with_hint(format!(
                "check the account name `{}`, this machine's network, and whether the account \
                 only answers through a private endpoint",
                self.account
            ));
        }
        // The URL is in our own words already.
        error.with_source(source.without_url()).with_transient(None)
    }

    /// The client never builds a URL for another host; this holds even if it once did.
    fn may_receive_token(&self, url: &Url) -> bool {
        [&self.dfs, &self.blob].iter().any(|endpoint| endpoint.origin() == url.origin())
    }
}

impl fmt::Debug for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wire")
            .field("account", &self.account)
            .field("dfs", &self.dfs.as_str())
            .field("blob", &self.blob.as_str())
            .field("retry", &self.retry)
            .finish_non_exhaustive()
    }
}

fn insert(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}

/// Has paginated recursive deletes (2023-08-03), and runs in every cloud.
///
/// Spec: <https://learn.microsoft.com/rest/api/storageservices/previous-azure-storage-service-versions>
const SERVICE_VERSION: &str = "2023-11-03";

/// One that the vendor's SDKs send structured bodies with. The page on the format names no first version; a service
/// that refuses this one is asked for checksums of ranges instead.
///
/// Spec: <https://learn.microsoft.com/rest/api/storageservices/structured-body-format>
const STRUCTURED_BODY_VERSION: &str = "2025-01-05";

const X_MS_VERSION: HeaderName = HeaderName::from_static("x-ms-version");
const X_MS_DATE: HeaderName = HeaderName::from_static("x-ms-date");
const X_MS_CLIENT_REQUEST_ID: HeaderName = HeaderName::from_static("x-ms-client-request-id");

/// How long an answer's head may take once the request's body is sent.
const HEAD_TIMEOUT: Duration = Duration::from_secs(90);

/// An explanation of a refusal is a few hundred bytes; more than this is not read.
const LONGEST_REFUSAL: usize = 64 * 1024;
