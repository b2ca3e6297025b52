//! Environment variables: their names, what they mean, and [`Env`], the value in which they are passed.
//!
//! The names are those of the other Azure tools, so that one environment serves them all. Nothing in this
//! crate reads the process environment by itself; a program calls [`Env::from_process`] once.

use std::{collections::BTreeMap, fmt};

use secrecy::{ExposeSecret, SecretString};

/// Tenant (directory) id or domain of the application.
pub const AZURE_TENANT_ID: &str = "AZURE_TENANT_ID";
/// Client id: of the application if there is a secret or certificate, else of a user-assigned identity.
pub const AZURE_CLIENT_ID: &str = "AZURE_CLIENT_ID";
/// Client secret of the application.
pub const AZURE_CLIENT_SECRET: &str = "AZURE_CLIENT_SECRET";
/// Path of a PEM or PKCS#12 file with the application's certificate and key.
pub const AZURE_CLIENT_CERTIFICATE_PATH: &str = "AZURE_CLIENT_CERTIFICATE_PATH";
/// Password of the PKCS#12 file.
pub const AZURE_CLIENT_CERTIFICATE_PASSWORD: &str = "AZURE_CLIENT_CERTIFICATE_PASSWORD";
/// `true` or `1`: send the certificate chain, for applications that trust by subject name and issuer.
pub const AZURE_CLIENT_SEND_CERTIFICATE_CHAIN: &str = "AZURE_CLIENT_SEND_CERTIFICATE_CHAIN";
/// Path of a file with a token that the application trusts, as Kubernetes keeps it for workload identity.
pub const AZURE_FEDERATED_TOKEN_FILE: &str = "AZURE_FEDERATED_TOKEN_FILE";
/// Tenants, separated by semicolons, in which tokens may be asked for beside the application's own; `*`: in any.
pub const AZURE_ADDITIONALLY_ALLOWED_TENANTS: &str = "AZURE_ADDITIONALLY_ALLOWED_TENANTS";
/// URL of the Entra ID authority, such as `https://login.microsoftonline.us`.
pub const AZURE_AUTHORITY_HOST: &str = "AZURE_AUTHORITY_HOST";
/// Which credential is meant: `prod`, or the name of one, such as `ManagedIdentityCredential`.
pub const AZURE_TOKEN_CREDENTIALS: &str = "AZURE_TOKEN_CREDENTIALS";
/// Base URL that replaces `http://169.254.169.254` for managed identity.
pub const AZURE_POD_IDENTITY_AUTHORITY_HOST: &str = "AZURE_POD_IDENTITY_AUTHORITY_HOST";
/// URL of the managed identity endpoint of App Service, Functions, Container Apps, Service Fabric or Azure Arc.
pub const IDENTITY_ENDPOINT: &str = "IDENTITY_ENDPOINT";
/// Secret that proves to [`IDENTITY_ENDPOINT`] that the request comes from this container.
pub const IDENTITY_HEADER: &str = "IDENTITY_HEADER";
/// Thumbprint of the identity endpoint's certificate: set by Service Fabric only.
pub const IDENTITY_SERVER_THUMBPRINT: &str = "IDENTITY_SERVER_THUMBPRINT";
/// Metadata endpoint: set by the agent of Azure Arc only.
pub const IMDS_ENDPOINT: &str = "IMDS_ENDPOINT";
/// Identity endpoint of Cloud Shell and Azure Machine Learning.
pub const MSI_ENDPOINT: &str = "MSI_ENDPOINT";
/// Secret that proves to [`MSI_ENDPOINT`] of Azure Machine Learning that the request comes from this compute.
pub const MSI_SECRET: &str = "MSI_SECRET";
/// Client id of the identity that an Azure Machine Learning compute has by default.
pub const DEFAULT_IDENTITY_CLIENT_ID: &str = "DEFAULT_IDENTITY_CLIENT_ID";
/// Folder of an Azure Batch node with the pool's certificates, `sha1-<thumbprint>.pfx` and `.pfx.pw`.
pub const AZ_BATCH_CERTIFICATES_DIR: &str = "AZ_BATCH_CERTIFICATES_DIR";

/// Every variable of this module, in alphabetical order; [`Env::from_process`] reads these and no others.
pub const ALL: &[&str] = &[
    AZURE_ADDITIONALLY_ALLOWED_TENANTS,
    AZURE_AUTHORITY_HOST,
    AZURE_CLIENT_CERTIFICATE_PASSWORD,
    AZURE_CLIENT_CERTIFICATE_PATH,
    AZURE_CLIENT_ID,
    AZURE_CLIENT_SECRET,
    AZURE_CLIENT_SEND_CERTIFICATE_CHAIN,
    AZURE_FEDERATED_TOKEN_FILE,
    AZURE_POD_IDENTITY_AUTHORITY_HOST,
    AZURE_TENANT_ID,
    AZURE_TOKEN_CREDENTIALS,
    AZ_BATCH_CERTIFICATES_DIR,
    DEFAULT_IDENTITY_CLIENT_ID,
    IDENTITY_ENDPOINT,
    IDENTITY_HEADER,
    IDENTITY_SERVER_THUMBPRINT,
    IMDS_ENDPOINT,
    MSI_ENDPOINT,
    MSI_SECRET,
];

/// The environment as a value: what a program captured from its process, or what a test made up.
///
/// A variable that is set to nothing counts as not set, as in the other Azure tools. `Debug` shows names only.
///
/// ```
/// use azconnect_auth::{Env, env};
///
/// let env = Env::from_iter([(env::AZURE_TENANT_ID, "contoso.example"), (env::AZURE_CLIENT_ID, "")]);
/// assert_eq!(env.get(env::AZURE_TENANT_ID), Some("contoso.example"));
/// assert_eq!(env.get(env::AZURE_CLIENT_ID), None);
/// ```
#[derive(Clone, Default)]
pub struct Env {
    values: BTreeMap<String, SecretString>,
}

impl Env {
    /// Captures the variables of [`ALL`] from the process. Meant to be called once, by a program.
    ///
    /// A value that is not Unicode counts as not set.
    pub fn from_process() -> Self {
        #[expect(
            clippy::disallowed_methods,
            reason = "the one place where a program hands its environment to this crate"
        )]
        ALL.iter().filter_map(|name| Some((*name, std::env::var(name).ok()?))).collect()
    }

    /// The variable's value, if it is set to something.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(ExposeSecret::expose_secret)
    }

    /// The variable's value as a secret, if it is set to something.
    pub fn get_secret(&self, name: &str) -> Option<SecretString> {
        self.values.get(name).cloned()
    }

    /// Whether the variable is set to something.
    pub fn contains(&self, name: &str) -> bool {
        self.values.contains_key(name)
    }
}

impl<Name: Into<String>, Value: Into<String>> FromIterator<(Name, Value)> for Env {
    fn from_iter<I: IntoIterator<Item = (Name, Value)>>(variables: I) -> Self {
        let values = variables
            .into_iter()
            .map(|(name, value)| (name.into(), value.into()))
            .filter(|(_, value)| !value.is_empty())
            .map(|(name, value)| (name, SecretString::from(value)))
            .collect();
        Self { values }
    }
}

impl fmt::Debug for Env {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Env ")?;
        formatter.debug_set().entries(self.values.keys()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_of_variables_is_sorted_and_complete() {
        let names = include_str!("env.rs")
            .lines()
            .filter_map(|line| line.strip_prefix("pub const ")?.split_once(": &str = "))
            .map(|(name, _)| name)
            .collect::<std::collections::BTreeSet<_>>();
        assert_eq!(names.into_iter().collect::<Vec<_>>(), ALL);
    }

    #[test]
    fn debug_shows_names_and_no_values() {
        let env = Env::from_iter([(AZURE_CLIENT_SECRET, "canary-4711")]);
        let text = format!("{env:?}");
        assert!(text.contains(AZURE_CLIENT_SECRET) && !text.contains("canary"), "{text}");
    }
}
