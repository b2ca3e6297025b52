//! Tests of the files that `cert new` leaves behind.

use std::fs;

use azconnect_cert_tools::{Certificate, Pfx, decode_password_file};
use clap::Parser;
use tempfile::TempDir;
use time::macros::datetime;

use super::*;

const NOW: OffsetDateTime = datetime!(2026-01-02 03:14:05 UTC);

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    args: NewArgs,
}

fn parse(folder: &TempDir, options: &[&str]) -> NewArgs {
    let out = folder.path().to_str().unwrap();
    let line = ["new", "--name", "node-1", "--out", out].into_iter().chain(options.iter().copied());
    Line::try_parse_from(line).ok().unwrap().args
}

fn key() -> PrivateKey {
    PrivateKey::generate_rsa(2048).unwrap()
}

fn names(folder: &TempDir) -> Vec<String> {
    let entries = fs::read_dir(folder.path()).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn all_files_are_written_and_belong_together() {
    let folder = TempDir::new().unwrap();
    let args =
        parse(&folder, &["--subject", "CN=node-1,O=Contoso", "--san", "localhost", "--days", "30"]);
    let made = make(&args, key(), None, NOW).unwrap();
    assert_eq!(
        names(&folder),
        ["node-1.crt", "node-1.csr", "node-1.key", "node-1.pfx", "node-1.pfx.pw"]
    );
    assert_eq!(
        (made.not_before.as_str(), made.not_after.as_str()),
        ("2026-01-02T03:04:05Z", "2026-02-01T03:04:05Z")
    );

    let certificate = Certificate::from_pem(fs::read(&made.certificate_file).unwrap()).unwrap();
    let key = PrivateKey::from_pem(fs::read(&made.key_file).unwrap()).unwrap();
    assert_eq!(certificate.subject(), "CN=node-1,O=Contoso");
    assert!(certificate.matches_key(&key));
    let request = CertificateRequest::from_pem(fs::read(&made.request_file).unwrap()).unwrap();
    assert_eq!(request.public_key().unwrap(), key.public_key().unwrap());

    let password = decode_password_file(&fs::read(made.password_file.unwrap()).unwrap()).unwrap();
    let contents = Pfx::decode(fs::read(&made.pfx_file).unwrap(), &password).unwrap();
    assert_eq!(contents.leaf(), &certificate);
}

#[test]
fn a_given_password_is_used_and_not_written() {
    let folder = TempDir::new().unwrap();
    let password = SecretString::from("given");
    let made = make(&parse(&folder, &[]), key(), Some(password.clone()), NOW).unwrap();
    assert_eq!(made.password_file, None);
    assert_eq!(names(&folder).len(), 4);
    assert!(Pfx::decode(fs::read(&made.pfx_file).unwrap(), &password).is_ok());
}

#[test]
fn the_batch_layout_names_files_by_thumbprint() {
    let folder = TempDir::new().unwrap();
    let given = Some(SecretString::from("given"));
    let made = make(&parse(&folder, &["--batch-layout"]), key(), given, NOW).unwrap();
    let name = format!("sha1-{}.pfx", made.thumbprint_sha1.to_lowercase());
    assert_eq!(made.pfx_file, folder.path().join(&name));
    // A node has the password file whoever chose the password.
    assert_eq!(fs::read_to_string(folder.path().join(name + ".pw")).unwrap(), "given");
    assert_eq!(names(&folder)[..3], ["node-1.crt", "node-1.csr", "node-1.key"]);
}

#[cfg(unix)]
#[test]
fn secret_files_are_for_their_owner_alone() {
    use std::os::unix::fs::PermissionsExt as _;

    let folder = TempDir::new().unwrap();
    let made = make(&parse(&folder, &[]), key(), None, NOW).unwrap();
    for path in [&made.key_file, &made.pfx_file, &made.password_file.unwrap()] {
        assert_eq!(
            fs::metadata(path).unwrap().permissions().mode() & 0o777,
            0o600,
            "{}",
            path.display()
        );
    }
    // The umask may take rights away from others, never from the owner.
    assert_eq!(fs::metadata(&made.certificate_file).unwrap().permissions().mode() & 0o600, 0o600);
}

#[test]
fn nothing_is_written_over_unless_forced() {
    let folder = TempDir::new().unwrap();
    let args = parse(&folder, &[]);
    fs::write(args.path("pfx"), "old").unwrap();
    assert!(args.check(None).unwrap_err().to_string().contains("exists already"));
    // Even a file that appears after the check is kept.
    assert!(make(&args, key(), None, NOW).is_err());
    assert_eq!(fs::read(args.path("pfx")).unwrap(), b"old");

    let forced = parse(&folder, &["--force"]);
    forced.check(None).unwrap();
    make(&forced, key(), None, NOW).unwrap();
    assert_ne!(fs::read(args.path("pfx")).unwrap(), b"old");
    assert_eq!(names(&folder).len(), 5, "{:?}", names(&folder));
}

#[test]
fn names_that_are_no_file_names_and_empty_passwords_are_refused() {
    let folder = TempDir::new().unwrap();
    for name in ["", ".", "..", "a/b", "/a", "a/", "-a"] {
        let args = NewArgs { name: name.to_owned(), ..parse(&folder, &[]) };
        assert!(args.check(None).is_err(), "{name:?}");
    }
    assert!(parse(&folder, &[]).check(Some(&SecretString::from(""))).is_err());
}
