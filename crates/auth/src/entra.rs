//! The token endpoint of Entra ID: where it is, what is posted to it, what its answers mean.

mod authority;
mod failure;

use std::{sync::Arc, time::Duration};

use azure_core::{
    credentials::{AccessToken, TokenRequestOptions},
    http::{Context, Method, Request, Transport, headers::HeaderName},
};
use secrecy::{ExposeSecret, SecretString};
use url::{Url, form_urlencoded};
use uuid::Uuid;
use zeroize::Zeroizing;

pub use self::authority::DEFAULT_AUTHORITY_HOST;
pub(crate) use self::authority::{Authority, AuthorityOptions};
use crate::{
    assertion::{AssertionAlgorithm, AssertionRequest},
    cache::TokenCache,
    certificate::ClientCertificate,
    client_assertion::AssertionSource,
    clock::Clock,
    error::{ErrorKind, Failure, Result},
    http::{self, Proxy},
    ids::ClientId,
    options::CommonOptions,
    retry::{Attempt, Patience, RetryOptions, retry},
    token::FetchedToken,
};

/// How an application proves who it is.
#[derive(Debug)]
pub(crate) enum Proof {
    /// Somebody else's token.
    Assertion(AssertionSource),
    Certificate {
        certificate: Arc<ClientCertificate>,
        algorithm: AssertionAlgorithm,
        with_chain: bool,
    },
    Secret(SecretString),
}

/// An application that gets tokens for itself: the client credentials flow.
///
/// Spec: <https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow>
#[derive(Debug)]
pub(crate) struct Application {
    authority: Authority,
    client_id: ClientId,
    proof: Proof,
    transport: Transport,
    retry: RetryOptions,
    clock: Arc<dyn Clock>,
    cache: TokenCache,
}

impl Application {
    pub(crate) fn new(
        authority: Authority,
        client_id: ClientId,
        proof: Proof,
        common: &CommonOptions,
    ) -> Result<Self> {
        let transport = match &common.transport {
            Some(transport) => transport.clone(),
            None => http::default_transport(CONNECT_TIMEOUT, Proxy::System)?,
        };
        Ok(Self {
            authority,
            client_id,
            proof,
            transport,
            retry: common.retry.unwrap_or_else(RetryOptions::entra),
            clock: common.clock(),
            cache: TokenCache::default(),
        })
    }

    pub(crate) fn authority(&self) -> &Authority {
        &self.authority
    }

    pub(crate) fn client_id(&self) -> ClientId {
        self.client_id
    }

    pub(crate) async fn get_token(
        &self,
        scopes: &[&str],
        options: Option<TokenRequestOptions<'_>>,
    ) -> Result<AccessToken> {
        if scopes.is_empty() || scopes.iter().any(|scope| scope.trim().is_empty()) {
            return Err(Failure::invalid_input("no scope was given to get a token for").into());
        }
        let scope = scopes.join(" ");
        let options = options.unwrap_or_default();
        let context = &options.method_options.context;
        let scope = scope.as_str();
        self.cache.get(scope, &*self.clock, |patience| self.fetch(scope, patience, context)).await
    }

    async fn fetch(
        &self,
        scope: &str,
        patience: Patience,
        context: &Context<'_>,
    ) -> Result<FetchedToken> {
        self.refuse_expired_certificate(scope)?;
        retry(&self.retry, patience, &*self.clock, async |time| {
            self.exchange(scope, context, time).await
        })
        .await
    }

    async fn exchange(
        &self,
        scope: &str,
        context: &Context<'_>,
        time: Duration,
    ) -> Result<FetchedToken, Attempt> {
        let tell = |failure| failure::tell(failure, scope);
        // Built anew for each attempt: an assertion is good for one request.
        let request = self.request(scope).await.map_err(|failure| Attempt::Final(tell(failure)))?;
        let requested_at = self.clock.now();
        let answer = http::send(&self.transport, context, request, time)
            .await
            .map_err(|attempt| attempt.map(tell))?;
        if answer.status != 200 {
            let attempt = failure::classify(&answer, scope, self.clock.now());
            return Err(attempt.map(|failure| self.name_certificate(failure)));
        }
        FetchedToken::parse(&answer.body, requested_at)
            .map_err(|failure| Attempt::Final(tell(failure)))
    }

    /// Adds to the hint what has to be looked for among the certificates of the application.
    fn name_certificate(&self, mut failure: Failure) -> Failure {
        let is_rejected = failure.kind == ErrorKind::AssertionRejected;
        if let (true, Proof::Certificate { certificate, .. }) = (is_rejected, &self.proof)
            && let Some(hint) = &mut failure.hint
        {
            let thumbprint = certificate.sha1_thumbprint().map(|byte| format!("{byte:02X}"));
            hint.push_str("; the SHA-1 thumbprint of the one in use is ");
            hint.push_str(&thumbprint.concat());
        }
        failure
    }

    /// Finds out without a request what Entra ID would answer with one.
    fn refuse_expired_certificate(&self, scope: &str) -> Result<()> {
        let Proof::Certificate { certificate, .. } = &self.proof else {
            return Ok(());
        };
        if self.clock.now() < certificate.not_after() {
            return Ok(());
        }
        let failure = Failure::new(
            ErrorKind::CertificateExpired,
            format!(
                "the certificate of application {} expired at {}",
                self.client_id,
                azure_core::time::to_rfc3339(&certificate.not_after())
            ),
        )
        .hint("make a new certificate and register it with the application; the two can overlap");
        Err(failure::tell(failure, scope).into())
    }

    async fn proof(&self, endpoint: &Url) -> Result<Shown, Failure> {
        Ok(match &self.proof {
            Proof::Assertion(source) => Shown::Assertion(source.get().await?),
            Proof::Certificate { certificate, algorithm, with_chain } => Shown::Assertion(
                AssertionRequest {
                    algorithm: *algorithm,
                    with_chain: *with_chain,
                    client_id: self.client_id,
                    audience: endpoint.as_str(),
                    now: self.clock.now(),
                    id: Uuid::new_v4(),
                }
                .sign(certificate)?,
            ),
            Proof::Secret(secret) => Shown::Secret(secret.clone()),
        })
    }

    async fn request(&self, scope: &str) -> Result<Request, Failure> {
        let endpoint = self.authority.token_endpoint();
        let client_id = self.client_id.to_string();
        let proof = self.proof(endpoint).await?;
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.append_pair("client_id", &client_id)
            .append_pair("grant_type", "client_credentials")
            .append_pair("scope", scope);
        match &proof {
            Shown::Assertion(assertion) => {
                form.append_pair("client_assertion_type", JWT_BEARER)
                    .append_pair("client_assertion", assertion.expose_secret());
            }
            Shown::Secret(secret) => {
                form.append_pair("client_secret", secret.expose_secret());
            }
        }
        let form = Zeroizing::new(form.finish());
        let mut request = Request::new(endpoint.clone(), Method::Post);
        request.insert_header(CONTENT_TYPE, "application/x-www-form-urlencoded");
        request.insert_header(ACCEPT, "application/json");
        // Entra ID repeats it as the correlation id of its sign-in logs.
        request.insert_header(CLIENT_REQUEST_ID, Uuid::new_v4().to_string());
        request.set_body(form.as_bytes().to_vec());
        Ok(request)
    }
}

/// What goes into one request.
enum Shown {
    Assertion(SecretString),
    Secret(SecretString),
}

const ACCEPT: HeaderName = HeaderName::from_static("accept");
const CLIENT_REQUEST_ID: HeaderName = HeaderName::from_static("client-request-id");
const CONTENT_TYPE: HeaderName = HeaderName::from_static("content-type");

/// Spec: <https://www.rfc-editor.org/rfc/rfc7523#section-2.2>
const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
