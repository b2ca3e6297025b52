//! From the place of an app's certificate to the PEM that azconnect-auth takes.

use std::path::Path;

use azconnect_auth::{Env, env};
use zeroize::Zeroizing;

use super::plan::CertificateLocation;
use crate::{
    certificate_file::{CertificateFile, PasswordSource},
    failure::Failure,
};

/// Key, leaf and chain as PEM, whatever form the file has.
pub(super) fn load(
    location: &CertificateLocation,
    env: &Env,
) -> Result<Zeroizing<String>, Failure> {
    let file = match location {
        CertificateLocation::Batch { thumbprint } => {
            let folder = env.get(env::AZ_BATCH_CERTIFICATES_DIR).map(Path::new);
            CertificateFile::of_batch_node(&thumbprint.parse()?, folder)?
        }
        CertificateLocation::File { path, password_file } => {
            let password = PasswordSource {
                file: password_file.clone(),
                from_environment: env.get_secret(env::AZURE_CLIENT_CERTIFICATE_PASSWORD),
                hint: "give it with `--certificate-password-file FILE` or in \
                       AZURE_CLIENT_CERTIFICATE_PASSWORD",
            };
            CertificateFile::new(path, password)
        }
    };
    Ok(file.read_identity()?.to_pem()?)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use azconnect_auth::ClientCertificateCredential;
    use azconnect_cert_tools::{
        CertificateBuilder, DistinguishedName, PfxContents, PrivateKey, Thumbprint,
        ThumbprintAlgorithm, Validity,
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
    fn thumbprint_in(pem: &str) -> String {
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
        let lone = folder.path().join("without-a-password-beside.pfx");
        fs::copy(&pfx, &lone).unwrap();
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
            (file(&pfx, None), &Env::default()),
            (file(&lone, None), &secret),
            (file(&pem, None), &Env::default()),
        ] {
            assert_eq!(thumbprint_in(&load(&location, env).unwrap()), expected, "{location:?}");
        }

        let failure = load(&file(&lone, None), &Env::default()).unwrap_err();
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
