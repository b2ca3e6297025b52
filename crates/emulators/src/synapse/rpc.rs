//! Remote procedure calls: which procedure, with which parameters.
//!
//! Spec: MS-TDS 2.2.6.6

use super::{
    cursor::{Cursor, ProtocolError, utf16},
    params::Parameter,
};

/// One call.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) procedure: Procedure,
    pub(super) parameters: Vec<Parameter>,
}

/// The procedures that clients call to run statements.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Procedure {
    DescribeFirstResultSet,
    Execute,
    ExecuteSql,
    Other(String),
    PrepareAndExecute,
    Prepare,
    Unprepare,
}

impl Call {
    /// The calls of a message, which are made one after the other.
    pub(super) fn parse_all(payload: &[u8]) -> Result<Vec<Self>, ProtocolError> {
        let mut request = Cursor::new(payload);
        skip_headers(&mut request)?;
        let mut calls = Vec::new();
        while !request.is_empty() {
            calls.push(Self::parse(&mut request)?);
            // Between two calls stands a flag.
            if request.peek().is_some_and(is_batch_flag) {
                request.u8()?;
            }
        }
        Ok(calls)
    }

    fn parse(request: &mut Cursor<'_>) -> Result<Self, ProtocolError> {
        let procedure = match request.u16()? {
            u16::MAX => Procedure::by_id(request.u16()?),
            units => Procedure::by_name(&utf16(request.bytes(usize::from(units) * 2)?)?),
        };
        let _options = request.u16()?;
        let mut parameters = Vec::new();
        while request.peek().is_some_and(|next| !is_batch_flag(next)) {
            parameters.push(Parameter::parse(request)?);
        }
        Ok(Self { procedure, parameters })
    }
}

impl Procedure {
    fn by_id(id: u16) -> Self {
        match id {
            10 => Self::ExecuteSql,
            11 => Self::Prepare,
            12 => Self::Execute,
            13 => Self::PrepareAndExecute,
            15 => Self::Unprepare,
            other => Self::Other(other.to_string()),
        }
    }

    pub(super) fn by_name(name: &str) -> Self {
        let lower = name.to_ascii_lowercase();
        let plain = lower.rsplit('.').next().unwrap_or_default().trim_matches(['[', ']']);
        match plain {
            "sp_describe_first_result_set" => Self::DescribeFirstResultSet,
            "sp_execute" => Self::Execute,
            "sp_executesql" => Self::ExecuteSql,
            "sp_prepare" => Self::Prepare,
            "sp_prepexec" => Self::PrepareAndExecute,
            "sp_unprepare" => Self::Unprepare,
            _ => Self::Other(name.to_owned()),
        }
    }

    pub(super) fn name(&self) -> &str {
        match self {
            Self::DescribeFirstResultSet => "sp_describe_first_result_set",
            Self::Execute => "sp_execute",
            Self::ExecuteSql => "sp_executesql",
            Self::Other(name) => name,
            Self::PrepareAndExecute => "sp_prepexec",
            Self::Prepare => "sp_prepare",
            Self::Unprepare => "sp_unprepare",
        }
    }
}

/// The text of a batch.
pub(super) fn parse_batch(payload: &[u8]) -> Result<String, ProtocolError> {
    let mut request = Cursor::new(payload);
    skip_headers(&mut request)?;
    utf16(request.rest())
}

/// What a client wants of its transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TransactionRequest {
    Begin,
    /// With a flag that says whether the next one begins at once.
    Commit {
        begin: bool,
    },
    Rollback {
        begin: bool,
    },
}

impl TransactionRequest {
    /// `None`: a request for distributed transactions, which Synapse has not.
    ///
    /// Spec: MS-TDS 2.2.6.9
    pub(super) fn parse(payload: &[u8]) -> Result<Option<Self>, ProtocolError> {
        let mut request = Cursor::new(payload);
        skip_headers(&mut request)?;
        Ok(Some(match request.u16()? {
            5 => Self::Begin,
            7 => Self::Commit { begin: begins_next(&mut request)? },
            8 => Self::Rollback { begin: begins_next(&mut request)? },
            _ => return Ok(None),
        }))
    }
}

fn begins_next(request: &mut Cursor<'_>) -> Result<bool, ProtocolError> {
    request.b_varchar()?; // the name of the transaction, whose length counts bytes
    Ok(request.u8()? & 1 != 0)
}

/// Skips the headers of a request: transaction, query notification, trace.
fn skip_headers(request: &mut Cursor<'_>) -> Result<(), ProtocolError> {
    let total = request.u32()? as usize;
    let rest =
        total.checked_sub(4).ok_or(ProtocolError("the headers of a request are too short"))?;
    request.bytes(rest).map(drop)
}

/// A parameter begins with the length of its name, which is far below these.
fn is_batch_flag(byte: u8) -> bool {
    matches!(byte, 0x80 | 0xfe | 0xff)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The headers of a request outside of any transaction.
    const HEADERS: [u8; 22] = [22, 0, 0, 0, 18, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0];

    fn with_headers(body: &[u8]) -> Vec<u8> {
        [&HEADERS, body].concat()
    }

    #[test]
    fn a_call_by_id_and_one_by_name_are_read_one_after_the_other() {
        let mut body = vec![0xff, 0xff, 12, 0, 0, 0, 0, 0, 0x26, 4, 4, 9, 0, 0, 0, 0xff];
        body.extend([6, 0]);
        body.extend(b"s\0p\0_\0f\0o\0o\0");
        body.extend([0, 0]);
        let calls = Call::parse_all(&with_headers(&body)).unwrap();
        assert_eq!(calls.len(), 2);
        assert_eq!(calls[0].procedure, Procedure::Execute);
        assert_eq!(calls[0].parameters[0].value.as_int(), Some(9));
        assert_eq!(calls[1].procedure, Procedure::Other("sp_foo".into()));
    }

    #[test]
    fn names_are_found_with_schema_brackets_and_any_case() {
        assert_eq!(Procedure::by_name("sys.SP_ExecuteSql"), Procedure::ExecuteSql);
        assert_eq!(Procedure::by_name("[sys].[sp_prepexec]"), Procedure::PrepareAndExecute);
    }

    #[test]
    fn hostile_requests_are_refused() {
        assert!(parse_batch(&[3, 0, 0, 0]).is_err());
        assert!(parse_batch(&[200, 0, 0, 0, 1]).is_err());
        assert!(parse_batch(&with_headers(b"x")).is_err());
        assert_eq!(parse_batch(&with_headers(b"x\0")).unwrap(), "x");
        assert!(Call::parse_all(&with_headers(&[0xff, 0xff, 12])).is_err());
        assert!(TransactionRequest::parse(&with_headers(&[7, 0])).is_err());
    }

    #[test]
    fn a_rollback_may_begin_the_next_transaction() {
        let request = with_headers(&[8, 0, 0, 1, 0, 0]);
        assert_eq!(
            TransactionRequest::parse(&request).unwrap(),
            Some(TransactionRequest::Rollback { begin: true })
        );
    }
}
