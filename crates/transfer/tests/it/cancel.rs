//! Exports that are dropped.

use std::sync::Arc;

use tokio::sync::Notify;

use crate::world::World;

#[tokio::test(flavor = "multi_thread")]
async fn an_export_dropped_in_mid_result_publishes_nothing() {
    let world = World::with_orders(50_000).await;
    let begun = Arc::new(Notify::new());
    let begin = Arc::clone(&begun);
    let export = world
        .export("SELECT * FROM orders")
        .with_progress(move |_| begin.notify_one())
        .build()
        .unwrap();
    // The first progress is reported from within the export, so that it cannot be done by then.
    tokio::select! {
        biased;
        () = begun.notified() => {}
        done = export.run() => panic!("it was not dropped: {done:?}"),
    }
    assert_eq!(world.file().await, None);
}
