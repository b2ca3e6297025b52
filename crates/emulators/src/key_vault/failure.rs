//! Key Vault's error answers: a code, a sentence, and for 403 and 409 an inner code.

use std::fmt;

use axum::{
    Json,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::json;

use super::{guard::REGION, paging::LATEST_API_VERSION};

/// Why a request is refused.
#[derive(Debug)]
pub(super) enum Failure {
    AlreadyExists {
        name: String,
    },
    ApiVersion(Option<String>),
    /// The blob is of these emulators' form, but not sealed by them or damaged.
    BackupUnreadable,
    /// The blob is no backup at all.
    BackupVersion,
    BadParameter(String),
    /// `recreated`: the name, if the request would have made a secret of it.
    BeingDeleted {
        recreated: Option<String>,
    },
    BeingRecovered {
        name: String,
    },
    BodyTooLong,
    DeletedButRecoverable {
        name: String,
    },
    DeletedSecretNotFound {
        name: String,
    },
    Forbidden {
        message: String,
    },
    ForbiddenByFirewall {
        message: String,
    },
    ForbiddenByPolicy {
        message: String,
    },
    Internal,
    InvalidName(String),
    ManagedByKeyVault {
        operation: &'static str,
    },
    MethodNotAllowed,
    NoSuchPath,
    NoSuchVault {
        host: String,
    },
    OperationNotAllowed {
        method: String,
        operation: String,
    },
    PurgeProtected {
        vault: String,
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
    Throttled {
        retry_after_seconds: u32,
    },
    Unauthorized {
        message: String,
        authority: String,
        resource: &'static str,
    },
    Unavailable,
}

impl Failure {
    fn parts(&self) -> (StatusCode, &'static str, String) {
        (self.status(), self.code(), self.message())
    }

    fn status(&self) -> StatusCode {
        match self {
            Self::AlreadyExists { .. }
            | Self::BeingDeleted { .. }
            | Self::BeingRecovered { .. }
            | Self::DeletedButRecoverable { .. } => StatusCode::CONFLICT,
            Self::ApiVersion(_)
            | Self::BackupUnreadable
            | Self::BackupVersion
            | Self::BadParameter(_)
            | Self::InvalidName(_)
            | Self::OperationNotAllowed { .. } => StatusCode::BAD_REQUEST,
            Self::BodyTooLong => StatusCode::PAYLOAD_TOO_LARGE,
            Self::DeletedSecretNotFound { .. }
            | Self::NoSuchPath
            | Self::NoSuchVault { .. }
            | Self::SecretNotFound { .. } => StatusCode::NOT_FOUND,
            Self::Forbidden { .. }
            | Self::ForbiddenByFirewall { .. }
            | Self::ForbiddenByPolicy { .. }
            | Self::ManagedByKeyVault { .. }
            | Self::PurgeProtected { .. }
            | Self::SecretDisabled => StatusCode::FORBIDDEN,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::Revoked { .. } | Self::Unauthorized { .. } => StatusCode::UNAUTHORIZED,
            Self::Throttled { .. } => StatusCode::TOO_MANY_REQUESTS,
            Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::AlreadyExists { .. }
            | Self::BeingDeleted { .. }
            | Self::BeingRecovered { .. }
            | Self::DeletedButRecoverable { .. } => "Conflict",
            Self::ApiVersion(_)
            | Self::BackupUnreadable
            | Self::BackupVersion
            | Self::BadParameter(_)
            | Self::InvalidName(_)
            | Self::OperationNotAllowed { .. } => "BadParameter",
            Self::BodyTooLong => "RequestEntityTooLarge",
            Self::DeletedSecretNotFound { .. } | Self::SecretNotFound { .. } => "SecretNotFound",
            Self::Forbidden { .. }
            | Self::ForbiddenByFirewall { .. }
            | Self::ForbiddenByPolicy { .. }
            | Self::ManagedByKeyVault { .. }
            | Self::PurgeProtected { .. }
            | Self::SecretDisabled => "Forbidden",
            Self::Internal => "InternalServerError",
            Self::MethodNotAllowed => "MethodNotAllowed",
            Self::NoSuchPath => "NotFound",
            Self::NoSuchVault { .. } => "VaultNotFound",
            Self::Revoked { .. } | Self::Unauthorized { .. } => "Unauthorized",
            Self::Throttled { .. } => "Throttled",
            Self::Unavailable => "ServiceUnavailable",
        }
    }

    fn message(&self) -> String {
        match self {
            Self::AlreadyExists { name } => {
                format!("Secret {name} already exists and cannot be restored.")
            }
            Self::ApiVersion(None) => "api-version must be specified".to_owned(),
            Self::ApiVersion(Some(version)) => {
                let latest = LATEST_API_VERSION;
                format!(
                    "The specified version ({version}) is not recognized. Consider using the latest \
                     supported version ({latest})."
                )
            }
            Self::BackupUnreadable => "Cannot decrypt backup blob".to_owned(),
            Self::BackupVersion => "Backup blob contains invalid or corrupt version.".to_owned(),
            Self::BadParameter(message)
            | Self::Forbidden { message }
            | Self::ForbiddenByFirewall { message }
            | Self::ForbiddenByPolicy { message }
            | Self::Unauthorized { message, .. } => message.clone(),
            Self::BeingDeleted { recreated: None } => {
                "Secret is currently being deleted.".to_owned()
            }
            Self::BeingDeleted { recreated: Some(name) } => format!(
                "Secret {name} is currently being deleted and cannot be re-created; retry later."
            ),
            Self::BeingRecovered { name } => format!(
                "Secret {name} is currently being recovered and cannot be re-created; retry later."
            ),
            Self::BodyTooLong => "The request body is too long.".to_owned(),
            Self::DeletedButRecoverable { name } => format!(
                "Secret {name} is currently in a deleted but recoverable state, and its name \
                 cannot be reused; in this state, the secret can only be recovered or purged."
            ),
            Self::DeletedSecretNotFound { name } => format!("Deleted Secret not found: {name}"),
            Self::Internal => "An unexpected error occurred.".to_owned(),
            Self::InvalidName(name) => {
                format!("The request URI contains an invalid name: {name}")
            }
            Self::ManagedByKeyVault { operation } => format!(
                "Operation \"{operation}\" is not allowed on this secret, since it is associated \
                 with a certificate. Perform the operation on the corresponding certificate."
            ),
            Self::MethodNotAllowed => "The method is not allowed on this resource.".to_owned(),
            Self::NoSuchPath => "The resource does not exist.".to_owned(),
            Self::NoSuchVault { host } => format!("No vault answers to the host \"{host}\"."),
            Self::OperationNotAllowed { method, operation } => {
                format!("Method {method} does not allow operation '{operation}'")
            }
            Self::PurgeProtected { vault } => format!(
                "Operation \"purge\" is not allowed because purge protection is enabled for this \
                 vault. Key Vault service will automatically purge it after the retention period \
                 has passed.\r\nVault: {vault};location={REGION}"
            ),
            Self::Revoked { .. } => {
                "Continuous access evaluation resulted in a challenge.".to_owned()
            }
            Self::SecretDisabled => "Operation get is not allowed on a disabled secret.".to_owned(),
            Self::SecretNotFound { id } => format!(
                "A secret with (name/id) {id} was not found in this key vault. If you recently \
                 deleted this secret you may be able to recover it using the correct recovery \
                 command."
            ),
            Self::Throttled { .. } => "Request was not processed because too many requests were \
                                       received. Reason: VaultRequestTypeLimitReached"
                .to_owned(),
            Self::Unavailable => "The service is unavailable.".to_owned(),
        }
    }

    fn inner_code(&self) -> Option<&'static str> {
        match self {
            Self::BeingDeleted { .. } => Some("ObjectIsBeingDeleted"),
            Self::BeingRecovered { .. } => Some("ObjectIsBeingRecovered"),
            Self::DeletedButRecoverable { .. } => Some("ObjectIsDeletedButRecoverable"),
            Self::Forbidden { .. } => Some("ForbiddenByRbac"),
            Self::ForbiddenByFirewall { .. } => Some("ForbiddenByFirewall"),
            Self::ForbiddenByPolicy { .. } => Some("ForbiddenByPolicy"),
            Self::ManagedByKeyVault { .. } => Some("SecretManagedByKeyVault"),
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
            Self::Unauthorized { authority, resource, .. } => {
                ["Bearer authorization=\"", authority, "\", resource=\"", resource, "\""].concat()
            }
            Self::Revoked { authority, claims } => [
                "Bearer authorization=\"",
                authority,
                "\", error=\"insufficient_claims\", claims=\"",
                claims,
                "\"",
            ]
            .concat(),
            Self::Throttled { retry_after_seconds } => {
                let wait = [(header::RETRY_AFTER, retry_after_seconds.to_string())];
                return (status, wait, body).into_response();
            }
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
