//! `azconnect lake head` and `schema`, on a file that pyarrow has written and described: `fixtures/orders.py`.

use azconnect_emulators::Service;

use super::{put, url};
use crate::world::World;

const ORDERS: &[u8] = include_bytes!("../../fixtures/orders.parquet");

fn world() -> World {
    let world = World::new();
    put(&world, "orders.parquet", ORDERS);
    world
}

#[test]
fn the_first_rows_are_shown_in_every_form() {
    let world = world();
    let orders = url("orders.parquet");
    let table = world.run(["lake", "head", "-n", "3", &orders]).done().stdout();
    let lines: Vec<_> = table.lines().collect();
    assert_eq!(
        lines[0].split_whitespace().collect::<Vec<_>>(),
        ["id", "customer", "price", "place"]
    );
    assert!(lines[1].contains("NULL") && lines[2].contains("customer 1"), "{table}");
    assert_eq!(lines[4], "(3 of 1,000 rows)");

    let csv = world.run(["lake", "head", "-n", "2", "--columns", "price,id", "-o", "csv", &orders]);
    assert_eq!(csv.done().stdout(), "id,price\n0,0\n1,3\n");
    let rows = world.run(["lake", "head", "-n", "500", "-o", "json", &orders]).json();
    assert_eq!(rows.as_array().unwrap().len(), 500);
    assert_eq!(rows[499]["place"]["x"], 499);
    world.run(["lake", "head", "-n", "7", "--output-file", "few.parquet", &orders]).done();
    let few = std::fs::read(world.path("few.parquet")).unwrap();
    assert!(few.starts_with(b"PAR1"), "{} bytes", few.len());
    let all = world.run(["lake", "head", "-n", "2000", "-o", "json", "--columns", "id", &orders]);
    assert_eq!(all.json().as_array().unwrap().len(), 1000);
}

#[test]
fn columns_and_row_groups_are_those_of_pyarrow() {
    let world = world();
    let orders = url("orders.parquet");
    let found = world.run(["lake", "schema", "-o", "json", &orders]).json();
    assert_eq!((&found["rows"], &found["size"]), (&1000.into(), &ORDERS.len().into()));
    assert_eq!(found["created_by"], "parquet-cpp-arrow version 26.0.1");
    let column = |index: usize| {
        let column = &found["columns"][index];
        let text = |name: &str| column[name].as_str().unwrap().to_owned();
        let number = |name: &str| column[name].as_u64();
        (
            [text("name"), text("type"), column["compressions"][0].as_str().unwrap().to_owned()],
            [number("compressed_bytes"), number("uncompressed_bytes"), number("null_count")],
        )
    };
    let expected = |texts: [&str; 3], numbers| (texts.map(str::to_owned), numbers);
    assert_eq!(column(0), expected(["id", "Int64", "ZSTD"], [Some(2588), Some(9238), Some(0)]));
    assert_eq!(
        column(1),
        expected(["customer", "Utf8", "SNAPPY"], [Some(460), Some(785), Some(143)])
    );
    let price = ["price", "Decimal128(20, 0)", "UNCOMPRESSED"];
    assert_eq!(column(2), expected(price, [Some(10_238), Some(10_238), Some(0)]));
    assert_eq!(column(3).1, [Some(14_111), Some(14_111), None]);
    let rows: Vec<_> = found["row_groups"]
        .as_array()
        .unwrap()
        .iter()
        .map(|group| group["rows"].as_u64())
        .collect();
    assert_eq!(rows, [Some(400), Some(400), Some(200)]);

    let table = world.run(["lake", "schema", &orders]).done().stdout();
    assert!(
        table.contains("RLE_DICTIONARY") && table.contains("(1,000 rows in 3 row groups"),
        "{table}"
    );
    let groups =
        world.run(["lake", "schema", "--row-groups", "-o", "tsv", &orders]).done().stdout();
    assert_eq!(groups.lines().count(), 3);
}

#[test]
fn only_the_pages_that_are_wanted_are_read() {
    let world = world();
    let before = world.emulators.requests(Service::LakeBlob);
    world.run(["lake", "head", "-n", "1", &url("orders.parquet"), "-o", "none"]).done();
    // The end of the file holds all of so small a file, and the row group is read again.
    assert!(world.emulators.requests(Service::LakeBlob) - before <= 3);
}

#[test]
fn what_is_no_parquet_file_is_told() {
    let world = world();
    put(&world, "notes.txt", b"these are notes, and not a table");
    put(&world, "cut.parquet", &ORDERS[..ORDERS.len() - 5]);
    put(&world, "empty.parquet", b"");
    for command in ["head", "schema"] {
        for file in ["notes.txt", "cut.parquet", "empty.parquet"] {
            let refused = world.run(["lake", command, &url(file)]);
            refused.failed(1, &[file, "caused by: "]);
        }
        world.run(["lake", command, &url("absent")]).failed(1, &["PathNotFound"]);
        world.run(["lake", command, &url("")]).failed(1, &["is a directory"]);
    }
    let orders = url("orders.parquet");
    world.run(["lake", "head", "--columns", "nope", &orders]).failed(1, &["no column `nope`"]);
    world.run(["lake", "schema", "-o", "parquet", &orders]).failed(2, &["cannot write `parquet`"]);
}
