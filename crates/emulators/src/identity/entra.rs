//! Entra ID: the token endpoint for apps (client secret or client assertion), and the discovery
//! documents that the SDKs read before they ask it.
//!
//! Spec: <https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow>

mod refusal;

use std::{collections::HashMap, sync::Arc};

use axum::{
    Router,
    body::Bytes,
    extract::{Path, Query, State},
    http::{HeaderMap, header},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use serde_json::{Value, json};
use time::{Duration, OffsetDateTime};
use url::{Url, form_urlencoded};

use self::refusal::Refusal;
use super::{
    assertion::{self, UsedAssertions},
    claims::ClaimsRequest,
    federation,
    managed::internal_error,
    resource,
};
use crate::{
    directory::{AppCredentials, Principal, ServicePrincipal, Tenant},
    state::ServiceState,
    tokens::Wanted,
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
        Ok(grant) => {
            let wanted = Wanted::new(&grant.resource, LIFETIME)
                .with_capabilities(grant.claims.capabilities)
                .with_not_before(grant.claims.not_before)
                .in_tenant_of(grant.elsewhere);
            let issued = entra.state.tokens.issue(grant.principal, &wanted);
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

/// What a request gets.
struct Grant<'a> {
    principal: &'a Principal,
    /// The principal's other self in the tenant asked, if that is not its own.
    elsewhere: Option<&'a ServicePrincipal>,
    resource: String,
    claims: ClaimsRequest,
}

impl Entra {
    /// Decides whether the request gets a token: for whom, and for which resource.
    fn grant(&self, asked: &str, form: &Form, now: OffsetDateTime) -> Result<Grant<'_>, Refusal> {
        let directory = &self.state.directory;
        let tenant = directory
            .tenants()
            .find(asked)
            .ok_or_else(|| Refusal::TenantNotFound(asked.to_owned()))?;
        let grant_type = form.require("grant_type")?;
        if grant_type != "client_credentials" {
            return Err(Refusal::UnsupportedGrantType(grant_type.to_owned()));
        }
        let client_id = form.require("client_id")?;
        let scope = form.require("scope")?;
        let claims = match form.get("claims") {
            None => ClaimsRequest::default(),
            Some(claims) => ClaimsRequest::parse(claims).map_err(|_| Refusal::MalformedClaims)?,
        };
        let not_found =
            || Refusal::AppNotFound { client_id: client_id.to_owned(), tenant: asked.to_owned() };
        let (principal, credentials) = directory.app(client_id).ok_or_else(not_found)?;
        let elsewhere = if tenant.id == directory.tenant_id() {
            None
        } else {
            let there = principal.elsewhere.iter().find(|there| there.tenant_id == tenant.id);
            Some(there.ok_or_else(not_found)?)
        };
        self.authenticate(form, tenant, client_id, credentials, now)?;
        let resource = scope
            .strip_suffix("/.default")
            .filter(|resource| !resource.contains(' '))
            .ok_or_else(|| Refusal::InvalidScope(scope.to_owned()))?;
        if !resource::is_known(resource) {
            return Err(Refusal::ResourceNotFound {
                resource: resource.to_owned(),
                tenant: asked.to_owned(),
            });
        }
        Ok(Grant { principal, elsewhere, resource: resource.to_owned(), claims })
    }

    fn authenticate(
        &self,
        form: &Form,
        tenant: &Tenant,
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
                &self.token_endpoints(tenant),
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

    /// The names that the token endpoint has: of both hosts, ours and the real one that a client may
    /// map to us, and by each name of the tenant.
    fn token_endpoints(&self, tenant: &Tenant) -> Vec<String> {
        [self.state.authority_host.as_str(), "https://login.microsoftonline.com"]
            .into_iter()
            .flat_map(|host| tenant.names().map(move |name| below(host, name, TOKEN_PATH)))
            .collect()
    }

    /// The id of the tenant that discovery is asked about: a tenant, or `common`, which stands for
    /// the main one here.
    fn discovered(&self, tenant: &str) -> Result<&str, Refusal> {
        let directory = &self.state.directory;
        if tenant == "common" {
            return Ok(directory.tenant_id());
        }
        let found = directory.tenants().find(tenant).map(|tenant| tenant.id.as_str());
        found.ok_or_else(|| Refusal::TenantNotFound(tenant.to_owned()))
    }

    /// The refusal of a request that has no correlation id of its own.
    fn refuse(&self, refusal: Refusal) -> Response {
        refusal.into_response(&self.state.authority_host, None, OffsetDateTime::now_utc())
    }
}

fn below(host: &str, tenant: &str, path: &str) -> String {
    [host, "/", tenant, path].concat()
}

async fn instance_discovery(
    State(entra): State<Arc<Entra>>,
    Query(query): Query<HashMap<String, String>>,
) -> axum::Json<Value> {
    let host = &entra.state.authority_host;
    let authority = host.strip_prefix("https://").unwrap_or(host);
    // Whether the tenant exists is for the next document to say.
    let asked = query.get("authorization_endpoint").and_then(|url| Url::parse(url).ok());
    let tenant = asked
        .as_ref()
        .and_then(|url| url.path_segments()?.next())
        .filter(|tenant| !tenant.is_empty())
        .unwrap_or_else(|| entra.state.directory.tenant_id());
    axum::Json(json!({
        "tenant_discovery_endpoint": below(host, tenant, "/v2.0/.well-known/openid-configuration"),
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
    let tenant = match entra.discovered(&tenant) {
        Ok(tenant) => tenant,
        Err(refusal) => return entra.refuse(refusal),
    };
    let host = entra.state.authority_host.as_str();
    let body = json!({
        "issuer": below(host, tenant, "/v2.0"),
        "authorization_endpoint": below(host, tenant, "/oauth2/v2.0/authorize"),
        "token_endpoint": below(host, tenant, TOKEN_PATH),
        "token_endpoint_auth_methods_supported": ["client_secret_post", "private_key_jwt"],
        "jwks_uri": below(host, tenant, "/discovery/v2.0/keys"),
        "response_types_supported": ["token"],
        "subject_types_supported": ["pairwise"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "tenant_region_scope": null,
    });
    axum::Json(body).into_response()
}

/// The same keys for every tenant, as at Entra.
async fn keys(State(entra): State<Arc<Entra>>, Path(tenant): Path<String>) -> Response {
    match entra.discovered(&tenant) {
        Ok(_) => axum::Json(json!({"keys": [entra.state.tokens.jwk()]})).into_response(),
        Err(refusal) => entra.refuse(refusal),
    }
}

const TOKEN_PATH: &str = "/oauth2/v2.0/token";

/// Entra's tokens live between 60 and 90 minutes.
const LIFETIME: Duration = Duration::seconds(3599);

const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
