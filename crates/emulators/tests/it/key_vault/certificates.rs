//! Certificates among the secrets.

use std::path::{Path, PathBuf};

use azconnect_cert_tools::{
    Certificate, CertificateBuilder, DistinguishedName, Pfx, PfxContents, PrivateKey, Validity,
};
use azconnect_emulators::{CertificateConfig, Config, Emulators, ErrorKind};
use base64::{Engine, engine::general_purpose::STANDARD};
use reqwest::Method;
use secrecy::SecretString;
use serde_json::{Value, json};
use tempfile::TempDir;
use time::OffsetDateTime;

use super::{BASE, VERSION, codes, get, send};
use crate::fixture::{Answer, Fixture, VAULT};

const PASSWORD: &str = "the password of the file";

/// A vault with the same certificate twice, and what it is.
struct World {
    fixture: Fixture,
    contents: PfxContents,
    _folder: TempDir,
}

impl World {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let contents = contents();
        let pfx = write(&folder, "a.pfx", &contents.encode(&PASSWORD.into()).unwrap());
        // The leaf last and the key in between, as files are found.
        let (key, leaf, chain) = contents.clone().into_parts();
        let (issuer, leaf) = (chain[0].to_pem().unwrap(), leaf.to_pem().unwrap());
        let pem = [issuer.as_str(), key.to_pkcs8_pem().unwrap().as_str(), leaf.as_str()].concat();
        let pem = write(&folder, "a.pem", pem.as_bytes());
        let mut config = Config::default();
        config.vaults[0].certificates = vec![
            CertificateConfig {
                name: "as-pfx".into(),
                pfx_file: Some(pfx),
                password: Some(PASSWORD.into()),
                ..CertificateConfig::default()
            },
            CertificateConfig {
                name: "as-pem".into(),
                pem_file: Some(pem),
                ..CertificateConfig::default()
            },
        ];
        Self { fixture: Fixture::with(config).await, contents, _folder: folder }
    }

    async fn get_as(&self, name: &str, version: &str, wanted: &str) -> Answer {
        let token = self.fixture.token("uami-demo", VAULT);
        let query = [("api-version", version), ("outContentType", wanted)];
        let request = self.fixture.get(&format!("{BASE}/secrets/{name}"), &query);
        self.fixture.send(request.bearer_auth(token)).await
    }

    #[track_caller]
    fn assert_same(&self, found: &PfxContents) {
        assert_eq!(found.leaf(), self.contents.leaf());
        assert_eq!(found.chain(), self.contents.chain());
        assert_eq!(
            *found.key().to_pkcs8_pem().unwrap(),
            *self.contents.key().to_pkcs8_pem().unwrap()
        );
    }
}

fn contents() -> PfxContents {
    let validity = || Validity::days(OffsetDateTime::now_utc(), 30).unwrap();
    let name = |name| DistinguishedName::common_name(name).unwrap();
    let key = PrivateKey::generate_rsa(2048).unwrap();
    let leaf = CertificateBuilder::new(name("a job"), validity()).self_signed(&key).unwrap();
    let other = PrivateKey::generate_rsa(2048).unwrap();
    let other = CertificateBuilder::new(name("other"), validity()).self_signed(&other).unwrap();
    PfxContents::new(key, leaf, vec![other]).unwrap()
}

fn write(folder: &TempDir, name: &str, bytes: &[u8]) -> PathBuf {
    let path = folder.path().join(name);
    std::fs::write(&path, bytes).unwrap();
    path
}

fn value(secret: &Value) -> &str {
    secret["value"].as_str().unwrap()
}

#[tokio::test]
async fn a_certificate_is_a_secret_of_the_form_of_its_file() {
    let world = World::start().await;
    let leaf = world.contents.leaf();
    for name in ["as-pfx", "as-pem"] {
        let secret = get(&world.fixture, &format!("/secrets/{name}")).await.expect(200).json();
        assert_eq!(secret["managed"], true);
        let id = secret["id"].as_str().unwrap();
        assert_eq!(secret["kid"], id.replace("/secrets/", "/keys/"));
        assert_eq!(
            secret["attributes"]["nbf"],
            leaf.not_before().unwrap().unix_timestamp(),
            "{secret}"
        );
        assert_eq!(secret["attributes"]["exp"], leaf.not_after().unwrap().unix_timestamp());
        if name == "as-pfx" {
            assert_eq!(secret["contentType"], "application/x-pkcs12");
            let bytes = STANDARD.decode(value(&secret)).unwrap();
            world.assert_same(&Pfx::decode(bytes, &SecretString::from("")).unwrap());
        } else {
            assert_eq!(secret["contentType"], "application/x-pem-file");
            assert_eq!(value(&secret), world.contents.to_pem().unwrap().as_str());
        }
    }
    let listed = get(&world.fixture, "/secrets").await.expect(200).json();
    let managed = |item: &&Value| item["managed"] == true && item.get("kid").is_none();
    assert_eq!(listed["value"].as_array().unwrap().iter().filter(managed).count(), 2);
}

#[tokio::test]
async fn a_pfx_is_given_as_pem_by_versions_that_know_how() {
    let world = World::start().await;
    let pem = "application/x-pem-file";
    for (version, converted) in [
        ("2025-06-01-preview", true),
        ("2025-07-01", true),
        ("2026-03-01-preview", true),
        ("2026-04-01", true),
        ("7.6", false),
    ] {
        let secret = world.get_as("as-pfx", version, pem).await.expect(200).json();
        if converted {
            assert_eq!(secret["contentType"], pem);
            assert_eq!(value(&secret), world.contents.to_pem().unwrap().as_str());
            let leaf = Certificate::from_pem(value(&secret)).unwrap();
            assert_eq!(&leaf, world.contents.leaf());
        } else {
            assert_eq!(secret["contentType"], "application/x-pkcs12");
        }
    }
    for (name, wanted) in [
        ("as-pfx", "text/plain"),
        ("as-pfx", ""),
        ("as-pem", "application/x-pkcs12"),
        ("demo-secret", "text/plain"),
    ] {
        let refusal = world.get_as(name, VERSION.1, wanted).await.expect(400);
        assert_eq!(codes(&refusal).0, "BadParameter", "{name} {wanted}");
    }
    for (name, wanted) in
        [("as-pem", pem), ("as-pfx", "application/x-pkcs12"), ("demo-secret", pem)]
    {
        world.get_as(name, VERSION.1, wanted).await.expect(200);
    }
}

#[tokio::test]
async fn the_secret_of_a_certificate_does_not_change_by_itself() {
    let world = World::start().await;
    for (method, path, operation) in [
        (Method::PUT, "/secrets/as-pfx", "set"),
        (Method::PATCH, "/secrets/as-pfx/", "update"),
        (Method::DELETE, "/secrets/as-pem", "delete"),
        (Method::POST, "/secrets/as-pem/backup", "backup"),
    ] {
        let body = Some(json!({"value": "1"}));
        let refusal = send(&world.fixture, method, path, body).await.expect(403);
        let inner = Some("SecretManagedByKeyVault".to_owned());
        assert_eq!(codes(&refusal), ("Forbidden".to_owned(), inner));
        let message = refusal.json()["error"]["message"].as_str().unwrap().to_owned();
        assert!(message.contains(&format!("Operation \"{operation}\"")), "{message}");
    }
}

#[tokio::test]
async fn a_certificate_that_cannot_be_read_keeps_the_emulators_from_starting() {
    let folder = tempfile::tempdir().unwrap();
    let contents = contents();
    let pfx = write(&folder, "a.pfx", &contents.encode(&PASSWORD.into()).unwrap());
    let text = write(&folder, "a.txt", b"not a certificate");
    let absent = folder.path().join("absent");
    let file = |path: &Path| Some(path.to_owned());
    let of = |pfx_file, pem_file, password: Option<&str>| CertificateConfig {
        name: "a-certificate".into(),
        pfx_file,
        pem_file,
        password: password.map(SecretString::from),
    };
    for (certificate, kind) in [
        (of(None, None, None), ErrorKind::InvalidInput),
        (of(file(&pfx), file(&text), None), ErrorKind::InvalidInput),
        (of(None, file(&text), Some(PASSWORD)), ErrorKind::InvalidInput),
        (of(file(&absent), None, None), ErrorKind::Io),
        (of(file(&text), None, None), ErrorKind::Certificate),
        (of(None, file(&text), None), ErrorKind::Certificate),
        (of(file(&pfx), None, Some("a guess")), ErrorKind::Certificate),
    ] {
        let mut config = Config::default();
        config.vaults[0].certificates = vec![certificate];
        let error = Emulators::start(config).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
        assert!(!format!("{error:?}").contains("a guess"), "{error:?}");
    }
}
