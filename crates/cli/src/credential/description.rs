//! What `auth describe` tells: the credential that would be used, and where each of its settings came from.

use azconnect_auth::{Env, env};
use azconnect_cert_tools::{Thumbprint, ThumbprintAlgorithm};
use serde::Serialize;
use time::OffsetDateTime;

use super::{
    Credential, Place, authority_host, environment,
    plan::{AZCONNECT_TOKEN_CACHE, Plan, Setting, Source, source},
    wants_chain,
};
use crate::{context::Context, failure::Failure};

/// The description, as it is printed.
#[derive(Debug, Serialize)]
pub(crate) struct Description {
    method: String,
    reason: String,
    settings: Vec<DescribedSetting>,
}

/// One line of the description.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct DescribedSetting {
    pub(crate) name: &'static str,
    pub(crate) value: String,
    pub(crate) source: String,
}

impl Description {
    /// The description as lines of a table, the method first.
    pub(crate) fn lines(&self) -> Vec<DescribedSetting> {
        let method = DescribedSetting {
            name: "method",
            value: self.method.clone(),
            source: self.reason.clone(),
        };
        std::iter::once(method).chain(self.settings.iter().cloned()).collect()
    }
}

/// Describes the credential that the options name, or several in their order. Reads certificates, and sends nothing.
///
/// The second value is what stands in a credential's way: a wrong setting does not hide the others.
pub(crate) fn describe(context: &Context) -> Result<(Vec<Description>, Option<Failure>), Failure> {
    let env = environment(context);
    let plans = Plan::make(context.credential_options(), &env)?;
    let place = if plans.len() == 1 { Place::Alone } else { Place::InAChain };
    let mut first_problem = None;
    let mut descriptions = Vec::new();
    for plan in plans {
        let facts = Credential::build(context, &env, &plan, place)
            .and_then(|credential| facts(context, &env, &credential));
        let facts = facts.unwrap_or_else(|failure| {
            first_problem.get_or_insert(failure);
            Vec::new()
        });
        let settings = plan.settings.into_iter().chain(facts).chain(token_cache(context, &env));
        descriptions.push(Description {
            method: plan.method.name(),
            reason: plan.reason,
            settings: settings.map(DescribedSetting::from).collect(),
        });
    }
    Ok((descriptions, first_problem))
}

fn token_cache(context: &Context, env: &Env) -> Option<Setting> {
    let folder = context.credential_options().token_cache.as_ref()?.display().to_string();
    let source = source("--token-cache", AZCONNECT_TOKEN_CACHE, &folder, env);
    Some(Setting { name: "token cache", value: folder, source })
}

/// What is known once the credential is built.
fn facts(context: &Context, env: &Env, credential: &Credential) -> Result<Vec<Setting>, Failure> {
    let endpoint =
        |url: &url::Url, source| Setting { name: "token endpoint", value: url.to_string(), source };
    let mut settings = Vec::new();
    match credential {
        Credential::Certificate(credential) => {
            let certificate = credential.certificate();
            let thumbprint =
                Thumbprint::new(ThumbprintAlgorithm::Sha1, certificate.sha1_thumbprint())?;
            settings.push(Setting {
                name: "thumbprint",
                value: thumbprint.to_hex(),
                source: Source::Certificate,
            });
            settings.push(Setting {
                name: "not after",
                value: not_after(certificate.not_after()),
                source: Source::Certificate,
            });
            if wants_chain(env) {
                settings.push(Setting {
                    name: "certificate chain",
                    value: format!("sent, {} beside the leaf", certificate.chain_length()),
                    source: Source::Environment(env::AZURE_CLIENT_SEND_CERTIFICATE_CHAIN),
                });
            }
            settings.push(endpoint(credential.token_endpoint(), authority_host(context, env)?.1));
        }
        Credential::Federated(credential) => {
            settings.push(endpoint(credential.token_endpoint(), authority_host(context, env)?.1));
        }
        Credential::ManagedIdentity(credential) => {
            let source = if env.contains(env::IDENTITY_ENDPOINT) {
                Source::Environment(env::IDENTITY_ENDPOINT)
            } else if env.contains(env::MSI_ENDPOINT) {
                Source::Environment(env::MSI_ENDPOINT)
            } else if context.cloud()?.imds_endpoint.is_some() {
                Source::Cloud(context.cloud()?.name.clone())
            } else if env.contains(env::AZURE_POD_IDENTITY_AUTHORITY_HOST) {
                Source::Environment(env::AZURE_POD_IDENTITY_AUTHORITY_HOST)
            } else {
                Source::Default
            };
            settings.push(Setting {
                name: "asked",
                value: credential.source().name().to_owned(),
                source: source.clone(),
            });
            settings.push(endpoint(credential.source().endpoint(), source));
        }
        Credential::Secret(credential) => {
            settings.push(endpoint(credential.token_endpoint(), authority_host(context, env)?.1));
        }
        Credential::Tool(_) => {}
    }
    Ok(settings)
}

fn not_after(time: OffsetDateTime) -> String {
    let mut text = azure_core::time::to_rfc3339(&time);
    if time <= OffsetDateTime::now_utc() {
        text.push_str(" (expired)");
    }
    text
}

impl From<Setting> for DescribedSetting {
    fn from(setting: Setting) -> Self {
        Self { name: setting.name, value: setting.value, source: setting.source.to_string() }
    }
}
