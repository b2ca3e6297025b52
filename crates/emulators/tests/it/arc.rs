//! Azure Arc: the file to read, the key that is good once, the identity of the machine.

use std::path::PathBuf;

use azconnect_emulators::{Config, ManagedIdentityHost};

use crate::fixture::{Answer, Fixture, VAULT, identity};

const QUERY: [(&str, &str); 2] = [("api-version", "2020-06-01"), ("resource", VAULT)];

fn request(fixture: &Fixture, query: &[(&str, &str)]) -> reqwest::RequestBuilder {
    let host = ManagedIdentityHost::Arc;
    let environment = fixture.emulators.managed_identity_environment(host);
    fixture.get(&environment["IDENTITY_ENDPOINT"], query).header("Metadata", "true")
}

/// The file that a challenge names.
#[track_caller]
fn file(challenge: Answer) -> PathBuf {
    let challenge = challenge.expect(401);
    let realm = challenge.header("www-authenticate").strip_prefix("Basic realm=").unwrap();
    PathBuf::from(realm)
}

async fn with_key(fixture: &Fixture, query: &[(&str, &str)]) -> Answer {
    let file = file(fixture.send(request(fixture, query)).await);
    let key = std::fs::read_to_string(file).unwrap();
    let authorization = format!("Basic {key}");
    fixture.send(request(fixture, query).header("Authorization", authorization)).await
}

#[tokio::test]
async fn whoever_reads_the_file_gets_a_token_that_opens_the_vault() {
    let fixture = Fixture::start().await;
    for version in ["2019-11-01", "2020-06-01"] {
        let query = [("api-version", version), QUERY[1]];
        let json = with_key(&fixture, &query).await.expect(200).json();
        assert_eq!(json["token_type"], "Bearer");
        assert_eq!(json["resource"], VAULT);
        assert!(json["expires_in"].is_string() && json["expires_on"].is_string(), "{json}");
        let secret = fixture
            .get("https://kv-demo.vault.azure.net/secrets/demo-secret", &[("api-version", "7.6")])
            .bearer_auth(json["access_token"].as_str().unwrap());
        fixture.send(secret).await.expect(200);
    }
}

#[tokio::test]
async fn a_key_is_good_once_and_a_guess_never() {
    let fixture = Fixture::start().await;
    let path = file(fixture.send(request(&fixture, &QUERY)).await);
    let key = std::fs::read_to_string(&path).unwrap();
    let show = |text: String| fixture.send(request(&fixture, &QUERY).header("Authorization", text));
    show(format!("Bearer {key}")).await.expect(401);
    show(format!("Basic {}", "0".repeat(key.len()))).await.expect(401);
    show(format!("Basic {key}")).await.expect(200);
    assert!(!path.exists());
    let other = file(show(format!("Basic {key}")).await);
    assert_ne!(other, path);
}

#[cfg(unix)]
#[tokio::test]
async fn only_this_user_can_read_the_file_in_the_configured_folder() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let tokens = folder.path().canonicalize().unwrap().join("tokens");
    let config = Config { arc_tokens_dir: Some(tokens.clone()), ..Config::default() };
    let fixture = Fixture::with(config).await;
    let path = file(fixture.send(request(&fixture, &QUERY)).await);
    assert_eq!(path.parent().unwrap(), tokens);
    assert_eq!(path.extension().unwrap(), "key");
    assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    fixture.emulators.stop().await;
    assert_eq!(std::fs::read_dir(tokens).unwrap().count(), 0);
}

#[tokio::test]
async fn the_agent_overlooks_ids_and_does_not_say_which_identity_it_took() {
    let mut config = Config::default();
    let mut machine = identity("machine");
    machine.resource_id = None;
    config.managed_identities.push(machine.clone());
    let named = config.managed_identities[0].client_id.to_string();
    let fixture = Fixture::with(config).await;
    let query = [QUERY[0], QUERY[1], ("client_id", &named)];
    let json = with_key(&fixture, &query).await.expect(200).json();
    assert!(json.get("client_id").is_none(), "{json}");
    let claims = fixture.claims(json["access_token"].as_str().unwrap());
    assert_eq!(claims["appid"], machine.client_id.to_string());
}

#[tokio::test]
async fn what_is_no_request_to_the_agent_is_refused_before_a_file_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let config = Config { arc_tokens_dir: Some(folder.path().to_owned()), ..Config::default() };
    let fixture = Fixture::with(config).await;
    let url = fixture.emulators.endpoints().arc_endpoint();
    fixture.send(fixture.get(&url, &QUERY)).await.expect(400);
    fixture.send(request(&fixture, &[QUERY[1]])).await.expect(400);
    fixture.send(request(&fixture, &[("api-version", "2018-02-01"), QUERY[1]])).await.expect(400);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    let unknown = [QUERY[0], ("resource", "https://vault.example.org")];
    let answer = with_key(&fixture, &unknown).await.expect(400);
    assert_eq!(answer.json()["error"], "invalid_resource");
}
