//! Lease Blob, Lease Container and Path - Lease, which differ in their addresses only.

use std::sync::Arc;

use super::{
    Lake, conditions::Conditions, failure::Failure, lease::LeaseOperation, reply::Reply,
    request::LakeRequest, store::Place,
};

/// Does what `x-ms-lease-action` says to the lease of an entry.
pub(super) fn operate(
    lake: &Arc<Lake>,
    request: &LakeRequest,
    place: &Place,
) -> Result<Reply, Failure> {
    let operation = LeaseOperation::of(request)?;
    let conditions = Conditions::of_lease_operation(request)?;
    let (entry, outcome) = lake.store.lease(place, &conditions, operation)?;
    Ok(outcome
        .reply()
        .with("etag", &entry.stamp.etag())
        .with("last-modified", &entry.stamp.http_date()))
}
