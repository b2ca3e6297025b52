//! Distinguished names: the subject of what is made here, and the text form of what is read.

use std::{fmt, str::FromStr};

use openssl::{
    nid::Nid,
    x509::{X509Name, X509NameEntryRef, X509NameRef},
};

use crate::error::{Error, Result};

/// The subject of a certificate or of a request.
///
/// Its text form is that of RFC 4514: the most specific attribute first (`CN=node-1,OU=Data,O=Contoso,C=SE`),
/// with `\` before special characters.
///
/// ```
/// use azconnect_cert_tools::{Attribute, DistinguishedName};
///
/// let name = DistinguishedName::common_name("node-1")?.with(Attribute::Organization, "Contoso, Ltd")?;
/// assert_eq!(name.to_string(), r"CN=node-1,O=Contoso\, Ltd");
/// assert_eq!(name.to_string().parse::<DistinguishedName>()?, name);
/// # Ok::<(), azconnect_cert_tools::Error>(())
/// ```
///
/// Spec: <https://www.rfc-editor.org/rfc/rfc4514>
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DistinguishedName {
    /// In the order of the text form, which is the reverse of the encoded one.
    attributes: Vec<(Attribute, String)>,
}

/// An attribute that [`DistinguishedName`] can carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Attribute {
    /// `CN`, up to 64 characters: the name by which people know the certificate.
    CommonName,
    /// `C`, exactly two letters.
    Country,
    /// `DC`, up to 63 characters.
    DomainComponent,
    /// `L`, up to 128 characters.
    Locality,
    /// `O`, up to 64 characters.
    Organization,
    /// `OU`, up to 64 characters.
    OrganizationalUnit,
    /// `ST`, up to 128 characters.
    StateOrProvince,
}

impl DistinguishedName {
    /// A name that consists of a common name.
    ///
    /// # Errors
    /// - `InvalidInput`: `name` is empty, over 64 characters, or has control characters.
    pub fn common_name(name: impl Into<String>) -> Result<Self> {
        Self { attributes: Vec::new() }.with(Attribute::CommonName, name)
    }

    /// Adds an attribute at the right of the text form, that is, above those already there.
    ///
    /// # Errors
    /// - `InvalidInput`: `value` is empty, longer than `attribute` allows, or has control characters.
    pub fn with(mut self, attribute: Attribute, value: impl Into<String>) -> Result<Self> {
        let value = value.into();
        let length = value.chars().count();
        if !attribute.lengths().contains(&length) || value.chars().any(char::is_control) {
            return Err(Error::invalid(format!(
                "`{}` cannot be the {} of a name: {} to {} printable characters are expected",
                value.escape_debug(),
                attribute.short_name(),
                attribute.lengths().start(),
                attribute.lengths().end(),
            )));
        }
        self.attributes.push((attribute, value));
        Ok(self)
    }

    pub(crate) fn to_openssl(&self) -> Result<X509Name> {
        let build = || {
            let mut builder = X509Name::builder()?;
            for (attribute, value) in self.attributes.iter().rev() {
                builder.append_entry_by_nid(attribute.nid(), value)?;
            }
            Ok(builder.build())
        };
        // What is left to refuse after our own checks is an alphabet, such as that of a country.
        build().map_err(|stack| {
            Error::invalid(format!("cannot encode the name `{self}`")).with_openssl(stack)
        })
    }
}

impl fmt::Display for DistinguishedName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (attribute, value)) in self.attributes.iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            write!(formatter, "{comma}{}={}", attribute.short_name(), escape(value))?;
        }
        Ok(())
    }
}

impl FromStr for DistinguishedName {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let mut name = Self { attributes: Vec::new() };
        let mut rest = text;
        loop {
            let (key, value) = rest.split_once('=').ok_or_else(|| not_a_name(text))?;
            let attribute =
                Attribute::from_short_name(key.trim()).ok_or_else(|| not_a_name(text))?;
            let (value, after) = unescape(value).ok_or_else(|| not_a_name(text))?;
            name = name.with(attribute, value)?;
            match after {
                Some(after) => rest = after,
                None => return Ok(name),
            }
        }
    }
}

impl Attribute {
    const ALL: [Self; 7] = [
        Self::CommonName,
        Self::Country,
        Self::DomainComponent,
        Self::Locality,
        Self::Organization,
        Self::OrganizationalUnit,
        Self::StateOrProvince,
    ];

    fn short_name(self) -> &'static str {
        match self {
            Self::CommonName => "CN",
            Self::Country => "C",
            Self::DomainComponent => "DC",
            Self::Locality => "L",
            Self::Organization => "O",
            Self::OrganizationalUnit => "OU",
            Self::StateOrProvince => "ST",
        }
    }

    fn from_short_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|attribute| attribute.short_name().eq_ignore_ascii_case(name))
    }

    /// Upper bounds of RFC 5280, which readers enforce. Spec: <https://www.rfc-editor.org/rfc/rfc5280#appendix-A.1>
    fn lengths(self) -> std::ops::RangeInclusive<usize> {
        match self {
            Self::Country => 2..=2,
            Self::DomainComponent => 1..=63,
            Self::CommonName | Self::Organization | Self::OrganizationalUnit => 1..=64,
            Self::Locality | Self::StateOrProvince => 1..=128,
        }
    }

    fn nid(self) -> Nid {
        match self {
            Self::CommonName => Nid::COMMONNAME,
            Self::Country => Nid::COUNTRYNAME,
            Self::DomainComponent => Nid::DOMAINCOMPONENT,
            Self::Locality => Nid::LOCALITYNAME,
            Self::Organization => Nid::ORGANIZATIONNAME,
            Self::OrganizationalUnit => Nid::ORGANIZATIONALUNITNAME,
            Self::StateOrProvince => Nid::STATEORPROVINCENAME,
        }
    }
}

/// Writes any name in the form of RFC 4514, whatever attributes it has.
///
/// OpenSSL's safe interface does not tell which attributes share one relative name, so `+` is written as `,`.
pub(crate) fn to_text(name: &X509NameRef) -> String {
    let mut entries: Vec<String> = name.entries().map(entry_to_text).collect();
    entries.reverse();
    entries.join(",")
}

fn entry_to_text(entry: &X509NameEntryRef) -> String {
    let object = entry.object();
    let key = match object.nid() {
        Nid::UNDEF => object.to_string(),
        nid => nid.short_name().map_or_else(|_| object.to_string(), str::to_owned),
    };
    let value = entry.data().to_string().unwrap_or_else(|_| "\u{fffd}".to_owned());
    format!("{key}={}", escape(&value))
}

/// Spec: <https://www.rfc-editor.org/rfc/rfc4514#section-2.4>
fn escape(value: &str) -> String {
    let last = value.chars().count().saturating_sub(1);
    let mut escaped = String::with_capacity(value.len());
    for (index, character) in value.chars().enumerate() {
        match character {
            ',' | '+' | '"' | '\\' | '<' | '>' | ';' => escaped.extend(['\\', character]),
            ' ' if index == 0 || index == last => escaped.push_str("\\ "),
            '#' if index == 0 => escaped.push_str("\\#"),
            // Control characters would let a certificate write over the terminal that shows it.
            control if control.is_control() => {
                let mut bytes = [0; 4];
                for byte in control.encode_utf8(&mut bytes).bytes() {
                    escaped.push_str(&format!("\\{byte:02X}"));
                }
            }
            other => escaped.push(other),
        }
    }
    escaped
}

/// Reads one value up to an unescaped comma; returns it and what follows the comma.
///
/// `None` for what this crate does not write: quoted values, several attributes in one relative name, `#` forms.
fn unescape(text: &str) -> Option<(String, Option<&str>)> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut kept = 0;
    let mut characters = text.char_indices();
    let mut after = None;
    while let Some((index, character)) = characters.next() {
        match character {
            ',' => {
                after = Some(text.get(index + 1..)?);
                break;
            }
            '+' | '"' | ';' | '<' | '>' => return None,
            '#' if bytes.is_empty() => return None,
            ' ' if bytes.is_empty() => {}
            '\\' => {
                let (_, escaped) = characters.next()?;
                if let Some(high) = escaped.to_digit(16) {
                    let (_, low) = characters.next()?;
                    bytes.push(u8::try_from(high << 4 | low.to_digit(16)?).ok()?);
                } else {
                    bytes.extend_from_slice(escaped.encode_utf8(&mut [0; 4]).as_bytes());
                }
                kept = bytes.len();
            }
            other => {
                bytes.extend_from_slice(other.encode_utf8(&mut [0; 4]).as_bytes());
                if other != ' ' {
                    kept = bytes.len();
                }
            }
        }
    }
    bytes.truncate(kept);
    Some((String::from_utf8(bytes).ok()?, after))
}

fn not_a_name(text: &str) -> Error {
    Error::invalid(format!("`{}` is not a distinguished name", text.escape_debug()))
        .with_hint("write it as `CN=name,OU=unit,O=organization,C=SE`; known attributes are CN, OU, O, L, ST, C and DC")
}

#[cfg(test)]
mod tests;
