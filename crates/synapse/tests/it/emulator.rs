//! Against the Synapse emulator, which shares no code with the client: all types, logins, faults.

use std::{fs::File, sync::Arc};

use arrow::{
    array::{
        ArrayRef, AsArray, BinaryArray, BooleanArray, Date32Array, Decimal128Array,
        FixedSizeBinaryArray, Float32Array, Float64Array, Int16Array, Int32Array, Int64Array,
        RecordBatch, StringArray, Time64NanosecondArray, TimestampMicrosecondArray,
        TimestampNanosecondArray, UInt8Array,
    },
    compute::concat_batches,
    datatypes::{DataType, Field, Schema},
};
use azconnect_emulators::{Config, Emulators};
use azconnect_synapse::{
    ErrorKind, GuidFormat, Login, Operation, QueryOptions, SynapseClient, TimestampUnit,
};
use azure_core::{
    credentials::{AccessToken, TokenCredential, TokenRequestOptions},
    time::{Duration, OffsetDateTime},
};
use futures::{StreamExt, TryStreamExt};
use parquet::arrow::ArrowWriter;
use secrecy::ExposeSecret;
use tempfile::TempDir;

const ROWS: usize = 5_000;

struct World {
    emulators: Emulators,
    _tables: TempDir,
}

/// Hands out one token of the emulators.
#[derive(Debug)]
struct Token(String);

#[async_trait::async_trait]
impl TokenCredential for Token {
    async fn get_token(
        &self,
        _scopes: &[&str],
        _options: Option<TokenRequestOptions<'_>>,
    ) -> azure_core::Result<AccessToken> {
        let expires_on = OffsetDateTime::now_utc() + Duration::hours(1);
        Ok(AccessToken::new(self.0.clone(), expires_on))
    }
}

impl World {
    async fn start() -> Self {
        let tables = tempfile::tempdir().unwrap();
        let batch = sample();
        let file = File::create(tables.path().join("sample.parquet")).unwrap();
        let mut writer = ArrowWriter::try_new(file, batch.schema(), None).unwrap();
        writer.write(&batch).unwrap();
        writer.close().unwrap();
        let config = Config { tables_dir: Some(tables.path().to_owned()), ..Config::default() };
        Self { emulators: Emulators::start(config).await.unwrap(), _tables: tables }
    }

    fn client(&self, login: Login) -> SynapseClient {
        let server = "syn-demo.sql.azuresynapse.net".parse().unwrap();
        SynapseClient::builder(server, "demo", login)
            .with_connect_address(self.emulators.endpoints().synapse.unwrap())
            .with_ca_pem(self.emulators.ca_pem())
            .build()
            .unwrap()
    }

    fn by_password(&self, password: &str) -> SynapseClient {
        self.client(Login::Password { user: "demo".to_owned(), password: password.into() })
    }

    fn by_token(&self, principal: &str, audience: &str, hours: i64) -> SynapseClient {
        let lifetime = time::Duration::hours(hours);
        let token = self.emulators.issue_token(principal, audience, lifetime).unwrap();
        self.client(Login::AccessToken(Arc::new(Token(token.expose_secret().to_owned()))))
    }

    fn reader(&self) -> SynapseClient {
        self.by_token("uami-demo", "https://database.windows.net/", 1)
    }
}

/// Every type of the mapping, with a NULL in every column but the first.
fn sample() -> RecordBatch {
    let rows = || 0..ROWS;
    fn some<T>(row: usize, value: T) -> Option<T> {
        (row % 7 != 3).then_some(value)
    }
    let number = |row: usize| i64::try_from(row).unwrap() * 1_000_003 - 2_500_000_000;
    let text = |row: usize| match row % 3 {
        0 => format!("plain {row}"),
        1 => format!("Grüße {row} ✓ 𝄞"),
        _ => String::new(),
    };
    let latin = |row: usize| match row % 2 {
        0 => format!("é€ {row}"),
        _ => format!("{row}"),
    };
    let decimals = |precision, scale, factor: i128| {
        rows()
            .map(|row| some(row, i128::from(number(row)) * factor))
            .collect::<Decimal128Array>()
            .with_precision_and_scale(precision, scale)
            .unwrap()
    };
    let guids = FixedSizeBinaryArray::try_from_sparse_iter_with_size(
        rows().map(|row| {
            some(row, uuid::Uuid::from_u128(row as u128 * 0x0123_4567_89AB_CDEF_u128).into_bytes())
        }),
        16,
    )
    .unwrap();

    let declared = |name: &str, data_type, sql_type: &str| {
        let metadata = [("azconnect.sql_type".to_owned(), sql_type.to_owned())].into();
        Field::new(name, data_type, true).with_metadata(metadata)
    };
    let plain = |name: &str, data_type| Field::new(name, data_type, true);
    let micro = DataType::Timestamp(arrow::datatypes::TimeUnit::Microsecond, None);
    let nano = DataType::Timestamp(arrow::datatypes::TimeUnit::Nanosecond, None);
    let utc = DataType::Timestamp(arrow::datatypes::TimeUnit::Microsecond, Some("UTC".into()));
    let columns: Vec<(Field, ArrayRef)> = vec![
        (
            Field::new("id", DataType::Int64, false),
            Arc::new(Int64Array::from_iter_values(rows().map(|row| row as i64))),
        ),
        (
            plain("bit", DataType::Boolean),
            Arc::new(rows().map(|row| some(row, row % 2 == 0)).collect::<BooleanArray>()),
        ),
        (
            plain("tinyint", DataType::UInt8),
            Arc::new(rows().map(|row| some(row, (row % 256) as u8)).collect::<UInt8Array>()),
        ),
        (
            plain("smallint", DataType::Int16),
            Arc::new(rows().map(|row| some(row, number(row) as i16)).collect::<Int16Array>()),
        ),
        (
            plain("int", DataType::Int32),
            Arc::new(rows().map(|row| some(row, number(row) as i32)).collect::<Int32Array>()),
        ),
        (
            plain("bigint", DataType::Int64),
            Arc::new(rows().map(|row| some(row, number(row) << 20)).collect::<Int64Array>()),
        ),
        (
            plain("real", DataType::Float32),
            Arc::new(rows().map(|row| some(row, row as f32 / 3.0)).collect::<Float32Array>()),
        ),
        (
            plain("float", DataType::Float64),
            Arc::new(rows().map(|row| some(row, row as f64 / -7.0)).collect::<Float64Array>()),
        ),
        (plain("decimal_9", DataType::Decimal128(15, 2)), Arc::new(decimals(15, 2, 1))),
        (
            plain("decimal_17", DataType::Decimal128(38, 10)),
            Arc::new(decimals(38, 10, 1_000_000_007_000_000_009)),
        ),
        (declared("money", DataType::Decimal128(19, 4), "money"), Arc::new(decimals(19, 4, 13))),
        (
            plain("date", DataType::Date32),
            Arc::new(
                rows().map(|row| some(row, row as i32 * 700 - 700_000)).collect::<Date32Array>(),
            ),
        ),
        (
            plain("time", DataType::Time64(arrow::datatypes::TimeUnit::Nanosecond)),
            Arc::new(
                rows()
                    .map(|row| some(row, row as i64 * 17_000_000_300))
                    .collect::<Time64NanosecondArray>(),
            ),
        ),
        (
            plain("datetime2_6", micro),
            Arc::new(
                rows()
                    .map(|row| some(row, number(row) * 20_000_001))
                    .collect::<TimestampMicrosecondArray>(),
            ),
        ),
        (
            plain("datetime2_7", nano),
            Arc::new(
                rows()
                    .map(|row| some(row, number(row) * 1_000_000_700))
                    .collect::<TimestampNanosecondArray>(),
            ),
        ),
        (
            plain("datetimeoffset", utc),
            Arc::new(
                rows()
                    .map(|row| some(row, number(row) * 777_777))
                    .collect::<TimestampMicrosecondArray>()
                    .with_timezone("UTC"),
            ),
        ),
        (
            plain("nvarchar", DataType::Utf8),
            Arc::new(rows().map(|row| some(row, text(row))).collect::<StringArray>()),
        ),
        (
            declared("nvarchar_max", DataType::Utf8, "nvarchar(max)"),
            Arc::new(rows().map(|row| some(row, text(row).repeat(5))).collect::<StringArray>()),
        ),
        (
            declared("varchar_latin", DataType::Utf8, "varchar(40)"),
            Arc::new(rows().map(|row| some(row, latin(row))).collect::<StringArray>()),
        ),
        (
            declared(
                "varchar_utf8",
                DataType::Utf8,
                "varchar(80) COLLATE Latin1_General_100_CI_AS_SC_UTF8",
            ),
            Arc::new(rows().map(|row| some(row, text(row))).collect::<StringArray>()),
        ),
        (
            plain("varbinary", DataType::Binary),
            Arc::new(
                rows().map(|row| some(row, vec![row as u8; row % 9])).collect::<BinaryArray>(),
            ),
        ),
        (declared("guid", DataType::FixedSizeBinary(16), "uniqueidentifier"), Arc::new(guids)),
    ];
    let (fields, arrays): (Vec<_>, Vec<_>) = columns.into_iter().unzip();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays).unwrap()
}

async fn read(client: &SynapseClient, sql: &str, options: QueryOptions) -> RecordBatch {
    let stream = client.query_opts(sql, options).await.unwrap();
    let schema = stream.schema();
    let batches: Vec<_> = stream.try_collect().await.unwrap();
    concat_batches(&schema, &batches).unwrap()
}

#[tokio::test]
async fn every_type_arrives_as_it_was() {
    let world = World::start().await;
    let expected = sample();
    // Nanoseconds, as the sample's seventh digits would be cut off otherwise; `datetime2_6` holds
    // microseconds and is compared as such.
    for batch_rows in [100, 8_192] {
        let options = QueryOptions::default().with_batch_rows(batch_rows);
        let found = read(&world.reader(), "SELECT * FROM sample ORDER BY id", options).await;
        assert_eq!(found.num_rows(), ROWS);
        for (index, field) in expected.schema().fields().iter().enumerate() {
            let name = field.name();
            assert_eq!(found.schema().field(index).name(), name);
            if name == "datetime2_7" {
                continue;
            }
            assert_eq!(found.schema().field(index).data_type(), field.data_type(), "{name}");
            assert_eq!(found.column(index), expected.column(index), "{name}");
        }
    }
    let options = QueryOptions::default().with_timestamp_unit(TimestampUnit::Nanosecond);
    let sql = "SELECT datetime2_7 FROM sample ORDER BY id";
    let found = read(&world.reader(), sql, options).await;
    assert_eq!(found.column(0), expected.column_by_name("datetime2_7").unwrap());

    let options = QueryOptions::default().with_guid(GuidFormat::Text);
    let sql = "SELECT guid FROM sample WHERE id = 1";
    let found = read(&world.reader(), sql, options).await;
    let texts = found.column(0).as_string::<i32>();
    assert_eq!(texts.value(0), "00000000-0000-0000-0123-456789abcdef");
}

#[tokio::test]
async fn a_password_opens_and_a_wrong_one_does_not() {
    let world = World::start().await;
    let client = world.by_password("Demo-Passw0rd");
    let found = read(&client, "SELECT COUNT(*) AS n FROM sample", QueryOptions::default()).await;
    assert_eq!(found.num_rows(), 1);

    let error = world.by_password("wrong").query("SELECT 1 AS one").await.unwrap_err();
    assert_eq!((error.kind(), error.operation()), (ErrorKind::Unauthenticated, Operation::Login));
    assert_eq!(error.server_number(), Some(18_456));
    assert!(error.hint().is_some());
}

#[tokio::test]
async fn tokens_that_are_expired_or_for_another_service_are_refused() {
    let world = World::start().await;
    for (audience, hours) in
        [("https://database.windows.net/", -1), ("https://storage.azure.com/", 1)]
    {
        let client = world.by_token("uami-demo", audience, hours);
        let error = client.query("SELECT 1 AS one").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unauthenticated, "{audience} {hours}");
        assert_eq!(error.operation(), Operation::Login);
    }
}

#[tokio::test]
async fn an_unknown_table_is_an_error_with_the_servers_number() {
    let world = World::start().await;
    let error = world.reader().query("SELECT * FROM nowhere").await.unwrap_err();
    assert_eq!((error.kind(), error.server_number()), (ErrorKind::NotFound, Some(208)));
    assert!(error.to_string().contains("nowhere"), "{error}");
}

#[tokio::test]
async fn a_result_cut_in_the_middle_is_an_error() {
    let world = World::start().await;
    for bytes in [0, 1_000, 100_000] {
        world.emulators.faults().cut_synapse_result(Some(bytes));
        let error = match world.reader().query("SELECT * FROM sample").await {
            Ok(stream) => stream.try_collect::<Vec<_>>().await.unwrap_err(),
            Err(error) => error,
        };
        assert_eq!(error.kind(), ErrorKind::Connect, "{bytes}: {error}");
    }
}

#[tokio::test]
async fn dropping_a_stream_leaves_the_client_usable() {
    let world = World::start().await;
    let client = world.reader();
    let options = QueryOptions::default().with_batch_rows(10);
    let sql = "SELECT a.* FROM sample AS a CROSS JOIN sample AS b";
    let mut stream = client.query_opts(sql, options).await.unwrap();
    assert_eq!(stream.next().await.unwrap().unwrap().num_rows(), 10);
    drop(stream);
    let found = read(&client, "SELECT 7 AS seven", QueryOptions::default()).await;
    assert_eq!(found.num_rows(), 1);
}
