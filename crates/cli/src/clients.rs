//! Clients of the services, made from the options and the cloud. Commands share them.

use std::{net::ToSocketAddrs, sync::Arc};

use azconnect_keyvault::{VaultClient, VaultClientBuilder};
use azconnect_lake::{LakeClient, LakeUrl};
use azconnect_synapse::{Login, ServerAddress, SynapseClient, SynapseClientBuilder};
use azure_core::http::Url;

use crate::{context::Context, failure::Failure};

/// Begins a client of the vault at a URL, again and again with the same credential and connections.
pub(crate) fn key_vault(
    context: &Context,
) -> Result<impl Fn(Url) -> VaultClientBuilder + Send + Sync + 'static, Failure> {
    let (credential, transport) = (context.credential()?, context.transport()?);
    // Known from the cloud's definition, so that no request is spent on asking the vault.
    let resource = context.cloud()?.key_vault_resource()?.to_owned();
    Ok(move |url| {
        VaultClient::builder(url, Arc::clone(&credential))
            .with_transport(transport.clone())
            .with_resource(resource.clone())
    })
}

/// A client of the account that a URL names, if that is an account of the cloud in use.
pub(crate) fn lake(context: &Context, url: &LakeUrl) -> Result<LakeClient, Failure> {
    let cloud = context.cloud()?;
    let account = url.account();
    let endpoints = cloud.lake_endpoints(account.as_str())?;
    let named = [account.as_str(), "dfs", url.endpoint_suffix()].join(".");
    if endpoints.dfs.host_str() != Some(named.as_str()) {
        return Err(Failure::usage(format!("`{named}` is no host of the cloud `{}`", cloud.name))
            .with_hint("choose the account's cloud by `--cloud`"));
    }
    let client = LakeClient::builder(account.clone(), context.credential()?)
        .with_dfs_endpoint(endpoints.dfs)
        .with_blob_endpoint(endpoints.blob)
        .with_scope(endpoints.scope)
        .with_http_client(context.http_client()?)
        .build()?;
    Ok(client)
}

/// The beginnings of a client of a database.
///
/// `server`: a workspace of the cloud, or a host with an optional port.
pub(crate) fn synapse(
    context: &Context,
    server: &str,
    database: &str,
    login: Login,
) -> Result<SynapseClientBuilder, Failure> {
    let cloud = context.cloud()?;
    let server = cloud.synapse_server(server)?;
    let address = ServerAddress::new(&server.host, server.port)?;
    let mut builder = SynapseClient::builder(address, database, login).with_scope(server.scope);
    if !cloud.connect.is_empty() {
        // A resolver and not one address: the server may send its clients on to another host.
        let cloud = cloud.clone();
        builder = builder.with_resolver(move |host, port| match cloud.connect_address(host) {
            Some(address) => Ok(vec![address]),
            None => Ok((host, port).to_socket_addrs()?.collect()),
        });
    }
    if let Some(pem) = context.ca_pem()? {
        builder = builder.with_ca_pem(pem);
    }
    Ok(builder)
}
