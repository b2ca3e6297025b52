//! What the service answers when it refuses: status, code and message of each error, in the JSON
//! of the dfs endpoint and the XML of the blob endpoint.
//!
//! Spec: <https://learn.microsoft.com/rest/api/storageservices/data-lake-storage-gen2> (each
//! operation's page) and
//! <https://learn.microsoft.com/rest/api/storageservices/blob-service-error-codes>

use std::{borrow::Cow, io};

use axum::http::{HeaderName, HeaderValue, StatusCode};

use super::request::Api;

/// A refused request.
#[derive(Debug)]
pub(crate) struct Failure {
    code: Code,
    message: Option<Cow<'static, str>>,
    headers: Vec<(HeaderName, HeaderValue)>,
    details: Vec<(&'static str, String)>,
}

/// Why a request is refused. One code stands for both endpoints, which name some things
/// differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Code {
    AuthenticationFailed,
    AuthorizationFailure,
    AuthorizationPermissionMismatch,
    BlockCountExceedsLimit,
    CannotVerifyCopySource,
    ConditionNotMet,
    ContentLengthMustBeZero,
    CopySourceForbidden,
    CopySourceUnauthenticated,
    Crc64Mismatch,
    DirectoryNotEmpty,
    DuplicateTagNames,
    EmptyTagName,
    FilesystemAlreadyExists,
    FilesystemBeingDeleted,
    FilesystemNotFound,
    HierarchicalNamespaceNotEnabled,
    IncompleteBody,
    InvalidAccessControlList,
    InternalError,
    InvalidAuthenticationInfo,
    InvalidBlobOrBlock,
    InvalidBlockId,
    InvalidBlockList,
    InvalidFlushPosition,
    InvalidHeaderValue,
    InvalidInput,
    InvalidMd5,
    InvalidMetadata,
    InvalidQueryParameterValue,
    InvalidRange,
    InvalidRenameSourcePath,
    InvalidResourceName,
    InvalidSourceOrDestinationResourceType,
    InvalidSourceUri,
    InvalidTag,
    InvalidUri,
    InvalidXmlDocument,
    KeyBasedAuthenticationNotPermitted,
    LeaseAlreadyPresent,
    LeaseIdMismatchWithBlobOperation,
    LeaseIdMismatchWithContainerOperation,
    LeaseIdMismatchWithLeaseOperation,
    LeaseIdMissing,
    LeaseIsBreakingAndCannotBeAcquired,
    LeaseIsBreakingAndCannotBeChanged,
    LeaseIsBrokenAndCannotBeRenewed,
    LeaseLost,
    LeaseNotPresentWithBlobOperation,
    LeaseNotPresentWithContainerOperation,
    LeaseNotPresentWithLeaseOperation,
    Md5Mismatch,
    MissingContentLengthHeader,
    MissingRequiredHeader,
    MissingRequiredQueryParameter,
    NoAuthenticationInformation,
    NoPendingCopyOperation,
    NotImplemented,
    NotModified,
    OutOfRangeInput,
    OutOfRangeQueryParameterValue,
    PathAlreadyExists,
    PathConflict,
    PathNotFound,
    RenameDestinationParentPathNotFound,
    RequestBodyTooLarge,
    ResourceNotFound,
    ResourceTypeMismatch,
    ServerBusy,
    SourceConditionNotMet,
    SourcePathNotFound,
    TagsTooLarge,
    UnsupportedHttpVerb,
}

impl Failure {
    pub(crate) fn new(code: Code) -> Self {
        Self { code, message: None, headers: Vec::new(), details: Vec::new() }
    }

    /// A header value that the service cannot use.
    pub(crate) fn header(name: &'static str, value: &str) -> Self {
        Self::new(Code::InvalidHeaderValue)
            .with_detail("HeaderName", name)
            .with_detail("HeaderValue", value)
    }

    /// A header that must be there and is not.
    pub(crate) fn missing_header(name: &'static str) -> Self {
        Self::new(Code::MissingRequiredHeader).with_detail("HeaderName", name)
    }

    /// A query parameter that the service cannot use.
    pub(crate) fn query(name: &'static str, value: &str) -> Self {
        Self::new(Code::InvalidQueryParameterValue)
            .with_detail("QueryParameterName", name)
            .with_detail("QueryParameterValue", value)
    }

    /// A query parameter that must be there and is not.
    pub(crate) fn missing_query(name: &'static str) -> Self {
        Self::new(Code::MissingRequiredQueryParameter).with_detail("QueryParameterName", name)
    }

    /// Something that the service has and this emulator has not.
    pub(crate) fn not_implemented(what: &str) -> Self {
        let mut failure = Self::new(Code::NotImplemented);
        failure.message = Some(format!("The lake emulator does not implement {what}.").into());
        failure
    }

    /// A failure of this machine, which the log says in full and the client is not told.
    pub(crate) fn io(doing: &str, error: &io::Error) -> Self {
        tracing::error!(%error, doing, "the lake emulator failed");
        let mut failure = Self::new(Code::InternalError);
        if error.kind() == io::ErrorKind::StorageFull {
            failure.message = Some("The disk of the lake emulator is full.".into());
        }
        failure
    }

    pub(crate) fn with_message(mut self, message: &'static str) -> Self {
        self.message = Some(message.into());
        self
    }

    pub(crate) fn with_header(mut self, name: &'static str, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.push((HeaderName::from_static(name), value));
        }
        self
    }

    pub(crate) fn with_detail(mut self, name: &'static str, value: &str) -> Self {
        self.details.push((name, value.to_owned()));
        self
    }

    pub(crate) fn code(&self) -> Code {
        self.code
    }

    pub(crate) fn status(&self) -> StatusCode {
        self.code.status()
    }

    pub(crate) fn headers(&self) -> &[(HeaderName, HeaderValue)] {
        &self.headers
    }

    pub(crate) fn details(&self) -> &[(&'static str, String)] {
        &self.details
    }

    pub(crate) fn message(&self, api: Api) -> &str {
        self.message.as_deref().unwrap_or_else(|| self.code.message(api))
    }
}

impl Code {
    /// The code as the endpoint spells it.
    pub(crate) fn name(self, api: Api) -> &'static str {
        match (api, self.blob_words()) {
            (Api::Blob, Some((name, _))) => name,
            _ => self.facts().1,
        }
    }

    fn message(self, api: Api) -> &'static str {
        match (api, self.blob_words()) {
            (Api::Blob, Some((_, message))) => message,
            _ => self.facts().2,
        }
    }

    fn status(self) -> StatusCode {
        self.facts().0
    }

    /// Name and message where the blob endpoint has its own.
    fn blob_words(self) -> Option<(&'static str, &'static str)> {
        Some(match self {
            Code::DirectoryNotEmpty => {
                ("DirectoryIsNotEmpty", "This operation is not permitted on a non-empty directory.")
            }
            Code::FilesystemAlreadyExists => {
                ("ContainerAlreadyExists", "The specified container already exists.")
            }
            Code::FilesystemBeingDeleted => (
                "ContainerBeingDeleted",
                "The specified container is being deleted. Try operation later.",
            ),
            Code::FilesystemNotFound => {
                ("ContainerNotFound", "The specified container does not exist.")
            }
            Code::LeaseIdMismatchWithBlobOperation => (
                "LeaseIdMismatchWithBlobOperation",
                "The lease ID specified did not match the lease ID for the blob.",
            ),
            Code::LeaseIdMismatchWithLeaseOperation => (
                "LeaseIdMismatchWithLeaseOperation",
                "The lease ID specified did not match the lease ID for the blob with the \
                 specified lease operation.",
            ),
            Code::LeaseIdMissing => (
                "LeaseIdMissing",
                "There is currently a lease on the blob and no lease ID was specified in \
                 the request.",
            ),
            Code::LeaseLost => {
                ("LeaseLost", "A lease ID was specified, but the lease for the blob has expired.")
            }
            Code::LeaseNotPresentWithBlobOperation => {
                ("LeaseNotPresentWithBlobOperation", "There is currently no lease on the blob.")
            }
            Code::LeaseNotPresentWithLeaseOperation => {
                ("LeaseNotPresentWithLeaseOperation", "There is currently no lease on the blob.")
            }
            Code::PathAlreadyExists => ("BlobAlreadyExists", "The specified blob already exists."),
            Code::PathConflict => {
                let (_, name, message) = Code::ResourceTypeMismatch.facts();
                (name, message)
            }
            Code::PathNotFound => ("BlobNotFound", "The specified blob does not exist."),
            _ => return None,
        })
    }

    /// Status, name and message.
    fn facts(self) -> (StatusCode, &'static str, &'static str) {
        match self {
            Code::AuthenticationFailed => (
                StatusCode::FORBIDDEN,
                "AuthenticationFailed",
                "Server failed to authenticate the request. Make sure the value of Authorization \
                 header is formed correctly including the signature.",
            ),
            Code::AuthorizationFailure => (
                StatusCode::FORBIDDEN,
                "AuthorizationFailure",
                "This request is not authorized to perform this operation.",
            ),
            Code::AuthorizationPermissionMismatch => (
                StatusCode::FORBIDDEN,
                "AuthorizationPermissionMismatch",
                "This request is not authorized to perform this operation using this permission.",
            ),
            Code::BlockCountExceedsLimit => (
                StatusCode::CONFLICT,
                "BlockCountExceedsLimit",
                "The committed block count cannot exceed the maximum limit of 50,000 blocks.",
            ),
            Code::CannotVerifyCopySource => (
                StatusCode::NOT_FOUND,
                "CannotVerifyCopySource",
                "The specified resource does not exist.",
            ),
            Code::ConditionNotMet => (
                StatusCode::PRECONDITION_FAILED,
                "ConditionNotMet",
                "The condition specified using HTTP conditional header(s) is not met.",
            ),
            Code::ContentLengthMustBeZero => (
                StatusCode::BAD_REQUEST,
                "ContentLengthMustBeZero",
                "The Content-Length request header must be zero.",
            ),
            Code::CopySourceForbidden => (
                StatusCode::FORBIDDEN,
                "CannotVerifyCopySource",
                "This request is not authorized to perform this operation using this permission.",
            ),
            Code::CopySourceUnauthenticated => (
                StatusCode::UNAUTHORIZED,
                "CannotVerifyCopySource",
                "Server failed to authenticate the request. Please refer to the information in \
                 the www-authenticate header.",
            ),
            Code::Crc64Mismatch => (
                StatusCode::BAD_REQUEST,
                "Crc64Mismatch",
                "The CRC64 value specified in the request did not match with the CRC64 value \
                 calculated by the server.",
            ),
            Code::DirectoryNotEmpty => (
                StatusCode::CONFLICT,
                "DirectoryNotEmpty",
                "The recursive query parameter value must be true to delete a non-empty directory.",
            ),
            Code::DuplicateTagNames => (
                StatusCode::BAD_REQUEST,
                "DuplicateTagNames",
                "The tags specified contain duplicate names.",
            ),
            Code::EmptyTagName => (
                StatusCode::BAD_REQUEST,
                "EmptyTagName",
                "The name of one of the tag key-value pairs is empty.",
            ),
            Code::FilesystemAlreadyExists => (
                StatusCode::CONFLICT,
                "FilesystemAlreadyExists",
                "The specified filesystem already exists.",
            ),
            Code::FilesystemBeingDeleted => (
                StatusCode::CONFLICT,
                "FilesystemBeingDeleted",
                "The specified filesystem is being deleted.",
            ),
            Code::FilesystemNotFound => (
                StatusCode::NOT_FOUND,
                "FilesystemNotFound",
                "The specified filesystem does not exist.",
            ),
            Code::HierarchicalNamespaceNotEnabled => (
                StatusCode::BAD_REQUEST,
                "HierarchicalNamespaceNotEnabled",
                "Hierarchical namespace is not enabled for this account.",
            ),
            Code::IncompleteBody => (
                StatusCode::BAD_REQUEST,
                "IncompleteBody",
                "The request body is shorter than its Content-Length header says.",
            ),
            // The service spells it so.
            Code::InvalidAccessControlList => (
                StatusCode::BAD_REQUEST,
                "InvaldAccessControlList",
                "The access control list value is invalid.",
            ),
            Code::InternalError => (
                StatusCode::INTERNAL_SERVER_ERROR,
                "InternalError",
                "The server encountered an internal error. Please retry the request.",
            ),
            Code::InvalidAuthenticationInfo => (
                StatusCode::UNAUTHORIZED,
                "InvalidAuthenticationInfo",
                "Server failed to authenticate the request. Please refer to the information in \
                 the www-authenticate header.",
            ),
            Code::InvalidBlobOrBlock => (
                StatusCode::BAD_REQUEST,
                "InvalidBlobOrBlock",
                "The specified blob or block content is invalid.",
            ),
            Code::InvalidBlockId => (
                StatusCode::BAD_REQUEST,
                "InvalidBlockId",
                "The specified block ID is invalid. The block ID must be Base64-encoded.",
            ),
            Code::InvalidBlockList => (
                StatusCode::BAD_REQUEST,
                "InvalidBlockList",
                "The specified block list is invalid.",
            ),
            Code::InvalidFlushPosition => (
                StatusCode::BAD_REQUEST,
                "InvalidFlushPosition",
                "The uploaded data is not contiguous or the position query parameter value is not \
                 equal to the length of the file after appending the uploaded data.",
            ),
            Code::InvalidHeaderValue => (
                StatusCode::BAD_REQUEST,
                "InvalidHeaderValue",
                "The value for one of the HTTP headers is not in the correct format.",
            ),
            Code::InvalidInput => {
                (StatusCode::BAD_REQUEST, "InvalidInput", "One of the request inputs is not valid.")
            }
            Code::InvalidMd5 => (
                StatusCode::BAD_REQUEST,
                "InvalidMd5",
                "The MD5 value specified in the request is invalid. MD5 value must be 128 bits \
                 and base64-encoded.",
            ),
            Code::InvalidMetadata => (
                StatusCode::BAD_REQUEST,
                "InvalidMetadata",
                "The metadata specified is invalid. It has characters that are not permitted.",
            ),
            Code::InvalidQueryParameterValue => (
                StatusCode::BAD_REQUEST,
                "InvalidQueryParameterValue",
                "Value for one of the query parameters specified in the request URI is invalid.",
            ),
            Code::InvalidRange => (
                StatusCode::RANGE_NOT_SATISFIABLE,
                "InvalidRange",
                "The range specified is invalid for the current size of the resource.",
            ),
            Code::InvalidRenameSourcePath => (
                StatusCode::CONFLICT,
                "InvalidRenameSourcePath",
                "The source directory cannot be the same as the destination directory, nor can \
                 the destination be a subdirectory of the source directory.",
            ),
            Code::InvalidResourceName => (
                StatusCode::BAD_REQUEST,
                "InvalidResourceName",
                "The specified resource name contains invalid characters.",
            ),
            Code::InvalidSourceOrDestinationResourceType => (
                StatusCode::CONFLICT,
                "InvalidSourceOrDestinationResourceType",
                "The source and destination resource type must be identical.",
            ),
            Code::InvalidSourceUri => {
                (StatusCode::BAD_REQUEST, "InvalidSourceUri", "The source URI is invalid.")
            }
            Code::InvalidTag => (
                StatusCode::BAD_REQUEST,
                "InvalidTag",
                "The tags specified are invalid. It contains characters that are not \
                 permitted.",
            ),
            Code::InvalidUri => {
                (StatusCode::BAD_REQUEST, "InvalidUri", "The request URI is invalid.")
            }
            Code::InvalidXmlDocument => (
                StatusCode::BAD_REQUEST,
                "InvalidXmlDocument",
                "XML specified is not syntactically valid.",
            ),
            Code::KeyBasedAuthenticationNotPermitted => (
                StatusCode::FORBIDDEN,
                "KeyBasedAuthenticationNotPermitted",
                "Key based authentication is not permitted on this storage account.",
            ),
            Code::LeaseAlreadyPresent => {
                (StatusCode::CONFLICT, "LeaseAlreadyPresent", "There is already a lease present.")
            }
            Code::LeaseIdMismatchWithBlobOperation => (
                StatusCode::PRECONDITION_FAILED,
                "LeaseIdMismatchWithBlobOperation",
                "The lease ID specified did not match the lease ID for the resource.",
            ),
            Code::LeaseIdMismatchWithContainerOperation => (
                StatusCode::PRECONDITION_FAILED,
                "LeaseIdMismatchWithContainerOperation",
                "The lease ID specified did not match the lease ID for the container.",
            ),
            Code::LeaseIdMismatchWithLeaseOperation => (
                StatusCode::CONFLICT,
                "LeaseIdMismatchWithLeaseOperation",
                "The lease ID specified did not match the lease ID for the resource with \
                 the specified lease operation.",
            ),
            Code::LeaseIdMissing => (
                StatusCode::PRECONDITION_FAILED,
                "LeaseIdMissing",
                "There is currently a lease on the resource and no lease ID was specified \
                 in the request.",
            ),
            Code::LeaseIsBreakingAndCannotBeAcquired => (
                StatusCode::CONFLICT,
                "LeaseIsBreakingAndCannotBeAcquired",
                "The lease ID matched, but the lease is currently in breaking state and \
                 cannot be acquired until it is broken.",
            ),
            Code::LeaseIsBreakingAndCannotBeChanged => (
                StatusCode::CONFLICT,
                "LeaseIsBreakingAndCannotBeChanged",
                "The lease ID matched, but the lease is currently in breaking state and \
                 cannot be changed.",
            ),
            Code::LeaseIsBrokenAndCannotBeRenewed => (
                StatusCode::CONFLICT,
                "LeaseIsBrokenAndCannotBeRenewed",
                "The lease ID matched, but the lease has been broken explicitly and \
                 cannot be renewed.",
            ),
            Code::LeaseLost => (
                StatusCode::PRECONDITION_FAILED,
                "LeaseLost",
                "A lease ID was specified, but the lease for the resource has expired.",
            ),
            Code::LeaseNotPresentWithBlobOperation => (
                StatusCode::PRECONDITION_FAILED,
                "LeaseNotPresentWithBlobOperation",
                "There is currently no lease on the resource.",
            ),
            Code::LeaseNotPresentWithContainerOperation => (
                StatusCode::PRECONDITION_FAILED,
                "LeaseNotPresentWithContainerOperation",
                "There is currently no lease on the container.",
            ),
            Code::LeaseNotPresentWithLeaseOperation => (
                StatusCode::CONFLICT,
                "LeaseNotPresentWithLeaseOperation",
                "The lease ID is not present with the specified lease operation.",
            ),
            Code::Md5Mismatch => (
                StatusCode::BAD_REQUEST,
                "Md5Mismatch",
                "The MD5 value specified in the request did not match with the MD5 value \
                 calculated by the server.",
            ),
            Code::MissingContentLengthHeader => (
                StatusCode::LENGTH_REQUIRED,
                "MissingContentLengthHeader",
                "The Content-Length header was not specified.",
            ),
            Code::MissingRequiredHeader => (
                StatusCode::BAD_REQUEST,
                "MissingRequiredHeader",
                "An HTTP header that's mandatory for this request is not specified.",
            ),
            Code::MissingRequiredQueryParameter => (
                StatusCode::BAD_REQUEST,
                "MissingRequiredQueryParameter",
                "A query parameter that's mandatory for this request is not specified.",
            ),
            Code::NoAuthenticationInformation => (
                StatusCode::UNAUTHORIZED,
                "NoAuthenticationInformation",
                "Server failed to authenticate the request. Please refer to the information in \
                 the www-authenticate header.",
            ),
            Code::NoPendingCopyOperation => (
                StatusCode::CONFLICT,
                "NoPendingCopyOperation",
                "There is currently no pending copy operation.",
            ),
            Code::NotImplemented => (
                StatusCode::NOT_IMPLEMENTED,
                "NotImplemented",
                "The requested operation is not implemented.",
            ),
            Code::NotModified => (
                StatusCode::NOT_MODIFIED,
                "ConditionNotMet",
                "The condition specified using HTTP conditional header(s) is not met.",
            ),
            Code::OutOfRangeInput => (
                StatusCode::BAD_REQUEST,
                "OutOfRangeInput",
                "One of the request inputs is out of range.",
            ),
            Code::OutOfRangeQueryParameterValue => (
                StatusCode::BAD_REQUEST,
                "OutOfRangeQueryParameterValue",
                "One of the query parameters specified in the request URI is outside the \
                 permissible range.",
            ),
            Code::PathAlreadyExists => {
                (StatusCode::CONFLICT, "PathAlreadyExists", "The specified path already exists.")
            }
            Code::PathConflict => (
                StatusCode::CONFLICT,
                "PathConflict",
                "The specified path, or an element of the path, exists and its resource type is \
                 invalid for this operation.",
            ),
            Code::PathNotFound => {
                (StatusCode::NOT_FOUND, "PathNotFound", "The specified path does not exist.")
            }
            Code::RenameDestinationParentPathNotFound => (
                StatusCode::NOT_FOUND,
                "RenameDestinationParentPathNotFound",
                "The parent directory of the destination path does not exist.",
            ),
            Code::RequestBodyTooLarge => (
                StatusCode::PAYLOAD_TOO_LARGE,
                "RequestBodyTooLarge",
                "The request body is too large and exceeds the maximum permissible limit.",
            ),
            Code::ResourceNotFound => (
                StatusCode::NOT_FOUND,
                "ResourceNotFound",
                "The specified resource does not exist.",
            ),
            Code::ResourceTypeMismatch => (
                StatusCode::CONFLICT,
                "ResourceTypeMismatch",
                "The specified resource type does not match the type of the existing resource.",
            ),
            Code::ServerBusy => (
                StatusCode::SERVICE_UNAVAILABLE,
                "ServerBusy",
                "Operations per second is over the account limit.",
            ),
            Code::SourceConditionNotMet => (
                StatusCode::PRECONDITION_FAILED,
                "SourceConditionNotMet",
                "The source condition specified using HTTP conditional header(s) is not met.",
            ),
            Code::SourcePathNotFound => (
                StatusCode::NOT_FOUND,
                "SourcePathNotFound",
                "The source path for a rename operation does not exist.",
            ),
            Code::TagsTooLarge => (
                StatusCode::BAD_REQUEST,
                "TagsTooLarge",
                "The tags specified exceed the maximum permissible limit.",
            ),
            Code::UnsupportedHttpVerb => (
                StatusCode::METHOD_NOT_ALLOWED,
                "UnsupportedHttpVerb",
                "The resource doesn't support the specified HTTP verb.",
            ),
        }
    }
}
