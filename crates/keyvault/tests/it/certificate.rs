//! Certificates of a vault: PEM, and what TLS shows to the other side.

use std::{path::Path, sync::Arc};

use azconnect_cert_tools::{
    AlternativeName, Certificate, CertificateBuilder, CertificateUse, DistinguishedName,
    PfxContents, PrivateKey, Validity,
};
use azconnect_emulators::{CertificateConfig, Config};
use azconnect_keyvault::{
    ErrorKind, SecretUpdate, SetSecret, TlsIdentity, VaultCertificate,
    rustls_pki_types::{CertificateDer, PrivatePkcs8KeyDer, ServerName},
};
use rustls::{ClientConfig, RootCertStore, ServerConfig, server::WebPkiClientVerifier};
use time::{Duration, OffsetDateTime};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use tokio_rustls::{TlsAcceptor, TlsConnector};

use crate::fixture::{Fixture, name};

/// A certificate of an authority for a job, and one for the server that it talks to.
struct Issued {
    authority: Certificate,
    contents: PfxContents,
    server: PfxContents,
}

fn issue() -> Issued {
    let validity = Validity::days(OffsetDateTime::now_utc() - Duration::DAY, 30).unwrap();
    let subject = |name: &str| DistinguishedName::common_name(name).unwrap();
    let authority_key = PrivateKey::generate_rsa(2048).unwrap();
    let authority = CertificateBuilder::new(subject("authority"), validity)
        .with_use(CertificateUse::CertificateAuthority)
        .self_signed(&authority_key)
        .unwrap();
    let sign = |builder: CertificateBuilder| {
        let key = PrivateKey::generate_rsa(2048).unwrap();
        let public_key = key.public_key().unwrap();
        let leaf = builder.signed_by(&authority, &authority_key, &public_key).unwrap();
        PfxContents::new(key, leaf, vec![authority.clone()]).unwrap()
    };
    let contents = sign(CertificateBuilder::new(subject("job"), validity));
    let server = CertificateBuilder::new(subject("localhost"), validity)
        .with_use(CertificateUse::TlsServer)
        .with_alternative_names([AlternativeName::dns("localhost").unwrap()]);
    let server = sign(server);
    Issued { authority, contents, server }
}

/// A vault that has it twice: as PFX and as PEM.
async fn vault_with(issued: &Issued, folder: &Path) -> Fixture {
    let (pfx_file, pem_file) = (folder.join("job.pfx"), folder.join("job.pem"));
    std::fs::write(&pfx_file, issued.contents.encode(&"of the file".into()).unwrap()).unwrap();
    std::fs::write(&pem_file, issued.contents.to_pem().unwrap()).unwrap();
    let mut config = Config::default();
    config.vaults[0].certificates = vec![
        CertificateConfig {
            name: "pfx".into(),
            pfx_file: Some(pfx_file),
            password: Some("of the file".into()),
            pem_file: None,
        },
        CertificateConfig { name: "pem".into(), pem_file: Some(pem_file), ..Default::default() },
    ];
    Fixture::with(config).await
}

#[tokio::test]
async fn both_kinds_are_read_and_show_the_same_identity() {
    let folder = tempfile::tempdir().unwrap();
    let issued = issue();
    let fixture = vault_with(&issued, folder.path()).await;
    for kind in ["pfx", "pem"] {
        let certificate = fixture.client().certificate(&name(kind), None).await.unwrap();
        assert!(certificate.properties().managed);
        let version = certificate.properties().version.clone().unwrap();
        fixture.client().certificate(&name(kind), Some(&version)).await.unwrap();
        let pem = certificate.to_pem().unwrap();
        // A reader that had no part in writing it.
        reqwest::Identity::from_pem(pem.as_bytes()).unwrap();
        assert_eq!(*pem, *issued.contents.to_pem().unwrap());
        let identity = certificate.to_tls_identity().unwrap();
        assert_eq!(identity.certificate_chain().len(), 2);
        assert!(!format!("{identity:?} {certificate:?}").contains("BEGIN"));
        handshake(&issued, identity).await;
    }
}

/// Shows the identity to a server that insists on one.
async fn handshake(issued: &Issued, identity: TlsIdentity) {
    let (chain, key) = identity.into_parts();
    let authority = CertificateDer::from(issued.authority.to_der().unwrap());
    let server_chain = vec![CertificateDer::from(issued.server.leaf().to_der().unwrap())];
    let server_key = issued.server.key().to_pkcs8_der().unwrap().to_vec();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut roots = RootCertStore::empty();
    roots.add(authority).unwrap();
    let roots = Arc::new(roots);
    let verifier =
        WebPkiClientVerifier::builder_with_provider(Arc::clone(&roots), Arc::clone(&provider));
    let server = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(verifier.build().unwrap())
        .with_single_cert(server_chain, PrivatePkcs8KeyDer::from(server_key).into())
        .unwrap();
    let client = || {
        ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(Arc::clone(&roots))
    };
    assert!(greet(server.clone(), client().with_no_client_auth()).await.is_err());
    let client = client().with_client_auth_cert(chain.clone(), key).unwrap();
    assert_eq!(greet(server, client).await.unwrap(), chain);
}

/// Lets the server say hello to the client; the certificates that the client showed.
async fn greet(
    server: ServerConfig,
    client: ClientConfig,
) -> std::io::Result<Vec<CertificateDer<'static>>> {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let serve = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let mut stream = TlsAcceptor::from(Arc::new(server)).accept(stream).await?;
        stream.write_all(b"hello").await?;
        stream.shutdown().await?;
        Ok(stream.get_ref().1.peer_certificates().unwrap().to_vec())
    });
    let stream = TcpStream::connect(address).await.unwrap();
    let host = ServerName::try_from("localhost").unwrap();
    let mut stream = TlsConnector::from(Arc::new(client)).connect(host, stream).await?;
    let mut text = String::new();
    stream.read_to_string(&mut text).await?;
    assert_eq!(text, "hello");
    serve.await.unwrap()
}

#[tokio::test]
async fn what_is_no_certificate_is_refused_without_quoting_it() {
    let fixture = Fixture::start().await;
    let client = fixture.client();
    let issued = issue();
    let key = issued.contents.key().to_pkcs8_pem().unwrap();
    let other_key = PrivateKey::generate_rsa(2048).unwrap().to_pkcs8_pem().unwrap();
    let leaf = issued.contents.leaf().to_pem().unwrap();
    let locked = issued.contents.encode(&"a password".into()).unwrap();
    let locked = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, locked);
    let (pfx, pem) = ("application/x-pkcs12", "application/x-pem-file");
    for (content_type, value) in [
        ("text/plain", "hunter2 hunter2"),
        (pfx, "hunter2 hunter2"),
        (pfx, "aHVudGVyMg=="),
        (pfx, &locked),
        (pem, "hunter2"),
        (pem, &leaf),
        (pem, &key),
        (pem, &[&**other_key, &leaf].concat()),
    ] {
        let properties = SecretUpdate::new().with_content_type(content_type);
        let set = SetSecret::new(value.to_owned()).with_properties(properties);
        client.set_secret(&name("job"), set).await.unwrap();
        let error = client.certificate(&name("job"), None).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{content_type}");
        let shown = format!("{error} {error:?}");
        assert!(!shown.contains("hunter2") && !shown.contains("BEGIN"), "{shown}");
        assert!(!shown.contains(&value[value.len() / 2..]), "{shown}");
    }
    let bare = client.secret(&name("demo-secret")).await.unwrap();
    let error = VaultCertificate::from_secret(&bare).unwrap_err();
    assert!(error.to_string().contains("its content type is `none`"), "{error}");
}

#[tokio::test]
async fn the_secret_of_a_certificate_is_changed_through_the_certificate() {
    let folder = tempfile::tempdir().unwrap();
    let fixture = vault_with(&issue(), folder.path()).await;
    let client = fixture.client();
    let pem = name("pem");
    for error in [
        client.set_secret(&pem, SetSecret::new("1".to_owned())).await.unwrap_err(),
        client.delete_secret(&pem).await.unwrap_err(),
    ] {
        assert_eq!(error.kind(), ErrorKind::Conflict, "{error:?}");
        assert_eq!(error.service_code(), Some("SecretManagedByKeyVault"));
        assert!(error.hint().unwrap().contains("do this to the certificate"), "{error:?}");
    }
    client.certificate(&pem, None).await.unwrap();
}
