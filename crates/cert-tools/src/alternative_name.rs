//! Subject alternative names: what a TLS client compares the host it asked for with.

use std::{fmt, net::IpAddr, str::FromStr};

use openssl::x509::{GeneralNameRef, extension::SubjectAlternativeName};

use crate::error::{Error, Result};

/// One name beside the subject that a certificate speaks for.
///
/// Parsing (`FromStr`) takes an IPv4 or IPv6 address for an address and anything else for a DNS name.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct AlternativeName(Kind);

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Kind {
    Dns(String),
    Email(String),
    Ip(IpAddr),
    Uri(String),
}

impl AlternativeName {
    /// A DNS name, such as `localhost` or `*.vault.azure.net`; the asterisk stands for exactly one label.
    ///
    /// # Errors
    /// - `InvalidInput`: the name is empty or over 253 bytes, a label is empty or over 63 bytes, it has characters
    ///   other than ASCII letters, digits, `-` and `_`, or an asterisk that is not its whole first label.
    pub fn dns(name: impl Into<String>) -> Result<Self> {
        let name = name.into();
        let labels = name.strip_prefix("*.").unwrap_or(&name);
        if name.len() <= 253 && labels.split('.').all(is_label) {
            Ok(Self(Kind::Dns(name)))
        } else {
            Err(Error::invalid(format!("`{}` is not a DNS name", name.escape_debug()))
                .with_hint("internationalized names must be in their ASCII form (`xn--…`)"))
        }
    }

    /// An IP address.
    pub fn ip(address: impl Into<IpAddr>) -> Self {
        Self(Kind::Ip(address.into()))
    }

    pub(crate) fn add_to(&self, extension: &mut SubjectAlternativeName) {
        match &self.0 {
            Kind::Dns(name) => extension.dns(name),
            Kind::Email(address) => extension.email(address),
            Kind::Ip(address) => extension.ip(&address.to_string()),
            Kind::Uri(uri) => extension.uri(uri),
        };
    }

    /// Reads the kinds of names that this type knows; directory names and other rarities are `None`.
    pub(crate) fn from_openssl(name: &GeneralNameRef) -> Option<Self> {
        let kind = if let Some(dns) = name.dnsname() {
            Kind::Dns(dns.to_owned())
        } else if let Some(bytes) = name.ipaddress() {
            Kind::Ip(address(bytes)?)
        } else if let Some(uri) = name.uri() {
            Kind::Uri(uri.to_owned())
        } else {
            Kind::Email(name.email()?.to_owned())
        };
        Some(Self(kind))
    }
}

/// Writes the name as OpenSSL's command line does, `DNS:localhost` or `IP Address:127.0.0.1`, but in short IPv6.
impl fmt::Display for AlternativeName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Dns(name) => write!(formatter, "DNS:{name}"),
            Kind::Email(address) => write!(formatter, "email:{address}"),
            Kind::Ip(address) => write!(formatter, "IP Address:{address}"),
            Kind::Uri(uri) => write!(formatter, "URI:{uri}"),
        }
    }
}

impl FromStr for AlternativeName {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        text.parse::<IpAddr>().map_or_else(|_| Self::dns(text), |address| Ok(Self::ip(address)))
    }
}

fn is_label(label: &str) -> bool {
    (1..=63).contains(&label.len())
        && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    let v4 = <[u8; 4]>::try_from(bytes).map(IpAddr::from);
    v4.or_else(|_| <[u8; 16]>::try_from(bytes).map(IpAddr::from)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;

    #[track_caller]
    fn check(text: &str, shown: Option<&str>) {
        match (text.parse::<AlternativeName>(), shown) {
            (Ok(name), Some(shown)) => assert_eq!(name.to_string(), shown),
            (Err(error), None) => assert_eq!(error.kind(), ErrorKind::InvalidInput),
            (result, _) => panic!("`{text}`: {result:?}"),
        }
    }

    #[test]
    fn names_are_parsed_as_addresses_or_dns_names() {
        check("localhost", Some("DNS:localhost"));
        check("*.vault.azure.net", Some("DNS:*.vault.azure.net"));
        check("my_host-1.example", Some("DNS:my_host-1.example"));
        check("127.0.0.1", Some("IP Address:127.0.0.1"));
        check("::1", Some("IP Address:::1"));
    }

    #[test]
    fn what_is_no_dns_name_is_refused() {
        for text in ["", ".", "a..b", "*", "a.*.b", "*.*.b", "a b", "a\0b", "münchen.de", "a,DNS:b"]
        {
            check(text, None);
        }
        check(&"a".repeat(64), None);
        check(&["a".repeat(63), "b".repeat(63), "c".repeat(63), "d".repeat(63)].join("."), None);
    }
}
