//! `azconnect auth`.

use std::{
    fs,
    net::TcpListener,
    process::Stdio,
    sync::atomic::{AtomicU32, Ordering},
};

use azconnect_emulators::{
    Config, FederatedIdentityCredentialConfig, ManagedIdentityHost, Service,
};

use crate::world::{Outcome, World, bare, write_script};

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

#[test]
fn every_host_is_recognized_by_its_variables() {
    let world = World::new();
    let object_id = Config::default().managed_identities[0].object_id.to_string();
    for (host, asked) in [
        (ManagedIdentityHost::AppService, "App Service"),
        (ManagedIdentityHost::CloudShell, "Cloud Shell"),
        (ManagedIdentityHost::Imds, "instance metadata service"),
        (ManagedIdentityHost::MachineLearning, "Machine Learning"),
        (ManagedIdentityHost::ServiceFabric, "Service Fabric"),
    ] {
        let run = |arguments: &[&str]| {
            let mut command = bare(arguments);
            command.envs(world.emulators.managed_identity_environment(host));
            Outcome::of(command)
        };
        let claims = run(&["auth", "whoami", "-o", "json"]).json();
        assert_eq!(claims["oid"], object_id, "{host}");
        let described = run(&["auth", "describe"]).done().stdout();
        assert!(described.contains(asked), "{described}");
    }
}

#[test]
fn processes_that_share_a_folder_make_one_request_for_all() {
    let world = World::new();
    let arguments = ["auth", "token", "--scope", SCOPE, "--token-cache", "tokens"];
    let children: Vec<_> = (0..20)
        .map(|_| {
            let mut command = world.command(&arguments);
            command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
        })
        .collect();
    let tokens: std::collections::BTreeSet<_> = children
        .into_iter()
        .map(|child| {
            let output = child.wait_with_output().unwrap();
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            output.stdout
        })
        .collect();
    assert_eq!((tokens.len(), world.emulators.requests(Service::Imds)), (1, 1));
    let token = String::from_utf8(tokens.into_iter().next().unwrap()).unwrap();
    let signature = token.trim_end().rsplit('.').next().unwrap();
    for file in fs::read_dir(world.path("tokens")).unwrap() {
        let bytes = fs::read(file.unwrap().path()).unwrap();
        assert!(!String::from_utf8_lossy(&bytes).contains(signature), "a token in the clear");
    }
}

#[cfg(unix)]
#[test]
fn a_folder_that_others_can_read_is_refused_with_a_hint() {
    use std::os::unix::fs::PermissionsExt;

    let world = World::new();
    fs::create_dir(world.path("tokens")).unwrap();
    fs::set_permissions(world.path("tokens"), fs::Permissions::from_mode(0o755)).unwrap();
    let outcome = world.run(["auth", "token", "--scope", SCOPE, "--token-cache", "tokens"]);
    outcome.failed(1, &["other users", "hint: name a folder of this user alone"]);
}

#[test]
fn no_proxy_is_asked_for_a_managed_identity() {
    let world = World::new();
    let proxy = TcpListener::bind("127.0.0.1:0").unwrap();
    let asked = std::sync::Arc::new(AtomicU32::new(0));
    let url = format!("http://{}", proxy.local_addr().unwrap());
    let count = std::sync::Arc::clone(&asked);
    std::thread::spawn(move || {
        // Whoever connects is counted and hung up on.
        for _ in proxy.incoming() {
            count.fetch_add(1, Ordering::SeqCst);
        }
    });
    let mut command = bare(&["auth", "token", "--scope", SCOPE]);
    command.envs(world.emulators.managed_identity_environment(ManagedIdentityHost::Imds));
    for variable in ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY"] {
        command.env(variable, &url);
    }
    Outcome::of(command).done();
    assert_eq!(asked.load(Ordering::SeqCst), 0);
    // The same proxy is used for what is not of this machine.
    let app = Config::default().apps[0].client_id.to_string();
    let mut command = bare(&["auth", "token", "--scope", SCOPE, "--auth", "secret"]);
    command
        .env("AZURE_TENANT_ID", world.emulators.tenant_id())
        .env("AZURE_CLIENT_ID", app)
        .env("AZURE_CLIENT_SECRET", "canary-4711")
        .env("AZURE_AUTHORITY_HOST", "https://login.example")
        .env("HTTPS_PROXY", &url);
    Outcome::of(command).failed(1, &["login.example"]);
    assert!(asked.load(Ordering::SeqCst) > 0);
}

/// Where nobody listens, whatever else runs on this machine: the port of a listener that is gone.
fn nobody() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    format!("http://{}", listener.local_addr().unwrap())
}

#[cfg(unix)]
#[test]
fn a_chain_goes_past_what_does_not_exist_and_stops_at_what_fails() {
    let folder = tempfile::tempdir().unwrap();
    let run = |arguments: &[&str], variables: &[(&str, &str)]| {
        let mut command = bare(arguments);
        let path = format!("{}:/usr/bin:/bin", folder.path().display());
        command
            .env("AZURE_POD_IDENTITY_AUTHORITY_HOST", nobody())
            .env("PATH", path)
            .envs(variables.iter().copied());
        Outcome::of(command)
    };
    let chain = [
        "auth",
        "token",
        "--scope",
        SCOPE,
        "--auth",
        "managed-identity,azure-developer-cli,azure-cli",
    ];
    run(&chain, &[]).failed(
        1,
        &["managed-identity: ", "azure-developer-cli: ", "azure-cli: ", "not installed", "hint: "],
    );
    write_script(
        &folder.path().join("az"),
        r#"echo '{"accessToken": "token-of-a-person", "expires_on": 4102444800}'"#,
    );
    assert_eq!(run(&chain, &[]).done().stdout().trim_end(), "token-of-a-person");
    let described =
        run(&["auth", "describe", "--auth", "managed-identity,azure-cli", "-o", "json"], &[]);
    let described = described.json();
    let methods: Vec<_> = described.as_array().unwrap().iter().map(|one| &one["method"]).collect();
    assert_eq!(methods, ["managed-identity", "azure-cli"]);

    // A platform that says there is an identity, and then does not give its token, is no reason to go on.
    let app_service = [("IDENTITY_ENDPOINT", &*nobody()), ("IDENTITY_HEADER", "canary-4711")];
    let outcome = run(&chain, &app_service).failed(1, &["App Service"]);
    assert!(!outcome.stdout().contains("token-of-a-person"));
    // The variable of the other tools chooses as well.
    let wanted = [("AZURE_TOKEN_CREDENTIALS", "AzureCliCredential")];
    let outcome = run(&["auth", "token", "--scope", SCOPE], &wanted).done();
    assert_eq!(outcome.stdout().trim_end(), "token-of-a-person");
}
