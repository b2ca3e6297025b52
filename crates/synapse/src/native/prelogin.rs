//! PRELOGIN: whether to encrypt, and which kind of login is coming.
//!
//! Spec: <https://learn.microsoft.com/openspecs/windows_protocols/ms-tds/60f56408-0188-4cd5-8b90-25c6f2423868>

use super::cursor::{Cursor, Fault};

const VERSION: u8 = 0x00;
const ENCRYPTION: u8 = 0x01;
const INSTANCE: u8 = 0x02;
const THREAD_ID: u8 = 0x03;
const MARS: u8 = 0x04;
const FED_AUTH_REQUIRED: u8 = 0x06;
const TERMINATOR: u8 = 0xFF;

const ENCRYPT_ON: u8 = 0x01;
const ENCRYPT_REQUIRED: u8 = 0x03;

/// What the server answered.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct PreloginReply {
    pub(super) encrypts: bool,
    /// The server echoes the client's wish to log in with a token.
    pub(super) fed_auth_required: bool,
}

/// The client's PRELOGIN message: encryption on, and `token_login` if a token will follow.
pub(super) fn request(token_login: bool) -> Vec<u8> {
    let process = std::process::id().to_be_bytes();
    let mut options: Vec<(u8, &[u8])> = vec![
        (VERSION, &[0, 1, 0, 0, 0, 0]),
        (ENCRYPTION, &[ENCRYPT_ON]),
        (INSTANCE, &[0]),
        (THREAD_ID, &process),
        (MARS, &[0]),
    ];
    if token_login {
        options.push((FED_AUTH_REQUIRED, &[1]));
    }

    // Each entry of the table: option, offset and length of its data (big-endian).
    let mut data_offset = options.len() * 5 + 1;
    let mut message = Vec::with_capacity(64);
    for (option, data) in &options {
        message.push(*option);
        message.extend_from_slice(&short(data_offset));
        message.extend_from_slice(&short(data.len()));
        data_offset += data.len();
    }
    message.push(TERMINATOR);
    for (_, data) in &options {
        message.extend_from_slice(data);
    }
    message
}

/// Reads the server's PRELOGIN message.
pub(super) fn parse_reply(message: &[u8]) -> Result<PreloginReply, Fault> {
    let mut reply = PreloginReply::default();
    let mut cursor = Cursor::new(message);
    loop {
        let option = cursor.u8()?;
        if option == TERMINATOR {
            return Ok(reply);
        }
        let offset = usize::from(cursor.u16_be()?);
        let length = usize::from(cursor.u16_be()?);
        let data = message.get(offset..offset + length).ok_or(Fault::Short)?;
        match (option, data) {
            (ENCRYPTION, [value, ..]) => {
                reply.encrypts = matches!(*value, ENCRYPT_ON | ENCRYPT_REQUIRED);
            }
            (FED_AUTH_REQUIRED, [value, ..]) => reply.fed_auth_required = *value == 1,
            _ => {}
        }
    }
}

fn short(value: usize) -> [u8; 2] {
    // A PRELOGIN message has some 60 bytes.
    u16::try_from(value).unwrap_or(u16::MAX).to_be_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The server's message of the example in MS-TDS 4.2, with ENCRYPTION set to "on".
    const REPLY: [u8; 43 - 8] = [
        0x00, 0x00, 0x1A, 0x00, 0x06, 0x01, 0x00, 0x20, 0x00, 0x01, 0x02, 0x00, 0x21, 0x00, 0x01,
        0x03, 0x00, 0x22, 0x00, 0x00, 0x04, 0x00, 0x22, 0x00, 0x01, 0xFF, 0x09, 0x00, 0x00, 0x00,
        0x00, 0x00, 0x01, 0x00, 0x00,
    ];

    #[test]
    fn the_specification_example_is_read() {
        let reply = parse_reply(&REPLY).unwrap();
        assert_eq!(reply, PreloginReply { encrypts: true, fed_auth_required: false });
    }

    #[test]
    fn every_truncation_is_an_error() {
        for length in 0..REPLY.len() - 1 {
            parse_reply(&REPLY[..length]).unwrap_err();
        }
    }

    #[test]
    fn a_server_without_encryption_is_seen() {
        for (value, encrypts) in [(0, false), (1, true), (2, false), (3, true)] {
            let mut message = REPLY;
            message[0x20] = value;
            assert_eq!(parse_reply(&message).unwrap().encrypts, encrypts, "{value}");
        }
    }

    #[test]
    fn the_request_offers_a_token_login_only_when_one_comes() {
        // The table lists option 6 and its byte is the message's last.
        let with = request(true);
        assert_eq!(with[25], FED_AUTH_REQUIRED);
        assert_eq!(with[30], TERMINATOR);
        assert_eq!(with.last(), Some(&1));
        assert_eq!(request(false)[25], TERMINATOR);
    }
}
