//! The tenants that Entra ID knows, by id and by domain name.

use std::collections::HashSet;

use crate::{
    config::Config,
    error::{Error, ErrorKind, Result},
};

/// All tenants, the main one first.
#[derive(Debug)]
pub(crate) struct Tenants(Vec<Tenant>);

/// One tenant.
#[derive(Debug)]
pub(crate) struct Tenant {
    pub(crate) id: String,
    domains: Vec<String>,
}

impl Tenants {
    pub(super) fn new(config: &Config) -> Result<Self> {
        let mut tenants = vec![Tenant { id: config.tenant_id.to_string(), domains: Vec::new() }];
        let mut seen = HashSet::new();
        for one in &config.tenants {
            let id = one.tenant_id.to_string();
            for name in std::iter::once(&id).chain(&one.domains) {
                if !is_name(name) {
                    return Err(Error::new(
                        ErrorKind::InvalidInput,
                        format!("\"{name}\" is no domain name of a tenant"),
                    ));
                }
                if !seen.insert(name.to_ascii_lowercase()) {
                    return Err(Error::new(
                        ErrorKind::InvalidInput,
                        format!("\"{name}\" is configured for more than one tenant"),
                    ));
                }
            }
            let domains = one.domains.clone();
            match tenants.first_mut().filter(|main| main.id == id) {
                Some(main) => main.domains = domains,
                None => tenants.push(Tenant { id, domains }),
            }
        }
        Ok(Self(tenants))
    }

    /// The id of the tenant that everything lives in.
    pub(super) fn main(&self) -> &str {
        self.0.first().map(|main| main.id.as_str()).unwrap_or_default()
    }

    /// The id of the first tenant that is not this one.
    pub(crate) fn other_than(&self, tenant_id: &str) -> Option<&str> {
        self.0.iter().map(|tenant| tenant.id.as_str()).find(|id| *id != tenant_id)
    }

    /// The tenant that an authority names by its id or one of its domains.
    pub(crate) fn find(&self, name: &str) -> Option<&Tenant> {
        self.0.iter().find(|tenant| tenant.is_called(name))
    }
}

impl Tenant {
    /// Its id and its domains.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        std::iter::once(&self.id).chain(&self.domains).map(String::as_str)
    }

    fn is_called(&self, name: &str) -> bool {
        self.names().any(|own| own.eq_ignore_ascii_case(name))
    }
}

/// Whether it can stand in the path of an authority and means no tenant of everybody.
fn is_name(name: &str) -> bool {
    let characters = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.');
    !name.is_empty()
        && name.chars().all(characters)
        && !["common", "consumers", "organizations"].contains(&name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::TenantConfig;

    fn tenants(domains: &[&[&str]]) -> Result<Tenants> {
        let tenants = domains
            .iter()
            .map(|domains| TenantConfig {
                tenant_id: uuid::Uuid::new_v4(),
                domains: domains.iter().map(|domain| (*domain).to_owned()).collect(),
            })
            .collect();
        let config = Config { tenants, ..Config::default() };
        Tenants::new(&config)
    }

    #[test]
    fn a_tenant_is_found_by_any_of_its_names_in_any_case() {
        let tenants = tenants(&[&["contoso.example", "contoso.onmicrosoft.com"], &[]]).unwrap();
        let contoso = tenants.find("Contoso.Example").unwrap();
        assert_eq!(tenants.find("contoso.onmicrosoft.com").unwrap().id, contoso.id);
        assert_eq!(tenants.find(&contoso.id.to_uppercase()).unwrap().id, contoso.id);
        assert!(tenants.find("fabrikam.example").is_none());
        assert!(tenants.find("").is_none());
    }

    #[test]
    fn the_main_tenant_can_have_names_as_well() {
        let mut config = Config::default();
        let tenant_id = config.tenant_id;
        config.tenants = vec![TenantConfig { tenant_id, domains: vec!["main.example".into()] }];
        let tenants = Tenants::new(&config).unwrap();
        assert_eq!(tenants.find("main.example").unwrap().id, tenant_id.to_string());
        assert_eq!(tenants.0.len(), 1);
    }

    #[test]
    fn names_that_are_taken_or_none_are_refused() {
        let two: &[&[&str]] = &[&["contoso.example"], &["CONTOSO.example"]];
        for (domains, expected) in [
            (two, "\"CONTOSO.example\" is configured for more than one tenant"),
            (&[&["a/b"]], "\"a/b\" is no domain name of a tenant"),
            (&[&[""]], "\"\" is no domain name of a tenant"),
            (&[&["common"]], "\"common\" is no domain name of a tenant"),
        ] {
            let error = tenants(domains).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput);
            assert_eq!(error.to_string(), expected);
        }
    }
}
