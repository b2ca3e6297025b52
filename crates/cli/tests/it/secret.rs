//! `azconnect secret`.

use azconnect_emulators::{Config, Role};

use crate::world::World;

#[test]
fn a_secret_is_printed_byte_for_byte() {
    let world = World::new();
    let value = world.run(["secret", "get", "demo-secret", "--vault", "kv-demo"]).done().stdout();
    assert_eq!(value, "the value of demo-secret");
    let by_reference =
        world.run(["secret", "get", "akv://kv-demo/demo-secret", "-o", "json"]).json();
    assert_eq!(by_reference["value"], "the value of demo-secret");
    assert_eq!(by_reference["name"], "demo-secret");
}

#[test]
fn a_list_shows_names_and_no_values() {
    let world = World::new();
    let list = world.run(["secret", "list", "--vault", "kv-demo", "-o", "json"]).json();
    assert_eq!(list[0]["name"], "demo-secret");
    assert!(!list.to_string().contains("the value"));
    let table = world.run(["secret", "list", "--vault", "kv-demo"]).done().stdout();
    assert!(table.starts_with("NAME") && table.contains("\ndemo-secret "), "{table}");
}

#[test]
fn a_secret_that_does_not_exist_is_named() {
    let world = World::new();
    let outcome = world.run(["secret", "get", "akv://kv-demo/no-such-secret"]);
    outcome.failed(1, &["no-such-secret", "\nhint: "]);
}

#[test]
fn a_missing_role_is_named() {
    let mut config = Config::default();
    config.role_assignments.retain(|one| one.role != Role::KeyVaultSecretsOfficer);
    let world = World::with(config);
    let outcome = world.run(["secret", "get", "akv://kv-demo/demo-secret"]);
    outcome.failed(1, &["403", "\nhint: ", "Key Vault Secrets User"]);
}
