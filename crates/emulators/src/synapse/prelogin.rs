//! PRELOGIN: what a client can do before it logs in, and what this server makes of it.
//!
//! Spec: MS-TDS 2.2.6.5

use super::cursor::{Cursor, ProtocolError};

/// What a client offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct PreLogin {
    pub(super) encryption: Encryption,
    /// Whether the client asked if it should authenticate with a token.
    pub(super) offers_fedauth: bool,
    /// Whether the client asks for multiple active result sets.
    offers_mars: bool,
}

/// What a client wants of TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Encryption {
    /// For the login only, unless the server wants more.
    Off,
    On,
    NotSupported,
    Required,
}

impl PreLogin {
    pub(super) fn parse(payload: &[u8]) -> Result<Self, ProtocolError> {
        let mut options = Cursor::new(payload);
        let mut parsed = Self {
            encryption: Encryption::NotSupported,
            offers_fedauth: false,
            offers_mars: false,
        };
        loop {
            let option = options.u8()?;
            if option == option::TERMINATOR {
                return Ok(parsed);
            }
            let offset = usize::from(options.u16_be()?);
            let length = usize::from(options.u16_be()?);
            let data = offset
                .checked_add(length)
                .and_then(|end| payload.get(offset..end))
                .ok_or(ProtocolError("an option of PRELOGIN lies outside of it"))?;
            match (option, data.first()) {
                (option::ENCRYPTION, Some(wanted)) => {
                    // The upper bits speak of client certificates, which SQL Server ignores too.
                    parsed.encryption = match wanted & 0x0f {
                        0 => Encryption::Off,
                        1 => Encryption::On,
                        2 => Encryption::NotSupported,
                        // 5 is TDS 8, which has begun with TLS.
                        3 | 5 => Encryption::Required,
                        _ => return Err(ProtocolError("an unknown kind of encryption is wanted")),
                    };
                }
                (option::FEDAUTH_REQUIRED, Some(wanted)) => parsed.offers_fedauth = *wanted == 1,
                (option::MARS, Some(wanted)) => parsed.offers_mars = *wanted == 1,
                _ => {}
            }
        }
    }

    /// The answer: TLS for everything, as Azure wants it, and no multiple active result sets.
    pub(super) fn answer(&self, strict: bool) -> Vec<u8> {
        let encryption = match (strict, self.encryption) {
            (true, _) => STRICT,
            (false, Encryption::On) => 1,
            (false, _) => 3,
        };
        let [major, minor, build_high, build_low] = SERVER_VERSION;
        let mut options: Vec<(u8, Vec<u8>)> = vec![
            (option::VERSION, vec![major, minor, build_high, build_low, 0, 0]),
            (option::ENCRYPTION, vec![encryption]),
            (option::INSTANCE, vec![0]),
            (option::THREAD_ID, Vec::new()),
        ];
        if self.offers_mars {
            options.push((option::MARS, vec![0]));
        }
        // Microsoft's driver refuses logins with a password if this was answered without being
        // asked for.
        if self.offers_fedauth {
            options.push((option::FEDAUTH_REQUIRED, vec![1]));
        }
        let mut offset = options.len() * OPTION_BYTES + 1;
        let mut answer = Vec::new();
        for (option, data) in &options {
            answer.push(*option);
            // Both are small numbers: all options together have a few dozen bytes.
            answer.extend_from_slice(&u16::try_from(offset).unwrap_or(u16::MAX).to_be_bytes());
            answer.extend_from_slice(&u16::try_from(data.len()).unwrap_or(u16::MAX).to_be_bytes());
            offset += data.len();
        }
        answer.push(option::TERMINATOR);
        for (_, data) in options {
            answer.extend(data);
        }
        answer
    }
}

/// Major, minor and two bytes of build: what Azure SQL and Synapse call themselves.
pub(super) const SERVER_VERSION: [u8; 4] = [12, 0, 0x07, 0xd0];

const STRICT: u8 = 0x05;

/// Type, offset and length of an option.
const OPTION_BYTES: usize = 5;

mod option {
    pub(super) const VERSION: u8 = 0x00;
    pub(super) const ENCRYPTION: u8 = 0x01;
    pub(super) const INSTANCE: u8 = 0x02;
    pub(super) const THREAD_ID: u8 = 0x03;
    pub(super) const MARS: u8 = 0x04;
    pub(super) const FEDAUTH_REQUIRED: u8 = 0x06;
    pub(super) const TERMINATOR: u8 = 0xff;
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of MS-TDS 4.1 without its packet header.
    const EXAMPLE: [u8; 39] = [
        0x00, 0x00, 0x1a, 0x00, 0x06, 0x01, 0x00, 0x20, 0x00, 0x01, 0x02, 0x00, 0x21, 0x00, 0x01,
        0x03, 0x00, 0x22, 0x00, 0x04, 0x04, 0x00, 0x26, 0x00, 0x01, 0xff, 0x09, 0x00, 0x00, 0x00,
        0x00, 0x00, 0x01, 0x00, 0xb8, 0x0d, 0x00, 0x00, 0x01,
    ];

    #[test]
    fn the_example_of_the_specification_is_read() {
        let parsed = PreLogin::parse(&EXAMPLE).unwrap();
        assert_eq!(parsed.encryption, Encryption::On);
        assert!(parsed.offers_mars);
        assert!(!parsed.offers_fedauth);
    }

    #[test]
    fn an_option_outside_of_the_message_is_refused() {
        for length in 0..EXAMPLE.len() {
            PreLogin::parse(&EXAMPLE[..length]).unwrap_err();
        }
    }

    #[test]
    fn fedauth_is_answered_only_if_it_was_offered() {
        let offered = [0x06, 0x00, 0x06, 0x00, 0x01, 0xff, 0x01];
        for (payload, expected) in [(&EXAMPLE[..], None), (&offered[..], Some(1))] {
            let answer = PreLogin::parse(payload).unwrap().answer(false);
            let found = answer
                .chunks(5)
                .take_while(|one| one[0] != 0xff)
                .find(|one| one[0] == option::FEDAUTH_REQUIRED)
                .map(|one| answer[usize::from(one[2])]);
            assert_eq!(found, expected);
        }
    }

    #[test]
    fn a_client_without_tls_is_told_that_it_is_required() {
        let off = [0x01, 0x00, 0x06, 0x00, 0x01, 0xff, 0x00];
        let answer = PreLogin::parse(&off).unwrap().answer(false);
        assert_eq!(answer[5], option::ENCRYPTION);
        assert_eq!(answer[usize::from(answer[7])], 3);
    }
}
