//! What the user reads when a command fails, and the exit status that goes with it.
//!
//! ```text
//! error: cannot read secret `db` of vault `kv-demo`
//!   caused by: 403 Forbidden: caller lacks `Key Vault Secrets User`
//!
//! hint: assign that role to the identity; it takes effect within minutes
//! ```

use std::{error::Error, fmt, io, process::ExitCode};

/// A failed command: one sentence, its causes, and what to try next.
pub(crate) struct Failure(Box<Inner>);

struct Inner {
    message: String,
    causes: Vec<String>,
    hint: Option<String>,
    status: Status,
}

/// Exit statuses of the program.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Status {
    /// Nobody reads our output any more: the end of a pipeline such as `azconnect … | head`.
    BrokenPipe,
    /// The request failed: 1.
    Failed,
    /// A program that we ran ended with this status, and has said itself what there is to say.
    Passed(u8),
    /// The user or the scheduler stopped the program: 128 plus the signal's number.
    Signal(u8),
    /// Waiting took longer than allowed: 3.
    TimedOut,
    /// The command line asks for something that cannot be: 2.
    Usage,
}

impl Failure {
    /// The request failed.
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self(Box::new(Inner {
            message: message.into(),
            causes: Vec::new(),
            hint: None,
            status: Status::Failed,
        }))
    }

    /// The command line asks for something that cannot be.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::new(message).with_status(Status::Usage)
    }

    /// The request failed because of `error`, whose own sources are listed below it.
    ///
    /// The hint is the first one that an error of our libraries in that chain has to give.
    pub(crate) fn from_error(message: impl Into<String>, error: &(dyn Error + 'static)) -> Self {
        let mut failure = Self::new(message);
        failure.add_causes(Some(error));
        failure
    }

    /// Writing the result to stdout failed.
    pub(crate) fn stdout(error: &io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            return Self::new("stdout is closed").with_status(Status::BrokenPipe);
        }
        Self::from_error("cannot write to stdout", error)
    }

    /// A program that we ran ended with this status.
    pub(crate) fn passed(status: u8) -> Self {
        Self::new("the program ended").with_status(Status::Passed(status))
    }

    /// A signal asked the program to stop.
    pub(crate) fn interrupted(signal: i32) -> Self {
        let signal = u8::try_from(signal).unwrap_or(u8::MAX);
        Self::new("interrupted: nothing was published").with_status(Status::Signal(signal))
    }

    /// The same failure as the cause of another sentence, which says where it happened.
    pub(crate) fn within(mut self, message: impl Into<String>) -> Self {
        let cause = std::mem::replace(&mut self.0.message, message.into());
        self.0.causes.insert(0, cause);
        self
    }

    /// What to try next: one sentence without full stop.
    pub(crate) fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.0.hint = Some(hint.into());
        self
    }

    /// Another exit status than 1.
    pub(crate) fn with_status(mut self, status: Status) -> Self {
        self.0.status = status;
        self
    }

    /// Writes the failure for a person and tells the exit status.
    pub(crate) fn report(&self, writer: &mut impl io::Write) -> ExitCode {
        if !matches!(self.0.status, Status::BrokenPipe | Status::Passed(_)) {
            // If stderr is gone too there is nobody left to tell.
            let _ = write!(writer, "{self}");
        }
        match self.0.status {
            Status::BrokenPipe => ExitCode::SUCCESS,
            Status::Failed => ExitCode::from(1),
            Status::Passed(status) => ExitCode::from(status),
            Status::Signal(signal) => ExitCode::from(128_u8.saturating_add(signal)),
            Status::TimedOut => ExitCode::from(3),
            Status::Usage => ExitCode::from(2),
        }
    }

    fn add_causes(&mut self, mut cause: Option<&(dyn Error + 'static)>) {
        while let Some(error) = cause {
            let text = error.to_string();
            // Foreign errors often repeat their source in their own text.
            let known = self.0.causes.last().unwrap_or(&self.0.message).contains(&text);
            if !known && !text.is_empty() {
                self.0.causes.push(text);
            }
            if self.0.hint.is_none() {
                self.0.hint = hint(error);
            }
            cause = error.source();
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "error: {}", self.0.message)?;
        for cause in &self.0.causes {
            writeln!(formatter, "  caused by: {cause}")?;
        }
        if let Some(hint) = &self.0.hint {
            writeln!(formatter, "\nhint: {hint}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

/// The errors of our libraries become failures of their own text, with their sources and their hint.
macro_rules! failures_of {
    ($($library:ident),+ $(,)?) => {
        $(
            impl From<$library::Error> for Failure {
                fn from(error: $library::Error) -> Self {
                    let status = match error.kind() {
                        $library::ErrorKind::Timeout => Status::TimedOut,
                        _ => Status::Failed,
                    };
                    let mut failure = Self::new(error.to_string()).with_status(status);
                    failure.0.hint = error.hint().map(str::to_owned);
                    failure.add_causes(error.source());
                    failure
                }
            }
        )+

        /// The hint of an error, if it is one of ours.
        fn hint(error: &(dyn Error + 'static)) -> Option<String> {
            $(
                if let Some(error) = error.downcast_ref::<$library::Error>() {
                    return error.hint().map(str::to_owned);
                }
            )+
            error.downcast_ref::<azconnect_cert_tools::Error>()?.hint().map(str::to_owned)
        }
    };
}

failures_of!(
    azconnect_auth,
    azconnect_keyvault,
    azconnect_lake,
    azconnect_synapse,
    azconnect_transfer,
);

impl From<azconnect_cert_tools::Error> for Failure {
    fn from(error: azconnect_cert_tools::Error) -> Self {
        let mut failure = Self::new(error.to_string());
        failure.0.hint = error.hint().map(str::to_owned);
        failure.add_causes(error.source());
        failure
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct Level(&'static str, Option<Box<Level>>);

    impl fmt::Display for Level {
        fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
            formatter.write_str(self.0)
        }
    }

    impl Error for Level {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            self.1.as_deref().map(|level| level as _)
        }
    }

    #[test]
    fn causes_are_listed_in_order_and_repetitions_left_out() {
        let error = Level("middle: inner", Some(Box::new(Level("inner", None))));
        let failure = Failure::from_error("outer", &error).with_hint("look inside");
        assert_eq!(
            failure.to_string(),
            "error: outer\n  caused by: middle: inner\n\nhint: look inside\n"
        );
    }

    #[test]
    fn a_closed_pipe_ends_quietly_and_other_write_errors_do_not() {
        let mut written = Vec::new();
        let closed = io::Error::from(io::ErrorKind::BrokenPipe);
        assert_eq!(Failure::stdout(&closed).report(&mut written), ExitCode::SUCCESS);
        assert_eq!(written, b"");
        let full = io::Error::from(io::ErrorKind::StorageFull);
        assert_eq!(Failure::stdout(&full).report(&mut written), ExitCode::from(1));
        assert!(String::from_utf8(written).unwrap().starts_with("error: cannot write to stdout"));
    }

    #[test]
    fn statuses_follow_the_documented_numbers() {
        let mut sink = Vec::new();
        let check = |failure: Failure, sink: &mut Vec<u8>, expected: u8| {
            assert_eq!(failure.report(sink), ExitCode::from(expected));
        };
        check(Failure::new("x"), &mut sink, 1);
        check(Failure::usage("x"), &mut sink, 2);
        check(Failure::new("x").with_status(Status::TimedOut), &mut sink, 3);
        check(Failure::interrupted(15), &mut sink, 143);
    }
}
