//! Identifiers, parsed once into types that cannot be wrong or swapped.

use std::{fmt, str::FromStr};

use uuid::Uuid;

use crate::error::{Error, Failure, Result};

/// The client id (application id) of an application, or of a user-assigned managed identity.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct ClientId(Uuid);

/// The tenant (directory) that issues tokens: its GUID, or one of its domains.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct TenantId(String);

/// The ARM id of a user-assigned managed identity:
/// `/subscriptions/…/resourceGroups/…/providers/Microsoft.ManagedIdentity/userAssignedIdentities/NAME`.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct ResourceId(String);

impl ClientId {
    /// The id as a GUID.
    pub fn as_uuid(&self) -> Uuid {
        self.0
    }
}

impl From<Uuid> for ClientId {
    fn from(id: Uuid) -> Self {
        Self(id)
    }
}

impl FromStr for ClientId {
    type Err = Error;

    /// # Errors
    /// `InvalidInput`: the text is not a GUID.
    fn from_str(text: &str) -> Result<Self> {
        Ok(Self(parse_guid("client id", text)?))
    }
}

impl fmt::Display for ClientId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

impl TenantId {
    /// The id or domain as it was given, without surrounding space.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for TenantId {
    type Err = Error;

    /// # Errors
    /// `InvalidInput`: the text is neither a GUID nor a domain, or it is a placeholder such as `common`, under
    /// which an application without a user cannot sign in.
    fn from_str(text: &str) -> Result<Self> {
        let text = text.trim();
        if ["common", "consumers", "organizations"].contains(&text.to_ascii_lowercase().as_str()) {
            return Err(Failure::invalid_input(format!(
                "tenant id `{text}` stands for any tenant"
            ))
            .hint("name the tenant in which the application is registered: its GUID or its domain")
            .into());
        }
        let is_domain_like = text.contains(['.', '-'])
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-".contains(&byte))
            && !text.starts_with('.')
            && !text.contains("..");
        if !is_domain_like {
            return Err(Failure::invalid_input(format!(
                "tenant id `{}` is neither a GUID nor a domain",
                text.escape_debug()
            ))
            .hint("the tenant id is on the overview page of Entra ID; `contoso.onmicrosoft.com` works too")
            .into());
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for TenantId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl ResourceId {
    /// The id as it was given, without surrounding space.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ResourceId {
    type Err = Error;

    /// # Errors
    /// `InvalidInput`: the text is not the ARM id of a user-assigned identity.
    fn from_str(text: &str) -> Result<Self> {
        let text = text.trim();
        // ARM compares ids without regard to case.
        let segments = text.to_ascii_lowercase();
        let segments = segments.split('/').collect::<Vec<_>>();
        let is_identity = matches!(
            segments.as_slice(),
            ["", "subscriptions", subscription, "resourcegroups", group, "providers",
             "microsoft.managedidentity", "userassignedidentities", name]
                if [subscription, group, name].iter().all(|part| is_arm_name(part))
        );
        if !is_identity {
            return Err(Failure::invalid_input(format!(
                "`{}` is not the ARM id of a user-assigned identity",
                text.escape_debug()
            ))
            .hint(
                "it looks like /subscriptions/SUBSCRIPTION/resourceGroups/GROUP/providers/\
                 Microsoft.ManagedIdentity/userAssignedIdentities/NAME",
            )
            .into());
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for ResourceId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// The characters that names of resource groups, which allow the most, may have.
///
/// Spec: <https://learn.microsoft.com/azure/azure-resource-manager/management/resource-name-rules#microsoftresources>
fn is_arm_name(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|char| char.is_alphanumeric() || "-_.()".contains(char))
}

pub(crate) fn parse_guid(what: &str, text: &str) -> Result<Uuid> {
    let text = text.trim();
    // The hyphenated form only: `Uuid` would also take URNs and braces, which no Azure service sends.
    match Uuid::try_parse(text) {
        Ok(id) if text.len() == uuid::fmt::Hyphenated::LENGTH => Ok(id),
        _ => Err(Failure::invalid_input(format!("{what} `{}` is not a GUID", text.escape_debug()))
            .hint("a GUID looks like 11111111-2222-3333-4444-555555555555")
            .into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorKind;

    #[track_caller]
    fn check<T: FromStr<Err = Error> + fmt::Display>(text: &str, expected: Option<&str>) {
        match (text.parse::<T>(), expected) {
            (Ok(id), Some(expected)) => assert_eq!(id.to_string(), expected),
            (Err(error), None) => assert_eq!(error.kind(), ErrorKind::InvalidInput, "{text}"),
            (Ok(id), None) => panic!("`{text}` was taken as `{id}`"),
            (Err(error), Some(_)) => panic!("`{text}`: {error}"),
        }
    }

    #[test]
    fn an_error_stays_on_its_line() {
        for text in ["a\nb", "/a\nb", "a\u{1b}[2Jb"] {
            let errors = [
                text.parse::<ClientId>().unwrap_err(),
                text.parse::<ResourceId>().unwrap_err(),
                text.parse::<TenantId>().unwrap_err(),
                text.parse::<crate::Identity>().unwrap_err(),
            ];
            for error in errors {
                assert!(!error.to_string().contains(char::is_control), "{error:?}");
            }
        }
    }

    #[test]
    fn client_ids_are_guids() {
        let guid = "0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0";
        check::<ClientId>(guid, Some(guid));
        check::<ClientId>(" 0F1E2D3C-4B5A-6978-8796-A5B4C3D2E1F0\n", Some(guid));
        for text in [
            "",
            "app",
            "{0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0}",
            "0f1e2d3c4b5a69788796a5b4c3d2e1f0",
        ] {
            check::<ClientId>(text, None);
        }
    }

    #[test]
    fn tenant_ids_are_guids_or_domains() {
        check::<TenantId>("contoso.onmicrosoft.com", Some("contoso.onmicrosoft.com"));
        check::<TenantId>(
            "0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0",
            Some("0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0"),
        );
        for text in
            ["", "common", "Organizations", "a/b.c", "..", "a..b", "contoso.com?x", "contoso"]
        {
            check::<TenantId>(text, None);
        }
    }

    #[test]
    fn resource_ids_name_a_user_assigned_identity() {
        let id = "/subscriptions/s/resourcegroups/g/providers/Microsoft.ManagedIdentity/userAssignedIdentities/n";
        check::<ResourceId>(id, Some(id));
        for text in [
            "",
            "/subscriptions/s",
            "/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/virtualMachines/n",
            "/subscriptions//resourceGroups/g/providers/Microsoft.ManagedIdentity/userAssignedIdentities/n",
            "/subscriptions/s\u{c}/resourceGroups/g/providers/Microsoft.ManagedIdentity/userAssignedIdentities/n",
            "/subscriptions/s/resourceGroups/g/providers/Microsoft.ManagedIdentity/userAssignedIdentities/n?x",
        ] {
            check::<ResourceId>(text, None);
        }
    }
}
