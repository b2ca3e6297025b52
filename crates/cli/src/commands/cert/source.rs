//! Certificates as they lie on disk: PEM, DER and PFX files, their passwords, and the folder of a Batch node.

use std::{
    fs,
    io::{self, Read},
    path::{Path, PathBuf},
};

use azconnect_cert_tools::{
    BatchCertificate, Certificate, Error, ErrorKind, Pfx, PfxContents, PrivateKey, Thumbprint,
    decode_password_file,
};
use secrecy::SecretString;
use zeroize::Zeroizing;

use crate::{environment::Environment, failure::Failure};

/// A file that holds a certificate, and where to look for its password.
#[derive(Clone, Debug)]
pub(super) struct CertificateFile {
    path: PathBuf,
    password_file: Option<PathBuf>,
}

/// What a file held: its private key, if any, and its certificates, leaf first.
#[derive(Debug)]
pub(super) struct Contents {
    pub(super) key: Option<PrivateKey>,
    pub(super) certificates: Vec<Certificate>,
}

impl CertificateFile {
    /// A file named by the user; `-` is stdin.
    pub(super) fn new(path: impl Into<PathBuf>, password_file: Option<PathBuf>) -> Self {
        Self { path: path.into(), password_file }
    }

    /// The PFX file of a certificate that Azure Batch has put on this node.
    pub(super) fn of_batch_node(
        thumbprint: &Thumbprint,
        directory: Option<&Path>,
    ) -> Result<Self, Failure> {
        let directory = directory.ok_or_else(|| {
            Failure::usage("the folder of this node's certificates is not known").with_hint(
                format!("Azure Batch sets {BATCH_DIRECTORY_VARIABLE}; set it, or give the folder"),
            )
        })?;
        let cannot_list = |error: &io::Error| {
            Failure::from_error(format!("cannot list the folder `{}`", directory.display()), error)
        };
        let names = fs::read_dir(directory)
            .and_then(|entries| {
                entries.map(|entry| Ok(entry?.file_name())).collect::<io::Result<Vec<_>>>()
            })
            .map_err(|error| cannot_list(&error))?;
        let files = BatchCertificate::among(directory, thumbprint, names)?;
        if !files.pfx_path().exists() {
            return Err(Failure::new(format!(
                "this node has no certificate `{}`",
                files.pfx_path().display()
            ))
            .with_hint("assign the certificate to the Batch pool, and make the pool's nodes new"));
        }
        Ok(Self { path: files.pfx_path().to_owned(), password_file: Some(files.password_path()) })
    }

    /// Reads the file as whichever of PEM, DER and PFX it is.
    pub(super) fn read(&self, environment: Environment) -> Result<Contents, Failure> {
        let bytes = read(&self.path)?;
        if is_pem(&bytes) {
            return contents_of_pem(&bytes).map_err(|error| self.failure(error));
        }
        if let Ok(certificate) = Certificate::from_der(bytes.as_slice()) {
            return Ok(Contents { key: None, certificates: vec![certificate] });
        }
        let pfx = Pfx::parse(&*bytes).map_err(|error| self.failure(error))?;
        let password = self.password(environment)?;
        let opened = match pfx.open(&password) {
            Err(error) if error.kind() == ErrorKind::NotFound => pfx
                .open_certificates(&password)
                .map(|certificates| Contents { key: None, certificates }),
            opened => opened.map(Contents::from),
        };
        opened.map_err(|error| self.failure(error))
    }

    /// Reads the file as a PFX file.
    pub(super) fn read_pfx(&self, environment: Environment) -> Result<PfxContents, Failure> {
        let bytes = read(&self.path)?;
        let pfx = Pfx::parse(&*bytes).map_err(|error| self.failure(error))?;
        pfx.open(&self.password(environment)?).map_err(|error| self.failure(error))
    }

    /// The password: from the file that was named, else from the environment, else from the file `<path>.pw` that
    /// lies beside, as on a Batch node; else none.
    fn password(&self, environment: Environment) -> Result<SecretString, Failure> {
        if let Some(path) = &self.password_file {
            return read_password(path);
        }
        if let Some(password) = environment.secret(PASSWORD_VARIABLE) {
            return Ok(password);
        }
        let mut beside = self.path.clone().into_os_string();
        beside.push(".pw");
        let beside = PathBuf::from(beside);
        if beside.is_file() { read_password(&beside) } else { Ok(SecretString::from("")) }
    }

    fn failure(&self, error: Error) -> Failure {
        let failure = Failure::from_error(format!("cannot use `{}`", self.path.display()), &error);
        match error.kind() {
            ErrorKind::LimitExceeded => failure.with_hint(
                "get a file with fewer rounds; this one would keep the program busy for minutes",
            ),
            ErrorKind::PasswordRequired => failure.with_hint(format!(
                "give it with `--password-file FILE` or in {PASSWORD_VARIABLE}"
            )),
            _ => failure,
        }
    }
}

impl From<PfxContents> for Contents {
    fn from(contents: PfxContents) -> Self {
        let (key, leaf, chain) = contents.into_parts();
        let mut certificates = vec![leaf];
        certificates.extend(chain);
        Self { key: Some(key), certificates }
    }
}

/// Reads a password file: its first line.
pub(super) fn read_password(path: &Path) -> Result<SecretString, Failure> {
    decode_password_file(&read(path)?).map_err(|error| {
        Failure::from_error(format!("cannot use `{}` as a password file", path.display()), &error)
    })
}

/// The variable that holds the password of a PFX file.
pub(super) const PASSWORD_VARIABLE: &str = "AZCONNECT_PFX_PASSWORD";

/// The variable in which Azure Batch tells the folder of a node's certificates.
pub(super) const BATCH_DIRECTORY_VARIABLE: &str = "AZ_BATCH_CERTIFICATES_DIR";

fn read(path: &Path) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let read = || -> io::Result<Zeroizing<Vec<u8>>> {
        if path == Path::new("-") { read_limited(io::stdin().lock(), 0) } else { read_file(path) }
    };
    let bytes = read().map_err(|error| {
        Failure::from_error(format!("cannot read `{}`", path.display()), &error)
    })?;
    if u64::try_from(bytes.len()).is_ok_and(|length| length > MAX_FILE_BYTES) {
        return Err(Failure::new(format!(
            "cannot use `{}`: it has over {MAX_FILE_BYTES} bytes, which no certificate needs",
            path.display()
        )));
    }
    Ok(bytes)
}

fn read_file(path: &Path) -> io::Result<Zeroizing<Vec<u8>>> {
    let file = fs::File::open(path)?;
    let length = file.metadata()?.len();
    read_limited(file, length)
}

/// Reads one byte more than the limit at most, with room for `length` bytes so that no secret is moved about.
fn read_limited(reader: impl Read, length: u64) -> io::Result<Zeroizing<Vec<u8>>> {
    let room = usize::try_from(length.min(MAX_FILE_BYTES)).unwrap_or_default();
    let mut bytes = Zeroizing::new(Vec::with_capacity(room + 1));
    reader.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn is_pem(bytes: &[u8]) -> bool {
    bytes.windows(PEM_MARK.len()).any(|window| window == PEM_MARK)
}

/// Puts the certificate of the text's private key first, if there is a key.
fn contents_of_pem(pem: &[u8]) -> Result<Contents, Error> {
    let mut certificates = Certificate::chain_from_pem(pem)?;
    let key = PrivateKey::from_pem(pem).ok();
    if let Some(key) = &key {
        let is_leaf = |certificate: &Certificate| certificate.matches_key(key);
        if let Some(leaf) = certificates.iter().position(is_leaf) {
            let leaf = certificates.remove(leaf);
            certificates.insert(0, leaf);
        }
    }
    Ok(Contents { key, certificates })
}

const PEM_MARK: &[u8] = b"-----BEGIN ";

/// Far above any chain of certificates.
const MAX_FILE_BYTES: u64 = 16 * 1024 * 1024;
