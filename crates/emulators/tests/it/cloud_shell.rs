//! Azure Cloud Shell: a form with a resource and a header, and nothing to choose.

use azconnect_emulators::ManagedIdentityHost;

use crate::fixture::{Answer, Fixture, VAULT};

async fn post(fixture: &Fixture, form: &[(&str, &str)]) -> Answer {
    let host = ManagedIdentityHost::CloudShell;
    let environment = fixture.emulators.managed_identity_environment(host);
    assert_eq!(environment.len(), 1, "{environment:?}");
    let request = fixture.post(&environment["MSI_ENDPOINT"], form).header("Metadata", "true");
    fixture.send(request).await
}

#[tokio::test]
async fn a_posted_resource_gets_a_token_whatever_identity_is_named() {
    let fixture = Fixture::start().await;
    for form in [vec![("resource", VAULT)], vec![("resource", VAULT), ("client_id", "overlooked")]]
    {
        let json = post(&fixture, &form).await.expect(200).json();
        assert_eq!(json["token_type"], "Bearer");
        assert!(json["expires_on"].is_string() && json.get("client_id").is_none(), "{json}");
        let claims = fixture.claims(json["access_token"].as_str().unwrap());
        assert_eq!(claims["oid"], "1e6daf8f-4c2b-4f73-9051-7b8c9dae1f22");
        assert_eq!(claims["aud"], VAULT);
    }
}

#[tokio::test]
async fn each_mistake_has_its_code() {
    let fixture = Fixture::start().await;
    for (form, code) in [
        (vec![], "MissingResource"),
        (vec![("resource", "")], "MissingResource"),
        (vec![("resource", "https://vault.example.org")], "AudienceNotSupported"),
    ] {
        let json = post(&fixture, &form).await.expect(400).json();
        assert_eq!(json["error"]["code"], code, "{json}");
    }
    let url = fixture.emulators.endpoints().cloud_shell_endpoint();
    let bare = fixture.send(fixture.post(&url, &[("resource", VAULT)])).await.expect(400);
    assert_eq!(bare.json()["error"]["code"], "MissingMetadataHeader");
    let get = fixture.get(&url, &[("resource", VAULT)]).header("Metadata", "true");
    fixture.send(get).await.expect(405);
}
