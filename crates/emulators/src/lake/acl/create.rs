//! What a new entry begins with: what the request says, else the default ACL of its directory,
//! else the permissions that the umask leaves.
//!
//! Spec: <https://learn.microsoft.com/rest/api/storageservices/datalakestoragegen2/path/create>

use super::{AccessControl, Acl, Permissions, SUPERUSER, set_access_control, text::principal};
use crate::lake::{failure::Failure, request::LakeRequest};

/// Who makes an entry, and what the request says of access to it.
#[derive(Debug, Clone)]
pub(crate) struct NewAccess {
    /// The object id of the principal, or [`SUPERUSER`].
    creator: String,
    owner: Option<String>,
    group: Option<String>,
    permissions: Option<Permissions>,
    umask: Permissions,
    acl: Option<String>,
}

impl Default for NewAccess {
    fn default() -> Self {
        Self::by(SUPERUSER)
    }
}

impl NewAccess {
    /// Made by `creator`, who says nothing of access.
    pub(crate) fn by(creator: &str) -> Self {
        Self {
            creator: creator.to_owned(),
            owner: None,
            group: None,
            permissions: None,
            umask: Permissions::UMASK,
            acl: None,
        }
    }

    /// Made by `creator` with the headers of a request to the dfs endpoint.
    pub(crate) fn of_dfs(request: &LakeRequest, creator: &str) -> Result<Self, Failure> {
        let mut access = Self::by(creator);
        access.owner = principal_header(request, "x-ms-owner")?;
        access.group = principal_header(request, "x-ms-group")?;
        access.permissions = permissions_header(request)?;
        if let Some(text) = request.header("x-ms-umask")? {
            access.umask = Permissions::parse_octal(text)
                .ok_or_else(|| Failure::header("x-ms-umask", text))?;
        }
        if let Some(text) = request.header("x-ms-acl")? {
            if access.permissions.is_some() {
                return Err(Failure::header("x-ms-acl", text)
                    .with_message("x-ms-permissions and x-ms-acl exclude each other."));
            }
            // Whole before anything is made.
            let is_directory = request.query.get("resource") == Some("directory");
            let plain = AccessControl::of_superuser(is_directory);
            set_access_control(&plain, text, is_directory)?;
            access.acl = Some(text.to_owned());
        }
        Ok(access)
    }

    /// What an entry of `parent` begins with.
    pub(crate) fn make(
        &self,
        parent: &AccessControl,
        is_directory: bool,
    ) -> Result<AccessControl, Failure> {
        let mode = self.permissions.unwrap_or(Permissions::whole(is_directory));
        let access = match &parent.default {
            // The umask counts for nothing then.
            Some(default) => limited(default.clone(), mode),
            None => Acl::of(mode.without(self.umask)),
        };
        let made = AccessControl {
            owner: self.owner.clone().unwrap_or_else(|| self.creator.clone()),
            group: self.group.clone().unwrap_or_else(|| parent.group.clone()),
            is_sticky: mode.is_sticky,
            access,
            default: parent.default.clone().filter(|_| is_directory),
        };
        match &self.acl {
            Some(acl) => set_access_control(&made, acl, is_directory),
            None => Ok(made),
        }
    }

    /// What a directory begins with that is made because something in it is.
    pub(crate) fn of_parents(&self) -> Self {
        Self::by(&self.creator)
    }

    /// What replaces the access to an entry that is there already: only what the request says.
    pub(crate) fn renew(
        &self,
        existing: &AccessControl,
        is_directory: bool,
    ) -> Result<AccessControl, Failure> {
        let mut renewed = existing.clone();
        if let Some(owner) = &self.owner {
            renewed.owner.clone_from(owner);
        }
        if let Some(group) = &self.group {
            renewed.group.clone_from(group);
        }
        if let Some(permissions) = self.permissions {
            renewed.set_permissions(permissions.without(self.umask));
        }
        match &self.acl {
            Some(acl) => set_access_control(&renewed, acl, is_directory),
            None => Ok(renewed),
        }
    }
}

/// A header that names a principal.
pub(crate) fn principal_header(
    request: &LakeRequest,
    name: &'static str,
) -> Result<Option<String>, Failure> {
    match request.header(name)?.filter(|text| !text.is_empty()) {
        Some(text) => principal(text).map(Some).ok_or_else(|| Failure::header(name, text)),
        None => Ok(None),
    }
}

pub(crate) fn permissions_header(request: &LakeRequest) -> Result<Option<Permissions>, Failure> {
    let name = "x-ms-permissions";
    match request.header(name)?.filter(|text| !text.is_empty()) {
        Some(text) => Permissions::parse(text).map(Some).ok_or_else(|| Failure::header(name, text)),
        None => Ok(None),
    }
}

/// A default ACL as it becomes the access ACL of a new entry that asks for no more than `mode`.
fn limited(mut acl: Acl, mode: Permissions) -> Acl {
    acl.user = acl.user & mode.user;
    match &mut acl.mask {
        Some(mask) => *mask = *mask & mode.group,
        None => acl.group = acl.group & mode.group,
    }
    acl.other = acl.other & mode.other;
    acl
}
