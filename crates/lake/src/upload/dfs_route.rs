//! Uploads where only the dfs endpoint can be reached: bytes are appended to a file under a
//! temporary name beside the target, which becomes the target in one step.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use http::{HeaderName, Method, header::IF_NONE_MATCH};
use tokio::sync::OnceCell;
use uuid::Uuid;

use super::{Published, UploadOptions, block::X_MS_CONTENT_CRC64};
use crate::{
    checksum::Crc64,
    client::LakeClient,
    error::{Error, ErrorKind, Result},
    etag::WriteCondition,
    names::RenameOptions,
    path::LakePath,
    wire::{Body, Endpoint, Request, Wire},
};

/// One upload by this route. Dropping it deletes the temporary file, if there is a runtime to do so.
#[derive(Debug)]
pub(super) struct DfsRoute {
    client: LakeClient,
    path: LakePath,
    temporary: LakePath,
    is_made: OnceCell<()>,
    is_published: AtomicBool,
}

impl DfsRoute {
    pub(super) fn new(wire: Arc<Wire>, path: &LakePath) -> Result<Self> {
        let name = path.name().unwrap_or_default();
        // A name at the limit leaves no room for more.
        let kept: String = name.chars().take(LONGEST_KEPT).collect();
        let temporary = [".", &kept, ".", &Uuid::new_v4().simple().to_string(), ".part"].concat();
        let directory = path.parent().unwrap_or_else(|| LakePath::root(path.filesystem().clone()));
        Ok(Self {
            client: LakeClient { wire },
            path: path.clone(),
            temporary: directory.join(&temporary)?,
            is_made: OnceCell::new(),
            is_published: AtomicBool::new(false),
        })
    }

    /// Appends one block at its place; blocks may come in any order and at once.
    ///
    /// Spec: <https://learn.microsoft.com/rest/api/storageservices/datalakestoragegen2/path/update>
    pub(super) async fn append(&self, position: u64, body: Body, sum: Option<Crc64>) -> Result<()> {
        self.is_made.get_or_try_init(|| self.make()).await?;
        let position = position.to_string();
        let pairs = [("action", "append"), ("position", position.as_str())];
        let mut request = self.request(Method::PATCH, &pairs).body(body);
        if let Some(sum) = sum {
            let name = HeaderName::from_static(X_MS_CONTENT_CRC64);
            request = request.header(name, &sum.base64())?;
        }
        self.client.wire.send(&request).await.map(drop)
    }

    /// Makes what was appended the file at the path.
    pub(super) async fn publish(&self, bytes: u64, options: &UploadOptions) -> Result<Published> {
        self.is_made.get_or_try_init(|| self.make()).await?;
        let length = bytes.to_string();
        let pairs = [("action", "flush"), ("position", length.as_str()), ("close", "true")];
        let request = self.request(Method::PATCH, &pairs).body(Body::empty());
        let request = options.headers.add_to(request, Endpoint::Dfs)?;
        self.client.wire.send(&request).await?;
        if !options.metadata.is_empty() {
            let always = WriteCondition::Always;
            self.client
                .set_metadata(&self.temporary, &options.metadata, &always, None)
                .await
                .map_err(|error| self.named(error))?;
        }
        let mut renaming = RenameOptions::default().with_condition(options.condition.clone());
        if let Some(lease) = options.lease {
            renaming = renaming.with_lease(lease);
        }
        self.client
            .rename_opts(&self.temporary, &self.path, &renaming)
            .await
            .map_err(|error| self.named(error))?;
        self.is_published.store(true, Ordering::Relaxed);
        let found = self.client.properties(&self.path).await?;
        Ok(Published { etag: found.etag, bytes })
    }

    async fn make(&self) -> Result<()> {
        self.client.need_hierarchy(UPLOAD, &self.path).await?;
        let request = self
            .request(Method::PUT, &[("resource", "file")])
            .header(IF_NONE_MATCH, "*")?
            .body(Body::empty());
        match self.client.wire.send(&request).await {
            Ok(_) => Ok(()),
            // Nobody else has this name: an attempt whose answer was lost has made it.
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
            Err(error) => Err(error),
        }
    }

    fn request(&self, method: Method, pairs: &[(&str, &str)]) -> Request {
        let url = self.client.wire.url(Endpoint::Dfs, &self.temporary, pairs);
        Request::new(UPLOAD, self.path.to_string(), method, url)
    }

    /// An upload is not told to callers as the rename that ends it.
    fn named(&self, error: Error) -> Error {
        error.named(UPLOAD, self.path.to_string())
    }
}

impl Drop for DfsRoute {
    fn drop(&mut self) {
        let is_left = self.is_made.initialized() && !self.is_published.load(Ordering::Relaxed);
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        if is_left {
            let (client, temporary) = (self.client.clone(), self.temporary.clone());
            runtime.spawn(async move {
                if let Err(error) = client.delete(&temporary).await {
                    tracing::warn!(%error, "a temporary file is left in the lake");
                }
            });
        }
    }
}

const UPLOAD: &str = "upload";
const LONGEST_KEPT: usize = 64;
