//! Identity, secret, Synapse, Parquet, lake, and back.

use arrow::compute::concat_batches;
use azconnect_synapse::{Login, SynapseClient};
use azconnect_transfer::{Export, TableName};
use futures::TryStreamExt;

use crate::world::{World, people};

#[tokio::test(flavor = "multi_thread")]
async fn every_cell_of_a_table_makes_the_way_to_the_lake_and_back() {
    let world = World::new().await;
    let identity = world.identity();

    let vault = world.harness.vault(identity.clone()).unwrap();
    let secret = vault.secret(&"demo-secret".parse().unwrap()).await.unwrap();
    assert_eq!(secret.value.expose_secret(), "the value of demo-secret");

    let lake = world.harness.lake(identity.clone()).unwrap();
    let path = "raw/people.parquet".parse().unwrap();
    let sql = "dbo.people".parse::<TableName>().unwrap().select_all() + " ORDER BY id";
    let synapse = world.harness.synapse(identity).unwrap();
    let export = Export::builder(synapse, sql, lake.clone(), path).build().unwrap();
    assert_eq!(export.run().await.unwrap().rows, 4);

    let path = "raw/people.parquet".parse().unwrap();
    assert!(lake.exists(&path).await.unwrap());
    let reader = lake.read_parquet(&path, Default::default()).await.unwrap();
    let batches: Vec<_> = reader.try_collect().await.unwrap();
    let read_back = concat_batches(&batches[0].schema(), &batches).unwrap();
    assert_eq!(read_back.columns(), people().columns());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_from_the_vault_logs_in_to_synapse() {
    use azconnect_emulators::Config;

    let mut config = Config::default();
    let password = config.sql.logins[0].password.clone();
    config.vaults[0].secrets.insert("sql-password".to_owned(), password);
    let world = World::with(config).await;

    let vault = world.harness.vault(world.identity()).unwrap();
    let secret = vault.secret(&"sql-password".parse().unwrap()).await.unwrap();
    let login =
        Login::Password { user: "demo".to_owned(), password: secret.value.into_secret_string() };
    let emulators = world.harness.emulators();
    let synapse =
        SynapseClient::builder("syn-demo.sql.azuresynapse.net".parse().unwrap(), "demo", login)
            .with_connect_address(emulators.endpoints().synapse.unwrap())
            .with_ca_pem(emulators.ca_pem())
            .build()
            .unwrap();
    let result = synapse.query("SELECT COUNT(*) AS n FROM people").await.unwrap();
    let batches: Vec<_> = result.try_collect().await.unwrap();
    let shown = arrow::util::pretty::pretty_format_batches(&batches).unwrap().to_string();
    assert!(shown.contains("| 4 |"), "{shown}");
}
