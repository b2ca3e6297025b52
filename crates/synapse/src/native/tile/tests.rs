//! Rows by hand from ROW and NBCROW in MS-TDS 2.2.7.17 and 2.2.7.13; chunks from 2.2.5.2.3.

use super::*;

const CHUNKED: [Layout; 1] = [Layout::Chunked];

fn found(tile: &Tile, data: &[u8], column: usize) -> Vec<Option<Vec<u8>>> {
    let values = tile.values(column, data);
    values
        .slots
        .iter()
        .map(|slot| (!slot.is_null()).then(|| slot.bytes(data).unwrap().to_vec()))
        .collect()
}

/// One row with every layout.
fn mixed() -> (Vec<Layout>, Vec<u8>) {
    let layouts = vec![
        Layout::Fixed(2),
        Layout::ByteLength,
        Layout::ShortLength,
        Layout::Chunked,
        Layout::TextPointer,
        Layout::LongLength,
        Layout::Fixed(0),
    ];
    let mut row = vec![ROW];
    row.extend_from_slice(&[1, 2]);
    row.extend_from_slice(&[1, 3]);
    row.extend_from_slice(&[2, 0, 4, 5]);
    row.extend_from_slice(&[
        4, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 6, 3, 0, 0, 0, 7, 8, 9, 0, 0, 0, 0,
    ]);
    row.extend_from_slice(&[2, 0xAA, 0xAA, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 10]);
    row.extend_from_slice(&[1, 0, 0, 0, 11]);
    (layouts, row)
}

#[test]
fn every_layout_is_found_and_every_truncation_asks_for_more() {
    let (layouts, row) = mixed();
    let mut tile = Tile::new(layouts);
    for length in 0..row.len() {
        let mut part = row[..length].to_vec();
        let scan = tile.scan(&mut part, 10).unwrap();
        assert_eq!(scan, Scan { length: 0, end: ScanEnd::NeedsMore }, "at {length}");
        assert_eq!(part, row[..length], "an incomplete row is left as it is");
    }
    let mut data = [&row[..], &row, &[0xFD]].concat();
    let scan = tile.scan(&mut data, 10).unwrap();
    assert_eq!(scan, Scan { length: row.len() * 2, end: ScanEnd::OtherToken });
    let expected = [&[1, 2][..], &[3], &[4, 5], &[6, 7, 8, 9], &[10], &[11]];
    for (column, expected) in expected.iter().enumerate() {
        let expected = Some(expected.to_vec());
        assert_eq!(found(&tile, &data, column), [expected.clone(), expected], "{column}");
        assert!(!tile.values(column, &data).has_nulls);
    }
    assert_eq!(found(&tile, &data, 6), [None, None]);
}

#[test]
fn nulls_of_every_layout_are_seen() {
    let (layouts, _) = mixed();
    let mut row = vec![ROW, 1, 2, 0, 0xFF, 0xFF];
    row.extend_from_slice(&[0xFF; 8]);
    row.extend_from_slice(&[0, 0, 0, 0, 0]);
    // In a row with a bitmap: column 0 only, the others are NULL.
    let bitmap = [NBC_ROW, 0b0111_1110, 3, 4];
    let mut data = [&row[..], &bitmap].concat();
    let mut tile = Tile::new(layouts);
    let scan = tile.scan(&mut data, 10).unwrap();
    assert_eq!(scan, Scan { length: data.len(), end: ScanEnd::NeedsMore });
    assert_eq!(found(&tile, &data, 0), [Some(vec![1, 2]), Some(vec![3, 4])]);
    for column in 1..7 {
        assert_eq!(found(&tile, &data, column), [None, None], "{column}");
        assert!(tile.values(column, &data).has_nulls, "{column}");
    }
}

#[test]
fn chunks_of_unknown_total_are_pulled_together() {
    let mut row = vec![ROW];
    row.extend_from_slice(&UNKNOWN_TOTAL.to_le_bytes());
    row.extend_from_slice(&[2, 0, 0, 0, b'a', b'b', 1, 0, 0, 0, b'c', 0, 0, 0, 0]);
    let empty = [&[ROW][..], &0_u64.to_le_bytes(), &[0, 0, 0, 0]].concat();
    let mut data = [&row[..], &empty, &row].concat();
    let mut tile = Tile::new(CHUNKED.to_vec());
    assert_eq!(tile.scan(&mut data, 10).unwrap().length, data.len());
    let text = Some(b"abc".to_vec());
    assert_eq!(found(&tile, &data, 0), [text.clone(), Some(Vec::new()), text]);
}

#[test]
fn a_total_that_is_not_the_sum_of_the_chunks_is_refused() {
    for total in [0_u64, 2, 4, 1 << 40] {
        let mut data =
            [&[ROW][..], &total.to_le_bytes(), &[3, 0, 0, 0, 1, 2, 3, 0, 0, 0, 0]].concat();
        let fault = Tile::new(CHUNKED.to_vec()).scan(&mut data, 1).unwrap_err();
        assert!(matches!(fault, Fault::Invalid(_)), "{total}");
    }
}

#[test]
fn a_tile_takes_no_more_rows_than_wanted() {
    let mut data = [ROW, 7].repeat(3_000);
    let mut tile = Tile::new(vec![Layout::Fixed(1)]);
    let scan = tile.scan(&mut data, 10).unwrap();
    assert_eq!((scan, tile.rows()), (Scan { length: 20, end: ScanEnd::Full }, 10));
    let scan = tile.scan(&mut data, usize::MAX).unwrap();
    assert_eq!((scan.end, tile.rows()), (ScanEnd::Full, TILE_ROWS));
}

#[test]
fn random_bytes_never_panic_and_never_leave_the_buffer() {
    let layouts = mixed().0;
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    let mut rows = 0;
    for _ in 0..20_000 {
        let length = (next() % 96) as usize;
        let mut data: Vec<u8> = (0..length)
            // Small numbers make plausible lengths.
            .map(|_| if next() % 3 == 0 { next() as u8 } else { (next() % 4) as u8 })
            .collect();
        if let Some(first) = data.first_mut() {
            *first = if next() % 2 == 0 { ROW } else { NBC_ROW };
        }
        let count = 1 + (next() % 7) as usize;
        let mut tile = Tile::new(layouts[7 - count..].to_vec());
        if let Ok(scan) = tile.scan(&mut data, 10) {
            assert!(scan.length <= data.len());
            rows += tile.rows();
            for column in 0..count {
                found(&tile, &data, column);
            }
        }
    }
    assert!(rows > 1_000, "the bytes should be plausible enough to make rows: {rows}");
}
