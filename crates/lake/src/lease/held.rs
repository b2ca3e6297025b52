//! A lease that this program holds.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use tokio::task::JoinSet;

use super::{LeaseDuration, LeaseId, LeaseOptions, LeaseRenewal, operation};
use crate::{client::LakeClient, error::Result, path::LakePath, wire::Wire};

/// A lease that is held: others cannot write to the path, delete or rename it, and whoever does so
/// with [`id`](Self::id) can.
///
/// A lease of a directory is about the directory itself and not about what is in it; one of a
/// filesystem keeps it from being deleted.
///
/// Dropping it ends the renewal and sends nothing: the lease ends when its duration is over, an
/// infinite one never. [`release`](Self::release) ends it at once.
///
/// ```no_run
/// # async fn example(lake: &azconnect_lake::LakeClient) -> azconnect_lake::Result<()> {
/// use azconnect_lake::UploadOptions;
///
/// let path = "raw/state.json".parse()?;
/// let lease = lake.acquire_lease(&path, Default::default()).await?;
/// let options = UploadOptions::default().with_lease(lease.id());
/// lake.upload(&path, "{}".into(), options).await?;
/// lease.release().await?;
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct Lease {
    wire: Arc<Wire>,
    path: LakePath,
    id: LeaseId,
    duration: LeaseDuration,
    is_lost: Arc<AtomicBool>,
    renewal: LeaseRenewal,
    /// Ends with this value.
    renewing: JoinSet<()>,
}

impl LakeClient {
    /// Acquires the lease of the file or directory at `path`; of a root, that of its filesystem.
    ///
    /// # Errors
    /// - `Conflict`: somebody holds one (`LeaseAlreadyPresent`), or it is being broken.
    /// - `NotFound`: there is nothing at `path`.
    ///
    /// # Cancel safety
    /// A dropped future leaves open whether the lease was acquired; it ends when its duration is
    /// over.
    ///
    /// Spec: <https://learn.microsoft.com/rest/api/storageservices/datalakestoragegen2/path/lease>
    pub async fn acquire_lease(&self, path: &LakePath, options: LeaseOptions) -> Result<Lease> {
        let LeaseOptions { id, duration, renewal } = options;
        // Proposed by us, so that a second attempt acquires what the first one has.
        let id = id.unwrap_or_else(LeaseId::random);
        operation::Operation::Acquire { id, duration }.send(&self.wire, path).await?;
        let mut lease = Lease {
            wire: Arc::clone(&self.wire),
            path: path.clone(),
            id,
            duration,
            is_lost: Arc::default(),
            renewal,
            renewing: JoinSet::new(),
        };
        lease.begin_renewing();
        Ok(lease)
    }
}

impl Lease {
    /// The id that writes under this lease give.
    pub fn id(&self) -> LeaseId {
        self.id
    }

    /// What is leased.
    pub fn path(&self) -> &LakePath {
        &self.path
    }

    /// Whether the renewal in the background has failed for good, because somebody broke the lease
    /// or the service was not reached in time.
    pub fn is_lost(&self) -> bool {
        self.is_lost.load(Ordering::SeqCst)
    }

    /// Renews it now: its whole duration begins anew. One that has ended can be renewed as long as
    /// nobody has leased the path or written to it.
    ///
    /// # Errors
    /// - `Conflict`: it was broken, or somebody else has leased the path.
    /// - `NotFound`: the path is gone.
    ///
    /// # Cancel safety
    /// A dropped future leaves open whether it was renewed.
    pub async fn renew(&self) -> Result<()> {
        renew(&self.wire, &self.path, self.id).await
    }

    /// Gives it another id, to hand it over to somebody who knows that one.
    ///
    /// # Errors
    /// `Conflict`: it is being broken, or has ended.
    ///
    /// # Cancel safety
    /// A dropped future leaves open which id the lease has; calling it again with the same
    /// `proposed` id puts that right.
    pub async fn change(&mut self, proposed: LeaseId) -> Result<()> {
        // No renewal may go on under an id that is about to be wrong.
        self.renewing.shutdown().await;
        let change = operation::Operation::Change { id: self.id, proposed };
        let changed = change.send(&self.wire, &self.path).await;
        if changed.is_ok() {
            self.id = proposed;
        }
        self.begin_renewing();
        changed.map(drop)
    }

    /// Ends it at once, so that the next one can have it. One that has ended already is no error.
    ///
    /// # Errors
    /// What keeps the service from answering; the lease ends when its duration is over.
    ///
    /// # Cancel safety
    /// A dropped future leaves open whether it was released.
    pub async fn release(mut self) -> Result<()> {
        self.renewing.shutdown().await;
        let release = operation::Operation::Release { id: self.id };
        match release.send(&self.wire, &self.path).await {
            Ok(_) => Ok(()),
            Err(error) if operation::is_gone(&error) => Ok(()),
            Err(error) => Err(error),
        }
    }

    fn begin_renewing(&mut self) {
        let (Some(half), LeaseRenewal::InBackground) = (self.duration.half(), self.renewal) else {
            return;
        };
        let (wire, path, id) = (Arc::clone(&self.wire), self.path.clone(), self.id);
        let is_lost = Arc::clone(&self.is_lost);
        self.renewing.spawn(async move {
            loop {
                wire.sleep(half).await;
                if let Err(error) = renew(&wire, &path, id).await {
                    tracing::warn!(%error, "a lease was lost");
                    is_lost.store(true, Ordering::SeqCst);
                    return;
                }
            }
        });
    }
}

async fn renew(wire: &Wire, path: &LakePath, id: LeaseId) -> Result<()> {
    operation::Operation::Renew { id }.send(wire, path).await.map(drop)
}
