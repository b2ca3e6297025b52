//! `azconnect secret exec`: runs a program that finds secrets in its environment, and nowhere else.

mod child;
mod env_file;
#[cfg(unix)]
mod forward;
mod masker;
mod pump;
mod variables;

use std::{
    ffi::OsString,
    io::{self, Write},
    path::PathBuf,
    process::Command,
    sync::Arc,
};

use clap::Args;
use secrecy::{ExposeSecret, SecretString};

use crate::{
    commands::secret::{options::Patience, resolve::resolve},
    context::Context,
    failure::Failure,
};

use self::{
    masker::{MIN_BYTES, Patterns},
    variables::Value,
};

/// Arguments of `secret exec`.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(super) struct ExecArgs {
    /// Set a variable to the secret of a reference: `akv://VAULT/SECRET[/VERSION]`, the https id of a secret, or
    /// `@Microsoft.KeyVault(…)`
    #[arg(long = "env", value_name = "NAME=REFERENCE")]
    variables: Vec<String>,

    /// Set the variables of a file of lines `NAME=VALUE`; values that are references are resolved, others are
    /// passed on as they are, and nothing is substituted
    #[arg(long = "env-file", value_name = "FILE")]
    env_files: Vec<PathBuf>,

    /// Resolve every variable of the environment whose value is a reference, as App Service does
    #[arg(long)]
    from_env: bool,

    /// Pass the program's output on as it is, with the secrets that it prints: for programs that need a terminal
    #[arg(long)]
    no_masking: bool,

    #[command(flatten)]
    patience: Patience,

    /// The program to run, and its arguments
    #[arg(last = true, required = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

/// Runs `secret exec`.
pub(super) async fn run(args: ExecArgs, context: &Context) -> Result<(), Failure> {
    if args.variables.is_empty() && args.env_files.is_empty() && !args.from_env {
        return Err(Failure::usage("which secrets is the program to find?")
            .with_hint("add `--env NAME=akv://VAULT/SECRET`, `--env-file FILE` or `--from-env`"));
    }
    let Some((program, arguments)) = args.command.split_first() else {
        return Err(Failure::usage("no command is given"));
    };
    let environment = Environment::read(&args, context).await?;
    let mut command = Command::new(program);
    command.args(arguments);
    // The child's alone: this process's own environment stays as it is.
    command.envs(environment.variables.iter().map(|(name, value)| (name, value.expose_secret())));
    if args.no_masking {
        return Err(child::replace(command, context));
    }
    environment.warn_of_short_secrets();
    let secrets = environment.secrets();
    let patterns = Patterns::of(secrets.map(|(_, value)| value.expose_secret()))
        .map_err(|error| Failure::from_error("cannot mask so many secrets", &error))?;
    child::run(command, Arc::new(patterns), context).await
}

/// What the program finds beside the variables that it inherits.
struct Environment {
    variables: Vec<(String, SecretString)>,
    /// Which of them are secrets, by index.
    secrets: Vec<usize>,
}

impl Environment {
    async fn read(args: &ExecArgs, context: &Context) -> Result<Self, Failure> {
        let found = variables::collect(args, context)?;
        let wanted: Vec<_> = found.values().filter_map(|value| value.wanted().cloned()).collect();
        let mut values = resolve(&wanted, &args.patience, context).await?.into_iter();
        let (mut variables, mut secrets) = (Vec::new(), Vec::new());
        for (name, value) in found {
            let value = match value {
                Value::Plain(value) => value,
                Value::Reference(_) => {
                    secrets.push(variables.len());
                    let value = values.next().map(SecretString::from);
                    value.ok_or_else(|| Failure::new(format!("`{name}` was not resolved")))?
                }
            };
            if value.expose_secret().contains('\0') {
                return Err(Failure::new(format!(
                    "the value of variable `{name}` contains a NUL, which no variable can hold"
                ))
                .with_hint("store such a secret as base64, or use `azconnect secret get`"));
            }
            variables.push((name, value));
        }
        Ok(Self { variables, secrets })
    }

    fn secrets(&self) -> impl Iterator<Item = &(String, SecretString)> {
        self.secrets.iter().filter_map(|index| self.variables.get(*index))
    }

    fn warn_of_short_secrets(&self) {
        let short = |value: &SecretString| (1..MIN_BYTES).contains(&value.expose_secret().len());
        for (name, _) in self.secrets().filter(|(_, value)| short(value)) {
            // Without a stderr there is nobody to warn.
            let _ = writeln!(
                io::stderr(),
                "warning: the secret of variable `{name}` is not masked, for it has fewer than {MIN_BYTES} bytes"
            );
        }
    }
}

const EXAMPLES: &str = "\
The secrets are in the program's environment alone: on no disk and no command line. Of two values for one variable,
`--env` wins over `--env-file`, a later file over an earlier one, and both over the variable that is inherited. All
secrets are read before the program starts; if one cannot be, it does not start.

What the program prints is masked: `***` stands for a secret, its lines, and its forms in base64, JSON and URLs. Output
is passed on at once, apart from what may be the beginning of a secret. The program does not see a terminal then; give
`--no-masking` to those that need one. Secrets of fewer than 4 bytes, and other values, are not masked.

Signals are handed on, and the exit status is the program's own, or 128 + the number of the signal that ended it. If
the program succeeds and its output cannot be passed on, as on a full disk, the status is 1. When the program has
ended, programs that it left behind cannot write to its output any more.

Examples:
  One secret:
    azconnect secret exec --env DB_PASSWORD=akv://kv-demo/db-password -- python job.py

  A file that may be checked in, for it holds references only:
    azconnect secret exec --env-file job.env -- python job.py

  The settings of an App Service, such as DB_PASSWORD='@Microsoft.KeyVault(VaultName=kv-demo;SecretName=db-password)':
    azconnect secret exec --from-env -- python job.py

  A shell:
    azconnect secret exec --env DB_PASSWORD=akv://kv-demo/db-password --no-masking -- bash";
