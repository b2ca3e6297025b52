//! A result as a table for people.

use std::io::Write;

use arrow::{
    array::RecordBatch,
    datatypes::{DataType, SchemaRef},
    util::display::{ArrayFormatter, FormatOptions},
};
use comfy_table::{CellAlignment, ContentArrangement, Table, presets};
use futures::{Stream, TryStreamExt};

use super::Shown;
use crate::{
    failure::Failure,
    printer::{Printer, count},
};

/// Longer cells are cut: one of them would push all others off the screen.
const MAX_CELL_CHARACTERS: usize = 80;

/// Shows the first rows; the rest is not read.
pub(super) async fn show<E>(
    schema: &SchemaRef,
    batches: impl Stream<Item = Result<RecordBatch, E>>,
    shown: Shown,
    printer: Printer,
) -> Result<(), Failure>
where
    Failure: From<E>,
{
    let limit = if shown.limit == 0 { usize::MAX } else { shown.limit };
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
    let mut batches = Box::pin(batches);
    while let Some(batch) = batches.try_next().await? {
        let fitting = batch.num_rows().min(limit - rows);
        more = fitting < batch.num_rows();
        add_rows(&mut table, &batch.slice(0, fitting))?;
        rows += fitting;
        if more {
            break;
        }
    }
    // Closes the connection, which cancels a statement.
    drop(batches);

    let mut stdout = printer.stdout();
    let mut write = |line: &str| writeln!(stdout, "{line}");
    for line in table.lines() {
        write(line.trim_end()).map_err(|error| Failure::stdout(&error))?;
    }
    let rows = rows as u64;
    let end = match shown.total.filter(|total| *total != rows) {
        Some(total) => ["(", &count(rows), " of ", &count(total), " rows)"].concat(),
        None if more => {
            let rows = count(rows);
            ["(first ", &rows, " rows; `--limit 0` shows all, `-o` and `--output-file` write all)"]
                .concat()
        }
        None if rows == 1 => "(1 row)".to_owned(),
        None => ["(", &count(rows), " rows)"].concat(),
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
