//! `azconnect auth whoami`: what a token says of the identity, without the token.

use azure_core::credentials::AccessToken;
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use serde_json::{Map, Value};
use time::OffsetDateTime;

use crate::{
    cli::OutputFormat,
    context::Context,
    failure::Failure,
    printer::{Column, count},
};

/// The claims of one token.
///
/// Spec: <https://learn.microsoft.com/entra/identity-platform/access-token-claims-reference>
pub(super) struct Claims(Map<String, Value>);

/// One claim as a person reads it.
#[derive(serde::Serialize)]
struct Line {
    name: &'static str,
    value: String,
}

impl Claims {
    /// Reads the claims; the signature is for the service that the token is meant for.
    pub(super) fn of(token: &AccessToken) -> Result<Self, Failure> {
        let parse = |token: &str| {
            let payload = token.split('.').nth(1)?;
            serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(payload).ok()?).ok()
        };
        parse(token.token.secret()).map(Self).ok_or_else(|| {
            Failure::new("the token is in a form that only the service it is for can read")
                .with_hint("ask for one of `https://management.azure.com`, which can be read")
        })
    }

    /// Prints all claims as JSON, or those that answer the question as a table.
    pub(super) fn print(&self, context: &Context) -> Result<(), Failure> {
        let printer = context.printer();
        if printer.format() == OutputFormat::Json {
            return printer.json(&self.0);
        }
        printer.records(
            &self.lines(OffsetDateTime::now_utc()),
            &[
                Column::text("CLAIM", |line| line.name.to_owned()),
                Column::text("VALUE", |line| line.value.clone()),
            ],
        )
    }

    fn lines(&self, now: OffsetDateTime) -> Vec<Line> {
        let text = |name, claims: &[&str]| {
            let value = claims.iter().find_map(|claim| self.0.get(*claim)?.as_str())?;
            Some(Line { name, value: value.to_owned() })
        };
        let lines = [
            text("client id", &["appid", "azp"]),
            text("object id", &["oid"]),
            text("managed identity", &["xms_mirid"]),
            text("user", &["upn", "preferred_username", "unique_name"]),
            text("tenant id", &["tid"]),
            text("for", &["aud"]),
            self.roles(),
            self.expiry(now),
        ];
        lines.into_iter().flatten().collect()
    }

    fn roles(&self) -> Option<Line> {
        let roles: Vec<_> =
            self.0.get("roles")?.as_array()?.iter().filter_map(Value::as_str).collect();
        Some(Line { name: "application roles", value: roles.join(", ") })
    }

    fn expiry(&self, now: OffsetDateTime) -> Option<Line> {
        let expires = OffsetDateTime::from_unix_timestamp(self.0.get("exp")?.as_i64()?).ok()?;
        let minutes = u64::try_from((expires - now).whole_minutes()).unwrap_or(0);
        let value =
            format!("{} (in {} minutes)", azure_core::time::to_rfc3339(&expires), count(minutes));
        Some(Line { name: "expires", value })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use time::macros::datetime;

    use super::*;

    fn token(payload: &str) -> AccessToken {
        let token = format!("e30.{}.signature", BASE64_URL_SAFE_NO_PAD.encode(payload));
        AccessToken::new(token, OffsetDateTime::UNIX_EPOCH)
    }

    #[test]
    fn claims_of_both_versions_are_named_alike() {
        for id in ["appid", "azp"] {
            let claims = json!({id: "a", "oid": "b", "exp": 1_800_000_000, "roles": ["X", "Y"]});
            let lines = Claims::of(&token(&claims.to_string()))
                .ok()
                .unwrap()
                .lines(datetime!(2027-01-15 07:00 UTC));
            let shown: Vec<_> = lines.iter().map(|line| (line.name, line.value.as_str())).collect();
            assert_eq!(
                shown,
                [
                    ("client id", "a"),
                    ("object id", "b"),
                    ("application roles", "X, Y"),
                    ("expires", "2027-01-15T08:00:00Z (in 60 minutes)"),
                ]
            );
        }
    }

    #[test]
    fn an_opaque_token_is_told_and_not_shown() {
        for opaque in ["canary-4711", "a.b.c", ""] {
            let token = AccessToken::new(opaque.to_owned(), OffsetDateTime::UNIX_EPOCH);
            let failure = Claims::of(&token).err().unwrap().to_string();
            assert!(!failure.contains("canary"), "{failure}");
        }
    }
}
