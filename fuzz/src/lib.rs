//! What the fuzz targets share: the properties that hold for every input, whatever the parser.

use std::{error::Error, fmt::Write as _, sync::OnceLock, time::Duration};

use azconnect_cert_tools::{Certificate, ErrorKind, PfxContents, PrivateKey};
use rustix::time::{ClockId, clock_gettime};

/// The password that the fixtures and the seeds are protected by.
pub const PASSWORD: &str = "fixture-password";

/// A password that is no part of any error's own words.
pub const OTHER_PASSWORD: &str = "Xq7-canary-Zw9";

/// The key-derivation rounds that a target allows: the seeds ask for one in each place, and a few thousand take a
/// millisecond, so that what an input costs beyond them is seen.
pub const MAX_ROUNDS: u64 = 2000;

/// Runs one input and ends the process if that took more than a second of processor time.
///
/// libFuzzer's own limit is in seconds of wall time, which on a busy machine says little.
pub fn bounded(run: impl FnOnce()) {
    let before = processor_time();
    run();
    let took = processor_time().saturating_sub(before);
    assert!(took < Duration::from_secs(1), "the input took {took:?} of processor time");
}

/// An error is short, one line, has a sentence, and none of `secrets` is in anything it shows.
pub fn check_error(error: &(dyn Error + 'static), secrets: &[&str]) {
    let mut shown = error.to_string();
    assert!(!shown.is_empty() && !shown.contains('\n'), "{shown:?}");
    let mut level = Some(error);
    while let Some(error) = level {
        // Writing to a `String` does not fail.
        let _ = write!(shown, " {error} {error:?}");
        level = error.source();
    }
    for secret in secrets.iter().filter(|secret| secret.len() >= 8) {
        assert!(!shown.contains(secret), "an error shows a secret: {shown}");
    }
}

/// What a certificate tells is told without panic, and its two encodings are read as the same certificate.
pub fn check_certificate(certificate: &Certificate) {
    let _ = (certificate.subject(), certificate.issuer(), format!("{certificate:?}"));
    let _ = (certificate.serial(), certificate.not_before(), certificate.not_after());
    let _ = (certificate.alternative_names(), certificate.public_key());
    let _ = certificate.is_issued_by(certificate);
    let der = certificate.to_der().expect("a certificate that was read can be written");
    assert_eq!(&Certificate::from_der(&der).expect("it is read again"), certificate);
    let pem = certificate.to_pem().expect("a certificate that was read can be written");
    assert_eq!(&Certificate::from_pem(&pem).expect("it is read again"), certificate);
}

/// What was taken from a file is read again from PEM and from a file of our own, and is the same.
pub fn check_contents(contents: &PfxContents) {
    check_certificate(contents.leaf());
    let pem = contents.to_pem().expect("what was read can be written");
    let key = PrivateKey::from_pem(pem.as_bytes()).expect("the key is read again");
    assert_eq!(key.to_pkcs8_der().ok(), contents.key().to_pkcs8_der().ok());
    let certificates = Certificate::chain_from_pem(pem.as_bytes()).expect("they are read again");
    assert_eq!(certificates.first(), Some(contents.leaf()));
    assert_eq!(certificates.get(1..), Some(contents.chain()));
}

/// Whether an error may come from an input as it is: `Crypto` is for OpenSSL's own trouble, and a mistake if an
/// input can bring it about.
pub fn is_told_of_input(kind: ErrorKind) -> bool {
    kind != ErrorKind::Crypto
}

/// A private key that needs no making.
pub fn fixture_key() -> &'static str {
    include_str!("../../crates/auth/tests/fixtures/key.pem")
}

/// One runtime for the process, without threads of its own.
pub fn runtime() -> &'static tokio::runtime::Runtime {
    static RUNTIME: OnceLock<tokio::runtime::Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| {
        tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime")
    })
}

fn processor_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or_default())
}
