//! SQL numbers whose meaning is known: their kind, whether they pass by themselves, and advice.

use super::ErrorKind;
use crate::message::ServerMessage;

/// What is known about a server's error.
pub(super) struct Known {
    pub(super) kind: ErrorKind,
    pub(super) transient: bool,
    pub(super) hint: Option<&'static str>,
}

/// Classifies by number, or by severity where the number is unknown.
///
/// Transient ones are those that Azure documents as worth another attempt.
/// Spec: <https://learn.microsoft.com/azure/azure-sql/database/troubleshoot-common-errors-issues>
pub(super) fn lookup(message: &ServerMessage) -> Known {
    use ErrorKind::*;

    let (kind, hint) = match message.number {
        102 | 105 | 156 => (InvalidInput, "check the statement near the place the server names"),
        207 => (NotFound, "check the column's spelling; `SELECT TOP 0 * FROM …` shows the names"),
        208 => (
            NotFound,
            "write the table as `schema.table`, and check that the connection's database is the \
             one that has it",
        ),
        229 | 230 | 300 => {
            (PermissionDenied, "let a database administrator run `GRANT SELECT ON … TO [user]`")
        }
        916 => (
            PermissionDenied,
            "the login has no user in this database: run `CREATE USER [name] FROM EXTERNAL \
             PROVIDER` in it",
        ),
        1205 => (Conflict, "another transaction won: run the statement again"),
        2601 | 2627 | 2714 => (AlreadyExists, ""),
        2812 => (NotFound, "check the procedure's schema and name"),
        4060 => (
            NotFound,
            "check the database name, and that this login has a user in that database; a paused \
             pool answers the same",
        ),
        4221 | 40143 | 40197 | 40540 | 40613 => {
            (Unavailable, "the database is moving or starting: try again in some seconds")
        }
        10928 | 10929 | 40501 | 49918 | 49919 | 49920 => {
            (Throttled, "too many requests at once: wait ten seconds, use fewer connections")
        }
        18452 | 18456 => (Unauthenticated, login_hint(message)),
        18470 => (Unauthenticated, "the login is disabled: enable it or use another"),
        18487 | 18488 => (Unauthenticated, "the password has expired: set a new one"),
        40532 | 40615 | 47073 => (
            PermissionDenied,
            "the server's firewall refuses this network: add a rule for the address named, or \
             connect through its private endpoint",
        ),
        42108 => (Unavailable, "the dedicated pool is paused: resume it"),
        42109 => (Unavailable, "the pool is warming up: try again in a minute"),
        _ => (by_class(message.class), ""),
    };
    let transient = matches!(kind, Conflict | Connect | Throttled | Timeout | Unavailable)
        || message.number == 4060;
    Known { kind, transient, hint: Some(hint).filter(|hint| !hint.is_empty()) }
}

/// Login failures look alike; the text and the state tell them apart.
fn login_hint(message: &ServerMessage) -> &'static str {
    if message.text.contains("token-identified principal") {
        "the token is good but has no user here: run `CREATE USER [name] FROM EXTERNAL PROVIDER` \
         in this database, and check tenant and database name"
    } else {
        match message.state {
            2 | 5 => "no such login on this server: check the user name",
            7 => "the login is disabled, and the password is wrong too",
            8 => "the password is wrong",
            38 | 40 => "the database does not exist or the login may not open it",
            _ => "check user, password, and database; with a token, that it is for this tenant",
        }
    }
}

/// Spec: <https://learn.microsoft.com/sql/relational-databases/errors-events/database-engine-error-severities>
fn by_class(class: u8) -> ErrorKind {
    match class {
        14 => ErrorKind::PermissionDenied,
        17..=19 => ErrorKind::Throttled,
        20.. => ErrorKind::Connect,
        _ => ErrorKind::InvalidInput,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(number: u32, class: u8, kind: ErrorKind, transient: bool) {
        let message = ServerMessage {
            number,
            state: 1,
            class,
            text: "text".to_owned(),
            server: String::new(),
            procedure: String::new(),
            line: 1,
        };
        let known = lookup(&message);
        assert_eq!((known.kind, known.transient), (kind, transient), "{number}");
    }

    #[test]
    fn numbers_become_kinds() {
        use ErrorKind::*;
        for number in [4221, 40143, 40197, 40540, 40613, 42108, 42109] {
            check(number, 16, Unavailable, true);
        }
        for number in [10928, 10929, 40501, 49918, 49919, 49920] {
            check(number, 16, Throttled, true);
        }
        check(4060, 11, NotFound, true);
        check(102, 15, InvalidInput, false);
        check(207, 16, NotFound, false);
        check(208, 16, NotFound, false);
        check(229, 14, PermissionDenied, false);
        check(1205, 13, Conflict, true);
        check(2627, 14, AlreadyExists, false);
        check(18456, 14, Unauthenticated, false);
        check(40615, 14, PermissionDenied, false);
    }

    #[test]
    fn an_unknown_number_is_judged_by_its_severity() {
        check(50_001, 16, ErrorKind::InvalidInput, false);
        check(50_001, 14, ErrorKind::PermissionDenied, false);
        check(50_001, 17, ErrorKind::Throttled, true);
        check(50_001, 21, ErrorKind::Connect, true);
    }
}
