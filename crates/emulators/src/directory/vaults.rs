//! What a vault asks of its callers beside their roles: the tenant that issued their token, an
//! address that its firewall lets in, and access policies where they decide in place of roles.

use super::Tenants;
use crate::{
    config::{Config, FirewallConfig, SecretPermission},
    error::{Error, ErrorKind, Result},
};

/// Whom one vault lets in.
#[derive(Debug)]
pub(crate) struct VaultAccess {
    name: String,
    /// The tenant whose tokens it takes.
    pub(crate) tenant_id: String,
    pub(crate) firewall: FirewallConfig,
    /// `None`: roles decide.
    policies: Option<Vec<AccessPolicy>>,
}

#[derive(Debug)]
struct AccessPolicy {
    /// The name of the principal.
    principal: String,
    secrets: Vec<SecretPermission>,
}

impl VaultAccess {
    /// Those of all vaults. `check_principal` refuses names of nobody.
    pub(super) fn all(
        config: &Config,
        tenants: &Tenants,
        check_principal: impl Fn(&str) -> Result<()>,
    ) -> Result<Vec<Self>> {
        let mut all: Vec<Self> = Vec::new();
        for vault in &config.vaults {
            if vault.name.is_empty() || all.iter().any(|other| other.is_called(&vault.name)) {
                return Err(Error::new(
                    ErrorKind::InvalidInput,
                    format!("\"{}\" is no name for a vault, or that of another one", vault.name),
                ));
            }
            let tenant_id = vault.tenant_id.unwrap_or(config.tenant_id).to_string();
            if tenants.find(&tenant_id).is_none() {
                return Err(Error::new(
                    ErrorKind::InvalidInput,
                    format!(
                        "the vault \"{}\" belongs to {tenant_id}, which is no tenant",
                        vault.name
                    ),
                ));
            }
            for policy in vault.access_policies.iter().flatten() {
                check_principal(&policy.principal)?;
            }
            let policies = vault.access_policies.as_ref().map(|policies| {
                let policies = policies.iter().map(|policy| AccessPolicy {
                    principal: policy.principal.clone(),
                    secrets: policy.secrets.clone(),
                });
                policies.collect()
            });
            let (name, firewall) = (vault.name.clone(), vault.firewall);
            all.push(Self { name, tenant_id, firewall, policies });
        }
        Ok(all)
    }

    pub(super) fn is_called(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name)
    }

    /// Whether the principal may do this by the vault's access policies; `None` if roles decide.
    pub(crate) fn permits(&self, principal: &str, permission: SecretPermission) -> Option<bool> {
        let policies = self.policies.as_ref()?;
        Some(
            policies.iter().any(|policy| {
                policy.principal == principal && policy.secrets.contains(&permission)
            }),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        config::{AccessPolicyConfig, VaultConfig},
        directory::Directory,
    };

    fn with_policies(policies: Option<Vec<AccessPolicyConfig>>) -> Result<Directory> {
        let mut config = Config::default();
        config.vaults[0].access_policies = policies;
        Directory::new(&config)
    }

    #[test]
    fn policies_decide_once_there_are_any_be_they_none() {
        let permits = |policies: Option<Vec<AccessPolicyConfig>>, permission| {
            let directory = with_policies(policies).unwrap();
            directory.vault("KV-demo").unwrap().permits("uami-demo", permission)
        };
        let of = |principal: &str, secrets: &[SecretPermission]| AccessPolicyConfig {
            principal: principal.into(),
            secrets: secrets.to_vec(),
        };
        let get = SecretPermission::Get;
        assert_eq!(permits(None, get), None);
        assert_eq!(permits(Some(Vec::new()), get), Some(false));
        assert_eq!(permits(Some(vec![of("app-demo", &[get])]), get), Some(false));
        let both = vec![of("uami-demo", &[SecretPermission::List]), of("uami-demo", &[get])];
        assert_eq!(permits(Some(both.clone()), get), Some(true));
        assert_eq!(permits(Some(both), SecretPermission::Set), Some(false));
    }

    #[test]
    fn a_vault_has_a_name_and_no_other_has_it() {
        for (name, fine) in [("kv-other", true), ("KV-Demo", false), ("", false)] {
            let mut config = Config::default();
            config.vaults.push(VaultConfig { name: name.into(), ..VaultConfig::default() });
            match Directory::new(&config) {
                Ok(_) => assert!(fine, "{name}"),
                Err(error) => {
                    assert!(!fine, "{error}");
                    assert_eq!(error.kind(), ErrorKind::InvalidInput);
                }
            }
        }
    }

    #[test]
    fn a_policy_of_nobody_and_a_tenant_that_is_none_are_refused() {
        let policy = AccessPolicyConfig { principal: "nobody".into(), secrets: Vec::new() };
        assert_eq!(
            with_policies(Some(vec![policy])).unwrap_err().to_string(),
            "an access policy names \"nobody\", which is no managed identity and no app"
        );
        let mut config = Config::default();
        let stranger = uuid::Uuid::new_v4();
        config.vaults[0].tenant_id = Some(stranger);
        let error = Directory::new(&config).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert_eq!(
            error.to_string(),
            format!("the vault \"kv-demo\" belongs to {stranger}, which is no tenant")
        );
    }
}
