//! Parquet: what goes in comes out, in bounded portions, and appears whole or not at all.

use std::sync::Arc;

use arrow::{
    array::{
        ArrayRef, BooleanArray, Date32Array, Decimal128Array, Float64Array, Int64Array,
        LargeBinaryArray, RecordBatch, StringArray, TimestampMicrosecondArray,
        TimestampNanosecondArray,
    },
    compute::concat_batches,
    datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit},
};
use azconnect_emulators::Service;
use azconnect_lake::{
    ErrorKind, ParquetCompression, ParquetReadOptions, ParquetWriteOptions, UploadOptions,
    WriteCondition, arrow,
};
use futures::{TryStreamExt, stream};
use parquet::file::metadata::ParquetMetaDataReader;

use crate::harness::{Lake, noise, path, report};

fn schema() -> SchemaRef {
    Arc::new(Schema::new(vec![
        Field::new("id", DataType::Int64, false),
        Field::new("text", DataType::Utf8, true),
        Field::new("price", DataType::Decimal128(38, 9), true),
        Field::new("small", DataType::Decimal128(7, 2), true),
        Field::new("at", DataType::Timestamp(TimeUnit::Microsecond, None), true),
        Field::new("at_utc", DataType::Timestamp(TimeUnit::Nanosecond, Some("UTC".into())), true),
        Field::new("day", DataType::Date32, true),
        Field::new("ratio", DataType::Float64, true),
        Field::new("flag", DataType::Boolean, true),
        Field::new("raw", DataType::LargeBinary, true),
    ]))
}

/// Rows `from..to`; every seventh value of the nullable columns is null.
fn batch(from: i64, to: i64) -> RecordBatch {
    fn column<T>(from: i64, to: i64, shift: i64, value: impl Fn(i64) -> T) -> Vec<Option<T>> {
        (from..to).map(|row| ((row + shift) % 7 != 0).then(|| value(row))).collect()
    }
    let wide = |row: i64| i128::from(row) * 10_i128.pow(30) - 7;
    let columns: Vec<ArrayRef> = vec![
        Arc::new(Int64Array::from_iter_values(from..to)),
        Arc::new(StringArray::from(column(from, to, 0, |row| ["né ", &row.to_string()].concat()))),
        Arc::new(
            Decimal128Array::from(column(from, to, 1, wide))
                .with_precision_and_scale(38, 9)
                .unwrap(),
        ),
        Arc::new(
            Decimal128Array::from(column(from, to, 2, |row| i128::from(row % 9_999_999)))
                .with_precision_and_scale(7, 2)
                .unwrap(),
        ),
        Arc::new(TimestampMicrosecondArray::from(column(from, to, 3, |row| row * 1_000_003 - 5))),
        Arc::new(
            TimestampNanosecondArray::from(column(from, to, 4, |row| row * 999_999_937))
                .with_timezone("UTC"),
        ),
        Arc::new(Date32Array::from(column(from, to, 5, |row| (row % 100_000) as i32 - 50_000))),
        Arc::new(Float64Array::from(column(from, to, 6, |row| row as f64 / 3.0))),
        Arc::new(BooleanArray::from(column(from, to, 7, |row| row % 3 == 0))),
        Arc::new(LargeBinaryArray::from_iter(column(from, to, 8, |row| {
            row.to_be_bytes().to_vec()
        }))),
    ];
    RecordBatch::try_new(schema(), columns).unwrap()
}

fn batches(rows: i64, at_a_time: i64) -> Vec<RecordBatch> {
    (0..rows)
        .step_by(at_a_time as usize)
        .map(|from| batch(from, (from + at_a_time).min(rows)))
        .collect()
}

fn items(batches: Vec<RecordBatch>) -> impl futures::Stream<Item = Result<RecordBatch, String>> {
    stream::iter(batches.into_iter().map(Ok))
}

#[tokio::test(flavor = "multi_thread")]
async fn every_value_comes_back_over_many_row_groups_and_blocks() {
    let lake = Lake::start().await;
    let client = lake.client();
    let written = batches(50_000, 1_777);
    for compression in [
        ParquetCompression::Zstd,
        ParquetCompression::ZstdLevel(9),
        ParquetCompression::Snappy,
        ParquetCompression::Uncompressed,
    ] {
        let options = ParquetWriteOptions::default()
            .with_compression(compression)
            .with_row_group_rows(12_000)
            .with_upload(UploadOptions::default().with_block_bytes(64 * 1024));
        let published = client
            .write_parquet(&path("raw/t.parquet"), schema(), items(written.clone()), options)
            .await
            .unwrap();
        assert_eq!((published.rows, published.row_groups), (50_000, 5));
        let found = client.properties(&path("raw/t.parquet")).await.unwrap();
        assert_eq!((found.size, &found.etag), (published.bytes, &published.etag));

        let options = ParquetReadOptions::default().with_batch_rows(5_000);
        let reader = client.read_parquet(&path("raw/t.parquet"), options).await.unwrap();
        assert_eq!(reader.schema(), &schema());
        assert_eq!((reader.row_count(), reader.row_groups()), (50_000, 5));
        let read: Vec<_> = reader.try_collect().await.unwrap();
        assert!(read.iter().all(|batch| batch.num_rows() <= 5_000));
        assert!(
            concat_batches(&schema(), &read).unwrap()
                == concat_batches(&schema(), &written).unwrap(),
            "{compression:?}"
        );
    }
}

#[tokio::test]
async fn a_table_without_rows_keeps_its_schema() {
    let lake = Lake::start().await;
    let client = lake.client();
    let published = client
        .write_parquet(&path("raw/t"), schema(), items(vec![]), ParquetWriteOptions::default())
        .await
        .unwrap();
    assert_eq!((published.rows, published.row_groups), (0, 0));
    let reader = client.read_parquet(&path("raw/t"), ParquetReadOptions::default()).await.unwrap();
    assert_eq!(reader.schema(), &schema());
    assert_eq!(reader.try_collect::<Vec<_>>().await.unwrap(), []);
}

#[tokio::test]
async fn only_the_columns_asked_for_are_read() {
    let lake = Lake::start().await;
    let client = lake.client();
    client
        .write_parquet(
            &path("raw/t"),
            schema(),
            items(batches(100, 100)),
            ParquetWriteOptions::default(),
        )
        .await
        .unwrap();
    let options = ParquetReadOptions::default().with_columns(["day", "id"]);
    let reader = client.read_parquet(&path("raw/t"), options).await.unwrap();
    let read: Vec<_> = reader.try_collect().await.unwrap();
    assert_eq!(read, [batch(0, 100).project(&[0, 6]).unwrap()]);

    let options = ParquetReadOptions::default().with_columns(["id", "prize"]);
    let error = client.read_parquet(&path("raw/t"), options).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    for part in ["`prize`", "price", "at_utc"] {
        assert!(error.to_string().contains(part), "{error}");
    }
}

#[tokio::test]
async fn nothing_appears_unless_it_is_finished() {
    let lake = Lake::start().await;
    let client = lake.client();
    let target = path("raw/t");
    let options = || {
        ParquetWriteOptions::default()
            .with_row_group_rows(1_000)
            .with_upload(UploadOptions::default().with_block_bytes(64 * 1024))
    };
    let begin = async || {
        let mut upload = client.parquet_upload(&target, schema(), options()).unwrap();
        for batch in batches(20_000, 1_000) {
            upload.write(batch).await.unwrap();
        }
        upload
    };
    drop(begin().await);
    begin().await.abort();
    let broken =
        stream::iter(batches(20_000, 1_000).into_iter().map(Ok).chain([Err("the query was cut")]));
    let error = client.write_parquet(&target, schema(), broken, options()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Source);
    assert!(report(&error).contains("the query was cut"), "{}", report(&error));
    assert!(!client.exists(&target).await.unwrap());
    assert_eq!(begin().await.finish().await.unwrap().rows, 20_000);
    assert!(client.exists(&target).await.unwrap());
}

#[tokio::test]
async fn the_reason_of_a_failed_upload_reaches_the_producer() {
    let lake = Lake::start().await;
    let client = lake.client();
    let options = ParquetWriteOptions::default()
        .with_compression(ParquetCompression::Uncompressed)
        .with_row_group_rows(1_000)
        .with_upload(UploadOptions::default().with_block_bytes(64 * 1024));
    let mut upload = client.parquet_upload(&path("raw/t"), schema(), options).unwrap();
    lake.emulators.faults().throttle(Service::LakeBlob, 10_000);
    let mut failures = Vec::new();
    for batch in batches(100_000, 1_000) {
        if let Err(error) = upload.write(batch).await {
            failures.push(error);
        }
    }
    assert_eq!(failures[0].kind(), ErrorKind::Throttled, "{}", report(&failures[0]));
    assert!(upload.finish().await.is_err());
    lake.emulators.faults().throttle(Service::LakeBlob, 0);
    assert!(!client.exists(&path("raw/t")).await.unwrap());
}

#[tokio::test]
async fn only_columns_that_repeat_get_a_dictionary() {
    let lake = Lake::start().await;
    let client = lake.client();
    let rows = 20_000;
    let repeating: ArrayRef = Arc::new(Int64Array::from_iter_values((0..rows).map(|row| row % 9)));
    let batch = RecordBatch::try_from_iter([
        ("key", Arc::new(Int64Array::from_iter_values(0..rows)) as ArrayRef),
        ("kind", repeating),
    ])
    .unwrap();
    let stream = items(vec![batch.slice(0, 8_000), batch.slice(8_000, 12_000)]);
    let options = ParquetWriteOptions::default().with_row_group_rows(10_000);
    client.write_parquet(&path("raw/t"), batch.schema(), stream, options).await.unwrap();
    let file = client.read(&path("raw/t")).await.unwrap();
    let metadata = ParquetMetaDataReader::new().parse_and_finish(&file).unwrap();
    assert_eq!(metadata.num_row_groups(), 2);
    for group in metadata.row_groups() {
        let with_dictionary: Vec<_> = group
            .columns()
            .iter()
            .filter(|column| column.dictionary_page_offset().is_some())
            .map(|column| column.column_path().string())
            .collect();
        assert_eq!(with_dictionary, ["kind"]);
    }
    let reader = client.read_parquet(&path("raw/t"), ParquetReadOptions::default()).await.unwrap();
    let read: Vec<_> = reader.try_collect().await.unwrap();
    assert_eq!(concat_batches(&batch.schema(), &read).unwrap(), batch);
}

#[tokio::test]
async fn a_batch_of_another_schema_is_refused() {
    let lake = Lake::start().await;
    let client = lake.client();
    let other = batch(0, 10).project(&[1]).unwrap();
    let error = client
        .write_parquet(&path("raw/t"), schema(), items(vec![other]), ParquetWriteOptions::default())
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput, "{}", report(&error));
    assert!(!client.exists(&path("raw/t")).await.unwrap());
}

#[tokio::test]
async fn conditions_and_levels_are_checked() {
    let lake = Lake::start().await;
    let client = lake.client();
    let write = async |options| {
        client.write_parquet(&path("raw/t"), schema(), items(batches(10, 10)), options).await
    };
    let absent = ParquetWriteOptions::default()
        .with_upload(UploadOptions::default().with_condition(WriteCondition::IfAbsent));
    write(absent.clone()).await.unwrap();
    assert_eq!(write(absent).await.unwrap_err().kind(), ErrorKind::AlreadyExists);
    let level = ParquetWriteOptions::default().with_compression(ParquetCompression::ZstdLevel(99));
    assert_eq!(write(level).await.unwrap_err().kind(), ErrorKind::InvalidInput);
}

#[tokio::test]
async fn what_is_no_parquet_is_refused() {
    let lake = Lake::start().await;
    let client = lake.client();
    client
        .write_parquet(
            &path("raw/t"),
            schema(),
            items(batches(1_000, 500)),
            ParquetWriteOptions::default(),
        )
        .await
        .unwrap();
    let good = client.read(&path("raw/t")).await.unwrap();
    let length = good.len();
    let with = |at: usize, bytes: &[u8]| {
        let mut damaged = good.to_vec();
        damaged[at..at + bytes.len()].copy_from_slice(bytes);
        damaged
    };
    for (what, bytes) in [
        ("nothing", vec![]),
        ("too short", b"PAR1PAR1".to_vec()),
        ("text", b"id,name\n1,a\n".repeat(10)),
        ("a file cut off", good[..length / 2].to_vec()),
        ("the end alone", good[length / 2..].to_vec()),
        ("a footer longer than the file", with(length - 8, &u32::MAX.to_le_bytes())),
        ("a footer of no bytes", with(length - 8, &0_u32.to_le_bytes())),
        ("noise before the end", with(length - 200, &noise(150))),
    ] {
        client.upload(&path("raw/bad"), bytes.into(), UploadOptions::default()).await.unwrap();
        let outcome = async {
            let reader =
                client.read_parquet(&path("raw/bad"), ParquetReadOptions::default()).await?;
            reader.try_collect::<Vec<_>>().await
        };
        let error = outcome.await.map(drop).expect_err(what);
        assert_eq!(error.kind(), ErrorKind::InvalidResponse, "{what}: {}", report(&error));
    }
    let error =
        client.read_parquet(&path("raw/absent"), ParquetReadOptions::default()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    client.create_directory(&path("raw/d")).await.unwrap();
    let error =
        client.read_parquet(&path("raw/d"), ParquetReadOptions::default()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
}

#[tokio::test]
async fn a_file_replaced_midway_is_not_mixed() {
    let lake = Lake::start().await;
    let client = lake.client();
    let options = ParquetWriteOptions::default().with_row_group_rows(1_000);
    let write = async || {
        client
            .write_parquet(&path("raw/t"), schema(), items(batches(3_000, 1_000)), options.clone())
            .await
            .unwrap()
    };
    let first = write().await;
    let mut reader =
        client.read_parquet(&path("raw/t"), ParquetReadOptions::default()).await.unwrap();
    assert_eq!(reader.etag(), &first.etag);
    reader.try_next().await.unwrap();
    write().await;
    let error = reader.try_collect::<Vec<_>>().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::PreconditionFailed, "{}", report(&error));
    let stale = ParquetReadOptions::default().with_if_match(first.etag);
    let error = client.read_parquet(&path("raw/t"), stale).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::PreconditionFailed);
}
