//! Everything that a person or a log collector could see of this process.

use std::{
    fmt::{self, Write as _},
    io,
    sync::{Mutex, OnceLock},
};

use super::forms;

/// Log lines of all crates and threads, panics, and whatever is added.
#[derive(Default)]
pub(crate) struct Transcript(Mutex<String>);

impl Transcript {
    /// That of this process; from the first call on it takes in what is logged and how it panics.
    pub(crate) fn of_process() -> &'static Self {
        static TRANSCRIPT: OnceLock<Transcript> = OnceLock::new();
        static STARTED: OnceLock<()> = OnceLock::new();
        let transcript = TRANSCRIPT.get_or_init(Self::default);
        STARTED.get_or_init(|| {
            tracing_subscriber::fmt()
                .with_max_level(tracing::Level::TRACE)
                .with_ansi(false)
                .with_writer(move || Writer(transcript))
                .init();
            let usual = std::panic::take_hook();
            std::panic::set_hook(Box::new(move |panic| {
                transcript.add(format_args!("{panic}\n{panic:?}"));
                usual(panic);
            }));
        });
        transcript
    }

    pub(crate) fn debug(&self, value: &impl fmt::Debug) {
        self.add(format_args!("{value:?}\n{value:#?}"));
    }

    pub(crate) fn error(&self, error: &azconnect_keyvault::Error) {
        self.debug(error);
        self.add(format_args!("{error} {:?} {:?}", error.hint(), error.service_code()));
        let mut cause = std::error::Error::source(error);
        while let Some(error) = cause {
            self.add(format_args!("{error}\n{error:?}"));
            cause = error.source();
        }
    }

    pub(crate) fn length(&self) -> usize {
        self.0.lock().unwrap().len()
    }

    pub(crate) fn contains(&self, text: &str) -> bool {
        self.0.lock().unwrap().contains(text)
    }

    /// Fails if any of the secrets is shown in any form. Does not show it.
    #[track_caller]
    pub(crate) fn check(&self, secrets: &[String]) {
        let text = self.0.lock().unwrap().clone();
        for secret in secrets {
            let Some(form) = forms::leak(&text, secret) else { continue };
            let at = text.find(&form).unwrap();
            let line = text[..at].rsplit('\n').next().unwrap_or_default();
            panic!("a secret is shown behind: {line}");
        }
    }

    fn add(&self, text: fmt::Arguments<'_>) {
        writeln!(self.0.lock().unwrap_or_else(|error| error.into_inner()), "{text}").unwrap();
    }
}

struct Writer(&'static Transcript);

impl io::Write for Writer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.add(format_args!("{}", String::from_utf8_lossy(bytes)));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
