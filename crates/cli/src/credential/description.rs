//! What `auth describe` tells: the credential that would be used, and where each of its settings came from.

use azconnect_auth::{Env, env};
use azconnect_cert_tools::{Thumbprint, ThumbprintAlgorithm};
use clap::ValueEnum;
use serde::Serialize;
use time::OffsetDateTime;

use super::{
    Credential, authority_host, environment,
    plan::{Plan, Setting, Source},
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

/// Describes the credential that the options name. Reads the certificate, and sends nothing.
///
/// The second value is what stands in the credential's way: a wrong setting does not hide the others.
pub(crate) fn describe(context: &Context) -> Result<(Description, Option<Failure>), Failure> {
    let env = environment(context);
    let plan = Plan::make(context.credential_options(), &env)?;
    let (mut settings, problem) = match Credential::build(context, &env, &plan) {
        Ok(credential) => (facts(context, &env, &credential)?, None),
        Err(failure) => (Vec::new(), Some(failure)),
    };
    let mut all = plan.settings;
    all.append(&mut settings);
    let description = Description {
        method: plan
            .method
            .to_possible_value()
            .map_or_else(String::new, |value| value.get_name().to_owned()),
        reason: plan.reason,
        settings: all.into_iter().map(DescribedSetting::from).collect(),
    };
    Ok((description, problem))
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
            } else if context.cloud()?.imds_endpoint.is_some() {
                Source::Cloud(context.cloud()?.name.clone())
            } else if env.contains(env::AZURE_POD_IDENTITY_AUTHORITY_HOST) {
                Source::Environment(env::AZURE_POD_IDENTITY_AUTHORITY_HOST)
            } else {
                Source::Default
            };
            settings.push(endpoint(credential.source().endpoint(), source));
        }
        Credential::Secret(credential) => {
            settings.push(endpoint(credential.token_endpoint(), authority_host(context, env)?.1));
        }
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
