//! Running a tool: its arguments, its time, what it may print.

use std::{ffi::OsString, process::Stdio};

use tokio::{io::AsyncReadExt, process::Command};
use zeroize::Zeroizing;

use super::{Tool, ToolKind};
use crate::{
    cache::Wanted,
    error::{ErrorKind, Failure},
};

/// What a tool that ended has printed.
pub(super) struct Output {
    pub(super) succeeded: bool,
    /// Wiped on drop: it usually holds a token.
    pub(super) stdout: Zeroizing<Vec<u8>>,
    pub(super) stderr: Vec<u8>,
}

/// Runs the tool to its end.
pub(super) async fn run(tool: &Tool, wanted: &Wanted) -> Result<Output, Failure> {
    let mut command = Command::new(&tool.program);
    command
        .args(arguments(tool, wanted))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    // Not where the program was started: a file of the tool's name that lies there must not be run.
    #[cfg(unix)]
    command.current_dir("/");
    let mut child = command.spawn().map_err(|error| not_started(tool, error))?;
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let work = async {
        let (stdout, stderr, status) = tokio::join!(
            read(stdout, MAX_STDOUT_BYTES),
            read(stderr, MAX_STDERR_BYTES),
            child.wait()
        );
        Ok::<_, std::io::Error>(Output {
            succeeded: status?.success(),
            stdout: stdout?,
            stderr: stderr?.to_vec(),
        })
    };
    match tokio::time::timeout(tool.timeout, work).await {
        Ok(Ok(output)) => Ok(output),
        Ok(Err(error)) => {
            Err(Failure::new(ErrorKind::InvalidResponse, "cannot read what it prints")
                .source(error))
        }
        Err(_) => {
            let seconds = tool.timeout.as_secs_f64();
            let message = format!("it did not answer within {seconds} s");
            let hint = format!("see what `{}` says in a terminal", tool.kind.sign_in());
            Err(Failure::new(ErrorKind::Timeout, message).hint(hint))
        }
    }
}

/// Refuses text that the tool could take for an option, or a shell of it for something to run.
pub(super) fn check_word(what: &str, text: &str) -> Result<(), Failure> {
    let is_harmless = |character: char| character.is_alphanumeric() || " -_.:/".contains(character);
    if text.trim().is_empty() || text.starts_with('-') || !text.chars().all(is_harmless) {
        return Err(Failure::invalid_input(format!(
            "`{text}` is no {what} that a tool can be given"
        )));
    }
    Ok(())
}

fn arguments(tool: &Tool, wanted: &Wanted) -> Vec<OsString> {
    let mut arguments = Vec::new();
    let mut push = |words: &[&str]| arguments.extend(words.iter().map(OsString::from));
    let tenant_id = wanted.tenant_id.as_ref().or(tool.tenant_id.as_ref());
    match tool.kind {
        ToolKind::AzureCli => {
            push(&["account", "get-access-token", "--output", "json", "--scope", &wanted.scope]);
            if let Some(tenant) = tenant_id {
                push(&["--tenant", tenant.as_str()]);
            }
            if let Some(subscription) = &tool.subscription {
                push(&["--subscription", subscription]);
            }
        }
        ToolKind::AzureDeveloperCli => {
            push(&["auth", "token", "--output", "json", "--no-prompt", "--scope", &wanted.scope]);
            if let Some(tenant) = tenant_id {
                push(&["--tenant-id", tenant.as_str()]);
            }
        }
    }
    arguments
}

async fn read(
    stream: Option<impl tokio::io::AsyncRead + Unpin>,
    max_bytes: usize,
) -> std::io::Result<Zeroizing<Vec<u8>>> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(8 << 10));
    if let Some(mut stream) = stream {
        (&mut stream).take(max_bytes as u64).read_to_end(&mut bytes).await?;
        // The rest is read and dropped, or the tool would wait for a reader for ever.
        tokio::io::copy(&mut stream, &mut tokio::io::sink()).await?;
    }
    Ok(bytes)
}

fn not_started(tool: &Tool, error: std::io::Error) -> Failure {
    let program = tool.program.display();
    let failure = match error.kind() {
        std::io::ErrorKind::NotFound => Failure::new(
            ErrorKind::CredentialUnavailable,
            format!("the program `{program}` is not installed"),
        ),
        _ => Failure::new(
            ErrorKind::CredentialUnavailable,
            format!("the program `{program}` cannot be run"),
        ),
    };
    failure.hint("install it, or use another credential").source(error)
}

/// Far above any token.
const MAX_STDOUT_BYTES: usize = 1 << 20;
const MAX_STDERR_BYTES: usize = 16 << 10;
