//! `azconnect export`.

use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use crate::world::World;

const URL: &str = "abfss://raw@lakedemo.dfs.core.windows.net/out/cities.parquet";
const FROM: [&str; 5] = ["export", "--server", "syn-demo", "--database", "demo"];

fn export<'a>(arguments: &[&'a str]) -> Vec<&'a str> {
    [&FROM, arguments].concat()
}

#[test]
fn a_table_becomes_a_file_in_the_lake() {
    let world = World::new();
    let report = world.run(export(&["--table", "dbo.cities", URL, "-o", "json"])).json();
    assert_eq!((&report["outcome"], &report["rows"]), (&"exported".into(), &3.into()));
    assert_eq!(report["url"], URL);
    let file = world.run(["lake", "cat", URL]).done().bytes().to_vec();
    assert_eq!(report["bytes"], file.len());
    let reader = ParquetRecordBatchReaderBuilder::try_new(bytes::Bytes::from(file)).unwrap();
    let rows: usize = reader.build().unwrap().map(|batch| batch.unwrap().num_rows()).sum();
    assert_eq!(rows, 3);
}

#[test]
fn an_existing_file_is_refused_left_alone_or_replaced() {
    let world = World::new();
    let query = ["--query", "SELECT id FROM cities WHERE id < 3", URL, "-o", "json"];
    assert_eq!(world.run(export(&query)).json()["rows"], 2);
    world.run(export(&query)).failed(1, &["it exists already", "\nhint: ", "--overwrite"]);
    let kept = world.run([&export(&query)[..], &["--if-not-exists"]].concat()).json();
    assert_eq!(kept["outcome"], "skipped");
    let replaced = world.run([&export(&query)[..], &["--overwrite"]].concat()).json();
    assert_eq!(replaced["outcome"], "exported");
}

#[test]
fn the_report_of_a_person_is_a_list_of_names_and_values() {
    let world = World::new();
    let report = world.run(export(&["--table", "cities", URL])).done().stdout();
    let line = |name: &str| report.lines().find(|line| line.starts_with(name)).unwrap().to_owned();
    assert!(line("url").ends_with(URL), "{report}");
    assert!(line("rows").ends_with(" 3"), "{report}");
}

#[test]
fn what_to_export_must_be_said_once() {
    let world = World::new();
    world.run(export(&[URL])).failed(2, &["--query", "--table"]);
    world
        .run(export(&["--table", "t", "--query", "SELECT 1", URL]))
        .failed(2, &["cannot be used with"]);
    world
        .run(export(&["--table", "a.b.c.d", URL]))
        .failed(2, &["`a.b.c.d` is not the name of a table"]);
}

#[test]
fn a_table_that_does_not_exist_is_told_in_the_servers_words() {
    let world = World::new();
    let outcome = world.run(export(&["--table", "no_such_table", URL]));
    outcome
        .failed(1, &["Invalid object name 'no_such_table'", "no file was published", "\nhint: "]);
    world.run(["lake", "stat", URL]).failed(1, &["error:"]);
}

#[test]
fn a_connection_cut_in_mid_result_publishes_nothing() {
    let world = World::new();
    world.emulators.faults().cut_synapse_result(Some(40));
    let outcome = world.run(export(&["--table", "cities", URL]));
    outcome.failed(1, &["no file was published", "\nhint: "]);
    world.run(["lake", "stat", URL]).failed(1, &["error:"]);
}

#[test]
fn an_account_of_another_cloud_is_refused() {
    let world = World::new();
    let url = "abfss://raw@lakedemo.dfs.core.chinacloudapi.cn/a.parquet";
    let outcome = world.run(export(&["--table", "cities", url]));
    outcome.failed(2, &["is no host of the cloud `emulators`", "--cloud"]);
}
