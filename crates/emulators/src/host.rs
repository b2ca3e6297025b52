//! The places that give a program a managed identity, and the variables by which each of them tells
//! the program.

use std::{collections::BTreeMap, fmt, str::FromStr};

use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};

use crate::emulators::Emulators;

/// Where a program with a managed identity runs. The places differ in the variables they set, in
/// how a request proves where it comes from, and in their answers.
///
/// Spelled in configuration and on the command line as its [`name`](Self::name).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum ManagedIdentityHost {
    /// App Service, Functions and Container Apps.
    AppService,
    /// A machine elsewhere with the Azure Connected Machine agent (Azure Arc).
    Arc,
    /// Azure Cloud Shell.
    CloudShell,
    /// A virtual machine, scale set or Batch node: the instance metadata service.
    Imds,
    /// A compute of Azure Machine Learning.
    MachineLearning,
    /// An application in a Service Fabric cluster.
    ServiceFabric,
}

impl ManagedIdentityHost {
    /// Every host.
    pub const ALL: [Self; 6] = [
        Self::AppService,
        Self::Arc,
        Self::CloudShell,
        Self::Imds,
        Self::MachineLearning,
        Self::ServiceFabric,
    ];

    /// Every variable that some host sets. Who moves a program to another host unsets the rest, as
    /// SDKs decide by which of them are there.
    pub const VARIABLES: [&str; 8] = [
        "AZURE_POD_IDENTITY_AUTHORITY_HOST",
        "DEFAULT_IDENTITY_CLIENT_ID",
        "IDENTITY_ENDPOINT",
        "IDENTITY_HEADER",
        "IDENTITY_SERVER_THUMBPRINT",
        "IMDS_ENDPOINT",
        "MSI_ENDPOINT",
        "MSI_SECRET",
    ];

    /// The name: `app-service`, `arc`, `cloud-shell`, `imds`, `machine-learning` or
    /// `service-fabric`.
    pub fn name(self) -> &'static str {
        match self {
            Self::AppService => "app-service",
            Self::Arc => "arc",
            Self::CloudShell => "cloud-shell",
            Self::Imds => "imds",
            Self::MachineLearning => "machine-learning",
            Self::ServiceFabric => "service-fabric",
        }
    }
}

impl fmt::Display for ManagedIdentityHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for ManagedIdentityHost {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|host| host.name() == text)
            .ok_or_else(|| format!("`{text}` is none of {}", Self::ALL.map(Self::name).join(", ")))
    }
}

impl Emulators {
    /// The variables that `host` sets for its programs, by name, and no others: they hold secrets.
    ///
    /// A real virtual machine sets none, as IMDS has a fixed address; here it is the one that moves
    /// the SDKs to another.
    pub fn managed_identity_environment(
        &self,
        host: ManagedIdentityHost,
    ) -> BTreeMap<&'static str, String> {
        let endpoints = self.endpoints();
        let secrets = &self.state().managed_identity.secrets;
        match host {
            ManagedIdentityHost::AppService => BTreeMap::from([
                ("IDENTITY_ENDPOINT", endpoints.identity_endpoint()),
                ("IDENTITY_HEADER", secrets.app_service.expose_secret().to_owned()),
            ]),
            ManagedIdentityHost::Arc => BTreeMap::from([
                ("IDENTITY_ENDPOINT", endpoints.arc_endpoint()),
                ("IMDS_ENDPOINT", endpoints.arc_url()),
            ]),
            ManagedIdentityHost::CloudShell => {
                BTreeMap::from([("MSI_ENDPOINT", endpoints.cloud_shell_endpoint())])
            }
            ManagedIdentityHost::Imds => {
                BTreeMap::from([("AZURE_POD_IDENTITY_AUTHORITY_HOST", endpoints.imds_url())])
            }
            ManagedIdentityHost::MachineLearning => {
                let mut environment = BTreeMap::from([
                    ("MSI_ENDPOINT", endpoints.machine_learning_endpoint()),
                    ("MSI_SECRET", secrets.machine_learning.expose_secret().to_owned()),
                ]);
                let identities = self.state().directory.identities_on(host);
                if let Some(default) = identities.first() {
                    environment.insert("DEFAULT_IDENTITY_CLIENT_ID", default.app_id.clone());
                }
                environment
            }
            ManagedIdentityHost::ServiceFabric => BTreeMap::from([
                ("IDENTITY_ENDPOINT", endpoints.service_fabric_endpoint()),
                ("IDENTITY_HEADER", secrets.service_fabric.expose_secret().to_owned()),
                ("IDENTITY_SERVER_THUMBPRINT", self.service_fabric_thumbprint().to_owned()),
            ]),
        }
    }

    /// [`Emulators::environment`] as on one host: with the variables of that host and of no other.
    pub fn environment_on(&self, host: ManagedIdentityHost) -> BTreeMap<&'static str, String> {
        let mut environment = self.environment();
        environment.retain(|name, _| !ManagedIdentityHost::VARIABLES.contains(name));
        environment.extend(self.managed_identity_environment(host));
        environment
    }

    /// The variables of every host, as JSON: an object of objects, by the name of the host.
    pub(crate) fn hosts(&self) -> String {
        let hosts: BTreeMap<&str, _> = ManagedIdentityHost::ALL
            .into_iter()
            .map(|host| (host.name(), self.managed_identity_environment(host)))
            .collect();
        serde_json::json!(hosts).to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::ManagedIdentityHost;

    #[test]
    fn names_are_read_as_they_are_written_in_json_and_on_the_command_line() {
        for host in ManagedIdentityHost::ALL {
            assert_eq!(host.name().parse(), Ok(host));
            assert_eq!(serde_json::to_value(host).unwrap(), host.name());
        }
        let error = "vm".parse::<ManagedIdentityHost>().unwrap_err();
        assert!(error.starts_with("`vm` is none of app-service, arc, "), "{error}");
    }
}
