//! Certificates, as Key Vault shows them among the secrets.
//!
//! Spec: <https://learn.microsoft.com/azure/key-vault/certificates/about-certificates#composition-of-a-certificate>

use std::fs;

use azconnect_cert_tools::{Certificate, Pfx, PfxContents, PrivateKey};
use base64::{Engine, engine::general_purpose::STANDARD};
use secrecy::{ExposeSecret, SecretString};

use super::{
    body::{Attributes, Properties, SetSecret},
    failure::Failure,
    store::SecretVersion,
};
use crate::{
    config::CertificateConfig,
    error::{Error, ErrorKind, Result as SetupResult},
};

/// What the secret of a certificate has besides its value.
#[derive(Debug, Clone)]
pub(super) struct Managed {
    /// Key, leaf and chain, whatever the form of the value is.
    pem: SecretString,
}

/// The secret of a configured certificate.
pub(super) fn load(config: &CertificateConfig) -> SetupResult<(SetSecret, Managed)> {
    let failed = |source: azconnect_cert_tools::Error| {
        Error::new(
            ErrorKind::Certificate,
            format!("cannot take the certificate \"{}\" into the vault", config.name),
        )
        .caused_by(source)
    };
    let (path, is_pfx) = match (&config.pfx_file, &config.pem_file, &config.password) {
        (Some(path), None, _) => (path, true),
        (None, Some(path), None) => (path, false),
        _ => {
            return Err(Error::new(
                ErrorKind::InvalidInput,
                format!("the certificate \"{}\" needs one file", config.name),
            )
            .with_hint("give `pfx_file`, with a `password` if it has one, or `pem_file`"));
        }
    };
    let bytes = fs::read(path).map_err(|error| Error::io("read the certificate", path, error))?;
    let contents = if is_pfx {
        let password = config.password.clone().unwrap_or_default();
        Pfx::decode(bytes, &password).map_err(failed)?
    } else {
        of_pem(&bytes).map_err(failed)?
    };
    let pem = SecretString::from(contents.to_pem().map_err(failed)?.as_str());
    let (value, content_type) = if is_pfx {
        // The service keeps no password: whoever may read the secret may have the key.
        let pfx = contents.encode(&SecretString::default()).map_err(failed)?;
        (SecretString::from(STANDARD.encode(pfx)), PKCS12)
    } else {
        (pem.clone(), PEM)
    };
    let attributes = Attributes {
        enabled: None,
        nbf: Some(contents.leaf().not_before().map_err(failed)?.unix_timestamp()),
        exp: Some(contents.leaf().not_after().map_err(failed)?.unix_timestamp()),
    };
    let properties = Properties::new(content_type, attributes);
    Ok((SetSecret { value, properties }, Managed { pem }))
}

fn of_pem(text: &[u8]) -> azconnect_cert_tools::Result<PfxContents> {
    let key = PrivateKey::from_pem(text)?;
    let mut chain = Certificate::chain_from_pem(text)?;
    let leaf = chain.iter().position(|certificate| certificate.matches_key(&key)).unwrap_or(0);
    let leaf = chain.remove(leaf);
    PfxContents::new(key, leaf, chain)
}

/// The secret in the form that `outContentType` asks for. Only certificates have more than one.
///
/// Spec: <https://learn.microsoft.com/rest/api/keyvault/secrets/get-secret/get-secret>
pub(super) fn convert(mut secret: SecretVersion, wanted: &str) -> Result<SecretVersion, Failure> {
    match (wanted, &secret.managed) {
        (PEM, Some(managed)) => {
            secret.value = SecretString::from(managed.pem.expose_secret());
            secret.content_type = Some(PEM.to_owned());
            Ok(secret)
        }
        (PKCS12, Some(_)) if secret.content_type.as_deref() != Some(PKCS12) => {
            Err(Failure::BadParameter(format!(
                "The certificate cannot be converted to {PKCS12}: only the conversion to {PEM} is \
                 supported."
            )))
        }
        (PKCS12 | PEM, _) => Ok(secret),
        _ => Err(Failure::BadParameter(format!(
            "Invalid value for outContentType. Supported values are {PKCS12} and {PEM}."
        ))),
    }
}

const PKCS12: &str = "application/x-pkcs12";

const PEM: &str = "application/x-pem-file";
