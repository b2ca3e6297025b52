//! Our managed identity credential on every host of the emulators, and through their faults.

use std::{sync::Arc, time::Duration};

use azconnect_auth::{
    Env, Error, ErrorKind, ManagedIdentityCredential, ManagedIdentityCredentialBuilder,
    ManagedIdentitySource, RetryOptions, SharedTokenCache, env,
};
use azconnect_emulators::{
    Config, Emulators, IdentityFault, Lasting, ManagedIdentityHost, Service,
};
use azure_core::credentials::TokenCredential;
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use futures::future::join_all;
use serde_json::Value;

const STORAGE: &str = "https://storage.azure.com/.default";

/// Emulators whose Arc agent writes its keys where the test knows of.
struct Machine {
    emulators: Emulators,
    keys: tempfile::TempDir,
}

impl Machine {
    async fn start() -> Self {
        let keys = tempfile::tempdir().unwrap();
        // The agent tells real paths, and the folder for temporary files may be a link.
        let folder = keys.path().canonicalize().unwrap();
        let config = Config { arc_tokens_dir: Some(folder), ..Config::default() };
        Self { emulators: Emulators::start(config).await.unwrap(), keys }
    }

    /// The credential that the variables of the host lead to.
    fn on(&self, host: ManagedIdentityHost) -> ManagedIdentityCredentialBuilder {
        let variables: Env =
            self.emulators.managed_identity_environment(host).into_iter().collect();
        let builder = ManagedIdentityCredential::builder();
        if host != ManagedIdentityHost::Arc {
            return builder.with_env(&variables);
        }
        // The folder of the real agent is root's.
        builder.with_source(ManagedIdentitySource::Arc {
            endpoint: variables.get(env::IDENTITY_ENDPOINT).unwrap().parse().unwrap(),
            keys: self.keys.path().canonicalize().unwrap(),
        })
    }

    fn requests(&self) -> u64 {
        self.emulators.requests(Service::Imds)
    }
}

async fn token(credential: &dyn TokenCredential) -> Result<String, Error> {
    match credential.get_token(&[STORAGE], None).await {
        Ok(token) => Ok(token.token.secret().to_owned()),
        Err(error) => Err(error.downcast_ref::<Error>().unwrap().clone()),
    }
}

fn object_id(token: &str) -> String {
    let payload = token.split('.').nth(1).unwrap();
    let claims: Value =
        serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap();
    claims["oid"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn every_host_gives_the_token_of_its_identity() {
    let machine = Machine::start().await;
    let expected = Config::default().managed_identities[0].object_id.to_string();
    for host in ManagedIdentityHost::ALL {
        let credential = machine.on(host).build().unwrap();
        let token = token(&*credential).await.unwrap();
        assert_eq!(object_id(&token), expected, "{host}");
    }
}

#[tokio::test]
async fn an_identity_that_does_not_exist_is_refused_by_every_host_that_can_be_asked_for_one() {
    let machine = Machine::start().await;
    let id = "99999999-0000-4000-8000-000000000000";
    for (host, kind) in [
        (ManagedIdentityHost::AppService, ErrorKind::IdentityNotFound),
        // The agent overlooks the id and answers with the machine's own identity.
        (ManagedIdentityHost::Arc, ErrorKind::IdentityNotFound),
        (ManagedIdentityHost::Imds, ErrorKind::IdentityNotFound),
        (ManagedIdentityHost::MachineLearning, ErrorKind::IdentityNotFound),
    ] {
        let credential = machine.on(host).with_identity(id.parse().unwrap()).build().unwrap();
        let error = token(&*credential).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{host}: {error}");
        assert!(!error.is_credential_absent(), "{host}");
    }
    for host in [ManagedIdentityHost::CloudShell, ManagedIdentityHost::ServiceFabric] {
        let built = machine.on(host).with_identity(id.parse().unwrap()).build();
        assert_eq!(built.unwrap_err().kind(), ErrorKind::InvalidInput, "{host}");
    }
}

#[tokio::test]
async fn service_fabric_with_another_certificate_is_not_shown_the_secret() {
    let machine = Machine::start().await;
    let host = ManagedIdentityHost::ServiceFabric;
    let variables = machine.emulators.managed_identity_environment(host);
    let changed: Env = variables
        .into_iter()
        .map(|(name, value)| match name {
            "IDENTITY_SERVER_THUMBPRINT" => (name, "AB".repeat(20)),
            _ => (name, value),
        })
        .collect();
    let credential = ManagedIdentityCredential::builder()
        .with_env(&changed)
        .with_retry(RetryOptions::managed_identity().with_max_attempts(1))
        .build()
        .unwrap();
    assert_eq!(token(&*credential).await.unwrap_err().kind(), ErrorKind::Connect);
    assert_eq!(machine.requests(), 0);
}

#[tokio::test]
async fn faults_that_pass_are_waited_for_and_others_are_told() {
    let machine = Machine::start().await;
    let quick = RetryOptions::managed_identity()
        .with_initial_pause(Duration::from_millis(1))
        .with_max_pause(Duration::from_millis(20));
    let credential = || machine.on(ManagedIdentityHost::Imds).with_retry(quick).build().unwrap();
    for fault in [
        IdentityFault::Gone,
        IdentityFault::HangUp,
        IdentityFault::Cut { after_bytes: 10 },
        IdentityFault::Late { by: Duration::from_millis(50) },
    ] {
        machine.emulators.faults().break_managed_identity(fault, Lasting::Requests(2));
        token(&*credential()).await.unwrap();
    }
    machine
        .emulators
        .faults()
        .break_managed_identity(IdentityFault::Gone, Lasting::For(Duration::from_millis(50)));
    token(&*credential()).await.unwrap();
    machine.emulators.faults().break_managed_identity(IdentityFault::NotJson, Lasting::Requests(1));
    let error = token(&*credential()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidResponse);
    machine.emulators.faults().break_managed_identity(
        IdentityFault::Late { by: Duration::from_secs(60) },
        Lasting::Requests(1),
    );
    let hasty = quick.with_request_timeout(Duration::from_millis(50)).with_max_attempts(1);
    let credential = machine.on(ManagedIdentityHost::Imds).with_retry(hasty).build().unwrap();
    assert_eq!(token(&*credential).await.unwrap_err().kind(), ErrorKind::Timeout);
    // Where it was away, the next call asks again: nothing is remembered.
    token(&*credential).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_credentials_that_share_a_folder_ask_once_for_all() {
    let machine = Machine::start().await;
    let folder = tempfile::tempdir().unwrap();
    let tasks = (0..50).map(|_| {
        let cache = SharedTokenCache::open(folder.path().join("tokens")).unwrap();
        let credential: Arc<ManagedIdentityCredential> =
            machine.on(ManagedIdentityHost::Imds).with_shared_token_cache(cache).build().unwrap();
        tokio::spawn(async move { token(&*credential).await.unwrap() })
    });
    let tokens: std::collections::BTreeSet<_> =
        join_all(tasks).await.into_iter().map(Result::unwrap).collect();
    assert_eq!((tokens.len(), machine.requests()), (1, 1));
}
