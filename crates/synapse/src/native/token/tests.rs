//! Vectors by hand from the grammar in MS-TDS 2.2.7.

use super::*;

/// Reads `bytes` followed by the start of another token, and checks every truncation.
#[track_caller]
fn check(bytes: &[u8], expected: Token) {
    let more = [bytes, &[0xFD, 0x00]].concat();
    assert_eq!(parse(&more), Ok((expected, bytes.len())));
    for length in 0..bytes.len() {
        assert_eq!(parse(&bytes[..length]), Err(Fault::Short), "at {length}");
    }
}

#[test]
fn done_tells_whether_more_follows() {
    let done = |last, failed, row_count| Token::Done(Done { last, failed, row_count });
    check(&[0xFD, 0x10, 0, 0xC1, 0, 7, 0, 0, 0, 0, 0, 0, 0], done(true, false, Some(7)));
    check(&[0xFD, 0x01, 0, 0xC1, 0, 7, 0, 0, 0, 0, 0, 0, 0], done(false, false, None));
    check(&[0xFE, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], done(true, true, None));
    // Synapse sends DONEINPROC without the "more" bit before LOGINACK.
    check(&[0xFF, 0x00, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], done(false, false, None));
}

#[test]
fn an_error_keeps_all_its_parts() {
    let mut body = vec![0xD0, 0x00, 0, 0, 1, 16, 2, 0, b'n', 0, b'o', 0];
    body.extend_from_slice(&[1, b's', 0, 1, b'p', 0, 3, 0, 0, 0]);
    let length = u8::try_from(body.len()).unwrap();
    let message = ServerMessage {
        number: 208,
        state: 1,
        class: 16,
        text: "no".to_owned(),
        server: "s".to_owned(),
        procedure: "p".to_owned(),
        line: 3,
    };
    check(&[&[0xAA, length, 0][..], &body].concat(), Token::Error(message.clone()));
    check(&[&[0xAB, length, 0][..], &body].concat(), Token::Info(message));
}

#[test]
fn changes_of_the_environment_are_read() {
    // "4096" in place of "8", then the old value.
    let packet = [0xE3, 13, 0, 4, 4, b'4', 0, b'0', 0, b'9', 0, b'6', 0, 1, b'8', 0];
    check(&packet, Token::Environment(Change::PacketBytes(4_096)));
    // TCP, port 11000, "h"; no old value.
    let route = [0xE3, 12, 0, 20, 7, 0, 0, 0xF8, 0x2A, 1, 0, b'h', 0, 0, 0];
    let expected = Change::Route { host: "h".to_owned(), port: 11_000 };
    check(&route, Token::Environment(expected));
    // The database's name.
    check(&[0xE3, 5, 0, 1, 1, b'd', 0, 0], Token::Environment(Change::Other));
}

#[test]
fn what_matters_to_nobody_is_skipped_whole() {
    check(&[0x79, 0, 0, 0, 0], Token::Skipped);
    check(&[0xA9, 2, 0, 1, 0], Token::Skipped);
    check(&[0xE4, 5, 0, 0, 0, 1, 2, 3, 4, 5], Token::Skipped);
    check(&[0xAE, 2, 0, 0, 0, 0, 0x0A, 1, 0, 0, 0, 1, 0xFF], Token::Skipped);
    check(&[0xAD, 2, 0, 1, 0], Token::LoginAck);
    check(&[0x81, 0xFF, 0xFF], Token::Columns(None));
}

#[test]
fn broken_tokens_are_refused() {
    for bytes in [
        &[0x00][..],
        &[0x88, 0, 0],
        // An error whose text is longer than the token.
        &[0xAA, 8, 0, 1, 0, 0, 0, 1, 16, 9, 0],
        // A packet size of "x".
        &[0xE3, 5, 0, 4, 1, b'x', 0, 0],
        // A redirect to port 0.
        &[0xE3, 12, 0, 20, 7, 0, 0, 0, 0, 1, 0, b'h', 0, 0, 0],
    ] {
        assert!(matches!(parse(bytes), Err(Fault::Invalid(_))), "{bytes:02x?}");
    }
}
