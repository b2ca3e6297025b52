//! The emulator behind a real HTTP stack, and what can be wrong with it.

use std::{net::SocketAddr, sync::Arc};

use azconnect_emulators::{Config, Emulators, KeyVaultFault, Lasting};
use azconnect_keyvault::{
    RetryOptions, VaultClient,
    azure_core::{
        self,
        credentials::{AccessToken, TokenCredential, TokenRequestOptions},
        http::{Transport, Url},
        time::{Duration, OffsetDateTime},
    },
};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

pub(crate) struct RealVault {
    pub(crate) client: VaultClient,
    emulators: Emulators,
}

impl RealVault {
    pub(crate) async fn start() -> Self {
        let emulators = Emulators::start(Config::default()).await.unwrap();
        let ca = reqwest::Certificate::from_pem(emulators.ca_pem().as_bytes()).unwrap();
        let http = reqwest::Client::builder()
            .tls_backend_rustls()
            .no_proxy()
            .tls_certs_only([ca])
            .dns_resolver(Arc::new(AllAt(emulators.endpoints().key_vault)))
            .build()
            .unwrap();
        let token =
            emulators.issue_token("uami-demo", "https://vault.azure.net", Duration::HOUR).unwrap();
        let url = Url::parse("https://kv-demo.vault.azure.net").unwrap();
        let client = VaultClient::builder(url, Arc::new(Fixed(token)))
            .with_transport(Transport::new(Arc::new(http)))
            .with_retry(RetryOptions::none())
            .build()
            .unwrap();
        Self { client, emulators }
    }

    pub(crate) fn break_next(&self, fault: KeyVaultFault) {
        self.emulators.faults().break_key_vault(fault, Lasting::Requests(1));
    }

    pub(crate) fn mend(&self) {
        self.emulators.faults().mend_key_vault();
    }
}

pub(crate) const FAULTS: [KeyVaultFault; 9] = [
    KeyVaultFault::BodyCut,
    KeyVaultFault::ForbiddenByRbac,
    KeyVaultFault::ForeignChallenge,
    KeyVaultFault::Garbage,
    KeyVaultFault::LostAnswer,
    KeyVaultFault::OtherTenantChallenge,
    KeyVaultFault::Reset,
    KeyVaultFault::Throttled { retry_after_seconds: 0 },
    KeyVaultFault::Unavailable,
];

/// Gives one token, whatever it is asked for.
#[derive(Debug)]
pub(crate) struct Fixed(pub(crate) azconnect_keyvault::secrecy::SecretString);

#[async_trait::async_trait]
impl TokenCredential for Fixed {
    async fn get_token(
        &self,
        _: &[&str],
        _: Option<TokenRequestOptions<'_>>,
    ) -> azure_core::Result<AccessToken> {
        let token = azconnect_keyvault::secrecy::ExposeSecret::expose_secret(&self.0).to_owned();
        Ok(AccessToken::new(token, OffsetDateTime::now_utc() + Duration::HOUR))
    }
}

struct AllAt(SocketAddr);

impl Resolve for AllAt {
    fn resolve(&self, _: Name) -> Resolving {
        let addresses: Addrs = Box::new(std::iter::once(self.0));
        Box::pin(std::future::ready(Ok(addresses)))
    }
}
