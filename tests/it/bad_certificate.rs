//! PFX files and certificates that do not work.

use azconnect_auth::ClientCertificateCredential;
use azconnect_cert_tools::{
    Certificate, CertificateBuilder, DistinguishedName, ErrorKind, Pfx, PfxContents, PrivateKey,
    Validity,
};
use azure_core::credentials::TokenCredential;
use secrecy::SecretString;
use time::{Duration, OffsetDateTime};

use crate::world::{World, assert_tells, find, told};

fn self_signed(not_before: OffsetDateTime) -> (PrivateKey, Certificate) {
    let key = PrivateKey::generate_rsa(2048).unwrap();
    let subject = DistinguishedName::common_name("a job").unwrap();
    let validity = Validity::days(not_before, 30).unwrap();
    let certificate = CertificateBuilder::new(subject, validity).self_signed(&key).unwrap();
    (key, certificate)
}

fn pfx(password: &SecretString) -> Vec<u8> {
    let (key, certificate) = self_signed(OffsetDateTime::now_utc());
    PfxContents::new(key, certificate, Vec::new()).unwrap().encode(password).unwrap().to_vec()
}

#[test]
fn a_wrong_pfx_password_is_told_from_a_damaged_file() {
    let file = pfx(&SecretString::from("right"));
    let error = Pfx::decode(&file, &SecretString::from("canary")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::WrongPassword);
    assert_tells(&error.to_string(), &["the password is wrong"]);
    assert_tells(error.hint().unwrap(), &["password file"]);
    assert!(!format!("{error:?}{}", told(&error)).contains("canary"));
}

#[test]
fn a_corrupt_pfx_is_told_from_a_wrong_password() {
    let password = SecretString::from("right");
    let file = pfx(&password);
    let (half, _) = file.split_at(file.len() / 2);
    let error = Pfx::decode(half, &password).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
    assert_tells(error.hint().unwrap(), &["copy or export the file again"]);

    for other in [&b"not a PFX file at all"[..], b""] {
        let error = Pfx::decode(other, &password).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
        assert!(error.hint().is_some(), "{error:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_that_nobody_registered_is_refused_by_entra() {
    let world = World::new().await;
    let (key, certificate) = self_signed(OffsetDateTime::now_utc());
    let error = token_by(&world, &key, &certificate).await.unwrap_err();
    let error = find::<azconnect_auth::Error>(&error);
    assert_eq!(error.kind(), azconnect_auth::ErrorKind::AssertionRejected);
    assert_eq!(error.service_code(), Some("AADSTS700027"));
    assert_tells(error.hint().unwrap(), &["certificate"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expired_certificate_is_refused_before_any_request() {
    let world = World::new().await;
    let (key, certificate) = self_signed(OffsetDateTime::now_utc() - Duration::days(60));
    let error = token_by(&world, &key, &certificate).await.unwrap_err();
    let error = find::<azconnect_auth::Error>(&error);
    assert_eq!(error.kind(), azconnect_auth::ErrorKind::CertificateExpired);
    assert_eq!(error.http_status(), None);
    assert!(error.hint().is_some());
}

async fn token_by(
    world: &World,
    key: &PrivateKey,
    certificate: &Certificate,
) -> azure_core::Result<azure_core::credentials::AccessToken> {
    let emulators = world.harness.emulators();
    let pem = format!("{}{}", *key.to_pkcs8_pem().unwrap(), certificate.to_pem().unwrap());
    let client_id = "308fc1a1-6e4d-4195-b273-9daebfc03144".parse().unwrap();
    let tenant_id = emulators.tenant_id().parse().unwrap();
    let credential = ClientCertificateCredential::builder(tenant_id, client_id, pem)
        .with_authority_host(emulators.endpoints().authority_host().parse().unwrap())
        .with_transport(world.harness.transport())
        .build();
    match credential {
        Ok(credential) => credential.get_token(&["https://vault.azure.net/.default"], None).await,
        Err(error) => Err(azure_core::Error::new(azure_core::error::ErrorKind::Credential, error)),
    }
}
