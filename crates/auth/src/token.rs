//! The answer that holds a token, read leniently: the endpoints agree on names, not on types.

use azure_core::{
    credentials::{AccessToken, Secret},
    time::{Duration, OffsetDateTime},
};
use serde::Deserialize;
use serde_json::Value;

use crate::error::{ErrorKind, Failure};

/// A token with the time from which a fresh one should be asked for.
#[derive(Clone, Debug)]
pub(crate) struct FetchedToken {
    pub(crate) access_token: AccessToken,
    /// From here on a refresh is worth a request, although the token is valid until it expires.
    pub(crate) refresh_on: OffsetDateTime,
}

#[derive(Deserialize)]
struct Answer {
    access_token: Option<Secret>,
    token_type: Option<String>,
    #[serde(default)]
    expires_in: Value,
    #[serde(default)]
    expires_on: Value,
    #[serde(default)]
    refresh_in: Value,
}

impl FetchedToken {
    /// Reads the body of a successful answer to a request that was sent at `requested_at`.
    ///
    /// # Errors
    /// `InvalidResponse`; the message never quotes the body, which may hold a token.
    pub(crate) fn parse(body: &[u8], requested_at: OffsetDateTime) -> Result<Self, Failure> {
        // Services count in whole seconds; the fraction is of our own clock and says nothing.
        let requested_at = requested_at.replace_nanosecond(0).unwrap_or(requested_at);
        let answer: Answer = serde_json::from_slice(body).map_err(|error| {
            invalid(format!(
                "the answer is not the JSON of a token (line {}, column {})",
                error.line(),
                error.column()
            ))
        })?;
        let token = match answer.access_token {
            Some(token) if !token.secret().is_empty() => token,
            _ => return Err(invalid("the answer has no `access_token`")),
        };
        if let Some(kind) = answer.token_type.filter(|kind| !kind.eq_ignore_ascii_case("bearer")) {
            return Err(invalid(format!("the token is of type `{kind}`, not `Bearer`")));
        }
        let lifetime =
            seconds(&answer.expires_in).map(|seconds| requested_at.saturating_add(seconds));
        let expires_on = seconds(&answer.expires_on)
            .and_then(|time| OffsetDateTime::from_unix_timestamp(time.whole_seconds()).ok())
            .or(lifetime)
            .ok_or_else(|| invalid("the answer says neither `expires_on` nor `expires_in`"))?;
        if expires_on <= requested_at {
            return Err(invalid(format!(
                "the token expired at {expires_on}, and this machine's clock says {requested_at}"
            ))
            .hint("check the clock of this machine"));
        }
        let refresh_on = match seconds(&answer.refresh_in) {
            Some(pause) => requested_at.saturating_add(pause),
            None => default_refresh(requested_at, expires_on),
        };
        Ok(Self {
            access_token: AccessToken::new(token, expires_on),
            refresh_on: refresh_on.min(expires_on - REFRESH_MARGIN),
        })
    }
}

/// Long-lived tokens (24 h for managed identities) are renewed at half of their life, so that a change of
/// roles or groups arrives in time; others shortly before they expire.
fn default_refresh(requested_at: OffsetDateTime, expires_on: OffsetDateTime) -> OffsetDateTime {
    let lifetime = expires_on - requested_at;
    if lifetime >= LONG_LIFETIME {
        requested_at + lifetime / 2
    } else {
        expires_on - REFRESH_MARGIN
    }
}

/// A number of seconds that comes as a JSON number or as text.
fn seconds(value: &Value) -> Option<Duration> {
    let number = match value {
        Value::Number(number) => number.as_i64().or_else(|| {
            #[expect(clippy::cast_possible_truncation, reason = "a cast of f64 to i64 saturates")]
            number.as_f64().map(|number| number as i64)
        }),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    };
    number.map(Duration::seconds)
}

fn invalid(message: impl Into<String>) -> Failure {
    Failure::new(ErrorKind::InvalidResponse, message)
}

/// A token with less time left than this is due for renewal.
const REFRESH_MARGIN: Duration = Duration::minutes(5);

/// From this lifetime on, a token is renewed half-way.
const LONG_LIFETIME: Duration = Duration::hours(2);

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const NOW: i64 = 1_700_000_000;

    fn parse(body: &Value) -> Result<(i64, i64), Failure> {
        let now = OffsetDateTime::from_unix_timestamp(NOW).unwrap() + Duration::milliseconds(700);
        let token = FetchedToken::parse(body.to_string().as_bytes(), now)?;
        assert_eq!(token.access_token.expires_on.nanosecond(), 0);
        assert_eq!(token.access_token.token.secret(), "t");
        Ok((
            token.access_token.expires_on.unix_timestamp() - NOW,
            token.refresh_on.unix_timestamp() - NOW,
        ))
    }

    #[test]
    fn times_are_read_as_numbers_and_as_text() {
        for (body, expected) in [
            (json!({"access_token": "t", "expires_on": (NOW + 3600).to_string()}), (3600, 3300)),
            (json!({"access_token": "t", "expires_on": NOW + 3600}), (3600, 3300)),
            (json!({"access_token": "t", "expires_in": 3600}), (3600, 3300)),
            (
                json!({"access_token": "t", "expires_in": "3600", "token_type": "bearer"}),
                (3600, 3300),
            ),
            (json!({"access_token": "t", "expires_in": 3600.9}), (3600, 3300)),
            (json!({"access_token": "t", "expires_on": "", "expires_in": 60}), (60, -240)),
            (json!({"access_token": "t", "expires_in": 86_400}), (86_400, 43_200)),
            (
                json!({"access_token": "t", "expires_in": 86_400, "refresh_in": "3000"}),
                (86_400, 3000),
            ),
            (json!({"access_token": "t", "expires_in": 600, "refresh_in": 599}), (600, 300)),
        ] {
            assert_eq!(parse(&body).unwrap(), expected, "{body}");
        }
    }

    #[test]
    fn what_is_not_a_valid_token_is_an_invalid_response() {
        for body in [
            json!([]),
            json!({}),
            json!({"access_token": "", "expires_in": 60}),
            json!({"access_token": 5, "expires_in": 60}),
            json!({"access_token": "t"}),
            json!({"access_token": "t", "expires_in": "soon"}),
            json!({"access_token": "t", "expires_on": NOW - 1}),
            json!({"access_token": "t", "expires_in": 60, "token_type": "pop"}),
        ] {
            let error = parse(&body).unwrap_err();
            assert_eq!(error.kind, ErrorKind::InvalidResponse, "{body}");
        }
    }

    #[test]
    fn a_broken_answer_is_not_quoted() {
        let now = OffsetDateTime::from_unix_timestamp(NOW).unwrap();
        let body = br#"{"access_token": {"canary-4711": "canary-4711"}, "expires_in": 5"#;
        let error = FetchedToken::parse(body, now).unwrap_err();
        let text = format!("{error:?}");
        assert!(!text.contains("canary"), "{text}");
    }
}
