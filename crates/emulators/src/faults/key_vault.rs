//! The ways in which Key Vault fails, and how late it answers. Where they take effect is Key
//! Vault's own affair: some need to know who asks for what.

use serde::Deserialize;

use super::Lasting;

/// What is wrong with an answer of Key Vault.
///
/// The challenges, `Garbage`, `Reset`, `Throttled` and `Unavailable` hit every request, and nothing
/// is done for it. The others are about what a vault answers to callers that it knows: a request
/// without a good token is challenged as ever and uses none of them up, nor does one that the
/// firewall or the request limit keeps out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum KeyVaultFault {
    /// Nothing: what is asked is done and answered. Between other faults it makes a vault that
    /// comes and goes.
    Answers,
    /// It is the right one, what was asked is done, and the connection closes after the first half
    /// of the body.
    BodyCut,
    /// 403 with the inner code `ForbiddenByRbac`, as if the caller had no role.
    ForbiddenByRbac,
    /// 401 with a challenge whose resource is `https://vault.evil.example`, whatever token came.
    ForeignChallenge,
    /// 200, with a page that somebody on the way put in its place.
    Garbage,
    /// There is none though what was asked is done: the connection closes.
    LostAnswer,
    /// 401 with a challenge that names the authority of another tenant, whatever token came: the
    /// first one configured that is not the vault's, or else one that nobody knows.
    OtherTenantChallenge,
    /// There is none: the connection closes.
    Reset,
    /// 429.
    Throttled {
        /// What `Retry-After` says.
        retry_after_seconds: u32,
    },
    /// 503, without `Retry-After`.
    Unavailable,
}

/// One fault of Key Vault from the start on.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyVaultFaultConfig {
    /// What is wrong.
    pub fault: KeyVaultFault,
    /// How long: `"always"`, `{"ms": 2000}` or `{"requests": 3}`.
    pub lasting: Lasting,
}

impl KeyVaultFault {
    /// Whether it hits a request whoever sent it.
    pub(super) fn hits_strangers(self) -> bool {
        match self {
            Self::Answers | Self::BodyCut | Self::ForbiddenByRbac | Self::LostAnswer => false,
            Self::ForeignChallenge
            | Self::Garbage
            | Self::OtherTenantChallenge
            | Self::Reset
            | Self::Throttled { .. }
            | Self::Unavailable => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_fault_is_spelled_in_json() {
        #[track_caller]
        fn check(json: &str, fault: KeyVaultFault, lasting: Lasting) {
            let read: KeyVaultFaultConfig = serde_json::from_str(json).unwrap();
            assert_eq!((read.fault, read.lasting), (fault, lasting));
        }
        check(
            r#"{"fault":"forbidden_by_rbac","lasting":{"requests":2}}"#,
            KeyVaultFault::ForbiddenByRbac,
            Lasting::Requests(2),
        );
        check(
            r#"{"fault":{"throttled":{"retry_after_seconds":7}},"lasting":{"ms":40}}"#,
            KeyVaultFault::Throttled { retry_after_seconds: 7 },
            Lasting::For(Duration::from_millis(40)),
        );
        for wrong in [
            r#"{"fault":"reset"}"#,
            r#"{"fault":"answer","lasting":"always"}"#,
            r#"{"fault":"throttled","lasting":"always"}"#,
            r#"{"fault":{"throttled":{"retry_after_seconds":-1}},"lasting":"always"}"#,
        ] {
            serde_json::from_str::<KeyVaultFaultConfig>(wrong).unwrap_err();
        }
    }
}
