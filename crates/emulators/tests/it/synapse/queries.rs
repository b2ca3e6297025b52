//! Statements and their results.

use futures::TryStreamExt;
use tiberius::{
    ColumnType, Query, Row, Uuid,
    numeric::Numeric,
    time::chrono::{DateTime, FixedOffset, NaiveDate, NaiveDateTime, NaiveTime, Utc},
};

use super::{Connection, Synapse, server_error, tables::NUMBERS};

async fn rows(client: &mut Connection, sql: &str) -> Vec<Row> {
    client.simple_query(sql).await.unwrap().into_first_result().await.unwrap()
}

async fn row(client: &mut Connection, sql: &str) -> Row {
    rows(client, sql).await.into_iter().next().unwrap()
}

#[tokio::test]
async fn every_type_arrives_whole() {
    let synapse = Synapse::start().await;
    let mut client = synapse.client().await;
    let rows = rows(&mut client, "SELECT * FROM dbo.Types ORDER BY Id").await;
    let [first, second, nulls] = rows.as_slice() else { panic!("{} rows", rows.len()) };

    assert_eq!(first.get::<i64, _>("Id"), Some(1));
    assert_eq!(first.get::<bool, _>("Flag"), Some(true));
    assert_eq!(first.get::<u8, _>("Tiny"), Some(255));
    assert_eq!(first.get::<i16, _>("Small"), Some(i16::MIN));
    assert_eq!(first.get::<i32, _>("Plain"), Some(i32::MIN));
    assert_eq!(first.get::<f32, _>("Single"), Some(1.5));
    assert_eq!(first.get::<f64, _>("Double"), Some(1e300));
    assert_eq!(first.get::<Numeric, _>("Price"), Some(Numeric::new_with_scale(123_456, 2)));
    let wide = Numeric::new_with_scale(10_i128.pow(38) - 1, 10);
    assert_eq!(first.get::<Numeric, _>("Wide"), Some(wide));
    assert_eq!(first.get::<f64, _>("Money"), Some(1.2345));
    assert_eq!(first.get::<NaiveDate, _>("Day"), NaiveDate::from_ymd_opt(1, 1, 1));
    assert_eq!(first.get::<NaiveTime, _>("Clock"), NaiveTime::from_hms_micro_opt(0, 0, 0, 1),);
    let epoch = DateTime::<Utc>::UNIX_EPOCH;
    assert_eq!(first.get::<NaiveDateTime, _>("Instant"), Some(epoch.naive_utc()));
    // As DateTime<Utc>, tiberius 0.13 subtracts the offset from what is in UTC already.
    let zoned = first.get::<DateTime<FixedOffset>, _>("Zoned").unwrap();
    assert_eq!(zoned.to_rfc3339(), "1970-01-01T02:00:00+02:00");
    assert_eq!(first.get::<&str, _>("Text"), Some("Zoë 😀"));
    assert_eq!(first.get::<&str, _>("Code"), Some("ab   "));
    assert_eq!(first.get::<&str, _>("Latin"), Some("Zoë €"));
    // Tiberius 0.13 knows no UTF-8 collations; Microsoft's driver and FreeTDS do.
    assert_eq!(second.get::<&str, _>("Utf8"), Some(""));
    assert_eq!(first.get::<&str, _>("Long").map(str::len), Some(70_000));
    assert_eq!(first.get::<&[u8], _>("Bytes"), Some(&b"\0\x01"[..]));
    let guid = Uuid::parse_str("6F9619FF-8B86-D011-B42D-00C04FC964FF").unwrap();
    assert_eq!(first.get::<Uuid, _>("Guid"), Some(guid));

    assert_eq!(second.get::<NaiveDate, _>("Day"), NaiveDate::from_ymd_opt(9999, 12, 31));
    assert_eq!(
        second.get::<NaiveDateTime, _>("Instant").unwrap().to_string(),
        "9999-12-31 23:59:59.999999"
    );
    assert_eq!(second.get::<&str, _>("Text"), Some(""));
    assert_eq!(second.get::<&[u8], _>("Bytes"), Some(&b""[..]));

    assert_eq!(nulls.get::<bool, _>("Flag"), None);
    assert_eq!(nulls.get::<Numeric, _>("Wide"), None);
    assert_eq!(nulls.get::<&str, _>("Long"), None);
    assert_eq!(nulls.get::<Uuid, _>("Guid"), None);
}

#[tokio::test]
async fn columns_keep_the_spelling_of_the_table_or_of_the_alias() {
    let synapse = Synapse::start().await;
    let mut client = synapse.client().await;
    let sql = "SELECT [ID], t.PLAIN AS [My Plain], COUNT(*) OVER (), plain FROM [DBO].types AS T";
    let row = row(&mut client, sql).await;
    let names: Vec<&str> = row.columns().iter().map(|column| column.name()).collect();
    assert_eq!(names, ["Id", "My Plain", "", "Plain"]);
}

#[tokio::test]
async fn the_functions_and_limits_of_t_sql_work() {
    let synapse = Synapse::start().await;
    let mut client = synapse.client().await;
    for (sql, expected) in [
        ("SELECT TOP 1 name FROM numbers ORDER BY n DESC", "number 39999"),
        ("SELECT name FROM numbers ORDER BY n OFFSET 5 ROWS FETCH NEXT 1 ROWS ONLY", "number 5"),
        ("SELECT ISNULL(NULL, N'x') + 'y'", "xy"),
        ("SELECT CAST(LEN('abc  ') AS varchar(10))", "3"),
        ("SELECT IIF(1 > 2, 'a', UPPER('b'))", "B"),
        ("SELECT CONVERT(varchar(2), name) FROM numbers WHERE n = 7", "nu"),
        ("SELECT SUBSTRING('abc', 2, 1) FROM numbers WHERE n = 1 OPTION (LABEL = 'x')", "b"),
        ("SELECT DB_NAME() AS [database]", "demo"),
        ("SELECT TABLE_NAME FROM INFORMATION_SCHEMA.TABLES WHERE TABLE_NAME = 'types'", "types"),
        ("WITH c AS (SELECT MAX(n) AS m FROM numbers) SELECT CAST(m AS varchar) FROM C", "39999"),
        ("SELECT CAST(COUNT(*) AS varchar) FROM Types WHERE Flag = 1", "1"),
    ] {
        let row = row(&mut client, sql).await;
        assert_eq!(row.get::<&str, _>(0), Some(expected), "{sql}");
    }
}

#[tokio::test]
async fn numbers_have_the_types_of_t_sql() {
    let synapse = Synapse::start().await;
    let mut client = synapse.client().await;
    let sql = "SELECT 1, COUNT(*), COUNT_BIG(*), 1.5, SUM(third) FROM numbers";
    let row = row(&mut client, sql).await;
    assert_eq!(row.get::<i32, _>(0), Some(1));
    assert_eq!(row.get::<i32, _>(1), Some(40_000));
    assert_eq!(row.get::<i64, _>(2), Some(40_000));
    assert_eq!(row.get::<Numeric, _>(3), Some(Numeric::new_with_scale(15, 1)));
    assert_eq!(row.get::<i64, _>(4), Some((0..NUMBERS).step_by(3).sum()));
}

#[tokio::test]
async fn text_is_described_with_the_length_that_its_values_have() {
    let synapse = Synapse::start().await;
    let mut client = synapse.client().await;
    let row = row(&mut client, "SELECT name, Long FROM numbers, Types WHERE n = 1").await;
    let types: Vec<ColumnType> = row.columns().iter().map(|one| one.column_type()).collect();
    assert_eq!(types, [ColumnType::NVarchar, ColumnType::NVarchar]);
}

#[tokio::test]
async fn mistakes_are_numbered_as_by_sql_server_and_the_session_goes_on() {
    let synapse = Synapse::start().await;
    let mut client = synapse.client().await;
    for (sql, number, text) in [
        ("SELECT * FROM dbo.missing", 208, "Invalid object name 'dbo.missing'."),
        ("SELECT Nonsense FROM types", 207, "Invalid column name 'nonsense'."),
        ("SELECT FROM", 102, "Incorrect syntax near"),
        ("SELECT 1/0", 8134, "Divide by zero error encountered."),
        ("SELECT nonsense(1)", 195, "'nonsense' is not a recognized built-in function name."),
        ("SELECT @x", 137, "Must declare the scalar variable \"@x\"."),
        ("DROP TABLE types", 40517, "Keyword or statement option 'DROP' is not supported."),
        ("USE other", 911, "Database 'other' does not exist."),
        ("sp_nothing", 2812, "Could not find stored procedure 'sp_nothing'."),
    ] {
        let result = match client.simple_query(sql).await {
            Ok(stream) => stream.into_results().await,
            Err(error) => Err(error),
        };
        let (found, message) = server_error(result);
        assert_eq!(found, number, "{sql}: {message}");
        assert!(message.starts_with(text), "{sql}: {message}");
    }
    assert_eq!(row(&mut client, "SELECT 5").await.get::<i32, _>(0), Some(5));
}

#[tokio::test]
async fn parameters_are_values_and_never_text_of_the_statement() {
    let synapse = Synapse::start().await;
    let mut client = synapse.client().await;
    let sql = "SELECT n FROM numbers WHERE name = @P1 AND n < @P2 AND third = @P3";
    let found = client.query(sql, &[&"number 9", &10_i64, &9_i32]).await.unwrap();
    let found = found.into_first_result().await.unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].get::<i64, _>(0), Some(9));

    let hostile = "x' OR '1'='1";
    let none = client.query(sql, &[&hostile, &10_i64, &9_i32]).await.unwrap();
    assert!(none.into_first_result().await.unwrap().is_empty());

    let day = NaiveDate::from_ymd_opt(9999, 12, 31).unwrap();
    let instant = day.and_hms_micro_opt(23, 59, 59, 999_999).unwrap();
    let mut query = Query::new(
        "SELECT Id FROM Types WHERE Day = @P1 AND Instant = @P2 AND Price = @P3 AND Flag = @P4",
    );
    query.bind(day);
    query.bind(instant);
    query.bind(Numeric::new_with_scale(-1, 2));
    query.bind(false);
    let row = query.query(&mut client).await.unwrap().into_row().await.unwrap().unwrap();
    assert_eq!(row.get::<i64, _>(0), Some(2));
}

#[tokio::test]
async fn a_result_larger_than_every_buffer_is_complete_and_in_order() {
    let synapse = Synapse::start().await;
    let mut config = synapse.client_config();
    config.packet_size(512);
    let mut client = synapse.connect(config).await.unwrap();
    let mut stream = client.simple_query("SELECT * FROM numbers").await.unwrap().into_row_stream();
    let mut expected = 0;
    while let Some(row) = stream.try_next().await.unwrap() {
        assert_eq!(row.get::<i64, _>("n"), Some(expected));
        assert_eq!(row.get::<&str, _>("name"), Some(format!("number {expected}").as_str()));
        let third = (expected % 3 == 0).then(|| i32::try_from(expected).unwrap());
        assert_eq!(row.get::<i32, _>("third"), third);
        expected += 1;
    }
    assert_eq!(expected, NUMBERS);
}

#[tokio::test]
async fn a_batch_of_several_statements_has_several_results() {
    let synapse = Synapse::start().await;
    let mut client = synapse.client().await;
    let sql = "SET NOCOUNT ON SELECT 1 IF @@TRANCOUNT > 0 SELECT 2 ELSE SELECT 3;
               EXEC sp_executesql N'SELECT @p', N'@p nvarchar(5)', @p = N'four'";
    let results = client.simple_query(sql).await.unwrap().into_results().await.unwrap();
    assert_eq!(results.len(), 3);
    assert_eq!(results[1][0].get::<i32, _>(0), Some(3));
    assert_eq!(results[2][0].get::<&str, _>(0), Some("four"));
}

#[tokio::test]
async fn a_table_that_changes_is_read_anew() {
    let synapse = Synapse::start().await;
    let mut client = synapse.client().await;
    let count = "SELECT COUNT(*) FROM numbers";
    assert_eq!(row(&mut client, count).await.get::<i32, _>(0), Some(40_000));
    std::fs::remove_file(synapse.tables.path().join("numbers/part-1.parquet")).unwrap();
    assert_eq!(row(&mut client, count).await.get::<i32, _>(0), Some(20_000));
}
