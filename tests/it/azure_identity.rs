//! Azure's own `azure_identity` asks the identity emulators, which have to seem like Azure to it.

use std::{net::SocketAddr, process::Command, sync::Arc};

use azconnect_emulators::{Config, FederatedIdentityCredentialConfig, ManagedIdentityConfig};
use azure_core::{
    cloud::{CloudConfiguration, CustomConfiguration},
    credentials::{Secret, TokenCredential},
    error::ErrorKind,
    http::{AsyncRawResponse, ClientMethodOptions, ClientOptions, HttpClient, Request, Transport},
};
use azure_identity::{
    ClientAssertion, ClientAssertionCredential, ClientAssertionCredentialOptions,
    ClientSecretCredential, ClientSecretCredentialOptions, ManagedIdentityCredential,
    ManagedIdentityCredentialOptions, UserAssignedId, WorkloadIdentityCredential,
    WorkloadIdentityCredentialOptions,
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use secrecy::ExposeSecret;
use serde_json::Value;

use crate::world::{World, assert_tells, told};

const STORAGE: &str = "https://storage.azure.com/.default";
const EXCHANGE: &str = "api://AzureADTokenExchange/.default";

#[tokio::test(flavor = "multi_thread")]
async fn imds_gives_the_identity_that_is_named_by_any_of_its_ids() {
    let (world, identities) = world().await;
    for identity in &identities {
        for id in ids(identity) {
            let token = managed(&world, Some(id)).get_token(&[STORAGE], None).await.unwrap();
            expect_identity(token.token.secret(), identity);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn imds_refuses_an_identity_that_is_unknown_or_not_named_among_several() {
    let (world, _) = world().await;
    let unknown = UserAssignedId::ClientId("99999999-0000-4000-8000-000000000000".to_owned());
    for (id, reason) in
        [(None, "Multiple user assigned identities exist"), (Some(unknown), "Identity not found")]
    {
        let error = managed(&world, id).get_token(&[STORAGE], None).await.unwrap_err();
        // The package puts words of its own in the place of those of IMDS, and keeps the answer.
        assert_tells(&told(&error), &["has not been assigned to this resource"]);
        assert_tells(&answer_in(&error), &["invalid_request", reason]);
    }
}

/// This package reads the identity endpoint from nowhere but the environment of the process, so the test starts
/// itself once more with those variables, and that child prints tokens.
#[tokio::test(flavor = "multi_thread")]
async fn app_service_gives_the_identity_that_is_named() {
    #[expect(clippy::disallowed_methods, reason = "it is how the test knows the child from itself")]
    if let Ok(client_id) = std::env::var(CHILD) {
        let credential = ManagedIdentityCredential::new(Some(ManagedIdentityCredentialOptions {
            user_assigned_id: Some(UserAssignedId::ClientId(client_id)),
            ..ManagedIdentityCredentialOptions::default()
        }));
        let token = credential.unwrap().get_token(&[STORAGE], None).await.unwrap();
        println!("\n{PRINTED}{}", token.token.secret());
        return;
    }
    let (world, identities) = world().await;
    let emulators = world.harness.emulators();
    for identity in &identities {
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "azure_identity::app_service_gives_the_identity_that_is_named"])
            .arg("--nocapture")
            .env(CHILD, identity.client_id.to_string())
            .env("IDENTITY_ENDPOINT", emulators.endpoints().identity_endpoint())
            .env("IDENTITY_HEADER", emulators.identity_header().expose_secret())
            .env("NO_PROXY", "127.0.0.1")
            .output()
            .unwrap();
        let output = String::from_utf8(child.stdout).unwrap();
        let token = output.lines().find_map(|line| line.strip_prefix(PRINTED));
        expect_identity(
            token.unwrap_or_else(|| panic!("{output}\n{}", String::from_utf8_lossy(&child.stderr))),
            identity,
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn entra_takes_the_client_secret_and_no_other() {
    let (world, _) = world().await;
    let token = with_secret(&world, APP, SECRET).get_token(&[STORAGE], None).await.unwrap();
    expect_app(token.token.secret());
    let other = "99999999-0000-4000-8000-000000000000";
    for (credential, status, code) in [
        (with_secret(&world, APP, "canary-4711"), 401, "7000215"),
        (with_secret(&world, other, SECRET), 400, "700016"),
    ] {
        let error = credential.get_token(&[STORAGE], None).await.unwrap_err();
        assert_eq!(refusal_in(&error), (status, code.to_owned()));
        assert_tells(&told(&error), &["ClientSecretCredential", &["AADSTS", code].concat()]);
        assert!(!told(&error).contains("canary-4711"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn entra_takes_the_token_of_a_managed_identity_that_the_app_trusts_and_of_no_other() {
    let (world, [trusted, stranger]) = world().await;
    let token = federated(&world, &trusted).get_token(&[STORAGE], None).await.unwrap();
    expect_app(token.token.secret());

    let error = federated(&world, &stranger).get_token(&[STORAGE], None).await.unwrap_err();
    assert_eq!(refusal_in(&error), (401, "700213".to_owned()));
    let stranger = stranger.object_id.to_string();
    assert_tells(&told(&error), &["ClientAssertionCredential", "AADSTS700213", &stranger]);
}

#[tokio::test(flavor = "multi_thread")]
async fn entra_takes_the_token_in_a_file_of_a_workload() {
    let (world, [trusted, stranger]) = world().await;
    for (identity, code) in [(&trusted, None), (&stranger, Some("700213"))] {
        let token = vouching(&world, identity).get_token(&[EXCHANGE], None).await.unwrap();
        let file = world.folder.path().join("token");
        std::fs::write(&file, token.token.secret()).unwrap();
        let credential = workload(&world, file).unwrap();
        match (credential.get_token(&[STORAGE], None).await, code) {
            (Ok(token), None) => expect_app(token.token.secret()),
            (Err(error), Some(code)) => {
                assert_eq!(refusal_in(&error), (401, code.to_owned()));
                assert_tells(&told(&error), &["WorkloadIdentityCredential"]);
            }
            (outcome, _) => panic!("{outcome:?}"),
        }
    }
    let error = workload(&world, world.folder.path().join("absent")).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Credential), "{error:?}");
}

/// Two managed identities, the first of which the app trusts.
async fn world() -> (World, [ManagedIdentityConfig; 2]) {
    let mut config = Config::default();
    let first = config.managed_identities[0].clone();
    let mut second = first.clone();
    second.name = "uami-second".to_owned();
    second.client_id = "11111111-0000-4000-8000-000000000001".parse().unwrap();
    second.object_id = "11111111-0000-4000-8000-000000000002".parse().unwrap();
    second.resource_id = second.resource_id.map(|id| id + "-second");
    config.managed_identities.push(second.clone());
    let issuer = format!("https://login.microsoftonline.com/{}/v2.0", config.tenant_id);
    config.apps[0].federated_identity_credentials.push(FederatedIdentityCredentialConfig {
        issuer,
        subject: first.object_id.to_string(),
        audiences: vec!["api://AzureADTokenExchange".to_owned()],
        public_key: None,
    });
    (World::with(config).await, [first, second])
}

fn ids(identity: &ManagedIdentityConfig) -> [UserAssignedId; 3] {
    [
        UserAssignedId::ClientId(identity.client_id.to_string()),
        UserAssignedId::ObjectId(identity.object_id.to_string()),
        UserAssignedId::ResourceId(identity.resource_id.clone().unwrap()),
    ]
}

fn managed(world: &World, id: Option<UserAssignedId>) -> Arc<ManagedIdentityCredential> {
    let options =
        ManagedIdentityCredentialOptions { user_assigned_id: id, client_options: options(world) };
    ManagedIdentityCredential::new(Some(options)).unwrap()
}

fn vouching(world: &World, identity: &ManagedIdentityConfig) -> Arc<ManagedIdentityCredential> {
    managed(world, Some(UserAssignedId::ClientId(identity.client_id.to_string())))
}

fn with_secret(world: &World, client_id: &str, secret: &str) -> Arc<ClientSecretCredential> {
    let tenant_id = world.harness.emulators().tenant_id();
    let options = ClientSecretCredentialOptions { client_options: options(world) };
    let secret = Secret::new(secret.to_owned());
    ClientSecretCredential::new(tenant_id, client_id.to_owned(), secret, Some(options)).unwrap()
}

fn federated(
    world: &World,
    identity: &ManagedIdentityConfig,
) -> Arc<ClientAssertionCredential<TokenOf>> {
    ClientAssertionCredential::new(
        world.harness.emulators().tenant_id().to_owned(),
        APP.to_owned(),
        TokenOf(vouching(world, identity)),
        Some(ClientAssertionCredentialOptions { client_options: options(world) }),
    )
    .unwrap()
}

fn workload(
    world: &World,
    token_file: std::path::PathBuf,
) -> azure_core::Result<Arc<WorkloadIdentityCredential>> {
    WorkloadIdentityCredential::new(Some(WorkloadIdentityCredentialOptions {
        credential_options: ClientAssertionCredentialOptions { client_options: options(world) },
        client_id: Some(APP.to_owned()),
        tenant_id: Some(world.harness.emulators().tenant_id().to_owned()),
        token_file_path: Some(token_file),
    }))
}

/// The emulators as a cloud of their own.
fn options(world: &World) -> ClientOptions {
    let endpoints = world.harness.emulators().endpoints();
    let mut cloud = CustomConfiguration::default();
    cloud.authority_host = endpoints.authority_host();
    let client = MappedImds { inner: world.harness.http_client(), imds: endpoints.imds };
    ClientOptions {
        cloud: Some(Arc::new(CloudConfiguration::Custom(cloud))),
        transport: Some(Transport::new(Arc::new(client))),
        ..ClientOptions::default()
    }
}

/// Takes requests for the fixed address of IMDS to the emulator. An address is not looked up, so a resolver
/// cannot do this.
#[derive(Debug)]
struct MappedImds {
    inner: reqwest::Client,
    imds: SocketAddr,
}

#[async_trait::async_trait]
impl HttpClient for MappedImds {
    async fn execute_request(&self, request: &Request) -> azure_core::Result<AsyncRawResponse> {
        let mut request = request.clone();
        let url = request.url_mut();
        if url.host_str() == Some("169.254.169.254") {
            url.set_ip_host(self.imds.ip()).unwrap();
            url.set_port(Some(self.imds.port())).unwrap();
        }
        self.inner.execute_request(&request).await
    }
}

/// A client assertion that is the token of a managed identity.
#[derive(Debug)]
struct TokenOf(Arc<ManagedIdentityCredential>);

#[async_trait::async_trait]
impl ClientAssertion for TokenOf {
    async fn secret(&self, _: Option<ClientMethodOptions<'_>>) -> azure_core::Result<String> {
        Ok(self.0.get_token(&[EXCHANGE], None).await?.token.secret().to_owned())
    }
}

#[track_caller]
fn expect_identity(token: &str, identity: &ManagedIdentityConfig) {
    let claims = claims(token);
    assert_eq!(claims["aud"], "https://storage.azure.com", "{claims}");
    assert_eq!(claims["appid"], identity.client_id.to_string(), "{claims}");
    assert_eq!(claims["oid"], identity.object_id.to_string(), "{claims}");
}

#[track_caller]
fn expect_app(token: &str) {
    let claims = claims(token);
    assert_eq!(claims["aud"], "https://storage.azure.com", "{claims}");
    assert_eq!(claims["appid"], APP, "{claims}");
}

/// What the token says; its signature is verified by others, in `tests/e2e`.
fn claims(token: &str) -> Value {
    let payload = token.split('.').nth(1).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap()
}

/// Status and code of the refusal that an error of the package was made of.
fn refusal_in(error: &azure_core::Error) -> (u16, String) {
    match inner(error).kind() {
        ErrorKind::HttpResponse { status, error_code: Some(code), .. } => {
            ((*status).into(), code.clone())
        }
        other => panic!("{other:?}"),
    }
}

/// The body of the answer that an error of the package was made of.
fn answer_in(error: &azure_core::Error) -> String {
    match inner(error).kind() {
        ErrorKind::HttpResponse { raw_response: Some(response), .. } => {
            String::from_utf8(response.body().to_vec()).unwrap()
        }
        other => panic!("{other:?}"),
    }
}

fn inner(error: &azure_core::Error) -> &azure_core::Error {
    assert!(matches!(error.kind(), ErrorKind::Credential), "{error:?}");
    error.downcast_ref().unwrap()
}

const CHILD: &str = "AZCONNECT_TEST_APP_SERVICE_CLIENT_ID";
const PRINTED: &str = "token=";

/// The app of the default configuration, and its secret.
const APP: &str = "308fc1a1-6e4d-4195-b273-9daebfc03144";
const SECRET: &str = "app-demo-client-secret";
