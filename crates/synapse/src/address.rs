//! The address of a SQL endpoint, in the spellings people paste.

use std::{fmt, str::FromStr};

use crate::error::{Error, ErrorKind, Operation};

/// The TDS port that every Azure SQL endpoint listens on.
const DEFAULT_PORT: u16 = 1433;

/// A host name and a TCP port.
///
/// Parses `host`, `host,port` (as SQL Server tools write it), `host:port` and a leading `tcp:`.
/// The port is 1433 when none is given.
///
/// ```
/// use azconnect_synapse::ServerAddress;
///
/// let address: ServerAddress = "tcp:syn-demo.sql.azuresynapse.net,1433".parse()?;
/// assert_eq!(address.host(), "syn-demo.sql.azuresynapse.net");
/// assert_eq!(address.port(), 1433);
/// # Ok::<(), azconnect_synapse::Error>(())
/// ```
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct ServerAddress {
    host: String,
    port: u16,
}

impl ServerAddress {
    /// Takes a host name or IP address and a port.
    ///
    /// # Errors
    /// - `InvalidInput`: `host` is empty or has characters no host name has.
    pub fn new(host: impl Into<String>, port: u16) -> Result<Self, Error> {
        let host = host.into();
        let plausible = !host.is_empty()
            && host.len() <= 255
            && host.chars().all(|c| c.is_ascii_alphanumeric() || "-._:".contains(c));
        if !plausible {
            return Err(invalid(format!("`{host}` is not a host name")));
        }
        Ok(Self { host, port })
    }

    /// The host name; TLS checks the server's certificate against it.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The TCP port.
    pub fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn with_port(self, port: u16) -> Self {
        Self { port, ..self }
    }
}

impl fmt::Display for ServerAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.port == DEFAULT_PORT {
            f.write_str(&self.host)
        } else {
            write!(f, "{},{}", self.host, self.port)
        }
    }
}

impl FromStr for ServerAddress {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let trimmed = text.trim();
        let rest = trimmed.strip_prefix("tcp:").unwrap_or(trimmed);
        if let Some(bracketed) = rest.strip_prefix('[') {
            let (host, tail) = bracketed
                .split_once(']')
                .ok_or_else(|| invalid(format!("`{text}` has no closing bracket")))?;
            return match tail.strip_prefix([',', ':']) {
                Some(port) => Self::new(host, parse_port(port)?),
                None if tail.is_empty() => Self::new(host, DEFAULT_PORT),
                None => Err(invalid(format!("`{text}` is not a server address"))),
            };
        }
        if let Some((host, port)) = rest.split_once(',') {
            return Self::new(host.trim_end(), parse_port(port)?);
        }
        // More than one colon is an IPv6 address without a port.
        match rest.split_once(':') {
            Some((host, port)) if !port.contains(':') => Self::new(host, parse_port(port)?),
            _ => Self::new(rest, DEFAULT_PORT),
        }
    }
}

fn parse_port(text: &str) -> Result<u16, Error> {
    match text.trim().parse() {
        Ok(port) if port != 0 => Ok(port),
        _ => Err(invalid(format!("`{text}` is not a port (1 to 65535)"))),
    }
}

fn invalid(detail: String) -> Error {
    Error::new(ErrorKind::InvalidInput, Operation::Configure, detail)
        .with_hint("write the server as `host` or `host,port`")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, host: &str, port: u16) {
        let address: ServerAddress = text.parse().unwrap();
        assert_eq!((address.host(), address.port()), (host, port));
    }

    #[test]
    fn the_usual_spellings_are_understood() {
        check("syn.sql.azuresynapse.net", "syn.sql.azuresynapse.net", 1433);
        check("tcp:syn.sql.azuresynapse.net,1433", "syn.sql.azuresynapse.net", 1433);
        check("localhost, 14330", "localhost", 14330);
        check("localhost:14330", "localhost", 14330);
        check("::1", "::1", 1433);
        check("[::1],1434", "::1", 1434);
    }

    #[test]
    fn nonsense_is_refused() {
        for text in ["", "a b", "host,0", "host,99999", "host,", "[::1", "[::1]x", "h;x=1"] {
            let error = text.parse::<ServerAddress>().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput, "{text}");
        }
    }
}
