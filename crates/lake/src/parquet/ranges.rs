//! Which requests to make for a set of byte ranges: neighbors in one, large ones in several.

use std::ops::Range;

use bytes::{Bytes, BytesMut};

/// The requests that cover `ranges`, in order and without overlap.
///
/// Ranges closer than `gap` are read with what is between them, since a request costs more than
/// that; what is longer than `part` is cut.
pub(super) fn plan(ranges: &[Range<u64>], gap: u64, part: u64) -> Vec<Range<u64>> {
    let mut sorted: Vec<_> = ranges.iter().filter(|range| !range.is_empty()).cloned().collect();
    sorted.sort_by_key(|range| range.start);
    let mut joined: Vec<Range<u64>> = Vec::new();
    for range in sorted {
        match joined.last_mut() {
            Some(last) if range.start <= last.end.saturating_add(gap) => {
                last.end = last.end.max(range.end);
            }
            _ => joined.push(range),
        }
    }
    joined.into_iter().flat_map(|range| crate::read::parts(range, part)).collect()
}

/// The bytes of `wanted` out of the answers to the requests `planned`; `None` if they are not
/// covered.
pub(super) fn pick(
    wanted: &Range<u64>,
    planned: &[Range<u64>],
    answers: &[Bytes],
) -> Option<Bytes> {
    if wanted.is_empty() {
        return Some(Bytes::new());
    }
    let first = planned.partition_point(|range| range.end <= wanted.start);
    let mut gathered = BytesMut::new();
    let mut at = wanted.start;
    for (range, answer) in planned.iter().zip(answers).skip(first) {
        if range.start > at {
            return None;
        }
        let from = usize::try_from(at - range.start).ok()?;
        let to = usize::try_from(wanted.end.min(range.end) - range.start).ok()?;
        let piece = (to <= answer.len()).then(|| answer.slice(from..to))?;
        at += piece.len() as u64;
        // The common case takes no copy.
        if at == wanted.end && gathered.is_empty() {
            return Some(piece);
        }
        if gathered.is_empty() {
            gathered.reserve(usize::try_from(wanted.end - wanted.start).ok()?);
        }
        gathered.extend_from_slice(&piece);
        if at == wanted.end {
            return Some(gathered.freeze());
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(clippy::single_range_in_vec_init, reason = "lists of ranges, one of them of one")]
    fn neighbors_are_joined_and_long_ranges_cut() {
        for (ranges, expected) in [
            (vec![], vec![]),
            (vec![5..5], vec![]),
            (vec![0..4], vec![0..4]),
            (vec![10..14, 0..4], vec![0..4, 10..14]),
            (vec![0..4, 6..8], vec![0..8]),
            (vec![0..8, 2..3], vec![0..8]),
            (vec![0..25], vec![0..10, 10..20, 20..25]),
            (vec![0..6, 8..25], vec![0..10, 10..20, 20..25]),
        ] {
            assert_eq!(plan(&ranges, 3, 10), expected, "{ranges:?}");
        }
    }

    #[test]
    fn what_was_wanted_is_found_again() {
        let file: Vec<u8> = (0..100).collect();
        let bytes = |range: &Range<u64>| {
            Bytes::copy_from_slice(&file[range.start as usize..range.end as usize])
        };
        let wanted = [3..5, 0..25, 9..11, 40..40, 50..61, 63..64];
        let planned = plan(&wanted, 3, 10);
        let answers: Vec<_> = planned.iter().map(bytes).collect();
        for range in &wanted {
            assert_eq!(pick(range, &planned, &answers).unwrap(), bytes(range), "{range:?}");
        }
        assert_eq!(pick(&(26..27), &planned, &answers), None);
        assert_eq!(pick(&(60..70), &planned, &answers), None);
        assert_eq!(pick(&(90..91), &planned, &answers), None);
    }
}
