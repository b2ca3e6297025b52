//! Results as they should be.

use arrow::{
    array::{Array, AsArray, RecordBatch},
    datatypes::{DataType, Int32Type},
};
use azconnect_synapse::QueryOptions;
use futures::{StreamExt, TryStreamExt};

use crate::{
    script::{Script, builder, read, run},
    server::{Seen, Server},
    wire::{self, INT, NVARCHAR_50, NVARCHAR_MAX},
};

fn two_columns() -> Vec<u8> {
    wire::columns(&[("number", INT), ("text", NVARCHAR_50)])
}

fn numbers(batches: &[RecordBatch]) -> Vec<Option<i32>> {
    batches.iter().flat_map(|b| b.column(0).as_primitive::<Int32Type>().iter()).collect()
}

#[tokio::test]
async fn rows_arrive_in_order_whatever_the_packet_size() {
    let mut tokens = vec![two_columns()];
    for number in 0..5_000 {
        let text = format!("row {number} – é");
        let null = number % 7 == 0;
        tokens.push(wire::row((!null).then_some(number), (number % 5 != 0).then_some(&text)));
        if number == 2_500 {
            tokens.push(wire::info(0, "half way"));
        }
    }
    tokens.push(wire::done(Some(5_000)));
    for packet_bytes in [512, 4_096, 32_767] {
        let script = Script { packet_bytes, ..Script::result(&tokens) };
        let options = QueryOptions::default().with_batch_rows(1_500);
        let mut stream = run(script, options).await.unwrap();
        let schema = stream.schema();
        assert_eq!(schema.field(0).name(), "number");
        assert_eq!(schema.field(1).data_type(), &DataType::Utf8);
        let batches: Vec<_> = stream.by_ref().try_collect().await.unwrap();
        let rows: Vec<_> = batches.iter().map(RecordBatch::num_rows).collect();
        assert_eq!(rows, [1_500, 1_500, 1_500, 500], "{packet_bytes}");
        let expected: Vec<_> = (0..5_000).map(|n| (n % 7 != 0).then_some(n)).collect();
        assert_eq!(numbers(&batches), expected);
        let texts = batches[3].column(1).as_string::<i32>();
        assert_eq!(texts.value(499), "row 4999 – é");
        assert!(texts.is_null(0));
        assert_eq!(stream.messages()[0].text, "half way");
        assert_eq!(stream.rows_affected(), None);
    }
}

#[tokio::test]
async fn a_result_without_rows_has_a_schema() {
    let stream =
        run(Script::result(&[two_columns(), wire::done(Some(0))]), QueryOptions::default()).await;
    let stream = stream.unwrap();
    assert_eq!(stream.schema().fields().len(), 2);
    assert_eq!(stream.try_collect::<Vec<_>>().await.unwrap().len(), 0);
}

#[tokio::test]
async fn batches_are_capped_by_bytes_too() {
    let text = "x".repeat(50);
    let mut tokens = vec![two_columns()];
    tokens.extend((0..20_000).map(|number| wire::row(Some(number), Some(&text))));
    tokens.push(wire::done(None));
    let options = QueryOptions::default().with_batch_rows(100_000).with_max_batch_bytes(100_000);
    let stream = run(Script::result(&tokens), options).await.unwrap();
    let batches: Vec<_> = stream.try_collect().await.unwrap();
    assert_eq!(numbers(&batches).len(), 20_000);
    // 58 bytes a row: some 1,724 rows make 100,000 bytes; a tile of 1,024 may exceed it.
    for batch in &batches[..batches.len() - 1] {
        assert!((1_700..2_800).contains(&batch.num_rows()), "{}", batch.num_rows());
    }
}

#[tokio::test]
async fn values_larger_than_every_buffer_are_put_together() {
    let long = "0123456789é".repeat(100_000);
    let bytes = wire::utf16(&long);
    let mut tokens = vec![wire::columns(&[("a", NVARCHAR_MAX), ("b", NVARCHAR_MAX)])];
    for (chunk, with_total) in [(8_000, true), (7_777, false), (bytes.len(), true)] {
        tokens.push(vec![0xD1]);
        tokens.push(wire::chunked(&bytes, chunk, with_total));
        tokens.push(wire::chunked(&wire::utf16("short"), 3, with_total));
    }
    // The first NULL by its length, the second by the bitmap.
    tokens.push([&[0xD2, 0b10][..], &[0xFF; 8]].concat());
    tokens.push(wire::done(Some(4)));
    let batches = read(Script::result(&tokens)).await.unwrap();
    let batch = arrow::compute::concat_batches(&batches[0].schema(), &batches).unwrap();
    let (a, b) = (batch.column(0).as_string::<i32>(), batch.column(1).as_string::<i32>());
    for row in 0..3 {
        assert!(a.value(row) == long, "row {row}");
        assert_eq!(b.value(row), "short");
    }
    assert!(a.is_null(3) && b.is_null(3));
}

#[tokio::test]
async fn statements_before_the_one_with_rows_are_passed_over() {
    let tokens = [
        wire::done_more(Some(4)),
        two_columns(),
        wire::row(Some(1), None),
        wire::done_more(Some(1)),
        wire::done(Some(2)),
    ];
    let mut stream = run(Script::result(&tokens), QueryOptions::default()).await.unwrap();
    let batches: Vec<_> = stream.by_ref().try_collect().await.unwrap();
    assert_eq!(numbers(&batches), [Some(1)]);
    assert_eq!(stream.rows_affected(), Some(6));
}

#[tokio::test]
async fn dropping_the_stream_makes_the_server_stop() {
    let row = wire::row(Some(7), Some("again"));
    let script = Script {
        endless: Some(row.repeat(2_000)),
        packet_bytes: 32_000,
        ..Script::result(&[two_columns()])
    };
    let server = Server::start(script);
    let client = builder(server.address).build().unwrap();
    let mut stream = client.query("SELECT 1").await.unwrap();
    assert!(stream.next().await.unwrap().is_ok());
    drop(stream);
    for _ in 0..3 {
        server.next();
    }
    let Seen::Closed { written } = server.next() else { panic!("the server should be done") };
    assert!(written > 0);
}
