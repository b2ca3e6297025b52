//! What two sets of rows have in common, whatever their order.

use std::hash::{DefaultHasher, Hash, Hasher};

use anyhow::{Context, Result, ensure};
use arrow::{
    array::{Array, AsArray, RecordBatch},
    compute::cast,
    datatypes::{DataType, Decimal128Type},
    row::{RowConverter, SortField},
};
use serde::Serialize;

/// Row count, exact sums of the decimal columns, and a checksum over every cell.
///
/// The checksum is the sum of the rows' hashes, so that it does not depend on the order in which a server returns
/// rows; two sets of rows that differ in a cell differ in it, but for one chance in 2⁶⁴.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize)]
pub struct Fingerprint {
    /// Number of rows.
    pub rows: u64,
    /// Names of the decimal columns and the sums of their unscaled values.
    #[serde(serialize_with = "as_text")]
    pub sums: Vec<(String, i128)>,
    /// Checksum over all cells.
    pub checksum: u64,
}

impl Fingerprint {
    /// Adds the rows of a batch. All batches must have the same columns.
    ///
    /// # Errors
    /// If a sum overflows, or a type cannot be hashed.
    pub fn add(&mut self, batch: &RecordBatch) -> Result<()> {
        self.rows += batch.num_rows() as u64;
        self.add_sums(batch)?;
        // Text has the same hash however it is held in memory.
        let mut columns = Vec::with_capacity(batch.num_columns());
        for column in batch.columns() {
            columns.push(match column.data_type() {
                DataType::Utf8View | DataType::LargeUtf8 => cast(column, &DataType::Utf8)?,
                _ => column.clone(),
            });
        }
        let fields = columns.iter().map(|column| SortField::new(column.data_type().clone()));
        let rows = RowConverter::new(fields.collect())?.convert_columns(&columns)?;
        for row in &rows {
            let mut hasher = DefaultHasher::new();
            row.as_ref().hash(&mut hasher);
            self.checksum = self.checksum.wrapping_add(hasher.finish());
        }
        Ok(())
    }

    /// The sum of a column with `scale` digits after the point, as text.
    pub fn decimal(sum: i128, scale: u32) -> String {
        let unit = 10_i128.pow(scale).unsigned_abs();
        let sign = if sum < 0 { "-" } else { "" };
        let (whole, rest) = (sum.unsigned_abs() / unit, sum.unsigned_abs() % unit);
        format!("{sign}{whole}.{rest:0width$}", width = scale as usize)
    }

    fn add_sums(&mut self, batch: &RecordBatch) -> Result<()> {
        for (field, column) in batch.schema().fields().iter().zip(batch.columns()) {
            let Some(values) = column.as_primitive_opt::<Decimal128Type>() else { continue };
            let sum = values
                .iter()
                .flatten()
                .try_fold(0_i128, i128::checked_add)
                .with_context(|| format!("the sum of `{}` overflows", field.name()))?;
            match self.sums.iter_mut().find(|(name, _)| name == field.name()) {
                Some((_, total)) => *total += sum,
                None => {
                    ensure!(column.null_count() == 0, "`{}` holds NULLs", field.name());
                    self.sums.push((field.name().clone(), sum));
                }
            }
        }
        Ok(())
    }
}

/// JSON's numbers are no place for 128 bits.
fn as_text<S: serde::Serializer>(
    sums: &[(String, i128)],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_map(sums.iter().map(|(name, sum)| (name, sum.to_string())))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failing test should say where")]
mod tests {
    use std::sync::Arc;

    use arrow::array::{ArrayRef, Decimal128Array, StringArray, StringViewArray};

    use super::*;

    fn batch(amounts: [i128; 2], texts: ArrayRef) -> RecordBatch {
        let amounts = Decimal128Array::from_iter_values(amounts).with_precision_and_scale(15, 2);
        RecordBatch::try_from_iter([
            ("amount", Arc::new(amounts.unwrap()) as ArrayRef),
            ("text", texts),
        ])
        .unwrap()
    }

    fn fingerprint(batches: &[RecordBatch]) -> Fingerprint {
        let mut fingerprint = Fingerprint::default();
        for batch in batches {
            fingerprint.add(batch).unwrap();
        }
        fingerprint
    }

    #[test]
    fn order_batches_and_representation_do_not_matter() {
        let one = batch([150, -50], Arc::new(StringArray::from(vec!["a", "b"])));
        let other = batch([-50, 150], Arc::new(StringViewArray::from(vec!["b", "a"])));
        assert_eq!(fingerprint(std::slice::from_ref(&one)), fingerprint(&[other]));
        assert_eq!(
            fingerprint(std::slice::from_ref(&one)),
            fingerprint(&[one.slice(0, 1), one.slice(1, 1)])
        );
        assert_eq!(fingerprint(&[one]).sums, [("amount".to_owned(), 100)]);
    }

    #[test]
    fn values_that_moved_to_another_row_are_noticed() {
        let one = batch([150, -50], Arc::new(StringArray::from(vec!["a", "b"])));
        let other = batch([150, -50], Arc::new(StringArray::from(vec!["b", "a"])));
        assert_ne!(fingerprint(&[one]).checksum, fingerprint(&[other]).checksum);
    }

    #[test]
    fn sums_are_shown_with_all_their_digits() {
        for (sum, text) in [(0, "0.00"), (5, "0.05"), (-1_234_567, "-12345.67")] {
            assert_eq!(Fingerprint::decimal(sum, 2), text);
        }
    }
}
