//! Certificates as they lie on disk: PEM, DER and PFX files, their passwords, and the folder of a Batch
//! node. Nothing is written.

use std::{
    fs,
    io::{self, Read},
    path::{Path, PathBuf},
};

use azconnect_cert_tools::{
    BatchCertificate, Certificate, Error, ErrorKind, Pfx, PfxContents, PfxStore, PrivateKey,
    Thumbprint, decode_password_file,
};
use secrecy::{ExposeSecret, SecretString};
use zeroize::Zeroizing;

use crate::failure::Failure;

/// A file that holds a certificate, and where to look for its password.
#[derive(Clone, Debug)]
pub(crate) struct CertificateFile {
    path: PathBuf,
    password: PasswordSource,
    max_rounds: u64,
}

/// Where a password comes from: the file that the user named, else the environment.
#[derive(Clone, Debug)]
pub(crate) struct PasswordSource {
    pub(crate) file: Option<PathBuf>,
    pub(crate) from_environment: Option<SecretString>,
    /// The ways to give a password, for who has given none.
    pub(crate) hint: &'static str,
}

/// What a file held: its private key, if any can be read, and its certificates, leaf first.
#[derive(Debug)]
pub(crate) struct Contents {
    pub(crate) key: Option<PrivateKey>,
    pub(crate) certificates: Vec<Certificate>,
}

impl CertificateFile {
    /// A file named by the user; `-` is stdin.
    pub(crate) fn new(path: impl Into<PathBuf>, password: PasswordSource) -> Self {
        Self { path: path.into(), password, max_rounds: Pfx::DEFAULT_MAX_ROUNDS }
    }

    /// The PFX file of a certificate that Azure Batch has put on this node, and the password beside it.
    pub(crate) fn of_batch_node(
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
        let password = PasswordSource {
            file: Some(files.password_path()),
            from_environment: None,
            hint: "Azure Batch puts it into the file beside",
        };
        Ok(Self::new(files.pfx_path(), password))
    }

    /// Spends at most so many key-derivation rounds on a PFX file.
    pub(crate) fn with_max_rounds(self, max_rounds: u64) -> Self {
        Self { max_rounds, ..self }
    }

    /// Reads the file as whichever of PEM, DER and PFX it is.
    pub(crate) fn read(&self) -> Result<Contents, Failure> {
        let bytes = read(&self.path)?;
        if contains(&bytes, PEM_MARK) {
            return contents_of_pem(&bytes, &self.password()?).map_err(|error| self.failure(error));
        }
        if let Ok(certificate) = Certificate::from_der(bytes.as_slice()) {
            return Ok(Contents { key: None, certificates: vec![certificate] });
        }
        let store = self.open_pfx(&bytes)?;
        if let Some(identity) = store.identities().into_iter().next() {
            return Ok(Contents::from(identity));
        }
        let certificates: Vec<_> =
            store.certificates().iter().map(|stored| stored.value().clone()).collect();
        if certificates.is_empty() {
            return store.into_contents().map(Contents::from).map_err(|error| self.failure(error));
        }
        Ok(Contents { key: None, certificates })
    }

    /// Reads the private key with its certificate and chain, whichever form the file has.
    pub(crate) fn read_identity(&self) -> Result<PfxContents, Failure> {
        let bytes = read(&self.path)?;
        if !contains(&bytes, PEM_MARK) {
            return self.open_pfx(&bytes)?.into_contents().map_err(|error| self.failure(error));
        }
        let password = self.password()?;
        let contents = contents_of_pem(&bytes, &password).map_err(|error| self.failure(error))?;
        let key = contents.key.ok_or_else(|| self.no_key())?;
        let mut certificates = contents.certificates.into_iter();
        let leaf = certificates.next().ok_or_else(|| {
            Failure::new(format!("`{}` holds no certificate", self.path.display()))
        })?;
        PfxContents::new(key, leaf, certificates.collect()).map_err(|error| self.failure(error))
    }

    /// Reads the private key alone.
    pub(crate) fn read_key(&self) -> Result<PrivateKey, Failure> {
        let bytes = read(&self.path)?;
        if contains(&bytes, PEM_MARK) {
            return key_of_pem(&bytes, &self.password()?).map_err(|error| self.failure(error));
        }
        let store = self.open_pfx(&bytes)?;
        store.keys().first().map(|key| key.value().clone()).ok_or_else(|| self.no_key())
    }

    fn open_pfx(&self, bytes: &[u8]) -> Result<PfxStore, Failure> {
        let pfx = Pfx::parse(bytes).map_err(|error| self.failure(error))?;
        let pfx = pfx.with_max_rounds(self.max_rounds);
        pfx.open_store(&self.password()?).map_err(|error| self.failure(error))
    }

    fn no_key(&self) -> Failure {
        Failure::new(format!("`{}` has no private key that can be read", self.path.display()))
            .with_hint(format!(
                "if its key is encrypted, a password is needed: {}",
                self.password.hint
            ))
    }

    /// The password: from the file that was named, else from the environment, else from the file `<path>.pw` that
    /// lies beside, as on a Batch node; else none.
    fn password(&self) -> Result<SecretString, Failure> {
        if let Some(path) = &self.password.file {
            return read_password(path);
        }
        if let Some(password) = &self.password.from_environment {
            return Ok(password.clone());
        }
        let beside = password_file_beside(&self.path);
        if beside.is_file() { read_password(&beside) } else { Ok(SecretString::from("")) }
    }

    fn failure(&self, error: Error) -> Failure {
        let failure = Failure::from_error(format!("cannot use `{}`", self.path.display()), &error);
        match error.kind() {
            ErrorKind::LimitExceeded => failure.with_hint(
                "get a file with fewer rounds; if you trust this one, `azconnect cert pfx --max-rounds` makes such a file of it",
            ),
            ErrorKind::PasswordRequired => failure.with_hint(self.password.hint),
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

/// `<path>.pw`, as Azure Batch names it.
pub(crate) fn password_file_beside(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".pw");
    name.into()
}

/// Reads a password file: its first line.
pub(crate) fn read_password(path: &Path) -> Result<SecretString, Failure> {
    decode_password_file(&read(path)?).map_err(|error| {
        Failure::from_error(format!("cannot use `{}` as a password file", path.display()), &error)
    })
}

/// The variable in which Azure Batch tells the folder of a node's certificates.
pub(crate) const BATCH_DIRECTORY_VARIABLE: &str = "AZ_BATCH_CERTIFICATES_DIR";

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

fn contains(bytes: &[u8], needle: &[u8]) -> bool {
    bytes.windows(needle.len()).any(|window| window == needle)
}

/// Puts the certificate of the text's private key first, if there is a key.
fn contents_of_pem(pem: &[u8], password: &SecretString) -> Result<Contents, Error> {
    let mut certificates = Certificate::chain_from_pem(pem)?;
    let key = match key_of_pem(pem, password) {
        Ok(key) => Some(key),
        // There is a key, which cannot be had in this way.
        Err(error) if told_of_a_key(error.kind()) => return Err(error),
        Err(_) => None,
    };
    if let Some(key) = &key {
        let is_leaf = |certificate: &Certificate| certificate.matches_key(key);
        if let Some(leaf) = certificates.iter().position(is_leaf) {
            let leaf = certificates.remove(leaf);
            certificates.insert(0, leaf);
        }
    }
    Ok(Contents { key, certificates })
}

fn told_of_a_key(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::LimitExceeded | ErrorKind::Unsupported | ErrorKind::WrongPassword)
}

fn key_of_pem(pem: &[u8], password: &SecretString) -> Result<PrivateKey, Error> {
    if contains(pem, b"ENCRYPTED") && !password.expose_secret().is_empty() {
        PrivateKey::from_encrypted_pem(pem, password)
    } else {
        PrivateKey::from_pem(pem)
    }
}

const PEM_MARK: &[u8] = b"-----BEGIN ";

/// Far above any chain of certificates.
const MAX_FILE_BYTES: u64 = 16 * 1024 * 1024;
