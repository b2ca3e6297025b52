//! LOGIN7, with a password or with an access token.
//!
//! Spec: <https://learn.microsoft.com/openspecs/windows_protocols/ms-tds/773a62b6-ee89-4c02-9e5e-344882630aac>

use secrecy::{ExposeSecret, SecretString};
use zeroize::{Zeroize, Zeroizing};

/// The size of the fixed part, before the texts.
const FIXED_BYTES: usize = 94;

const TDS_7_4: u32 = 0x7400_0004;
/// Fail if the database cannot be used, and report changes of database and language.
const OPTION_FLAGS_1: u8 = 0xE0;
/// Fail if the language cannot be set, and behave as for ODBC (ANSI defaults).
const OPTION_FLAGS_2: u8 = 0x03;
/// Features follow, and collations newer than this client are understood.
const OPTION_FLAGS_3: u8 = 0x18;
const LCID_EN_US: u32 = 0x0409;

const FEATURE_FED_AUTH: u8 = 0x02;
const FEATURE_UTF8_SUPPORT: u8 = 0x0A;
const FEATURE_TERMINATOR: u8 = 0xFF;
/// The library "security token", shifted over the echo bit.
const FED_AUTH_SECURITY_TOKEN: u8 = 0x01 << 1;

/// What proves who logs in.
pub(super) enum Proof<'a> {
    /// `echo`: whether the server's PRELOGIN asked for a token login.
    Token {
        token: &'a str,
        echo: bool,
    },
    Password {
        user: &'a str,
        password: &'a SecretString,
    },
}

/// The fields of a login.
pub(super) struct Login7<'a> {
    pub(super) proof: Proof<'a>,
    pub(super) server: &'a str,
    pub(super) database: &'a str,
    pub(super) application: &'a str,
    pub(super) packet_bytes: u16,
}

/// A field is longer than the message can say.
#[derive(Debug)]
pub(super) struct TooLong(pub(super) &'static str);

impl Login7<'_> {
    /// The message's bytes; wiped when dropped, as they hold the password or token.
    pub(super) fn encode(&self) -> Result<Zeroizing<Vec<u8>>, TooLong> {
        let mut texts = Texts::new();
        texts.add("host name", "")?;
        match &self.proof {
            Proof::Token { .. } => {
                texts.add("user", "")?;
                texts.add("password", "")?;
            }
            Proof::Password { user, password } => {
                texts.add("user", user)?;
                texts.add_scrambled("password", password.expose_secret())?;
            }
        }
        texts.add("application name", self.application)?;
        texts.add("server name", self.server)?;
        // Four bytes that say where the features begin, patched below.
        let pointer = texts.add_bytes("features", &[0; 4])?;
        texts.add("client library", "azconnect")?;
        texts.add("language", "")?;
        texts.add("database", self.database)?;
        let mut data = texts.data;
        let features_offset = (FIXED_BYTES + data.len()) as u32;
        if let Some(target) = data.get_mut(pointer..pointer + 4) {
            target.copy_from_slice(&features_offset.to_le_bytes());
        }
        self.append_features(&mut data)?;

        let length =
            u32::try_from(FIXED_BYTES + data.len()).map_err(|_| TooLong("access token"))?;
        let mut message = Zeroizing::new(Vec::with_capacity(FIXED_BYTES + data.len()));
        message.extend_from_slice(&length.to_le_bytes());
        message.extend_from_slice(&TDS_7_4.to_le_bytes());
        message.extend_from_slice(&u32::from(self.packet_bytes).to_le_bytes());
        message.extend_from_slice(&0x0000_0100_u32.to_le_bytes()); // version of the client program
        message.extend_from_slice(&std::process::id().to_le_bytes());
        message.extend_from_slice(&[0; 4]); // connection id, for the primary connection
        message.extend_from_slice(&[OPTION_FLAGS_1, OPTION_FLAGS_2, 0, OPTION_FLAGS_3]);
        message.extend_from_slice(&[0; 4]); // time zone: unused by servers
        message.extend_from_slice(&LCID_EN_US.to_le_bytes());
        message.extend_from_slice(&texts.places);
        message.extend_from_slice(&[0; 6]); // client id: the network card's address, withheld
        message.extend_from_slice(&empty_place(data.len())); // SSPI
        message.extend_from_slice(&empty_place(data.len())); // database file to attach
        message.extend_from_slice(&empty_place(data.len())); // new password
        message.extend_from_slice(&[0; 4]); // length of a long SSPI
        debug_assert_eq!(message.len(), FIXED_BYTES);
        message.extend_from_slice(&data);
        Ok(message)
    }

    fn append_features(&self, data: &mut Vec<u8>) -> Result<(), TooLong> {
        if let Proof::Token { token, echo } = &self.proof {
            let mut utf16 = Zeroizing::new(Vec::with_capacity(token.len() * 2));
            utf16.extend(token.encode_utf16().flat_map(u16::to_le_bytes));
            let length = u32::try_from(utf16.len()).map_err(|_| TooLong("access token"))?;
            let total = length.checked_add(5).ok_or(TooLong("access token"))?;
            data.reserve(utf16.len() + 32);
            data.push(FEATURE_FED_AUTH);
            data.extend_from_slice(&total.to_le_bytes());
            data.push(FED_AUTH_SECURITY_TOKEN | u8::from(*echo));
            data.extend_from_slice(&length.to_le_bytes());
            data.extend_from_slice(&utf16);
        }
        data.push(FEATURE_UTF8_SUPPORT);
        data.extend_from_slice(&0_u32.to_le_bytes());
        data.push(FEATURE_TERMINATOR);
        Ok(())
    }
}

/// The variable part and the table of offsets and lengths that points into it.
struct Texts {
    places: Vec<u8>,
    data: Zeroizing<Vec<u8>>,
}

impl Texts {
    fn new() -> Self {
        // Room for all texts at once: growing would leave a copy of the password behind.
        Self { places: Vec::new(), data: Zeroizing::new(Vec::with_capacity(4_096)) }
    }

    fn add(&mut self, name: &'static str, text: &str) -> Result<(), TooLong> {
        let start = self.data.len();
        self.data.extend(text.encode_utf16().flat_map(u16::to_le_bytes));
        self.close(name, start, 2)
    }

    /// Adds a password, scrambled as the protocol wants it: half-bytes swapped, then XOR 0xA5.
    fn add_scrambled(&mut self, name: &'static str, secret: &str) -> Result<(), TooLong> {
        let start = self.data.len();
        let bytes = secret.encode_utf16().flat_map(u16::to_le_bytes);
        self.data.extend(bytes.map(|byte| byte.rotate_left(4) ^ 0xA5));
        self.close(name, start, 2)
    }

    /// Adds bytes whose length counts bytes; returns where they begin in the variable part.
    fn add_bytes(&mut self, name: &'static str, bytes: &[u8]) -> Result<usize, TooLong> {
        let start = self.data.len();
        self.data.extend_from_slice(bytes);
        self.close(name, start, 1)?;
        Ok(start)
    }

    fn close(&mut self, name: &'static str, start: usize, unit: usize) -> Result<(), TooLong> {
        let count = (self.data.len() - start) / unit;
        // No text of a login is longer than this; the server refuses it without saying which.
        if unit == 2 && count > 128 {
            self.data.zeroize();
            return Err(TooLong(name));
        }
        self.places.extend_from_slice(&place(start));
        let count = u16::try_from(count).map_err(|_| TooLong(name))?;
        self.places.extend_from_slice(&count.to_le_bytes());
        Ok(())
    }
}

fn place(start: usize) -> [u8; 2] {
    // Nine texts of at most 256 bytes each lie before it.
    u16::try_from(FIXED_BYTES + start).unwrap_or(u16::MAX).to_le_bytes()
}

fn empty_place(start: usize) -> [u8; 4] {
    let [low, high] = place(start);
    [low, high, 0, 0]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn utf16(text: &str) -> Vec<u8> {
        text.encode_utf16().flat_map(u16::to_le_bytes).collect()
    }

    fn field(message: &[u8], index: usize) -> &[u8] {
        let at = 36 + index * 4;
        let start = usize::from(u16::from_le_bytes([message[at], message[at + 1]]));
        let count = usize::from(u16::from_le_bytes([message[at + 2], message[at + 3]]));
        let unit = if index == 5 { 1 } else { 2 };
        &message[start..start + count * unit]
    }

    #[test]
    fn a_password_login_has_every_field_in_its_place() {
        let password = SecretString::from("foo");
        let login = Login7 {
            proof: Proof::Password { user: "sa", password: &password },
            server: "syn",
            database: "pubs",
            application: "app",
            packet_bytes: 32_767,
        };
        let message = login.encode().unwrap();
        assert_eq!(message[..4], u32::try_from(message.len()).unwrap().to_le_bytes());
        assert_eq!(message[4..8], [0x04, 0x00, 0x00, 0x74]);
        assert_eq!(message[8..12], [0xFF, 0x7F, 0, 0]);
        assert_eq!(field(&message, 1), utf16("sa"));
        // The scrambled form of "foo": by hand, 0x66 -> 0x66 ^ 0xA5, 0x6F -> 0xF6 ^ 0xA5.
        assert_eq!(field(&message, 2), [0xC3, 0xA5, 0x53, 0xA5, 0x53, 0xA5]);
        assert_eq!(field(&message, 3), utf16("app"));
        assert_eq!(field(&message, 4), utf16("syn"));
        assert_eq!(field(&message, 8), utf16("pubs"));
        let pointer: [u8; 4] = field(&message, 5).try_into().unwrap();
        let features = &message[usize::try_from(u32::from_le_bytes(pointer)).unwrap()..];
        assert_eq!(features, [0x0A, 0, 0, 0, 0, 0xFF]);
    }

    #[test]
    fn a_token_travels_as_the_security_token_feature() {
        for (echo, options) in [(false, 0x02), (true, 0x03)] {
            let login = Login7 {
                proof: Proof::Token { token: "ey", echo },
                server: "syn",
                database: "pubs",
                application: "app",
                packet_bytes: 4_096,
            };
            let message = login.encode().unwrap();
            let pointer: [u8; 4] = field(&message, 5).try_into().unwrap();
            let features = &message[usize::try_from(u32::from_le_bytes(pointer)).unwrap()..];
            let expected = [
                &[0x02, 9, 0, 0, 0, options, 4, 0, 0, 0][..],
                b"e\0y\0",
                &[0x0A, 0, 0, 0, 0, 0xFF],
            ];
            assert_eq!(features, expected.concat());
        }
    }

    #[test]
    fn a_field_too_long_is_named() {
        let login = Login7 {
            proof: Proof::Token { token: "t", echo: false },
            server: "syn",
            database: &"d".repeat(129),
            application: "app",
            packet_bytes: 4_096,
        };
        assert_eq!(login.encode().unwrap_err().0, "database");
    }
}
