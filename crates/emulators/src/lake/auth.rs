//! Who sends a request.
//!
//! Only bearer tokens are accepted: shared keys and SAS are refused as an account refuses them on
//! which key access is switched off.
//!
//! Spec: <https://learn.microsoft.com/rest/api/storageservices/authorize-with-azure-active-directory>

use super::{
    Lake,
    caller::Caller,
    failure::{Code, Failure},
    request::{Api, LakeRequest},
};
use crate::tokens::TokenRejection;

/// Refuses a request without a valid token.
pub(super) fn authenticate(lake: &Lake, request: &LakeRequest) -> Result<Caller, Failure> {
    if !lake.store.has_account(&request.account) {
        // In Azure there would be no such host.
        return Err(Failure::new(Code::ResourceNotFound));
    }
    let token = bearer_token(lake, request)?;
    check_version(request)?;
    let caller = lake
        .state
        .tokens
        .verify(token, &[AUDIENCE])
        .map_err(|rejection| unauthenticated(lake, &rejection))?;
    Ok(Caller::Principal { object_id: caller.object_id, name: caller.name })
}

fn bearer_token<'a>(lake: &Lake, request: &'a LakeRequest) -> Result<&'a str, Failure> {
    let Some(value) = request.header("authorization")? else {
        if request.query.get("sig").is_some() {
            return Err(Failure::new(Code::KeyBasedAuthenticationNotPermitted));
        }
        return Err(challenge(lake, Failure::new(Code::NoAuthenticationInformation)));
    };
    match value.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => Ok(token.trim()),
        Some((scheme, _)) if scheme.starts_with("SharedKey") => {
            Err(Failure::new(Code::KeyBasedAuthenticationNotPermitted))
        }
        _ => Err(challenge(
            lake,
            Failure::new(Code::InvalidAuthenticationInfo).with_detail(
                "AuthenticationErrorDetail",
                "The authentication scheme is not supported.",
            ),
        )),
    }
}

/// Bearer tokens came with a version of the service; a request that names none is taken for one of
/// the time before.
fn check_version(request: &LakeRequest) -> Result<(), Failure> {
    let version = request.header("x-ms-version")?.unwrap_or_default();
    let is_date = version.len() == 10
        && version.bytes().enumerate().all(|(at, byte)| match at {
            4 | 7 => byte == b'-',
            _ => byte.is_ascii_digit(),
        });
    if !version.is_empty() && !is_date {
        return Err(Failure::header("x-ms-version", version));
    }
    let oldest = match request.api {
        Api::Blob => OLDEST_BLOB_VERSION,
        Api::Dfs => OLDEST_DFS_VERSION,
    };
    // Dates in this form sort as text.
    if version < oldest {
        return Err(Failure::new(Code::AuthenticationFailed).with_detail(
            "AuthenticationErrorDetail",
            "Authentication scheme Bearer is not supported in this version.",
        ));
    }
    Ok(())
}

fn unauthenticated(lake: &Lake, rejection: &TokenRejection) -> Failure {
    let detail = match rejection {
        TokenRejection::BadSignature => {
            "Signature validation failed. Signature verification failed."
        }
        TokenRejection::Expired => "Lifetime validation failed. The token is expired.",
        TokenRejection::Malformed => "The token is malformed.",
        TokenRejection::WrongAudience { .. } => {
            "Audience validation failed. Audience did not match."
        }
        TokenRejection::WrongIssuer { .. } => "Issuer validation failed. Issuer did not match.",
    };
    tracing::info!(%rejection, "refused a token");
    let failure = Failure::new(Code::InvalidAuthenticationInfo);
    challenge(lake, failure.with_detail("AuthenticationErrorDetail", detail))
}

/// Adds where to get a token, and for what.
fn challenge(lake: &Lake, failure: Failure) -> Failure {
    let value = format!(
        "Bearer authorization_uri={}/{}/oauth2/authorize resource_id={AUDIENCE}",
        lake.state.authority_host,
        lake.state.directory.tenant_id(),
    );
    failure.with_header("www-authenticate", &value)
}

const AUDIENCE: &str = "https://storage.azure.com";
// Spec: <https://learn.microsoft.com/rest/api/storageservices/authorize-with-azure-active-directory#call-storage-operations-with-oauth-tokens>
const OLDEST_BLOB_VERSION: &str = "2017-11-09";
// Spec: <https://learn.microsoft.com/rest/api/storageservices/data-lake-storage-gen2>
const OLDEST_DFS_VERSION: &str = "2018-11-09";
