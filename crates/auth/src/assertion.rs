//! Client assertions: the signed JWT by which an application proves that it holds its certificate's key.
//!
//! Spec: <https://learn.microsoft.com/entra/identity-platform/certificate-credentials>

use azure_core::time::{Duration, OffsetDateTime};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use secrecy::SecretString;
use serde::Serialize;
use uuid::Uuid;

use crate::{
    certificate::ClientCertificate,
    error::{ErrorKind, Failure},
    ids::ClientId,
};

/// How a client assertion is signed, and which thumbprint names its certificate.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub enum AssertionAlgorithm {
    /// RSASSA-PSS with SHA-256, and the SHA-256 thumbprint (`x5t#S256`): what Entra ID documents.
    #[default]
    Ps256,
    /// RSASSA-PKCS1-v1_5 with SHA-256, and the SHA-1 thumbprint (`x5t`): what older authorities understand.
    Rs256,
}

/// What goes into one assertion besides the certificate.
pub(crate) struct AssertionRequest<'a> {
    pub(crate) algorithm: AssertionAlgorithm,
    /// Whether `x5c` is sent, for applications that trust by subject name and issuer.
    pub(crate) with_chain: bool,
    pub(crate) client_id: ClientId,
    /// The token endpoint, to which alone the assertion is good.
    pub(crate) audience: &'a str,
    pub(crate) now: OffsetDateTime,
    /// Never used twice: the authority may refuse an assertion that it has seen.
    pub(crate) id: Uuid,
}

#[derive(Serialize)]
struct Header {
    alg: &'static str,
    typ: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    x5t: Option<String>,
    #[serde(rename = "x5t#S256", skip_serializing_if = "Option::is_none")]
    x5t_s256: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    x5c: Vec<String>,
}

#[derive(Serialize)]
struct Claims<'a> {
    aud: &'a str,
    exp: i64,
    iat: i64,
    iss: Uuid,
    jti: Uuid,
    nbf: i64,
    sub: Uuid,
}

impl AssertionRequest<'_> {
    /// Builds and signs the assertion.
    ///
    /// Spec: <https://www.rfc-editor.org/rfc/rfc7515#section-3.1>
    pub(crate) fn sign(&self, certificate: &ClientCertificate) -> Result<SecretString, Failure> {
        let (x5t, x5t_s256) = match self.algorithm {
            AssertionAlgorithm::Ps256 => {
                (None, Some(URL_SAFE_NO_PAD.encode(certificate.sha256_thumbprint())))
            }
            AssertionAlgorithm::Rs256 => {
                (Some(URL_SAFE_NO_PAD.encode(certificate.sha1_thumbprint())), None)
            }
        };
        let header = Header {
            alg: match self.algorithm {
                AssertionAlgorithm::Ps256 => "PS256",
                AssertionAlgorithm::Rs256 => "RS256",
            },
            typ: "JWT",
            x5t,
            x5t_s256,
            x5c: if self.with_chain { certificate.x5c() } else { Vec::new() },
        };
        let now = self.now.unix_timestamp();
        let client_id = self.client_id.as_uuid();
        let claims = Claims {
            aud: self.audience,
            exp: now + LIFETIME.whole_seconds(),
            iat: now,
            iss: client_id,
            jti: self.id,
            nbf: now,
            sub: client_id,
        };
        let mut assertion = encode(&header)? + "." + &encode(&claims)?;
        let signature = certificate.sign(self.algorithm, assertion.as_bytes())?;
        assertion.push('.');
        URL_SAFE_NO_PAD.encode_string(signature, &mut assertion);
        Ok(assertion.into())
    }
}

fn encode(part: &impl Serialize) -> Result<String, Failure> {
    let json = serde_json::to_vec(part).map_err(|error| {
        Failure::new(ErrorKind::InvalidInput, "cannot write the client assertion").source(error)
    })?;
    Ok(URL_SAFE_NO_PAD.encode(json))
}

/// Entra ID recommends five to ten minutes.
const LIFETIME: Duration = Duration::minutes(10);

#[cfg(test)]
mod tests;
