//! Who is kept out of a vault, and by what: roles on a vault or one secret, access policies, the
//! firewall, the tenant, the request limit.

use std::num::NonZeroU32;

use azconnect_emulators::{
    AccessPolicyConfig, Config, ConsentConfig, ErrorKind, FirewallConfig, RequestLimitConfig, Role,
    SecretPermission, TenantConfig, VaultConfig,
};
use futures::future::join_all;
use reqwest::{Method, StatusCode};
use serde_json::Value;
use uuid::{Uuid, uuid};

use super::{BASE, VERSION, get, get_as};
use crate::fixture::{Answer, Fixture, NOBODY, VAULT, assign, identity};

const SECRET: &str = "/secrets/demo-secret";

const CONTOSO: Uuid = uuid!("c0000000-0000-4000-8000-00000000c050");
const AT_CONTOSO: Uuid = uuid!("0b000000-0000-4000-8000-00000000c050");

async fn put_as(fixture: &Fixture, principal: &str, name: &str) -> Answer {
    let request = fixture
        .request(Method::PUT, &format!("{BASE}/secrets/{name}"), &[VERSION])
        .bearer_auth(fixture.token(principal, VAULT));
    fixture.send(request.body(r#"{"value":"1"}"#)).await
}

#[track_caller]
fn refusal(answer: Answer, inner_code: &str) -> String {
    let json: Value = answer.expect(403).json();
    assert_eq!(json["error"]["code"], "Forbidden");
    assert_eq!(json["error"]["innererror"]["code"], inner_code);
    json["error"]["message"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_role_on_one_secret_opens_it_and_neither_another_nor_the_list() {
    let mut config = Config::default();
    config.vaults[0].secrets.insert("other".into(), "2".into());
    config.managed_identities.push(identity("one-secret"));
    let mut assignment = assign("one-secret", Role::KeyVaultSecretsUser);
    assignment.resource = "kv-demo/secrets/Demo-Secret".into();
    config.role_assignments.push(assignment);
    let fixture = Fixture::with(config).await;
    get_as(&fixture, "one-secret", SECRET).await.expect(200);
    get_as(&fixture, "one-secret", "/secrets/demo-secret/versions").await.expect(200);
    let message =
        refusal(get_as(&fixture, "one-secret", "/secrets/other").await, "ForbiddenByRbac");
    assert!(message.contains("/vaults/kv-demo/secrets/other'"), "{message}");
    let message = refusal(get_as(&fixture, "one-secret", "/secrets").await, "ForbiddenByRbac");
    assert!(message.contains("/vaults/kv-demo'"), "{message}");
    refusal(put_as(&fixture, "one-secret", "demo-secret").await, "ForbiddenByRbac");
}

#[tokio::test]
async fn a_role_comes_into_force_and_ends_while_the_vault_runs() {
    let fixture = Fixture::with_nobody().await;
    let emulators = &fixture.emulators;
    refusal(get_as(&fixture, NOBODY, SECRET).await, "ForbiddenByRbac");
    let (role, one) = (Role::KeyVaultSecretsUser, "kv-demo/secrets/demo-secret");
    emulators.assign_role(NOBODY, role, one).unwrap();
    get_as(&fixture, NOBODY, SECRET).await.expect(200);
    get_as(&fixture, NOBODY, "/secrets").await.expect(403);
    emulators.assign_role(NOBODY, role, "kv-demo").unwrap();
    get_as(&fixture, NOBODY, "/secrets").await.expect(200);
    emulators.remove_role(NOBODY, role, "kv-demo").unwrap();
    emulators.remove_role(NOBODY, role, one).unwrap();
    refusal(get_as(&fixture, NOBODY, SECRET).await, "ForbiddenByRbac");

    let kind = |result: azconnect_emulators::Result<()>| result.unwrap_err().kind();
    assert_eq!(kind(emulators.remove_role(NOBODY, role, one)), ErrorKind::NotFound);
    assert_eq!(kind(emulators.assign_role("absent", role, one)), ErrorKind::NotFound);
    let wrong = "kv-demo/keys/key";
    assert_eq!(kind(emulators.assign_role(NOBODY, role, wrong)), ErrorKind::InvalidInput);
}

#[tokio::test]
async fn access_policies_decide_in_place_of_roles() {
    let mut config = Config::default();
    config.managed_identities.push(identity("reader"));
    let client_id = config.managed_identities[1].client_id;
    let object_id = config.managed_identities[1].object_id;
    let tenant_id = config.tenant_id;
    config.vaults[0].access_policies = Some(vec![AccessPolicyConfig {
        principal: "reader".into(),
        secrets: vec![SecretPermission::Get],
    }]);
    let fixture = Fixture::with(config).await;
    get_as(&fixture, "reader", SECRET).await.expect(200);
    let denied = |permission: &str| {
        format!(
            "The user, group or application 'appid={client_id};oid={object_id};\
             iss=https://sts.windows.net/{tenant_id}/' does not have secrets {permission} \
             permission on key vault 'kv-demo;location=westeurope'. For help resolving this issue, \
             please see https://go.microsoft.com/fwlink/?linkid=2125287"
        )
    };
    for path in ["/secrets", "/secrets/demo-secret/versions"] {
        let message = refusal(get_as(&fixture, "reader", path).await, "ForbiddenByPolicy");
        assert_eq!(message, denied("list"));
    }
    let message = refusal(put_as(&fixture, "reader", "new").await, "ForbiddenByPolicy");
    assert_eq!(message, denied("set"));
    // An officer by its role, which is of no use here.
    let message = refusal(get(&fixture, SECRET).await, "ForbiddenByPolicy");
    assert!(message.contains("secrets get permission"), "{message}");
}

#[tokio::test]
async fn a_firewall_keeps_callers_out_once_it_knows_who_they_are() {
    let mut config = Config::default();
    let identity = config.managed_identities[0].clone();
    let tenant_id = config.tenant_id;
    config.vaults[0].firewall = FirewallConfig::Deny;
    config.vaults.push(VaultConfig { name: "kv-open".into(), ..VaultConfig::default() });
    let fixture = Fixture::with(config).await;
    let request = fixture.get(&format!("{BASE}{SECRET}"), &[VERSION]);
    fixture.send(request).await.expect(401).header("www-authenticate");
    let message = refusal(get(&fixture, SECRET).await, "ForbiddenByFirewall");
    assert_eq!(
        message,
        format!(
            "Client address is not authorized and caller is not a trusted service.\r\n\
             Client address: 127.0.0.1\r\n\
             Caller: appid={};oid={};iss=https://sts.windows.net/{tenant_id}/\r\n\
             Vault: kv-demo;location=westeurope",
            identity.client_id, identity.object_id
        )
    );
    // Another vault has another firewall.
    fixture.emulators.assign_role("uami-demo", Role::KeyVaultSecretsUser, "kv-open").unwrap();
    let request = fixture.get("https://kv-open.vault.azure.net/secrets", &[VERSION]);
    let request = request.bearer_auth(fixture.token("uami-demo", VAULT));
    fixture.send(request).await.expect(200);
}

#[tokio::test]
async fn a_vault_of_another_tenant_names_it_and_takes_its_tokens_only() {
    let mut config = Config::default();
    let home = config.tenant_id;
    config.tenants = vec![TenantConfig { tenant_id: CONTOSO, domains: Vec::new() }];
    config.apps[0].tenants = vec![ConsentConfig { tenant_id: CONTOSO, object_id: AT_CONTOSO }];
    config.vaults.push(VaultConfig {
        name: "kv-contoso".into(),
        tenant_id: Some(CONTOSO),
        ..VaultConfig::default()
    });
    let fixture = Fixture::with(config).await;
    let authority = fixture.emulators.endpoints().authority_host();
    let challenge = format!("Bearer authorization=\"{authority}/{CONTOSO}\", resource=\"{VAULT}\"");
    let list = || fixture.get("https://kv-contoso.vault.azure.net/secrets", &[VERSION]);
    let challenged = fixture.send(list()).await.expect(401);
    assert_eq!(challenged.header("www-authenticate"), challenge);

    let refused = fixture.send(list().bearer_auth(fixture.token("app-demo", VAULT))).await;
    let refused = refused.expect(401);
    assert_eq!(refused.header("www-authenticate"), challenge);
    assert_eq!(
        refused.json()["error"]["message"],
        format!(
            "AKV10032: Invalid issuer. Expected one of https://sts.windows.net/{CONTOSO}/, found \
             https://sts.windows.net/{home}/."
        )
    );

    let form = [
        ("grant_type", "client_credentials"),
        ("client_id", "308fc1a1-6e4d-4195-b273-9daebfc03144"),
        ("client_secret", "app-demo-client-secret"),
        ("scope", "https://vault.azure.net/.default"),
    ];
    let url = format!("{authority}/{CONTOSO}/oauth2/v2.0/token");
    let token = fixture.send(fixture.post(&url, &form)).await.expect(200).json();
    let token = token["access_token"].as_str().unwrap();
    let message = refusal(fixture.send(list().bearer_auth(token)).await, "ForbiddenByRbac");
    let caller = format!("oid={AT_CONTOSO};iss=https://sts.windows.net/{CONTOSO}/");
    assert!(message.contains(&caller), "{message}");
    fixture.emulators.assign_role("app-demo", Role::KeyVaultSecretsUser, "kv-contoso").unwrap();
    fixture.send(list().bearer_auth(token)).await.expect(200);
}

#[tokio::test]
async fn requests_above_the_limit_of_a_vault_are_told_how_long_to_wait() {
    let mut config = Config::default();
    let number = |number| NonZeroU32::new(number).unwrap();
    // Nobody waits so long: the test does not depend on how fast it is.
    config.vaults[0].request_limit =
        RequestLimitConfig { requests: number(2), seconds: number(86_400) };
    config.vaults.push(VaultConfig { name: "kv-open".into(), ..VaultConfig::default() });
    config.managed_identities.push(identity(NOBODY));
    let fixture = Fixture::with(config).await;
    for _ in 0..3 {
        let request = fixture.get(&format!("{BASE}{SECRET}"), &[VERSION]);
        fixture.send(request).await.expect(401);
    }
    get(&fixture, SECRET).await.expect(200);
    get_as(&fixture, NOBODY, SECRET).await.expect(403);
    for _ in 0..2 {
        let throttled = get(&fixture, SECRET).await.expect(429);
        let wait: u32 = throttled.header("retry-after").parse().unwrap();
        assert!((80_000..=86_400).contains(&wait), "{wait}");
        let error = &throttled.json()["error"];
        assert_eq!(error["code"], "Throttled");
        throttled.header("x-ms-request-id");
    }
    let request = fixture.get("https://kv-open.vault.azure.net/secrets", &[VERSION]);
    let request = request.bearer_auth(fixture.token("uami-demo", VAULT));
    fixture.send(request).await.expect(403);
}

#[tokio::test]
async fn of_many_at_once_exactly_so_many_are_let_in_as_the_limit_says() {
    let mut config = Config::default();
    let number = |number| NonZeroU32::new(number).unwrap();
    config.vaults[0].request_limit =
        RequestLimitConfig { requests: number(17), seconds: number(86_400) };
    let fixture = Fixture::with(config).await;
    let answers = join_all((0..40).map(|_| get(&fixture, SECRET))).await;
    let with = |status| answers.iter().filter(|answer| answer.status == status).count();
    assert_eq!((with(StatusCode::OK), with(StatusCode::TOO_MANY_REQUESTS)), (17, 23));
}

#[test]
fn the_access_of_a_vault_is_spelled_in_json() {
    let vaults = |vault: &str| {
        Config::from_json(&format!("{{\"vaults\":[{{\"name\":\"kv\",{vault}}}]}}"))
            .map(|mut config| config.vaults.remove(0))
    };
    let vault = vaults(
        r#""tenant_id":"c0000000-0000-4000-8000-00000000c050","firewall":"deny",
        "access_policies":[{"principal":"etl","secrets":["get","list","set","delete","recover","purge","backup","restore"]}],
        "request_limit":{"requests":5}"#,
    )
    .unwrap();
    assert_eq!(vault.tenant_id, Some(CONTOSO));
    assert_eq!(vault.firewall, FirewallConfig::Deny);
    assert_eq!(vault.access_policies.unwrap()[0].secrets.len(), 8);
    let limit = vault.request_limit;
    assert_eq!((limit.requests.get(), limit.seconds.get()), (5, 10));
    for wrong in [
        r#""firewall":"closed""#,
        r#""access_policies":[{"principal":"etl","secrets":["read"]}]"#,
        r#""access_policies":[{"principal":"etl","keys":["get"]}]"#,
        r#""request_limit":{"requests":0}"#,
        r#""request_limit":{"per_second":1}"#,
    ] {
        assert_eq!(vaults(wrong).unwrap_err().kind(), ErrorKind::InvalidInput, "{wrong}");
    }
}
