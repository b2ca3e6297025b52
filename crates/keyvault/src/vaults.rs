//! The vaults of a job: one client for each, found by references to secrets.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use azure_core::http::Url;
use futures::{
    StreamExt,
    stream::{self, BoxStream},
};

use crate::{
    client::VaultClient,
    error::{Error, Result},
    name::VaultName,
    reference::{SecretReference, Vault},
    secret::Secret,
};

/// Makes the client of a vault.
type Connect = dyn Fn(Url) -> Result<VaultClient> + Send + Sync;

/// Keeps one client per vault, so that whatever is read by reference shares connections, tokens and
/// the pauses that a throttling vault asks for.
///
/// Cheap to clone; clones share the clients.
#[derive(Clone)]
pub struct Vaults {
    inner: Arc<Inner>,
}

struct Inner {
    domain: String,
    connect: Box<Connect>,
    clients: Mutex<HashMap<Url, VaultClient>>,
}

impl Vaults {
    /// Starts without clients.
    ///
    /// `domain`: what the hosts of all vaults end with, `vault.azure.net` in the public cloud. A
    /// reference to another host is refused: whoever writes references cannot send the job's tokens
    /// elsewhere.
    /// `connect`: makes the client of a vault when it is first needed, for example
    /// `VaultClient::builder(url, credential).build()`.
    pub fn new(
        domain: impl Into<String>,
        connect: impl Fn(Url) -> Result<VaultClient> + Send + Sync + 'static,
    ) -> Self {
        let inner = Inner {
            domain: domain.into().to_ascii_lowercase(),
            connect: Box::new(connect),
            clients: Mutex::default(),
        };
        Self { inner: Arc::new(inner) }
    }

    /// The client of a vault.
    ///
    /// # Errors
    /// - `InvalidInput`: its host is not in the domain, or its client cannot be made.
    pub fn client(&self, vault: &Vault) -> Result<VaultClient> {
        let url = self.url(vault)?;
        let mut clients = self.inner.clients.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = clients.get(&url) {
            return Ok(client.clone());
        }
        let client = (self.inner.connect)(url.clone())?;
        clients.insert(url, client.clone());
        Ok(client)
    }

    /// Reads the secret that a reference names.
    ///
    /// # Errors
    /// As [`Vaults::client`] and [`VaultClient::secret`].
    ///
    /// # Cancel safety
    /// Safe: nothing changes at the vault.
    pub async fn secret(&self, reference: &SecretReference) -> Result<Secret> {
        let client = self.client(reference.vault())?;
        match reference.version() {
            None => client.secret(reference.name()).await,
            Some(version) => client.secret_version(reference.name(), version).await,
        }
    }

    /// Reads many secrets, each one once however often it is named, with at most `concurrency`
    /// requests at a time (0 means 1). 64 is a good number: the vault takes some 400 requests in a
    /// second.
    ///
    /// Gives the references, each with its secret or why it has none, as they come, in no order.
    /// One that fails does not stop the others.
    ///
    /// # Cancel safety
    /// Dropping the stream stops asking.
    pub fn secrets(
        &self,
        references: impl IntoIterator<Item = SecretReference>,
        concurrency: usize,
    ) -> BoxStream<'static, (SecretReference, Result<Secret>)> {
        let mut wanted: HashMap<_, Vec<SecretReference>> = HashMap::new();
        for reference in references {
            wanted.entry(self.identity(&reference)).or_default().push(reference);
        }
        let vaults = self.clone();
        stream::iter(wanted.into_values())
            .map(move |references| {
                let vaults = vaults.clone();
                async move {
                    let outcome = match references.first() {
                        Some(reference) => vaults.secret(reference).await,
                        None => return Vec::new(),
                    };
                    references
                        .into_iter()
                        .map(|reference| (reference, outcome.clone()))
                        .collect::<Vec<_>>()
                }
            })
            .buffer_unordered(concurrency.max(1))
            .flat_map(stream::iter)
            .boxed()
    }

    /// What references to the same secret have in common, however they are spelled.
    fn identity(&self, reference: &SecretReference) -> (String, String, Option<String>) {
        let vault = match self.url(reference.vault()) {
            Ok(url) => url.to_string(),
            Err(_) => reference.vault().to_string(),
        };
        let version = reference.version().map(|version| version.as_str().to_ascii_lowercase());
        (vault, reference.name().to_lower_case().to_string(), version)
    }

    fn url(&self, vault: &Vault) -> Result<Url> {
        let url = match vault {
            Vault::Name(name) => self.url_of_name(name)?,
            Vault::Url(url) => url.clone(),
        };
        let host = url.host_str().unwrap_or_default();
        let label = host.strip_suffix(&self.inner.domain).and_then(|label| label.strip_suffix('.'));
        if label.is_some_and(|label| !label.is_empty() && !label.contains('.')) {
            return Ok(url);
        }
        Err(Error::invalid_input(format!(
            "\"{host}\" is no vault of this cloud, whose vaults are in `{}`",
            self.inner.domain
        ))
        .with_hint("check the reference, or choose the cloud that the vault is in"))
    }

    fn url_of_name(&self, name: &VaultName) -> Result<Url> {
        let url = ["https://", name.as_str(), ".", &self.inner.domain].concat();
        Url::parse(&url).map_err(|source| {
            Error::invalid_input(format!("`{}` is no domain", self.inner.domain)).caused_by(source)
        })
    }
}

impl fmt::Debug for Vaults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Vaults").field("domain", &self.inner.domain).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vaults() -> Vaults {
        Vaults::new("vault.azure.net", |_| Err(Error::invalid_input("reached")))
    }

    fn refusal(reference: &str) -> String {
        let reference: SecretReference = reference.parse().unwrap();
        vaults().client(reference.vault()).unwrap_err().to_string()
    }

    #[test]
    fn only_vaults_of_the_domain_are_reached() {
        for reference in [
            "akv://kv-demo/db",
            "https://kv-demo.vault.azure.net/secrets/db",
            "https://KV-Demo.Vault.Azure.net/secrets/db",
        ] {
            assert_eq!(refusal(reference), "reached", "{reference}");
        }
        for reference in [
            "https://kv-demo.vault.evil.example/secrets/db",
            "https://vault.azure.net/secrets/db",
            "https://evilvault.azure.net/secrets/db",
            "https://kv.vault.azure.net.evil.example/secrets/db",
            "https://kv.evil.vault.azure.net/secrets/db",
            "https://127.0.0.1/secrets/db",
        ] {
            assert!(refusal(reference).contains("is no vault of this cloud"), "{reference}");
        }
    }

    #[tokio::test]
    async fn every_spelling_of_a_secret_is_one_request() {
        let references = [
            "akv://kv-demo/db",
            "akv://KV-DEMO/DB",
            "https://kv-demo.vault.azure.net/secrets/db",
            "@Microsoft.KeyVault(VaultName=kv-demo;SecretName=db)",
            "akv://kv-demo/other",
        ]
        .map(|reference| reference.parse::<SecretReference>().unwrap());
        let vaults = vaults();
        let identities: std::collections::HashSet<_> =
            references.iter().map(|reference| vaults.identity(reference)).collect();
        assert_eq!(identities.len(), 2);
        let outcomes: Vec<_> = vaults.secrets(references.clone(), 0).collect().await;
        assert_eq!(outcomes.len(), references.len());
        assert!(outcomes.iter().all(|(_, outcome)| outcome.is_err()));
    }
}
