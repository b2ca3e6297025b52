//! The three facts of an X.509 certificate that this crate needs: its key and its period of validity.
//!
//! A reader of some hundred lines instead of an X.509 library: nothing here is verified, Entra ID does that.

use azure_core::time::OffsetDateTime;
use time::{Date, Month, PrimitiveDateTime, Time};

/// What was read from one certificate.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Facts {
    /// The contents of `subjectPublicKey`: for RSA the DER of `RSAPublicKey`.
    pub(crate) public_key: Vec<u8>,
    pub(crate) not_before: OffsetDateTime,
    pub(crate) not_after: OffsetDateTime,
}

impl Facts {
    /// Reads a certificate in DER; `None` if it is not one.
    ///
    /// Spec: <https://www.rfc-editor.org/rfc/rfc5280#section-4.1>
    pub(crate) fn read(der: &[u8]) -> Option<Self> {
        let mut outer = Reader(der);
        let mut certificate = Reader(outer.take(SEQUENCE)?);
        let mut body = Reader(certificate.take(SEQUENCE)?);
        // The version is left out of certificates of version 1.
        if body.peek() == Some(VERSION) {
            body.take(VERSION)?;
        }
        for field in [INTEGER, SEQUENCE, SEQUENCE] {
            // Serial number, signature algorithm, issuer.
            body.take(field)?;
        }
        let mut validity = Reader(body.take(SEQUENCE)?);
        let not_before = validity.take_time()?;
        let not_after = validity.take_time()?;
        body.take(SEQUENCE)?; // Subject.
        let mut key_info = Reader(body.take(SEQUENCE)?);
        key_info.take(SEQUENCE)?; // Algorithm; the key that it must match is known to be RSA.
        let (unused_bits, public_key) = key_info.take(BIT_STRING)?.split_first()?;
        if *unused_bits != 0 {
            return None;
        }
        Some(Self { public_key: public_key.to_vec(), not_before, not_after })
    }
}

/// Reads DER elements one after the other.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn peek(&self) -> Option<u8> {
        self.0.first().copied()
    }

    /// The contents of the next element, if it has this tag.
    fn take(&mut self, expected: u8) -> Option<&'a [u8]> {
        let (tag, contents) = self.next()?;
        (tag == expected).then_some(contents)
    }

    fn next(&mut self) -> Option<(u8, &'a [u8])> {
        let (&tag, rest) = self.0.split_first()?;
        let (&first, rest) = rest.split_first()?;
        let (length, rest) = if first < 0x80 {
            (usize::from(first), rest)
        } else {
            // Up to three bytes of length: 16 MB. Zero bytes would be the indefinite form, which DER lacks.
            let count = usize::from(first & 0x7f);
            if !(1..=3).contains(&count) {
                return None;
            }
            let (bytes, rest) = rest.split_at_checked(count)?;
            (bytes.iter().fold(0, |length, byte| length << 8 | usize::from(*byte)), rest)
        };
        let (contents, rest) = rest.split_at_checked(length)?;
        self.0 = rest;
        Some((tag, contents))
    }

    /// A time in either form; both are in UTC and to the second in a certificate.
    fn take_time(&mut self) -> Option<OffsetDateTime> {
        let (tag, text) = self.next()?;
        let text = std::str::from_utf8(text).ok()?.strip_suffix('Z')?;
        let (year, rest) = match tag {
            // RFC 5280 section 4.1.2.5.1: two digits, of the years 1950 to 2049.
            UTC_TIME => {
                let (year, rest) = number(text, 2)?;
                (if year < 50 { 2000 + year } else { 1900 + year }, rest)
            }
            GENERALIZED_TIME => number(text, 4)?,
            _ => return None,
        };
        let mut fields = [0_u8; 5];
        let mut rest = rest;
        for field in &mut fields {
            let (value, after) = number(rest, 2)?;
            *field = value.try_into().ok()?;
            rest = after;
        }
        let [month, day, hour, minute, second] = fields;
        if !rest.is_empty() {
            return None;
        }
        let date = Date::from_calendar_date(year, Month::try_from(month).ok()?, day).ok()?;
        let time = Time::from_hms(hour, minute, second).ok()?;
        Some(PrimitiveDateTime::new(date, time).assume_utc())
    }
}

/// The number in the first `digits` characters, and the rest.
fn number(text: &str, digits: usize) -> Option<(i32, &str)> {
    let (head, rest) = text.split_at_checked(digits)?;
    let is_number = head.bytes().all(|byte| byte.is_ascii_digit());
    Some((is_number.then(|| head.parse().ok())??, rest))
}

const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const SEQUENCE: u8 = 0x30;
const VERSION: u8 = 0xa0;

#[cfg(test)]
mod tests {
    use azure_core::time::parse_rfc3339;
    use rustls_pki_types::{CertificateDer, pem::PemObject};

    use super::*;

    fn der(pem: &[u8]) -> CertificateDer<'static> {
        CertificateDer::from_pem_slice(pem).unwrap()
    }

    #[test]
    fn validity_is_what_openssl_says() {
        // Expected values: `openssl x509 -noout -dates`, see the README of the fixtures.
        for (pem, not_before, not_after) in [
            (
                include_bytes!("../tests/fixtures/leaf.pem").as_slice(),
                "2024-01-01T00:00:00Z",
                "2124-01-01T00:00:00Z",
            ),
            (
                include_bytes!("../tests/fixtures/expired.pem").as_slice(),
                "2020-01-01T00:00:00Z",
                "2021-01-01T00:00:00Z",
            ),
        ] {
            let facts = Facts::read(&der(pem)).unwrap();
            assert_eq!(facts.not_before, parse_rfc3339(not_before).unwrap());
            assert_eq!(facts.not_after, parse_rfc3339(not_after).unwrap());
        }
    }

    #[test]
    fn a_certificate_that_is_cut_short_anywhere_is_refused() {
        let der = der(include_bytes!("../tests/fixtures/leaf.pem"));
        for length in 0..der.len() {
            assert_eq!(Facts::read(&der[..length]), None, "{length}");
        }
    }

    #[test]
    fn other_der_is_refused() {
        for bytes in [
            [0x30, 0x80, 0x00, 0x00].as_slice(), // Indefinite length.
            &[0x30, 0x84, 0, 0, 0, 0],           // A length of four bytes.
            &[0x30, 0x02, 0x30, 0x00],           // An empty body.
            &[0x02, 0x01, 0x05],                 // An integer.
        ] {
            assert_eq!(Facts::read(bytes), None, "{bytes:?}");
        }
    }
}
