//! Changes of an ACL: replaced as a whole, entries added, entries taken away.

use super::{
    AccessControl, Acl, AclEntry, AclWho, Rwx,
    text::{invalid, parse_acl, parse_removals},
};
use crate::lake::failure::Failure;

/// What `x-ms-acl` means to an ACL that is there.
#[derive(Debug, Clone)]
pub(crate) enum AclMode {
    /// Takes the place of all of it.
    Set(Vec<AclEntry>),
    /// Is added to it, or changes what is there.
    Modify(Vec<AclEntry>),
    /// Names what is taken out of it.
    Remove(Vec<AclEntry<()>>),
}

/// An ACL while it is put together.
#[derive(Debug, Clone, Default)]
struct Draft {
    user: Option<Rwx>,
    users: Vec<(String, Rwx)>,
    group: Option<Rwx>,
    groups: Vec<(String, Rwx)>,
    mask: Option<Rwx>,
    other: Option<Rwx>,
}

impl AclMode {
    /// `mode`: `set`, `modify` or `remove`; `None` for another word.
    pub(crate) fn parse(mode: &str, text: &str) -> Option<Result<Self, Failure>> {
        Some(match mode {
            "set" => parse_acl(text).and_then(|entries| {
                // What is no whole ACL is none for any entry.
                replaced(&AccessControl::of_superuser(true), &entries, true)?;
                Ok(Self::Set(entries))
            }),
            "modify" => parse_acl(text).map(Self::Modify),
            "remove" => parse_removals(text).map(Self::Remove),
            _ => return None,
        })
    }

    /// Changes the ACL of one of the entries below a directory; a file passes over what is about
    /// default ACLs.
    pub(crate) fn apply(
        &self,
        control: &AccessControl,
        is_directory: bool,
    ) -> Result<AccessControl, Failure> {
        let mut access = Draft::of(Some(&control.access));
        let mut default = Draft::of(control.default.as_ref());
        let mut touches_default = false;
        match self {
            Self::Set(entries) => return replaced(control, entries, is_directory),
            Self::Modify(entries) => {
                for entry in entries {
                    let draft = if entry.is_default { &mut default } else { &mut access };
                    draft.forget_mask();
                }
                for entry in entries {
                    touches_default |= entry.is_default;
                    let draft = if entry.is_default { &mut default } else { &mut access };
                    draft.put(&entry.who, entry.rights);
                }
            }
            Self::Remove(entries) => {
                for entry in entries {
                    touches_default |= entry.is_default;
                    if entry.is_default {
                        default.take(&entry.who);
                        continue;
                    }
                    match entry.who {
                        // An object without them cannot be.
                        AclWho::OwningUser | AclWho::OwningGroup | AclWho::Other => {
                            return Err(invalid());
                        }
                        _ => access.take(&entry.who),
                    }
                }
            }
        }
        let access = access.finish(None)?;
        let default = if !is_directory || default.is_empty() {
            None
        } else if touches_default {
            Some(default.finish(Some(&access))?)
        } else {
            control.default.clone()
        };
        Ok(AccessControl { access, default, ..control.clone() })
    }
}

/// Replaces the ACL of one entry, as an operation on that entry alone does: a default ACL on a
/// file is a mistake then.
pub(crate) fn set_access_control(
    control: &AccessControl,
    text: &str,
    is_directory: bool,
) -> Result<AccessControl, Failure> {
    let entries = parse_acl(text)?;
    if !is_directory && entries.iter().any(|entry| entry.is_default) {
        return Err(invalid());
    }
    replaced(control, &entries, is_directory)
}

fn replaced(
    control: &AccessControl,
    entries: &[AclEntry],
    is_directory: bool,
) -> Result<AccessControl, Failure> {
    let (mut access, mut default) = (Draft::default(), Draft::default());
    for entry in entries {
        let draft = if entry.is_default { &mut default } else { &mut access };
        draft.put(&entry.who, entry.rights);
    }
    let access = access.finish(None)?;
    let default = match is_directory && !default.is_empty() {
        true => Some(default.finish(Some(&access))?),
        false => None,
    };
    Ok(AccessControl { access, default, ..control.clone() })
}

impl Draft {
    fn of(acl: Option<&Acl>) -> Self {
        let Some(acl) = acl else { return Self::default() };
        let list = |named: &std::collections::BTreeMap<String, Rwx>| {
            named.iter().map(|(id, rights)| (id.clone(), *rights)).collect()
        };
        Self {
            user: Some(acl.user),
            users: list(&acl.users),
            group: Some(acl.group),
            groups: list(&acl.groups),
            mask: acl.mask,
            other: Some(acl.other),
        }
    }

    fn is_empty(&self) -> bool {
        self.user.is_none()
            && self.users.is_empty()
            && self.group.is_none()
            && self.groups.is_empty()
            && self.mask.is_none()
            && self.other.is_none()
    }

    fn put(&mut self, who: &AclWho, rights: Rwx) {
        let (list, id) = match who {
            AclWho::OwningUser => return self.user = Some(rights),
            AclWho::OwningGroup => return self.group = Some(rights),
            AclWho::Mask => return self.mask = Some(rights),
            AclWho::Other => return self.other = Some(rights),
            AclWho::User(id) => (&mut self.users, id),
            AclWho::Group(id) => (&mut self.groups, id),
        };
        match list.iter_mut().find(|(known, _)| known == id) {
            Some(known) => known.1 = rights,
            None => list.push((id.clone(), rights)),
        }
    }

    /// Takes an entry away; one that is not there is no mistake.
    fn take(&mut self, who: &AclWho) {
        match who {
            AclWho::OwningUser => self.user = None,
            AclWho::OwningGroup => self.group = None,
            AclWho::Mask => self.mask = None,
            AclWho::Other => self.other = None,
            AclWho::User(id) => self.users.retain(|(known, _)| known != id),
            AclWho::Group(id) => self.groups.retain(|(known, _)| known != id),
        }
    }

    /// What entries name is to have effect, so the mask is computed anew unless they give it.
    fn forget_mask(&mut self) {
        self.mask = None;
    }

    /// Checks that the list is whole. A default ACL takes what it lacks from the access ACL.
    fn finish(self, base: Option<&Acl>) -> Result<Acl, Failure> {
        let base = |own: Option<Rwx>, of: fn(&Acl) -> Rwx| own.or(base.map(of)).ok_or_else(invalid);
        let mut acl = Acl {
            user: base(self.user, |acl| acl.user)?,
            users: self.users.into_iter().collect(),
            group: base(self.group, |acl| acl.group)?,
            groups: self.groups.into_iter().collect(),
            mask: self.mask,
            other: base(self.other, |acl| acl.other)?,
        };
        if acl.mask.is_none() && !(acl.users.is_empty() && acl.groups.is_empty()) {
            acl.mask = Some(acl.widest_mask());
        }
        if acl.len() > MAX_ENTRIES { Err(invalid()) } else { Ok(acl) }
    }
}

/// Spec: <https://learn.microsoft.com/azure/storage/blobs/data-lake-storage-access-control-model#limits-on-azure-role-assignments-and-acl-entries>
const MAX_ENTRIES: usize = 32;
