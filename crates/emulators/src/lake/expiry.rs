//! When a file is to vanish by itself.
//!
//! Spec: <https://learn.microsoft.com/rest/api/storageservices/set-blob-expiry>

use std::time::Duration;

use super::{
    failure::Failure,
    request::LakeRequest,
    stamp::{Stamp, parse_http_date},
};

/// What a request says about the end of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Expiry {
    /// In whole seconds since 1970.
    Absolute(i64),
    Never,
    RelativeToCreation(Duration),
    RelativeToNow(Duration),
}

impl Expiry {
    /// What the two headers say; `None` if neither is there.
    pub(crate) fn of(request: &LakeRequest) -> Result<Option<Self>, Failure> {
        let time = request.header(TIME)?;
        let Some(option) = request.header(OPTION)? else {
            return match time {
                None => Ok(None),
                Some(_) => Err(Failure::missing_header(OPTION)),
            };
        };
        let time = || time.ok_or_else(|| Failure::missing_header(TIME));
        let millis = || {
            let text = time()?;
            let millis = text.parse().map_err(|_| Failure::header(TIME, text))?;
            Ok::<_, Failure>(Duration::from_millis(millis))
        };
        match option.to_ascii_lowercase().as_str() {
            "absolute" => {
                let text = time()?;
                let moment = parse_http_date(text).ok_or_else(|| Failure::header(TIME, text))?;
                Ok(Some(Self::Absolute(moment)))
            }
            "neverexpire" => Ok(Some(Self::Never)),
            "relativetocreation" => Ok(Some(Self::RelativeToCreation(millis()?))),
            "relativetonow" => Ok(Some(Self::RelativeToNow(millis()?))),
            _ => Err(Failure::header(OPTION, option)),
        }
    }

    /// The same from the request that is about nothing else.
    pub(crate) fn required(request: &LakeRequest) -> Result<Self, Failure> {
        Self::of(request)?.ok_or_else(|| Failure::missing_header(OPTION))
    }

    /// The moment that is meant, which must lie ahead; `None` for never.
    pub(crate) fn moment(self, created: Stamp, now: Stamp) -> Result<Option<Stamp>, Failure> {
        let moment = match self {
            Self::Never => return Ok(None),
            Self::Absolute(seconds) => Stamp::from_unix_seconds(seconds),
            Self::RelativeToCreation(span) => created.after(span),
            Self::RelativeToNow(span) => now.after(span),
        };
        if moment <= now {
            return Err(Failure::header(TIME, &moment.http_date())
                .with_message("The expiry time must lie in the future."));
        }
        Ok(Some(moment))
    }
}

const OPTION: &str = "x-ms-expiry-option";
const TIME: &str = "x-ms-expiry-time";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_option_means_its_moment_and_none_lies_behind() {
        let (created, now) = (Stamp::from_unix_seconds(1000), Stamp::from_unix_seconds(1500));
        let seconds = Duration::from_secs;
        for (expiry, expected) in [
            (Expiry::Never, Some(None)),
            (Expiry::Absolute(1501), Some(Some(1501))),
            (Expiry::Absolute(1500), None),
            (Expiry::RelativeToCreation(seconds(600)), Some(Some(1600))),
            (Expiry::RelativeToCreation(seconds(500)), None),
            (Expiry::RelativeToNow(seconds(600)), Some(Some(2100))),
            (Expiry::RelativeToNow(Duration::ZERO), None),
        ] {
            let moment = expiry.moment(created, now).ok();
            let found = moment.map(|moment| moment.map(Stamp::unix_seconds));
            assert_eq!(found, expected, "{expiry:?}");
        }
    }
}
