//! Between OpenSSL's times and [`OffsetDateTime`], always in UTC and whole seconds.

use openssl::{
    asn1::{Asn1Time, Asn1TimeRef},
    error::ErrorStack,
};
use time::{Duration, OffsetDateTime};

use crate::error::{Error, Result};

pub(crate) fn to_openssl(time: OffsetDateTime) -> Result<Asn1Time> {
    Asn1Time::from_unix(time.unix_timestamp())
        .map_err(|stack| Error::crypto("cannot encode a time", stack))
}

/// Reads a time from a certificate; `None` if it is not a valid time.
pub(crate) fn from_openssl(time: &Asn1TimeRef) -> Option<OffsetDateTime> {
    let since_epoch = || -> Result<_, ErrorStack> { Asn1Time::from_unix(0)?.diff(time) };
    let difference = since_epoch().ok()?;
    let seconds = i64::from(difference.days) * 86_400 + i64::from(difference.secs);
    OffsetDateTime::UNIX_EPOCH.checked_add(Duration::seconds(seconds))
}
