//! What the demo prints and writes down.

use std::{fmt, path::Path, time::Instant};

use anyhow::{Context, Result};
use comfy_table::{CellAlignment, Table, presets};
use serde::Serialize;

use crate::rows::Fingerprint;

/// The whole demo.
#[derive(Debug, Serialize)]
pub struct Summary {
    /// Whether every step was done and every comparison came out equal.
    pub verified: bool,
    /// TPC-H scale factor of the table.
    pub scale_factor: f64,
    /// Rows that made the whole way.
    pub rows: u64,
    /// What the generator made.
    pub generated: Option<Fingerprint>,
    /// What came back from the lake.
    pub read_back: Option<Fingerprint>,
    /// The steps in order.
    pub steps: Vec<Step>,
    /// Wall time of all steps.
    pub elapsed_seconds: f64,
    #[serde(skip)]
    started: Instant,
}

/// One step.
#[derive(Debug, Serialize)]
pub struct Step {
    /// What was done.
    pub step: &'static str,
    /// What that proves.
    pub proved: String,
    /// Rows concerned.
    pub rows: Option<u64>,
    /// Bytes concerned.
    pub bytes: Option<u64>,
    /// Wall time.
    pub seconds: f64,
}

/// The outcome of a step, before its time is known.
#[derive(Debug, Default)]
pub(super) struct Proof {
    pub(super) proved: String,
    pub(super) rows: Option<u64>,
    pub(super) bytes: Option<u64>,
}

impl Proof {
    pub(super) fn of(proved: impl Into<String>) -> Self {
        Self { proved: proved.into(), ..Self::default() }
    }

    pub(super) fn with_rows(mut self, rows: u64) -> Self {
        self.rows = Some(rows);
        self
    }

    pub(super) fn with_bytes(mut self, bytes: u64) -> Self {
        self.bytes = Some(bytes);
        self
    }
}

impl Summary {
    pub(super) fn new(scale_factor: f64) -> Self {
        Self {
            verified: false,
            scale_factor,
            rows: 0,
            generated: None,
            read_back: None,
            steps: Vec::new(),
            elapsed_seconds: 0.0,
            started: Instant::now(),
        }
    }

    /// Runs one step and writes down what it proved.
    pub(super) async fn step<T>(
        &mut self,
        name: &'static str,
        work: impl Future<Output = Result<(T, Proof)>>,
    ) -> Result<T> {
        let started = Instant::now();
        let (value, proof) = work.await.with_context(|| format!("the step `{name}` failed"))?;
        self.steps.push(Step {
            step: name,
            proved: proof.proved,
            rows: proof.rows,
            bytes: proof.bytes,
            seconds: started.elapsed().as_secs_f64(),
        });
        Ok(value)
    }

    pub(super) fn finish(&mut self, verified: bool) {
        self.verified = verified;
        self.elapsed_seconds = self.started.elapsed().as_secs_f64();
    }

    pub(super) fn write(&self, path: &Path) -> Result<()> {
        let mut text = serde_json::to_string_pretty(self)?;
        text.push('\n');
        std::fs::write(path, text).with_context(|| format!("cannot write `{}`", path.display()))
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut table = Table::new();
        table.load_preset(presets::NOTHING);
        table.set_header(["step", "what was proved", "rows", "bytes", "seconds"]);
        let number = |value: Option<u64>| value.map_or_else(String::new, thousands);
        for step in &self.steps {
            table.add_row([
                step.step.to_owned(),
                step.proved.clone(),
                number(step.rows),
                number(step.bytes),
                format!("{:.2}", step.seconds),
            ]);
        }
        for (index, column) in table.column_iter_mut().enumerate() {
            column.set_padding((0, 2));
            if index >= 2 {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        for line in table.lines() {
            writeln!(formatter, "{}", line.trim_end())?;
        }
        let rows = thousands(self.rows);
        let word = if self.verified { "verified" } else { "NOT verified" };
        write!(formatter, "\n{word}: {rows} rows in {:.1} s", self.elapsed_seconds)
    }
}

fn thousands(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
