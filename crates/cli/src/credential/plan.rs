//! Which credential to use, and why: the only place that weighs options against the environment.
//!
//! First that applies: `--auth` (or `AZCONNECT_AUTH`); an option on the command line (`--certificate` and
//! `--batch-certificate`, or `--identity`); the environment (`AZCONNECT_IDENTITY`, then `AZURE_TOKEN_CREDENTIALS`, then
//! `AZURE_CLIENT_SECRET`, then `AZURE_CLIENT_CERTIFICATE_PATH`, then `AZURE_FEDERATED_TOKEN_FILE`, in the order of the
//! other Azure tools); managed identity.

use std::{fmt, path::PathBuf};

use azconnect_auth::{ClientId, Env, Identity, TenantId, env};

use crate::{
    cli::{AuthMethod, CredentialOptions},
    failure::{Failure, Status},
};

/// What was chosen, and how the choice came about.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) method: AuthMethod,
    pub(super) reason: String,
    pub(super) proof: Proof,
    /// What was used and where it came from, in the order of a description.
    pub(super) settings: Vec<Setting>,
}

/// What the credential is made of.
#[derive(Debug)]
pub(super) enum Proof {
    AzureCli {
        tenant_id: Option<TenantId>,
    },
    AzureDeveloperCli {
        tenant_id: Option<TenantId>,
    },
    Certificate {
        app: App,
        location: CertificateLocation,
    },
    /// The app trusts a managed identity.
    FederatedIdentity {
        app: App,
        identity: Identity,
    },
    ManagedIdentity {
        identity: Identity,
    },
    Secret {
        app: App,
    },
    /// The app trusts the token in a file.
    WorkloadIdentity {
        app: App,
        token_file: PathBuf,
    },
}

/// An app registration.
#[derive(Debug)]
pub(super) struct App {
    pub(super) tenant_id: TenantId,
    pub(super) client_id: ClientId,
}

/// Where the certificate is.
#[derive(Debug)]
pub(super) enum CertificateLocation {
    /// In the folder of an Azure Batch node, under this thumbprint.
    Batch { thumbprint: String },
    /// In a file; its password is in another file, in the environment, or empty.
    File { path: PathBuf, password_file: Option<PathBuf> },
}

/// One setting; never a secret.
#[derive(Debug)]
pub(super) struct Setting {
    pub(super) name: &'static str,
    pub(super) value: String,
    pub(super) source: Source,
}

/// Where a value came from.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Source {
    Certificate,
    Cloud(String),
    Default,
    Environment(&'static str),
    Option(&'static str),
}

impl Plan {
    /// Chooses a credential, or several of which the first that exists is to be used. Reads no file and sends nothing.
    pub(super) fn make(options: &CredentialOptions, env: &Env) -> Result<Vec<Self>, Failure> {
        let (methods, reason) = choose(options, env)?;
        methods.into_iter().map(|method| Self::of(method, &reason, options, env)).collect()
    }

    fn of(
        method: AuthMethod,
        reason: &str,
        options: &CredentialOptions,
        env: &Env,
    ) -> Result<Self, Failure> {
        let mut settings = Vec::new();
        let proof = match method {
            AuthMethod::AzureCli => {
                Proof::AzureCli { tenant_id: tenant(options, env, &mut settings)? }
            }
            AuthMethod::AzureDeveloperCli => {
                Proof::AzureDeveloperCli { tenant_id: tenant(options, env, &mut settings)? }
            }
            AuthMethod::Certificate => {
                let app = app(options, env, &mut settings)?;
                let location = certificate(options, env, &mut settings)?;
                Proof::Certificate { app, location }
            }
            AuthMethod::FederatedIdentity => {
                let app = app(options, env, &mut settings)?;
                let identity = identity(options, None, env, &mut settings)?;
                Proof::FederatedIdentity { app, identity }
            }
            AuthMethod::ManagedIdentity => {
                // The client id names a managed identity only where it does not name the app of another proof.
                let names_an_app = env.contains(env::AZURE_CLIENT_SECRET)
                    || env.contains(env::AZURE_FEDERATED_TOKEN_FILE)
                    || options.certificate.is_some();
                let client_id = options.client_id.as_deref().filter(|_| !names_an_app);
                let identity = identity(options, client_id, env, &mut settings)?;
                Proof::ManagedIdentity { identity }
            }
            AuthMethod::Secret => {
                let app = app(options, env, &mut settings)?;
                settings.push(Setting {
                    name: "client secret",
                    value: if env.contains(env::AZURE_CLIENT_SECRET) { "set" } else { "not set" }
                        .to_owned(),
                    source: Source::Environment(env::AZURE_CLIENT_SECRET),
                });
                Proof::Secret { app }
            }
            AuthMethod::WorkloadIdentity => {
                let app = app(options, env, &mut settings)?;
                let token_file = env.get(env::AZURE_FEDERATED_TOKEN_FILE).ok_or_else(|| {
                    Failure::usage("AZURE_FEDERATED_TOKEN_FILE is not set").with_hint(
                        "Kubernetes sets it for pods whose service account is set up for workload identity",
                    )
                })?;
                settings.push(Setting {
                    name: "federated token",
                    value: format!("in {token_file}"),
                    source: Source::Environment(env::AZURE_FEDERATED_TOKEN_FILE),
                });
                Proof::WorkloadIdentity { app, token_file: token_file.into() }
            }
        };
        Ok(Self { method, reason: reason.to_owned(), proof, settings })
    }
}

fn choose(options: &CredentialOptions, env: &Env) -> Result<(Vec<AuthMethod>, String), Failure> {
    if !options.auth.is_empty() {
        let names: Vec<_> = options.auth.iter().map(|method| method.name()).collect();
        let source = source("--auth", AZCONNECT_AUTH, &names.join(","), env);
        return Ok((options.auth.clone(), format!("{source} says so")));
    }
    let certificate_option = if options.batch_certificate.is_some() {
        Some(Source::Option("--batch-certificate"))
    } else {
        certificate_source(options, env)
    };
    let identity_source = options
        .identity
        .as_ref()
        .map(|identity| source("--identity", AZCONNECT_IDENTITY, identity, env));
    let because = |source: &Source| format!("{source} is given");
    let is_chosen_by_option = matches!(certificate_option, Some(Source::Option(_)));
    if !is_chosen_by_option
        && identity_source.is_none()
        && let Some(methods) = of_token_credentials(env)?
    {
        let source = Source::Environment(env::AZURE_TOKEN_CREDENTIALS);
        return Ok((methods, format!("{source} says so")));
    }
    let (method, reason) = match (&certificate_option, &identity_source) {
        (Some(certificate @ Source::Option(_)), Some(identity @ Source::Option(_))) => {
            return Err(Failure::usage(format!(
                "{certificate} and {identity} ask for different credentials"
            ))
            .with_hint(
                "leave one away, or decide by `--auth certificate` or `--auth managed-identity`",
            ));
        }
        (Some(certificate @ Source::Option(_)), _) => {
            (AuthMethod::Certificate, because(certificate))
        }
        (_, Some(identity)) => (AuthMethod::ManagedIdentity, because(identity)),
        _ if env.contains(env::AZURE_CLIENT_SECRET) => {
            (AuthMethod::Secret, because(&Source::Environment(env::AZURE_CLIENT_SECRET)))
        }
        (Some(certificate), None) => (AuthMethod::Certificate, because(certificate)),
        (None, None) if env.contains(env::AZURE_FEDERATED_TOKEN_FILE) => (
            AuthMethod::WorkloadIdentity,
            because(&Source::Environment(env::AZURE_FEDERATED_TOKEN_FILE)),
        ),
        (None, None) => (
            AuthMethod::ManagedIdentity,
            "neither a certificate nor a client secret is given".to_owned(),
        ),
    };
    Ok((vec![method], reason))
}

/// What the variable of the other Azure tools asks for; nothing if it leaves the choice open.
///
/// Spec: <https://learn.microsoft.com/azure/developer/python/sdk/authentication/credential-chains>
fn of_token_credentials(env: &Env) -> Result<Option<Vec<AuthMethod>>, Failure> {
    let Some(wanted) = env.get(env::AZURE_TOKEN_CREDENTIALS) else { return Ok(None) };
    let methods = match wanted.to_ascii_lowercase().as_str() {
        "prod" => return Ok(None),
        "dev" => vec![AuthMethod::AzureCli, AuthMethod::AzureDeveloperCli],
        "azureclicredential" => vec![AuthMethod::AzureCli],
        "azuredeveloperclicredential" => vec![AuthMethod::AzureDeveloperCli],
        "environmentcredential" if env.contains(env::AZURE_CLIENT_SECRET) => {
            vec![AuthMethod::Secret]
        }
        "environmentcredential" => vec![AuthMethod::Certificate],
        "managedidentitycredential" => vec![AuthMethod::ManagedIdentity],
        "workloadidentitycredential" => vec![AuthMethod::WorkloadIdentity],
        _ => {
            return Err(Failure::usage(format!(
                "`{wanted}` of AZURE_TOKEN_CREDENTIALS is not supported"
            ))
            .with_hint("say by `--auth` which proof to use"));
        }
    };
    Ok(Some(methods))
}

/// The tenant for which a developer tool is asked, if one is named.
fn tenant(
    options: &CredentialOptions,
    env: &Env,
    settings: &mut Vec<Setting>,
) -> Result<Option<TenantId>, Failure> {
    let Some(tenant) = options.tenant_id.as_deref().filter(|value| !value.is_empty()) else {
        return Ok(None);
    };
    let source = source("--tenant-id", env::AZURE_TENANT_ID, tenant, env);
    settings.push(Setting { name: "tenant id", value: tenant.to_owned(), source });
    tenant.parse().map(Some).map_err(wrong_usage)
}

fn app(
    options: &CredentialOptions,
    env: &Env,
    settings: &mut Vec<Setting>,
) -> Result<App, Failure> {
    let missing = |what: &str, option: &str, variable: &str| {
        Failure::usage(format!("a proof of an app registration needs the {what} of the app"))
            .with_hint(format!("give `{option}` or set {variable}"))
    };
    let tenant = options
        .tenant_id
        .as_deref()
        .filter(|value| !value.is_empty())
        .ok_or_else(|| missing("tenant id", "--tenant-id", env::AZURE_TENANT_ID))?;
    let client = options
        .client_id
        .as_deref()
        .filter(|value| !value.is_empty())
        .ok_or_else(|| missing("client id", "--client-id", env::AZURE_CLIENT_ID))?;
    let app = App {
        tenant_id: tenant.parse().map_err(wrong_usage)?,
        client_id: client.parse().map_err(wrong_usage)?,
    };
    settings.push(Setting {
        name: "tenant id",
        value: app.tenant_id.to_string(),
        source: source("--tenant-id", env::AZURE_TENANT_ID, tenant, env),
    });
    settings.push(Setting {
        name: "client id",
        value: app.client_id.to_string(),
        source: source("--client-id", env::AZURE_CLIENT_ID, client, env),
    });
    Ok(app)
}

fn certificate(
    options: &CredentialOptions,
    env: &Env,
    settings: &mut Vec<Setting>,
) -> Result<CertificateLocation, Failure> {
    if let Some(thumbprint) = &options.batch_certificate {
        settings.push(Setting {
            name: "Batch certificate",
            value: thumbprint.clone(),
            source: Source::Option("--batch-certificate"),
        });
        let thumbprint = thumbprint.clone();
        return Ok(CertificateLocation::Batch { thumbprint });
    }
    let (Some(path), Some(source)) = (&options.certificate, certificate_source(options, env))
    else {
        return Err(Failure::usage("no certificate is given").with_hint(
            "give `--certificate FILE` or `--batch-certificate THUMBPRINT`, or set AZURE_CLIENT_CERTIFICATE_PATH",
        ));
    };
    settings.push(Setting { name: "certificate", value: path.display().to_string(), source });
    let password_file = options.certificate_password_file.clone();
    if let Some(path) = &password_file {
        settings.push(Setting {
            name: "certificate password",
            value: format!("in {}", path.display()),
            source: Source::Option("--certificate-password-file"),
        });
    } else if env.contains(env::AZURE_CLIENT_CERTIFICATE_PASSWORD) {
        settings.push(Setting {
            name: "certificate password",
            value: "set".to_owned(),
            source: Source::Environment(env::AZURE_CLIENT_CERTIFICATE_PASSWORD),
        });
    }
    Ok(CertificateLocation::File { path: path.clone(), password_file })
}

/// `client_id`: names the identity where no option does.
fn identity(
    options: &CredentialOptions,
    client_id: Option<&str>,
    env: &Env,
    settings: &mut Vec<Setting>,
) -> Result<Identity, Failure> {
    let (identity, source) = match (&options.identity, client_id) {
        (Some(identity), _) => (
            identity.parse().map_err(wrong_usage)?,
            source("--identity", AZCONNECT_IDENTITY, identity, env),
        ),
        (None, Some(id)) if !id.is_empty() => (
            Identity::ClientId(id.parse().map_err(wrong_usage)?),
            source("--client-id", env::AZURE_CLIENT_ID, id, env),
        ),
        _ => (Identity::SystemAssigned, Source::Default),
    };
    let value = match &identity {
        Identity::SystemAssigned => "none named: the only one of this machine".to_owned(),
        identity => identity.to_string(),
    };
    settings.push(Setting { name: "identity", value, source });
    Ok(identity)
}

fn certificate_source(options: &CredentialOptions, env: &Env) -> Option<Source> {
    let path = options.certificate.as_ref().filter(|path| !path.as_os_str().is_empty())?;
    Some(match path.to_str() {
        Some(path) => source("--certificate", env::AZURE_CLIENT_CERTIFICATE_PATH, path, env),
        None => Source::Option("--certificate"),
    })
}

/// An id that cannot be read is a mistake of the command line, not a request that failed.
fn wrong_usage(error: azconnect_auth::Error) -> Failure {
    Failure::from(error).with_status(Status::Usage)
}

/// Where an option's value came from. The parser of the command line takes the variable in the option's place, so
/// that the two can be told apart by their values only; if these are equal, so is the outcome.
pub(super) fn source(
    option: &'static str,
    variable: &'static str,
    value: &str,
    env: &Env,
) -> Source {
    if env.get(variable) == Some(value) {
        Source::Environment(variable)
    } else {
        Source::Option(option)
    }
}

impl fmt::Display for Source {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Certificate => formatter.write_str("certificate"),
            Self::Cloud(name) => write!(formatter, "cloud {name}"),
            Self::Default => formatter.write_str("default"),
            Self::Environment(variable) => write!(formatter, "environment {variable}"),
            Self::Option(option) => formatter.write_str(option),
        }
    }
}

/// Variable of `--auth`.
pub(super) const AZCONNECT_AUTH: &str = "AZCONNECT_AUTH";
/// Variable of `--token-cache`.
pub(super) const AZCONNECT_TOKEN_CACHE: &str = "AZCONNECT_TOKEN_CACHE";
/// Variable of `--identity`.
pub(super) const AZCONNECT_IDENTITY: &str = "AZCONNECT_IDENTITY";

#[cfg(test)]
mod tests;
