//! `azconnect auth`.

use azconnect_emulators::{Config, FederatedIdentityCredentialConfig};

use crate::world::World;

const SCOPE: &str = "https://storage.azure.com/.default";

#[test]
fn a_token_by_managed_identity_is_printed_alone() {
    let world = World::new();
    let token = world.run(["auth", "token", "--scope", SCOPE]).done().stdout();
    assert_eq!(token.trim_end().split('.').count(), 3, "{token}");
}

#[test]
fn a_token_as_json_has_the_keys_of_az() {
    let world = World::new();
    let record =
        world.run(["auth", "token", "--resource", "https://vault.azure.net", "-o", "json"]).json();
    assert_eq!(record["tokenType"], "Bearer");
    assert!(record["accessToken"].as_str().unwrap().starts_with("ey"));
    assert!(record["expires_on"].as_i64().unwrap() > 1_700_000_000);
}

#[test]
fn a_certificate_from_a_batch_node_gets_a_token() {
    let world = World::new();
    let made = world
        .run([
            "cert",
            "new",
            "--name",
            "job",
            "--bits",
            "2048",
            "--out",
            "node",
            "--batch-layout",
            "-o",
            "json",
        ])
        .json();
    let certificate = world.path(made["certificate_file"].as_str().unwrap());
    let pem = std::fs::read_to_string(certificate).unwrap();
    world.emulators.register_certificate("app-demo", &pem).unwrap();
    let app = Config::default().apps[0].client_id.to_string();
    let arguments = [
        "auth",
        "token",
        "--scope",
        SCOPE,
        "--auth",
        "certificate",
        "--tenant-id",
        world.emulators.tenant_id(),
        "--client-id",
        &app,
        "--batch-certificate",
        made["thumbprint_sha1"].as_str().unwrap(),
    ];
    let folder = world.path("node");
    let variables = [("AZ_BATCH_CERTIFICATES_DIR", folder.to_str().unwrap())];
    let token = world.run_with(&variables, arguments).done().stdout();
    assert_eq!(token.trim_end().split('.').count(), 3, "{token}");
}

#[test]
fn a_client_secret_comes_from_the_environment() {
    let world = World::new();
    let app = Config::default().apps[0].client_id.to_string();
    let arguments = ["auth", "token", "--scope", SCOPE, "--auth", "secret", "--client-id", &app];
    let tenant = ("AZURE_TENANT_ID", world.emulators.tenant_id());
    let right = [tenant, ("AZURE_CLIENT_SECRET", "app-demo-client-secret")];
    world.run_with(&right, arguments).done();
    let wrong = [tenant, ("AZURE_CLIENT_SECRET", "canary-4711")];
    let outcome = world.run_with(&wrong, arguments).failed(1, &["AADSTS7000215", "hint:"]);
    assert!(!outcome.stderr().contains("canary"));
}

#[test]
fn describe_shows_the_identity_and_sends_nothing() {
    let world = World::new();
    let described = world.run(["auth", "describe", "-o", "json"]).json().to_string();
    let client_id = Config::default().managed_identities[0].client_id.to_string();
    assert!(described.contains(&client_id), "{described}");
}

#[test]
fn an_unknown_identity_is_told_with_a_hint() {
    let world = World::new();
    let id = "99999999-0000-4000-8000-000000000000";
    let outcome = world.run(["auth", "token", "--scope", SCOPE, "--identity", id]);
    outcome.failed(1, &["error:", id, "\nhint: "]);
}

#[test]
fn whoami_tells_the_identity_and_never_the_token() {
    let world = World::new();
    let shown = world.run(["auth", "whoami"]).done().stdout();
    let identity = &Config::default().managed_identities[0];
    for part in [identity.client_id.to_string(), identity.object_id.to_string()] {
        assert!(shown.contains(&part), "{shown}");
    }
    assert!(!shown.contains("eyJ"), "{shown}");
    let claims = world.run(["auth", "whoami", "--scope", SCOPE, "-o", "json"]).json();
    assert_eq!(claims["aud"], "https://storage.azure.com");
    assert_eq!(claims["tid"], world.emulators.tenant_id());
}

#[test]
fn an_app_that_trusts_the_identity_gets_a_token() {
    let mut config = Config::default();
    let tenant = config.tenant_id.to_string();
    config.apps[0].federated_identity_credentials = vec![FederatedIdentityCredentialConfig {
        issuer: format!("https://login.microsoftonline.com/{tenant}/v2.0"),
        subject: config.managed_identities[0].object_id.to_string(),
        audiences: vec!["api://AzureADTokenExchange".into()],
        public_key: None,
    }];
    let app = config.apps[0].client_id.to_string();
    let world = World::with(config);
    let whoami = ["auth", "whoami", "--client-id", &app, "--tenant-id", &tenant, "-o", "json"];
    let federated = [&whoami[..], &["--auth", "federated-identity"]].concat();
    assert_eq!(world.run(&federated).json()["appid"], app);

    let exchange = ["auth", "token", "--scope", "api://AzureADTokenExchange/.default"];
    std::fs::write(world.path("token"), world.run(exchange).done().stdout()).unwrap();
    let file = world.path("token");
    let variables = [("AZURE_FEDERATED_TOKEN_FILE", file.to_str().unwrap())];
    let by_file = [&whoami[..], &["--auth", "workload-identity"]].concat();
    assert_eq!(world.run_with(&variables, &by_file).json()["appid"], app);
    let missing = [("AZURE_FEDERATED_TOKEN_FILE", "/no/such/token")];
    world.run_with(&missing, &by_file).failed(1, &["/no/such/token", "hint: "]);
}
