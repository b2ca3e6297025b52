//! The vault's challenge: asked for once per client, answered only if it is for the vault's own
//! tokens.
//!
//! The official client learns from a 401 which tokens the vault wants. It sends the first request
//! without a token for that, and so do all that start before the first answer. This policy stands
//! behind its authorization: it lets one request fetch the challenge and repeats that to the others,
//! or knows it from the start, if the caller does. It also looks at where a request with a token is
//! about to go.

use std::{
    error::Error as StdError,
    fmt,
    sync::{Arc, OnceLock},
};

use async_trait::async_trait;
use azure_core::{
    error::ErrorKind,
    http::{
        AsyncRawResponse, Context, Request, StatusCode, Url,
        headers::{AUTHORIZATION, Headers, WWW_AUTHENTICATE},
        policies::{Policy, PolicyResult},
    },
};

/// Stands between the official client's authorization and the transport.
#[derive(Debug)]
pub(crate) struct ChallengePolicy {
    vault: Url,
    /// The value of `WWW-Authenticate`.
    known: OnceLock<String>,
    /// Held by the request that fetches the challenge.
    fetching: tokio::sync::Mutex<()>,
}

/// What the value of a `WWW-Authenticate` header says.
///
/// Spec: <https://learn.microsoft.com/azure/key-vault/general/authentication-requests-and-responses>
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Challenge {
    /// The authority that issues tokens for the vault: its last segment is the tenant.
    authorization: Option<String>,
    /// What the token must be for, without `/.default`.
    resource: Option<String>,
}

/// A place that is not to see the vault's tokens.
#[derive(Debug)]
pub(crate) enum Foreign {
    /// A challenge that asks for tokens of another service.
    Challenge { resource: String, vault: String },
    /// The next page of a list is said to be at another host.
    Page { host: String, vault: String },
}

impl ChallengePolicy {
    /// `resource`: what tokens of the vault are for, if that is known: `https://vault.azure.net`.
    pub(crate) fn new(vault: Url, resource: Option<&str>) -> Result<Self, Foreign> {
        let policy =
            Self { vault, known: OnceLock::new(), fetching: tokio::sync::Mutex::default() };
        if let Some(resource) = resource {
            let challenge =
                Challenge { resource: Some(resource.to_owned()), ..Challenge::default() };
            policy.check(&challenge)?;
            if let Some(header) = challenge.to_header() {
                policy.known.get_or_init(|| header);
            }
        }
        Ok(policy)
    }

    /// Answers in the vault's place if its challenge is known.
    fn repeat_challenge(&self) -> Option<AsyncRawResponse> {
        let mut headers = Headers::new();
        headers.insert(WWW_AUTHENTICATE, self.known.get()?.clone());
        Some(AsyncRawResponse::from_bytes(StatusCode::Unauthorized, headers, ""))
    }

    async fn send_on(
        &self,
        context: &Context<'_>,
        request: &mut Request,
        next: &[Arc<dyn Policy>],
    ) -> PolicyResult {
        let Some((first, rest)) = next.split_first() else {
            return Err(azure_core::Error::with_message(ErrorKind::Other, "no transport"));
        };
        let response = first.send(context, request, rest).await?;
        if response.status() != StatusCode::Unauthorized {
            return Ok(response);
        }
        let (status, mut headers, body) = response.deconstruct();
        let challenge = headers.get_optional_str(&WWW_AUTHENTICATE).map(Challenge::parse);
        let challenge = challenge.unwrap_or_default();
        self.check(&challenge)?;
        // The official authorization reads the header in a way of its own: what it finds must be
        // what was checked here, whatever else the header says.
        match challenge.to_header() {
            Some(header) => headers.insert(WWW_AUTHENTICATE, header),
            None => drop(headers.remove(WWW_AUTHENTICATE)),
        }
        Ok(AsyncRawResponse::new(status, headers, Box::pin(body)))
    }

    /// Refuses a challenge for the tokens of another service. A vault's host is one label below the
    /// host of the resource, as in every cloud.
    fn check(&self, challenge: &Challenge) -> Result<(), Foreign> {
        let Some(resource) = &challenge.resource else { return Ok(()) };
        let vault = self.vault.host_str().unwrap_or_default();
        let domain = vault.split_once('.').map(|(_, domain)| domain);
        let url = Url::parse(resource).ok();
        // A quote would end the value in the header that is made of it.
        let is_own = domain.is_some() && url.as_ref().and_then(Url::host_str) == domain;
        if is_own && !resource.contains('"') {
            return Ok(());
        }
        Err(Foreign::Challenge { resource: resource.clone(), vault: vault.to_owned() })
    }

    /// Refuses to send a token anywhere but to the vault: the address of a list's next page is one
    /// that an answer named.
    fn check_target(&self, url: &Url) -> Result<(), Foreign> {
        if url.origin() == self.vault.origin() {
            return Ok(());
        }
        let host = url.host_str().unwrap_or_default().to_owned();
        let vault = self.vault.host_str().unwrap_or_default().to_owned();
        Err(Foreign::Page { host, vault })
    }
}

#[async_trait]
impl Policy for ChallengePolicy {
    async fn send(
        &self,
        context: &Context,
        request: &mut Request,
        next: &[Arc<dyn Policy>],
    ) -> PolicyResult {
        self.check_target(request.url())?;
        if request.headers().get_optional_str(&AUTHORIZATION).is_some() {
            return self.send_on(context, request, next).await;
        }
        if let Some(answer) = self.repeat_challenge() {
            return Ok(answer);
        }
        let _fetching = self.fetching.lock().await;
        if let Some(answer) = self.repeat_challenge() {
            return Ok(answer);
        }
        let response = self.send_on(context, request, next).await?;
        if response.status() == StatusCode::Unauthorized
            && let Some(challenge) = response.headers().get_optional_str(&WWW_AUTHENTICATE)
        {
            self.known.get_or_init(|| challenge.to_owned());
        }
        Ok(response)
    }
}

impl Challenge {
    /// Reads the parameters that it knows, and skips all others.
    pub(crate) fn parse(header: &str) -> Self {
        let mut challenge = Self::default();
        let mut rest = header;
        while let Some((before, after)) = rest.split_once("=\"") {
            let Some((value, after)) = after.split_once('"') else { break };
            let name = before.rsplit([' ', ',']).next().unwrap_or_default();
            match name.to_ascii_lowercase().as_str() {
                "authorization" | "authorization_uri" => {
                    challenge.authorization = Some(value.to_owned());
                }
                "resource" => challenge.resource = Some(value.to_owned()),
                "scope" => {
                    let resource = value.strip_suffix("/.default").unwrap_or(value);
                    challenge.resource = Some(resource.to_owned());
                }
                _ => {}
            }
            rest = after;
        }
        challenge
    }

    /// The same as the value of a header, if it says what the token must be for.
    fn to_header(&self) -> Option<String> {
        let resource = self.resource.as_deref()?;
        let authority = self
            .authorization
            .as_deref()
            .map_or_else(String::new, |authority| ["authorization=\"", authority, "\", "].concat());
        Some(["Bearer ", &authority, "resource=\"", resource, "\""].concat())
    }

    /// The tenant whose tokens the vault accepts.
    pub(crate) fn tenant(&self) -> Option<&str> {
        let (_, tenant) = self.authorization.as_deref()?.trim_end_matches('/').rsplit_once('/')?;
        Some(tenant).filter(|tenant| !tenant.is_empty())
    }
}

impl From<Foreign> for azure_core::Error {
    fn from(foreign: Foreign) -> Self {
        Self::new(ErrorKind::Other, foreign)
    }
}

impl fmt::Display for Foreign {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Challenge { resource, vault } => write!(
                f,
                "{vault} asks for a token for \"{}\", which is not the domain it is in",
                resource.escape_debug()
            ),
            Self::Page { host, vault } => {
                write!(f, "{vault} says that the next page is at \"{}\"", host.escape_debug())
            }
        }
    }
}

impl StdError for Foreign {}

#[cfg(test)]
mod tests {
    use super::*;

    /// From Microsoft's page on the authentication of Key Vault.
    const REAL: &str = "Bearer authorization=\"https://login.microsoftonline.com/\
                        72f988bf-86f1-41af-91ab-2d7cd011db47\", \
                        resource=\"https://vault.azure.net\"";

    fn policy(vault: &str) -> ChallengePolicy {
        ChallengePolicy::new(Url::parse(vault).unwrap(), None).unwrap()
    }

    #[test]
    fn a_challenge_names_the_tenant_and_the_resource() {
        let challenge = Challenge::parse(REAL);
        assert_eq!(challenge.tenant(), Some("72f988bf-86f1-41af-91ab-2d7cd011db47"));
        assert_eq!(challenge.resource.as_deref(), Some("https://vault.azure.net"));
        let scope = Challenge::parse("bearer scope=\"https://managedhsm.azure.net/.default\"");
        assert_eq!(scope.resource.as_deref(), Some("https://managedhsm.azure.net"));
        assert_eq!(scope.tenant(), None);
    }

    #[test]
    fn a_challenge_is_passed_on_with_nothing_else_in_it() {
        for header in [
            REAL,
            "Bearer resource=\"https://a.example\"",
            "Bearer xresource=\"https://b.example\", scope=\"https://a.example/.default\", a=\"b\"",
        ] {
            let challenge = Challenge::parse(header);
            let passed_on = challenge.to_header().unwrap();
            assert_eq!(Challenge::parse(&passed_on), challenge, "{passed_on}");
            assert!(!passed_on.contains("b.example"), "{passed_on}");
        }
        assert_eq!(
            Challenge::parse("Bearer authorization=\"https://a.example/t\"").to_header(),
            None
        );
    }

    #[test]
    fn a_header_that_is_no_challenge_says_nothing() {
        for header in ["", "Bearer", "Basic realm=\"x\"", "Bearer resource=\"https://va", "=\"\""] {
            assert_eq!(Challenge::parse(header), Challenge::default(), "{header}");
        }
    }

    #[test]
    fn only_the_vaults_own_domain_is_answered() {
        let check = |vault: &str, resource: &str| {
            let header = ["Bearer resource=\"", resource, "\""].concat();
            policy(vault).check(&Challenge::parse(&header)).is_ok()
        };
        assert!(check("https://kv.vault.azure.net", "https://vault.azure.net"));
        assert!(check("https://kv.vault.azure.cn", "https://vault.azure.cn"));
        for resource in [
            "https://vault.azure.cn",
            "https://vault.evil.example",
            "https://azure.net",
            "https://net",
            "https://kv.vault.azure.net",
            "https://vault.azure.net.evil.example",
            "vault.azure.net",
            "",
        ] {
            assert!(!check("https://kv.vault.azure.net", resource), "{resource}");
        }
    }

    #[test]
    fn a_token_goes_to_the_vault_alone() {
        let policy = policy("https://kv.vault.azure.net");
        let check = |url: &str| policy.check_target(&Url::parse(url).unwrap()).is_ok();
        assert!(check("https://kv.vault.azure.net/secrets?$skiptoken=x"));
        assert!(check("https://kv.vault.azure.net:443/secrets"));
        for url in [
            "http://kv.vault.azure.net/secrets",
            "https://kv.vault.azure.net:8443/secrets",
            "https://other.vault.azure.net/secrets",
            "https://kv.vault.azure.net.evil.example/secrets",
        ] {
            assert!(!check(url), "{url}");
        }
    }
}
