//! From ODBC's errors to ours.

use arrow::error::ArrowError;
use odbc_api::handles::Record;

use crate::{
    error::{Error, ErrorKind, Operation},
    message::ServerMessage,
};

/// The error for a failed call.
pub(super) fn failure(operation: Operation, error: odbc_api::Error) -> Error {
    let Some(record) = record(&error) else {
        let detail = "the ODBC driver manager failed";
        return Error::new(ErrorKind::Connect, operation, detail).with_source(error).permanent();
    };
    let state = record.state.as_str().to_owned();
    let operation = if state == "28000" { Operation::Login } else { operation };
    let text = text_of(record);
    let number = u32::try_from(record.native_error).unwrap_or(0);
    if number > 0 && !state.starts_with("IM") && state != "08001" {
        // The driver passes on number and text, but neither severity nor place.
        let message = ServerMessage {
            number,
            state: 0,
            class: 16,
            text,
            server: String::new(),
            procedure: String::new(),
            line: 0,
        };
        return Error::from_server(operation, vec![message]);
    }
    let (kind, hint) = match state.as_str() {
        "28000" => (ErrorKind::Unauthenticated, "check user, password or token"),
        "HYT00" | "HYT01" => (ErrorKind::Timeout, "check that the server can be reached"),
        "IM002" | "IM003" | "01000" => (
            ErrorKind::InvalidInput,
            "the ODBC driver or a library it needs is not installed: its name must stand in \
             odbcinst.ini, or give the path of its library",
        ),
        state if state.starts_with("08") => {
            (ErrorKind::Connect, "check server name, port, firewall and certificate")
        }
        _ => (ErrorKind::InvalidInput, ""),
    };
    let error = Error::new(kind, operation, format!("{text} (SQLSTATE {state})"));
    if hint.is_empty() { error } else { error.with_hint(hint) }
}

/// The error for columns that cannot be bound.
pub(super) fn reader_failure(error: arrow_odbc::Error) -> Error {
    let detail = "the ODBC driver's columns cannot be read";
    Error::new(ErrorKind::Unsupported, Operation::Query, detail)
        .with_source(error)
        .with_hint("give columns of type (max) a length in the query with CAST")
}

/// The error for a batch that could not be fetched.
pub(super) fn arrow_failure(error: ArrowError) -> Error {
    match error {
        ArrowError::ExternalError(source) => match source.downcast::<odbc_api::Error>() {
            Ok(error) => match *error {
                odbc_api::Error::TooLargeValueForBuffer { .. } => {
                    let detail = "a value is longer than the buffer of its column";
                    Error::new(ErrorKind::LimitExceeded, Operation::Query, detail)
                        .with_hint("use the native backend, or cut the column in the query")
                }
                error => failure(Operation::Query, error),
            },
            Err(source) => {
                let detail = "a batch cannot be fetched";
                Error::new(ErrorKind::InvalidResponse, Operation::Query, detail).with_source(source)
            }
        },
        error => {
            let detail = "a value does not fit its column";
            Error::new(ErrorKind::InvalidResponse, Operation::Query, detail).with_source(error)
        }
    }
}

fn record(error: &odbc_api::Error) -> Option<&Record> {
    match error {
        odbc_api::Error::Diagnostics { record, .. } => Some(record),
        _ => None,
    }
}

/// The message without the names of the drivers it came through.
fn text_of(record: &Record) -> String {
    #[cfg(not(windows))]
    let text = String::from_utf8_lossy(&record.message).into_owned();
    #[cfg(windows)]
    let text = String::from_utf16_lossy(&record.message);
    let mut rest = text.as_str();
    while let Some(inner) = rest.strip_prefix('[') {
        match inner.split_once(']') {
            Some((_, tail)) => rest = tail,
            None => break,
        }
    }
    rest.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use odbc_api::handles::State;

    fn diagnostics(state: &[u8; 5], native_error: i32, message: &str) -> odbc_api::Error {
        #[cfg(not(windows))]
        let message = message.as_bytes().to_vec();
        #[cfg(windows)]
        let message = message.encode_utf16().collect();
        let record = Record { state: State(*state), native_error, message };
        odbc_api::Error::Diagnostics { record, function: "SQLExecDirect" }
    }

    #[test]
    fn the_servers_number_decides_and_drivers_are_left_out() {
        let error = diagnostics(
            b"42S02",
            208,
            "[Microsoft][ODBC Driver 18 for SQL Server][SQL Server]Invalid object name 'x'.",
        );
        let error = failure(Operation::Query, error);
        assert_eq!((error.kind(), error.server_number()), (ErrorKind::NotFound, Some(208)));
        assert!(error.to_string().contains(": Invalid object name 'x' (SQL error 208"), "{error}");
    }

    #[test]
    fn errors_of_the_driver_are_told_by_their_state() {
        for (state, native, kind) in [
            (b"28000", 0, ErrorKind::Unauthenticated),
            (b"HYT00", 0, ErrorKind::Timeout),
            (b"08001", 10_061, ErrorKind::Connect),
            (b"01000", 0, ErrorKind::InvalidInput),
        ] {
            let error = failure(Operation::Connect, diagnostics(state, native, "[a][b]text"));
            assert_eq!(error.kind(), kind);
            assert!(error.hint().is_some());
        }
    }
}
