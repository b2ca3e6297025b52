//! Why a secret is not found: it was deleted, or its name is another one.

use std::time::Duration;

use azure_core::time::to_rfc3339;
use futures::TryStreamExt;

use super::VaultClient;
use crate::{
    error::{Error, ErrorKind},
    name::SecretName,
};

impl VaultClient {
    /// Finds out more about a secret that was not found, as far as the caller may look: whether it
    /// was deleted (the error then becomes `Deleted`), or which secret has the nearest name (the
    /// hint then names it). Any other error comes back as it is.
    ///
    /// Costs a request for a deleted secret and the listing of at most 1,000 names; what fails of
    /// that, or takes longer than ten seconds, is passed over. So it is for a person who will read
    /// the error, and not for each of many jobs.
    ///
    /// # Cancel safety
    /// Safe: nothing changes at the vault.
    pub async fn explain(&self, name: &SecretName, error: Error) -> Error {
        if error.kind() != ErrorKind::NotFound {
            return error;
        }
        let search = async {
            if let Ok(deleted) = self.deleted_secret(name).await {
                return Some(Finding::Deleted(
                    deleted.scheduled_purge.map(|time| to_rfc3339(&time)),
                ));
            }
            self.nearest_name(name).await.map(Finding::Near)
        };
        let search = std::pin::pin!(search);
        let deadline = self.clock().sleep(LONGEST_SEARCH);
        let finding = match futures::future::select(search, deadline).await {
            futures::future::Either::Left((finding, _)) => finding,
            futures::future::Either::Right(_) => None,
        };
        match finding {
            None => error,
            Some(Finding::Deleted(purge)) => {
                let until = purge.map(|time| [" until ", &time].concat()).unwrap_or_default();
                let hint = format!("the secret was deleted and can be recovered{until}");
                error.known_better(ErrorKind::Deleted, hint)
            }
            // What is missing then is the version.
            Some(Finding::Near(near)) if near.as_str().eq_ignore_ascii_case(name.as_str()) => {
                let hint = format!("the secret `{near}` is there: list its versions");
                error.known_better(ErrorKind::NotFound, hint)
            }
            Some(Finding::Near(near)) => {
                let hint = format!("{} has a secret `{near}`: is that the one?", self.host());
                error.known_better(ErrorKind::NotFound, hint)
            }
        }
    }

    /// The listed name with the fewest differences, if that is few for its length.
    async fn nearest_name(&self, name: &SecretName) -> Option<SecretName> {
        let wanted = name.as_str().to_ascii_lowercase();
        let mut secrets = self.secrets();
        let mut nearest: Option<(usize, SecretName)> = None;
        for _ in 0..MOST_NAMES {
            // What was listed before an error is as good as ever.
            let Ok(Some(secret)) = secrets.try_next().await else { break };
            let listed = secret.name.as_str().to_ascii_lowercase();
            let differences = strsim::damerau_levenshtein(&wanted, &listed);
            let few = 1 + wanted.len().max(listed.len()) / 4;
            let best = nearest.as_ref().map_or(few + 1, |(best, _)| *best);
            if differences < best {
                nearest = Some((differences, secret.name));
            }
        }
        nearest.map(|(_, name)| name)
    }
}

enum Finding {
    /// With the time at which it will be purged.
    Deleted(Option<String>),
    Near(SecretName),
}

const LONGEST_SEARCH: Duration = Duration::from_secs(10);

const MOST_NAMES: usize = 1000;
