//! Where managed identities are served, and how each source wants to be asked.

use azure_core::http::{Method, Request, headers::HeaderName};
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use crate::{
    env::{self, Env},
    error::{ErrorKind, Failure, Result},
    identity::Identity,
};

/// The address of IMDS, the same on every virtual machine of Azure.
pub const DEFAULT_IMDS_ENDPOINT: &str = "http://169.254.169.254";

/// A service that gives tokens to the code of its own machine or container.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum ManagedIdentitySource {
    /// The identity endpoint of App Service, Functions and Container Apps.
    ///
    /// Spec: <https://learn.microsoft.com/azure/app-service/overview-managed-identity#rest-endpoint-reference>
    AppService {
        /// What `IDENTITY_ENDPOINT` says.
        endpoint: Url,
        /// What `IDENTITY_HEADER` says; a secret.
        header: SecretString,
    },
    /// The instance metadata service of virtual machines, scale sets and Batch nodes.
    ///
    /// Spec: <https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/how-to-use-vm-token#get-a-token-using-http>
    Imds {
        /// The base URL, without the path of the token endpoint.
        endpoint: Url,
    },
}

impl ManagedIdentitySource {
    /// The source that `env` tells of; `imds_endpoint` is the caller's own address of IMDS.
    pub(super) fn find(env: &Env, imds_endpoint: Option<Url>) -> Result<Self> {
        refuse_other_hosts(env)?;
        match (env.get(env::IDENTITY_ENDPOINT), env.get_secret(env::IDENTITY_HEADER)) {
            (Some(endpoint), Some(header)) => {
                let endpoint = parse_url(env::IDENTITY_ENDPOINT, endpoint)?;
                Ok(Self::AppService { endpoint, header })
            }
            (None, None) => {
                let endpoint =
                    match (imds_endpoint, env.get(env::AZURE_POD_IDENTITY_AUTHORITY_HOST)) {
                        (Some(endpoint), _) => endpoint,
                        (None, Some(host)) => {
                            parse_url(env::AZURE_POD_IDENTITY_AUTHORITY_HOST, host)?
                        }
                        (None, None) => parse_url("default", DEFAULT_IMDS_ENDPOINT)?,
                    };
                Ok(Self::Imds { endpoint })
            }
            (endpoint, _) => {
                let (set, missing) = if endpoint.is_some() {
                    (env::IDENTITY_ENDPOINT, env::IDENTITY_HEADER)
                } else {
                    (env::IDENTITY_HEADER, env::IDENTITY_ENDPOINT)
                };
                Err(Failure::invalid_input(format!("{set} is set and {missing} is not"))
                    .hint("App Service sets both; unset the one to use the metadata service of a virtual machine")
                    .into())
            }
        }
    }

    /// What a person calls it.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::AppService { .. } => "the App Service identity endpoint",
            Self::Imds { .. } => "the instance metadata service",
        }
    }

    /// The URL that requests go to, without query.
    pub fn endpoint(&self) -> &Url {
        match self {
            Self::AppService { endpoint, .. } | Self::Imds { endpoint } => endpoint,
        }
    }

    pub(super) fn request(&self, resource: &str, identity: &Identity) -> Request {
        match self {
            Self::AppService { endpoint, header } => {
                let mut url = endpoint.clone();
                let names = QueryNames { object_id: "principal_id", resource_id: "mi_res_id" };
                names.write(&mut url, APP_SERVICE_API_VERSION, resource, identity);
                let mut request = Request::new(url, Method::Get);
                request.insert_header(X_IDENTITY_HEADER, header.expose_secret().to_owned());
                request
            }
            Self::Imds { endpoint } => {
                let mut url = endpoint.clone();
                if let Ok(mut segments) = url.path_segments_mut() {
                    segments.pop_if_empty().extend(["metadata", "identity", "oauth2", "token"]);
                }
                let names = QueryNames { object_id: "object_id", resource_id: "msi_res_id" };
                names.write(&mut url, IMDS_API_VERSION, resource, identity);
                let mut request = Request::new(url, Method::Get);
                // Proves that no redirect or forgery on the way made this request.
                request.insert_header(METADATA, "true");
                request
            }
        }
    }
}

/// The names by which a source calls the ids that it does not call `client_id`.
struct QueryNames {
    object_id: &'static str,
    resource_id: &'static str,
}

impl QueryNames {
    fn write(&self, url: &mut Url, api_version: &str, resource: &str, identity: &Identity) {
        let mut query = url.query_pairs_mut();
        query.append_pair("api-version", api_version).append_pair("resource", resource);
        match identity {
            Identity::ClientId(id) => query.append_pair("client_id", &id.to_string()),
            Identity::ObjectId(id) => query.append_pair(self.object_id, &id.to_string()),
            Identity::ResourceId(id) => query.append_pair(self.resource_id, id.as_str()),
            Identity::SystemAssigned => &mut query,
        };
    }
}

/// Refuses hosts whose protocol is another one, rather than asking an endpoint that means something else.
fn refuse_other_hosts(env: &Env) -> Result<()> {
    let host = if env.contains(env::IDENTITY_SERVER_THUMBPRINT) {
        "Service Fabric (IDENTITY_SERVER_THUMBPRINT is set)"
    } else if env.contains(env::IMDS_ENDPOINT) {
        "Azure Arc (IMDS_ENDPOINT is set)"
    } else if env.contains(env::MSI_ENDPOINT) && !env.contains(env::IDENTITY_ENDPOINT) {
        "Cloud Shell or Azure Machine Learning (MSI_ENDPOINT is set)"
    } else {
        return Ok(());
    };
    Err(Failure::new(
        ErrorKind::Unsupported,
        format!("the managed identity of {host} is not supported"),
    )
    .hint("use an application with a certificate there, or unset the variable if it is a left-over")
    .into())
}

fn parse_url(variable: &str, text: &str) -> Result<Url> {
    match Url::parse(text) {
        Ok(url) if url.has_host() && matches!(url.scheme(), "http" | "https") => Ok(url),
        _ => Err(Failure::invalid_input(format!("`{text}` of {variable} is not an http URL"))
            .hint("it looks like `http://HOST:PORT/PATH`")
            .into()),
    }
}

/// The first version that knows `principal_id` and `mi_res_id`.
const APP_SERVICE_API_VERSION: &str = "2019-08-01";
const IMDS_API_VERSION: &str = "2018-02-01";
const METADATA: HeaderName = HeaderName::from_static("metadata");
const X_IDENTITY_HEADER: HeaderName = HeaderName::from_static("x-identity-header");

#[cfg(test)]
mod tests {
    use super::*;

    const GUID: &str = "0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0";
    const ARM: &str = "/subscriptions/s/resourceGroups/g/providers/Microsoft.ManagedIdentity/userAssignedIdentities/n";

    fn find(variables: &[(&str, &str)]) -> Result<ManagedIdentitySource> {
        ManagedIdentitySource::find(&variables.iter().copied().collect(), None)
    }

    #[test]
    fn the_environment_chooses_the_source() {
        for (variables, name, endpoint) in [
            (vec![], "the instance metadata service", "http://169.254.169.254/"),
            (
                vec![(env::AZURE_POD_IDENTITY_AUTHORITY_HOST, "http://localhost:1")],
                "the instance metadata service",
                "http://localhost:1/",
            ),
            (
                vec![
                    (env::IDENTITY_ENDPOINT, "http://localhost:2/msi/token"),
                    (env::IDENTITY_HEADER, "h"),
                ],
                "the App Service identity endpoint",
                "http://localhost:2/msi/token",
            ),
        ] {
            let source = find(&variables).unwrap();
            assert_eq!((source.name(), source.endpoint().as_str()), (name, endpoint));
        }
    }

    #[test]
    fn the_callers_address_of_imds_wins_over_the_environment_but_does_not_choose_imds() {
        let own = Url::parse("http://localhost:9/").unwrap();
        let pod = Env::from_iter([(env::AZURE_POD_IDENTITY_AUTHORITY_HOST, "http://localhost:1")]);
        let source = ManagedIdentitySource::find(&pod, Some(own.clone())).unwrap();
        assert_eq!(source.endpoint(), &own);
        let app = Env::from_iter([
            (env::IDENTITY_ENDPOINT, "http://localhost:2/"),
            (env::IDENTITY_HEADER, "h"),
        ]);
        let source = ManagedIdentitySource::find(&app, Some(own)).unwrap();
        assert_eq!(source.endpoint().as_str(), "http://localhost:2/");
    }

    #[test]
    fn half_a_pair_broken_urls_and_other_hosts_are_refused() {
        let endpoint = (env::IDENTITY_ENDPOINT, "http://localhost:2/");
        let header = (env::IDENTITY_HEADER, "canary-4711");
        for (variables, kind) in [
            (vec![endpoint], ErrorKind::InvalidInput),
            (vec![header], ErrorKind::InvalidInput),
            (vec![(env::IDENTITY_ENDPOINT, "localhost"), header], ErrorKind::InvalidInput),
            (vec![(env::AZURE_POD_IDENTITY_AUTHORITY_HOST, "h:1")], ErrorKind::InvalidInput),
            (
                vec![endpoint, header, (env::IDENTITY_SERVER_THUMBPRINT, "t")],
                ErrorKind::Unsupported,
            ),
            (vec![endpoint, (env::IMDS_ENDPOINT, "http://localhost:3/")], ErrorKind::Unsupported),
            (vec![(env::MSI_ENDPOINT, "http://localhost:4/")], ErrorKind::Unsupported),
        ] {
            let error = find(&variables).unwrap_err();
            assert_eq!(error.kind(), kind, "{error}");
            assert!(!error.to_string().contains("canary"), "{error}");
        }
    }

    #[test]
    fn each_source_has_its_own_names_for_an_identity() {
        let imds = find(&[]).unwrap();
        let app = find(&[
            (env::IDENTITY_ENDPOINT, "http://localhost:2/msi/token"),
            (env::IDENTITY_HEADER, "h"),
        ])
        .unwrap();
        let imds_url =
            "http://169.254.169.254/metadata/identity/oauth2/token?api-version=2018-02-01";
        let app_url = "http://localhost:2/msi/token?api-version=2019-08-01";
        let resource = "resource=https%3A%2F%2Fvault.azure.net";
        let arm = "%2Fsubscriptions%2Fs%2FresourceGroups%2Fg%2Fproviders%2FMicrosoft.ManagedIdentity\
                   %2FuserAssignedIdentities%2Fn";
        for (source, identity, expected) in [
            (&imds, "system", format!("{imds_url}&{resource}")),
            (&imds, GUID, format!("{imds_url}&{resource}&client_id={GUID}")),
            (&imds, &format!("object:{GUID}"), format!("{imds_url}&{resource}&object_id={GUID}")),
            (&imds, ARM, format!("{imds_url}&{resource}&msi_res_id={arm}")),
            (&app, "system", format!("{app_url}&{resource}")),
            (&app, GUID, format!("{app_url}&{resource}&client_id={GUID}")),
            (&app, &format!("object:{GUID}"), format!("{app_url}&{resource}&principal_id={GUID}")),
            (&app, ARM, format!("{app_url}&{resource}&mi_res_id={arm}")),
        ] {
            let request = source.request("https://vault.azure.net", &identity.parse().unwrap());
            assert_eq!(request.url().as_str(), expected);
        }
    }

    #[test]
    fn debug_does_not_show_the_identity_header() {
        let source = find(&[
            (env::IDENTITY_ENDPOINT, "http://localhost:2/"),
            (env::IDENTITY_HEADER, "canary-4711"),
        ])
        .unwrap();
        assert!(!format!("{source:?}").contains("canary"));
    }
}
