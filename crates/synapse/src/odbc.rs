//! The ODBC backend: any ODBC driver, on a thread of its own, into the same stream.
//!
//! For servers that the native backend cannot reach, and to compare with. It is several times
//! slower, and has limits of its own, which the crate's README lists.

mod columns;
mod diagnostics;

use std::{sync::Arc, thread};

use arrow::datatypes::SchemaRef;
use arrow_odbc::{OdbcReaderBuilder, TextEncoding};
use odbc_api::{
    Connection, ConnectionOptions, Cursor, Environment, MicrosoftConnectionOptions,
    handles::{SqlResult, Statement, StatementImpl},
    sys::SsAccessToken,
};
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::mpsc;
use zeroize::{Zeroize, Zeroizing};

use self::columns::Plan;
use crate::{
    error::{Error, ErrorKind, Operation, Result},
    native,
    options::QueryOptions,
    settings::{Login, Settings},
    stream::{Cancel, Event, Guard, RecordBatchStream},
};

/// The longest value of a `(max)` column, in bytes or UTF-16 units: every row of a batch has room
/// for it, so more would mean fewer rows.
const MAX_VALUE_UNITS: usize = 64 << 10;

/// Starts a query; returns once its columns are known.
pub(crate) async fn query(
    settings: &Arc<Settings>,
    driver: String,
    sql: &str,
    options: QueryOptions,
) -> Result<RecordBatchStream> {
    let token = native::access_token(settings).await?;
    let (sender, events) = mpsc::channel(options.prefetch_batches);
    let settings = Arc::clone(settings);
    let sql = sql.to_owned();
    thread::Builder::new()
        .name("azconnect-odbc".to_owned())
        .spawn(move || {
            let event = match read(&settings, &driver, token, &sql, &options, &sender) {
                Ok(rows_affected) => Event::Done { rows_affected },
                Err(Stop::Dropped) => return,
                Err(Stop::Failed(error)) => {
                    Event::Failed(error.at(&settings.server, &settings.database))
                }
            };
            // The consumer may be gone, which is its right.
            let _ = sender.blocking_send(event);
        })
        .map_err(|error| {
            let detail = "no thread could be started";
            Error::new(ErrorKind::LimitExceeded, Operation::Query, detail).with_source(error)
        })?;
    RecordBatchStream::start(events, Guard::new(Arc::new(AtNextBatch))).await
}

/// ODBC offers no safe way to break off a call of another thread: the reader notices that nobody
/// listens when it hands over its next batch.
struct AtNextBatch;

impl Cancel for AtNextBatch {
    fn cancel(&self) {}
}

enum Stop {
    Dropped,
    Failed(Error),
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

fn read(
    settings: &Settings,
    driver: &str,
    token: Option<SecretString>,
    sql: &str,
    options: &QueryOptions,
    events: &mpsc::Sender<Event>,
) -> Result<Option<u64>, Stop> {
    let environment =
        odbc_api::environment().map_err(|error| diagnostics::failure(Operation::Connect, error))?;
    // The driver keeps a pointer to the token, so it is dropped after the connection.
    let token = token.map(|token| DriverToken::new(&token));
    let connection = connect(environment, settings, driver, token.as_ref())?;
    let failed = |error| diagnostics::failure(Operation::Query, error);
    let mut statement = connection.preallocate().map_err(failed)?;
    if let Some(mut cursor) = statement.execute(sql, ()).map_err(failed)? {
        let plan = Plan::new(&mut cursor, options)?;
        send(events, Event::Schema(plan.schema()))?;
        let cursor = read_rows(cursor, &plan, options, events)?;
        // Errors of later statements come only when they are asked for.
        if cursor.more_results().map_err(failed)?.is_some() {
            return Err(second_result().into());
        }
        return Ok(None);
    }
    let count = statement.row_count().map_err(failed)?.map(|rows| rows as u64);
    Ok(finish_without_rows(statement.into_handle(), count)?)
}

/// Goes through what follows a statement without rows; returns the rows changed by all of them.
#[expect(unsafe_code, reason = "the wrapper has no safe call for results after one without rows")]
fn finish_without_rows(
    mut statement: StatementImpl<'_>,
    mut count: Option<u64>,
) -> Result<Option<u64>, Error> {
    loop {
        // SAFETY: no buffer is bound to the statement, so none can be of the wrong shape.
        let more = match unsafe { statement.more_results() } {
            SqlResult::NoData => return Ok(count),
            more => more.into_result(&statement),
        };
        more.map_err(|error| diagnostics::failure(Operation::Query, error))?;
        let columns = statement.num_result_cols().into_result(&statement);
        if columns.map_err(|error| diagnostics::failure(Operation::Query, error))? > 0 {
            let detail = "rows come after a statement that returns none";
            return Err(Error::new(ErrorKind::Unsupported, Operation::Query, detail)
                .with_hint("begin with `SET NOCOUNT ON`, or use the native backend"));
        }
        let rows = statement.row_count().into_result(&statement);
        let rows = rows.map_err(|error| diagnostics::failure(Operation::Query, error))?;
        if let Ok(rows) = u64::try_from(rows) {
            *count.get_or_insert(0) += rows;
        }
    }
}

fn second_result() -> Error {
    let detail = "the statement returns a second result, and one stream has one shape";
    Error::new(ErrorKind::Unsupported, Operation::Query, detail)
        .with_hint("run statements that return rows one by one")
}

fn read_rows<C: Cursor>(
    cursor: C,
    plan: &Plan,
    options: &QueryOptions,
    events: &mpsc::Sender<Event>,
) -> Result<C, Stop> {
    let fetched: SchemaRef = plan.fetched_schema();
    let mut reader = OdbcReaderBuilder::new()
        .with_schema(fetched)
        .with_max_num_rows_per_batch(options.batch_rows)
        .with_max_bytes_per_batch(options.max_batch_bytes)
        .with_max_text_size(MAX_VALUE_UNITS)
        .with_max_binary_size(MAX_VALUE_UNITS)
        .with_payload_text_encoding(TextEncoding::Utf16)
        .with_fallibale_allocations(true)
        .build(cursor)
        .map_err(diagnostics::reader_failure)?;
    let mut rows = 0;
    for batch in &mut reader {
        let batch = batch
            .and_then(|batch| plan.convert(&batch))
            .map_err(|error| diagnostics::arrow_failure(error).with_rows_received(rows))?;
        rows += batch.num_rows() as u64;
        send(events, Event::Batch(batch))?;
    }
    Ok(reader.into_cursor().map_err(|error| diagnostics::failure(Operation::Query, error))?)
}

fn send(events: &mpsc::Sender<Event>, event: Event) -> Result<(), Stop> {
    events.blocking_send(event).map_err(|_| Stop::Dropped)
}

fn connect<'a>(
    environment: &'a Environment,
    settings: &Settings,
    driver: &str,
    token: Option<&'a DriverToken>,
) -> Result<Connection<'a>, Error> {
    let text = connection_string(settings, driver)?;
    let options = ConnectionOptions {
        login_timeout_sec: Some(settings.login_timeout.as_secs().try_into().unwrap_or(u32::MAX)),
        packet_size: None,
    };
    let connection = match token {
        None => environment.connect_with_connection_string(&text, options),
        Some(token) => {
            if !is_of_microsoft(driver) {
                let detail = format!("the ODBC driver `{driver}` takes no access token");
                return Err(Error::new(ErrorKind::Unsupported, Operation::Connect, detail)
                    .with_hint("use Microsoft's `ODBC Driver 18 for SQL Server`, or a password"));
            }
            connect_with_token(environment, &text, options, token)
        }
    };
    connection.map_err(|error| diagnostics::failure(Operation::Connect, error))
}

#[expect(unsafe_code, reason = "attribute 1256 is known to some drivers only")]
fn connect_with_token<'a>(
    environment: &'a Environment,
    text: &str,
    options: ConnectionOptions,
    token: &'a DriverToken,
) -> Result<Connection<'a>, odbc_api::Error> {
    let attributes = MicrosoftConnectionOptions { access_token: Some(&token.0) };
    // SAFETY: the caller has made sure that it is a driver of Microsoft's for SQL Server, which
    // knows the attribute; the token outlives the connection, as their lifetimes are one.
    unsafe {
        environment
            .connect_with_connection_string_and_driver_specific_options(text, options, attributes)
    }
}

/// Microsoft's drivers, which alone take access tokens, by name in `odbcinst.ini` or by the file name of their library.
fn is_of_microsoft(driver: &str) -> bool {
    let file = driver.rsplit(['/', '\\']).next().unwrap_or(driver);
    driver.starts_with("ODBC Driver ") && driver.ends_with(" for SQL Server")
        || file.starts_with("libmsodbcsql")
        || file.starts_with("msodbcsql")
}

fn connection_string(settings: &Settings, driver: &str) -> Result<Zeroizing<String>, Error> {
    let host = settings.server.host();
    let mut target = (host.to_owned(), settings.server.port());
    if let Some(resolver) = &settings.resolver {
        let addresses = resolver(host, settings.server.port()).map_err(|error| {
            let detail = "the host name cannot be resolved";
            Error::new(ErrorKind::Connect, Operation::Connect, detail).with_source(error)
        })?;
        if let Some(address) = addresses.first() {
            target = (address.ip().to_string(), address.port());
        }
    }
    let mut text = Zeroizing::new(String::with_capacity(1_024));
    let (address, port) = (target.0, target.1.to_string());
    let mut add = |key: &str, value: &str| {
        text.push_str(key);
        text.push_str("={");
        text.push_str(&Zeroizing::new(value.replace('}', "}}")));
        text.push_str("};");
    };
    add("Driver", driver);
    if is_of_microsoft(driver) {
        add("Server", &["tcp:", &address, ",", &port].concat());
        add("Encrypt", "yes");
        add("TrustServerCertificate", "no");
        // The name to find in the certificate when the address is another one.
        add("HostNameInCertificate", host);
    } else {
        // FreeTDS, which takes what it trusts from its own configuration.
        add("Server", &address);
        add("Port", &port);
        add("TDS_Version", "7.4");
        add("Encryption", "require");
        add("ClientCharset", "UTF-8");
    }
    add("Database", &settings.database);
    add("APP", &settings.application_name);
    if let Login::Password { user, password } = &settings.login {
        add("UID", user);
        add("PWD", password.expose_secret());
    }
    Ok(text)
}

/// A token in the driver's form, wiped when dropped.
struct DriverToken(Box<SsAccessToken>);

impl DriverToken {
    fn new(token: &SecretString) -> Self {
        let text = token.expose_secret();
        let mut utf16 = Zeroizing::new(Vec::with_capacity(text.len() * 2));
        utf16.extend(text.encode_utf16().flat_map(u16::to_le_bytes));
        Self(SsAccessToken::new(&utf16))
    }
}

impl Drop for DriverToken {
    fn drop(&mut self) {
        self.0.data.zeroize();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_drivers_of_microsoft_get_the_token_attribute() {
        for (driver, expected) in [
            ("ODBC Driver 18 for SQL Server", true),
            ("ODBC Driver 17 for SQL Server", true),
            ("/opt/microsoft/msodbcsql18/lib64/libmsodbcsql-18.6.so.1.1", true),
            ("FreeTDS", false),
            ("/usr/lib/odbc/libtdsodbc.so", false),
        ] {
            assert_eq!(is_of_microsoft(driver), expected, "{driver}");
        }
    }
}
