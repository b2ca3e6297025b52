//! Entra ID: the token endpoint for apps (client secret or client assertion), and the discovery
//! documents that the SDKs read before they ask it.
//!
//! Spec: <https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow>

mod refusal;

use std::sync::Arc;

use axum::{
    Router,
    body::Bytes,
    extract::{Path, State},
    http::{HeaderMap, header},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use serde_json::{Value, json};
use time::{Duration, OffsetDateTime};
use url::form_urlencoded;

use self::refusal::Refusal;
use super::{
    assertion::{self, UsedAssertions},
    federation,
    managed::internal_error,
    resource,
};
use crate::{
    directory::{AppCredentials, Principal},
    state::ServiceState,
};

/// Entra's own state: assertions seen.
#[derive(Debug)]
struct Entra {
    state: Arc<ServiceState>,
    used_assertions: UsedAssertions,
}

/// Everything below `AZURE_AUTHORITY_HOST`.
pub(crate) fn router(state: Arc<ServiceState>) -> Router {
    let entra = Entra { state, used_assertions: UsedAssertions::default() };
    Router::new()
        .route("/common/discovery/instance", get(instance_discovery))
        .route("/{tenant}/v2.0/.well-known/openid-configuration", get(openid_configuration))
        .route("/{tenant}/discovery/v2.0/keys", get(keys))
        .route("/{tenant}/oauth2/v2.0/token", post(token))
        .with_state(Arc::new(entra))
}

async fn token(
    State(entra): State<Arc<Entra>>,
    Path(tenant): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let correlation_id = headers
        .get("client-request-id")
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.parse().ok());
    let now = OffsetDateTime::now_utc();
    match entra.grant(&tenant, &Form::parse(&headers, &body), now) {
        Ok((principal, resource)) => {
            let issued = entra.state.tokens.issue(principal, &resource, LIFETIME);
            issued.map_or_else(|error| internal_error(&error), token_answer)
        }
        Err(refusal) => {
            tracing::info!(code = refusal.code(), %tenant, "Entra refuses");
            refusal.into_response(&entra.state.authority_host, correlation_id, now)
        }
    }
}

fn token_answer(access_token: String) -> Response {
    let lifetime = LIFETIME.whole_seconds();
    let body = json!({
        "token_type": "Bearer",
        "expires_in": lifetime,
        "ext_expires_in": lifetime,
        "access_token": access_token,
    });
    ([(header::CACHE_CONTROL, "no-store")], axum::Json(body)).into_response()
}

/// The parameters of the request; an empty one counts as missing, as at Entra.
struct Form(Vec<(String, String)>);

impl Form {
    fn parse(headers: &HeaderMap, body: &[u8]) -> Self {
        let is_form = headers.get(header::CONTENT_TYPE).is_some_and(|value| {
            value.as_bytes().starts_with(b"application/x-www-form-urlencoded")
        });
        let pairs = form_urlencoded::parse(if is_form { body } else { b"" });
        Self(pairs.into_owned().collect())
    }

    fn get(&self, name: &str) -> Option<&str> {
        let value = self.0.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
        value.filter(|value| !value.is_empty())
    }

    fn require(&self, name: &'static str) -> Result<&str, Refusal> {
        self.get(name).ok_or(Refusal::MissingParameter(name))
    }
}

impl Entra {
    /// Decides whether the request gets a token: for whom, and for which resource.
    fn grant(
        &self,
        tenant: &str,
        form: &Form,
        now: OffsetDateTime,
    ) -> Result<(&Principal, String), Refusal> {
        let directory = &self.state.directory;
        if !tenant.eq_ignore_ascii_case(directory.tenant_id()) {
            return Err(Refusal::TenantNotFound(tenant.to_owned()));
        }
        let grant_type = form.require("grant_type")?;
        if grant_type != "client_credentials" {
            return Err(Refusal::UnsupportedGrantType(grant_type.to_owned()));
        }
        let client_id = form.require("client_id")?;
        let scope = form.require("scope")?;
        let (principal, credentials) = directory.app(client_id).ok_or_else(|| {
            Refusal::AppNotFound { client_id: client_id.to_owned(), tenant: tenant.to_owned() }
        })?;
        self.authenticate(form, client_id, credentials, now)?;
        let asked = scope
            .strip_suffix("/.default")
            .filter(|resource| !resource.contains(' '))
            .ok_or_else(|| Refusal::InvalidScope(scope.to_owned()))?;
        if !resource::is_known(asked) {
            return Err(Refusal::ResourceNotFound {
                resource: asked.to_owned(),
                tenant: tenant.to_owned(),
            });
        }
        Ok((principal, asked.to_owned()))
    }

    fn authenticate(
        &self,
        form: &Form,
        client_id: &str,
        credentials: &AppCredentials,
        now: OffsetDateTime,
    ) -> Result<(), Refusal> {
        if let Some(assertion) = form.get("client_assertion") {
            if form.require("client_assertion_type")? != ASSERTION_TYPE {
                return Err(Refusal::UnsupportedAssertionType);
            }
            if federation::is_foreign(assertion) {
                let (tokens, now) = (&self.state.tokens, now.unix_timestamp());
                return federation::verify(assertion, credentials, tokens, now)
                    .map_err(Refusal::Assertion);
            }
            return assertion::verify(
                assertion,
                client_id,
                credentials,
                &self.token_endpoints(),
                &self.used_assertions,
                now.unix_timestamp(),
            )
            .map_err(Refusal::Assertion);
        }
        match form.get("client_secret") {
            Some(secret) if credentials.accepts_secret(secret) => Ok(()),
            Some(_) => Err(Refusal::WrongSecret { client_id: client_id.to_owned() }),
            None => Err(Refusal::NoCredential),
        }
    }

    /// The names that the token endpoint has: here, and where a client maps the real host to us.
    fn token_endpoints(&self) -> [String; 2] {
        [self.state.authority_host.as_str(), "https://login.microsoftonline.com"]
            .map(|host| self.below(host, "/oauth2/v2.0/token"))
    }

    fn below(&self, host: &str, path: &str) -> String {
        [host, "/", self.state.directory.tenant_id(), path].concat()
    }
}

async fn instance_discovery(State(entra): State<Arc<Entra>>) -> axum::Json<Value> {
    let host = &entra.state.authority_host;
    let authority = host.strip_prefix("https://").unwrap_or(host);
    axum::Json(json!({
        "tenant_discovery_endpoint": entra.below(host, "/v2.0/.well-known/openid-configuration"),
        "api-version": "1.1",
        "metadata": [{
            "preferred_network": authority,
            "preferred_cache": authority,
            "aliases": [authority],
        }],
    }))
}

async fn openid_configuration(
    State(entra): State<Arc<Entra>>,
    Path(tenant): Path<String>,
) -> Response {
    if let Some(refused) = entra.refuse_unknown(&tenant) {
        return refused;
    }
    let host = entra.state.authority_host.as_str();
    let body = json!({
        "issuer": entra.below(host, "/v2.0"),
        "authorization_endpoint": entra.below(host, "/oauth2/v2.0/authorize"),
        "token_endpoint": entra.below(host, "/oauth2/v2.0/token"),
        "token_endpoint_auth_methods_supported": ["client_secret_post", "private_key_jwt"],
        "jwks_uri": entra.below(host, "/discovery/v2.0/keys"),
        "response_types_supported": ["token"],
        "subject_types_supported": ["pairwise"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "tenant_region_scope": null,
    });
    axum::Json(body).into_response()
}

async fn keys(State(entra): State<Arc<Entra>>, Path(tenant): Path<String>) -> Response {
    if let Some(refused) = entra.refuse_unknown(&tenant) {
        return refused;
    }
    axum::Json(json!({"keys": [entra.state.tokens.jwk()]})).into_response()
}

impl Entra {
    /// Discovery works for the tenant and for `common`, which stands for any.
    fn refuse_unknown(&self, tenant: &str) -> Option<Response> {
        if tenant == "common" || tenant.eq_ignore_ascii_case(self.state.directory.tenant_id()) {
            return None;
        }
        let refusal = Refusal::TenantNotFound(tenant.to_owned());
        let host = &self.state.authority_host;
        Some(refusal.into_response(host, None, OffsetDateTime::now_utc()))
    }
}

/// Entra's tokens live between 60 and 90 minutes.
const LIFETIME: Duration = Duration::seconds(3599);

const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
