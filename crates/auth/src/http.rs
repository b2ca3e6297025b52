//! One request and its bounded answer, over azure_core's transport.

use std::time::Duration;

use azure_core::{
    error::ErrorKind as CoreKind,
    http::{
        Context, Request, Transport,
        headers::{HeaderName, Headers},
    },
    time::OffsetDateTime,
};
use futures::StreamExt;
use zeroize::Zeroizing;

use crate::{
    error::{Error, ErrorKind, Failure, Result},
    retry::Attempt,
};

/// Whether the built-in client uses the proxy of the environment (`HTTPS_PROXY`, `NO_PROXY`, …).
#[derive(Clone, Copy, Debug)]
pub(crate) enum Proxy {
    /// The endpoint is of this machine: a proxy would present another machine's identity, if any.
    Never,
    /// As the environment says.
    System,
}

/// An answer that was read to its end.
pub(crate) struct Answer {
    pub(crate) status: u16,
    headers: Headers,
    /// Wiped on drop: it usually holds a token.
    pub(crate) body: Zeroizing<Vec<u8>>,
}

impl Answer {
    /// The pause that the service asks for, by any of the headers in use.
    pub(crate) fn retry_after(&self, now: OffsetDateTime) -> Option<Duration> {
        for name in [RETRY_AFTER_MS, X_MS_RETRY_AFTER_MS] {
            if let Some(Ok(milliseconds)) = self.header(&name).map(str::parse) {
                return Some(Duration::from_millis(milliseconds));
            }
        }
        let value = self.header(&RETRY_AFTER)?;
        if let Ok(seconds) = value.parse() {
            return Some(Duration::from_secs(seconds));
        }
        let date = azure_core::time::parse_rfc7231(value).ok()?;
        Some(Duration::try_from(date - now).unwrap_or_default())
    }

    pub(crate) fn header(&self, name: &HeaderName) -> Option<&str> {
        self.headers.get_optional_str(name).map(str::trim)
    }
}

/// Builds the client that is used when the caller brings none.
pub(crate) fn default_transport(connect_timeout: Duration, proxy: Proxy) -> Result<Transport> {
    finish(client(connect_timeout, proxy))
}

/// Builds the client for an endpoint of this machine that is asked without TLS.
///
/// It trusts nobody, since it meets no certificate: to read those of the system, as every other client does when it is
/// made, takes longer than to get the token.
pub(crate) fn plain_transport(connect_timeout: Duration) -> Result<Transport> {
    let builder = client(connect_timeout, Proxy::Never);
    #[cfg(any(feature = "rustls", feature = "native-tls"))]
    let builder = builder.tls_certs_only(std::iter::empty());
    finish(builder)
}

/// A client that follows no redirect: a token request is answered where it was sent, or not at all.
pub(crate) fn client(connect_timeout: Duration, proxy: Proxy) -> reqwest::ClientBuilder {
    let mut builder = reqwest::Client::builder()
        .connect_timeout(connect_timeout)
        .redirect(reqwest::redirect::Policy::none());
    if matches!(proxy, Proxy::Never) {
        builder = builder.no_proxy();
    }
    // Said aloud, since another crate may have switched on the other library as well.
    #[cfg(feature = "rustls")]
    {
        builder = builder.tls_backend_rustls();
    }
    #[cfg(all(feature = "native-tls", not(feature = "rustls")))]
    {
        builder = builder.tls_backend_native();
    }
    builder
}

pub(crate) fn finish(builder: reqwest::ClientBuilder) -> Result<Transport> {
    let client = builder.build().map_err(|error| {
        Error::from(
            Failure::new(ErrorKind::Unsupported, "cannot set up an HTTP client").source(error),
        )
    })?;
    Ok(Transport::new(std::sync::Arc::new(client)))
}

/// Sends `request` and reads the answer within `time`.
pub(crate) async fn send(
    transport: &Transport,
    context: &Context<'_>,
    mut request: Request,
    time: Duration,
) -> Result<Answer, Attempt> {
    request.insert_header(USER_AGENT, concat!("azconnect-auth/", env!("CARGO_PKG_VERSION")));
    let target = origin(&request);
    let exchange = async {
        let response = transport
            .send(context, &mut request)
            .await
            .map_err(|error| transport_failure(error, &target))?;
        let (status, headers, mut stream) = response.deconstruct();
        let mut body = Zeroizing::new(Vec::with_capacity(TYPICAL_BODY_BYTES));
        while let Some(chunk) = stream.next().await {
            let chunk = chunk.map_err(|error| transport_failure(error, &target))?;
            if body.len() + chunk.len() > MAX_BODY_BYTES {
                return Err(Attempt::Final(Failure::new(
                    ErrorKind::InvalidResponse,
                    format!(
                        "{target} sent more than {MAX_BODY_BYTES} bytes in answer to a token request"
                    ),
                )));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Answer { status: status.into(), headers, body })
    };
    match tokio::time::timeout(time, exchange).await {
        Ok(outcome) => outcome,
        Err(_) => Err(Attempt::Unanswered(Failure::new(
            ErrorKind::Timeout,
            format!("{target} did not answer within {} ms", time.as_millis()),
        ))),
    }
}

fn transport_failure(error: azure_core::Error, target: &str) -> Attempt {
    let (message, attempt): (_, fn(Failure) -> Attempt) = match error.kind() {
        CoreKind::Connection => (format!("cannot connect to {target}"), Attempt::Unanswered),
        CoreKind::Io => (format!("the connection to {target} broke"), Attempt::Unanswered),
        _ => (format!("cannot send a request to {target}"), Attempt::Final),
    };
    attempt(Failure::new(ErrorKind::Connect, message).source(error))
}

/// Scheme, host and port: what a person needs, without the query.
fn origin(request: &Request) -> String {
    request.url().origin().ascii_serialization()
}

const RETRY_AFTER: HeaderName = HeaderName::from_static("retry-after");
const RETRY_AFTER_MS: HeaderName = HeaderName::from_static("retry-after-ms");
const X_MS_RETRY_AFTER_MS: HeaderName = HeaderName::from_static("x-ms-retry-after-ms");
const USER_AGENT: HeaderName = HeaderName::from_static("user-agent");

/// Far above any token (some carry hundreds of group ids) and far below what would hurt.
const MAX_BODY_BYTES: usize = 1 << 20;
const TYPICAL_BODY_BYTES: usize = 16 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(name: &'static str, value: &'static str) -> Answer {
        let mut headers = Headers::new();
        headers.insert(name, value);
        Answer { status: 429, headers, body: Zeroizing::default() }
    }

    #[test]
    fn retry_after_is_read_in_all_its_forms() {
        // 1994-11-06T08:49:37Z, the date of RFC 9110 section 5.6.7.
        let now = OffsetDateTime::from_unix_timestamp(784_111_777).unwrap();
        for (name, value, expected) in [
            ("retry-after", "3", Some(Duration::from_secs(3))),
            ("retry-after", "Sun, 06 Nov 1994 08:50:07 GMT", Some(Duration::from_secs(30))),
            ("retry-after", "Sun, 06 Nov 1994 08:00:00 GMT", Some(Duration::ZERO)),
            ("retry-after", "soon", None),
            ("retry-after-ms", "250", Some(Duration::from_millis(250))),
            ("x-ms-retry-after-ms", "1500", Some(Duration::from_millis(1500))),
            ("date", "3", None),
        ] {
            assert_eq!(answer(name, value).retry_after(now), expected, "{name}: {value}");
        }
    }
}
