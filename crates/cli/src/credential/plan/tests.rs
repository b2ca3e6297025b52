//! The order of precedence, as a table.

use clap::Parser;

use super::*;
use crate::cli::Cli;

const TENANT: &str = "contoso.example";
const CLIENT: &str = "11111111-2222-3333-4444-555555555555";
const IDENTITY: &str = "66666666-7777-8888-9999-000000000000";

/// The options of a command line in this environment, merged as the parser merges them.
fn options(arguments: &[&str], variables: &[(&'static str, &str)]) -> (CredentialOptions, Env) {
    let env = Env::from_iter(variables.iter().copied());
    let mut line = vec!["azconnect", "auth", "describe"];
    line.extend_from_slice(arguments);
    // The parser reads the environment of the process, which this test does not change.
    let mut options = Cli::try_parse_from(line).unwrap().global.credential;
    let fill = |field: &mut Option<String>, name: &str| {
        if field.is_none() {
            *field = env.get(name).map(str::to_owned);
        }
    };
    fill(&mut options.identity, AZCONNECT_IDENTITY);
    fill(&mut options.tenant_id, env::AZURE_TENANT_ID);
    fill(&mut options.client_id, env::AZURE_CLIENT_ID);
    if options.certificate.is_none() {
        options.certificate = env.get(env::AZURE_CLIENT_CERTIFICATE_PATH).map(PathBuf::from);
    }
    (options, env)
}

fn plans(arguments: &[&str], variables: &[(&'static str, &str)]) -> Result<Vec<Plan>, Failure> {
    let (options, env) = options(arguments, variables);
    Plan::make(&options, &env)
}

fn plan(arguments: &[&str], variables: &[(&'static str, &str)]) -> Result<Plan, Failure> {
    let [plan] = plans(arguments, variables)?.try_into().unwrap();
    Ok(plan)
}

const APP: [(&str, &str); 2] = [(env::AZURE_TENANT_ID, TENANT), (env::AZURE_CLIENT_ID, CLIENT)];
const SECRET: (&str, &str) = (env::AZURE_CLIENT_SECRET, "canary-4711");
const CERTIFICATE: (&str, &str) = (env::AZURE_CLIENT_CERTIFICATE_PATH, "app.pem");
const TOKEN_FILE: (&str, &str) = (env::AZURE_FEDERATED_TOKEN_FILE, "token");
const NAMED: (&str, &str) = (AZCONNECT_IDENTITY, IDENTITY);

fn only(name: &'static str) -> (&'static str, &'static str) {
    (env::AZURE_TOKEN_CREDENTIALS, name)
}

#[test]
fn the_first_that_applies_is_chosen_and_says_why() {
    let [tenant, client] = APP;
    for (arguments, variables, method, reason) in [
        (
            &["--auth", "federated-identity", "--identity", IDENTITY][..],
            vec![tenant, client],
            AuthMethod::FederatedIdentity,
            "--auth says so",
        ),
        (
            &[],
            vec![tenant, client, TOKEN_FILE],
            AuthMethod::WorkloadIdentity,
            "environment AZURE_FEDERATED_TOKEN_FILE is given",
        ),
        (
            &["--identity", IDENTITY],
            vec![tenant, client, TOKEN_FILE],
            AuthMethod::ManagedIdentity,
            "--identity is given",
        ),
        (
            &[],
            vec![],
            AuthMethod::ManagedIdentity,
            "neither a certificate nor a client secret is given",
        ),
        (
            &[],
            vec![client],
            AuthMethod::ManagedIdentity,
            "neither a certificate nor a client secret is given",
        ),
        (
            &[],
            vec![tenant, client, CERTIFICATE],
            AuthMethod::Certificate,
            "environment AZURE_CLIENT_CERTIFICATE_PATH is given",
        ),
        (
            &[],
            vec![tenant, client, CERTIFICATE, SECRET],
            AuthMethod::Secret,
            "environment AZURE_CLIENT_SECRET is given",
        ),
        (
            &[],
            vec![tenant, client, SECRET, NAMED],
            AuthMethod::ManagedIdentity,
            "environment AZCONNECT_IDENTITY is given",
        ),
        (
            &["--certificate", "x.pem"],
            vec![tenant, client, SECRET, NAMED],
            AuthMethod::Certificate,
            "--certificate is given",
        ),
        (
            &["--batch-certificate", "AB"],
            vec![tenant, client, SECRET],
            AuthMethod::Certificate,
            "--batch-certificate is given",
        ),
        (
            &["--identity", "system"],
            vec![tenant, client, CERTIFICATE],
            AuthMethod::ManagedIdentity,
            "--identity is given",
        ),
        (
            &[],
            vec![tenant, client, SECRET, only("ManagedIdentityCredential")],
            AuthMethod::ManagedIdentity,
            "environment AZURE_TOKEN_CREDENTIALS says so",
        ),
        (
            &[],
            vec![tenant, client, CERTIFICATE, only("environmentcredential")],
            AuthMethod::Certificate,
            "environment AZURE_TOKEN_CREDENTIALS says so",
        ),
        (
            &[],
            vec![tenant, client, SECRET, only("prod")],
            AuthMethod::Secret,
            "environment AZURE_CLIENT_SECRET is given",
        ),
        (
            &["--certificate", "x.pem"],
            vec![tenant, client, only("AzureCliCredential")],
            AuthMethod::Certificate,
            "--certificate is given",
        ),
        (
            &["--auth", "azure-cli"],
            vec![SECRET, only("ManagedIdentityCredential")],
            AuthMethod::AzureCli,
            "--auth says so",
        ),
        (
            &["--auth", "certificate"],
            vec![tenant, client, SECRET, CERTIFICATE],
            AuthMethod::Certificate,
            "--auth says so",
        ),
    ] {
        let plan = plan(arguments, &variables).unwrap();
        assert_eq!(
            (plan.method, plan.reason.as_str()),
            (method, reason),
            "{arguments:?} {variables:?}"
        );
    }
}

#[test]
fn several_methods_make_a_chain_in_their_order() {
    let methods = |arguments: &[&str], variables: &[(&'static str, &str)]| {
        let plans = plans(arguments, variables).unwrap();
        plans.into_iter().map(|plan| plan.method).collect::<Vec<_>>()
    };
    assert_eq!(
        methods(&["--auth", "managed-identity,azure-cli"], &[NAMED]),
        [AuthMethod::ManagedIdentity, AuthMethod::AzureCli]
    );
    assert_eq!(methods(&[], &[only("dev")]), [AuthMethod::AzureCli, AuthMethod::AzureDeveloperCli]);
    // Half of a setting is wrong in the second place too.
    assert!(plans(&["--auth", "managed-identity,secret"], &[]).is_err());
}

#[test]
fn the_client_id_means_an_app_or_an_identity() {
    let identity = |plan: Plan| match plan.proof {
        Proof::ManagedIdentity { identity } => identity.to_string(),
        other => panic!("{other:?}"),
    };
    let [tenant, client] = APP;
    assert_eq!(identity(plan(&[], &[client]).unwrap()), format!("client:{CLIENT}"));
    let managed = ["--auth", "managed-identity"];
    // Here it is the app's.
    assert_eq!(identity(plan(&managed, &[tenant, client, SECRET]).unwrap()), "system");
    assert_eq!(identity(plan(&managed, &[tenant, client, CERTIFICATE]).unwrap()), "system");
    assert_eq!(identity(plan(&[], &[client, NAMED]).unwrap()), format!("client:{IDENTITY}"));
}

#[test]
fn what_is_half_configured_is_wrong_usage_and_not_another_credential() {
    for (arguments, variables, part) in [
        (&[][..], vec![SECRET], "tenant id"),
        (&[], vec![SECRET, APP[0]], "client id"),
        (&[], vec![CERTIFICATE, APP[1]], "tenant id"),
        (&["--auth", "certificate"], APP.to_vec(), "no certificate"),
        (&["--certificate", "x", "--identity", "system"], vec![], "different credentials"),
        (&[], vec![only("EnvironmentCredential"), APP[0], APP[1]], "no certificate"),
        (&[], vec![only("VisualStudioCodeCredential")], "VisualStudioCodeCredential"),
    ] {
        let failure = plan(arguments, &variables).unwrap_err();
        assert!(failure.to_string().contains(part), "{failure}");
    }
}

#[test]
fn settings_tell_their_source_and_no_secret() {
    let plan = plan(&["--client-id", IDENTITY], &[APP[0], APP[1], SECRET]).unwrap();
    let settings = plan
        .settings
        .iter()
        .map(|setting| (setting.name, setting.value.as_str(), setting.source.to_string()))
        .collect::<Vec<_>>();
    assert_eq!(
        settings,
        [
            ("tenant id", TENANT, "environment AZURE_TENANT_ID".to_owned()),
            ("client id", IDENTITY, "--client-id".to_owned()),
            ("client secret", "set", "environment AZURE_CLIENT_SECRET".to_owned()),
        ]
    );
    assert!(!format!("{plan:?}").contains("canary"));
}
