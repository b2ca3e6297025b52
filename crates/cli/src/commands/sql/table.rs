//! A result as a table for people.

use std::io::Write;

use arrow::{
    array::RecordBatch,
    datatypes::DataType,
    util::display::{ArrayFormatter, FormatOptions},
};
use azconnect_synapse::RecordBatchStream;
use comfy_table::{CellAlignment, ContentArrangement, Table, presets};
use futures::TryStreamExt;

use crate::{
    failure::Failure,
    printer::{Printer, count},
};

/// Longer cells are cut: one of them would push all others off the screen.
const MAX_CELL_CHARACTERS: usize = 80;

/// Shows up to `limit` rows, all if it is 0.
pub(super) async fn show(
    mut stream: RecordBatchStream,
    limit: usize,
    printer: Printer,
) -> Result<(), Failure> {
    let limit = if limit == 0 { usize::MAX } else { limit };
    let schema = stream.schema();
    let mut table = Table::new();
    table.load_preset(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(schema.fields().iter().map(|field| printable(field.name())));
    for (index, field) in schema.fields().iter().enumerate() {
        if let Some(column) = table.column_mut(index) {
            column.set_padding((0, 2));
            if is_number(field.data_type()) {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
    }

    let mut rows = 0;
    let mut more = false;
    while let Some(batch) = stream.try_next().await? {
        let shown = batch.num_rows().min(limit - rows);
        more = shown < batch.num_rows();
        add_rows(&mut table, &batch.slice(0, shown))?;
        rows += shown;
        if more {
            break;
        }
    }
    // Closes the connection, which cancels the statement.
    drop(stream);

    let mut stdout = printer.stdout();
    let mut write = |line: &str| writeln!(stdout, "{line}");
    for line in table.lines() {
        write(line.trim_end()).map_err(|error| Failure::stdout(&error))?;
    }
    let end = match (rows, more) {
        (1, false) => "(1 row)".to_owned(),
        (_, false) => ["(", &count(rows as u64), " rows)"].concat(),
        (_, true) => {
            let rows = count(rows as u64);
            ["(first ", &rows, " rows; `--limit 0` shows all, `-o` and `--output-file` write all)"]
                .concat()
        }
    };
    write(&end).and_then(|()| stdout.flush()).map_err(|error| Failure::stdout(&error))
}

fn add_rows(table: &mut Table, batch: &RecordBatch) -> Result<(), Failure> {
    let failed = |error| Failure::from_error("cannot show the result as a table", &error);
    let options = FormatOptions::default().with_null("NULL");
    let columns = batch
        .columns()
        .iter()
        .map(|column| ArrayFormatter::try_new(column, &options))
        .collect::<Result<Vec<_>, _>>()
        .map_err(failed)?;
    for row in 0..batch.num_rows() {
        let cells = columns
            .iter()
            .map(|column| column.value(row).try_to_string().map(|text| printable(&text)))
            .collect::<Result<Vec<_>, _>>()
            .map_err(failed)?;
        table.add_row(cells);
    }
    Ok(())
}

fn is_number(data_type: &DataType) -> bool {
    data_type.is_numeric()
}

/// One line without control characters, which a database may hold and a terminal would obey.
fn printable(text: &str) -> String {
    let mut cell: String = text
        .chars()
        .take(MAX_CELL_CHARACTERS)
        .map(|c| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c })
        .collect();
    if text.chars().nth(MAX_CELL_CHARACTERS).is_some() {
        cell.push('…');
    }
    cell
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_one_harmless_line() {
        assert_eq!(printable("a\u{1b}[31m\nb"), "a\u{fffd}[31m\u{fffd}b");
        assert_eq!(printable(&"x".repeat(100)), "x".repeat(80) + "…");
    }
}
