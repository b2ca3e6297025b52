//! Key Vault's error answers: a code, a sentence, and for 403 an inner code.

use std::fmt;

use axum::{
    Json,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::json;

/// Why a request is refused.
#[derive(Debug)]
pub(super) enum Failure {
    ApiVersion(Option<String>),
    BadParameter(String),
    BodyTooLong,
    Forbidden {
        message: String,
    },
    MethodNotAllowed,
    NoSuchPath,
    NoSuchVault {
        host: String,
    },
    /// The token was good once; the client knows how to get one that satisfies the claims.
    Revoked {
        authority: String,
        claims: String,
    },
    SecretDisabled,
    SecretNotFound {
        id: String,
    },
    Unauthorized {
        message: String,
        authority: String,
    },
}

impl Failure {
    fn parts(&self) -> (StatusCode, &'static str, String) {
        match self {
            Self::ApiVersion(None) => (
                StatusCode::BAD_REQUEST,
                "BadParameter",
                "api-version must be specified".to_owned(),
            ),
            Self::ApiVersion(Some(version)) => (
                StatusCode::BAD_REQUEST,
                "BadParameter",
                format!("The specified version ({version}) is not recognized."),
            ),
            Self::BadParameter(message) => {
                (StatusCode::BAD_REQUEST, "BadParameter", message.clone())
            }
            Self::BodyTooLong => (
                StatusCode::PAYLOAD_TOO_LARGE,
                "RequestEntityTooLarge",
                "The request body is too long.".to_owned(),
            ),
            Self::Forbidden { message } => (StatusCode::FORBIDDEN, "Forbidden", message.clone()),
            Self::MethodNotAllowed => (
                StatusCode::METHOD_NOT_ALLOWED,
                "MethodNotAllowed",
                "The method is not allowed on this resource.".to_owned(),
            ),
            Self::NoSuchPath => {
                (StatusCode::NOT_FOUND, "NotFound", "The resource does not exist.".to_owned())
            }
            Self::NoSuchVault { host } => (
                StatusCode::NOT_FOUND,
                "VaultNotFound",
                format!("No vault answers to the host \"{host}\"."),
            ),
            Self::Revoked { .. } => (
                StatusCode::UNAUTHORIZED,
                "Unauthorized",
                "Continuous access evaluation resulted in a challenge.".to_owned(),
            ),
            Self::SecretDisabled => (
                StatusCode::FORBIDDEN,
                "Forbidden",
                "Operation get is not allowed on a disabled secret.".to_owned(),
            ),
            Self::SecretNotFound { id } => (
                StatusCode::NOT_FOUND,
                "SecretNotFound",
                format!(
                    "A secret with (name/id) {id} was not found in this key vault. If you \
                     recently deleted this secret you may be able to recover it using the correct \
                     recovery command."
                ),
            ),
            Self::Unauthorized { message, .. } => {
                (StatusCode::UNAUTHORIZED, "Unauthorized", message.clone())
            }
        }
    }

    fn inner_code(&self) -> Option<&'static str> {
        match self {
            Self::Forbidden { .. } => Some("ForbiddenByRbac"),
            Self::SecretDisabled => Some("SecretDisabled"),
            _ => None,
        }
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let (status, code, message) = self.parts();
        let mut error = json!({"code": code, "message": message});
        if let Some(inner) = self.inner_code() {
            error["innererror"] = json!({"code": inner});
        }
        let body = Json(json!({"error": error}));
        let challenge = match &self {
            Self::Unauthorized { authority, .. } => [
                "Bearer authorization=\"",
                authority,
                "\", resource=\"",
                super::guard::RESOURCE,
                "\"",
            ]
            .concat(),
            Self::Revoked { authority, claims } => [
                "Bearer authorization=\"",
                authority,
                "\", error=\"insufficient_claims\", claims=\"",
                claims,
                "\"",
            ]
            .concat(),
            _ => return (status, body).into_response(),
        };
        (status, [(header::WWW_AUTHENTICATE, challenge)], body).into_response()
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (status, code, message) = self.parts();
        write!(f, "{} {code}: {message}", status.as_u16())
    }
}
