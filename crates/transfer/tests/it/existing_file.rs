//! What happens to a file that is there already.

use azconnect_transfer::{ErrorKind, ExportOutcome, IfExists, Stage};
use bytes::Bytes;

use crate::world::{World, rows_of, target};

const OLD: &[u8] = b"what was there";

async fn world_with_old_file() -> World {
    let world = World::with_orders(100).await;
    world.lake.upload(&target(), Bytes::from_static(OLD), Default::default()).await.unwrap();
    world
}

#[tokio::test(flavor = "multi_thread")]
async fn by_default_it_stays_and_the_export_fails_before_the_query() {
    let world = world_with_old_file().await;
    // A statement that would fail shows that it was not sent.
    let export = world.export("SELECT * FROM no_such_table").build().unwrap();
    let error = export.run().await.unwrap_err();

    assert_eq!((error.kind(), error.stage()), (ErrorKind::AlreadyExists, Stage::Stat));
    let text = error.to_string();
    assert!(text.contains("`raw/out.parquet` in account `lakedemo`: it exists already"), "{text}");
    assert!(error.hint().unwrap().contains("--overwrite"));
    assert_eq!(world.file().await.unwrap(), OLD);
}

#[tokio::test(flavor = "multi_thread")]
async fn skip_leaves_it_alone_and_says_so() {
    let world = world_with_old_file().await;
    let export = world.export("SELECT * FROM no_such_table").with_if_exists(IfExists::Skip);
    let report = export.build().unwrap().run().await.unwrap();

    assert_eq!((report.outcome, report.rows, report.etag), (ExportOutcome::Skipped, 0, None));
    assert_eq!(world.file().await.unwrap(), OLD);
}

#[tokio::test(flavor = "multi_thread")]
async fn overwrite_replaces_it() {
    let world = world_with_old_file().await;
    let export = world.export("SELECT * FROM orders").with_if_exists(IfExists::Overwrite);
    export.build().unwrap().run().await.unwrap();
    assert_eq!(rows_of(world.file().await.unwrap()).num_rows(), 100);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_appears_meanwhile_is_not_replaced() {
    let world = World::with_orders(5_000).await;
    let lake = world.lake.clone();
    let (first_batch, mut seen) = tokio::sync::mpsc::unbounded_channel();
    let (go_on, wait) = std::sync::mpsc::channel::<()>();
    let wait = std::sync::Mutex::new(Some(wait));
    let export = world
        .export("SELECT * FROM orders")
        .with_progress(move |_| {
            // Holds the export at its first batch until the other writer is done.
            if let Some(wait) = wait.lock().unwrap().take() {
                first_batch.send(()).unwrap();
                let _ = tokio::task::block_in_place(|| wait.recv());
            }
        })
        .build()
        .unwrap();
    let running = tokio::spawn(export.run());
    seen.recv().await.unwrap();
    lake.upload(&target(), Bytes::from_static(OLD), Default::default()).await.unwrap();
    drop(go_on);
    let error = running.await.unwrap().unwrap_err();

    assert_eq!((error.kind(), error.stage()), (ErrorKind::AlreadyExists, Stage::Publish));
    assert_eq!(world.file().await.unwrap(), OLD);
}
