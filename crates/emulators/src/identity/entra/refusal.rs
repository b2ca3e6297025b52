//! Entra's error answers: a number, an OAuth error word, a sentence, ids to give to support.
//!
//! Spec: <https://learn.microsoft.com/entra/identity-platform/reference-error-codes>

use axum::{
    http::{HeaderName, StatusCode},
    response::{IntoResponse, Response},
};
use serde_json::json;
use time::{OffsetDateTime, format_description::BorrowedFormatItem, macros::format_description};
use uuid::Uuid;

use crate::identity::assertion::AssertionRejection;

/// Why no token is given.
#[derive(Debug)]
pub(super) enum Refusal {
    AppNotFound {
        client_id: String,
        tenant: String,
    },
    Assertion(AssertionRejection),
    InvalidScope(String),
    /// The `claims` are no JSON of the right form.
    MalformedClaims,
    MissingParameter(&'static str),
    NoCredential,
    ResourceNotFound {
        resource: String,
        tenant: String,
    },
    TenantNotFound(String),
    UnsupportedAssertionType,
    UnsupportedGrantType(String),
    WrongSecret {
        client_id: String,
    },
}

impl Refusal {
    /// The number after `AADSTS`.
    pub(super) fn code(&self) -> u32 {
        match self {
            Self::AppNotFound { .. } => 700_016,
            Self::Assertion(rejection) => match rejection {
                AssertionRejection::Malformed(_) => 50_027,
                AssertionRejection::NotFederated { claim: "issuer", .. } => 700_211,
                AssertionRejection::NotFederated { claim: "audience", .. } => 700_212,
                AssertionRejection::NotFederated { .. } => 700_213,
                AssertionRejection::OtherClient => 700_021,
                AssertionRejection::OutsideLifetime { .. } => 700_024,
                AssertionRejection::Replayed | AssertionRejection::WrongFederatedSignature => {
                    50_013
                }
                AssertionRejection::UnknownKey { .. }
                | AssertionRejection::WrongSignature { .. } => 700_027,
                AssertionRejection::WrongAudience { .. } => 700_023,
            },
            Self::InvalidScope(_) => 1_002_012,
            // <https://login.microsoftonline.com/error?code=50117>
            Self::MalformedClaims => 50_117,
            Self::MissingParameter(_) => 900_144,
            Self::NoCredential => 7_000_218,
            Self::ResourceNotFound { .. } => 500_011,
            Self::TenantNotFound(_) => 90_002,
            Self::UnsupportedAssertionType => 900_145,
            Self::UnsupportedGrantType(_) => 70_003,
            Self::WrongSecret { .. } => 7_000_215,
        }
    }

    fn status_and_error(&self) -> (StatusCode, &'static str) {
        match self {
            Self::AppNotFound { .. } => (StatusCode::BAD_REQUEST, "unauthorized_client"),
            Self::Assertion(AssertionRejection::Malformed(_))
            | Self::MalformedClaims
            | Self::MissingParameter(_)
            | Self::TenantNotFound(_)
            | Self::UnsupportedAssertionType => (StatusCode::BAD_REQUEST, "invalid_request"),
            Self::Assertion(_) | Self::NoCredential | Self::WrongSecret { .. } => {
                (StatusCode::UNAUTHORIZED, "invalid_client")
            }
            Self::InvalidScope(_) => (StatusCode::BAD_REQUEST, "invalid_scope"),
            Self::ResourceNotFound { .. } => (StatusCode::BAD_REQUEST, "invalid_resource"),
            Self::UnsupportedGrantType(_) => (StatusCode::BAD_REQUEST, "unsupported_grant_type"),
        }
    }

    fn sentence(&self, now: OffsetDateTime) -> String {
        match self {
            Self::AppNotFound { client_id, tenant } => format!(
                "Application with identifier '{client_id}' was not found in the directory \
                 '{tenant}'."
            ),
            Self::Assertion(rejection) => assertion_sentence(rejection, now),
            Self::InvalidScope(scope) => format!(
                "The provided value for scope {scope} is not valid. Client credential flows must \
                 have a scope value with /.default suffixed to the resource identifier."
            ),
            Self::MalformedClaims => {
                "Failed to deserialize policy specified in the request's claim parameter."
                    .to_owned()
            }
            Self::MissingParameter(name) => {
                format!("The request body must contain the following parameter: '{name}'.")
            }
            Self::NoCredential => "The request body must contain the following parameter: \
                                   'client_assertion' or 'client_secret'."
                .to_owned(),
            Self::ResourceNotFound { resource, tenant } => format!(
                "The resource principal named {resource} was not found in the tenant named \
                 {tenant}."
            ),
            Self::TenantNotFound(tenant) => format!(
                "Tenant '{tenant}' not found. Check to make sure you have the correct tenant ID \
                 and are signing into the correct cloud."
            ),
            Self::UnsupportedAssertionType => {
                "The client_assertion_type is not supported.".to_owned()
            }
            Self::UnsupportedGrantType(grant_type) => {
                format!("The app requested an unsupported grant type '{grant_type}'.")
            }
            Self::WrongSecret { client_id } => format!(
                "Invalid client secret provided. Ensure the secret being sent in the request is \
                 the client secret value, not the client secret ID, for a secret added to app \
                 '{client_id}'."
            ),
        }
    }

    /// The answer. `correlation_id`: what the client sent as `client-request-id`.
    pub(super) fn into_response(
        self,
        authority_host: &str,
        correlation_id: Option<Uuid>,
        now: OffsetDateTime,
    ) -> Response {
        let trace_id = Uuid::new_v4();
        let correlation_id = correlation_id.unwrap_or_else(Uuid::new_v4);
        let timestamp = timestamp(now);
        let (status, error) = self.status_and_error();
        let code = self.code();
        let sentence = self.sentence(now);
        let error_uri = [authority_host, "/error?code=", &code.to_string()].concat();
        let body = json!({
            "error": error,
            "error_description": format!(
                "AADSTS{code}: {sentence} Trace ID: {trace_id} Correlation ID: {correlation_id} \
                 Timestamp: {timestamp}"
            ),
            "error_codes": [code],
            "timestamp": timestamp,
            "trace_id": trace_id,
            "correlation_id": correlation_id,
            "error_uri": error_uri,
        });
        let headers = [
            (HeaderName::from_static("x-ms-request-id"), trace_id.to_string()),
            (HeaderName::from_static("client-request-id"), correlation_id.to_string()),
        ];
        (status, headers, axum::Json(body)).into_response()
    }
}

fn assertion_sentence(rejection: &AssertionRejection, now: OffsetDateTime) -> String {
    match rejection {
        AssertionRejection::Malformed(why) => {
            format!("JWT token is invalid or malformed: {why}.")
        }
        AssertionRejection::NotFederated { claim, found } => format!(
            "No matching federated identity record found for presented assertion {claim} \
             '{found}'. Check your federated identity credential Subject, Audience and Issuer \
             against the presented assertion."
        ),
        AssertionRejection::OtherClient => {
            "Client assertion application identifier doesn't match 'client_id' parameter."
                .to_owned()
        }
        AssertionRejection::OutsideLifetime { not_before, expires } => {
            let time = |seconds: i64| {
                OffsetDateTime::from_unix_timestamp(seconds)
                    .map_or_else(|_| "any".into(), timestamp)
            };
            format!(
                "Client assertion is not within its valid time range. Current time: {}, \
                 assertion valid from {}, expiry time of assertion {}.",
                timestamp(now),
                time(*not_before),
                time(*expires)
            )
        }
        AssertionRejection::Replayed => {
            "Assertion is invalid: its `jti` was used before, each assertion must have its own. \
             (Emulators only: `allow_assertion_reuse` of the app permits it.)"
                .to_owned()
        }
        AssertionRejection::UnknownKey { thumbprint } => format!(
            "The certificate with identifier used to sign the client assertion is not registered \
             on application. [Reason - The key was not found., Thumbprint of key used by client: \
             '{thumbprint}']"
        ),
        AssertionRejection::WrongAudience { found } => format!(
            "Client assertion audience claim does not match Realm issuer: it is '{found}', and \
             must be the token endpoint."
        ),
        AssertionRejection::WrongFederatedSignature => {
            "Assertion failed signature validation.".to_owned()
        }
        AssertionRejection::WrongSignature { thumbprint } => format!(
            "Client assertion contains an invalid signature. [Reason - The key was found, but the \
             signature is not valid., Thumbprint of key used by client: '{thumbprint}']"
        ),
    }
}

fn timestamp(time: OffsetDateTime) -> String {
    // A formatting error would need a year outside of -9999..=9999.
    time.format(TIMESTAMP).unwrap_or_default()
}

const TIMESTAMP: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day] [hour]:[minute]:[second]Z");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_assertion_out_of_time_shows_both_ends_and_now() {
        let rejection = AssertionRejection::OutsideLifetime { not_before: i64::MIN, expires: 0 };
        let now = OffsetDateTime::from_unix_timestamp(86_400).unwrap();
        assert_eq!(
            assertion_sentence(&rejection, now),
            "Client assertion is not within its valid time range. Current time: \
             1970-01-02 00:00:00Z, assertion valid from any, expiry time of assertion \
             1970-01-01 00:00:00Z."
        );
    }
}
