//! Where tokens are issued: authority host and tenant, checked before any secret goes there.

use std::str::FromStr;

use url::Url;

use crate::{
    error::{Error, Failure, Result},
    ids::TenantId,
};

/// The authority host of the public cloud.
pub const DEFAULT_AUTHORITY_HOST: &str = "https://login.microsoftonline.com";

/// What an application says about its authority, before that is checked.
#[derive(Clone, Debug, Default)]
pub(crate) struct AuthorityOptions {
    pub(crate) host: Option<Url>,
    pub(crate) allowed_tenants: AllowedTenants,
    pub(crate) handles_claims_challenges: bool,
    pub(crate) danger_allow_loopback_http: bool,
}

/// The tenants in which an application may ask for tokens beside its own. Default: none.
///
/// As text, and in `AZURE_ADDITIONALLY_ALLOWED_TENANTS`: tenant ids separated by semicolons, or `*` for any.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct AllowedTenants {
    any: bool,
    tenants: Vec<TenantId>,
}

impl AllowedTenants {
    /// Any tenant.
    pub fn any() -> Self {
        Self { any: true, tenants: Vec::new() }
    }

    fn contains(&self, tenant: &TenantId) -> bool {
        let is_named = |named: &TenantId| named.as_str().eq_ignore_ascii_case(tenant.as_str());
        self.any || self.tenants.iter().any(is_named)
    }
}

impl FromIterator<TenantId> for AllowedTenants {
    fn from_iter<I: IntoIterator<Item = TenantId>>(tenants: I) -> Self {
        Self { any: false, tenants: tenants.into_iter().collect() }
    }
}

impl FromStr for AllowedTenants {
    type Err = Error;

    /// # Errors
    /// `InvalidInput`: one of the tenants is neither a GUID nor a domain.
    fn from_str(text: &str) -> Result<Self> {
        let named = text.split(';').map(str::trim).filter(|tenant| !tenant.is_empty());
        if named.clone().any(|tenant| tenant == "*") {
            return Ok(Self::any());
        }
        named.map(str::parse).collect()
    }
}

/// A checked authority host and a tenant.
#[derive(Clone, Debug)]
pub(crate) struct Authority {
    host: Url,
    tenant_id: TenantId,
    allowed_tenants: AllowedTenants,
    token_endpoint: Url,
}

impl Authority {
    pub(crate) fn new(tenant_id: TenantId, options: &AuthorityOptions) -> Result<Self> {
        let host = match &options.host {
            Some(host) => host.clone(),
            None => Url::parse(DEFAULT_AUTHORITY_HOST).map_err(|error| {
                Failure::invalid_input("cannot read the default authority host").source(error)
            })?,
        };
        check(&host, options.danger_allow_loopback_http)?;
        Ok(Self {
            token_endpoint: endpoint_below(&host, &tenant_id),
            host,
            tenant_id,
            allowed_tenants: options.allowed_tenants.clone(),
        })
    }

    pub(crate) fn tenant_id(&self) -> &TenantId {
        &self.tenant_id
    }

    /// The URL that requests are posted to, which is also the audience of a client assertion.
    pub(crate) fn token_endpoint(&self) -> &Url {
        &self.token_endpoint
    }

    /// The same in another tenant, if that is allowed.
    pub(crate) fn token_endpoint_in(&self, tenant: Option<&TenantId>) -> Result<Url, Failure> {
        let Some(tenant) = tenant.filter(|tenant| **tenant != self.tenant_id) else {
            return Ok(self.token_endpoint.clone());
        };
        if self.allowed_tenants.contains(tenant) {
            return Ok(endpoint_below(&self.host, tenant));
        }
        Err(Failure::invalid_input(format!(
            "the application is of tenant `{}` and may not ask for tokens in `{tenant}`",
            self.tenant_id
        ))
        .hint("allow the tenant when the credential is built, or by AZURE_ADDITIONALLY_ALLOWED_TENANTS"))
    }
}

fn endpoint_below(host: &Url, tenant: &TenantId) -> Url {
    let mut url = host.clone();
    // Always there: a URL with a host, as was checked, can have a path.
    if let Ok(mut segments) = url.path_segments_mut() {
        segments.pop_if_empty().extend([tenant.as_str(), "oauth2", "v2.0", "token"]);
    }
    url
}

fn check(url: &Url, danger_allow_loopback_http: bool) -> Result<()> {
    let is_plain = url.query().is_none()
        && url.fragment().is_none()
        && url.username().is_empty()
        && url.password().is_none()
        && url.has_host();
    match url.scheme() {
        _ if !is_plain => Err(not_an_authority(url).into()),
        "https" => Ok(()),
        "http" if danger_allow_loopback_http && is_loopback(url) => Ok(()),
        "http" => Err(Failure::invalid_input(format!(
            "authority host `{}` is not https: a proof of identity would travel in the clear",
            url.origin().ascii_serialization()
        ))
        .hint("give an authority host that starts with `https://`")
        .into()),
        _ => Err(not_an_authority(url).into()),
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Domain(domain)) => domain == "localhost",
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

fn not_an_authority(url: &Url) -> Failure {
    // Only the parts that hold no password or token.
    Failure::invalid_input(format!(
        "the authority host must be `https://HOST` and nothing more, but is of the form `{}://{}…`",
        url.scheme(),
        url.host_str().unwrap_or_default()
    ))
    .hint("the tenant is a setting of its own and not part of the authority host")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint(host: &str, danger_allow_loopback_http: bool) -> Result<String> {
        let options = AuthorityOptions {
            host: Some(Url::parse(host).unwrap()),
            danger_allow_loopback_http,
            ..AuthorityOptions::default()
        };
        let authority = Authority::new("contoso.com".parse().unwrap(), &options)?;
        Ok(authority.token_endpoint().to_string())
    }

    #[test]
    fn the_token_endpoint_is_below_the_host() {
        let default = Authority::new("contoso.com".parse().unwrap(), &AuthorityOptions::default());
        assert_eq!(
            default.unwrap().token_endpoint().as_str(),
            "https://login.microsoftonline.com/contoso.com/oauth2/v2.0/token"
        );
        for (host, expected) in [
            (
                "https://login.microsoftonline.us/",
                "https://login.microsoftonline.us/contoso.com/oauth2/v2.0/token",
            ),
            ("https://localhost:8443", "https://localhost:8443/contoso.com/oauth2/v2.0/token"),
            (
                "https://proxy.example/entra/",
                "https://proxy.example/entra/contoso.com/oauth2/v2.0/token",
            ),
        ] {
            assert_eq!(endpoint(host, false).unwrap(), expected);
        }
    }

    #[test]
    fn http_is_refused_except_to_loopback_and_on_demand() {
        for host in ["http://127.0.0.1:1", "http://[::1]:1", "http://localhost:1"] {
            assert!(endpoint(host, false).is_err(), "{host}");
            assert!(endpoint(host, true).is_ok(), "{host}");
        }
        assert!(endpoint("http://login.microsoftonline.com", true).is_err());
        assert!(endpoint("http://localhost.example", true).is_err());
    }

    #[test]
    fn urls_with_more_than_a_host_are_refused_without_being_quoted() {
        for host in
            ["https://u:canary-4711@h", "https://h/?sig=canary-4711", "https://h/#a", "mailto:a@b"]
        {
            let error = endpoint(host, false).unwrap_err();
            assert!(!error.to_string().contains("canary"), "{error}");
        }
    }

    #[test]
    fn another_tenant_is_asked_only_if_it_is_allowed() {
        for (allowed, tenant, is_allowed) in [
            ("", "contoso.com", true),
            ("", "fabrikam.com", false),
            ("fabrikam.com; wingtip.com", "Fabrikam.com", true),
            ("fabrikam.com; wingtip.com", "adatum.com", false),
            ("*", "adatum.com", true),
        ] {
            let options = AuthorityOptions {
                allowed_tenants: allowed.parse().unwrap(),
                ..AuthorityOptions::default()
            };
            let authority = Authority::new("contoso.com".parse().unwrap(), &options).unwrap();
            let endpoint = authority.token_endpoint_in(Some(&tenant.parse().unwrap()));
            match endpoint {
                Ok(url) => assert!(is_allowed && url.path().starts_with(&format!("/{tenant}/"))),
                Err(failure) => assert!(!is_allowed && failure.message.contains(tenant)),
            }
        }
        assert!("fabrikam.com;a b".parse::<AllowedTenants>().is_err());
    }
}
