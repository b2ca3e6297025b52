//! LOGIN7 and the token message that may follow it: who wants in, with what, to which database.
//!
//! Spec: MS-TDS 2.2.6.4 and 2.2.6.3

use std::fmt;

use zeroize::Zeroizing;

use super::cursor::{Cursor, ProtocolError, secret_utf16, utf16};

/// A login request.
#[derive(Debug)]
pub(super) struct Login {
    pub(super) tds_version: u32,
    /// What the client asks for; 0 leaves it to the server.
    pub(super) packet_bytes: u32,
    pub(super) server_name: String,
    pub(super) database: String,
    pub(super) application: String,
    pub(super) credential: Credential,
    /// Whether the client says that it can take UTF-8 text, if it says anything about it.
    pub(super) utf8: Option<bool>,
}

/// What the client proves itself with.
pub(super) enum Credential {
    Password {
        user: String,
        password: Zeroizing<String>,
    },
    /// A token within the login itself.
    Token(FedAuthToken),
    /// The client gets itself a token once the server has told it where and for what.
    TokenLater,
    /// Windows authentication, which Azure has not.
    Integrated,
}

/// A token, and the nonce that binds it to this connection if the client uses one.
pub(super) struct FedAuthToken {
    pub(super) token: Zeroizing<String>,
    pub(super) nonce: Option<[u8; NONCE_BYTES]>,
}

impl Login {
    pub(super) fn parse(payload: &[u8]) -> Result<Self, ProtocolError> {
        let mut fixed = Cursor::new(payload);
        if fixed.u32()? as usize != payload.len() {
            return Err(ProtocolError("LOGIN7 has another length than it says"));
        }
        let tds_version = fixed.u32()?;
        let packet_bytes = fixed.u32()?;
        fixed.bytes(12)?; // program version, process id, connection id
        let _flags1 = fixed.u8()?;
        let flags2 = fixed.u8()?;
        let _type_flags = fixed.u8()?;
        let flags3 = fixed.u8()?;
        fixed.bytes(8)?; // time zone, locale
        let table = Table { payload };
        let _client = table.entry(&mut fixed)?;
        let user = utf16(table.text(&mut fixed)?)?;
        let password = reveal(table.text(&mut fixed)?)?;
        let application = utf16(table.text(&mut fixed)?)?;
        let server_name = utf16(table.text(&mut fixed)?)?;
        let (extension_offset, extension_bytes) = table.entry(&mut fixed)?;
        let _library = table.entry(&mut fixed)?;
        let _language = table.entry(&mut fixed)?;
        let database = utf16(table.text(&mut fixed)?)?;

        let mut features = Features::default();
        if flags3 & HAS_EXTENSION != 0 {
            let pointer = table.range(extension_offset, extension_bytes)?;
            let offset = Cursor::new(pointer).u32()? as usize;
            features = Features::parse(payload.get(offset..).unwrap_or_default())?;
        }
        let credential = match features.fedauth {
            Some(credential) => credential,
            None if flags2 & INTEGRATED_SECURITY != 0 => Credential::Integrated,
            None => Credential::Password { user, password },
        };
        Ok(Self {
            tds_version,
            packet_bytes,
            server_name,
            database,
            application,
            credential,
            utf8: features.utf8,
        })
    }
}

impl FedAuthToken {
    /// Reads the message that a client sends after it was told where to get a token.
    pub(super) fn parse_message(payload: &[u8]) -> Result<Self, ProtocolError> {
        let mut message = Cursor::new(payload);
        if message.u32()? as usize != payload.len() - 4 {
            return Err(ProtocolError("a token message has another length than it says"));
        }
        Self::parse(&mut message)
    }

    fn parse(data: &mut Cursor<'_>) -> Result<Self, ProtocolError> {
        let mut token = secret_utf16(data.l_varbyte()?)?;
        // Microsoft's driver sends the NUL that ends its string along.
        let end = token.trim_end_matches('\0').len();
        token.truncate(end);
        let nonce = match data.rest() {
            [] => None,
            rest => Some(
                rest.try_into()
                    .map_err(|_| ProtocolError("the nonce beside a token has not 32 bytes"))?,
            ),
        };
        Ok(Self { token, nonce })
    }
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Password { .. } => "Password",
            Self::Token(_) => "Token",
            Self::TokenLater => "TokenLater",
            Self::Integrated => "Integrated",
        })
    }
}

/// The variable part of LOGIN7, to which the fixed part points.
struct Table<'a> {
    payload: &'a [u8],
}

impl<'a> Table<'a> {
    fn entry(&self, fixed: &mut Cursor<'_>) -> Result<(usize, usize), ProtocolError> {
        Ok((usize::from(fixed.u16()?), usize::from(fixed.u16()?)))
    }

    /// The bytes of a text, whose length counts UTF-16 units.
    fn text(&self, fixed: &mut Cursor<'_>) -> Result<&'a [u8], ProtocolError> {
        let (offset, units) = self.entry(fixed)?;
        self.range(offset, units * 2)
    }

    fn range(&self, offset: usize, length: usize) -> Result<&'a [u8], ProtocolError> {
        if length == 0 {
            return Ok(&[]);
        }
        self.payload
            .get(offset..offset + length)
            .ok_or(ProtocolError("a field of LOGIN7 lies outside of it"))
    }
}

/// The feature extension.
#[derive(Default)]
struct Features {
    fedauth: Option<Credential>,
    utf8: Option<bool>,
}

impl Features {
    fn parse(data: &[u8]) -> Result<Self, ProtocolError> {
        let mut features = Self::default();
        let mut data = Cursor::new(data);
        loop {
            let id = data.u8()?;
            if id == feature::TERMINATOR {
                return Ok(features);
            }
            let mut feature = Cursor::new(data.l_varbyte()?);
            match id {
                feature::FEDAUTH => features.fedauth = Some(fedauth(&mut feature)?),
                feature::UTF8 => features.utf8 = Some(feature.peek() == Some(1)),
                _ => {}
            }
        }
    }
}

fn fedauth(feature: &mut Cursor<'_>) -> Result<Credential, ProtocolError> {
    // The lowest bit repeats what PRELOGIN answered.
    match feature.u8()? >> 1 {
        library::SECURITY_TOKEN => FedAuthToken::parse(feature).map(Credential::Token),
        library::ADAL => Ok(Credential::TokenLater),
        _ => Err(ProtocolError("an unknown library for tokens is named")),
    }
}

/// Undoes what hides a password from those who only glance at a packet.
fn reveal(hidden: &[u8]) -> Result<Zeroizing<String>, ProtocolError> {
    let bytes: Zeroizing<Vec<u8>> =
        Zeroizing::new(hidden.iter().map(|byte| (byte ^ 0xa5).rotate_left(4)).collect());
    secret_utf16(&bytes)
}

pub(super) const NONCE_BYTES: usize = 32;

/// The ids of the features that are more than skipped.
pub(super) mod feature {
    pub(crate) const FEDAUTH: u8 = 0x02;
    pub(crate) const UTF8: u8 = 0x0a;
    pub(crate) const TERMINATOR: u8 = 0xff;
}

mod library {
    pub(super) const SECURITY_TOKEN: u8 = 0x01;
    pub(super) const ADAL: u8 = 0x02;
}

const INTEGRATED_SECURITY: u8 = 0x80;
const HAS_EXTENSION: u8 = 0x10;

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of MS-TDS 4.2 without its packet header: user `sa`, no password.
    pub(super) const EXAMPLE: &[u8] = &[
        0x88, 0x00, 0x00, 0x00, 0x02, 0x00, 0x09, 0x72, 0x00, 0x10, 0x00, 0x00, 0x00, 0x00, 0x00,
        0x07, 0x00, 0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0xe0, 0x03, 0x00, 0x00, 0xe0, 0x01,
        0x00, 0x00, 0x09, 0x04, 0x00, 0x00, 0x5e, 0x00, 0x08, 0x00, 0x6e, 0x00, 0x02, 0x00, 0x72,
        0x00, 0x00, 0x00, 0x72, 0x00, 0x07, 0x00, 0x80, 0x00, 0x00, 0x00, 0x80, 0x00, 0x00, 0x00,
        0x80, 0x00, 0x04, 0x00, 0x88, 0x00, 0x00, 0x00, 0x88, 0x00, 0x00, 0x00, 0x00, 0x50, 0x8b,
        0xe2, 0xb7, 0x8f, 0x88, 0x00, 0x00, 0x00, 0x88, 0x00, 0x00, 0x00, 0x88, 0x00, 0x00, 0x00,
        0x00, 0x00, 0x00, 0x00, 0x73, 0x00, 0x6b, 0x00, 0x6f, 0x00, 0x73, 0x00, 0x74, 0x00, 0x6f,
        0x00, 0x76, 0x00, 0x31, 0x00, 0x73, 0x00, 0x61, 0x00, 0x4f, 0x00, 0x53, 0x00, 0x51, 0x00,
        0x4c, 0x00, 0x2d, 0x00, 0x33, 0x00, 0x32, 0x00, 0x4f, 0x00, 0x44, 0x00, 0x42, 0x00, 0x43,
        0x00,
    ];

    #[test]
    fn the_example_of_the_specification_is_read() {
        let login = Login::parse(EXAMPLE).unwrap();
        assert_eq!(login.packet_bytes, 4096);
        assert_eq!(login.application, "OSQL-32");
        let Credential::Password { user, password } = login.credential else { panic!() };
        assert_eq!((user.as_str(), password.as_str()), ("sa", ""));
    }

    #[test]
    fn a_login_that_points_outside_of_itself_is_refused() {
        for length in 0..EXAMPLE.len() {
            Login::parse(&EXAMPLE[..length]).unwrap_err();
        }
        for field in (36..72).step_by(4) {
            let mut login = EXAMPLE.to_vec();
            login[field] = 0xff;
            login[field + 1] = 0xff;
            login[field + 2] = 0xff;
            // Fields that nobody reads may say what they like; none may make it panic.
            drop(Login::parse(&login));
        }
    }

    #[test]
    fn a_password_is_revealed() {
        // "ab" as FreeTDS hides it: each byte with its halves swapped, then xor 0xa5.
        let password = reveal(&[0xb3, 0xa5, 0x83, 0xa5]).unwrap();
        assert_eq!(password.as_str(), "ab");
    }

    #[test]
    fn debug_shows_no_credential() {
        let credential =
            Credential::Password { user: "sa".into(), password: Zeroizing::new("geheim".into()) };
        assert_eq!(format!("{credential:?}"), "Password");
    }

    #[test]
    fn a_token_message_is_read_with_and_without_a_nonce() {
        let token = [8, 0, 0, 0, 4, 0, 0, 0, b'e', 0, b'y', 0];
        let parsed = FedAuthToken::parse_message(&token).unwrap();
        assert_eq!((parsed.token.as_str(), parsed.nonce), ("ey", None));
        let terminated = [10, 0, 0, 0, 6, 0, 0, 0, b'e', 0, b'y', 0, 0, 0];
        assert_eq!(FedAuthToken::parse_message(&terminated).unwrap().token.as_str(), "ey");

        let mut bound = token.to_vec();
        bound[0] += 32;
        bound.extend([7; 32]);
        assert_eq!(FedAuthToken::parse_message(&bound).unwrap().nonce, Some([7; 32]));

        bound.pop();
        bound[0] -= 1;
        assert!(FedAuthToken::parse_message(&bound).is_err());
        assert!(FedAuthToken::parse_message(&[1, 0]).is_err());
    }
}
