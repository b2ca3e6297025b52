//! The `claims` parameter of a token request: what the client can do, and what a service that
//! refused an earlier token wants of the next one.
//!
//! Spec: <https://openid.net/specs/openid-connect-core-1_0.html#ClaimsParameter>,
//! <https://learn.microsoft.com/entra/identity-platform/claims-challenge>

use serde::Deserialize;
use serde_json::{Map, Value};

/// The part of the parameter that decides something here. Claims that are not known are ignored, as
/// the specification wants it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct ClaimsRequest {
    /// `xms_cc`: what the token will say of the client.
    pub(super) capabilities: Vec<String>,
    /// `nbf`: the token must not be dated before this, in seconds since 1970.
    pub(super) not_before: Option<i64>,
}

/// The parameter is no JSON of the form that the specification gives it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Malformed;

impl ClaimsRequest {
    pub(super) fn parse(parameter: &str) -> Result<Self, Malformed> {
        let parameter: Map<String, Value> =
            serde_json::from_str(parameter).map_err(|_| Malformed)?;
        let access_token = object(parameter.get("access_token"))?;
        let claim = |name| object(access_token.and_then(|claims| claims.get(name)));
        let not_before = match claim("nbf")?.and_then(|nbf| nbf.get("value")) {
            None => None,
            Some(value) => {
                let seconds = value.as_str().and_then(|text| text.parse().ok());
                Some(seconds.ok_or(Malformed)?)
            }
        };
        let capabilities = match claim("xms_cc")?.and_then(|xms_cc| xms_cc.get("values")) {
            None => Vec::new(),
            Some(values) => Vec::deserialize(values).map_err(|_| Malformed)?,
        };
        Ok(Self { capabilities, not_before })
    }
}

/// An object, or none where there is nothing or `null`, by which a claim is asked for without more.
fn object(value: Option<&Value>) -> Result<Option<&Map<String, Value>>, Malformed> {
    match value {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Object(object)) => Ok(Some(object)),
        Some(_) => Err(Malformed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, capabilities: &[&str], not_before: Option<i64>) {
        let capabilities = capabilities.iter().map(|one| (*one).to_owned()).collect();
        assert_eq!(
            ClaimsRequest::parse(text),
            Ok(ClaimsRequest { capabilities, not_before }),
            "{text}"
        );
    }

    #[test]
    fn capabilities_and_challenges_are_read_and_the_rest_is_ignored() {
        check("{}", &[], None);
        check(r#"{"id_token":{"auth_time":{"essential":true}}}"#, &[], None);
        check(r#"{"access_token":{"xms_cc":{"values":["CP1","x"]}}}"#, &["CP1", "x"], None);
        // Example of the challenge in azure-sdk-for-python's documentation of Key Vault.
        check(
            r#"{"access_token":{"nbf":{"essential":true, "value":"1603742800"}}}"#,
            &[],
            Some(1_603_742_800),
        );
        check(
            r#"{"access_token":{"acrs":null,"nbf":null,"xms_cc":{"values":["cp1"]}}}"#,
            &["cp1"],
            None,
        );
    }

    #[test]
    fn what_is_no_claims_request_is_malformed() {
        for text in [
            "",
            "{",
            "[]",
            "\"cp1\"",
            r#"{"access_token":"cp1"}"#,
            r#"{"access_token":{"xms_cc":["cp1"]}}"#,
            r#"{"access_token":[]}"#,
            r#"{"access_token":{"xms_cc":{"values":[1]}}}"#,
            r#"{"access_token":{"nbf":{"value":"soon"}}}"#,
        ] {
            assert_eq!(ClaimsRequest::parse(text), Err(Malformed), "{text}");
        }
    }
}
