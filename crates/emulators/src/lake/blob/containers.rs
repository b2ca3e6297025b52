//! Operations on containers, which the dfs endpoint calls filesystems.

use std::sync::Arc;

use axum::http::StatusCode;

use crate::lake::{
    Lake, body::blocking, conditions::Conditions, continuation, failure::Failure,
    properties::Properties, reply::Reply, request::LakeRequest, store::Entry, xml::XmlWriter,
};

pub(super) fn list(lake: &Lake, request: &LakeRequest) -> Result<Reply, Failure> {
    let query = &request.query;
    let marker = query.get("marker");
    let after = continuation::decode("marker", marker)?;
    let with_metadata = query.get("include").is_some_and(|include| include.contains("metadata"));
    let (containers, next) = lake.store.filesystems(
        &request.account,
        query.get("prefix").unwrap_or_default(),
        after.as_deref().unwrap_or_default(),
        query.page_size("maxresults")?,
        |name, filesystem| (name.to_owned(), filesystem.root().clone()),
    )?;
    let mut document = XmlWriter::new();
    let endpoint = service_endpoint(request);
    document.open_with("EnumerationResults", &[("ServiceEndpoint", &endpoint)]);
    for (parameter, element) in
        [("prefix", "Prefix"), ("marker", "Marker"), ("maxresults", "MaxResults")]
    {
        if let Some(value) = query.get(parameter) {
            document.leaf(element, value);
        }
    }
    let now = lake.store.now();
    document.open("Containers");
    for (name, root) in containers {
        document.open("Container");
        document.leaf("Name", &name);
        document.open("Properties");
        document.leaf("Last-Modified", &root.stamp.http_date());
        document.leaf("Etag", &root.stamp.etag());
        super::list::lease(&mut document, &root, now);
        document.leaf("HasImmutabilityPolicy", "false");
        document.leaf("HasLegalHold", "false");
        document.close("Properties");
        if with_metadata {
            super::list::metadata(&mut document, &root);
        }
        document.close("Container");
    }
    document.close("Containers");
    document.leaf("NextMarker", &next.map(|next| continuation::encode(&next)).unwrap_or_default());
    document.close("EnumerationResults");
    Ok(Reply::xml(StatusCode::OK, document))
}

pub(super) async fn create(
    lake: &Arc<Lake>,
    request: &LakeRequest,
    name: &str,
) -> Result<Reply, Failure> {
    if request.headers.contains_key("x-ms-blob-public-access") {
        return Err(Failure::not_implemented("public access"));
    }
    let properties = Properties::of_blob(&request.headers)?;
    let (lake, account, name) = (Arc::clone(lake), request.account.clone(), name.to_owned());
    let owner = request.caller.owner_name().to_owned();
    let create = move || lake.store.create_filesystem(&account, &name, properties, &owner);
    Ok(tagged(StatusCode::CREATED, &blocking(create).await?))
}

pub(super) fn properties(lake: &Lake, request: &LakeRequest, name: &str) -> Result<Reply, Failure> {
    let root = lake
        .store
        .with_filesystem(&request.account, name, |filesystem| Ok(filesystem.root().clone()))?;
    let now = lake.store.now();
    Conditions::of(request)?.check_container_lease(&root, now)?;
    let reply = tagged(StatusCode::OK, &root)
        .with("x-ms-default-encryption-scope", "$account-encryption-key")
        .with("x-ms-deny-encryption-scope-override", "false")
        .with("x-ms-has-immutability-policy", "false")
        .with("x-ms-has-legal-hold", "false");
    let reply = root.lease.describe(reply, now);
    Ok(root.properties.write_metadata_to(reply))
}

pub(super) fn set_metadata(
    lake: &Lake,
    request: &LakeRequest,
    name: &str,
) -> Result<Reply, Failure> {
    let root = lake.store.set_filesystem_properties(
        &request.account,
        name,
        &Conditions::of(request)?,
        Properties::of_blob(&request.headers)?,
    )?;
    Ok(tagged(StatusCode::OK, &root))
}

pub(super) async fn delete(
    lake: &Arc<Lake>,
    request: &LakeRequest,
    name: &str,
) -> Result<Reply, Failure> {
    let conditions = Conditions::of(request)?;
    let (lake, account, name) = (Arc::clone(lake), request.account.clone(), name.to_owned());
    blocking(move || lake.store.delete_filesystem(&account, &name, &conditions)).await?;
    Ok(Reply::empty(StatusCode::ACCEPTED))
}

/// The address that a listing belongs to, as the client wrote it.
pub(super) fn service_endpoint(request: &LakeRequest) -> String {
    let host = request.headers.get("host").and_then(|host| host.to_str().ok()).unwrap_or_default();
    match request.path_style {
        true => ["https://", host, "/", &request.account, "/"].concat(),
        false => ["https://", host, "/"].concat(),
    }
}

fn tagged(status: StatusCode, root: &Entry) -> Reply {
    Reply::empty(status)
        .with("etag", &root.stamp.etag())
        .with("last-modified", &root.stamp.http_date())
}
