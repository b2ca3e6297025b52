//! Which vault, which version, what an update changes, what a configuration must not say.

use secrecy::ExposeSecret;

use super::*;

const NOW: OffsetDateTime = OffsetDateTime::UNIX_EPOCH;

fn store() -> Store {
    let vault = |name: &str| VaultConfig { name: name.into(), ..VaultConfig::default() };
    Store::new(&[vault("kv-one"), vault("kv-two")], NOW).unwrap()
}

fn name(name: &str) -> SecretName {
    SecretName::parse(name).unwrap()
}

fn body(json: &str) -> SetSecret {
    SetSecret::parse(json.as_bytes()).unwrap()
}

#[test]
fn a_host_name_chooses_the_vault_and_any_other_host_the_first() {
    let store = store();
    for (host, name) in [
        ("kv-two.vault.azure.net", "kv-two"),
        ("KV-Two.Vault.Azure.Net:443", "kv-two"),
        ("localhost:8443", "kv-one"),
        ("127.0.0.1:8443", "kv-one"),
    ] {
        assert_eq!(store.vault(host).unwrap().name(), name, "{host}");
    }
    assert!(matches!(store.vault("kv-three.vault.azure.net"), Err(Failure::NoSuchVault { .. })));
}

#[test]
fn the_latest_version_is_the_one_set_last_and_older_ones_stay() {
    let store = store();
    let vault = store.vault("localhost").unwrap();
    let first = vault.set(&name("Name"), body(r#"{"value":"1"}"#), NOW).unwrap();
    let second = vault.set(&name("name"), body(r#"{"value":"2"}"#), NOW).unwrap();
    assert_eq!(second.name.as_str(), "Name");
    assert_eq!(vault.get(&name("NAME"), None, NOW).unwrap().version, second.version);
    let old = vault.get(&name("name"), Some(&first.version), NOW).unwrap();
    assert_eq!(old.value.expose_secret(), "1");
}

#[test]
fn a_disabled_secret_is_refused_and_an_expired_one_is_not() {
    let store = store();
    let vault = store.vault("localhost").unwrap();
    let now = OffsetDateTime::now_utc();
    let off = body(r#"{"value":"1","attributes":{"enabled":false}}"#);
    vault.set(&name("off"), off, now).unwrap();
    vault.set(&name("old"), body(r#"{"value":"1","attributes":{"exp":1}}"#), now).unwrap();
    assert!(matches!(vault.get(&name("off"), None, now), Err(Failure::SecretDisabled)));
    vault.get(&name("old"), None, now).unwrap();
}

#[test]
fn an_update_changes_what_it_names_in_its_version_only_and_says_when() {
    let store = store();
    let vault = store.vault("localhost").unwrap();
    let name = name("name");
    let first = r#"{"value":"1","contentType":"a","tags":{"k":"v"},"attributes":{"nbf":7}}"#;
    let first = vault.set(&name, body(first), NOW).unwrap();
    let second = vault.set(&name, body(r#"{"value":"2"}"#), NOW).unwrap();

    let later = NOW + Duration::SECOND;
    let change = |json: &str| Properties::parse(json.as_bytes()).unwrap();
    let exp = change(r#"{"attributes":{"exp":9}}"#);
    let updated = vault.update(&name, Some(&first.version), exp, later).unwrap();
    assert_eq!((updated.not_before, updated.expires), (Some(7), Some(9)));
    assert_eq!((updated.created, updated.updated), (0, 1));
    assert_eq!(updated.content_type.as_deref(), Some("a"));
    assert_eq!(updated.tags, first.tags);

    let rest = change(r#"{"contentType":"b","tags":{},"attributes":{"enabled":false}}"#);
    let updated = vault.update(&name, None, rest, later).unwrap();
    assert_eq!(updated.version, second.version);
    assert_eq!(updated.content_type.as_deref(), Some("b"));
    assert_eq!(updated.tags, Some(BTreeMap::new()));
    assert!(!updated.enabled);
    // A disabled version can be changed, for that is how it is enabled again.
    let on = change(r#"{"attributes":{"enabled":true}}"#);
    vault.update(&name, None, on, later).unwrap();
    assert_eq!(vault.get(&name, None, later).unwrap().value.expose_secret(), "2");
}

#[test]
fn a_vault_that_contradicts_itself_or_the_service_is_refused() {
    let check = |change: &dyn Fn(&mut VaultConfig), words: &str| {
        let mut config = VaultConfig { name: "kv".into(), ..VaultConfig::default() };
        change(&mut config);
        let error = Store::new(&[config], NOW).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(error.to_string().contains(words), "{error}");
    };
    for days in [0, 6, 91] {
        check(&|config| config.retention_days = days, &format!("for {days} days"));
    }
    let secret = |config: &mut VaultConfig, name: &str| {
        config.secrets.insert(name.into(), "value".into());
    };
    check(&|config| secret(config, "a_b"), "\"a_b\"");
    check(
        &|config| {
            secret(config, "name");
            secret(config, "NAME");
        },
        "two secrets",
    );
}
