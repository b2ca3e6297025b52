//! Where tokens are issued: authority host and tenant, checked before any secret goes there.

use url::Url;

use crate::{
    error::{Failure, Result},
    ids::TenantId,
};

/// The authority host of the public cloud.
pub const DEFAULT_AUTHORITY_HOST: &str = "https://login.microsoftonline.com";

/// The choice of an authority host, before it is checked.
#[derive(Clone, Debug, Default)]
pub(crate) struct AuthorityOptions {
    pub(crate) host: Option<Url>,
    pub(crate) danger_allow_loopback_http: bool,
}

/// A checked authority host and a tenant.
#[derive(Clone, Debug)]
pub(crate) struct Authority {
    tenant_id: TenantId,
    token_endpoint: Url,
}

impl Authority {
    pub(crate) fn new(tenant_id: TenantId, options: &AuthorityOptions) -> Result<Self> {
        let mut url = match &options.host {
            Some(host) => host.clone(),
            None => Url::parse(DEFAULT_AUTHORITY_HOST).map_err(|error| {
                Failure::invalid_input("cannot read the default authority host").source(error)
            })?,
        };
        check(&url, options.danger_allow_loopback_http)?;
        let path = [tenant_id.as_str(), "oauth2", "v2.0", "token"];
        // Always there: a URL with a host, as was checked, can have a path.
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(path);
        }
        Ok(Self { tenant_id, token_endpoint: url })
    }

    pub(crate) fn tenant_id(&self) -> &TenantId {
        &self.tenant_id
    }

    /// The URL that requests are posted to, which is also the audience of a client assertion.
    pub(crate) fn token_endpoint(&self) -> &Url {
        &self.token_endpoint
    }
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
        let options =
            AuthorityOptions { host: Some(Url::parse(host).unwrap()), danger_allow_loopback_http };
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
}
