//! What a token is wanted for.

use time::Duration;

use crate::directory::ServicePrincipal;

/// Everything about a token but whose it is.
#[derive(Debug)]
pub(crate) struct Wanted<'a> {
    pub(crate) audience: &'a str,
    /// From now on; with a negative one the token has ended already.
    pub(crate) lifetime: Duration,
    /// What the client can do: `xms_cc`.
    pub(crate) capabilities: Vec<String>,
    /// The date that the token has at least, in seconds since 1970; never one to come.
    pub(super) not_before: Option<i64>,
    /// The tenant that issues it, if it is another than the main one.
    pub(super) elsewhere: Option<&'a ServicePrincipal>,
}

impl<'a> Wanted<'a> {
    pub(crate) fn new(audience: &'a str, lifetime: Duration) -> Self {
        Self { audience, lifetime, capabilities: Vec::new(), not_before: None, elsewhere: None }
    }

    pub(crate) fn with_capabilities(self, capabilities: Vec<String>) -> Self {
        Self { capabilities, ..self }
    }

    pub(crate) fn with_not_before(self, not_before: Option<i64>) -> Self {
        Self { not_before, ..self }
    }

    pub(crate) fn in_tenant_of(self, elsewhere: Option<&'a ServicePrincipal>) -> Self {
        Self { elsewhere, ..self }
    }
}
