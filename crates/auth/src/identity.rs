//! Which managed identity to use, in any of the spellings that Azure's tools show.

use std::{fmt, str::FromStr};

use uuid::Uuid;

use crate::{
    error::{Error, Failure, Result},
    ids::{ClientId, ResourceId, parse_guid},
};

/// Names a managed identity of the machine, container or app that the program runs on.
///
/// As text: `system`, a GUID (a client id), `client:GUID`, `object:GUID`, or an ARM id that starts with
/// `/subscriptions/`.
///
/// ```
/// # use azconnect_auth::Identity;
/// let identity: Identity = "object:0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0".parse()?;
/// assert!(matches!(identity, Identity::ObjectId(_)));
/// # Ok::<(), azconnect_auth::Error>(())
/// ```
#[derive(Clone, Debug, Default, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Identity {
    /// The user-assigned identity with this client id.
    ClientId(ClientId),
    /// The user-assigned identity with this object id (principal id).
    ObjectId(Uuid),
    /// The user-assigned identity with this ARM id.
    ResourceId(ResourceId),
    /// No identity is named: the system-assigned one, or the only user-assigned one.
    #[default]
    SystemAssigned,
}

impl FromStr for Identity {
    type Err = Error;

    /// # Errors
    /// `InvalidInput`: the text is none of the spellings above.
    fn from_str(text: &str) -> Result<Self> {
        let text = text.trim();
        if text.eq_ignore_ascii_case("system") {
            return Ok(Self::SystemAssigned);
        }
        if text.starts_with('/') {
            return text.parse().map(Self::ResourceId);
        }
        if let Some(id) = text.strip_prefix("object:") {
            return parse_guid("object id", id).map(Self::ObjectId);
        }
        if let Some(id) = text.strip_prefix("client:") {
            return id.parse().map(Self::ClientId);
        }
        text.parse().map(Self::ClientId).map_err(|_| {
            let text = text.escape_debug();
            Failure::invalid_input(format!("`{text}` does not name a managed identity"))
                .hint("give a client id, `object:` and an object id, an ARM id, or `system`")
                .into()
        })
    }
}

impl fmt::Display for Identity {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ClientId(id) => write!(formatter, "client:{id}"),
            Self::ObjectId(id) => write!(formatter, "object:{id}"),
            Self::ResourceId(id) => id.fmt(formatter),
            Self::SystemAssigned => formatter.write_str("system"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_reads_back_as_itself() {
        let arm = "/subscriptions/s/resourceGroups/g/providers/Microsoft.ManagedIdentity/userAssignedIdentities/n";
        for (text, canonical) in [
            ("system", "system"),
            ("0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0", "client:0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0"),
            (
                "client:0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0",
                "client:0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0",
            ),
            (
                "object:0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0",
                "object:0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0",
            ),
            (arm, arm),
        ] {
            let identity = text.parse::<Identity>().unwrap();
            assert_eq!(identity.to_string(), canonical);
            assert_eq!(identity.to_string().parse::<Identity>().unwrap(), identity);
        }
    }

    #[test]
    fn other_text_is_refused_with_the_text_in_the_message() {
        for text in ["", "me", "client:me", "object:me", "/subscriptions/x"] {
            let error = text.parse::<Identity>().unwrap_err();
            assert!(
                error
                    .to_string()
                    .contains(text.trim_start_matches("object:").trim_start_matches("client:")),
                "{error}"
            );
        }
    }
}
