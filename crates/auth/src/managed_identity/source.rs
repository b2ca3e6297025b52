//! Where managed identities are served, and how a host tells of it.

use std::path::PathBuf;

use secrecy::SecretString;
use url::Url;

use super::thumbprint::Thumbprint;
use crate::{
    env::{self, Env},
    error::{Failure, Result},
    identity::Identity,
    ids::ClientId,
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
    /// The agent of a machine elsewhere that is connected by Azure Arc. It asks for the contents of a file that only
    /// those may read who may have tokens.
    ///
    /// Spec: <https://learn.microsoft.com/azure/azure-arc/servers/managed-identity-authentication>
    Arc {
        /// What `IDENTITY_ENDPOINT` says.
        endpoint: Url,
        /// The folder in which the file must be: [`DEFAULT_ARC_KEYS_FOLDER`].
        keys: PathBuf,
    },
    /// Cloud Shell, whose identity is the user that is signed in.
    ///
    /// Spec: <https://learn.microsoft.com/azure/cloud-shell/msi-authorization>
    CloudShell {
        /// What `MSI_ENDPOINT` says.
        endpoint: Url,
    },
    /// The instance metadata service of virtual machines, scale sets and Batch nodes.
    ///
    /// Spec: <https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/how-to-use-vm-token#get-a-token-using-http>
    Imds {
        /// The base URL, without the path of the token endpoint.
        endpoint: Url,
    },
    /// A compute of Azure Machine Learning.
    ///
    /// Spec: <https://learn.microsoft.com/azure/machine-learning/how-to-identity-based-service-authentication>
    MachineLearning {
        /// What `MSI_ENDPOINT` says.
        endpoint: Url,
        /// What `MSI_SECRET` says.
        secret: SecretString,
        /// What `DEFAULT_IDENTITY_CLIENT_ID` says: the identity for requests that name none.
        default_client_id: Option<ClientId>,
    },
    /// An application of Service Fabric, whose cluster decides about the identity.
    ///
    /// Spec: <https://learn.microsoft.com/azure/service-fabric/how-to-managed-identity-service-fabric-app-code>
    ServiceFabric {
        /// What `IDENTITY_ENDPOINT` says; `https`.
        endpoint: Url,
        /// What `IDENTITY_HEADER` says; a secret.
        header: SecretString,
        /// What `IDENTITY_SERVER_THUMBPRINT` says: the certificate that the endpoint must show.
        thumbprint: Thumbprint,
    },
}

/// Where the agent of Azure Arc writes the files by which its clients prove themselves.
pub const DEFAULT_ARC_KEYS_FOLDER: &str = if cfg!(windows) {
    r"C:\ProgramData\AzureConnectedMachineAgent\Tokens"
} else {
    "/var/opt/azcmagent/tokens"
};

impl ManagedIdentitySource {
    /// The source that `env` tells of; `imds_endpoint` is the caller's own address of IMDS.
    pub(super) fn find(env: &Env, imds_endpoint: Option<Url>) -> Result<Self> {
        let url = |variable| env.get(variable).map(|text| parse_url(variable, text)).transpose();
        if let Some(endpoint) = url(env::IDENTITY_ENDPOINT)? {
            return of_identity_endpoint(env, endpoint);
        }
        for (set, missing) in [
            (env::IDENTITY_HEADER, env::IDENTITY_ENDPOINT),
            (env::IDENTITY_SERVER_THUMBPRINT, env::IDENTITY_ENDPOINT),
            (env::IMDS_ENDPOINT, env::IDENTITY_ENDPOINT),
            (env::MSI_SECRET, env::MSI_ENDPOINT),
        ] {
            if env.contains(set) && !env.contains(missing) {
                return Err(half_a_pair(set, missing));
            }
        }
        if let Some(endpoint) = url(env::MSI_ENDPOINT)? {
            let Some(secret) = env.get_secret(env::MSI_SECRET) else {
                return Ok(Self::CloudShell { endpoint });
            };
            let default_client_id =
                env.get(env::DEFAULT_IDENTITY_CLIENT_ID).map(str::parse).transpose()?;
            return Ok(Self::MachineLearning { endpoint, secret, default_client_id });
        }
        let endpoint = match (imds_endpoint, url(env::AZURE_POD_IDENTITY_AUTHORITY_HOST)?) {
            (Some(endpoint), _) | (None, Some(endpoint)) => endpoint,
            (None, None) => parse_url("default", DEFAULT_IMDS_ENDPOINT)?,
        };
        Ok(Self::Imds { endpoint })
    }

    /// What a person calls it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::AppService { .. } => "the App Service identity endpoint",
            Self::Arc { .. } => "the Azure Arc agent",
            Self::CloudShell { .. } => "the Cloud Shell identity endpoint",
            Self::Imds { .. } => "the instance metadata service",
            Self::MachineLearning { .. } => "the Azure Machine Learning identity endpoint",
            Self::ServiceFabric { .. } => "the Service Fabric identity endpoint",
        }
    }

    /// The URL that requests go to, without query.
    pub fn endpoint(&self) -> &Url {
        match self {
            Self::AppService { endpoint, .. }
            | Self::Arc { endpoint, .. }
            | Self::CloudShell { endpoint }
            | Self::Imds { endpoint }
            | Self::MachineLearning { endpoint, .. }
            | Self::ServiceFabric { endpoint, .. } => endpoint,
        }
    }

    /// Refuses what can be known to fail: a URL without a host, an identity that cannot be named here.
    pub(super) fn check(&self, identity: &Identity) -> Result<()> {
        let endpoint = self.endpoint();
        if !endpoint.has_host() {
            let message = format!("`{endpoint}` is not the URL of an identity endpoint");
            return Err(Failure::invalid_input(message).into());
        }
        if matches!(self, Self::ServiceFabric { .. }) && endpoint.scheme() != "https" {
            let message = format!("`{endpoint}` is not https, as Service Fabric's endpoint is");
            return Err(Failure::invalid_input(message).into());
        }
        let hint = match (self, identity) {
            (_, Identity::SystemAssigned) => return Ok(()),
            (Self::CloudShell { .. }, _) => {
                "leave the identity away: it is the user that is signed in"
            }
            (Self::ServiceFabric { .. }, _) => {
                "leave the identity away: the manifest of the application binds it"
            }
            (Self::MachineLearning { .. }, Identity::ObjectId(_) | Identity::ResourceId(_)) => {
                "give the client id of the identity"
            }
            _ => return Ok(()),
        };
        Err(Failure::invalid_input(format!("{} cannot be asked for `{identity}`", self.name()))
            .hint(hint)
            .into())
    }
}

/// App Service, Service Fabric and Azure Arc set the same variable, each with others beside it.
fn of_identity_endpoint(env: &Env, endpoint: Url) -> Result<ManagedIdentitySource> {
    let header = env.get_secret(env::IDENTITY_HEADER);
    Ok(match (header, env.get(env::IDENTITY_SERVER_THUMBPRINT)) {
        (Some(header), Some(thumbprint)) => {
            let thumbprint = thumbprint.parse()?;
            ManagedIdentitySource::ServiceFabric { endpoint, header, thumbprint }
        }
        (Some(header), None) => ManagedIdentitySource::AppService { endpoint, header },
        (None, None) if env.contains(env::IMDS_ENDPOINT) => {
            ManagedIdentitySource::Arc { endpoint, keys: DEFAULT_ARC_KEYS_FOLDER.into() }
        }
        (None, _) => return Err(half_a_pair(env::IDENTITY_ENDPOINT, env::IDENTITY_HEADER)),
    })
}

fn half_a_pair(set: &str, missing: &str) -> crate::Error {
    Failure::invalid_input(format!("{set} is set and {missing} is not"))
        .hint("the host sets both; unset the one to use the metadata service of a virtual machine")
        .into()
}

fn parse_url(variable: &str, text: &str) -> Result<Url> {
    match Url::parse(text) {
        Ok(url) if url.has_host() && matches!(url.scheme(), "http" | "https") => Ok(url),
        _ => Err(Failure::invalid_input(format!("`{text}` of {variable} is not an http URL"))
            .hint("it looks like `http://HOST:PORT/PATH`")
            .into()),
    }
}

#[cfg(test)]
mod tests;
