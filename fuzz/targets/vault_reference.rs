//! References to secrets as people write them, and the vaults that they lead to.
#![no_main]

use azconnect_fuzz::{bounded, check_error};
use azconnect_keyvault::{
    Error, ErrorKind, SecretReference, Vault, VaultClient, Vaults, azure_core::http::Url,
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &str| bounded(|| match input.parse::<SecretReference>() {
    Ok(reference) => check(&reference),
    Err(error) => {
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        check_error(&error, &[]);
    }
}));

/// What was read is read again from each of its spellings, and leads to no host outside of the cloud.
fn check(reference: &SecretReference) {
    let name = reference.name().as_str();
    let version = reference.version().map(|version| version.as_str());
    let path = version.map_or(name.to_owned(), |version| [name, "/", version].concat());
    match reference.vault() {
        Vault::Name(vault) => {
            let vault = vault.as_str();
            let settings = ["VaultName=", vault, ";SecretName=", name, ";SecretVersion="];
            let settings = [settings.concat().as_str(), version.unwrap_or_default()].concat();
            read_again(reference, &["akv://", vault, "/", &path].concat());
            read_again(reference, &["@Microsoft.KeyVault(", &settings, ")"].concat());
        }
        Vault::Url(url) => {
            assert!(url.scheme() == "https" && url.username().is_empty(), "{url}");
            assert!(url.password().is_none() && url.query().is_none(), "{url}");
            assert!(url.fragment().is_none() && url.path() == "/", "{url}");
            let id = [url.as_str(), "secrets/", &path].concat();
            read_again(reference, &id);
            // A URL's host may have the mark that separates settings.
            if !id.contains(';') {
                read_again(reference, &["@Microsoft.KeyVault(SecretUri=", &id, ")"].concat());
            }
        }
        other => panic!("a vault of a new kind: {other:?}"),
    }
    let vaults = Vaults::new("vault.azure.net", |url: Url| {
        let host = url.host_str().expect("a host");
        let label = host.strip_suffix(".vault.azure.net").expect("a vault of the cloud");
        assert!(!label.is_empty() && !label.contains(['.', '@', ':']), "{host}");
        Err::<VaultClient, Error>("".parse::<SecretReference>().expect_err("no reference"))
    });
    check_error(&vaults.client(reference.vault()).expect_err("no client is made"), &[]);
}

fn read_again(reference: &SecretReference, text: &str) {
    assert_eq!(text.parse::<SecretReference>().as_ref().ok(), Some(reference), "{text:?}");
}
