//! From the identity options, the environment and the cloud to a credential, and to its description.
//!
//! What is chosen is decided in `credential/plan.rs`; a credential that was chosen and fails is an error, and
//! never a reason to try another. Only one that does not exist here gives way, where the user named several.

mod certificate;
mod description;
mod plan;

use std::sync::Arc;

use azconnect_auth::{
    AssertionSource, AzureCliCredential, AzureDeveloperCliCredential, ChainedTokenCredential,
    ClientAssertionCredential, ClientCertificateCredential, ClientSecretCredential, Env, Identity,
    ManagedIdentityCredential, RetryOptions, TOKEN_EXCHANGE_SCOPE, env,
};
use azure_core::credentials::TokenCredential;
use url::Url;

pub(crate) use self::description::{Description, describe};
use self::plan::{App, Plan, Proof, Source};
use crate::{context::Context, failure::Failure};

/// Builds the credential that the options name. Sends nothing.
pub(crate) fn build(context: &Context) -> Result<Arc<dyn TokenCredential>, Failure> {
    let env = environment(context);
    let plans = Plan::make(context.credential_options(), &env)?;
    if let [plan] = plans.as_slice() {
        return Ok(Credential::build(context, &env, plan, Place::Alone)?.into_token_credential());
    }
    let links = plans.iter().map(|plan| {
        let credential = Credential::build(context, &env, plan, Place::InAChain)?;
        Ok((plan.method.name(), credential.into_token_credential()))
    });
    let links = links.collect::<Result<Vec<_>, Failure>>()?;
    Ok(ChainedTokenCredential::new(links)?)
}

/// The tenant that a token will be of, as far as the settings tell: a managed identity does not say.
pub(crate) fn tenant_id(context: &Context) -> Result<Option<String>, Failure> {
    let plans = Plan::make(context.credential_options(), &environment(context))?;
    let [plan] = plans.as_slice() else { return Ok(None) };
    Ok(match &plan.proof {
        Proof::Certificate { app, .. }
        | Proof::FederatedIdentity { app, .. }
        | Proof::Secret { app }
        | Proof::WorkloadIdentity { app, .. } => Some(app.tenant_id.to_string()),
        Proof::AzureCli { tenant_id } | Proof::AzureDeveloperCli { tenant_id } => {
            tenant_id.as_ref().map(ToString::to_string)
        }
        Proof::ManagedIdentity { .. } => None,
    })
}

/// Whether another credential stands ready in case that one does not exist here.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Place {
    Alone,
    InAChain,
}

/// A credential whose kind is still known.
enum Credential {
    Certificate(Arc<ClientCertificateCredential>),
    Federated(Arc<ClientAssertionCredential>),
    ManagedIdentity(Arc<ManagedIdentityCredential>),
    Secret(Arc<ClientSecretCredential>),
    Tool(Arc<dyn TokenCredential>),
}

impl Credential {
    fn build(context: &Context, env: &Env, plan: &Plan, place: Place) -> Result<Self, Failure> {
        Ok(match &plan.proof {
            Proof::AzureCli { tenant_id } => {
                let mut builder = AzureCliCredential::builder();
                if let Some(tenant_id) = tenant_id {
                    builder = builder.with_tenant_id(tenant_id.clone());
                }
                Self::Tool(builder.build()?)
            }
            Proof::AzureDeveloperCli { tenant_id } => {
                let mut builder = AzureDeveloperCliCredential::builder();
                if let Some(tenant_id) = tenant_id {
                    builder = builder.with_tenant_id(tenant_id.clone());
                }
                Self::Tool(builder.build()?)
            }
            Proof::Certificate { app, location } => {
                let pem = certificate::load(location, env)?;
                let mut builder = ClientCertificateCredential::builder(
                    app.tenant_id.clone(),
                    app.client_id,
                    pem.as_bytes(),
                )
                .with_authority_host(authority_host(context, env)?.0)
                .with_transport(context.transport()?)
                .with_shared_token_cache(context.token_cache()?);
                if wants_chain(env) {
                    builder = builder.with_certificate_chain();
                }
                Self::Certificate(builder.build()?)
            }
            Proof::FederatedIdentity { app, identity } => {
                let credential = managed_identity(context, env, identity, place)?;
                let scope = exchange_scope(&context.cloud()?.name).to_owned();
                let source = AssertionSource::Credential { credential, scope };
                Self::Federated(federated(context, env, app, source)?)
            }
            Proof::ManagedIdentity { identity } => {
                Self::ManagedIdentity(managed_identity(context, env, identity, place)?)
            }
            Proof::Secret { app } => {
                let secret = env.get_secret(env::AZURE_CLIENT_SECRET).ok_or_else(|| {
                    Failure::usage("no client secret is set").with_hint(
                        "set AZURE_CLIENT_SECRET; there is no option for it, since command lines are public",
                    )
                })?;
                let builder =
                    ClientSecretCredential::builder(app.tenant_id.clone(), app.client_id, secret)
                        .with_authority_host(authority_host(context, env)?.0)
                        .with_transport(context.transport()?)
                        .with_shared_token_cache(context.token_cache()?);
                Self::Secret(builder.build()?)
            }
            Proof::WorkloadIdentity { app, token_file } => {
                let source = AssertionSource::TokenFile(token_file.clone());
                Self::Federated(federated(context, env, app, source)?)
            }
        })
    }

    fn into_token_credential(self) -> Arc<dyn TokenCredential> {
        match self {
            Self::Certificate(credential) => credential,
            Self::Federated(credential) => credential,
            Self::ManagedIdentity(credential) => credential,
            Self::Secret(credential) => credential,
            Self::Tool(credential) => credential,
        }
    }
}

fn managed_identity(
    context: &Context,
    env: &Env,
    identity: &Identity,
    place: Place,
) -> Result<Arc<ManagedIdentityCredential>, Failure> {
    let mut builder =
        ManagedIdentityCredential::builder().with_env(env).with_identity(identity.clone());
    if let Some(endpoint) = &context.cloud()?.imds_endpoint {
        builder = builder.with_imds_endpoint(endpoint.clone());
    }
    // The built-in client gives up after a second where there is no such endpoint; only one behind TLS needs the
    // certificates of the cloud.
    if env.get(env::IDENTITY_ENDPOINT).is_some_and(|url| url.starts_with("https:")) {
        builder = builder.with_transport(context.direct_transport()?);
    }
    if place == Place::InAChain {
        // One second tells whether there is such an endpoint.
        builder = builder.with_retry(RetryOptions::managed_identity().with_max_unanswered(1));
    }
    Ok(builder.with_shared_token_cache(context.token_cache()?).build()?)
}

fn federated(
    context: &Context,
    env: &Env,
    app: &App,
    source: AssertionSource,
) -> Result<Arc<ClientAssertionCredential>, Failure> {
    let builder = ClientAssertionCredential::builder(app.tenant_id.clone(), app.client_id, source)
        .with_authority_host(authority_host(context, env)?.0)
        .with_transport(context.transport()?)
        .with_shared_token_cache(context.token_cache()?);
    Ok(builder.build()?)
}

/// What a managed identity's token must be for, so that an app takes it.
///
/// Spec: <https://learn.microsoft.com/entra/workload-id/workload-identity-federation-config-app-trust-managed-identity>
fn exchange_scope(cloud: &str) -> &'static str {
    match cloud {
        "china" => "api://AzureADTokenExchangeChina/.default",
        "government" => "api://AzureADTokenExchangeUSGov/.default",
        _ => TOKEN_EXCHANGE_SCOPE,
    }
}

/// The variables that decide about credentials, as a value.
fn environment(context: &Context) -> Env {
    let environment = context.environment();
    let names = env::ALL.iter().chain(&[
        plan::AZCONNECT_AUTH,
        plan::AZCONNECT_IDENTITY,
        plan::AZCONNECT_TOKEN_CACHE,
    ]);
    names.filter_map(|name| Some((*name, environment.get(name)?))).collect()
}

/// The authority of the cloud, unless the cloud is the public one and the environment names another authority,
/// as it does for other Azure tools.
fn authority_host(context: &Context, env: &Env) -> Result<(Url, Source), Failure> {
    let cloud = context.cloud()?;
    match env.get(env::AZURE_AUTHORITY_HOST) {
        Some(host) if cloud.name == PUBLIC_CLOUD => {
            let url =
                if host.contains("://") { host.to_owned() } else { ["https://", host].concat() };
            let url = Url::parse(&url).map_err(|error| {
                Failure::from_error("cannot read the URL in AZURE_AUTHORITY_HOST", &error)
                    .with_hint("it looks like `https://login.microsoftonline.com`")
            })?;
            Ok((url, Source::Environment(env::AZURE_AUTHORITY_HOST)))
        }
        _ => Ok((cloud.authority_host.clone(), Source::Cloud(cloud.name.clone()))),
    }
}

fn wants_chain(env: &Env) -> bool {
    env.get(env::AZURE_CLIENT_SEND_CERTIFICATE_CHAIN)
        .is_some_and(|value| value == "1" || value.eq_ignore_ascii_case("true"))
}

const PUBLIC_CLOUD: &str = "public";
