//! From references to values.
//!
//! Everything that reads more than one secret comes through [`resolve`].

use std::collections::HashMap;

use azconnect_keyvault::{ErrorKind, SecretReference, SecretValue, Vaults};
use futures::StreamExt;

use crate::{
    cloud::Cloud,
    commands::secret::{get::warn_of_validity, options::Patience, usage},
    context::Context,
    failure::{Failure, Status},
};

/// A secret that somebody asks for.
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    /// Who asks: "variable `DB_PASSWORD`", or a place in a file.
    pub(super) place: String,
    /// The reference as it was written, for messages.
    pub(super) text: String,
    pub(super) reference: SecretReference,
}

/// Reads the latest or the named version of each secret, in the order of `wanted`.
///
/// A secret is asked for once however often it is wanted, and a vault has one client. The first that cannot be read
/// fails it all, and no other is waited for.
pub(super) async fn resolve(
    wanted: &[Wanted],
    patience: &Patience,
    context: &Context,
) -> Result<Vec<SecretValue>, Failure> {
    if wanted.is_empty() {
        return Ok(Vec::new());
    }
    let vaults = Vaults::new(context.cloud()?.key_vault_domain()?, patience.connector(context)?);
    let references = wanted.iter().map(|one| one.reference.clone());
    let mut outcomes = vaults.secrets(references, MAX_REQUESTS);
    let mut secrets = HashMap::new();
    while let Some((reference, outcome)) = outcomes.next().await {
        match outcome {
            Ok(secret) => drop(secrets.insert(reference, secret)),
            Err(error) => {
                drop(outcomes);
                return Err(explained(&vaults, wanted, &reference, error).await);
            }
        }
    }
    let read = |one: &Wanted| {
        let secret = secrets.get(&one.reference)?;
        warn_of_validity(secret);
        Some(secret.value.clone())
    };
    wanted
        .iter()
        .map(|one| read(one).ok_or_else(|| Failure::new(format!("`{}` was not read", one.text))))
        .collect()
}

/// The failure to read a secret, with what can be found out about it.
async fn explained(
    vaults: &Vaults,
    wanted: &[Wanted],
    reference: &SecretReference,
    error: azconnect_keyvault::Error,
) -> Failure {
    let error = match vaults.client(reference.vault()) {
        Ok(client) => client.explain(reference.name(), error).await,
        Err(_) => error,
    };
    let message = match wanted.iter().find(|one| one.reference == *reference) {
        Some(one) => format!("cannot resolve `{}` for {}", one.text, one.place),
        None => "cannot resolve a reference".to_owned(),
    };
    let failure = Failure::from_error(message, &error);
    match error.kind() {
        ErrorKind::Timeout => failure.with_status(Status::TimedOut),
        _ => failure,
    }
}

/// The reference that a text is, or `None` for a text that is something else.
///
/// An https URL is a reference if it is the id of a secret in a vault of the cloud in use: URLs are values like
/// others. What begins as only a reference does must be one.
pub(super) fn parse(text: &str, cloud: &Cloud) -> Result<Option<SecretReference>, Failure> {
    if text.starts_with(AKV) || text.starts_with(APP_SERVICE) {
        return text.parse().map(Some).map_err(usage);
    }
    let id = text.parse::<SecretReference>().ok();
    Ok(id.filter(|reference| cloud.key_vault_url(&reference.vault().to_string()).is_ok()))
}

/// How a reference by the name of its vault begins.
pub(super) const AKV: &str = "akv:";
/// How a reference of App Service begins.
pub(super) const APP_SERVICE: &str = "@Microsoft.KeyVault";

/// A vault takes 4,000 requests in ten seconds from all of its callers. At 20 ms for each and so many at a time, a
/// thousand secrets take 0.6 s and a quarter of that; where it is too much, the pause that the vault asks for holds
/// all requests to it.
///
/// Spec: <https://learn.microsoft.com/azure/key-vault/general/service-limits>
const MAX_REQUESTS: usize = 64;
