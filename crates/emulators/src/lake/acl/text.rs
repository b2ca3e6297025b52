//! ACLs as headers spell them: `user::rwx,group:OID:r-x,default:other::---`.

use std::fmt;

use super::{AccessControl, Acl, Rwx};
use crate::lake::failure::{Code, Failure};

/// Whom an entry of an ACL is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum AclWho {
    OwningUser,
    User(String),
    OwningGroup,
    Group(String),
    Mask,
    Other,
}

/// One entry of an ACL. `rights` is what it gives, or nothing for one to be removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AclEntry<R = Rwx> {
    pub(crate) is_default: bool,
    pub(crate) who: AclWho,
    pub(crate) rights: R,
}

/// Parses the entries of an ACL, each with its permissions.
pub(crate) fn parse_acl(text: &str) -> Result<Vec<AclEntry>, Failure> {
    entries(text, |rest| Rwx::parse(rest?))
}

/// Parses the entries to be removed from ACLs, which have no permissions: `user:OID,mask`.
pub(crate) fn parse_removals(text: &str) -> Result<Vec<AclEntry<()>>, Failure> {
    entries(text, |rest| rest.is_none_or(str::is_empty).then_some(()))
}

/// `rights` reads what stands behind the last colon, if there is one.
fn entries<R>(
    text: &str,
    rights: impl Fn(Option<&str>) -> Option<R>,
) -> Result<Vec<AclEntry<R>>, Failure> {
    let mut entries: Vec<AclEntry<R>> = Vec::new();
    // SDKs join what they are given, and an empty last part says nothing.
    for part in text.strip_suffix(',').unwrap_or(text).split(',') {
        let entry = entry(part.trim(), &rights).ok_or_else(invalid)?;
        let is_there =
            |one: &AclEntry<R>| one.is_default == entry.is_default && one.who == entry.who;
        if entries.len() == MAX_HEADER_ENTRIES || entries.iter().any(is_there) {
            return Err(invalid());
        }
        entries.push(entry);
    }
    Ok(entries)
}

fn entry<R>(text: &str, rights: impl Fn(Option<&str>) -> Option<R>) -> Option<AclEntry<R>> {
    let (is_default, text) = match text.strip_prefix("default:") {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let mut parts = text.splitn(3, ':');
    let (kind, id, rest) = (parts.next()?, parts.next().unwrap_or_default(), parts.next());
    let who = match (kind, id) {
        ("user", "") => AclWho::OwningUser,
        ("user", id) => AclWho::User(principal(id)?),
        ("group", "") => AclWho::OwningGroup,
        ("group", id) => AclWho::Group(principal(id)?),
        ("mask", "") => AclWho::Mask,
        ("other", "") => AclWho::Other,
        _ => return None,
    };
    Some(AclEntry { is_default, who, rights: rights(rest)? })
}

/// An object id, a user principal name, or `$superuser`.
pub(crate) fn principal(id: &str) -> Option<String> {
    let is_fine = !id.is_empty()
        && id.len() <= MAX_ID_BYTES
        && id.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b',' | b':'));
    is_fine.then(|| id.to_ascii_lowercase())
}

pub(crate) fn invalid() -> Failure {
    Failure::new(Code::InvalidAccessControlList)
}

impl fmt::Display for AccessControl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.access.write(f, "")?;
        match &self.default {
            Some(acl) => {
                f.write_str(",")?;
                acl.write(f, "default:")
            }
            None => Ok(()),
        }
    }
}

impl Acl {
    fn write(&self, f: &mut fmt::Formatter<'_>, scope: &str) -> fmt::Result {
        write!(f, "{scope}user::{}", self.user)?;
        for (id, granted) in &self.users {
            write!(f, ",{scope}user:{id}:{granted}")?;
        }
        write!(f, ",{scope}group::{}", self.group)?;
        for (id, granted) in &self.groups {
            write!(f, ",{scope}group:{id}:{granted}")?;
        }
        if let Some(mask) = self.mask {
            write!(f, ",{scope}mask::{mask}")?;
        }
        write!(f, ",{scope}other::{}", self.other)
    }
}

/// An access ACL and a default ACL of 32 entries each.
///
/// Spec: <https://learn.microsoft.com/azure/storage/blobs/data-lake-storage-access-control-model#limits-on-azure-role-assignments-and-acl-entries>
const MAX_HEADER_ENTRIES: usize = 64;
const MAX_ID_BYTES: usize = 256;
