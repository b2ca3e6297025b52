//! No secret is ever shown: not by a log line of any crate at any level, not by an error, not by `Debug`.

use std::{
    io::{self, Write},
    sync::{Arc, Mutex},
};

use azconnect_auth::ClientSecretCredential;
use azconnect_cert_tools::Pfx;
use azconnect_emulators::Config;
use azconnect_synapse::{Login, SynapseClient};
use azconnect_transfer::Export;
use azure_core::credentials::TokenCredential;
use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use secrecy::{ExposeSecret, SecretString};
use time::Duration;

use crate::world::{World, told};

const SECRET_VALUE: &str = "canary+secret/value=4711";
const CLIENT_SECRET: &str = "canary~client-secret+4712";
const SQL_PASSWORD: &str = "Canary-passw0rd=4713";
const PFX_PASSWORD: &str = "canary-pfx&4714";

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_is_shown_by_any_log_error_or_debug() {
    let transcript = Transcript::default();
    let writer = transcript.clone();
    tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .init();

    let mut config = Config::default();
    config.vaults[0].secrets.insert("canary".to_owned(), SECRET_VALUE.into());
    config.apps[0].client_secrets = vec![CLIENT_SECRET.into()];
    config.sql.logins[0].password = SQL_PASSWORD.into();
    let world = World::with(config).await;
    let mut secrets: Vec<SecretString> =
        [SECRET_VALUE, CLIENT_SECRET, SQL_PASSWORD, PFX_PASSWORD].map(SecretString::from).into();
    let mut shown = Shown(transcript);

    // What works.
    let identity = world.identity();
    for scope in
        ["https://vault.azure.net", "https://storage.azure.com", "https://database.windows.net"]
    {
        let token = identity.get_token(&[&[scope, "/.default"].concat()], None).await.unwrap();
        secrets.push(token.token.secret().to_owned().into());
        shown.debug(&token);
    }
    let by_secret = client_secret(&world, CLIENT_SECRET);
    let token = by_secret.get_token(&["https://vault.azure.net/.default"], None).await.unwrap();
    secrets.push(token.token.secret().to_owned().into());
    let vault = world.harness.vault(by_secret.clone()).unwrap();
    let secret = vault.secret(&"canary".parse().unwrap()).await.unwrap();
    assert_eq!(secret.value.expose_secret(), SECRET_VALUE);
    shown.debug(&(&by_secret, &vault, &secret));
    let lake = world.harness.lake(identity.clone()).unwrap();
    let synapse = sql_login(&world, SQL_PASSWORD);
    let export = Export::builder(
        synapse.clone(),
        "SELECT * FROM people",
        lake.clone(),
        "raw/people.parquet".parse().unwrap(),
    );
    let export = export.build().unwrap();
    shown.debug(&(&lake, &synapse, &export));
    export.run().await.unwrap();

    // What fails.
    let wrong_secret = client_secret(&world, "canary~wrong-secret+4715");
    secrets.push("canary~wrong-secret+4715".into());
    shown.error(
        &wrong_secret.get_token(&["https://vault.azure.net/.default"], None).await.unwrap_err(),
    );
    shown.error(&sql_login(&world, "Canary-wrong=4716").query("SELECT 1").await.unwrap_err());
    secrets.push("Canary-wrong=4716".into());
    shown.error(&Pfx::decode(b"0123", &PFX_PASSWORD.into()).unwrap_err());
    for audience in ["https://vault.azure.net", "https://example.invalid"] {
        let token = world.harness.fixed_token("uami-demo", audience, Duration::hours(-1)).unwrap();
        secrets.push(token.token().clone());
        shown.debug(&token);
        let vault = world.harness.vault(token.clone()).unwrap();
        shown.error(&vault.secret(&"canary".parse().unwrap()).await.unwrap_err());
        let lake = world.harness.lake(token.clone()).unwrap();
        shown.error(&lake.properties(&"raw/a".parse().unwrap()).await.unwrap_err());
        shown.error(&world.harness.synapse(token).unwrap().query("SELECT 1").await.unwrap_err());
    }

    let text = shown.0.text();
    assert!(text.len() > 10_000, "the log was not captured:\n{text}");
    for secret in &secrets {
        for form in forms(secret.expose_secret()) {
            if let Some(at) = text.find(&form) {
                let line = text[..at].rsplit('\n').next().unwrap_or_default();
                panic!("a secret is shown after: {line}");
            }
        }
    }
}

/// A secret as it is, as the encodings on the wire show it, and, of a token, the part that makes it valid.
fn forms(secret: &str) -> Vec<String> {
    let percent: String = url::form_urlencoded::byte_serialize(secret.as_bytes()).collect();
    let mut forms =
        vec![secret.to_owned(), STANDARD.encode(secret), URL_SAFE_NO_PAD.encode(secret), percent];
    if let [_, _, signature] = secret.split('.').collect::<Vec<_>>()[..] {
        forms.push(signature.to_owned());
    }
    forms
}

fn client_secret(world: &World, secret: &str) -> Arc<ClientSecretCredential> {
    let emulators = world.harness.emulators();
    let tenant = emulators.tenant_id().parse().unwrap();
    let client = "308fc1a1-6e4d-4195-b273-9daebfc03144".parse().unwrap();
    ClientSecretCredential::builder(tenant, client, secret.into())
        .with_authority_host(emulators.endpoints().authority_host().parse().unwrap())
        .with_transport(world.harness.transport())
        .build()
        .unwrap()
}

fn sql_login(world: &World, password: &str) -> SynapseClient {
    let emulators = world.harness.emulators();
    let login = Login::Password { user: "demo".to_owned(), password: password.into() };
    SynapseClient::builder("syn-demo.sql.azuresynapse.net".parse().unwrap(), "demo", login)
        .with_connect_address(emulators.endpoints().synapse.unwrap())
        .with_ca_pem(emulators.ca_pem())
        .build()
        .unwrap()
}

/// Everything that a person or a log collector could see.
struct Shown(Transcript);

impl Shown {
    fn debug(&mut self, value: &dyn std::fmt::Debug) {
        writeln!(self.0, "{value:?}\n{value:#?}").unwrap();
    }

    fn error(&mut self, error: &(dyn std::error::Error + 'static)) {
        writeln!(self.0, "{}", told(error)).unwrap();
        self.debug(&error);
    }
}

/// The log lines of all crates and threads.
#[derive(Clone, Default)]
struct Transcript(Arc<Mutex<Vec<u8>>>);

impl Transcript {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap()).into_owned()
    }
}

impl Write for Transcript {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
