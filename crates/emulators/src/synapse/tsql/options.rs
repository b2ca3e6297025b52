//! The SET statement: options of a session. Drivers set a dozen of them when they connect.
//!
//! Spec: <https://learn.microsoft.com/sql/t-sql/statements/set-statements-transact-sql>

use datafusion::sql::sqlparser::tokenizer::Token;

use super::BatchParser;
use crate::synapse::sql_error::SqlError;

/// An option that changes what the server does. All others are accepted and change nothing that a
/// client of a read-only server could see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::synapse) enum SetOption {
    /// Describes results and returns no rows.
    FormatOnly(bool),
    /// Leaves out how many rows there were.
    NoCount(bool),
    /// The most rows of a result; 0 is all of them.
    RowCount(u64),
}

/// Reads what follows SET.
pub(super) fn parse(parser: &mut BatchParser<'_>) -> Result<Vec<SetOption>, SqlError> {
    let first = name(parser)?;
    if first == "TRANSACTION" {
        return isolation_level(parser).map(|()| Vec::new());
    }
    if VALUES.contains(&first.as_str()) {
        let value = value(parser)?;
        return match first.as_str() {
            "ROWCOUNT" => value
                .parse()
                .map(|rows| vec![SetOption::RowCount(rows)])
                .map_err(|_| SqlError::syntax(&value)),
            _ => Ok(Vec::new()),
        };
    }
    let mut names = vec![first];
    while parser.parser.consume_token(&Token::Comma) {
        names.push(name(parser)?);
    }
    if names.first().is_some_and(|name| name == "STATISTICS" || name == "IDENTITY_INSERT") {
        // What they are about comes before the switch.
        parser.parser.advance_token();
    } else if let Some(unknown) = names.iter().find(|name| !SWITCHES.contains(&name.as_str())) {
        let message = format!("'{unknown}' is not a recognized SET option.");
        return Err(SqlError::new(195, message).with_class(15));
    }
    let on = match name(parser)?.as_str() {
        "ON" => true,
        "OFF" => false,
        other => return Err(SqlError::syntax(other)),
    };
    names.into_iter().filter_map(|name| switch(&name, on).transpose()).collect()
}

fn switch(name: &str, on: bool) -> Result<Option<SetOption>, SqlError> {
    match name {
        "FMTONLY" => Ok(Some(SetOption::FormatOnly(on))),
        "NOCOUNT" => Ok(Some(SetOption::NoCount(on))),
        "NOEXEC" | "PARSEONLY" | "SHOWPLAN_ALL" | "SHOWPLAN_TEXT" | "SHOWPLAN_XML" if on => {
            Err(SqlError::unsupported(name))
        }
        _ => Ok(None),
    }
}

fn isolation_level(parser: &mut BatchParser<'_>) -> Result<(), SqlError> {
    for expected in ["ISOLATION", "LEVEL"] {
        let found = name(parser)?;
        if found != expected {
            return Err(SqlError::syntax(&found));
        }
    }
    match name(parser)?.as_str() {
        "READ" | "REPEATABLE" => name(parser).map(drop),
        "SERIALIZABLE" | "SNAPSHOT" => Ok(()),
        other => Err(SqlError::syntax(other)),
    }
}

fn name(parser: &mut BatchParser<'_>) -> Result<String, SqlError> {
    let name = parser.word().ok_or_else(|| parser.unexpected())?;
    parser.parser.advance_token();
    Ok(name)
}

fn value(parser: &mut BatchParser<'_>) -> Result<String, SqlError> {
    let sign = if parser.parser.consume_token(&Token::Minus) { "-" } else { "" };
    if parser.at(&Token::EOF) || parser.at(&Token::SemiColon) {
        return Err(parser.unexpected());
    }
    Ok(format!("{sign}{}", parser.parser.next_token().token))
}

/// Options with a value.
const VALUES: &[&str] = &[
    "CONTEXT_INFO",
    "DATEFIRST",
    "DATEFORMAT",
    "DEADLOCK_PRIORITY",
    "LANGUAGE",
    "LOCK_TIMEOUT",
    "QUERY_GOVERNOR_COST_LIMIT",
    "ROWCOUNT",
    "TEXTSIZE",
];

/// Options that are on or off.
const SWITCHES: &[&str] = &[
    "ANSI_DEFAULTS",
    "ANSI_NULLS",
    "ANSI_NULL_DFLT_OFF",
    "ANSI_NULL_DFLT_ON",
    "ANSI_PADDING",
    "ANSI_WARNINGS",
    "ARITHABORT",
    "ARITHIGNORE",
    "CONCAT_NULL_YIELDS_NULL",
    "CURSOR_CLOSE_ON_COMMIT",
    "FMTONLY",
    "FORCEPLAN",
    "IMPLICIT_TRANSACTIONS",
    "NOCOUNT",
    "NOEXEC",
    "NO_BROWSETABLE",
    "NUMERIC_ROUNDABORT",
    "PARSEONLY",
    "QUOTED_IDENTIFIER",
    "REMOTE_PROC_TRANSACTIONS",
    "SHOWPLAN_ALL",
    "SHOWPLAN_TEXT",
    "SHOWPLAN_XML",
    "XACT_ABORT",
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::synapse::tsql::{self, StatementKind};

    fn options(batch: &str) -> Result<Vec<SetOption>, i32> {
        let statements = tsql::parse(batch).map_err(|error| error.number)?;
        Ok(statements
            .into_iter()
            .flat_map(|statement| match statement.kind {
                StatementKind::Set(options) => options,
                other => panic!("{other:?}"),
            })
            .collect())
    }

    #[test]
    fn what_drivers_set_is_understood() {
        for batch in [
            "SET QUOTED_IDENTIFIER, ANSI_NULLS, ANSI_PADDING ON",
            "set ansi_nulls on set language us_english set dateformat mdy",
            "SET TRANSACTION ISOLATION LEVEL READ COMMITTED",
            "SET TRANSACTION ISOLATION LEVEL SNAPSHOT SET LOCK_TIMEOUT -1",
            "SET IMPLICIT_TRANSACTIONS OFF",
            "SET STATISTICS IO OFF",
        ] {
            assert_eq!(options(batch), Ok(vec![]), "{batch}");
        }
        assert_eq!(
            options("SET NOCOUNT ON; SET FMTONLY OFF SET ROWCOUNT 5"),
            Ok(vec![
                SetOption::NoCount(true),
                SetOption::FormatOnly(false),
                SetOption::RowCount(5)
            ])
        );
    }

    #[test]
    fn what_is_no_option_is_refused() {
        for (batch, number) in [
            ("SET NONSENSE ON", 195),
            ("SET NOCOUNT MAYBE", 102),
            ("SET NOCOUNT", 102),
            ("SET ROWCOUNT x", 102),
            ("SET SHOWPLAN_XML ON", 40517),
        ] {
            assert_eq!(options(batch), Err(number), "{batch}");
        }
    }
}
