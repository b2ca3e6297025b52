//! A certificate as Azure Batch puts it on a node: a PFX named by its thumbprint, its password beside it.

use std::path::Path;

use anyhow::{Context, Result};
use azconnect_cert_tools::{
    BatchCertificate, Certificate, CertificateBuilder, DistinguishedName, Pfx, PfxContents,
    PrivateKey, Thumbprint, ThumbprintAlgorithm, Validity, decode_password_file, generate_password,
};
use secrecy::ExposeSecret;
use zeroize::Zeroizing;

/// What the owner of the certificate hands out: the public part.
pub(super) struct Registration {
    pub(super) certificate: Certificate,
    pub(super) thumbprint: Thumbprint,
}

/// Makes a key and a certificate and lays the PFX out in `directory`, the `AZ_BATCH_CERTIFICATES_DIR`.
pub(super) fn lay_out(directory: &Path) -> Result<Registration> {
    std::fs::create_dir_all(directory)?;
    let key = PrivateKey::generate_rsa(2048)?;
    let subject = DistinguishedName::common_name("azconnect demo")?;
    let validity = Validity::days(time::OffsetDateTime::now_utc(), 365)?;
    let certificate = CertificateBuilder::new(subject, validity).self_signed(&key)?;
    let thumbprint = certificate.thumbprint(ThumbprintAlgorithm::Sha1)?;
    let files = BatchCertificate::new(directory, &thumbprint)?;
    let password = generate_password()?;
    let pfx = PfxContents::new(key, certificate.clone(), Vec::new())?.encode(&password)?;
    std::fs::write(files.pfx_path(), &*pfx)?;
    std::fs::write(files.password_path(), password.expose_secret())?;
    Ok(Registration { certificate, thumbprint })
}

/// What a job on the node does: finds the PFX by its thumbprint and turns it into PEM in memory.
pub(super) fn read_pem(directory: &Path, thumbprint: &Thumbprint) -> Result<Zeroizing<String>> {
    let entries = std::fs::read_dir(directory)?;
    let names = entries.map(|entry| Ok(entry?.file_name())).collect::<std::io::Result<Vec<_>>>()?;
    let files = BatchCertificate::among(directory, thumbprint, names)?;
    let pfx = std::fs::read(files.pfx_path())
        .with_context(|| format!("cannot read `{}`", files.pfx_path().display()))?;
    let password = decode_password_file(&Zeroizing::new(std::fs::read(files.password_path())?))?;
    Ok(Pfx::decode(&pfx, &password)?.to_pem()?)
}
