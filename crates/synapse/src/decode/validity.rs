//! Which values of a column are NULL.

use arrow::array::NullBufferBuilder;
use arrow::buffer::NullBuffer;

use super::Values;

/// Collects a column's validity; costs next to nothing while no NULL comes.
#[derive(Debug)]
pub(super) struct Validity(NullBufferBuilder);

impl Validity {
    pub(super) fn new(expected_rows: usize) -> Self {
        Self(NullBufferBuilder::new(expected_rows))
    }

    pub(super) fn append(&mut self, values: Values<'_>) {
        if values.has_nulls {
            for slot in values.slots {
                self.0.append(!slot.is_null());
            }
        } else {
            self.0.append_n_non_nulls(values.slots.len());
        }
    }

    pub(super) fn finish(&mut self) -> Option<NullBuffer> {
        self.0.finish()
    }
}
