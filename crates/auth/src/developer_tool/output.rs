//! What the tools print: a token as JSON, or a sentence on stderr.

use azure_core::{
    credentials::{AccessToken, Secret},
    time::{Duration, OffsetDateTime},
};
use serde::Deserialize;

use super::{ToolKind, command::Output};
use crate::{
    error::{ErrorKind, Failure},
    token::FetchedToken,
};

/// The JSON of both tools.
#[derive(Deserialize)]
struct Printed {
    /// `accessToken` of the Azure CLI.
    #[serde(rename = "accessToken")]
    access_token: Option<Secret>,
    /// Seconds since 1970; the Azure CLI has it since version 2.54.
    expires_on: Option<i64>,
    /// `token` of the Azure Developer CLI.
    token: Option<Secret>,
    /// RFC 3339 of the Azure Developer CLI; local time without a zone of the Azure CLI.
    #[serde(rename = "expiresOn")]
    expires_on_text: Option<String>,
}

pub(super) fn read(
    kind: ToolKind,
    output: &Output,
    requested_at: OffsetDateTime,
) -> Result<FetchedToken, Failure> {
    if !output.succeeded {
        return Err(refusal(kind, &output.stderr));
    }
    let invalid = |message: &str| Failure::new(ErrorKind::InvalidResponse, message);
    let printed: Printed = serde_json::from_slice(&output.stdout)
        .map_err(|_| invalid("it printed something that is not the JSON of a token"))?;
    let token = printed.access_token.or(printed.token);
    let token = token.filter(|token| !token.secret().is_empty());
    let token = token.ok_or_else(|| invalid("it printed JSON without a token"))?;
    let expires_on = match (printed.expires_on, printed.expires_on_text) {
        (Some(seconds), _) => OffsetDateTime::from_unix_timestamp(seconds).ok(),
        (None, Some(text)) => azure_core::time::parse_rfc3339(&text).ok(),
        (None, None) => None,
    };
    let expires_on = expires_on.ok_or_else(|| {
        invalid("it does not say in a readable form when the token expires")
            .hint("the Azure CLI does since version 2.54: update it")
    })?;
    if expires_on <= requested_at {
        return Err(invalid("the token that it printed has expired")
            .hint("check the clock of this machine"));
    }
    Ok(FetchedToken {
        access_token: AccessToken::new(token, expires_on),
        refresh_on: expires_on - Duration::minutes(5),
    })
}

/// What a tool says that ended with an error. Both say it in a sentence, some of which tell of nobody being signed in.
fn refusal(kind: ToolKind, stderr: &[u8]) -> Failure {
    let text = String::from_utf8_lossy(stderr);
    let line = text.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default();
    let line = line.trim_start_matches("ERROR:").trim().trim_end_matches('.');
    let line: String = line.chars().take(MAX_TEXT_CHARS).collect();
    let code = text.find("AADSTS").map(|start| {
        let end = text[start + 6..].find(|c: char| !c.is_ascii_digit());
        text[start..end.map_or(text.len(), |end| start + 6 + end)].to_owned()
    });
    let is_signed_out = NOT_SIGNED_IN.iter().any(|words| text.contains(words));
    let kind_of_failure = if is_signed_out && code.is_none() {
        ErrorKind::CredentialUnavailable
    } else {
        ErrorKind::Unauthenticated
    };
    let said = if line.is_empty() { "it failed and said nothing".to_owned() } else { line };
    let mut failure =
        Failure::new(kind_of_failure, said).hint(format!("sign in by `{}`", kind.sign_in()));
    failure.service_code = code;
    failure
}

const NOT_SIGNED_IN: [&str; 4] = ["az login", "az account set", "azd auth login", "not logged in"];

const MAX_TEXT_CHARS: usize = 400;
