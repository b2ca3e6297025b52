//! Our credentials inside Azure's own clients of Key Vault and Blob Storage.

use std::{num::NonZero, sync::Arc};

use azconnect_auth::{
    AssertionSource, ClientAssertionCredential, ClientCertificateCredential, Identity,
    TOKEN_EXCHANGE_SCOPE,
};
use azconnect_cert_tools::{CertificateBuilder, DistinguishedName, PrivateKey, Validity};
use azconnect_emulators::{Config, FederatedIdentityCredentialConfig};
use azure_core::{
    credentials::TokenCredential,
    http::{ClientOptions, RequestContent, Url},
};
use azure_security_keyvault_secrets::{
    SecretClient, SecretClientOptions, models::SetSecretParameters,
};
use azure_storage_blob::{
    BlobContainerClient, BlobContainerClientOptions,
    models::{
        BlobClientDownloadOptions, BlobClientUploadOptions, BlobContainerClientListBlobsOptions,
    },
};
use bytes::Bytes;
use futures::TryStreamExt;
use time::OffsetDateTime;

use crate::world::{World, find};

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_is_set_and_read_with_each_of_our_credentials() {
    let world = world().await;
    for (name, credential) in credentials(&world) {
        let client = vault(&world, credential);
        let value = format!("set by the {name}");
        let parameters =
            SetSecretParameters { value: Some(value.clone()), ..SetSecretParameters::default() };
        let content: RequestContent<_> = parameters.try_into().unwrap();
        let set = client.set_secret(name, content, None).await.unwrap().into_model().unwrap();
        assert_eq!(set.value.as_deref(), Some(value.as_str()));
        let read = client.get_secret(name, None).await.unwrap().into_model().unwrap();
        assert_eq!(read.value.as_deref(), Some(value.as_str()));
        assert_eq!(read.id, set.id);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn blobs_are_written_listed_and_read_with_each_of_our_credentials() {
    let world = world().await;
    for (name, credential) in credentials(&world) {
        let container = container(&world, credential);
        let small = format!("{name}.txt");
        let whole = Bytes::from(format!("written by the {name}"));
        container.blob_client(&small).upload(whole.clone().into(), None).await.unwrap();
        let read = container.blob_client(&small).download(None).await.unwrap();
        assert_eq!(read.body.collect().await.unwrap(), whole);

        // Three blocks and a commit; two ranges.
        let blob = container.blob_client(&format!("{name}/in parts"));
        let parts: Bytes = (0..5 * PART / 2).map(|index| (index % 251) as u8).collect();
        let upload = BlobClientUploadOptions {
            partition_size: NonZero::new(PART as u64),
            ..BlobClientUploadOptions::default()
        };
        blob.upload(parts.clone().into(), Some(upload)).await.unwrap();
        let download = BlobClientDownloadOptions {
            partition_size: NonZero::new(2 * PART),
            ..BlobClientDownloadOptions::default()
        };
        let read = blob.download(Some(download)).await.unwrap();
        assert_eq!(read.body.collect().await.unwrap(), parts);

        let below = BlobContainerClientListBlobsOptions {
            prefix: Some(name.to_owned()),
            ..BlobContainerClientListBlobsOptions::default()
        };
        let listed: Vec<_> =
            container.list_blobs(Some(below)).unwrap().try_collect().await.unwrap();
        let sizes: Vec<_> = listed
            .into_iter()
            .map(|item| (item.name.unwrap(), item.properties.unwrap().content_length.unwrap()))
            .collect();
        for (name, bytes) in [(small, whole.len()), (format!("{name}/in parts"), parts.len())] {
            assert!(sizes.contains(&(name, bytes as u64)), "{sizes:?}");
        }
        assert!(blob.exists().await.unwrap());
        blob.delete(None).await.unwrap();
        assert!(!blob.exists().await.unwrap());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_of_our_credential_comes_out_of_their_clients_whole() {
    let world = world().await;
    let unknown: Identity = "99999999-0000-4000-8000-000000000000".parse().unwrap();
    let unknown = || world.harness.managed_identity(Some(unknown.clone())).unwrap();
    let of_vault = vault(&world, unknown()).get_secret("demo-secret", None).await.unwrap_err();
    let of_blob = container(&world, unknown()).get_properties(None).await.unwrap_err();
    for error in [of_vault, of_blob] {
        let ours = find::<azconnect_auth::Error>(&error);
        assert_eq!(ours.kind(), azconnect_auth::ErrorKind::IdentityNotFound);
        assert!(ours.hint().is_some());
    }
}

/// Emulators whose app trusts the machine's identity.
async fn world() -> World {
    let mut config = Config::default();
    let issuer = format!("https://login.microsoftonline.com/{}/v2.0", config.tenant_id);
    config.apps[0].federated_identity_credentials.push(FederatedIdentityCredentialConfig {
        issuer,
        subject: config.managed_identities[0].object_id.to_string(),
        audiences: vec!["api://AzureADTokenExchange".to_owned()],
        public_key: None,
    });
    World::with(config).await
}

/// Each of our credentials under the name of what it proves itself with.
fn credentials(world: &World) -> [(&'static str, Arc<dyn TokenCredential>); 3] {
    let emulators = world.harness.emulators();
    let authority: Url = emulators.endpoints().authority_host().parse().unwrap();
    let tenant_id = || emulators.tenant_id().parse().unwrap();
    let app = || APP.parse().unwrap();

    let key = PrivateKey::generate_rsa(2048).unwrap();
    let validity = Validity::days(OffsetDateTime::now_utc(), 30).unwrap();
    let subject = DistinguishedName::common_name("a job").unwrap();
    let certificate =
        CertificateBuilder::new(subject, validity).self_signed(&key).unwrap().to_pem().unwrap();
    emulators.register_certificate("app-demo", &certificate).unwrap();
    let pem = format!("{}{certificate}", *key.to_pkcs8_pem().unwrap());
    let by_certificate = ClientCertificateCredential::builder(tenant_id(), app(), pem)
        .with_authority_host(authority.clone())
        .with_transport(world.harness.transport())
        .build()
        .unwrap();

    let source = AssertionSource::Credential {
        credential: world.identity(),
        scope: TOKEN_EXCHANGE_SCOPE.to_owned(),
    };
    let by_assertion = ClientAssertionCredential::builder(tenant_id(), app(), source)
        .with_authority_host(authority)
        .with_transport(world.harness.transport())
        .build()
        .unwrap();
    [("identity", world.identity()), ("certificate", by_certificate), ("assertion", by_assertion)]
}

fn vault(world: &World, credential: Arc<dyn TokenCredential>) -> SecretClient {
    let options =
        SecretClientOptions { client_options: options(world), ..SecretClientOptions::default() };
    SecretClient::new("https://kv-demo.vault.azure.net", credential, Some(options)).unwrap()
}

fn container(world: &World, credential: Arc<dyn TokenCredential>) -> BlobContainerClient {
    let url = "https://lakedemo.blob.core.windows.net/raw".parse().unwrap();
    let options = BlobContainerClientOptions {
        client_options: options(world),
        ..BlobContainerClientOptions::default()
    };
    BlobContainerClient::new(url, Some(credential), Some(options)).unwrap()
}

fn options(world: &World) -> ClientOptions {
    ClientOptions { transport: Some(world.harness.transport()), ..ClientOptions::default() }
}

const APP: &str = "308fc1a1-6e4d-4195-b273-9daebfc03144";
const PART: usize = 64 << 10;
