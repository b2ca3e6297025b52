//! The credentials against programs that print what the tools print.

use std::{fs, os::unix::fs::PermissionsExt, path::Path};

use super::*;
use crate::{Error, ErrorKind, clock::testing::TestClock};

const SCOPE: &str = "https://vault.azure.net/.default";

/// A program that keeps its arguments and does what a shell script says.
struct FakeTool(PathBuf);

impl FakeTool {
    fn new(script: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("tool-{}", uuid::Uuid::new_v4()));
        fs::create_dir(&folder).unwrap();
        let tool = Self(folder);
        let text = format!("#!/bin/sh\necho \"$@\" >> '{}'\n{script}\n", tool.log().display());
        fs::write(tool.program(), text).unwrap();
        fs::set_permissions(tool.program(), fs::Permissions::from_mode(0o700)).unwrap();
        tool
    }

    fn program(&self) -> PathBuf {
        self.0.join("az")
    }

    fn log(&self) -> PathBuf {
        self.0.join("log")
    }

    fn runs(&self) -> Vec<String> {
        fs::read_to_string(self.log()).unwrap_or_default().lines().map(str::to_owned).collect()
    }
}

impl Drop for FakeTool {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn azure_cli(program: &Path) -> Arc<AzureCliCredential> {
    AzureCliCredential::builder()
        .with_program(program)
        .with_clock(Arc::new(TestClock::default()))
        .build()
        .unwrap()
}

async fn token(credential: &dyn TokenCredential) -> Result<AccessToken, Error> {
    loop {
        match credential.get_token(&[SCOPE], None).await {
            Ok(token) => return Ok(token),
            Err(error) => match error.downcast_ref::<Error>() {
                Some(ours) if is_busy(ours) => {}
                ours => return Err(ours.unwrap().clone()),
            },
        }
    }
}

/// A process that another test starts while a script is written holds that open until it runs its own program, and
/// what is open for writing cannot be run.
fn is_busy(error: &Error) -> bool {
    let source =
        std::error::Error::source(error).and_then(|source| source.downcast_ref::<std::io::Error>());
    source.is_some_and(|source| source.kind() == std::io::ErrorKind::ExecutableFileBusy)
}

#[tokio::test]
async fn the_azure_cli_is_asked_once_as_documented() {
    // The form that version 2.54 and later print.
    let tool = FakeTool::new(
        r#"echo '{"accessToken": "t", "expiresOn": "2023-11-14 23:13:20.000000", "expires_on": 1700003600, "subscription": "s", "tenant": "t", "tokenType": "Bearer"}'"#,
    );
    let credential = AzureCliCredential::builder()
        .with_program(tool.program())
        .with_subscription("My Subscription")
        .with_tenant_id("contoso.com".parse().unwrap())
        .with_clock(Arc::new(TestClock::default()))
        .build()
        .unwrap();
    for _ in 0..2 {
        let token = token(&*credential).await.unwrap();
        assert_eq!((token.token.secret(), token.expires_on.unix_timestamp()), ("t", 1_700_003_600));
    }
    assert_eq!(
        tool.runs(),
        [format!(
            "account get-access-token --output json --scope {SCOPE} --tenant contoso.com --subscription My Subscription"
        )]
    );
}

#[tokio::test]
async fn the_azure_developer_cli_is_asked_as_documented() {
    let tool = FakeTool::new(r#"echo '{"token": "t", "expiresOn": "2023-11-14T23:13:20Z"}'"#);
    let credential = AzureDeveloperCliCredential::builder()
        .with_program(tool.program())
        .with_clock(Arc::new(TestClock::default()))
        .build()
        .unwrap();
    let token = token(&*credential).await.unwrap();
    assert_eq!((token.token.secret(), token.expires_on.unix_timestamp()), ("t", 1_700_003_600));
    assert_eq!(tool.runs(), [format!("auth token --output json --no-prompt --scope {SCOPE}")]);
}

#[tokio::test]
async fn where_there_is_no_tool_or_nobody_is_signed_in_the_credential_is_absent() {
    let missing = token(&*azure_cli(Path::new("/no/such/az"))).await.unwrap_err();
    assert!(
        missing.is_credential_absent() && missing.to_string().contains("not installed"),
        "{missing}"
    );
    let tool = FakeTool::new("echo \"ERROR: Please run 'az login' to setup account.\" >&2; exit 1");
    let signed_out = token(&*azure_cli(&tool.program())).await.unwrap_err();
    assert_eq!(signed_out.kind(), ErrorKind::CredentialUnavailable);
    assert!(signed_out.to_string().contains("Please run 'az login'"), "{signed_out}");
    assert_eq!(signed_out.hint(), Some("sign in by `az login`"));
}

#[tokio::test]
async fn a_tool_that_fails_otherwise_is_an_error_that_ends_a_chain() {
    let refused = "ERROR: AADSTS70043: The refresh token has expired. Run: az login";
    for (script, kind, part) in [
        (format!("echo '{refused}' >&2; exit 1"), ErrorKind::Unauthenticated, "AADSTS70043"),
        ("exit 3".to_owned(), ErrorKind::Unauthenticated, "said nothing"),
        ("echo canary-4711".to_owned(), ErrorKind::InvalidResponse, "not the JSON"),
        ("echo '{}'".to_owned(), ErrorKind::InvalidResponse, "without a token"),
        (
            r#"echo '{"accessToken": "canary-4711", "expiresOn": "2023-11-14 23:13:20.000000"}'"#
                .to_owned(),
            ErrorKind::InvalidResponse,
            "when the token expires",
        ),
        (
            r#"echo '{"accessToken": "canary-4711", "expires_on": 1600000000}'"#.to_owned(),
            ErrorKind::InvalidResponse,
            "has expired",
        ),
    ] {
        let tool = FakeTool::new(&script);
        let error = token(&*azure_cli(&tool.program())).await.unwrap_err();
        let text = error.to_string();
        assert_eq!((error.kind(), error.is_credential_absent()), (kind, false), "{text}");
        assert!(text.contains(part) && !format!("{text}{error:?}").contains("canary"), "{text}");
    }
}

#[tokio::test]
async fn a_tool_that_hangs_is_stopped() {
    let tool = FakeTool::new("exec sleep 600");
    let credential = AzureCliCredential::builder()
        .with_program(tool.program())
        .with_timeout(Duration::from_millis(200))
        .build()
        .unwrap();
    assert_eq!(token(&*credential).await.unwrap_err().kind(), ErrorKind::Timeout);
}

#[tokio::test]
async fn a_flood_of_output_is_cut_and_the_tool_ends() {
    let tool = FakeTool::new("head -c 5000000 /dev/zero; head -c 5000000 /dev/zero >&2; exit 1");
    let error = token(&*azure_cli(&tool.program())).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unauthenticated);
    assert!(error.to_string().len() < 1000);
}

#[tokio::test]
async fn what_could_be_an_option_or_a_command_reaches_no_tool() {
    let tool = FakeTool::new("echo '{}'");
    let credential = azure_cli(&tool.program());
    for scope in ["--help", "", "https://a/.default; rm -rf /", "$(id)", "a\nb"] {
        let error = credential.get_token(&[scope], None).await.unwrap_err();
        let error = error.downcast_ref::<Error>().unwrap();
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{scope}");
    }
    assert!(tool.runs().is_empty());
    let subscription = AzureCliCredential::builder().with_subscription("-s");
    assert!(subscription.build().is_err());
}
