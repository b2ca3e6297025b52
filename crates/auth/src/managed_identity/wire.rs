//! How each source wants to be asked, and what must be true of its answer.

use azure_core::http::{Method, Request, headers::HeaderName};
use secrecy::ExposeSecret;
use serde::Deserialize;
use url::{Url, form_urlencoded};

use super::ManagedIdentitySource;
use crate::{
    error::{ErrorKind, Failure},
    identity::Identity,
    ids::ClientId,
};

impl ManagedIdentitySource {
    /// The request for a token; that for a key to prove oneself with, where the source wants one first.
    pub(super) fn request(&self, resource: &str, identity: &Identity) -> Request {
        match self {
            Self::AppService { endpoint, header } => {
                let url = query(endpoint, "2019-08-01", resource, identity, &APP_SERVICE_NAMES);
                let mut request = Request::new(url, Method::Get);
                request.insert_header(X_IDENTITY_HEADER, header.expose_secret().to_owned());
                request
            }
            Self::Arc { endpoint, .. } => {
                get_metadata(query(endpoint, "2020-06-01", resource, identity, &IMDS_NAMES))
            }
            Self::CloudShell { endpoint } => {
                let mut request = Request::new(endpoint.clone(), Method::Post);
                let mut form = form_urlencoded::Serializer::new(String::new());
                request.insert_header(METADATA, "true");
                request.insert_header(CONTENT_TYPE, "application/x-www-form-urlencoded");
                request.set_body(form.append_pair("resource", resource).finish().into_bytes());
                request
            }
            Self::Imds { endpoint } => {
                let mut url = endpoint.clone();
                if let Ok(mut segments) = url.path_segments_mut() {
                    segments.pop_if_empty().extend(["metadata", "identity", "oauth2", "token"]);
                }
                get_metadata(query(&url, "2018-02-01", resource, identity, &IMDS_NAMES))
            }
            Self::MachineLearning { endpoint, secret, default_client_id } => {
                let identity = match (identity, default_client_id) {
                    (Identity::SystemAssigned, Some(id)) => &Identity::ClientId(*id),
                    (identity, _) => identity,
                };
                let url =
                    query(endpoint, "2017-09-01", resource, identity, &MACHINE_LEARNING_NAMES);
                let mut request = Request::new(url, Method::Get);
                request.insert_header(SECRET, secret.expose_secret().to_owned());
                request
            }
            Self::ServiceFabric { endpoint, header, .. } => {
                let unnamed = &Identity::SystemAssigned;
                let url = query(endpoint, "2019-07-01-preview", resource, unnamed, &IMDS_NAMES);
                let mut request = Request::new(url, Method::Get);
                request.insert_header(SECRET, header.expose_secret().to_owned());
                request
            }
        }
    }

    /// Checks that a successful answer is about the identity that was asked for: an older agent of Azure Arc knows no
    /// user-assigned ones and gives a token of the machine's own instead.
    pub(super) fn check_answer(&self, body: &[u8], identity: &Identity) -> Result<(), Failure> {
        if !matches!(self, Self::Arc { .. }) || *identity == Identity::SystemAssigned {
            return Ok(());
        }
        let told: Told = serde_json::from_slice(body).unwrap_or_default();
        let is_meant = match identity {
            Identity::SystemAssigned => true,
            Identity::ClientId(id) => {
                told.client_id.and_then(|told| told.parse::<ClientId>().ok()) == Some(*id)
            }
            Identity::ObjectId(id) => {
                told.object_id.and_then(|told| told.parse().ok()) == Some(*id)
            }
            Identity::ResourceId(id) => told
                .msi_res_id
                .or(told.mi_res_id)
                .is_some_and(|told| told.eq_ignore_ascii_case(id.as_str())),
        };
        if is_meant {
            return Ok(());
        }
        Err(Failure::new(
            ErrorKind::IdentityNotFound,
            format!("the agent gave a token of another identity than `{identity}`"),
        )
        .hint("older agents of Azure Arc have the machine's own identity only: leave the identity away, or update the agent"))
    }
}

/// Which identity an answer says it is about.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Told {
    client_id: Option<String>,
    object_id: Option<String>,
    msi_res_id: Option<String>,
    mi_res_id: Option<String>,
}

/// `Metadata: true` proves that no redirect or forgery on the way made the request.
fn get_metadata(url: Url) -> Request {
    let mut request = Request::new(url, Method::Get);
    request.insert_header(METADATA, "true");
    request
}

/// The names by which a source calls the three ids.
struct QueryNames {
    client_id: &'static str,
    object_id: &'static str,
    resource_id: &'static str,
}

const APP_SERVICE_NAMES: QueryNames =
    QueryNames { client_id: "client_id", object_id: "principal_id", resource_id: "mi_res_id" };
const IMDS_NAMES: QueryNames =
    QueryNames { client_id: "client_id", object_id: "object_id", resource_id: "msi_res_id" };
/// The others are refused when the credential is built.
const MACHINE_LEARNING_NAMES: QueryNames =
    QueryNames { client_id: "clientid", object_id: "object_id", resource_id: "mi_res_id" };

fn query(
    endpoint: &Url,
    api_version: &str,
    resource: &str,
    identity: &Identity,
    names: &QueryNames,
) -> Url {
    let mut url = endpoint.clone();
    let mut query = url.query_pairs_mut();
    query.append_pair("api-version", api_version).append_pair("resource", resource);
    match identity {
        Identity::ClientId(id) => query.append_pair(names.client_id, &id.to_string()),
        Identity::ObjectId(id) => query.append_pair(names.object_id, &id.to_string()),
        Identity::ResourceId(id) => query.append_pair(names.resource_id, id.as_str()),
        Identity::SystemAssigned => &mut query,
    };
    drop(query);
    url
}

const CONTENT_TYPE: HeaderName = HeaderName::from_static("content-type");
const METADATA: HeaderName = HeaderName::from_static("metadata");
const SECRET: HeaderName = HeaderName::from_static("secret");
const X_IDENTITY_HEADER: HeaderName = HeaderName::from_static("x-identity-header");
