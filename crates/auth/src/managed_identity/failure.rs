//! What the refusals of the identity endpoints mean.
//!
//! Spec: <https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/how-to-use-vm-token#error-handling>

use azure_core::time::OffsetDateTime;
use serde_json::Value;

use super::ManagedIdentitySource;
use crate::{
    error::{ErrorKind, Failure},
    http::Answer,
    identity::Identity,
    retry::Attempt,
};

/// Turns an answer that is not a success into a failure, once for all sources and statuses.
pub(super) fn classify(
    answer: &Answer,
    source: &ManagedIdentitySource,
    identity: &Identity,
    scope: &str,
    now: OffsetDateTime,
) -> Attempt {
    let refusal = Refusal::read(&answer.body);
    let kind = kind_of(answer.status, &refusal);
    let who = match identity {
        Identity::SystemAssigned => String::new(),
        named => format!(" as `{named}`"),
    };
    let mut message = format!(
        "cannot get a token for `{scope}`{who}: {} at {} answered {}",
        source.name(),
        source.endpoint().origin().ascii_serialization(),
        answer.status
    );
    for text in [refusal.code.as_deref(), Some(refusal.description.as_str())] {
        if let Some(text) = text.filter(|text| !text.is_empty()) {
            message.push_str(": ");
            message.push_str(text);
        }
    }
    let mut failure = Failure::new(kind, message);
    failure.hint = hint(kind, identity);
    failure.scope = Some(scope.to_owned());
    failure.status = Some(answer.status);
    failure.service_code = refusal.code;
    failure.correlation_id = refusal.correlation_id;
    // A machine without any identity is as good as none.
    failure.absent = kind == ErrorKind::IdentityNotFound && *identity == Identity::SystemAssigned;
    if matches!(kind, ErrorKind::Throttled | ErrorKind::Unavailable) {
        Attempt::Passing { failure, retry_after: answer.retry_after(now) }
    } else {
        Attempt::Final(failure)
    }
}

/// Completes a failure that was found on this side: what was wanted, and what to look at.
pub(super) fn tell(mut failure: Failure, source: &ManagedIdentitySource, scope: &str) -> Failure {
    failure.message =
        format!("cannot get a token for `{scope}` from {}: {}", source.name(), failure.message);
    failure.scope = Some(scope.to_owned());
    if matches!(failure.kind, ErrorKind::Connect | ErrorKind::Timeout) {
        let is_imds = matches!(source, ManagedIdentitySource::Imds { .. });
        let hint = if is_imds {
            "managed identities exist on Azure only, and a firewall of the machine must let the address through; \
             elsewhere use an application with a certificate"
        } else {
            "the address is that of IDENTITY_ENDPOINT or MSI_ENDPOINT; the platform changes it when the app restarts"
        };
        // The others are there for certain, since somebody set their variables.
        failure.absent = is_imds;
        failure.hint.get_or_insert_with(|| hint.to_owned());
    }
    failure
}

/// What the body of a refusal says. The endpoints differ in names, in case and in nesting.
#[derive(Debug, Default, Eq, PartialEq)]
struct Refusal {
    code: Option<String>,
    description: String,
    correlation_id: Option<String>,
}

impl Refusal {
    fn read(body: &[u8]) -> Self {
        let Ok(Value::Object(fields)) = serde_json::from_slice(body) else {
            return Self::default();
        };
        let mut refusal = Self::default();
        let nested = fields.get("error").and_then(Value::as_object);
        for (name, value) in fields.iter().chain(nested.into_iter().flatten()) {
            let Some(text) = value.as_str() else { continue };
            let line = text.lines().next().unwrap_or_default();
            let text = line.chars().take(MAX_TEXT_CHARS).collect::<String>();
            match name.to_ascii_lowercase().as_str() {
                "error" | "code" => refusal.code = Some(text),
                "error_description" | "message" => {
                    refusal.description = text.trim_end_matches('.').to_owned()
                }
                "correlation_id" | "correlationid" => refusal.correlation_id = Some(text),
                _ => {}
            }
        }
        refusal
    }
}

fn kind_of(status: u16, refusal: &Refusal) -> ErrorKind {
    // Service Fabric answers 404 to more than one question, so its codes go first.
    match refusal.code.as_deref() {
        Some("ManagedIdentityNotFound") => return ErrorKind::IdentityNotFound,
        Some("SecretHeaderNotFound") => return ErrorKind::Unauthenticated,
        Some("ArgumentNullOrEmpty" | "InvalidApiVersion") => return ErrorKind::InvalidInput,
        _ => {}
    }
    match status {
        400 if refusal.code.as_deref() == Some("invalid_resource") => ErrorKind::ResourceNotFound,
        // The sentences are all there is: both refusals are `invalid_request` to IMDS, and App Service has no
        // code at all. They are compared loosely, and an unknown one is still an `InvalidInput`.
        400 => {
            let description = refusal.description.to_ascii_lowercase();
            if description.contains("multiple user assigned identities") {
                ErrorKind::AmbiguousIdentity
            } else if description.contains("identity not found")
                || description.contains("no user assigned or delegated managed identity found")
            {
                ErrorKind::IdentityNotFound
            } else {
                ErrorKind::InvalidInput
            }
        }
        401 => ErrorKind::Unauthenticated,
        403 => ErrorKind::PermissionDenied,
        429 => ErrorKind::Throttled,
        // 404 and 410: the endpoint is being set up or updated, which passes.
        404 | 410 | 500.. => ErrorKind::Unavailable,
        _ => ErrorKind::InvalidResponse,
    }
}

fn hint(kind: ErrorKind, identity: &Identity) -> Option<String> {
    let hint = match (kind, identity) {
        (ErrorKind::AmbiguousIdentity, _) => {
            "name one of the identities by its client id, object id or ARM id; the portal lists them under \
             `Identity` of the virtual machine, pool or app"
        }
        (ErrorKind::IdentityNotFound, Identity::SystemAssigned) => {
            "this machine has no system-assigned identity: switch one on, or name a user-assigned one"
        }
        (ErrorKind::IdentityNotFound, Identity::ObjectId(_)) => {
            "check that the identity is assigned to this machine, pool or app, and that the id is its object id, \
             not its client id"
        }
        (ErrorKind::IdentityNotFound, _) => {
            "check that the identity is assigned to this machine, pool or app; a bare GUID is taken as client id, \
             an object id is written `object:GUID`"
        }
        (ErrorKind::ResourceNotFound, _) => {
            "check the scope: the resource's identifier followed by `/.default`; the tenant must have the resource"
        }
        (ErrorKind::Unauthenticated, _) => {
            "the secret (IDENTITY_HEADER or MSI_SECRET) does not fit the endpoint; the platform changes both when the \
             app restarts"
        }
        (ErrorKind::PermissionDenied, _) => {
            "the endpoint refuses requests that came through a proxy; send them directly"
        }
        (ErrorKind::Throttled, _) => {
            "the endpoint takes some five requests a second from a machine: let processes share one token"
        }
        (ErrorKind::Unavailable, _) => {
            "the endpoint is being set up or updated; this can take some minutes after a machine started or its \
             identities changed"
        }
        _ => return None,
    };
    Some(hint.to_owned())
}

const MAX_TEXT_CHARS: usize = 400;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_and_sentences_become_kinds() {
        // Sentences as the services send them.
        let several = "Multiple user assigned identities exist, please specify the clientId / resourceId of the \
                       identity in the token request";
        let app_service = "No User Assigned or Delegated Managed Identity found for specified ClientId/ResourceId/PrincipalId";
        for (status, code, description, expected) in [
            (400, None, several, ErrorKind::AmbiguousIdentity),
            (400, None, "Identity not found", ErrorKind::IdentityNotFound),
            (400, None, app_service, ErrorKind::IdentityNotFound),
            (400, None, "Required metadata header not specified", ErrorKind::InvalidInput),
            (
                400,
                Some("invalid_resource"),
                "AADSTS500011: The resource principal was not found",
                ErrorKind::ResourceNotFound,
            ),
            (400, None, "", ErrorKind::InvalidInput),
            (401, None, "", ErrorKind::Unauthenticated),
            (403, None, "", ErrorKind::PermissionDenied),
            (404, None, "", ErrorKind::Unavailable),
            (404, Some("ManagedIdentityNotFound"), "", ErrorKind::IdentityNotFound),
            (400, Some("SecretHeaderNotFound"), "", ErrorKind::Unauthenticated),
            (400, Some("ArgumentNullOrEmpty"), "", ErrorKind::InvalidInput),
            (410, None, "", ErrorKind::Unavailable),
            (429, None, "", ErrorKind::Throttled),
            (500, None, "", ErrorKind::Unavailable),
            (503, None, "", ErrorKind::Unavailable),
            (201, None, "", ErrorKind::InvalidResponse),
            (302, None, "", ErrorKind::InvalidResponse),
        ] {
            let refusal = Refusal {
                code: code.map(str::to_owned),
                description: description.to_owned(),
                correlation_id: None,
            };
            assert_eq!(kind_of(status, &refusal), expected, "{status} {description}");
        }
    }

    #[test]
    fn refusals_are_read_in_every_form_in_use() {
        let check = |body: &str, code: Option<&str>, description: &str| {
            let refusal = Refusal::read(body.as_bytes());
            assert_eq!(
                (refusal.code.as_deref(), refusal.description.as_str()),
                (code, description)
            );
        };
        check(
            r#"{"error":"invalid_request","error_description":"Identity not found"}"#,
            Some("invalid_request"),
            "Identity not found",
        );
        check(
            r#"{"StatusCode":400,"Message":"None found.","CorrelationId":"c"}"#,
            None,
            "None found",
        );
        check(r#"{"error":{"code":"BadRequest","message":"No"}}"#, Some("BadRequest"), "No");
        check(r#"{"error":"a","error_description":"Two\nlines"}"#, Some("a"), "Two");
        check("<html>", None, "");
        check("[]", None, "");
    }
}
