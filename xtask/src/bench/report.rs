//! What a benchmark leaves behind: a table for the eye, a JSON file, an SVG chart.

use std::{fmt::Write as _, fs, path::Path};

use anyhow::Result;
use serde::Serialize;

/// One figure of ours beside one of a peer.
#[derive(Serialize)]
pub(crate) struct Ratio {
    /// What was measured, with the size of the work.
    pub(crate) work: String,
    /// Who else did the same work in the same run.
    pub(crate) peer: String,
    /// The unit of `ours` and `theirs`; less is better.
    pub(crate) unit: &'static str,
    pub(crate) ours: f64,
    pub(crate) theirs: f64,
    /// `theirs / ours`.
    pub(crate) ratio: f64,
    /// The ratio to reach.
    pub(crate) goal: f64,
}

impl Ratio {
    pub(crate) fn new(
        work: impl Into<String>,
        peer: impl Into<String>,
        unit: &'static str,
        [ours, theirs]: [f64; 2],
        goal: f64,
    ) -> Self {
        Self {
            work: work.into(),
            peer: peer.into(),
            unit,
            ours,
            theirs,
            ratio: theirs / ours,
            goal,
        }
    }

    fn verdict(&self) -> &'static str {
        if self.ratio >= self.goal { "reached" } else { "missed" }
    }
}

/// Prints the table.
pub(crate) fn print(ratios: &[Ratio]) {
    print!("{}", table(ratios));
}

/// The table in Markdown, which is also readable as it stands.
pub(crate) fn table(ratios: &[Ratio]) -> String {
    let mut text = String::from(
        "| work | peer | unit | ours | theirs | ratio | goal | |\n|---|---|---|---|---|---|---|---|\n",
    );
    for ratio in ratios {
        let _ = writeln!(
            text,
            "| {} | {} | {} | {:.2} | {:.2} | {:.1}x | {:.0}x | {} |",
            ratio.work,
            ratio.peer,
            ratio.unit,
            ratio.ours,
            ratio.theirs,
            ratio.ratio,
            ratio.goal,
            ratio.verdict()
        );
    }
    text
}

/// Writes `NAME.json` and `NAME.svg`.
pub(crate) fn write(folder: &Path, name: &str, ratios: &[Ratio]) -> Result<()> {
    fs::create_dir_all(folder)?;
    fs::write(folder.join(name).with_extension("json"), serde_json::to_vec_pretty(ratios)?)?;
    fs::write(folder.join(name).with_extension("svg"), chart(ratios))?;
    Ok(())
}

/// Two bars a figure, each pair on its own scale: the longer one is the worse.
fn chart(ratios: &[Ratio]) -> String {
    const ROW_HEIGHT: usize = 64;
    const BAR_LEFT: usize = 260;
    const BAR_WIDTH: f64 = 420.0;
    let height = 24 + ROW_HEIGHT * ratios.len();
    let mut svg = String::new();
    let _ = writeln!(
        svg,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"860\" height=\"{height}\" font-family=\"sans-serif\" font-size=\"13\">"
    );
    let _ = writeln!(svg, "<rect width=\"100%\" height=\"100%\" fill=\"white\"/>");
    for (row, ratio) in ratios.iter().enumerate() {
        let top = 16 + row * ROW_HEIGHT;
        let longest = ratio.ours.max(ratio.theirs);
        let _ = writeln!(svg, "<text x=\"12\" y=\"{}\">{}</text>", top + 16, escape(&ratio.work));
        let _ = writeln!(
            svg,
            "<text x=\"12\" y=\"{}\" fill=\"#666\">{}, {:.1}x less</text>",
            top + 36,
            escape(ratio.unit),
            ratio.ratio
        );
        for (offset, value, color, name) in [
            (2, ratio.ours, "#0a7d4b", "azconnect"),
            (24, ratio.theirs, "#9a9a9a", ratio.peer.as_str()),
        ] {
            let width = (value / longest * BAR_WIDTH).max(1.0);
            let bar = top + offset;
            let _ = writeln!(
                svg,
                "<rect x=\"{BAR_LEFT}\" y=\"{bar}\" width=\"{width:.1}\" height=\"18\" fill=\"{color}\"/>"
            );
            let _ = writeln!(
                svg,
                "<text x=\"{:.1}\" y=\"{}\">{value:.1} {}</text>",
                BAR_LEFT as f64 + width + 6.0,
                bar + 14,
                escape(name)
            );
        }
    }
    svg.push_str("</svg>\n");
    svg
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::{Ratio, chart, table};

    #[test]
    fn ratio_is_theirs_over_ours_and_judged_against_the_goal() {
        let ratios = [Ratio::new("a & b", "peer", "s", [2.0, 20.0], 8.0)];
        assert!(table(&ratios).contains("| 10.0x | 8x | reached |"));
        let missed = [Ratio::new("work", "peer", "s", [2.0, 4.0], 8.0)];
        assert!(table(&missed).contains("| 2.0x | 8x | missed |"));
        assert!(chart(&ratios).contains("a &amp; b"));
    }
}
