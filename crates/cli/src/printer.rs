//! Everything that goes to stdout.
//!
//! A command hands over records; the printer knows the form that the user asked for. JSON has the records as
//! they serialise; a table and TSV have the columns that the command names.

use std::io::{self, IsTerminal, Write};

use comfy_table::{CellAlignment, ContentArrangement, presets};
use serde::Serialize;

use crate::{cli::OutputFormat, failure::Failure};

/// One column of a table: its title and how to get its cell from a record.
pub(crate) struct Column<T> {
    title: &'static str,
    cell: fn(&T) -> String,
    alignment: CellAlignment,
}

impl<T> Column<T> {
    /// A column of text.
    pub(crate) const fn text(title: &'static str, cell: fn(&T) -> String) -> Self {
        Self { title, cell, alignment: CellAlignment::Left }
    }

    /// A column of numbers, aligned right.
    pub(crate) const fn number(title: &'static str, cell: fn(&T) -> String) -> Self {
        Self { title, cell, alignment: CellAlignment::Right }
    }
}

/// Writes results to stdout.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Printer {
    format: OutputFormat,
}

impl Printer {
    /// A printer for one form.
    pub(crate) fn new(format: OutputFormat) -> Self {
        Self { format }
    }

    /// The form that the user asked for.
    pub(crate) fn format(self) -> OutputFormat {
        self.format
    }

    /// Prints a list: a table with a header, a JSON array, or one line of TSV a record.
    pub(crate) fn records<T: Serialize>(
        self,
        records: &[T],
        columns: &[Column<T>],
    ) -> Result<(), Failure> {
        match self.format {
            OutputFormat::Json => self.json(&records),
            OutputFormat::Tsv => self.lines(records.iter().map(|record| tsv_line(record, columns))),
            OutputFormat::None => Ok(()),
            _ if records.is_empty() => Ok(()),
            _ => self.text(&table(records, columns)),
        }
    }

    /// Prints one record: a table of names and values, a JSON object, or one line of TSV.
    pub(crate) fn record<T: Serialize>(
        self,
        record: &T,
        columns: &[Column<T>],
    ) -> Result<(), Failure> {
        match self.format {
            OutputFormat::Json => self.json(record),
            OutputFormat::Tsv => self.lines(std::iter::once(tsv_line(record, columns))),
            OutputFormat::None => Ok(()),
            _ => {
                let width = columns.iter().map(|column| column.title.len()).max().unwrap_or(0);
                self.lines(columns.iter().map(|column| {
                    format!("{:width$}  {}", column.title, printable(&(column.cell)(record)))
                }))
            }
        }
    }

    /// Prints a bare value, such as a thumbprint: as a line, or as a JSON string.
    pub(crate) fn value(self, value: &str) -> Result<(), Failure> {
        match self.format {
            OutputFormat::Json => self.json(&value),
            OutputFormat::None => Ok(()),
            _ => self.lines(std::iter::once(value)),
        }
    }

    /// Prints a document as JSON, whatever the format says.
    pub(crate) fn json<T: Serialize + ?Sized>(self, document: &T) -> Result<(), Failure> {
        let mut text = serde_json::to_string_pretty(document)
            .map_err(|error| Failure::from_error("cannot write the result as JSON", &error))?;
        text.push('\n');
        self.raw(text.as_bytes())
    }

    /// Writes bytes as they are: the content of a file, or a secret without a label.
    pub(crate) fn raw(self, bytes: &[u8]) -> Result<(), Failure> {
        let mut stdout = io::stdout().lock();
        stdout
            .write_all(bytes)
            .and_then(|()| stdout.flush())
            .map_err(|error| Failure::stdout(&error))
    }

    /// Stdout for results that are written piece by piece.
    ///
    /// Turn its errors into failures by [`Failure::stdout`], which knows about closed pipes; call `flush` at the
    /// end, because an error of the last bytes is lost otherwise.
    pub(crate) fn stdout(self) -> io::BufWriter<io::Stdout> {
        io::BufWriter::with_capacity(64 * 1024, io::stdout())
    }

    /// Whether a person sees stdout as it is written: binary results should not go there.
    pub(crate) fn is_terminal(self) -> bool {
        io::stdout().is_terminal()
    }

    fn text(self, text: &str) -> Result<(), Failure> {
        self.lines(std::iter::once(text))
    }

    fn lines(self, lines: impl Iterator<Item = impl AsRef<str>>) -> Result<(), Failure> {
        let mut writer = self.stdout();
        for line in lines {
            writeln!(writer, "{}", line.as_ref()).map_err(|error| Failure::stdout(&error))?;
        }
        writer.flush().map_err(|error| Failure::stdout(&error))
    }
}

/// A count for people: exact, with thousands separated.
pub(crate) fn count(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A size for people: exact bytes with their unit.
pub(crate) fn bytes(value: u64) -> String {
    count(value) + " B"
}

fn table<T>(records: &[T], columns: &[Column<T>]) -> String {
    let mut table = comfy_table::Table::new();
    table.load_preset(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(columns.iter().map(|column| column.title));
    for record in records {
        table.add_row(columns.iter().map(|column| printable(&(column.cell)(record))));
    }
    for (index, column) in columns.iter().enumerate() {
        if let Some(settings) = table.column_mut(index) {
            settings.set_cell_alignment(column.alignment);
            settings.set_padding((0, 2));
        }
    }
    table.lines().map(|line| line.trim_end().to_owned()).collect::<Vec<_>>().join("\n")
}

fn tsv_line<T>(record: &T, columns: &[Column<T>]) -> String {
    let cells: Vec<String> =
        columns.iter().map(|column| escape_tsv(&(column.cell)(record))).collect();
    cells.join("\t")
}

/// Keeps one record on one line: tab, line feed, carriage return and backslash become two characters.
fn escape_tsv(cell: &str) -> String {
    let mut text = String::with_capacity(cell.len());
    for character in cell.chars() {
        match character {
            '\t' => text.push_str("\\t"),
            '\n' => text.push_str("\\n"),
            '\r' => text.push_str("\\r"),
            '\\' => text.push_str("\\\\"),
            other => text.push(other),
        }
    }
    text
}

/// Names come from services: control characters in them must not reach the terminal.
fn printable(cell: &str) -> String {
    cell.chars().map(|c| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLUMNS: [Column<(String, u64)>; 2] = [
        Column::text("name", |record| record.0.clone()),
        Column::number("size", |record| bytes(record.1)),
    ];

    #[test]
    fn tables_align_numbers_right_and_carry_no_trailing_space() {
        let records = [("a".to_owned(), 5), ("long name".to_owned(), 1_234_567)];
        assert_eq!(
            table(&records, &COLUMNS),
            "name              size\na                  5 B\nlong name  1,234,567 B"
        );
    }

    #[test]
    fn tsv_keeps_a_record_on_one_line() {
        let record = ("a\tb\nc\\".to_owned(), 1);
        assert_eq!(tsv_line(&record, &COLUMNS), "a\\tb\\nc\\\\\t1 B");
    }

    #[test]
    fn control_characters_do_not_reach_the_terminal() {
        assert_eq!(printable("a\u{1b}[31m"), "a\u{fffd}[31m");
    }

    #[test]
    fn counts_are_exact_with_separators() {
        for (value, text) in [(0, "0"), (999, "999"), (1000, "1,000"), (600_572, "600,572")] {
            assert_eq!(count(value), text);
        }
    }
}
