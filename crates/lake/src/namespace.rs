//! Which kind of namespace an account has: asked once, remembered, or given.

use std::sync::{
    OnceLock,
    atomic::{AtomicBool, Ordering},
};

use http::Method;

use crate::{
    client::LakeClient,
    error::{Error, ErrorKind, Result},
    path::{FilesystemName, LakePath},
    wire::{Endpoint, Headers, Request},
};

/// What the slashes in names mean to an account.
///
/// | | `Hierarchical` | `Flat` |
/// | --- | --- | --- |
/// | a directory | is there by itself, with properties | is what names have in common, or an empty blob marked `hdi_isfolder` |
/// | `rename` | one step, atomic | `Unsupported`: it would be a copy and a delete for each file |
/// | `delete_recursive` | the directory goes at once | file after file; a failure leaves the rest |
/// | `create_directory` | makes those above it too | makes the marked blob |
/// | `properties`, `exists` of a directory | one request | one more, a listing, if no blob marks it |
/// | uploads without the blob endpoint | by a temporary name and a rename | `Unsupported` |
///
/// Everything else is the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Namespace {
    /// Names are only names: an account without the hierarchical namespace.
    Flat,
    /// Directories are real: Data Lake Storage Gen2 as it is meant.
    Hierarchical,
}

/// What was found out about an account, shared by all clones of its client.
#[derive(Debug, Default)]
pub(crate) struct Learned {
    namespace: OnceLock<Namespace>,
    blob_is_unreachable: AtomicBool,
}

impl Learned {
    pub(crate) fn new(namespace: Option<Namespace>) -> Self {
        let learned = Self::default();
        if let Some(namespace) = namespace {
            learned.set_namespace(namespace);
        }
        learned
    }

    pub(crate) fn namespace(&self) -> Option<Namespace> {
        self.namespace.get().copied()
    }

    /// The first answer counts: an account never changes its kind while it is used.
    pub(crate) fn set_namespace(&self, namespace: Namespace) {
        self.namespace.get_or_init(|| namespace);
    }

    /// Whether only the dfs endpoint answers.
    pub(crate) fn blob_is_unreachable(&self) -> bool {
        self.blob_is_unreachable.load(Ordering::Relaxed)
    }

    pub(crate) fn set_blob_unreachable(&self) {
        if !self.blob_is_unreachable.swap(true, Ordering::Relaxed) {
            tracing::info!("the blob endpoint is out of reach: using the dfs endpoint alone");
        }
    }
}

impl LakeClient {
    /// Which kind of namespace the account has; `filesystem` is any one that exists in it.
    ///
    /// Asks once for each client (its clones included); not at all if it was given by
    /// [`with_namespace`](crate::LakeClientBuilder::with_namespace). To read data there is enough:
    /// the properties of the filesystem tell it, or the access control list of its root does,
    /// which a flat account refuses with 400; the account's own properties are asked only if the
    /// dfs endpoint is out of reach, for they need more than a role on data.
    ///
    /// # Errors
    /// - `NotFound`: there is no such filesystem.
    /// - `PermissionDenied`: the identity may see none of the three.
    ///
    /// # Cancel safety
    /// Safe: it changes nothing.
    ///
    /// Spec: <https://learn.microsoft.com/rest/api/storageservices/datalakestoragegen2/filesystem/get-properties>
    /// and <https://learn.microsoft.com/rest/api/storageservices/datalakestoragegen2/path/get-properties>
    pub async fn namespace(&self, filesystem: &FilesystemName) -> Result<Namespace> {
        if let Some(known) = self.wire.learned().namespace() {
            return Ok(known);
        }
        let root = LakePath::root(filesystem.clone());
        let found = match self.namespace_by_filesystem(&root).await {
            Ok(Some(found)) => found,
            Ok(None) => self.namespace_by_access_control(&root).await?,
            Err(error) if error.kind() == ErrorKind::PermissionDenied => {
                match self.namespace_by_access_control(&root).await {
                    Ok(found) => found,
                    Err(_) => return Err(error.with_hint(GIVE_IT)),
                }
            }
            Err(error) if error.is_unreached() => match self.namespace_by_account(&root).await {
                Ok(found) => found,
                Err(_) => return Err(error),
            },
            Err(error) => return Err(error),
        };
        self.wire.learned().set_namespace(found);
        Ok(found)
    }

    /// An error unless the account's namespace is hierarchical, which `operation` needs.
    pub(crate) async fn need_hierarchy(
        &self,
        operation: &'static str,
        path: &LakePath,
    ) -> Result<()> {
        match self.namespace(path.filesystem()).await {
            Ok(Namespace::Hierarchical) => Ok(()),
            // Who may see nothing of the filesystem and yet work in it does so by access control
            // lists, which only a hierarchy has; Hadoop's driver concludes so too.
            Err(error) if error.kind() == ErrorKind::PermissionDenied => Ok(()),
            Err(error) => Err(error),
            Ok(Namespace::Flat) => {
                let account = self.account();
                Err(Error::new(ErrorKind::Unsupported, operation, path.to_string())
                    .with_detail(format!("the account `{account}` has no hierarchical namespace"))
                    .with_hint(
                        "copy what is there and delete it afterwards, which is not atomic, or use \
                         an account with a hierarchical namespace",
                    ))
            }
        }
    }

    async fn namespace_by_filesystem(&self, root: &LakePath) -> Result<Option<Namespace>> {
        let url = self.wire.url(Endpoint::Dfs, root, &[("resource", "filesystem")]);
        let request = Request::new(LOOK, root.to_string(), Method::HEAD, url);
        let (response, _) = self.wire.send(&request).await?;
        Ok(response.headers().text("x-ms-namespace-enabled").and_then(parse))
    }

    async fn namespace_by_access_control(&self, root: &LakePath) -> Result<Namespace> {
        let url = self.wire.url(Endpoint::Dfs, root, &[("action", "getAccessControl")]);
        let request = Request::new(LOOK, root.to_string(), Method::HEAD, url);
        match self.wire.send(&request).await {
            Ok(_) => Ok(Namespace::Hierarchical),
            // 409 is of flat accounts with features that the dfs endpoint has not.
            Err(error)
                if error.http_status() == Some(400)
                    || error.service_code() == Some("EndpointUnsupportedAccountFeatures") =>
            {
                Ok(Namespace::Flat)
            }
            Err(error) => Err(error),
        }
    }

    async fn namespace_by_account(&self, root: &LakePath) -> Result<Namespace> {
        let pairs = [("restype", "account"), ("comp", "properties")];
        let url = self.wire.url(Endpoint::Blob, root, &pairs);
        let request = Request::new(LOOK, root.to_string(), Method::HEAD, url);
        let (response, _) = self.wire.send(&request).await?;
        response
            .headers()
            .text("x-ms-is-hns-enabled")
            .and_then(parse)
            .ok_or_else(|| crate::properties::missing(&request, "x-ms-is-hns-enabled"))
    }
}

fn parse(text: &str) -> Option<Namespace> {
    if text.eq_ignore_ascii_case("true") {
        Some(Namespace::Hierarchical)
    } else if text.eq_ignore_ascii_case("false") {
        Some(Namespace::Flat)
    } else {
        None
    }
}

const LOOK: &str = "look at";
const GIVE_IT: &str = "ask for `Storage Blob Data Reader` on the filesystem, or say which namespace \
                       the account has when the client is built";
