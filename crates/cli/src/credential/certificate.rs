//! Reads the certificate of an app into the PEM that azconnect-auth takes; nothing is written to disk.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use azconnect_auth::{Env, env};
use azconnect_cert_tools::{
    BatchCertificate, Certificate, Pfx, PrivateKey, Thumbprint, decode_password_file,
};
use secrecy::{ExposeSecret, SecretString};
use zeroize::Zeroizing;

use super::plan::CertificateLocation;
use crate::failure::Failure;

/// Key, leaf and chain as PEM, whatever form the file has.
pub(super) fn load(
    location: &CertificateLocation,
    env: &Env,
) -> Result<Zeroizing<Vec<u8>>, Failure> {
    match location {
        CertificateLocation::Batch { thumbprint } => {
            let files = find_on_batch_node(thumbprint, env)?;
            let password = read_password(&files.password_path())?;
            to_pem(files.pfx_path(), &password)
        }
        CertificateLocation::File { path, password_file } => {
            let password = match password_file {
                Some(path) => read_password(path)?,
                None => env.get_secret(env::AZURE_CLIENT_CERTIFICATE_PASSWORD).unwrap_or_default(),
            };
            to_pem(path, &password)
        }
    }
}

fn find_on_batch_node(thumbprint: &str, env: &Env) -> Result<BatchCertificate, Failure> {
    let thumbprint: Thumbprint = thumbprint.parse()?;
    let folder = env.get(env::AZ_BATCH_CERTIFICATES_DIR).map(PathBuf::from).ok_or_else(|| {
        Failure::usage("AZ_BATCH_CERTIFICATES_DIR is not set, so this is no task of Azure Batch")
            .with_hint("give the file by `--certificate` and its password by `--certificate-password-file`")
    })?;
    let cannot_list = |error: &io::Error| {
        Failure::from_error(
            format!("cannot list the certificates in `{}`", folder.display()),
            error,
        )
    };
    let names = fs::read_dir(&folder)
        .and_then(|entries| {
            entries.map(|entry| Ok(entry?.file_name())).collect::<io::Result<Vec<_>>>()
        })
        .map_err(|error| cannot_list(&error))?;
    Ok(BatchCertificate::among(&folder, &thumbprint, names)?)
}

fn read_password(path: &Path) -> Result<SecretString, Failure> {
    let bytes = read(path, "password file")?;
    decode_password_file(&bytes).map_err(|error| unusable("password file", path, &error))
}

fn to_pem(path: &Path, password: &SecretString) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let bytes = read(path, "certificate")?;
    let pem = if !contains(&bytes, b"-----BEGIN ") {
        Pfx::decode(&*bytes, password).and_then(|contents| contents.to_pem())
    } else if contains(&bytes, b"ENCRYPTED") && !password.expose_secret().is_empty() {
        decrypt(&bytes, password)
    } else {
        return Ok(bytes);
    };
    // The copy is wiped like the original.
    pem.map(|pem| Zeroizing::new(pem.as_bytes().to_vec()))
        .map_err(|error| unusable("certificate", path, &error))
}

/// The same PEM with its key in the clear.
fn decrypt(
    pem: &[u8],
    password: &SecretString,
) -> Result<Zeroizing<String>, azconnect_cert_tools::Error> {
    let mut plain = PrivateKey::from_encrypted_pem(pem, password)?.to_pkcs8_pem()?;
    for certificate in Certificate::chain_from_pem(pem)? {
        plain.push_str(&certificate.to_pem()?);
    }
    Ok(plain)
}

fn read(path: &Path, what: &str) -> Result<Zeroizing<Vec<u8>>, Failure> {
    fs::read(path).map(Zeroizing::new).map_err(|error| unusable(what, path, &error))
}

fn unusable(what: &str, path: &Path, error: &(dyn std::error::Error + 'static)) -> Failure {
    Failure::from_error(format!("cannot use the {what} `{}`", path.display()), error)
}

fn contains(bytes: &[u8], needle: &[u8]) -> bool {
    bytes.windows(needle.len()).any(|window| window == needle)
}

#[cfg(test)]
mod tests {
    use azconnect_auth::ClientCertificateCredential;
    use azconnect_cert_tools::{
        CertificateBuilder, DistinguishedName, PfxContents, ThumbprintAlgorithm, Validity,
    };
    use time::macros::datetime;

    use super::*;

    const PASSWORD: &str = "pass word";

    fn contents() -> PfxContents {
        let key = PrivateKey::generate_rsa(2048).unwrap();
        let validity = Validity::days(datetime!(2026-01-01 0:00 UTC), 36_500).unwrap();
        let subject = DistinguishedName::common_name("app").unwrap();
        let leaf = CertificateBuilder::new(subject, validity).self_signed(&key).unwrap();
        PfxContents::new(key, leaf, Vec::new()).unwrap()
    }

    /// The thumbprint that azconnect-auth finds in what was loaded.
    fn thumbprint_in(pem: &[u8]) -> String {
        let credential = ClientCertificateCredential::builder(
            "contoso.example".parse().unwrap(),
            "11111111-2222-3333-4444-555555555555".parse().unwrap(),
            pem,
        )
        .build()
        .unwrap();
        let bytes = credential.certificate().sha1_thumbprint();
        Thumbprint::new(ThumbprintAlgorithm::Sha1, bytes).unwrap().to_hex()
    }

    #[test]
    fn a_batch_node_a_pfx_and_a_pem_give_the_same_certificate() {
        let folder = tempfile::tempdir().unwrap();
        let contents = contents();
        let expected = contents.leaf().thumbprint(ThumbprintAlgorithm::Sha1).unwrap().to_hex();
        let pfx = folder.path().join(format!("sha1-{}.pfx", expected.to_lowercase()));
        fs::write(&pfx, contents.encode(&PASSWORD.into()).unwrap()).unwrap();
        let password_file = folder.path().join(format!("sha1-{}.pfx.pw", expected.to_lowercase()));
        fs::write(&password_file, [PASSWORD, "\r\n"].concat()).unwrap();
        let pem = folder.path().join("app.pem");
        fs::write(&pem, contents.to_pem().unwrap().as_bytes()).unwrap();

        let batch =
            Env::from_iter([(env::AZ_BATCH_CERTIFICATES_DIR, folder.path().to_str().unwrap())]);
        let secret = Env::from_iter([(env::AZURE_CLIENT_CERTIFICATE_PASSWORD, PASSWORD)]);
        let file = |path: &Path, password_file: Option<&Path>| CertificateLocation::File {
            path: path.to_owned(),
            password_file: password_file.map(Path::to_owned),
        };
        for (location, env) in [
            (CertificateLocation::Batch { thumbprint: expected.clone() }, &batch),
            (file(&pfx, Some(&password_file)), &Env::default()),
            (file(&pfx, None), &secret),
            (file(&pem, None), &Env::default()),
        ] {
            assert_eq!(thumbprint_in(&load(&location, env).unwrap()), expected, "{location:?}");
        }

        let failure = load(&file(&pfx, None), &Env::default()).unwrap_err();
        assert!(failure.to_string().contains("hint:"), "{failure}");
        let missing = load(&file(&folder.path().join("none"), None), &Env::default()).unwrap_err();
        assert!(missing.to_string().contains("none"), "{missing}");
    }

    #[test]
    fn a_batch_certificate_outside_of_batch_is_wrong_usage() {
        let location = CertificateLocation::Batch { thumbprint: "AB".repeat(20) };
        let failure = load(&location, &Env::default()).unwrap_err();
        assert!(failure.to_string().contains("AZ_BATCH_CERTIFICATES_DIR"), "{failure}");
    }
}
