//! Results as they should not be.

use azconnect_synapse::{ErrorKind, Operation, QueryOptions};
use futures::{StreamExt, TryStreamExt};

use crate::{
    script::{Script, builder, read, run},
    server::{Server, packets},
    wire::{self, INT, NVARCHAR_50, NVARCHAR_MAX},
};

fn two_columns() -> Vec<u8> {
    wire::columns(&[("number", INT), ("text", NVARCHAR_50)])
}

#[tokio::test]
async fn an_unknown_table_is_reported_with_all_the_server_said() {
    let tokens = [
        wire::error(208, 16, 1, "Invalid object name 'nope'."),
        wire::error(8180, 16, 1, "Statement(s) could not be prepared."),
        wire::done_failed(),
    ];
    let error = read(Script::result(&tokens)).await.unwrap_err();
    assert_eq!((error.kind(), error.operation()), (ErrorKind::NotFound, Operation::Query));
    assert_eq!(error.server_number(), Some(208));
    assert!(error.hint().unwrap().contains("schema.table"));
    let numbers: Vec<_> = error.server_messages().iter().map(|message| message.number).collect();
    assert_eq!(numbers, [208, 8180]);
    assert!(error.to_string().contains("Invalid object name 'nope'"), "{error}");
}

#[tokio::test]
async fn an_error_after_rows_ends_the_stream_with_it() {
    let mut tokens = vec![two_columns()];
    tokens.extend((0..10).map(|number| wire::row(Some(number), None)));
    tokens.push(wire::error(8134, 16, 1, "Divide by zero error encountered."));
    tokens.push(wire::done_failed());
    let options = QueryOptions::default().with_batch_rows(4);
    let mut stream = run(Script::result(&tokens), options).await.unwrap();
    let mut rows = 0;
    let error = loop {
        match stream.next().await.expect("the stream must not end before the error") {
            Ok(batch) => rows += batch.num_rows(),
            Err(error) => break error,
        }
    };
    assert_eq!(rows, 8);
    assert_eq!((error.server_number(), error.rows_received()), (Some(8134), Some(10)));
    assert!(stream.next().await.is_none(), "after an error the stream is over");
}

#[tokio::test]
async fn a_connection_cut_anywhere_in_a_result_is_never_a_success() {
    let mut tokens = vec![two_columns()];
    tokens.extend((0..6).map(|number| wire::row(Some(number), Some("text"))));
    tokens.push(wire::done(Some(6)));
    let whole = packets(&tokens.concat(), 64).len();
    for length in 0..whole {
        let script =
            Script { packet_bytes: 64, cut_after: Some(length), ..Script::result(&tokens) };
        let error = read(script).await.expect_err("a cut result must be an error");
        assert_eq!(error.kind(), ErrorKind::Connect, "cut at {length}: {error}");
        assert!(error.is_transient());
    }
    let script = Script { packet_bytes: 64, cut_after: Some(whole), ..Script::result(&tokens) };
    let rows: usize = read(script).await.unwrap().iter().map(|batch| batch.num_rows()).sum();
    assert_eq!(rows, 6);
}

#[tokio::test]
async fn a_cut_result_tells_how_many_rows_had_come() {
    let mut tokens = vec![two_columns()];
    tokens.extend((0..100).map(|number| wire::row(Some(number), None)));
    let whole = packets(&tokens.concat(), 4_096).len();
    let script = Script { cut_after: Some(whole - 3), ..Script::result(&tokens) };
    let error = read(script).await.unwrap_err();
    assert_eq!((error.kind(), error.rows_received()), (ErrorKind::Connect, Some(99)));
    assert!(error.to_string().ends_with("closed the connection after 99 rows"), "{error}");
}

#[tokio::test]
async fn a_reply_without_its_final_token_is_no_success() {
    for tokens in [
        vec![],
        vec![two_columns()],
        vec![two_columns(), wire::row(Some(1), None)],
        vec![two_columns(), wire::row(Some(1), None), wire::done_more(Some(1))],
        vec![two_columns(), wire::row(Some(1), None), wire::done_in_proc()],
    ] {
        let error = read(Script::result(&tokens)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidResponse, "{error}");
    }
}

#[tokio::test]
async fn a_second_result_is_refused_not_dropped() {
    let tokens = [
        two_columns(),
        wire::row(Some(1), None),
        wire::done_more(Some(1)),
        two_columns(),
        wire::row(Some(2), None),
        wire::done(Some(1)),
    ];
    let error = read(Script::result(&tokens)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert!(error.hint().unwrap().contains("one by one"));
}

#[tokio::test]
async fn a_column_without_an_arrow_type_is_named() {
    let variant = &[0x62, 0x49, 0x1F, 0, 0][..];
    let dos = &[0xA7, 50, 0, 0x09, 0x04, 0xD0, 0x00, 42][..];
    for (type_info, what) in [(variant, "sql_variant"), (dos, "sort order 42")] {
        let columns = wire::columns(&[("fine", INT), ("odd one", type_info)]);
        let error = read(Script::result(&[columns, wire::done(None)])).await.unwrap_err();
        assert_eq!((error.kind(), error.column()), (ErrorKind::Unsupported, Some("odd one")));
        assert!(error.to_string().contains(what), "{error}");
        assert!(error.to_string().contains("`odd one`"), "{error}");
    }
}

#[tokio::test]
async fn a_value_that_its_type_forbids_names_the_column() {
    let columns = wire::columns(&[("when", &[0x28])]);
    let beyond = vec![0xD1, 3, 0xFF, 0xFF, 0xFF];
    let error = read(Script::result(&[columns, beyond, wire::done(None)])).await.unwrap_err();
    assert_eq!((error.kind(), error.column()), (ErrorKind::InvalidResponse, Some("when")));
}

#[tokio::test]
async fn a_row_beyond_the_limit_is_refused() {
    let bytes = wire::utf16(&"x".repeat(1_000_000));
    let tokens = [
        wire::columns(&[("a", NVARCHAR_MAX)]),
        vec![0xD1],
        wire::chunked(&bytes, 8_000, false),
        wire::done(None),
    ];
    let server = Server::start(Script::result(&tokens));
    let client = builder(server.address).with_max_row_bytes(1 << 20).build().unwrap();
    let stream = client.query("SELECT 1").await.unwrap();
    let error = stream.try_collect::<Vec<_>>().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::LimitExceeded);
    assert!(error.to_string().contains("1048576 bytes"), "{error}");
}

#[tokio::test]
async fn random_replies_never_panic_and_never_hang() {
    let mut state = 0x2545_F491_4F6C_DD1D_u64;
    let mut next = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    for round in 0..60 {
        let mut tokens =
            [two_columns(), wire::row(Some(1), Some("text")), wire::done(None)].concat();
        // Either a valid reply with some bytes changed, or nothing but noise.
        if round % 3 == 0 {
            tokens = (0..next() % 300).map(|_| next() as u8).collect();
        } else {
            for _ in 0..1 + next() % 4 {
                let at = (next() % tokens.len() as u64) as usize;
                tokens[at] = next() as u8;
            }
        }
        match read(Script::result(&[tokens])).await {
            Ok(_) => {}
            Err(error) => assert!(!error.to_string().contains("thread"), "{error}"),
        }
    }
}
