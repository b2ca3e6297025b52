//! Who sends a request, once that is known.

/// The sender of a request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) enum Caller {
    /// Not known yet: may do nothing.
    #[default]
    Unknown,
    /// A principal of the tenant, by its token.
    Principal {
        object_id: String,
        /// For the log.
        name: String,
    },
}

impl Caller {
    /// Who owns what the caller makes.
    pub(crate) fn owner_name(&self) -> &str {
        match self {
            Self::Principal { object_id, .. } => object_id,
            Self::Unknown => super::acl::SUPERUSER,
        }
    }
}
