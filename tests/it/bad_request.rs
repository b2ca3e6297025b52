//! Things that are not there, and a connection that breaks.

use azconnect_transfer::Export;

use crate::world::{World, assert_tells, told};

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_that_does_not_exist_is_named() {
    let world = World::new().await;
    let vault = world.harness.vault(world.identity()).unwrap();
    let error = vault.secret(&"no-such-secret".parse().unwrap()).await.unwrap_err();

    assert_eq!(error.kind(), azconnect_keyvault::ErrorKind::NotFound);
    assert_tells(&told(&error), &["no-such-secret", "kv-demo"]);
    assert!(error.hint().is_some(), "{error:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_that_does_not_exist_is_told_in_the_servers_words() {
    let world = World::new().await;
    let synapse = world.harness.synapse(world.identity()).unwrap();
    let error = synapse.query("SELECT * FROM dbo.no_such_table").await.unwrap_err();

    assert_eq!(error.kind(), azconnect_synapse::ErrorKind::NotFound);
    assert_eq!(error.server_number(), Some(208));
    assert_tells(&told(&error), &["Invalid object name 'dbo.no_such_table'"]);
    assert!(error.hint().is_some(), "{error:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_does_not_exist_is_named() {
    let world = World::new().await;
    let lake = world.harness.lake(world.identity()).unwrap();
    let local = world.folder.path().join("a.parquet");
    let error = lake.download(&"raw/no/such.parquet".parse().unwrap(), &local).await.unwrap_err();

    assert_eq!(error.kind(), azconnect_lake::ErrorKind::NotFound);
    assert_tells(&told(&error), &["raw/no/such.parquet"]);
    assert!(!local.exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_cut_in_mid_result_leaves_no_file_in_the_lake() {
    let world = World::new().await;
    let lake = world.harness.lake(world.identity()).unwrap();
    let synapse = world.harness.synapse(world.identity()).unwrap();
    let path: azconnect_lake::LakePath = "raw/people.parquet".parse().unwrap();
    world.harness.emulators().faults().cut_synapse_result(Some(200));
    let export = Export::builder(synapse, "SELECT * FROM people", lake.clone(), path.clone())
        .build()
        .unwrap();
    let error = export.run().await.unwrap_err();

    assert_eq!(error.kind(), azconnect_transfer::ErrorKind::Connect, "{}", told(&error));
    assert!(error.is_transient());
    assert_tells(&told(&error), &["raw/people.parquet", "no file was published"]);
    assert!(error.hint().is_some(), "{error:?}");
    assert!(!lake.exists(&path).await.unwrap());
}
