//! Tokens that the processes of one user on one machine share, so that a hundred tasks ask the service once.

mod folder;
mod seal;

use std::{fmt, path::PathBuf, sync::Arc, time::Duration};

use azure_core::{credentials::AccessToken, http::Context, time::OffsetDateTime};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use tracing::warn;
use zeroize::Zeroizing;

use self::{
    folder::{Folder, Lock},
    seal::Seal,
};
use super::{TokenSource, Wanted};
use crate::{
    error::{ErrorKind, Failure, Result},
    token::FetchedToken,
};

/// A folder of tokens that several processes of one user share; cheap to clone.
///
/// Made for nodes on which many tasks start at once: the first asks the service, the others wait for its answer. A
/// token that is due for renewal is renewed by one of them.
///
/// The folder has mode 0700, its files 0600. Tokens are encrypted (AES-256-GCM) under a key of the folder and of the
/// machine's current boot, so that a copy of the folder is of no use elsewhere; who can run code as the same user can
/// read them, as he could read the memory of the processes. The names of the files tell nothing either.
///
/// Nothing that happens to the folder later fails a request for a token: what cannot be read is fetched anew, what
/// cannot be written is not shared.
///
/// ```no_run
/// use azconnect_auth::{Env, ManagedIdentityCredential, SharedTokenCache};
///
/// # fn example() -> Result<(), azconnect_auth::Error> {
/// let credential = ManagedIdentityCredential::builder()
///     .with_env(&Env::from_process())
///     .with_shared_token_cache(SharedTokenCache::open("/mnt/batch/tasks/shared/tokens")?)
///     .build()?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct SharedTokenCache(Arc<Store>);

struct Store {
    folder: Folder,
    seal: Seal,
}

impl SharedTokenCache {
    /// Opens a folder, and makes it if it is not there (its parent must be).
    ///
    /// # Errors
    /// - `InvalidInput`: the folder, or its key, cannot be made or read, or is no folder or key.
    /// - `PermissionDenied`: the folder belongs to, or can be read by, another user.
    /// - `Unsupported`: the system is not a Unix.
    pub fn open(folder: impl Into<PathBuf>) -> Result<Self> {
        let folder = Folder::open(folder.into())?;
        let seal = Seal::new(&folder.key()?).map_err(|_| {
            Failure::new(ErrorKind::Unsupported, "cannot make a key to encrypt tokens with")
        })?;
        Ok(Self(Arc::new(Store { folder, seal })))
    }

    /// Gives the token that another process has, if it is fresh; else asks the source, unless another process is
    /// doing so at this moment.
    pub(super) async fn get<S: TokenSource>(
        &self,
        source: &S,
        wanted: &Wanted,
        context: &Context<'_>,
    ) -> Result<FetchedToken> {
        let clock = source.clock();
        let name = self.0.seal.name(&[
            &source.owner(),
            &wanted.scope,
            wanted.tenant_id.as_ref().map_or("", |tenant| tenant.as_str()),
        ]);
        let started = clock.elapsed();
        // Held until the token is written, by which time those who wait for the lock can read it.
        let _lock = loop {
            let lock = self.lock(name.clone()).await;
            // Claims ask for a token that is newer than any in the folder.
            if wanted.claims.is_none()
                && let Some(token) = self.read(name.clone(), clock.now()).await
            {
                return Ok(token);
            }
            match lock {
                Lock::Busy if clock.elapsed().saturating_sub(started) < MAX_WAIT => {
                    clock.sleep(POLL).await;
                }
                // A process that is stuck must not stop all others.
                lock => break lock,
            }
        };
        let token = source.fetch(wanted, context).await?;
        self.write(name, &token).await;
        Ok(token)
    }

    async fn lock(&self, name: String) -> Lock {
        self.blocking(move |store| store.folder.lock(&name)).await.unwrap_or(Lock::Unavailable)
    }

    async fn read(&self, name: String, now: OffsetDateTime) -> Option<FetchedToken> {
        let read = move |store: &Store| {
            let sealed = store.folder.read(&name)?;
            Entry::parse(&store.seal.open(&name, sealed)?)
        };
        self.blocking(read).await.flatten().filter(|token| now < token.refresh_on)
    }

    async fn write(&self, name: String, token: &FetchedToken) {
        let Some(plain) = Entry::of(token).to_json() else { return };
        let written = self
            .blocking(move |store| {
                let sealed = store.seal.seal(&name, &plain).ok_or("cannot encrypt")?;
                store.folder.write(&name, &sealed).map_err(|error| error.to_string())
            })
            .await;
        if let Some(Err(error)) = written {
            warn!(%error, "a token is not shared with other processes");
        }
    }

    /// Runs file operations beside the runtime: the folder may be on a network.
    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Store) -> T + Send + 'static,
    ) -> Option<T> {
        let store = Arc::clone(&self.0);
        tokio::task::spawn_blocking(move || work(&store)).await.ok()
    }
}

impl fmt::Debug for SharedTokenCache {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("SharedTokenCache").field(&self.0.folder.path()).finish()
    }
}

/// One token, as it is before encryption.
#[derive(Deserialize, Serialize)]
struct Entry {
    #[serde(serialize_with = "expose")]
    token: SecretString,
    /// Seconds since 1970.
    expires_on: i64,
    refresh_on: i64,
}

impl Entry {
    fn of(token: &FetchedToken) -> Self {
        Self {
            token: SecretString::from(token.access_token.token.secret()),
            expires_on: token.access_token.expires_on.unix_timestamp(),
            refresh_on: token.refresh_on.unix_timestamp(),
        }
    }

    fn to_json(&self) -> Option<Zeroizing<Vec<u8>>> {
        // A buffer that grows would leave pieces behind.
        let token = secrecy::ExposeSecret::expose_secret(&self.token);
        let mut json = Zeroizing::new(Vec::with_capacity(2 * token.len() + 128));
        serde_json::to_writer(&mut *json, self).ok()?;
        Some(json)
    }

    fn parse(json: &[u8]) -> Option<FetchedToken> {
        let entry: Self = serde_json::from_slice(json).ok()?;
        let token = secrecy::ExposeSecret::expose_secret(&entry.token).to_owned();
        let time = |seconds| OffsetDateTime::from_unix_timestamp(seconds).ok();
        Some(FetchedToken {
            access_token: AccessToken::new(token, time(entry.expires_on)?),
            refresh_on: time(entry.refresh_on)?,
        })
    }
}

fn expose<S: serde::Serializer>(
    secret: &SecretString,
    serializer: S,
) -> std::result::Result<S::Ok, S::Error> {
    serializer.serialize_str(secrecy::ExposeSecret::expose_secret(secret))
}

/// How often a process looks whether another has got the token that both want.
const POLL: Duration = Duration::from_millis(50);

/// How long it does so before it asks by itself: longer than a service that is well takes to answer.
const MAX_WAIT: Duration = Duration::from_secs(20);

#[cfg(test)]
mod tests;
