//! Exports that fail: nothing is published, and the error says what to do.

use std::error::Error as _;

use azconnect_emulators::{Config, Role};
use azconnect_transfer::{Error, ErrorKind, IfExists, Stage, lake, synapse};
use bytes::Bytes;

use crate::world::{World, rows_of, target};

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_cut_in_mid_result_publishes_nothing() {
    let world = World::with_orders(50_000).await;
    world.emulators.faults().cut_synapse_result(Some(1_000_000));
    let export = world.export("SELECT * FROM orders").build().unwrap();
    let error = export.run().await.unwrap_err();

    assert_eq!((error.kind(), error.stage()), (ErrorKind::Connect, Stage::Read));
    assert!(error.is_transient());
    assert!(error.to_string().contains("no file was published"), "{error}");
    let cause = error.source().unwrap().downcast_ref::<synapse::Error>().unwrap();
    assert!(cause.rows_received().unwrap() > 0, "{cause}");
    assert_eq!(world.file().await, None);

    // The fault is used up: the same export succeeds when it is run again.
    let report = world.export("SELECT * FROM orders").build().unwrap().run().await.unwrap();
    assert_eq!(report.rows, 50_000);
    assert_eq!(rows_of(world.file().await.unwrap()).num_rows(), 50_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_overwrite_leaves_the_old_file() {
    let world = World::with_orders(50_000).await;
    let old = Bytes::from_static(b"yesterday's export");
    world.lake.upload(&target(), old.clone(), Default::default()).await.unwrap();
    world.emulators.faults().cut_synapse_result(Some(1_000_000));
    let export = world.export("SELECT * FROM orders").with_if_exists(IfExists::Overwrite);
    export.build().unwrap().run().await.unwrap_err();
    assert_eq!(world.file().await.unwrap(), old);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_that_is_missing_is_named() {
    let mut config = Config::default();
    config.role_assignments.retain(|one| one.role != Role::StorageBlobDataOwner);
    let world = World::start(config, 100).await;
    let export = world.export("SELECT * FROM orders").with_if_exists(IfExists::Overwrite);
    let error = export.build().unwrap().run().await.unwrap_err();

    assert_eq!(error.kind(), ErrorKind::PermissionDenied);
    assert!(error.hint().unwrap().contains("Storage Blob Data Contributor"), "{error:?}");
    let cause = error.source().unwrap().downcast_ref::<lake::Error>().unwrap();
    assert_eq!(cause.http_status(), Some(403));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_may_not_publish() {
    let mut config = Config::default();
    for assignment in &mut config.role_assignments {
        if assignment.role == Role::StorageBlobDataOwner {
            assignment.role = Role::StorageBlobDataReader;
        }
    }
    let world = World::start(config, 100).await;
    let error = world.export("SELECT * FROM orders").build().unwrap().run().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::PermissionDenied);
    assert_eq!(world.file().await, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_that_does_not_exist_is_told_in_the_servers_words() {
    let world = World::with_orders(1).await;
    let export = world.export("SELECT * FROM dbo.no_such_table").build().unwrap();
    let error = export.run().await.unwrap_err();

    assert_eq!((error.kind(), error.stage()), (ErrorKind::NotFound, Stage::Read));
    let cause = error.source().unwrap().downcast_ref::<synapse::Error>().unwrap();
    assert_eq!(cause.server_number(), Some(208));
    assert!(cause.to_string().contains("Invalid object name 'dbo.no_such_table'"), "{cause}");
    assert!(error.hint().is_some());
    assert_eq!(world.file().await, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_filesystem_that_does_not_exist_is_told() {
    let world = World::with_orders(100).await;
    let error = azconnect_transfer::Export::builder(
        world.synapse.clone(),
        "SELECT * FROM orders",
        world.lake.clone(),
        "nowhere/out.parquet".parse().unwrap(),
    )
    .build()
    .unwrap()
    .run()
    .await
    .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_exported_is_refused_before_anything_is_sent() {
    let world = World::with_orders(1).await;
    let check = |error: Error| assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
    check(world.export(" \n").build().unwrap_err());
    let root = "raw".parse().unwrap();
    let (synapse, lake) = (world.synapse.clone(), world.lake.clone());
    check(
        azconnect_transfer::Export::builder(synapse, "SELECT 1", lake, root).build().unwrap_err(),
    );
}
