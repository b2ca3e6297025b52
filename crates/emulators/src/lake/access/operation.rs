//! What a request does to the tree, as far as access goes.

use axum::http::Method;

use super::Rank;
use crate::lake::{
    dfs::rename_source,
    failure::Failure,
    name::PathName,
    request::{Api, LakeRequest},
    store::Place,
};

/// What a request does. What is not known counts as a change.
#[derive(Debug)]
pub(super) enum Operation {
    Account {
        writes: bool,
    },
    Append,
    /// Properties, headers, leases, expiry.
    Change,
    CreateDirectory,
    CreateFile,
    Delete {
        recursive: bool,
    },
    Filesystem {
        writes: bool,
    },
    List {
        directory: PathName,
        recursive: bool,
    },
    /// Status and access control, for which the way there is enough.
    Look,
    Read,
    Rename {
        from: Place,
    },
    SetAccessControl {
        group: Option<String>,
    },
    SetAccessControlRecursive,
}

impl Operation {
    pub(super) fn of(request: &LakeRequest) -> Result<Self, Failure> {
        let writes = !matches!(request.method, Method::GET | Method::HEAD);
        let action = request.query.get("action");
        if request.filesystem.is_none() {
            return Ok(Self::Account { writes });
        }
        if request.query.get("comp") == Some("undelete") {
            // What is deleted is in no directory whose ACL could be asked.
            return Ok(Self::Filesystem { writes });
        }
        // Changes of the root directory may name it without its slash.
        if request.path.is_none() && !(request.method == Method::PATCH && action.is_some()) {
            return match (&request.method, action) {
                (&Method::GET, _) if is_listing(request) => listing(request),
                (&Method::HEAD, Some(_)) => Ok(Self::Look),
                _ => Ok(Self::Filesystem { writes }),
            };
        }
        Ok(match (request.api, &request.method) {
            (Api::Dfs, &Method::HEAD) if action.is_some() => Self::Look,
            (_, &Method::GET | &Method::HEAD) => Self::Read,
            (_, &Method::DELETE) => {
                let recursive =
                    request.api == Api::Dfs && request.query.flag("recursive")?.unwrap_or(false);
                Self::Delete { recursive }
            }
            (Api::Blob, &Method::PUT) => match request.query.get("comp") {
                None | Some("block" | "blocklist") => Self::CreateFile,
                Some(_) => Self::Change,
            },
            (Api::Dfs, &Method::PATCH) => match action {
                Some("append" | "flush") => Self::Append,
                Some("setAccessControl") => Self::SetAccessControl {
                    group: request.header("x-ms-group")?.map(str::to_owned),
                },
                Some("setAccessControlRecursive") => Self::SetAccessControlRecursive,
                _ => Self::Change,
            },
            (Api::Dfs, &Method::PUT) if request.query.get("comp").is_none() => {
                match request.header("x-ms-rename-source")? {
                    Some(source) => Self::Rename { from: rename_source(&request.account, source)? },
                    None if request.query.get("resource") == Some("directory") => {
                        Self::CreateDirectory
                    }
                    None => Self::CreateFile,
                }
            }
            _ => Self::Change,
        })
    }

    /// The role that is enough for it, whatever the ACLs say.
    pub(super) fn rank(&self) -> Rank {
        match self {
            Self::Account { writes: false }
            | Self::Filesystem { writes: false }
            | Self::List { .. }
            | Self::Look
            | Self::Read => Rank::Reader,
            Self::SetAccessControl { .. } | Self::SetAccessControlRecursive => Rank::SuperUser,
            _ => Rank::Contributor,
        }
    }

    /// No ACL is about these.
    pub(super) fn is_for_roles_only(&self) -> bool {
        matches!(self, Self::Account { .. } | Self::Filesystem { .. })
    }

    /// Whether the headers with an owner and a group mean something to it.
    pub(super) fn takes_owner(&self) -> bool {
        matches!(self, Self::CreateDirectory | Self::CreateFile | Self::SetAccessControl { .. })
    }
}

fn is_listing(request: &LakeRequest) -> bool {
    match request.api {
        Api::Blob => {
            request.query.get("comp") == Some("list") && request.query.get("showonly").is_none()
        }
        Api::Dfs => request.query.get("resource") == Some("filesystem"),
    }
}

fn listing(request: &LakeRequest) -> Result<Operation, Failure> {
    let query = &request.query;
    let (directory, recursive) = match request.api {
        Api::Dfs => {
            (query.get("directory").unwrap_or_default(), query.flag("recursive")?.unwrap_or(false))
        }
        Api::Blob => {
            let prefix = query.get("prefix").unwrap_or_default();
            let directory = prefix.rsplit_once('/').map_or("", |(directory, _)| directory);
            (directory, query.get("delimiter").is_none_or(str::is_empty))
        }
    };
    Ok(Operation::List { directory: PathName::parse(directory)?, recursive })
}
