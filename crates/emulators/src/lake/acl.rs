//! Who owns an entry and who may do what with it: owner, group, access ACL, default ACL, sticky
//! bit; and how a request to read, write or pass is answered by them.
//!
//! Spec: <https://learn.microsoft.com/azure/storage/blobs/data-lake-storage-access-control>

mod change;
mod create;
mod permissions;
mod text;

use std::collections::BTreeMap;

pub(crate) use self::{
    change::{AclMode, set_access_control},
    create::{NewAccess, permissions_header, principal_header},
    permissions::{Permissions, Rwx},
    text::{AclEntry, AclWho},
};

/// The owner, or the owning group, of what no principal made.
pub(crate) const SUPERUSER: &str = "$superuser";

/// What an entry of the tree says about access to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AccessControl {
    /// An object id, or [`SUPERUSER`].
    pub(crate) owner: String,
    pub(crate) group: String,
    /// Whether what is in the directory may be deleted and renamed by its owner only.
    pub(crate) is_sticky: bool,
    pub(crate) access: Acl,
    /// What new entries of the directory begin with; a file has none.
    pub(crate) default: Option<Acl>,
}

/// One access control list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Acl {
    pub(crate) user: Rwx,
    /// By object id.
    pub(crate) users: BTreeMap<String, Rwx>,
    pub(crate) group: Rwx,
    pub(crate) groups: BTreeMap<String, Rwx>,
    /// There as soon as anybody is named.
    pub(crate) mask: Option<Rwx>,
    pub(crate) other: Rwx,
}

impl AccessControl {
    /// What an entry has that nobody made: the permissions that the default umask leaves.
    pub(crate) fn of_superuser(is_directory: bool) -> Self {
        let permissions = Permissions::whole(is_directory).without(Permissions::UMASK);
        Self {
            owner: SUPERUSER.to_owned(),
            group: SUPERUSER.to_owned(),
            is_sticky: false,
            access: Acl::of(permissions),
            default: None,
        }
    }

    /// The permissions as headers and listings spell them: `rwxr-x--t`, and a plus sign at the end
    /// if there is more to the ACL.
    pub(crate) fn permissions(&self) -> String {
        let permissions = Permissions {
            user: self.access.user,
            group: self.access.mask.unwrap_or(self.access.group),
            other: self.access.other,
            is_sticky: self.is_sticky,
        };
        let mut text = permissions.to_string();
        if self.access.mask.is_some() || self.default.is_some() {
            text.push('+');
        }
        text
    }

    /// Changes the permissions as `chmod` does: where there is a mask, the middle three are its.
    pub(crate) fn set_permissions(&mut self, permissions: Permissions) {
        self.access.user = permissions.user;
        *self.access.mask.as_mut().unwrap_or(&mut self.access.group) = permissions.group;
        self.access.other = permissions.other;
        self.is_sticky = permissions.is_sticky;
    }

    /// Whether the ACL lets a principal with these group memberships do what it wants.
    ///
    /// The steps, and that the mask limits everybody but the owner, are those of the vendor's
    /// algorithm.
    ///
    /// Spec: <https://learn.microsoft.com/azure/storage/blobs/data-lake-storage-access-control#how-permissions-are-evaluated>
    pub(crate) fn allows(&self, object_id: &str, groups: &[String], wanted: Rwx) -> bool {
        let is = |id: &str| id.eq_ignore_ascii_case(object_id);
        let is_member = |group: &str| groups.iter().any(|one| one.eq_ignore_ascii_case(group));
        let acl = &self.access;
        let mask = acl.mask.unwrap_or(Rwx::ALL);
        if is(&self.owner) {
            return acl.user.includes(wanted);
        }
        if let Some((_, granted)) = acl.users.iter().find(|(id, _)| is(id)) {
            return (*granted & mask).includes(wanted);
        }
        let owning = is_member(&self.group).then_some(acl.group);
        let named = acl.groups.iter().filter(|(id, _)| is_member(id)).map(|(_, granted)| *granted);
        let by_groups = owning.into_iter().chain(named).reduce(|one, other| one | other);
        (by_groups.unwrap_or(acl.other) & mask).includes(wanted)
    }
}

impl Acl {
    /// The list that says no more than the permissions do.
    pub(crate) fn of(permissions: Permissions) -> Self {
        Self {
            user: permissions.user,
            users: BTreeMap::new(),
            group: permissions.group,
            groups: BTreeMap::new(),
            mask: None,
            other: permissions.other,
        }
    }

    /// How many entries it has, of which the service allows 32.
    pub(crate) fn len(&self) -> usize {
        3 + self.users.len() + self.groups.len() + usize::from(self.mask.is_some())
    }

    /// The mask that takes nothing away: all that named users and groups have.
    fn widest_mask(&self) -> Rwx {
        let named = self.users.values().chain(self.groups.values());
        named.fold(self.group, |one, other| one | *other)
    }
}

#[cfg(test)]
mod tests;
