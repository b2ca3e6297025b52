//! A token that is revoked while it is valid: the challenge of Key Vault, and the token that answers it.

use azconnect_auth::{ClientSecretCredential, TokenRequest};
use azconnect_emulators::Config;
use azure_core::credentials::{TokenCredential, TokenRequestOptions};
use reqwest::{StatusCode, header::WWW_AUTHENTICATE};

use crate::world::World;

const SCOPE: &str = "https://vault.azure.net/.default";

async fn read(world: &World, token: &str) -> (StatusCode, Option<String>) {
    let answer = world
        .harness
        .http_client()
        .get("https://kv-demo.vault.azure.net/secrets/demo-secret?api-version=7.4")
        .bearer_auth(token)
        .send()
        .await
        .unwrap();
    let challenge = answer.headers().get(WWW_AUTHENTICATE);
    (answer.status(), challenge.map(|value| value.to_str().unwrap().to_owned()))
}

#[tokio::test]
async fn the_challenge_of_a_revoked_token_is_answered_with_a_new_one() {
    let world = World::new().await;
    let emulators = world.harness.emulators();
    let credential = ClientSecretCredential::builder(
        emulators.tenant_id().parse().unwrap(),
        Config::default().apps[0].client_id.into(),
        "app-demo-client-secret".into(),
    )
    .with_authority_host(emulators.endpoints().authority_host().parse().unwrap())
    .with_transport(world.harness.transport())
    .with_continuous_access_evaluation()
    .build()
    .unwrap();
    let get = async |options: Option<TokenRequestOptions<'static>>| {
        let token = credential.get_token(&[SCOPE], options).await.unwrap();
        token.token.secret().to_owned()
    };
    let first = get(None).await;
    assert_eq!(read(&world, &first).await.0, StatusCode::OK);

    emulators.revoke_tokens();
    let (status, challenge) = read(&world, &first).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
    // The cache cannot know of it: only the challenge leads past it.
    assert_eq!(get(None).await, first);
    let request = TokenRequest::from_challenge(&challenge.unwrap()).unwrap().unwrap();
    let second = get(Some(request.into_options())).await;
    assert_ne!(second, first);
    assert_eq!(read(&world, &second).await.0, StatusCode::OK);
    assert_eq!(get(None).await, second);
}
