//! The token endpoint of Entra ID: where it is, what is posted to it, what its answers mean.

mod authority;
mod failure;

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use aws_lc_rs::digest;
use azure_core::{
    credentials::{AccessToken, TokenRequestOptions},
    http::{Context, Method, Request, Transport, headers::HeaderName},
};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value, json};
use url::{Url, form_urlencoded};
use uuid::Uuid;
use zeroize::Zeroizing;

pub use self::authority::{AllowedTenants, DEFAULT_AUTHORITY_HOST};
pub(crate) use self::authority::{Authority, AuthorityOptions};
use crate::{
    assertion::{AssertionAlgorithm, AssertionRequest},
    cache::{TokenCache, TokenSource, Wanted},
    certificate::{ClientCertificate, CurrentCertificate},
    client_assertion::AssertionSource,
    clock::Clock,
    error::{ErrorKind, Failure, Result},
    http::{self, Proxy},
    ids::{ClientId, TenantId},
    options::CommonOptions,
    retry::{Attempt, RetryOptions, retry},
    token::FetchedToken,
};

/// How an application proves who it is.
#[derive(Debug)]
pub(crate) enum Proof {
    /// Somebody else's token.
    Assertion(AssertionSource),
    Certificate {
        certificate: Arc<CurrentCertificate>,
        algorithm: AssertionAlgorithm,
        with_chain: bool,
    },
    Secret(SecretString),
}

/// An application that gets tokens for itself, and keeps them.
#[derive(Debug)]
pub(crate) struct Application {
    cache: TokenCache<Exchange>,
}

impl Application {
    pub(crate) fn new(
        tenant_id: TenantId,
        client_id: ClientId,
        proof: Proof,
        options: &AuthorityOptions,
        common: CommonOptions,
    ) -> Result<Self> {
        let authority = Authority::new(tenant_id, options)?;
        let transport = match &common.transport {
            Some(transport) => transport.clone(),
            None => http::default_transport(CONNECT_TIMEOUT, Proxy::System)?,
        };
        let exchange = Exchange {
            authority,
            client_id,
            proof,
            handles_claims_challenges: options.handles_claims_challenges,
            transport,
            retry: common.retry.unwrap_or_else(RetryOptions::entra),
            clock: common.clock(),
        };
        Ok(Self { cache: TokenCache::new(exchange, common.shared) })
    }

    pub(crate) fn authority(&self) -> &Authority {
        &self.cache.source().authority
    }

    pub(crate) fn client_id(&self) -> ClientId {
        self.cache.source().client_id
    }

    pub(crate) async fn get_token(
        &self,
        scopes: &[&str],
        options: Option<TokenRequestOptions<'_>>,
    ) -> Result<AccessToken> {
        if scopes.is_empty() || scopes.iter().any(|scope| scope.trim().is_empty()) {
            return Err(Failure::invalid_input("no scope was given to get a token for").into());
        }
        let options = options.unwrap_or_default();
        let context = &options.method_options.context;
        self.cache.get(Wanted::new(scopes.join(" "), context), context).await
    }
}

/// How an application gets a token: the client credentials flow.
///
/// Spec: <https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow>
#[derive(Debug)]
struct Exchange {
    authority: Authority,
    client_id: ClientId,
    proof: Proof,
    handles_claims_challenges: bool,
    transport: Transport,
    retry: RetryOptions,
    clock: Arc<dyn Clock>,
}

#[async_trait]
impl TokenSource for Exchange {
    async fn fetch(&self, wanted: &Wanted, context: &Context<'_>) -> Result<FetchedToken> {
        let tell = |failure| failure::tell(failure, &wanted.scope);
        let endpoint = self.authority.token_endpoint_in(wanted.tenant_id.as_ref()).map_err(tell)?;
        if let Proof::Certificate { certificate, .. } = &self.proof {
            let certificate = certificate.reload(self.clock.now()).await.map_err(tell)?;
            self.refuse_expired(&certificate).map_err(tell)?;
        }
        retry(&self.retry, &*self.clock, async |time| {
            self.exchange(wanted, &endpoint, context, time).await
        })
        .await
    }

    fn clock(&self) -> &dyn Clock {
        &*self.clock
    }

    fn owner(&self) -> String {
        let (endpoint, client_id) = (self.authority.token_endpoint(), self.client_id);
        let proof = match &self.proof {
            // Whoever vouches for it, the token is the application's.
            Proof::Assertion(_) => "assertion".to_owned(),
            Proof::Certificate { certificate, .. } => {
                let thumbprint = certificate.get().sha256_thumbprint();
                format!("certificate {thumbprint:?}")
            }
            Proof::Secret(secret) => {
                let digest = digest::digest(&digest::SHA256, secret.expose_secret().as_bytes());
                format!("secret {:?}", digest.as_ref())
            }
        };
        let capabilities = self.handles_claims_challenges;
        format!("application\n{endpoint}\n{client_id}\n{proof}\n{capabilities}")
    }
}

impl Exchange {
    async fn exchange(
        &self,
        wanted: &Wanted,
        endpoint: &Url,
        context: &Context<'_>,
        time: Duration,
    ) -> Result<FetchedToken, Attempt> {
        let scope = wanted.scope.as_str();
        let tell = |failure| failure::tell(failure, scope);
        // Built anew for each attempt: an assertion is good for one request.
        let request = self.request(wanted, endpoint).await;
        let request = request.map_err(|failure| Attempt::Final(tell(failure)))?;
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
            let thumbprint = certificate.get().sha1_thumbprint().map(|byte| format!("{byte:02X}"));
            hint.push_str("; the SHA-1 thumbprint of the one in use is ");
            hint.push_str(&thumbprint.concat());
        }
        failure
    }

    /// Finds out without a request what Entra ID would answer with one.
    fn refuse_expired(&self, certificate: &ClientCertificate) -> Result<(), Failure> {
        if self.clock.now() < certificate.not_after() {
            return Ok(());
        }
        Err(Failure::new(
            ErrorKind::CertificateExpired,
            format!(
                "the certificate of application {} expired at {}",
                self.client_id,
                azure_core::time::to_rfc3339(&certificate.not_after())
            ),
        )
        .hint("make a new certificate and register it with the application; the two can overlap"))
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
                .sign(&certificate.get())?,
            ),
            Proof::Secret(secret) => Shown::Secret(secret.clone()),
        })
    }

    async fn request(&self, wanted: &Wanted, endpoint: &Url) -> Result<Request, Failure> {
        let client_id = self.client_id.to_string();
        let proof = self.proof(endpoint).await?;
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.append_pair("client_id", &client_id)
            .append_pair("grant_type", "client_credentials")
            .append_pair("scope", &wanted.scope);
        if let Some(claims) = self.claims(wanted.claims.as_ref()) {
            form.append_pair("claims", &claims);
        }
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

    /// The claims of a challenge, and the capability to handle another, as one JSON object.
    ///
    /// Spec: <https://learn.microsoft.com/entra/identity-platform/claims-challenge#client-capabilities>
    fn claims(&self, challenge: Option<&Map<String, Value>>) -> Option<String> {
        let mut claims = challenge.cloned();
        if self.handles_claims_challenges {
            let of_access_token = claims
                .get_or_insert_default()
                .entry("access_token")
                .or_insert_with(|| Value::Object(Map::new()));
            if let Value::Object(of_access_token) = of_access_token {
                of_access_token.insert("xms_cc".to_owned(), json!({"values": ["cp1"]}));
            }
        }
        claims.map(|claims| Value::Object(claims).to_string())
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
