//! Log lines on stderr, as many as `-v` asks for.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

/// Starts logging: warnings of our crates by default, more with each `-v`.
pub(crate) fn init(verbose: u8) {
    let directives = match verbose {
        0 => "error,azconnect=warn",
        1 => "warn,azconnect=info",
        2 => "info,azconnect=debug",
        _ => "debug,azconnect=trace",
    };
    // `azconnect=` matches our library crates too: a directive's target is a prefix.
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new(directives))
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal() && no_color_is_unset())
        .with_target(verbose > 1);
    if verbose > 1 {
        subscriber.init();
    } else {
        subscriber.without_time().init();
    }
}

/// <https://no-color.org>: any value but the empty one switches colour off.
fn no_color_is_unset() -> bool {
    crate::environment::Environment.os("NO_COLOR").is_none()
}
