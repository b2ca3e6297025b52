//! Emulators in process, and an HTTP client that knows nothing of them but their CA and where the
//! real host names lie.

use azconnect_emulators::{Config, Emulators, ManagedIdentityConfig, RoleAssignmentConfig};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use reqwest::{Certificate, Client, Method, StatusCode, header::HeaderMap};
use secrecy::ExposeSecret;
use serde_json::Value;
use time::Duration;
use url::form_urlencoded;

/// The audience of Key Vault.
pub(crate) const VAULT: &str = "https://vault.azure.net";

/// A principal with no role at all.
pub(crate) const NOBODY: &str = "uami-nobody";

pub(crate) struct Fixture {
    pub(crate) emulators: Emulators,
    pub(crate) http: Client,
}

/// What was answered, whole.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).expect(&self.text)
    }

    #[track_caller]
    pub(crate) fn expect(self, status: u16) -> Self {
        assert_eq!(self.status.as_u16(), status, "{}", self.text);
        self
    }

    #[track_caller]
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).unwrap_or_else(|| panic!("no {name}")).to_str().unwrap()
    }
}

impl Fixture {
    /// The default configuration.
    pub(crate) async fn start() -> Self {
        Self::with(Config::default()).await
    }

    /// The default configuration and one more managed identity, which has no role.
    pub(crate) async fn with_nobody() -> Self {
        let mut config = Config::default();
        config.managed_identities.push(identity(NOBODY));
        Self::with(config).await
    }

    pub(crate) async fn with(config: Config) -> Self {
        let vaults: Vec<_> =
            config.vaults.iter().map(|vault| format!("{}.vault.azure.net", vault.name)).collect();
        let emulators = Emulators::start(config).await.unwrap();
        let ca = Certificate::from_pem(emulators.ca_pem().as_bytes()).unwrap();
        let mut http = Client::builder().tls_backend_rustls().no_proxy().tls_certs_only([ca]);
        for host in &vaults {
            http = http.resolve(host, emulators.endpoints().key_vault);
        }
        Self { http: http.build().unwrap(), emulators }
    }

    pub(crate) async fn send(&self, request: reqwest::RequestBuilder) -> Answer {
        let response = request.send().await.unwrap();
        Answer {
            status: response.status(),
            headers: response.headers().clone(),
            text: response.text().await.unwrap(),
        }
    }

    /// A GET of a URL, its query given as pairs.
    pub(crate) fn get(&self, url: &str, query: &[(&str, &str)]) -> reqwest::RequestBuilder {
        self.request(Method::GET, url, query)
    }

    pub(crate) fn request(
        &self,
        method: Method,
        url: &str,
        query: &[(&str, &str)],
    ) -> reqwest::RequestBuilder {
        let mut url = url::Url::parse(url).unwrap();
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        self.http.request(method, url)
    }

    /// A POST of a form.
    pub(crate) fn post(&self, url: &str, form: &[(&str, &str)]) -> reqwest::RequestBuilder {
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        self.http.post(url).header("content-type", "application/x-www-form-urlencoded").body(body)
    }

    /// What a token says, its signature unchecked.
    #[track_caller]
    pub(crate) fn claims(&self, token: &str) -> Value {
        let payload = token.split('.').nth(1).expect("a JWT");
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap()
    }

    pub(crate) fn token(&self, principal: &str, audience: &str) -> String {
        self.token_for(principal, audience, Duration::HOUR)
    }

    pub(crate) fn token_for(&self, principal: &str, audience: &str, lifetime: Duration) -> String {
        let token = self.emulators.issue_token(principal, audience, lifetime).unwrap();
        token.expose_secret().to_owned()
    }
}

/// A user-assigned identity whose ids nobody else has.
pub(crate) fn identity(name: &str) -> ManagedIdentityConfig {
    ManagedIdentityConfig {
        name: name.into(),
        client_id: uuid::Uuid::new_v4(),
        object_id: uuid::Uuid::new_v4(),
        resource_id: Some(format!(
            "/subscriptions/s/resourceGroups/rg/providers/Microsoft.ManagedIdentity/\
             userAssignedIdentities/{name}"
        )),
    }
}

/// A role assignment.
pub(crate) fn assign(principal: &str, role: azconnect_emulators::Role) -> RoleAssignmentConfig {
    RoleAssignmentConfig { principal: principal.into(), role, resource: "kv-demo".into() }
}
