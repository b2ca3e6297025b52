//! Whether a caller may do what a request asks: by a role on the account, else by the ACLs on the
//! way to the path and on the path itself.
//!
//! Spec: <https://learn.microsoft.com/azure/storage/blobs/data-lake-storage-access-control-model>

mod operation;
mod walk;

use self::{operation::Operation, walk::Walk};
use super::{
    Lake,
    acl::{AccessControl, Rwx},
    auth,
    caller::Caller,
    failure::{Code, Failure},
    name::PathName,
    request::LakeRequest,
    store::{Filesystem, Namespace},
};
use crate::roles::Role;

/// What a caller is to one account: the role that counts, and the groups it is in.
#[derive(Debug)]
pub(crate) struct Authority {
    rank: Rank,
    object_id: String,
    groups: Vec<String>,
}

/// How much a role on the account allows: each includes those below it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    /// No role: ACLs alone decide.
    None,
    Reader,
    Contributor,
    /// Does everything, owners and ACLs included.
    SuperUser,
}

/// Finds out who sends a request, and refuses it from whom may not.
pub(super) fn authorize(lake: &Lake, request: &mut LakeRequest) -> Result<(), Failure> {
    request.caller = auth::authenticate(lake, request)?;
    check(lake, request)
}

/// Refuses a request that neither a role nor the ACLs allow.
///
/// What the ACLs say is looked at before the operation, not in one step with it: who loses access
/// while a request is under way may still finish that request.
fn check(lake: &Lake, request: &LakeRequest) -> Result<(), Failure> {
    let authority = Authority::of(lake, request);
    let operation = Operation::of(request)?;
    // Where there are no ACLs, whoever may write is told so by the operation itself.
    let is_flat = lake.store.namespace(&request.account)? == Namespace::Flat;
    let needed = if is_flat { operation.rank().min(Rank::Contributor) } else { operation.rank() };
    if authority.rank >= needed && !sets_foreign_owner(request, &operation, &authority)? {
        return Ok(());
    }
    let is_allowed = match (&request.filesystem, is_flat || operation.is_for_roles_only()) {
        (Some(filesystem), false) => allowed(lake, request, filesystem, &operation, &authority)?,
        _ => false,
    };
    if is_allowed {
        return Ok(());
    }
    tracing::info!(
        caller = ?request.caller,
        account = request.account,
        operation = ?operation,
        "refused: the caller has neither a role nor an ACL entry for this"
    );
    Err(Failure::new(Code::AuthorizationPermissionMismatch))
}

fn allowed(
    lake: &Lake,
    request: &LakeRequest,
    name: &str,
    operation: &Operation,
    authority: &Authority,
) -> Result<bool, Failure> {
    if sets_foreign_owner(request, operation, authority)? {
        return Ok(false);
    }
    let path = request.path.clone().unwrap_or_else(PathName::root);
    let here = |work: &dyn Fn(&Walk<'_>) -> bool, filesystem: &Filesystem| {
        work(&Walk::new(filesystem, authority))
    };
    if let Operation::Rename { from } = operation {
        let may_leave = lake.store.with_filesystem(&from.account, &from.filesystem, |source| {
            Ok(here(&|walk| walk.may_delete(&from.path, false), source))
        })?;
        if !may_leave {
            return Ok(false);
        }
    }
    lake.store.with_filesystem(&request.account, name, |filesystem| {
        let walk = Walk::new(filesystem, authority);
        Ok(match operation {
            Operation::Account { .. } | Operation::Filesystem { .. } => false,
            Operation::Append => walk.may_append(&path),
            Operation::Change => walk.may(&path, Rwx::WRITE),
            Operation::CreateDirectory => walk.may_create(&path),
            Operation::CreateFile => walk.may_write_file(&path),
            Operation::Delete { recursive } => walk.may_delete(&path, *recursive),
            Operation::List { directory, recursive } => walk.may_list(directory, *recursive),
            Operation::Look => walk.may_pass(&path),
            Operation::Read => walk.may(&path, Rwx::READ),
            Operation::Rename { .. } => walk.may_receive(&path),
            Operation::SetAccessControl { group } => {
                (authority.rank >= Rank::Reader || walk.may_pass(&path))
                    && filesystem.get(&path).is_none_or(|entry| {
                        authority.may_change_access(&entry.access, None, group.as_deref())
                    })
            }
            // Each of the entries below is asked by itself, and says no by itself.
            Operation::SetAccessControlRecursive => {
                authority.rank >= Rank::Reader || walk.may_pass(&path)
            }
        })
    })
}

/// Whether a new entry is to belong to somebody else than whom it would by itself, or the owner of
/// one is named: only super-users may.
fn sets_foreign_owner(
    request: &LakeRequest,
    operation: &Operation,
    authority: &Authority,
) -> Result<bool, Failure> {
    if authority.is_super_user() || !operation.takes_owner() {
        return Ok(false);
    }
    let is_foreign = |name, is_mine: &dyn Fn(&str) -> bool| {
        let value = request.header(name)?.filter(|text| !text.is_empty());
        Ok::<_, Failure>(value.is_some_and(|value| !is_mine(value)))
    };
    let owner =
        is_foreign("x-ms-owner", &|owner| owner.eq_ignore_ascii_case(&authority.object_id))?;
    let group = is_foreign("x-ms-group", &|group| authority.is_member(group))?;
    Ok(owner || group)
}

impl Authority {
    pub(crate) fn of(lake: &Lake, request: &LakeRequest) -> Self {
        let directory = &lake.state.directory;
        match &request.caller {
            Caller::Unknown => {
                Self { rank: Rank::None, object_id: String::new(), groups: Vec::new() }
            }
            Caller::Principal { object_id, .. } => {
                let ranks = [
                    (Role::StorageBlobDataOwner, Rank::SuperUser),
                    (Role::StorageBlobDataContributor, Rank::Contributor),
                    (Role::StorageBlobDataReader, Rank::Reader),
                ];
                let found = ranks
                    .into_iter()
                    .find(|(role, _)| directory.has_role(object_id, *role, &request.account));
                Self {
                    rank: found.map_or(Rank::None, |(_, rank)| rank),
                    object_id: object_id.clone(),
                    groups: directory.groups_of(object_id),
                }
            }
        }
    }

    fn is_super_user(&self) -> bool {
        self.rank == Rank::SuperUser
    }

    fn is_member(&self, group: &str) -> bool {
        self.groups.iter().any(|one| one.eq_ignore_ascii_case(group))
    }

    fn owns(&self, control: &AccessControl) -> bool {
        !self.object_id.is_empty() && control.owner.eq_ignore_ascii_case(&self.object_id)
    }

    /// Whether the caller may change the ACL of an entry, and give it this owner and this group:
    /// super-users may; the owner may, but give it to nobody, and to no group but its own.
    pub(crate) fn may_change_access(
        &self,
        control: &AccessControl,
        owner: Option<&str>,
        group: Option<&str>,
    ) -> bool {
        let keeps = |now: &str, new: Option<&str>| {
            new.is_none_or(|new| new.is_empty() || new.eq_ignore_ascii_case(now))
        };
        self.is_super_user()
            || self.owns(control)
                && keeps(&control.owner, owner)
                && (keeps(&control.group, group) || group.is_some_and(|new| self.is_member(new)))
    }
}
