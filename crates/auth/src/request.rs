//! What one request for a token may ask beside its scopes: another tenant, and the claims of a challenge.

use azure_core::{
    credentials::TokenRequestOptions,
    http::{ClientMethodOptions, Context},
};
use base64::{Engine, engine::general_purpose::STANDARD_NO_PAD};
use serde_json::{Map, Value};

use crate::{
    error::{Failure, Result},
    ids::TenantId,
};

/// What one request for a token asks beside its scopes.
///
/// [`azure_core::credentials::TokenRequestOptions`] has no place for it; it travels in their context:
/// ```no_run
/// use azconnect_auth::TokenRequest;
/// # use azconnect_auth::azure_core::credentials::TokenCredential;
///
/// # async fn example(credential: &dyn TokenCredential, www_authenticate: &str) -> Result<(), Box<dyn std::error::Error>> {
/// // A service answered 401: the token that it was shown does not do any more.
/// if let Some(request) = TokenRequest::from_challenge(www_authenticate)? {
///     let scopes = ["https://vault.azure.net/.default"];
///     let token = credential.get_token(&scopes, Some(request.into_options())).await?;
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct TokenRequest {
    tenant_id: Option<TenantId>,
    claims: Option<Map<String, Value>>,
}

impl TokenRequest {
    /// Asks for the token in this tenant. Default: the credential's own.
    ///
    /// The credential must allow it (`with_additionally_allowed_tenants`). A managed identity is of one tenant and
    /// refuses.
    #[must_use]
    pub fn with_tenant_id(mut self, tenant_id: TenantId) -> Self {
        self.tenant_id = Some(tenant_id);
        self
    }

    /// Asks for a token with these claims: the JSON object of a claims challenge. A token in the cache does not do,
    /// unless these claims were asked for when it was got.
    ///
    /// # Errors
    /// `InvalidInput`: the text is not a JSON object. It is not quoted.
    ///
    /// Spec: <https://openid.net/specs/openid-connect-core-1_0.html#ClaimsParameter>
    pub fn with_claims(mut self, claims: &str) -> Result<Self> {
        // The parser's own error would quote what it met.
        let Ok(Value::Object(claims)) = serde_json::from_str(claims) else {
            return Err(Failure::invalid_input("the claims are not a JSON object").into());
        };
        self.claims = Some(claims);
        Ok(self)
    }

    /// Reads the `WWW-Authenticate` header of an answer 401: `None` if it challenges for nothing but a token.
    ///
    /// # Errors
    /// `InvalidInput`: there are claims, and they are not base64 of a JSON object.
    ///
    /// Spec: <https://learn.microsoft.com/entra/identity-platform/claims-challenge>
    pub fn from_challenge(www_authenticate: &str) -> Result<Option<Self>> {
        let Some(encoded) = parameter(www_authenticate, "claims") else {
            return Ok(None);
        };
        // Services differ in the alphabet and in the padding.
        let encoded = encoded.trim_end_matches('=').replace('-', "+").replace('_', "/");
        let decoded = STANDARD_NO_PAD
            .decode(encoded)
            .ok()
            .and_then(|bytes| String::from_utf8(bytes).ok())
            .ok_or_else(|| Failure::invalid_input("the claims of the challenge are not base64"))?;
        Self::default().with_claims(&decoded).map(Some)
    }

    /// The options that carry this request.
    pub fn into_options(self) -> TokenRequestOptions<'static> {
        TokenRequestOptions {
            method_options: ClientMethodOptions { context: Context::new().with_value(self) },
        }
    }

    /// What the caller asked for; nothing if there is nothing in the context.
    pub(crate) fn of(context: &Context<'_>) -> Self {
        context.value::<Self>().cloned().unwrap_or_default()
    }

    pub(crate) fn tenant_id(&self) -> Option<&TenantId> {
        self.tenant_id.as_ref()
    }

    pub(crate) fn claims(&self) -> Option<&Map<String, Value>> {
        self.claims.as_ref()
    }
}

/// The quoted value of a parameter of a challenge.
///
/// Spec: <https://www.rfc-editor.org/rfc/rfc9110#section-11.6.1>
fn parameter<'a>(header: &'a str, name: &str) -> Option<&'a str> {
    let mut rest = header;
    loop {
        let (before, after) = rest.split_once('"')?;
        let (value, next) = after.split_once('"')?;
        let key = before.trim_end().strip_suffix('=')?.trim_end();
        let key = key.rsplit([' ', ',', '\t']).next()?;
        if key.eq_ignore_ascii_case(name) {
            return Some(value);
        }
        rest = next;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_claims_of_a_challenge_are_found_in_any_place_and_alphabet() {
        // The header and its claims as the vendor's page on claims challenges shows them.
        let documented = "Bearer realm=\"\", authorization_uri=\"https://login.microsoftonline.com/common/oauth2/authorize\", \
                          error=\"insufficient_claims\", claims=\"eyJhY2Nlc3NfdG9rZW4iOnsiYWNycyI6eyJlc3NlbnRpYWwiOnRydWUsInZhbHVlIjoiYzEifX19\"";
        let claims = r#"{"access_token":{"acrs":{"essential":true,"value":"c1"}}}"#;
        let expected = TokenRequest::default().with_claims(claims).unwrap();
        assert_eq!(TokenRequest::from_challenge(documented).unwrap().unwrap(), expected);
        let tilde = TokenRequest::default().with_claims(r#"{"a":"~~~?"}"#).unwrap();
        for encoded in ["eyJhIjoifn5-PyJ9", "eyJhIjoifn5+PyJ9"] {
            let header = format!("Bearer error=\"insufficient_claims\",claims = \"{encoded}\"");
            assert_eq!(TokenRequest::from_challenge(&header).unwrap().unwrap(), tilde);
        }
    }

    #[test]
    fn other_challenges_have_no_claims_and_broken_ones_are_refused() {
        for header in [
            "",
            "Bearer",
            "Bearer authorization=\"https://login.microsoftonline.com/t\", resource=\"https://vault.azure.net\"",
            "Bearer myclaims=\"e30=\"",
            "Bearer claims=\"e30=",
        ] {
            assert_eq!(TokenRequest::from_challenge(header).unwrap(), None, "{header}");
        }
        let error = TokenRequest::default().with_claims("\"canary-4711\"").unwrap_err();
        assert!(!format!("{error:?}").contains("canary"), "{error:?}");
        for header in ["Bearer claims=\"*\"", "Bearer claims=\"W10=\"", "Bearer claims=\"\""] {
            assert!(TokenRequest::from_challenge(header).is_err(), "{header}");
        }
    }
}
