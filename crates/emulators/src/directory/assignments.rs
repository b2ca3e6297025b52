//! Who has which role on what. Assignments can come and go while the services run.

use std::sync::{PoisonError, RwLock};

use crate::{
    error::{Error, ErrorKind, Result},
    roles::Role,
};

/// All role assignments.
#[derive(Debug, Default)]
pub(super) struct Assignments(RwLock<Vec<Assignment>>);

#[derive(Debug, PartialEq, Eq)]
struct Assignment {
    /// The name of the principal.
    principal: String,
    role: Role,
    scope: Scope,
}

/// What an assignment holds for; without capitals, as names compare without case.
#[derive(Debug, PartialEq, Eq)]
struct Scope {
    /// The name of the vault or account.
    resource: String,
    /// The name of the secret, if it holds for no more than that.
    secret: Option<String>,
}

impl Assignments {
    /// Adds an assignment; one that is there already stays.
    pub(super) fn add(&self, principal: &str, role: Role, resource: &str) -> Result<()> {
        let assignment = Assignment::new(principal, role, resource)?;
        let mut all = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if !all.contains(&assignment) {
            all.push(assignment);
        }
        Ok(())
    }

    /// Takes an assignment back.
    pub(super) fn remove(&self, principal: &str, role: Role, resource: &str) -> Result<()> {
        let assignment = Assignment::new(principal, role, resource)?;
        let mut all = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let before = all.len();
        all.retain(|one| *one != assignment);
        if all.len() == before {
            return Err(Error::new(
                ErrorKind::NotFound,
                format!("\"{principal}\" has no role \"{role}\" on \"{resource}\""),
            ));
        }
        Ok(())
    }

    /// Whether the principal has `role`, or one that includes it, on the whole vault or account, or
    /// on `secret` of it. An empty `secret` stands for all of them.
    pub(super) fn allow(&self, principal: &str, role: Role, resource: &str, secret: &str) -> bool {
        let all = self.0.read().unwrap_or_else(PoisonError::into_inner);
        all.iter().any(|one| {
            one.principal == principal
                && one.role.includes(role)
                && one.scope.holds(resource, secret)
        })
    }
}

impl Assignment {
    fn new(principal: &str, role: Role, resource: &str) -> Result<Self> {
        Ok(Self { principal: principal.to_owned(), role, scope: Scope::parse(resource)? })
    }
}

impl Scope {
    fn parse(text: &str) -> Result<Self> {
        let lowercase = text.to_ascii_lowercase();
        match *lowercase.split('/').collect::<Vec<_>>() {
            [resource] if !resource.is_empty() => {
                Ok(Self { resource: resource.to_owned(), secret: None })
            }
            [vault, "secrets", secret] if !vault.is_empty() && !secret.is_empty() => {
                Ok(Self { resource: vault.to_owned(), secret: Some(secret.to_owned()) })
            }
            _ => Err(Error::new(
                ErrorKind::InvalidInput,
                format!(
                    "a role assignment is for \"{text}\", which is neither the name of a vault or \
                     account nor VAULT/secrets/NAME"
                ),
            )),
        }
    }

    fn holds(&self, resource: &str, secret: &str) -> bool {
        self.resource.eq_ignore_ascii_case(resource)
            && self.secret.as_ref().is_none_or(|own| own.eq_ignore_ascii_case(secret))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::roles::Role::{KeyVaultSecretsOfficer, KeyVaultSecretsUser};

    #[test]
    fn a_role_on_one_secret_holds_for_no_other_and_not_for_the_vault() {
        let all = Assignments::default();
        all.add("etl", KeyVaultSecretsUser, "kv-demo/Secrets/DB").unwrap();
        assert!(all.allow("etl", KeyVaultSecretsUser, "KV-demo", "db"));
        for (principal, vault, secret) in [
            ("etl", "kv-demo", "other"),
            ("etl", "kv-demo", ""),
            ("etl", "kv-other", "db"),
            ("batch", "kv-demo", "db"),
        ] {
            assert!(!all.allow(principal, KeyVaultSecretsUser, vault, secret), "{vault}/{secret}");
        }
        assert!(!all.allow("etl", KeyVaultSecretsOfficer, "kv-demo", "db"));
        all.add("etl", KeyVaultSecretsOfficer, "kv-demo").unwrap();
        assert!(all.allow("etl", KeyVaultSecretsUser, "kv-demo", "other"));
        assert!(all.allow("etl", KeyVaultSecretsUser, "kv-demo", ""));
    }

    #[test]
    fn an_assignment_is_removed_as_it_was_added_and_only_once() {
        let all = Assignments::default();
        all.add("etl", KeyVaultSecretsUser, "kv-demo").unwrap();
        all.add("etl", KeyVaultSecretsUser, "KV-Demo").unwrap();
        for (role, resource) in
            [(KeyVaultSecretsUser, "kv-demo/secrets/db"), (KeyVaultSecretsOfficer, "kv-demo")]
        {
            let error = all.remove("etl", role, resource).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::NotFound);
            assert_eq!(
                error.to_string(),
                format!("\"etl\" has no role \"{role}\" on \"{resource}\"")
            );
        }
        assert!(all.allow("etl", KeyVaultSecretsUser, "kv-demo", ""));
        all.remove("etl", KeyVaultSecretsUser, "kv-demo").unwrap();
        assert!(!all.allow("etl", KeyVaultSecretsUser, "kv-demo", ""));
    }

    #[test]
    fn a_resource_is_a_name_or_one_secret_of_a_vault() {
        for wrong in ["", "/", "kv-demo/", "kv-demo/secrets", "kv-demo/secrets/", "kv-demo/keys/k"]
        {
            let all = Assignments::default();
            let error = all.add("etl", KeyVaultSecretsUser, wrong).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput, "{wrong}");
            assert!(error.to_string().contains(&format!("\"{wrong}\"")), "{error}");
        }
    }
}
