//! Progress bars on stderr, shown only to people.

use std::io::IsTerminal;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Makes progress bars; hidden ones where nobody would see them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Progress {
    visible: bool,
}

impl Progress {
    /// Bars are visible if stderr is a terminal and the user did not forbid them.
    pub(crate) fn new(forbidden: bool) -> Self {
        Self { visible: !forbidden && std::io::stderr().is_terminal() }
    }

    /// A bar that counts bytes; without a total it shows what has been done and how fast.
    ///
    /// Call `set_position` (or `inc`) on it, and `finish_and_clear` at the end.
    pub(crate) fn bytes(self, total: Option<u64>, message: impl Into<String>) -> ProgressBar {
        let (bar, template) = match total {
            Some(total) => (ProgressBar::new(total), BYTES_OF_TOTAL),
            None => (ProgressBar::no_length(), BYTES),
        };
        self.show(bar, template, message.into())
    }

    /// A bar that counts rows of a result whose length is not known.
    pub(crate) fn rows(self, message: impl Into<String>) -> ProgressBar {
        self.show(ProgressBar::no_length(), ROWS, message.into())
    }

    fn show(self, bar: ProgressBar, template: &str, message: String) -> ProgressBar {
        if !self.visible {
            bar.set_draw_target(ProgressDrawTarget::hidden());
            return bar;
        }
        // The templates are constants; a wrong one shows the default style and is caught by the test below.
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        bar.set_message(message);
        bar.enable_steady_tick(std::time::Duration::from_millis(120));
        bar
    }
}

const BYTES_OF_TOTAL: &str = "{msg} [{bar:30}] {bytes}/{total_bytes} {binary_bytes_per_sec} {eta}";
const BYTES: &str = "{spinner} {msg} {bytes} {binary_bytes_per_sec} {elapsed}";
const ROWS: &str = "{spinner} {msg} {human_pos} rows {per_sec} {elapsed}";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_are_valid() {
        for template in [BYTES_OF_TOTAL, BYTES, ROWS] {
            assert!(ProgressStyle::with_template(template).is_ok(), "{template}");
        }
    }
}
