//! What the refusals of Entra ID mean, by their numbers.
//!
//! Spec: <https://learn.microsoft.com/entra/identity-platform/reference-error-codes>

use azure_core::time::OffsetDateTime;
use serde::Deserialize;

use crate::{
    error::{ErrorKind, Failure},
    http::Answer,
    retry::Attempt,
};

#[derive(Default, Deserialize)]
#[serde(default)]
struct Body {
    error: Option<String>,
    error_description: Option<String>,
    error_codes: Vec<u64>,
    trace_id: Option<String>,
    correlation_id: Option<String>,
}

/// Turns an answer that is not a success into a failure, once for all statuses and codes.
pub(super) fn classify(answer: &Answer, scope: &str, now: OffsetDateTime) -> Attempt {
    // A gateway in between may answer with HTML: then there is only the status.
    let body: Body = serde_json::from_slice(&answer.body).unwrap_or_default();
    let code = body.error_codes.first().copied();
    let (kind, hint) = match code.and_then(known_code) {
        Some((kind, hint)) => (kind, Some(hint)),
        None => (kind_of_status(answer.status, body.error.as_deref()), None),
    };
    let service_code = code.map(|code| format!("AADSTS{code}")).or(body.error);
    let mut message =
        format!("cannot get a token for `{scope}`: Entra ID answered {}", answer.status);
    match body.error_description.as_deref().map(first_sentences) {
        Some(text) if !text.is_empty() => {
            message.push_str(": ");
            message.push_str(text);
        }
        _ => {
            if let Some(code) = &service_code {
                message.push(' ');
                message.push_str(code);
            }
        }
    }
    let mut failure = Failure::new(kind, message);
    failure.hint = hint.map(str::to_owned);
    failure.scope = Some(scope.to_owned());
    failure.status = Some(answer.status);
    failure.service_code = service_code;
    failure.trace_id = body.trace_id;
    failure.correlation_id = body.correlation_id;
    if matches!(kind, ErrorKind::Throttled | ErrorKind::Timeout | ErrorKind::Unavailable) {
        Attempt::Passing { failure, retry_after: answer.retry_after(now) }
    } else {
        Attempt::Final(failure)
    }
}

/// Completes a failure that was found on this side: what was wanted, and what to look at.
pub(super) fn tell(mut failure: Failure, scope: &str) -> Failure {
    failure.message = format!("cannot get a token for `{scope}`: {}", failure.message);
    failure.scope = Some(scope.to_owned());
    if failure.hint.is_none() && matches!(failure.kind, ErrorKind::Connect | ErrorKind::Timeout) {
        failure.hint = Some(
            "check the authority host, the network and the proxy (HTTPS_PROXY), and that this machine trusts the \
             certificate authority (SSL_CERT_FILE)"
                .to_owned(),
        );
    }
    failure
}

/// The kind of a known code, and the hint that goes with it.
fn known_code(code: u64) -> Option<(ErrorKind, &'static str)> {
    Some(match code {
        7_000_215 => (
            ErrorKind::SecretRejected,
            "give the secret's value, not its id; the portal shows the value only once, right after it was made",
        ),
        7_000_222 => (
            ErrorKind::SecretExpired,
            "make a new secret under the application's `Certificates & secrets`, or better a certificate",
        ),
        700_027 => (
            ErrorKind::AssertionRejected,
            "compare the certificate's thumbprint with those registered with the application; a certificate that \
             was added just now is known everywhere after some minutes",
        ),
        700_024 => (
            ErrorKind::AssertionExpired,
            "check the clock of this machine: an assertion is good for ten minutes from its time",
        ),
        50_013 | 50_027 => (
            ErrorKind::AssertionRejected,
            "the assertion's form or signature was refused; if the authority is an old one, try RS256",
        ),
        70_021 | 700_211 | 700_212 | 700_213 => (
            ErrorKind::AssertionRejected,
            "compare issuer, subject and audience in the message with the federated credentials of the application; \
             the subject of a managed identity is its object id, and a new credential is known everywhere after some \
             minutes",
        ),
        700_016 => (
            ErrorKind::ApplicationNotFound,
            "check the client id, and that the application is registered in, or consented to by, this tenant",
        ),
        90_002 => (
            ErrorKind::TenantNotFound,
            "check the tenant id, and that the authority host is that of the tenant's cloud",
        ),
        500_011 => (
            ErrorKind::ResourceNotFound,
            "check the scope: the resource's identifier followed by `/.default`; the tenant must have the resource",
        ),
        70_011 | 1_002_012 => (
            ErrorKind::InvalidInput,
            "an application asks for the scope `RESOURCE/.default` and nothing finer",
        ),
        53_003 => (
            ErrorKind::PermissionDenied,
            "a conditional access policy blocks this sign-in; its administrator finds it by the correlation id",
        ),
        7_000_112 => (
            ErrorKind::PermissionDenied,
            "the application is disabled in this tenant: an administrator has to enable it",
        ),
        _ => return None,
    })
}

fn kind_of_status(status: u16, error: Option<&str>) -> ErrorKind {
    match (status, error) {
        (429, _) => ErrorKind::Throttled,
        (408, _) => ErrorKind::Timeout,
        // RFC 6749 has this code for what other services say with 503.
        (500.., _) | (_, Some("temporarily_unavailable")) => ErrorKind::Unavailable,
        (_, Some("invalid_scope" | "invalid_request")) => ErrorKind::InvalidInput,
        (403, _) | (_, Some("unauthorized_client")) => ErrorKind::PermissionDenied,
        (400 | 401, Some(_)) => ErrorKind::Unauthenticated,
        _ => ErrorKind::InvalidResponse,
    }
}

/// The description without the ids and the time that follow it, which have their own places.
fn first_sentences(description: &str) -> &str {
    let text = description.split(" Trace ID:").next().unwrap_or(description);
    let text = text.lines().next().unwrap_or_default().trim().trim_end_matches('.');
    match text.char_indices().nth(MAX_DESCRIPTION_CHARS) {
        Some((end, _)) => text.get(..end).unwrap_or(text),
        None => text,
    }
}

const MAX_DESCRIPTION_CHARS: usize = 400;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_and_statuses_become_kinds() {
        for (status, error, code, expected) in [
            (401, Some("invalid_client"), Some(7_000_215), ErrorKind::SecretRejected),
            (401, Some("invalid_client"), Some(7_000_222), ErrorKind::SecretExpired),
            (401, Some("invalid_client"), Some(700_027), ErrorKind::AssertionRejected),
            (401, Some("invalid_client"), Some(700_024), ErrorKind::AssertionExpired),
            (401, Some("invalid_client"), Some(50_013), ErrorKind::AssertionRejected),
            (401, Some("invalid_client"), Some(50_027), ErrorKind::AssertionRejected),
            (401, Some("invalid_client"), Some(700_211), ErrorKind::AssertionRejected),
            (401, Some("invalid_client"), Some(700_213), ErrorKind::AssertionRejected),
            (400, Some("unauthorized_client"), Some(700_016), ErrorKind::ApplicationNotFound),
            (400, Some("invalid_request"), Some(90_002), ErrorKind::TenantNotFound),
            (400, Some("invalid_resource"), Some(500_011), ErrorKind::ResourceNotFound),
            (400, Some("invalid_scope"), Some(70_011), ErrorKind::InvalidInput),
            (400, Some("invalid_scope"), Some(1_002_012), ErrorKind::InvalidInput),
            (400, Some("access_denied"), Some(53_003), ErrorKind::PermissionDenied),
            (401, Some("invalid_client"), Some(7_000_112), ErrorKind::PermissionDenied),
            (401, Some("invalid_client"), Some(1), ErrorKind::Unauthenticated),
            (400, Some("invalid_grant"), None, ErrorKind::Unauthenticated),
            (400, Some("temporarily_unavailable"), None, ErrorKind::Unavailable),
            (403, None, None, ErrorKind::PermissionDenied),
            (408, None, None, ErrorKind::Timeout),
            (429, None, None, ErrorKind::Throttled),
            (500, None, None, ErrorKind::Unavailable),
            (504, None, None, ErrorKind::Unavailable),
            (302, None, None, ErrorKind::InvalidResponse),
            (404, None, None, ErrorKind::InvalidResponse),
        ] {
            let kind = code
                .and_then(known_code)
                .map_or_else(|| kind_of_status(status, error), |(kind, _)| kind);
            assert_eq!(kind, expected, "{status} {error:?} {code:?}");
        }
    }

    #[test]
    fn a_description_loses_what_has_its_own_place() {
        // The form of the example on the page named above.
        let description = "AADSTS70011: The provided value for the input parameter 'scope' is not valid. Trace ID: \
                           255d1aef-8c98-452f-ac51-23d051240864 Correlation ID: fb3d2015 Timestamp: 2016-01-09";
        assert_eq!(
            first_sentences(description),
            "AADSTS70011: The provided value for the input parameter 'scope' is not valid"
        );
        assert_eq!(first_sentences("AADSTS1: a.\r\nTrace ID: b"), "AADSTS1: a");
        assert_eq!(first_sentences(&"ä".repeat(500)).chars().count(), MAX_DESCRIPTION_CHARS);
    }
}
