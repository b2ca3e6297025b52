//! Exports that succeed.

use std::sync::{Arc, Mutex};

use azconnect_transfer::{ExportOutcome, ExportProgress, TableName, lake::ParquetWriteOptions};

use crate::world::{World, orders, rows_of};

#[tokio::test(flavor = "multi_thread")]
async fn a_table_becomes_a_file_with_the_same_cells() {
    let world = World::with_orders(10_000).await;
    let table: TableName = "dbo.orders".parse().unwrap();
    let sql = table.select_all() + " ORDER BY id";
    let report = world.export(&sql).build().unwrap().run().await.unwrap();

    let file = world.file().await.unwrap();
    assert_eq!(report.outcome, ExportOutcome::Exported);
    assert_eq!((report.rows, report.batches, report.row_groups), (10_000, 10, 1));
    assert_eq!(report.bytes, file.len() as u64);
    let properties = world.lake.properties(&crate::world::target()).await.unwrap();
    assert_eq!(report.etag.as_deref(), Some(properties.etag.as_str()));
    let rows = rows_of(file);
    assert_eq!(rows.columns(), orders(10_000).columns());
    let names: Vec<_> = rows.schema().fields().iter().map(|field| field.name().clone()).collect();
    assert_eq!(names, ["id", "name", "total", "day"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_result_becomes_a_file_with_the_schema() {
    let world = World::with_orders(10).await;
    let export = world.export("SELECT id, name FROM orders WHERE id < 0").build().unwrap();
    let report = export.run().await.unwrap();

    assert_eq!((report.rows, report.outcome), (0, ExportOutcome::Exported));
    let rows = rows_of(world.file().await.unwrap());
    assert_eq!((rows.num_rows(), rows.num_columns()), (0, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn row_groups_have_the_size_asked_for() {
    let world = World::with_orders(10_000).await;
    let parquet = ParquetWriteOptions::default().with_row_group_rows(4_000);
    let export = world.export("SELECT * FROM orders").with_parquet_options(parquet);
    let report = export.build().unwrap().run().await.unwrap();
    assert_eq!((report.rows, report.row_groups), (10_000, 3));
}

#[tokio::test(flavor = "multi_thread")]
async fn progress_never_goes_back_and_ends_at_the_totals() {
    let world = World::with_orders(10_000).await;
    let seen = Arc::new(Mutex::new(Vec::<ExportProgress>::new()));
    let writer = Arc::clone(&seen);
    let export = world
        .export("SELECT * FROM orders")
        .with_progress(move |progress| writer.lock().unwrap().push(progress))
        .build()
        .unwrap();
    let report = export.run().await.unwrap();

    let seen = seen.lock().unwrap();
    let forward =
        |pair: &[ExportProgress]| pair[0].rows <= pair[1].rows && pair[0].bytes <= pair[1].bytes;
    assert!(seen.windows(2).all(forward), "{seen:?}");
    let last = seen.last().unwrap();
    assert_eq!((last.rows, last.batches, last.bytes), (report.rows, report.batches, report.bytes));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_report_serialises_to_stable_keys() {
    let world = World::with_orders(10).await;
    let report = world.export("SELECT * FROM orders").build().unwrap().run().await.unwrap();
    let json = serde_json::to_value(&report).unwrap();
    let mut keys: Vec<_> = json.as_object().unwrap().keys().map(String::as_str).collect();
    keys.sort_unstable();
    assert_eq!(
        keys,
        ["batches", "bytes", "elapsed_seconds", "etag", "outcome", "row_groups", "rows"]
    );
    assert_eq!(json["outcome"], "exported");
}
