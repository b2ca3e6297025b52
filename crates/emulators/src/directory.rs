//! Who exists: managed identities and apps with their credentials, role assignments, SQL users and
//! logins, what vaults ask. Built once from the configuration, which it checks; only certificates and
//! role assignments can change later.

mod assignments;
mod groups;
mod tenants;
mod vaults;

use std::{
    collections::{BTreeMap, HashSet},
    fs,
    path::Path,
    sync::{PoisonError, RwLock},
};

use aws_lc_rs::constant_time;
use azconnect_cert_tools::{Certificate, ThumbprintAlgorithm};
use jsonwebtoken::DecodingKey;
use secrecy::{ExposeSecret, SecretString};

use self::{assignments::Assignments, groups::Groups, tenants::Tenants};
pub(crate) use self::{tenants::Tenant, vaults::VaultAccess};
use crate::{
    config::{AppConfig, Config, FederatedIdentityCredentialConfig, ManagedIdentityConfig},
    error::{Error, ErrorKind, Result},
    host::ManagedIdentityHost,
    roles::Role,
    tokens::exchange_issuer,
};

/// Everybody the emulators know.
#[derive(Debug)]
pub(crate) struct Directory {
    tenant_id: String,
    tenants: Tenants,
    principals: Vec<Principal>,
    /// The names of those that a host has, where they are not all there are.
    host_identities: BTreeMap<ManagedIdentityHost, Vec<String>>,
    groups: Groups,
    assignments: Assignments,
    vaults: Vec<VaultAccess>,
    sql_users: Vec<SqlUser>,
    sql_logins: Vec<SqlLogin>,
}

/// A managed identity or the service principal of an app.
#[derive(Debug)]
pub(crate) struct Principal {
    pub(crate) object_id: String,
    /// The client id.
    pub(crate) app_id: String,
    pub(crate) name: String,
    /// Its service principals in other tenants: none of a managed identity.
    pub(crate) elsewhere: Vec<ServicePrincipal>,
    pub(crate) kind: PrincipalKind,
}

/// What an app is in another tenant than its own.
#[derive(Debug)]
pub(crate) struct ServicePrincipal {
    pub(crate) tenant_id: String,
    pub(crate) object_id: String,
}

/// What a principal is, with what only its kind has.
#[derive(Debug)]
pub(crate) enum PrincipalKind {
    /// `resource_id` is `None` for the system-assigned identity.
    ManagedIdentity { resource_id: Option<String> },
    /// An app, which proves itself with a secret or a certificate.
    App(AppCredentials),
}

/// What an app may prove itself with.
#[derive(Debug)]
pub(crate) struct AppCredentials {
    client_secrets: Vec<SecretString>,
    certificates: RwLock<Vec<RegisteredCertificate>>,
    allow_assertion_reuse: bool,
    federated: Vec<FederatedCredential>,
}

/// Tokens of another issuer that an app trusts.
pub(crate) struct FederatedCredential {
    pub(crate) issuer: String,
    pub(crate) subject: String,
    pub(crate) audiences: Vec<String>,
    pub(crate) key: FederatedKey,
}

/// What the issuer signs with.
pub(crate) enum FederatedKey {
    Known(DecodingKey),
    /// The key of the tenant's own tokens.
    OfTenant,
}

impl std::fmt::Debug for FederatedCredential {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FederatedCredential")
            .field("issuer", &self.issuer)
            .field("subject", &self.subject)
            .finish_non_exhaustive()
    }
}

/// The public half of a certificate that was registered with an app.
#[derive(Clone)]
pub(crate) struct RegisteredCertificate {
    /// base64url without padding of the SHA-1 digest of the DER, as in `x5t`.
    pub(crate) sha1: String,
    /// base64url without padding of the SHA-256 digest of the DER, as in `x5t#S256`.
    pub(crate) sha256: String,
    pub(crate) public_key: DecodingKey,
}

impl std::fmt::Debug for RegisteredCertificate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RegisteredCertificate").field("sha1", &self.sha1).finish_non_exhaustive()
    }
}

/// A user in the database that stands for a principal.
#[derive(Debug)]
pub(crate) struct SqlUser {
    /// The name of the user, which is that of the principal.
    #[cfg_attr(not(feature = "synapse"), expect(dead_code, reason = "only Synapse asks"))]
    pub(crate) name: String,
    object_id: String,
}

#[derive(Debug)]
struct SqlLogin {
    name: String,
    password: SecretString,
}

impl Directory {
    pub(crate) fn new(config: &Config) -> Result<Self> {
        let mut principals = Vec::new();
        for identity in &config.managed_identities {
            principals.push(managed_identity(identity));
        }
        for app in &config.apps {
            principals.push(self::app(app, &config.tenant_id.to_string())?);
        }
        refuse_duplicates(&principals)?;
        let tenants = Tenants::new(config)?;
        refuse_unknown_tenants(&principals, &tenants)?;

        let object_id = |name: &str, whose: &str| {
            principals
                .iter()
                .find(|principal| principal.name == name)
                .map(|principal| principal.object_id.clone())
                .ok_or_else(|| {
                    Error::new(
                        ErrorKind::InvalidInput,
                        format!(
                            "{whose} names \"{name}\", which is no managed identity and no app"
                        ),
                    )
                })
        };
        let groups = Groups::new(config, |name| object_id(name, "a group"))?;
        let assignments = Assignments::default();
        for assignment in &config.role_assignments {
            object_id(&assignment.principal, "a role assignment")?;
            assignments.add(&assignment.principal, assignment.role, &assignment.resource)?;
        }
        let vaults = VaultAccess::all(config, &tenants, |principal| {
            object_id(principal, "an access policy").map(drop)
        })?;
        let mut sql_users = Vec::new();
        for user in &config.sql.users {
            sql_users.push(SqlUser {
                name: user.principal.clone(),
                object_id: object_id(&user.principal, "a SQL user")?,
            });
        }
        let sql_logins = config
            .sql
            .logins
            .iter()
            .map(|login| SqlLogin { name: login.name.clone(), password: login.password.clone() })
            .collect();
        let directory = Self {
            tenant_id: config.tenant_id.to_string(),
            tenants,
            principals,
            host_identities: config.host_identities.clone(),
            groups,
            assignments,
            vaults,
            sql_users,
            sql_logins,
        };
        directory.check_hosts()?;
        Ok(directory)
    }

    pub(crate) fn tenant_id(&self) -> &str {
        &self.tenant_id
    }

    /// All tenants.
    pub(crate) fn tenants(&self) -> &Tenants {
        &self.tenants
    }

    /// The managed identities that a host has, in the order of the configuration.
    pub(crate) fn identities_on(&self, host: ManagedIdentityHost) -> Vec<&Principal> {
        let names = self.host_identities.get(&host);
        self.principals
            .iter()
            .filter(|principal| matches!(principal.kind, PrincipalKind::ManagedIdentity { .. }))
            .filter(|principal| names.is_none_or(|names| names.contains(&principal.name)))
            .collect()
    }

    /// A host has identities that exist, and one system-assigned one at most.
    fn check_hosts(&self) -> Result<()> {
        for (host, names) in &self.host_identities {
            let found = self.identities_on(*host);
            if let Some(name) =
                names.iter().find(|name| !found.iter().any(|one| one.name == **name))
            {
                return Err(Error::new(
                    ErrorKind::InvalidInput,
                    format!("the host {host} has \"{name}\", which is no managed identity"),
                ));
            }
        }
        for host in ManagedIdentityHost::ALL {
            let system_assigned = self.identities_on(host).into_iter().filter(|one| {
                matches!(one.kind, PrincipalKind::ManagedIdentity { resource_id: None })
            });
            let count = system_assigned.count();
            if count > 1 {
                return Err(Error::new(
                    ErrorKind::InvalidInput,
                    format!(
                        "{count} managed identities of the host {host} have no `resource_id`: one \
                         machine has one system-assigned identity at most"
                    ),
                ));
            }
        }
        Ok(())
    }

    /// The app with this client id, and what it may prove itself with.
    pub(crate) fn app(&self, client_id: &str) -> Option<(&Principal, &AppCredentials)> {
        self.principals.iter().find_map(|principal| match &principal.kind {
            PrincipalKind::App(credentials) if principal.app_id.eq_ignore_ascii_case(client_id) => {
                Some((principal, credentials))
            }
            _ => None,
        })
    }

    pub(crate) fn by_name(&self, name: &str) -> Option<&Principal> {
        self.principals.iter().find(|principal| principal.name == name)
    }

    /// The principal that has this object id in this tenant.
    pub(crate) fn by_object_id(&self, tenant_id: &str, object_id: &str) -> Option<&Principal> {
        self.principals.iter().find(|principal| {
            if tenant_id == self.tenant_id {
                return principal.object_id == object_id;
            }
            principal
                .elsewhere
                .iter()
                .any(|there| there.tenant_id == tenant_id && there.object_id == object_id)
        })
    }

    /// What the vault of this name asks of its callers.
    pub(crate) fn vault(&self, name: &str) -> Option<&VaultAccess> {
        self.vaults.iter().find(|vault| vault.is_called(name))
    }

    /// Whether the principal, by its object id in the main tenant, has `role`, or one that includes
    /// it, on all of the vault or account.
    pub(crate) fn has_role(&self, object_id: &str, role: Role, resource: &str) -> bool {
        self.by_object_id(&self.tenant_id, object_id)
            .is_some_and(|principal| self.has_role_on_secret(&principal.name, role, resource, ""))
    }

    /// The object ids of the groups that a principal, by its own, is in.
    pub(crate) fn groups_of(&self, object_id: &str) -> Vec<String> {
        self.groups.of(object_id)
    }

    /// Whether the principal, by its name, has `role`, or one that includes it, on the vault or on
    /// this secret of it. An empty `secret` stands for all of them.
    pub(crate) fn has_role_on_secret(
        &self,
        principal: &str,
        role: Role,
        vault: &str,
        secret: &str,
    ) -> bool {
        self.assignments.allow(principal, role, vault, secret)
    }

    /// Gives a principal that exists a role on `resource`, as configuration spells it.
    pub(crate) fn assign_role(
        &self,
        principal: &Principal,
        role: Role,
        resource: &str,
    ) -> Result<()> {
        self.assignments.add(&principal.name, role, resource)
    }

    /// Takes a role back that was given exactly so.
    pub(crate) fn remove_role(
        &self,
        principal: &Principal,
        role: Role,
        resource: &str,
    ) -> Result<()> {
        self.assignments.remove(&principal.name, role, resource)
    }

    /// The database user of the principal, if it has one.
    #[cfg_attr(not(feature = "synapse"), expect(dead_code, reason = "only Synapse asks"))]
    pub(crate) fn sql_user(&self, object_id: &str) -> Option<&SqlUser> {
        self.sql_users.iter().find(|user| user.object_id == object_id)
    }

    /// Whether a SQL login of this name has this password. Names compare without case, as in the
    /// default collation.
    #[cfg_attr(not(feature = "synapse"), expect(dead_code, reason = "only Synapse asks"))]
    pub(crate) fn sql_login(&self, name: &str, password: &str) -> bool {
        self.sql_logins.iter().any(|login| {
            login.name.eq_ignore_ascii_case(name) && same_secret(&login.password, password)
        })
    }
}

impl AppCredentials {
    pub(crate) fn accepts_secret(&self, secret: &str) -> bool {
        self.client_secrets.iter().any(|known| same_secret(known, secret))
    }

    /// The registered certificate whose digest, as the header of an assertion spells it, is this.
    pub(crate) fn certificate(
        &self,
        matches: impl Fn(&RegisteredCertificate) -> bool,
    ) -> Option<RegisteredCertificate> {
        let certificates = self.certificates.read().unwrap_or_else(PoisonError::into_inner);
        certificates.iter().find(|certificate| matches(certificate)).cloned()
    }

    /// The tokens of other issuers that it trusts.
    pub(crate) fn federated(&self) -> &[FederatedCredential] {
        &self.federated
    }

    /// Whether one and the same assertion may be shown more than once.
    pub(crate) fn allows_assertion_reuse(&self) -> bool {
        self.allow_assertion_reuse
    }

    /// Registers one more certificate.
    pub(crate) fn register(&self, pem: &str) -> Result<()> {
        let certificate = registered_certificate(pem)?;
        self.certificates.write().unwrap_or_else(PoisonError::into_inner).push(certificate);
        Ok(())
    }
}

fn managed_identity(config: &ManagedIdentityConfig) -> Principal {
    Principal {
        object_id: config.object_id.to_string(),
        app_id: config.client_id.to_string(),
        name: config.name.clone(),
        elsewhere: Vec::new(),
        kind: PrincipalKind::ManagedIdentity { resource_id: config.resource_id.clone() },
    }
}

fn app(config: &AppConfig, tenant_id: &str) -> Result<Principal> {
    let mut certificates = Vec::new();
    for certificate in &config.certificates {
        let pem = pem_or_file(certificate, "read the certificate")?;
        certificates.push(registered_certificate(&pem)?);
    }
    let mut federated = Vec::new();
    for credential in &config.federated_identity_credentials {
        federated.push(federated_credential(credential, tenant_id)?);
    }
    Ok(Principal {
        object_id: config.object_id.to_string(),
        app_id: config.client_id.to_string(),
        name: config.name.clone(),
        elsewhere: config
            .tenants
            .iter()
            .map(|consent| ServicePrincipal {
                tenant_id: consent.tenant_id.to_string(),
                object_id: consent.object_id.to_string(),
            })
            .collect(),
        kind: PrincipalKind::App(AppCredentials {
            client_secrets: config.client_secrets.clone(),
            certificates: RwLock::new(certificates),
            allow_assertion_reuse: config.allow_assertion_reuse,
            federated,
        }),
    })
}

/// PEM text as it is, or the content of the file that has this path.
fn pem_or_file(text: &str, action: &'static str) -> Result<String> {
    if text.trim_start().starts_with("-----BEGIN") {
        return Ok(text.to_owned());
    }
    let path = Path::new(text);
    fs::read_to_string(path).map_err(|error| Error::io(action, path, error))
}

fn federated_credential(
    config: &FederatedIdentityCredentialConfig,
    tenant_id: &str,
) -> Result<FederatedCredential> {
    let wrong = |what: &str| {
        Error::new(
            ErrorKind::InvalidInput,
            format!("the federated identity credential for \"{}\" {what}", config.subject),
        )
    };
    let key = match &config.public_key {
        Some(key) => {
            let pem = pem_or_file(key, "read the public key")?;
            let key = DecodingKey::from_rsa_pem(pem.as_bytes())
                .map_err(|source| wrong("has no RSA public key in PEM").caused_by(source))?;
            FederatedKey::Known(key)
        }
        None if config.issuer == exchange_issuer(tenant_id) => FederatedKey::OfTenant,
        None => return Err(wrong("needs the `public_key` of its issuer")),
    };
    Ok(FederatedCredential {
        issuer: config.issuer.clone(),
        subject: config.subject.clone(),
        audiences: config.audiences.clone(),
        key,
    })
}

fn registered_certificate(pem: &str) -> Result<RegisteredCertificate> {
    let wrong = |source: azconnect_cert_tools::Error| {
        Error::new(ErrorKind::Certificate, "cannot register the certificate of an app")
            .caused_by(source)
    };
    let certificate = Certificate::from_pem(pem.as_bytes()).map_err(wrong)?;
    let rsa = certificate.public_key().map_err(wrong)?.rsa_parameters().ok_or_else(|| {
        Error::new(ErrorKind::Certificate, "the certificate of an app has no RSA key")
            .with_hint("Entra ID accepts RSA certificates only: make one with `azconnect cert new`")
    })?;
    Ok(RegisteredCertificate {
        sha1: certificate.thumbprint(ThumbprintAlgorithm::Sha1).map_err(wrong)?.to_base64url(),
        sha256: certificate.thumbprint(ThumbprintAlgorithm::Sha256).map_err(wrong)?.to_base64url(),
        public_key: DecodingKey::from_rsa_raw_components(&rsa.modulus, &rsa.exponent),
    })
}

/// Names and ids must be of one principal each.
fn refuse_duplicates(principals: &[Principal]) -> Result<()> {
    let mut seen = HashSet::new();
    for principal in principals {
        for id in [&principal.name, &principal.app_id, &principal.object_id] {
            if !seen.insert(id) {
                return Err(Error::new(
                    ErrorKind::InvalidInput,
                    format!("\"{id}\" is configured for more than one principal or purpose"),
                ));
            }
        }
    }
    Ok(())
}

/// An app can be consented to in tenants that exist and are not its own, and an object id stands for
/// one service principal of a tenant.
fn refuse_unknown_tenants(principals: &[Principal], tenants: &Tenants) -> Result<()> {
    let mut taken = HashSet::new();
    for principal in principals {
        let mut seen = HashSet::from([tenants.main()]);
        for ServicePrincipal { tenant_id, object_id } in &principal.elsewhere {
            let wrong = if !taken.insert((tenant_id, object_id)) {
                "knows the object id as that of another app"
            } else if tenants.find(tenant_id).is_none() {
                "is no tenant"
            } else if !seen.insert(tenant_id) {
                "is its own tenant, or named twice"
            } else {
                continue;
            };
            return Err(Error::new(
                ErrorKind::InvalidInput,
                format!("\"{}\" is consented to in {tenant_id}, which {wrong}", principal.name),
            ));
        }
    }
    Ok(())
}

/// Compares without telling by its time how much was right.
fn same_secret(known: &SecretString, shown: &str) -> bool {
    constant_time::verify_slices_are_equal(known.expose_secret().as_bytes(), shown.as_bytes())
        .is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{ConsentConfig, RoleAssignmentConfig, TenantConfig};

    #[test]
    fn a_role_counts_for_its_resource_and_its_principal_only() {
        let role_assignments = vec![RoleAssignmentConfig {
            principal: "uami-demo".into(),
            role: Role::StorageBlobDataContributor,
            resource: "lakedemo".into(),
        }];
        let config = Config { role_assignments, ..Config::default() };
        let directory = Directory::new(&config).unwrap();
        let identity = &directory.by_name("uami-demo").unwrap().object_id;
        let app = &directory.by_name("app-demo").unwrap().object_id;
        assert!(directory.has_role(identity, Role::StorageBlobDataReader, "LakeDemo"));
        assert!(!directory.has_role(identity, Role::StorageBlobDataReader, "other"));
        assert!(!directory.has_role(identity, Role::KeyVaultSecretsUser, "lakedemo"));
        assert!(!directory.has_role(app, Role::StorageBlobDataReader, "lakedemo"));
    }

    #[test]
    fn a_role_assignment_of_an_unknown_principal_is_refused_by_name() {
        let mut config = Config::default();
        config.role_assignments[0].principal = "nobody".into();
        let error = Directory::new(&config).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert_eq!(
            error.to_string(),
            "a role assignment names \"nobody\", which is no managed identity and no app"
        );
    }

    #[test]
    fn two_principals_of_one_name_are_refused() {
        let mut config = Config::default();
        config.apps[0].name = "uami-demo".into();
        assert_eq!(Directory::new(&config).unwrap_err().kind(), ErrorKind::InvalidInput);
    }

    #[test]
    fn two_system_assigned_identities_are_refused() {
        let mut config = Config::default();
        config.managed_identities[0].resource_id = None;
        Directory::new(&config).unwrap();
        let mut second = config.managed_identities[0].clone();
        second.name = "second".into();
        second.client_id = uuid::Uuid::new_v4();
        second.object_id = uuid::Uuid::new_v4();
        config.managed_identities.push(second);
        assert_eq!(Directory::new(&config).unwrap_err().kind(), ErrorKind::InvalidInput);
        // On hosts of their own they are two machines.
        config.host_identities = ManagedIdentityHost::ALL
            .into_iter()
            .map(|host| {
                let arc = host == ManagedIdentityHost::Arc;
                (host, vec![if arc { "second" } else { "uami-demo" }.to_owned()])
            })
            .collect();
        let directory = Directory::new(&config).unwrap();
        let on = |host| directory.identities_on(host)[0].name.as_str();
        assert_eq!(on(ManagedIdentityHost::Arc), "second");
        assert_eq!(on(ManagedIdentityHost::Imds), "uami-demo");
    }

    #[test]
    fn a_host_has_managed_identities_only() {
        let mut config = Config::default();
        config.host_identities.insert(ManagedIdentityHost::Arc, vec!["app-demo".into()]);
        let error = Directory::new(&config).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the host arc has \"app-demo\", which is no managed identity"
        );
    }

    #[test]
    fn an_app_is_consented_to_in_another_tenant_that_exists() {
        let mut config = Config::default();
        let consent = |tenant_id| ConsentConfig { tenant_id, object_id: uuid::Uuid::new_v4() };
        let other = uuid::Uuid::new_v4();
        config.tenants = vec![TenantConfig { tenant_id: other, domains: Vec::new() }];
        config.apps[0].tenants = vec![consent(other)];
        Directory::new(&config).unwrap();
        for tenants in [
            vec![consent(uuid::Uuid::new_v4())],
            vec![consent(config.tenant_id)],
            vec![consent(other), consent(other)],
        ] {
            config.apps[0].tenants = tenants;
            assert_eq!(Directory::new(&config).unwrap_err().kind(), ErrorKind::InvalidInput);
        }
        let same = consent(other);
        config.apps[0].tenants = vec![same.clone()];
        config.apps.push(AppConfig {
            name: "second".into(),
            client_id: uuid::Uuid::new_v4(),
            object_id: uuid::Uuid::new_v4(),
            tenants: vec![same],
            ..config.apps[0].clone()
        });
        assert_eq!(
            Directory::new(&config).unwrap_err().to_string(),
            format!(
                "\"second\" is consented to in {other}, which knows the object id as that of \
                 another app"
            )
        );
    }
}
