//! No secret is shown: not by a log line of any crate at any level, not by `Debug`, not by an error,
//! not by a panic. Tried with random secrets, on the emulator and on a vault that answers nonsense.
//!
//! A program of its own, as it takes over what the process logs and how it panics.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a failing test should say where"
)]

mod forms;
mod hostile;
mod transcript;
mod vault;

use azconnect_keyvault::{
    Secret, SecretCache, SecretName, SecretReference, SecretUpdate, SetSecret, Vaults,
    azure_core::{http::Url, time::OffsetDateTime},
    secrecy::SecretString,
};
use futures::{StreamExt, TryStreamExt};

use self::{forms::Random, transcript::Transcript, vault::RealVault};

/// Random secrets go through every operation, and through every fault of the emulator.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_works_or_fails_shows_a_secret() {
    let transcript = Transcript::of_process();
    let vault = RealVault::start().await;
    let mut random = Random::new();
    let mut secrets = Vec::new();
    for number in 0..40 {
        let value = random.secret();
        let name = SecretName::new(format!("s-{number}")).unwrap();
        use_everywhere(&vault, transcript, &name, &value).await;
        secrets.push(value);
    }
    for fault in vault::FAULTS {
        let value = random.secret();
        let name = SecretName::new("faulty").unwrap();
        vault.client.set_secret(&name, SetSecret::new(value.clone())).await.unwrap();
        vault.break_next(fault);
        match vault.client.secret(&name).await {
            Ok(secret) => transcript.debug(&secret),
            Err(error) => transcript.error(&error),
        }
        vault.break_next(fault);
        if let Err(error) = vault.client.set_secret(&name, SetSecret::new(value.clone())).await {
            transcript.error(&error);
        }
        vault.mend();
        secrets.push(value);
    }
    assert!(transcript.length() > 100_000, "the log was not captured");
    transcript.check(&secrets);
}

/// A secret as a client might find it where it does not belong.
#[tokio::test(flavor = "multi_thread")]
async fn no_answer_makes_the_client_show_what_it_holds() {
    let transcript = Transcript::of_process();
    let mut random = Random::new();
    let mut secrets = Vec::new();
    for _ in 0..20 {
        let value = random.secret();
        for answer in hostile::answers(&value) {
            let client = hostile::client(answer);
            let name = SecretName::new("db").unwrap();
            match client.secret(&name).await {
                Ok(secret) => transcript.debug(&secret),
                Err(error) => transcript.error(&error),
            }
            let set = SetSecret::new(value.clone());
            match client.set_secret(&name, set).await {
                Ok(properties) => transcript.debug(&properties.version),
                Err(error) => transcript.error(&error),
            }
            if let Err(error) = client.secrets().try_collect::<Vec<_>>().await {
                transcript.error(&error);
            }
            if let Err(error) = client.back_up_secret(&name).await {
                transcript.error(&error);
            }
            if let Err(error) = client.deleted_secret(&name).await {
                transcript.error(&error);
            }
        }
        if let Err(error) = value.parse::<SecretReference>() {
            transcript.error(&error);
        }
        secrets.push(value);
    }
    transcript.check(&secrets);
}

/// A panic shows what is formatted into it, and nobody formats a value by accident.
#[tokio::test]
async fn a_panic_in_the_middle_of_things_shows_no_secret() {
    let transcript = Transcript::of_process();
    let mut random = Random::new();
    let mut secrets = Vec::new();
    for _ in 0..20 {
        let value = random.secret();
        let client = hostile::client(hostile::proper(&value));
        let task = tokio::spawn(async move {
            let secret = client.secret(&SecretName::new("db").unwrap()).await.unwrap();
            let set = SetSecret::new(secret.value.clone());
            panic!("here is {secret:?} and {secret:#?} and {set:?} of {client:?}");
        });
        assert!(task.await.unwrap_err().is_panic());
        secrets.push(value);
    }
    assert!(transcript.contains("here is Secret"), "the panics were not captured");
    transcript.check(&secrets);
}

/// The test itself: it would notice.
#[test]
fn a_leak_in_any_form_is_noticed() {
    for value in ["pässword \"1\"?", "c2VjcmV0IHN0dWZm", "line one\nline two"] {
        for shown in forms::shown_by_programs(value) {
            let text = format!("before {shown} behind");
            assert!(forms::leak(&text, value).is_some(), "{shown}");
        }
        assert!(forms::leak("before *** behind", value).is_none());
    }
}

async fn use_everywhere(
    vault: &RealVault,
    transcript: &Transcript,
    name: &SecretName,
    value: &str,
) {
    let client = &vault.client;
    let update = SecretUpdate::new()
        .with_content_type("text/plain")
        .with_tags([("team".to_owned(), "data".to_owned())])
        .with_expires(OffsetDateTime::now_utc());
    let set = SetSecret::new(SecretString::from(value)).with_properties(update.clone());
    transcript.debug(&set);
    transcript.debug(&client.set_secret(name, set).await.unwrap());
    let secret: Secret = client.secret(name).await.unwrap();
    assert_eq!(secret.value.expose_secret(), value);
    transcript.debug(&secret);
    transcript.debug(&secret.value);
    transcript.debug(&client.update_secret(name, None, update).await.unwrap());
    transcript.debug(&client.secrets().try_collect::<Vec<_>>().await.unwrap());
    transcript.debug(&client.versions(name).try_collect::<Vec<_>>().await.unwrap());

    let cache = SecretCache::builder(client.clone()).build();
    transcript.debug(&cache.secret(name).await.unwrap());
    transcript.debug(&cache);
    let interval = std::time::Duration::from_secs(60);
    transcript.debug(&client.rotations(name, interval).next().await);
    let one = client.clone();
    let vaults = Vaults::new("vault.azure.net", move |_: Url| Ok(one.clone()));
    let reference: SecretReference = format!("akv://kv-demo/{name}").parse().unwrap();
    transcript.debug(&vaults.secrets([reference], 4).collect::<Vec<_>>().await);
    transcript.debug(&vaults);

    let backup = client.back_up_secret(name).await.unwrap();
    transcript.debug(&backup);
    transcript.debug(&client.delete_secret(name).await.unwrap());
    let missing = client.secret(name).await.unwrap_err();
    transcript.error(&client.explain(name, missing).await);
    let again = client.set_secret(name, SetSecret::new(SecretString::from(value))).await;
    transcript.error(&again.unwrap_err());
    transcript.error(&client.restore_secret(&backup).await.unwrap_err());
    transcript.debug(&client.recover_secret(name).await.unwrap());
    let off = SecretUpdate::new().with_enabled(false);
    client.update_secret(name, None, off).await.unwrap();
    transcript.error(&client.secret(name).await.unwrap_err());
}
