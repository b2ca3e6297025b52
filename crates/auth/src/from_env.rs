//! The credential that the standard variables describe, as for the other Azure tools.

use std::sync::Arc;

use azure_core::credentials::TokenCredential;
use url::Url;

use crate::{
    chained::ChainedTokenCredential,
    client_assertion::{AssertionSource, ClientAssertionCredential},
    client_certificate::ClientCertificateCredential,
    client_secret::ClientSecretCredential,
    developer_tool::{AzureCliCredential, AzureDeveloperCliCredential},
    entra::AllowedTenants,
    env::{self, Env},
    error::{ErrorKind, Failure, Result},
    identity::Identity,
    ids::{ClientId, TenantId},
    managed_identity::ManagedIdentityCredential,
};

/// Builds the credential that `env` describes; sends nothing.
///
/// The first that applies:
/// 1. `AZURE_CLIENT_SECRET`, with `AZURE_TENANT_ID` and `AZURE_CLIENT_ID`: a client secret;
/// 2. `AZURE_CLIENT_CERTIFICATE_PATH`, with the same: a certificate in an unencrypted PEM file, which may be replaced
///    later;
/// 3. `AZURE_FEDERATED_TOKEN_FILE`, with the same: workload identity;
/// 4. the managed identity of this machine, of which `AZURE_CLIENT_ID` names one.
///
/// `AZURE_TOKEN_CREDENTIALS` narrows the choice: `EnvironmentCredential` to the first two,
/// `WorkloadIdentityCredential` and `ManagedIdentityCredential` to that one, `prod` to nothing. `AzureCliCredential`
/// and `AzureDeveloperCliCredential` mean whoever is signed in there, `dev` whichever of the two is installed.
/// `AZURE_AUTHORITY_HOST` is the authority of the first three, `AZURE_ADDITIONALLY_ALLOWED_TENANTS` holds for them.
///
/// What is chosen works or fails: no other credential is tried after it.
///
/// # Errors
/// - `InvalidInput`: a variable that the choice needs is missing or cannot be right, or the file cannot be read.
/// - `Unsupported`: `AZURE_TOKEN_CREDENTIALS` names another developer tool or an unknown credential, or the certificate
///   is a PKCS#12 file, encrypted, or not RSA.
///
/// ```no_run
/// use azconnect_auth::{Env, from_env};
///
/// # fn example() -> Result<(), azconnect_auth::Error> {
/// let credential = from_env(&Env::from_process())?;
/// # Ok(())
/// # }
/// ```
pub fn from_env(env: &Env) -> Result<Arc<dyn TokenCredential>> {
    match choose(env)? {
        Choice::Secret => client_secret(env),
        Choice::Certificate => client_certificate(env),
        Choice::WorkloadIdentity => workload_identity(env),
        Choice::ManagedIdentity => managed_identity(env),
        Choice::AzureCli => Ok(AzureCliCredential::builder().build()?),
        Choice::AzureDeveloperCli => Ok(AzureDeveloperCliCredential::builder().build()?),
        Choice::DeveloperTool => Ok(ChainedTokenCredential::new([
            ("Azure CLI", AzureCliCredential::builder().build()? as _),
            ("Azure Developer CLI", AzureDeveloperCliCredential::builder().build()? as _),
        ])?),
    }
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Choice {
    AzureCli,
    AzureDeveloperCli,
    Certificate,
    DeveloperTool,
    ManagedIdentity,
    Secret,
    WorkloadIdentity,
}

fn choose(env: &Env) -> Result<Choice> {
    let of_environment = if env.contains(env::AZURE_CLIENT_SECRET) {
        Some(Choice::Secret)
    } else if env.contains(env::AZURE_CLIENT_CERTIFICATE_PATH) {
        Some(Choice::Certificate)
    } else {
        None
    };
    let wanted = env.get(env::AZURE_TOKEN_CREDENTIALS).unwrap_or("prod");
    match wanted.to_ascii_lowercase().as_str() {
        "prod" => Ok(of_environment.unwrap_or_else(|| {
            if env.contains(env::AZURE_FEDERATED_TOKEN_FILE) {
                Choice::WorkloadIdentity
            } else {
                Choice::ManagedIdentity
            }
        })),
        "environmentcredential" => of_environment.ok_or_else(|| {
            Failure::invalid_input(
                "AZURE_TOKEN_CREDENTIALS asks for the credential of the environment, and neither \
                 AZURE_CLIENT_SECRET nor AZURE_CLIENT_CERTIFICATE_PATH is set",
            )
            .into()
        }),
        "workloadidentitycredential" => Ok(Choice::WorkloadIdentity),
        "managedidentitycredential" => Ok(Choice::ManagedIdentity),
        "azureclicredential" => Ok(Choice::AzureCli),
        "azuredeveloperclicredential" => Ok(Choice::AzureDeveloperCli),
        "dev" => Ok(Choice::DeveloperTool),
        _ => Err(Failure::new(
            ErrorKind::Unsupported,
            format!("`{wanted}` of AZURE_TOKEN_CREDENTIALS is not supported"),
        )
        .hint(
            "jobs have `prod`, EnvironmentCredential, WorkloadIdentityCredential or ManagedIdentityCredential; \
             developers `dev`, AzureCliCredential or AzureDeveloperCliCredential",
        )
        .into()),
    }
}

fn client_secret(env: &Env) -> Result<Arc<dyn TokenCredential>> {
    let (tenant_id, client_id) = application(env)?;
    let secret = env.get_secret(env::AZURE_CLIENT_SECRET).unwrap_or_default();
    let mut builder = ClientSecretCredential::builder(tenant_id, client_id, secret);
    if let Some(host) = authority_host(env)? {
        builder = builder.with_authority_host(host);
    }
    Ok(builder.with_additionally_allowed_tenants(allowed_tenants(env)?).build()?)
}

fn client_certificate(env: &Env) -> Result<Arc<dyn TokenCredential>> {
    let (tenant_id, client_id) = application(env)?;
    let path = required(env, env::AZURE_CLIENT_CERTIFICATE_PATH)?;
    let mut builder = ClientCertificateCredential::builder_from_file(tenant_id, client_id, path);
    if let Some(host) = authority_host(env)? {
        builder = builder.with_authority_host(host);
    }
    let chain = env.get(env::AZURE_CLIENT_SEND_CERTIFICATE_CHAIN);
    if chain.is_some_and(|value| value == "1" || value.eq_ignore_ascii_case("true")) {
        builder = builder.with_certificate_chain();
    }
    Ok(builder.with_additionally_allowed_tenants(allowed_tenants(env)?).build()?)
}

fn workload_identity(env: &Env) -> Result<Arc<dyn TokenCredential>> {
    let (tenant_id, client_id) = application(env)?;
    let path = required(env, env::AZURE_FEDERATED_TOKEN_FILE)?;
    let source = AssertionSource::TokenFile(path.into());
    let mut builder = ClientAssertionCredential::builder(tenant_id, client_id, source);
    if let Some(host) = authority_host(env)? {
        builder = builder.with_authority_host(host);
    }
    Ok(builder.with_additionally_allowed_tenants(allowed_tenants(env)?).build()?)
}

fn managed_identity(env: &Env) -> Result<Arc<dyn TokenCredential>> {
    let identity = match env.get(env::AZURE_CLIENT_ID) {
        Some(id) => Identity::ClientId(id.parse()?),
        None => Identity::SystemAssigned,
    };
    Ok(ManagedIdentityCredential::builder().with_env(env).with_identity(identity).build()?)
}

fn application(env: &Env) -> Result<(TenantId, ClientId)> {
    let tenant_id = required(env, env::AZURE_TENANT_ID)?.parse()?;
    Ok((tenant_id, required(env, env::AZURE_CLIENT_ID)?.parse()?))
}

fn required<'a>(env: &'a Env, name: &str) -> Result<&'a str> {
    env.get(name).ok_or_else(|| {
        Failure::invalid_input(format!("{name} is not set"))
            .hint("a proof of an application needs AZURE_TENANT_ID and AZURE_CLIENT_ID too")
            .into()
    })
}

fn authority_host(env: &Env) -> Result<Option<Url>> {
    let Some(host) = env.get(env::AZURE_AUTHORITY_HOST) else {
        return Ok(None);
    };
    // Other tools take the bare host name as well.
    let url = if host.contains("://") { host.to_owned() } else { ["https://", host].concat() };
    match Url::parse(&url) {
        Ok(url) => Ok(Some(url)),
        Err(error) => {
            Err(Failure::invalid_input(format!("`{host}` of AZURE_AUTHORITY_HOST is no URL"))
                .source(error)
                .into())
        }
    }
}

fn allowed_tenants(env: &Env) -> Result<AllowedTenants> {
    env.get(env::AZURE_ADDITIONALLY_ALLOWED_TENANTS).unwrap_or_default().parse()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TENANT: (&str, &str) = (env::AZURE_TENANT_ID, "contoso.example");
    const CLIENT: (&str, &str) = (env::AZURE_CLIENT_ID, "11111111-2222-3333-4444-555555555555");
    const SECRET: (&str, &str) = (env::AZURE_CLIENT_SECRET, "canary-4711");
    // Tests run in the folder of their package, wherever it lies.
    const PEM: (&str, &str) = (env::AZURE_CLIENT_CERTIFICATE_PATH, "tests/fixtures/leaf.pem");
    const TOKEN_FILE: (&str, &str) = (env::AZURE_FEDERATED_TOKEN_FILE, "/var/token");

    fn env_of(variables: &[(&str, &str)]) -> Env {
        variables.iter().copied().collect()
    }

    #[test]
    fn the_first_that_applies_is_chosen_and_the_variable_narrows_it() {
        let only = |name| (env::AZURE_TOKEN_CREDENTIALS, name);
        for (variables, choice) in [
            (vec![], Choice::ManagedIdentity),
            (vec![CLIENT], Choice::ManagedIdentity),
            (vec![TOKEN_FILE], Choice::WorkloadIdentity),
            (vec![TOKEN_FILE, PEM], Choice::Certificate),
            (vec![TOKEN_FILE, PEM, SECRET], Choice::Secret),
            (vec![SECRET, only("prod")], Choice::Secret),
            (vec![SECRET, only("ManagedIdentityCredential")], Choice::ManagedIdentity),
            (vec![SECRET, only("workloadidentitycredential")], Choice::WorkloadIdentity),
            (vec![TOKEN_FILE, PEM, only("EnvironmentCredential")], Choice::Certificate),
            (vec![SECRET, only("AzureCliCredential")], Choice::AzureCli),
            (vec![only("azuredeveloperclicredential")], Choice::AzureDeveloperCli),
            (vec![SECRET, only("DEV")], Choice::DeveloperTool),
        ] {
            assert_eq!(choose(&env_of(&variables)).unwrap(), choice, "{variables:?}");
        }
        let error = choose(&env_of(&[TOKEN_FILE, only("EnvironmentCredential")])).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        for name in ["InteractiveBrowserCredential", "else"] {
            let error = choose(&env_of(&[only(name)])).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Unsupported);
            assert!(error.to_string().contains(name), "{error}");
        }
    }

    #[test]
    fn what_is_configured_by_half_is_an_error_and_never_another_credential() {
        for (variables, missing) in [
            (vec![SECRET], env::AZURE_TENANT_ID),
            (vec![SECRET, TENANT], env::AZURE_CLIENT_ID),
            (vec![TOKEN_FILE, CLIENT], env::AZURE_TENANT_ID),
            (
                vec![(env::AZURE_TOKEN_CREDENTIALS, "WorkloadIdentityCredential"), TENANT, CLIENT],
                env::AZURE_FEDERATED_TOKEN_FILE,
            ),
            (
                vec![TENANT, CLIENT, (env::AZURE_CLIENT_CERTIFICATE_PATH, "/no/such.pem")],
                "/no/such.pem",
            ),
            (
                vec![TENANT, CLIENT, SECRET, (env::AZURE_AUTHORITY_HOST, "::")],
                env::AZURE_AUTHORITY_HOST,
            ),
        ] {
            let error = from_env(&env_of(&variables)).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
            let shown = error.to_string();
            assert!(shown.contains(missing) && !shown.contains("canary"), "{shown}");
        }
    }

    #[test]
    fn each_choice_is_built_with_its_authority() {
        let host = (env::AZURE_AUTHORITY_HOST, "login.microsoftonline.us");
        for variables in [vec![SECRET], vec![TOKEN_FILE]] {
            let variables = [variables, vec![TENANT, CLIENT, host]].concat();
            let shown = format!("{:?}", from_env(&env_of(&variables)).unwrap());
            assert!(shown.contains("contoso.example") && !shown.contains("canary"), "{shown}");
        }
        let identity = format!("{:?}", from_env(&env_of(&[CLIENT])).unwrap());
        assert!(identity.contains(CLIENT.1), "{identity}");
        // A certificate without its key, and one that is not PEM.
        let error = from_env(&env_of(&[TENANT, CLIENT, PEM])).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(error.to_string().contains("no private key"), "{error}");
        let other = (env::AZURE_CLIENT_CERTIFICATE_PATH, "Cargo.toml");
        let error = from_env(&env_of(&[TENANT, CLIENT, other])).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
    }
}
