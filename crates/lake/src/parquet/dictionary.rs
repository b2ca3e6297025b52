//! Which columns of a Parquet file a dictionary is of use to.
//!
//! The writer builds a dictionary of each column and gives it up when it has grown to a mebibyte,
//! in every row group anew. For a column of keys, amounts or texts that is a hash of every value
//! for nothing, and some megabytes of memory, so it is told beforehand.

use std::{collections::HashSet, ops::Range};

use arrow::{
    array::{ArrayRef, RecordBatch},
    datatypes::DataType,
    row::{RowConverter, Rows, SortField},
};
use parquet::schema::types::ColumnPath;

/// The columns of `sample` whose values come back so rarely that they are best written plainly.
///
/// Only a guess from the rows at hand: it costs size or time if it is wrong, never correctness.
pub(super) fn columns_that_hardly_repeat(sample: &RecordBatch) -> Vec<ColumnPath> {
    let rows = sample.num_rows().min(MAX_ROWS);
    if rows < MIN_ROWS {
        return Vec::new();
    }
    let schema = sample.schema_ref();
    let columns = schema.fields().iter().zip(sample.columns());
    columns
        .filter(|(field, _)| has_one_leaf(field.data_type()))
        .filter(|(_, column)| hardly_repeats(&column.slice(0, rows)))
        .map(|(field, _)| ColumnPath::new(vec![field.name().clone()]))
        .collect()
}

/// A value that stands for a column of Parquet, so that its name is the column's path. Booleans
/// have no dictionary, and a dictionary of Arrow's was made by somebody who knows.
fn has_one_leaf(data_type: &DataType) -> bool {
    !data_type.is_nested()
        && !matches!(data_type, DataType::Boolean | DataType::Null | DataType::Dictionary(..))
}

/// Whether new values keep coming: the second half of the rows brings nearly as many as the first
/// did, as it does when values are drawn from many, or sorted. Long runs are left to dictionaries.
fn hardly_repeats(column: &ArrayRef) -> bool {
    let Some(values) = comparable(column) else {
        return false;
    };
    let rows = values.num_rows();
    let mut seen = HashSet::with_capacity(rows);
    let mut new_in =
        |range: Range<usize>| range.filter(|&row| seen.insert(values.row(row))).count();
    let first = new_in(0..rows / 2);
    let second = new_in(rows / 2..rows);
    let average_run = rows / (first + second).max(1);
    average_run < LONG_RUN && second * 10 > first * 9
}

fn comparable(column: &ArrayRef) -> Option<Rows> {
    let field = SortField::new(column.data_type().clone());
    let converter = RowConverter::new(vec![field]).ok()?;
    converter.convert_columns(std::slice::from_ref(column)).ok()
}

/// Enough to tell 10,000 different values, which a dictionary serves, from 100,000.
const MAX_ROWS: usize = 8192;
/// A file of fewer rows is cheap either way.
const MIN_ROWS: usize = 1024;
/// A run of so many equal values is better written as one index.
const LONG_RUN: usize = 8;

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{BooleanArray, Int64Array, ListArray, StringArray, types::Int64Type};

    use super::*;

    /// Numbers that look drawn at random, below `limit`.
    fn drawn(rows: usize, limit: u64) -> impl Iterator<Item = i64> {
        (0..rows as u64).map(move |row| {
            let mut mixed = (row + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
            mixed = (mixed ^ (mixed >> 29)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            ((mixed >> 11) % limit) as i64
        })
    }

    fn plain(columns: Vec<(&str, ArrayRef)>) -> Vec<String> {
        let batch = RecordBatch::try_from_iter(columns).unwrap();
        columns_that_hardly_repeat(&batch).iter().map(ColumnPath::string).collect()
    }

    fn ints(values: impl Iterator<Item = i64>) -> ArrayRef {
        Arc::new(Int64Array::from_iter_values(values))
    }

    #[test]
    fn columns_of_many_values_go_without() {
        let rows = 8192;
        let texts = drawn(rows, 1 << 40).map(|value| format!("text {value}"));
        let columns = vec![
            ("a key, sorted", ints(0..rows as i64)),
            ("four rows a key", ints((0..rows as i64).map(|row| row / 4))),
            ("of 200,000 keys", ints(drawn(rows, 200_000))),
            ("amounts.in cents", ints(drawn(rows, 1 << 40))),
            ("texts", Arc::new(StringArray::from_iter_values(texts)) as ArrayRef),
        ];
        let names: Vec<_> = columns.iter().map(|(name, _)| *name).collect();
        assert_eq!(plain(columns), names);
    }

    #[test]
    fn columns_of_few_values_or_long_runs_keep_it() {
        let rows = 8192;
        let nested = (0..rows as i64).map(|row| Some(vec![Some(row)]));
        assert_eq!(
            plain(vec![
                ("one", ints((0..rows).map(|_| 7))),
                ("null", Arc::new(Int64Array::new_null(rows))),
                ("of 2,500 days", ints(drawn(rows, 2_500))),
                ("of 10,000 keys", ints(drawn(rows, 10_000))),
                ("runs of 64", ints((0..rows as i64).map(|row| row / 64))),
                ("flags", Arc::new(BooleanArray::from_iter(drawn(rows, 2).map(|v| Some(v == 1))))),
                ("lists", Arc::new(ListArray::from_iter_primitive::<Int64Type, _, _>(nested))),
            ]),
            [""; 0]
        );
    }

    #[test]
    fn a_handful_of_rows_tells_nothing() {
        assert_eq!(plain(vec![("key", ints(0..1023))]), [""; 0]);
        assert_eq!(plain(vec![("key", ints(0..1024))]), ["key"]);
    }
}
