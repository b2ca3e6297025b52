//! Starting and stopping, and the files that clients read.

use azconnect_emulators::{Config, Emulators, ErrorKind, ManagedIdentityHost};
use serde_json::Value;

use crate::fixture::Fixture;

#[tokio::test]
async fn the_cloud_file_maps_every_service_to_where_it_listens() {
    let fixture = Fixture::start().await;
    let cloud = std::fs::read(fixture.emulators.cloud_file()).unwrap();
    let cloud: Value = serde_json::from_slice(&cloud).unwrap();
    let at = fixture.emulators.endpoints();
    assert_eq!(cloud["authority_host"], at.authority_host());
    assert_eq!(cloud["imds_endpoint"], at.imds_url());
    assert_eq!(cloud["connect"]["vault.azure.net"], at.key_vault.to_string());
    assert_eq!(cloud["connect"]["dfs.core.windows.net"], at.lake_dfs.to_string());
    assert_eq!(cloud["connect"]["blob.core.windows.net"], at.lake_blob.to_string());
    assert_eq!(cloud["services"]["key_vault"]["url"], "https://{vault}.vault.azure.net");
    let ca = std::fs::read_to_string(cloud["ca_file"].as_str().unwrap()).unwrap();
    assert_eq!(ca, fixture.emulators.ca_pem());
}

#[tokio::test]
async fn stopping_closes_the_ports_and_removes_the_temporary_folder() {
    let emulators = Emulators::start(Config::default()).await.unwrap();
    let at = *emulators.endpoints();
    let cloud_file = emulators.cloud_file().to_owned();
    emulators.stop().await;
    for address in [at.imds, at.entra, at.key_vault, at.service_fabric, at.lake_dfs, at.lake_blob] {
        tokio::net::TcpStream::connect(address).await.unwrap_err();
    }
    assert!(!cloud_file.exists());
}

#[tokio::test]
async fn a_configured_state_folder_stays() {
    let folder = tempfile::tempdir().unwrap();
    let config = Config { state_dir: Some(folder.path().join("state")), ..Config::default() };
    let emulators = Emulators::start(config).await.unwrap();
    let cloud_file = emulators.cloud_file().to_owned();
    emulators.stop().await;
    assert!(cloud_file.exists());
}

#[tokio::test]
async fn a_port_that_is_taken_is_named() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let mut config = Config::default();
    config.ports.entra = port;
    let error = Emulators::start(config).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Listen);
    assert_eq!(error.to_string(), format!("cannot listen on port {port} for entra"));
    assert!(error.hint().is_some());
}

#[tokio::test]
async fn a_token_of_an_unknown_principal_is_not_issued() {
    let fixture = Fixture::start().await;
    let error = fixture
        .emulators
        .issue_token("nobody", "https://vault.azure.net", time::Duration::HOUR)
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
}

#[tokio::test]
async fn imds_listens_on_loopback_or_the_real_address_only() {
    for refused in ["0.0.0.0", "169.254.169.253", "192.0.2.1", "10.0.0.4"] {
        let config = Config { imds_address: refused.parse().unwrap(), ..Config::default() };
        let error = Emulators::start(config).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{refused}");
    }
    let config = Config { imds_address: [127, 0, 0, 2].into(), ..Config::default() };
    let fixture = Fixture::with(config).await;
    let url = fixture.emulators.endpoints().imds_url();
    assert!(url.starts_with("http://127.0.0.2:"), "{url}");
    fixture.send(fixture.get(&url, &[])).await.expect(404);
}

#[tokio::test]
async fn each_host_sets_its_own_variables_and_no_other() {
    let fixture = Fixture::start().await;
    let mut variables = Vec::new();
    for host in ManagedIdentityHost::ALL {
        let own = fixture.emulators.managed_identity_environment(host);
        let environment = fixture.emulators.environment_on(host);
        for name in ManagedIdentityHost::VARIABLES {
            assert_eq!(own.get(name), environment.get(name), "{name} of {host}");
        }
        assert!(environment.contains_key("AZURE_TENANT_ID"));
        let hosts: Value = serde_json::from_str(&environment["AZCONNECT_EMULATE_HOSTS"]).unwrap();
        assert_eq!(hosts[host.name()], serde_json::json!(own));
        variables.extend(own.into_keys());
    }
    variables.sort_unstable();
    variables.dedup();
    assert_eq!(variables, ManagedIdentityHost::VARIABLES);
}
