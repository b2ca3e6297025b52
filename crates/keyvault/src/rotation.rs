//! Noticing that a secret has a new version.

use std::time::Duration;

use futures::{
    StreamExt,
    stream::{self, BoxStream},
};
use tracing::debug;

use crate::{
    client::VaultClient,
    clock::random_part,
    error::{ErrorKind, Result},
    name::{SecretName, SecretVersion},
    secret::Secret,
};

impl VaultClient {
    /// Gives the latest version of a secret now, and each one that takes its place from now on.
    ///
    /// The vault is asked about every `interval`, up to a tenth sooner: a fleet that starts together
    /// does not go on asking together. Every request reads the value, as there is no other way to
    /// ask for the latest version; an hour is often enough for most secrets. A version that comes
    /// and goes between two requests is not seen.
    ///
    /// The stream does not end. A passing failure is tried again at the next turn, and is an item
    /// only if it meets the first request. Any other failure is an item, once until something
    /// changes: a secret that is disabled now may be enabled later.
    ///
    /// # Errors
    /// Items are those of [`VaultClient::secret`].
    ///
    /// # Cancel safety
    /// Dropping the stream stops asking.
    pub fn rotations(
        &self,
        name: &SecretName,
        interval: Duration,
    ) -> BoxStream<'static, Result<Secret>> {
        let watch =
            Watch { client: self.clone(), name: name.clone(), interval, told: Told::Nothing };
        stream::unfold(watch, |mut watch| async {
            let item = watch.next().await;
            Some((item, watch))
        })
        .boxed()
    }
}

struct Watch {
    client: VaultClient,
    name: SecretName,
    interval: Duration,
    told: Told,
}

/// What the receiver of the stream knows.
#[derive(Debug, PartialEq, Eq)]
enum Told {
    Nothing,
    Version(Option<SecretVersion>),
    Failure(ErrorKind),
}

impl Watch {
    async fn next(&mut self) -> Result<Secret> {
        loop {
            let is_first = self.told == Told::Nothing;
            if !is_first {
                let early = random_part(self.interval / 10);
                self.client.clock().sleep(self.interval - early).await;
            }
            let outcome = self.client.secret(&self.name).await;
            let news = match &outcome {
                Ok(secret) => Told::Version(secret.properties.version.clone()),
                Err(error) if error.is_transient() && !is_first => {
                    debug!(name = %self.name, %error, "asks again at the next turn");
                    continue;
                }
                Err(error) => Told::Failure(error.kind()),
            };
            if news != self.told {
                self.told = news;
                return outcome;
            }
        }
    }
}
