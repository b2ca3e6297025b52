//! What was appended to a file and not flushed yet: one sparse staging file, and which parts of it
//! are filled.

use std::{
    collections::BTreeMap,
    ops::Range,
    sync::{Mutex, MutexGuard, PoisonError},
};

use super::staging::StagedFile;

/// Appended data of one file. It ends with the flush that publishes it.
#[derive(Debug)]
pub(super) struct Draft {
    pub(super) staged: StagedFile,
    /// The length of the published file when the draft began: position 0 of the staging file.
    pub(super) base: u64,
    ranges: Mutex<Ranges>,
    /// Held by a flush, so that two of them do not meet.
    turn: Mutex<()>,
}

#[derive(Debug, Default)]
struct Ranges {
    /// Start to end of what is filled, in positions of the file; neither touching nor overlapping.
    written: BTreeMap<u64, u64>,
    in_flight: Vec<Range<u64>>,
    /// Whether a flush takes the staging file away, so that nobody may write into it any more.
    is_sealed: bool,
}

/// How an append may write.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Grant {
    /// Straight into the staging file; the range is reserved.
    Direct,
    /// Elsewhere first, because other data of this range is there or on its way.
    Aside,
    /// Not at all: a flush ended the draft.
    Sealed,
}

impl Draft {
    pub(super) fn new(staged: StagedFile, base: u64) -> Self {
        Self { staged, base, ranges: Mutex::default(), turn: Mutex::default() }
    }

    pub(super) fn reserve(&self, range: Range<u64>) -> Grant {
        let mut ranges = self.ranges();
        if ranges.is_sealed {
            return Grant::Sealed;
        }
        let overlaps_written = ranges
            .written
            .range(..range.end)
            .next_back()
            .is_some_and(|(_, end)| *end > range.start);
        let overlaps_in_flight =
            ranges.in_flight.iter().any(|other| other.start < range.end && range.start < other.end);
        if overlaps_written || overlaps_in_flight {
            return Grant::Aside;
        }
        ranges.in_flight.push(range);
        Grant::Direct
    }

    /// Ends a reservation; only `filled` ones count as written.
    pub(super) fn release(&self, range: &Range<u64>, filled: bool) {
        let mut ranges = self.ranges();
        if let Some(at) = ranges.in_flight.iter().position(|other| other == range) {
            ranges.in_flight.swap_remove(at);
        }
        if filled {
            ranges.fill(range.clone());
        }
    }

    /// Runs `write` and notes the range as written, unless a flush has ended the draft.
    pub(super) fn fill_with<E>(
        &self,
        range: Range<u64>,
        write: impl FnOnce() -> Result<(), E>,
    ) -> Option<Result<(), E>> {
        let mut ranges = self.ranges();
        if ranges.is_sealed {
            return None;
        }
        Some(write().map(|()| ranges.fill(range)))
    }

    /// The end of what can be flushed: data without a gap from the end of the published file.
    pub(super) fn contiguous_end(&self) -> u64 {
        let ranges = self.ranges();
        match ranges.written.range(..=self.base).next_back() {
            Some((_, end)) => (*end).max(self.base),
            None => self.base,
        }
    }

    /// What is written beyond `position`.
    pub(super) fn written_beyond(&self, position: u64) -> Vec<Range<u64>> {
        let ranges = self.ranges();
        ranges
            .written
            .iter()
            .filter(|(_, end)| **end > position)
            .map(|(start, end)| (*start).max(position)..*end)
            .collect()
    }

    /// Ends the draft; says whether somebody still writes into its staging file.
    pub(super) fn seal(&self) -> bool {
        let mut ranges = self.ranges();
        ranges.is_sealed = true;
        !ranges.in_flight.is_empty()
    }

    /// Takes [`seal`](Self::seal) back, after a flush that failed.
    pub(super) fn unseal(&self) {
        self.ranges().is_sealed = false;
    }

    pub(super) fn turn(&self) -> MutexGuard<'_, ()> {
        self.turn.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ranges(&self) -> MutexGuard<'_, Ranges> {
        self.ranges.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ranges {
    fn fill(&mut self, range: Range<u64>) {
        if range.is_empty() {
            return;
        }
        let (mut start, mut end) = (range.start, range.end);
        while let Some((&other_start, &other_end)) = self.written.range(..=end).next_back()
            && other_end >= start
        {
            self.written.remove(&other_start);
            start = start.min(other_start);
            end = end.max(other_end);
        }
        self.written.insert(start, end);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(parts: &[Range<u64>]) -> Vec<(u64, u64)> {
        let mut ranges = Ranges::default();
        for part in parts {
            ranges.fill(part.clone());
        }
        ranges.written.into_iter().collect()
    }

    #[test]
    fn ranges_grow_together_in_any_order() {
        for (parts, expected) in [
            (vec![0..4, 4..8], vec![(0, 8)]),
            (vec![4..8, 0..4], vec![(0, 8)]),
            (vec![0..2, 6..8], vec![(0, 2), (6, 8)]),
            (vec![0..2, 6..8, 2..6], vec![(0, 8)]),
            (vec![0..2, 4..5, 6..8, 1..7], vec![(0, 8)]),
            (vec![2..3, 0..9], vec![(0, 9)]),
        ] {
            assert_eq!(filled(&parts), expected, "{parts:?}");
        }
        let empty = 5..5;
        assert_eq!(filled(std::slice::from_ref(&empty)), []);
    }

    #[test]
    fn a_repeated_range_is_written_aside_and_a_sealed_draft_takes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let staging = super::super::staging::Staging::open(folder.path()).unwrap();
        let draft = Draft::new(staging.file().unwrap().0, 10);
        assert_eq!(draft.reserve(10..20), Grant::Direct);
        assert_eq!(draft.reserve(15..25), Grant::Aside);
        draft.release(&(10..20), true);
        assert_eq!(draft.reserve(10..20), Grant::Aside);
        assert_eq!(draft.reserve(20..30), Grant::Direct);
        assert_eq!(draft.contiguous_end(), 20);
        draft.release(&(20..30), false);
        assert_eq!(draft.contiguous_end(), 20);
        assert!(!draft.seal());
        assert_eq!(draft.reserve(30..40), Grant::Sealed);
    }
}
