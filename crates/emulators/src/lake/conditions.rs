//! Conditional headers: `If-Match`, `If-None-Match`, `If-Modified-Since`, `If-Unmodified-Since`,
//! and the same with `x-ms-source-` for the source of a rename.
//!
//! Spec: <https://learn.microsoft.com/rest/api/storageservices/specifying-conditional-headers-for-blob-service-operations>

use uuid::Uuid;

use super::{
    failure::{Code, Failure},
    lease::{self, Leased},
    request::LakeRequest,
    stamp::{Stamp, parse_http_date},
    store::Entry,
};

/// The conditions of one request; none given, everything passes.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Conditions {
    if_match: Option<EntityTag>,
    if_none_match: Option<EntityTag>,
    if_modified_since: Option<i64>,
    if_unmodified_since: Option<i64>,
    lease_id: Option<Uuid>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum EntityTag {
    Any,
    /// As it is on the wire, but without quotes.
    Exactly(String),
}

impl Conditions {
    /// The conditions on the resource itself.
    pub(crate) fn of(request: &LakeRequest) -> Result<Self, Failure> {
        Self::named(
            request,
            ["if-match", "if-none-match", "if-modified-since", "if-unmodified-since"],
            "x-ms-lease-id",
        )
    }

    /// The conditions on the source of a rename.
    pub(crate) fn of_source(request: &LakeRequest) -> Result<Self, Failure> {
        Self::named(
            request,
            [
                "x-ms-source-if-match",
                "x-ms-source-if-none-match",
                "x-ms-source-if-modified-since",
                "x-ms-source-if-unmodified-since",
            ],
            "x-ms-source-lease-id",
        )
    }

    /// The same, but that the lease id is not one that the request must be made with: it names
    /// the lease that an operation on leases is about.
    pub(crate) fn of_lease_operation(request: &LakeRequest) -> Result<Self, Failure> {
        Ok(Self { lease_id: None, ..Self::of(request)? })
    }

    /// The same, made with this lease id unless the request names one.
    pub(crate) fn or_leased(self, id: Option<Uuid>) -> Self {
        Self { lease_id: self.lease_id.or(id), ..self }
    }

    fn named(
        request: &LakeRequest,
        names: [&'static str; 4],
        lease_name: &'static str,
    ) -> Result<Self, Failure> {
        let tag = |name| Ok::<_, Failure>(request.header(name)?.map(EntityTag::parse));
        let date = |name| {
            request
                .header(name)?
                .map(|text| parse_http_date(text).ok_or_else(|| Failure::header(name, text)))
                .transpose()
        };
        Ok(Self {
            if_match: tag(names[0])?,
            if_none_match: tag(names[1])?,
            if_modified_since: date(names[2])?,
            if_unmodified_since: date(names[3])?,
            lease_id: lease::lease_id(request, lease_name)?,
        })
    }

    /// Checks before something is written; `existing` is what would be replaced or changed.
    pub(crate) fn check_write(&self, existing: Option<Stamp>) -> Result<(), Failure> {
        let is_new = self.if_none_match == Some(EntityTag::Any);
        match existing {
            Some(_) if is_new => Err(Failure::new(Code::PathAlreadyExists)),
            None if self.if_match.is_some() => Err(Failure::new(Code::ConditionNotMet)),
            None => Ok(()),
            Some(stamp) if self.holds(stamp) => Ok(()),
            Some(_) => Err(Failure::new(Code::ConditionNotMet)),
        }
    }

    /// Checks the lease of what would be replaced, changed or deleted.
    pub(crate) fn check_lease(&self, existing: Option<&Entry>, now: Stamp) -> Result<(), Failure> {
        match (existing, self.lease_id) {
            (Some(entry), given) => entry.lease.check_write(Leased::Blob, given, now),
            (None, Some(_)) => Err(Failure::new(Code::LeaseNotPresentWithBlobOperation)),
            (None, None) => Ok(()),
        }
    }

    /// Checks the lease of what is read: a wrong id is refused, none is needed.
    pub(crate) fn check_read_lease(&self, entry: &Entry, now: Stamp) -> Result<(), Failure> {
        entry.lease.check_given(Leased::Blob, self.lease_id, now)
    }

    /// Checks the lease of a container whose metadata are read or written.
    pub(crate) fn check_container_lease(&self, root: &Entry, now: Stamp) -> Result<(), Failure> {
        root.lease.check_given(Leased::Container, self.lease_id, now)
    }

    /// Checks the lease of a container that is to be deleted.
    pub(crate) fn check_container_delete(&self, root: &Entry, now: Stamp) -> Result<(), Failure> {
        root.lease.check_write(Leased::Container, self.lease_id, now)
    }

    /// Checks the source of a rename, which exists.
    pub(crate) fn check_source(&self, existing: Stamp) -> Result<(), Failure> {
        if self.holds(existing) { Ok(()) } else { Err(Failure::new(Code::SourceConditionNotMet)) }
    }

    /// Checks before something that exists is read: what the client has already is not sent again.
    pub(crate) fn check_read(&self, existing: Stamp) -> Result<(), Failure> {
        if self.holds(existing) {
            return Ok(());
        }
        let what_must_hold = Self { if_none_match: None, if_modified_since: None, ..self.clone() };
        Err(Failure::new(if what_must_hold.holds(existing) {
            Code::NotModified
        } else {
            Code::ConditionNotMet
        }))
    }

    fn holds(&self, stamp: Stamp) -> bool {
        self.if_match.as_ref().is_none_or(|tag| tag.matches(stamp))
            && self.if_none_match.as_ref().is_none_or(|tag| !tag.matches(stamp))
            && self.if_modified_since.is_none_or(|since| stamp.unix_seconds() > since)
            && self.if_unmodified_since.is_none_or(|since| stamp.unix_seconds() <= since)
    }
}

impl EntityTag {
    fn parse(text: &str) -> Self {
        match text.trim() {
            "*" => Self::Any,
            tag => Self::Exactly(tag.trim_matches('"').to_owned()),
        }
    }

    fn matches(&self, stamp: Stamp) -> bool {
        match self {
            Self::Any => true,
            Self::Exactly(tag) => *tag == stamp.bare_etag(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;

    fn tag(text: &str) -> Option<EntityTag> {
        Some(EntityTag::parse(text))
    }

    #[test]
    fn each_condition_answers_by_its_own_code() {
        let stamp = Stamp::from_system_time(UNIX_EPOCH + Duration::from_millis(1_000_500));
        let (same, other) = (stamp.etag(), "\"0x1\"");
        let none = Conditions::default;
        let cases = [
            (none(), None, None, None),
            (
                Conditions { if_match: tag(&same), ..none() },
                None,
                Some(Code::ConditionNotMet),
                None,
            ),
            (
                Conditions { if_match: tag(other), ..none() },
                Some(Code::ConditionNotMet),
                Some(Code::ConditionNotMet),
                Some(Code::ConditionNotMet),
            ),
            (Conditions { if_match: tag("*"), ..none() }, None, Some(Code::ConditionNotMet), None),
            (
                Conditions { if_none_match: tag("*"), ..none() },
                Some(Code::PathAlreadyExists),
                None,
                Some(Code::NotModified),
            ),
            (
                Conditions { if_none_match: tag(&same), ..none() },
                Some(Code::ConditionNotMet),
                None,
                Some(Code::NotModified),
            ),
            (Conditions { if_none_match: tag(other), ..none() }, None, None, None),
            // The half second is invisible in HTTP dates and must not count.
            (
                Conditions { if_modified_since: Some(1000), ..none() },
                Some(Code::ConditionNotMet),
                None,
                Some(Code::NotModified),
            ),
            (Conditions { if_modified_since: Some(999), ..none() }, None, None, None),
            (Conditions { if_unmodified_since: Some(1000), ..none() }, None, None, None),
            (
                Conditions { if_unmodified_since: Some(999), ..none() },
                Some(Code::ConditionNotMet),
                None,
                Some(Code::ConditionNotMet),
            ),
        ];
        let code = |result: Result<(), Failure>| result.err().map(|failure| failure.code());
        for (conditions, on_write, on_absent, on_read) in cases {
            assert_eq!(code(conditions.check_write(Some(stamp))), on_write, "{conditions:?}");
            assert_eq!(code(conditions.check_write(None)), on_absent, "{conditions:?}");
            assert_eq!(code(conditions.check_read(stamp)), on_read, "{conditions:?}");
        }
    }
}
