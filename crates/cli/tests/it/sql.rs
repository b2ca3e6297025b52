//! `azconnect sql`.

use arrow::ipc::reader::StreamReader;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use crate::world::World;

const QUERY: [&str; 7] = [
    "sql",
    "query",
    "--server",
    "syn-demo",
    "--database",
    "demo",
    "SELECT id, name FROM dbo.cities ORDER BY id",
];

#[test]
fn a_result_as_a_table_shows_every_row() {
    let world = World::new();
    let table = world.run(QUERY).done().stdout();
    for text in ["id", "name", "Malmö", "東京"] {
        assert!(table.contains(text), "{table}");
    }
}

#[test]
fn a_result_as_json_keeps_null_apart_from_text() {
    let world = World::new();
    let rows = world.run([&QUERY[..], &["-o", "json"]].concat()).json();
    let expected = r#"[{"id":1,"name":"Malmö"},{"id":2,"name":null},{"id":3,"name":"東京"}]"#;
    assert_eq!(rows, serde_json::from_str::<serde_json::Value>(expected).unwrap());
}

#[test]
fn a_result_as_csv_has_a_header() {
    let world = World::new();
    let csv = world.run([&QUERY[..], &["-o", "csv"]].concat()).done().stdout();
    assert_eq!(csv.lines().collect::<Vec<_>>(), ["id,name", "1,Malmö", "2,", "3,東京"]);
}

#[test]
fn a_result_as_arrow_is_a_stream() {
    let world = World::new();
    let outcome = world.run([&QUERY[..], &["-o", "arrow"]].concat()).done();
    let reader = StreamReader::try_new(outcome.bytes(), None).unwrap();
    assert_eq!(reader.map(|batch| batch.unwrap().num_rows()).sum::<usize>(), 3);
}

#[test]
fn a_result_as_parquet_file_by_the_files_name() {
    let world = World::new();
    let outcome = world.run([&QUERY[..], &["--output-file", "cities.parquet"]].concat()).done();
    assert_eq!(outcome.stdout(), "");
    let file = std::fs::File::open(world.path("cities.parquet")).unwrap();
    let reader = ParquetRecordBatchReaderBuilder::try_new(file).unwrap().build().unwrap();
    assert_eq!(reader.map(|batch| batch.unwrap().num_rows()).sum::<usize>(), 3);
}

#[test]
fn a_connection_cut_in_mid_result_leaves_no_file() {
    let world = World::new();
    world.emulators.faults().cut_synapse_result(Some(40));
    let outcome = world.run([&QUERY[..], &["--output-file", "cities.parquet"]].concat());
    outcome.failed(1, &["error:"]);
    assert!(!world.path("cities.parquet").exists());
}

#[test]
fn a_table_that_does_not_exist_is_told_in_the_servers_words() {
    let world = World::new();
    let arguments = [&QUERY[..6], &["SELECT * FROM no_such_table"]].concat();
    world.run(arguments).failed(1, &["Invalid object name 'no_such_table'", "\nhint: "]);
}

#[test]
fn a_password_comes_from_the_environment() {
    let world = World::new();
    let arguments = [&QUERY[..], &["--user", "demo", "-o", "none"]].concat();
    world.run_with(&[("AZCONNECT_SQL_PASSWORD", "Demo-Passw0rd")], &arguments).done();
    let wrong = world.run_with(&[("AZCONNECT_SQL_PASSWORD", "canary-4711")], &arguments);
    let wrong = wrong.failed(1, &["Login failed for user 'demo'", "\nhint: "]);
    assert!(!wrong.stderr().contains("canary"));
}
