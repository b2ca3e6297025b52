//! `azconnect secret set`.

use std::{
    io::{self, IsTerminal as _},
    path::{Path, PathBuf},
};

use azconnect_keyvault::{ErrorKind, SetSecret};
use clap::Args;
use secrecy::SecretString;
use zeroize::{Zeroize as _, Zeroizing};

use crate::{
    commands::secret::{
        options::{Patience, SecretArg},
        properties::PropertyOptions,
        record::PropertiesRecord,
    },
    context::Context,
    failure::Failure,
    input,
};

/// Arguments of `secret set`.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(super) struct SetArgs {
    #[command(flatten)]
    secret: SecretArg,

    /// File that holds the value; default: stdin
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,

    /// Keep a line feed at the end of the value, which is left out otherwise
    #[arg(long)]
    keep_newline: bool,

    /// Keep the value from being read until `secret update --enable`
    #[arg(long)]
    disabled: bool,

    #[command(flatten)]
    properties: PropertyOptions,

    /// Recover the secret first if it was deleted
    #[arg(long)]
    recover_deleted: bool,

    #[command(flatten)]
    patience: Patience,
}

/// Runs `secret set`.
pub(super) async fn run(args: SetArgs, context: &Context) -> Result<(), Failure> {
    let target = args.secret.whole()?;
    let client = args.patience.client(&target.vault, context)?;
    let mut properties = args.properties.update();
    if args.disabled {
        properties = properties.with_enabled(false);
    }
    let secret = SetSecret::new(args.value()?).with_properties(properties);
    let set = match client.set_secret(&target.name, secret.clone()).await {
        Err(error) if error.kind() == ErrorKind::Deleted && args.recover_deleted => {
            client.recover_secret(&target.name).await?;
            client.set_secret(&target.name, secret).await?
        }
        Err(error) if error.kind() == ErrorKind::Deleted => {
            let hint = "recover the deleted secret with `--recover-deleted`, or purge it with \
                        `azconnect secret purge`";
            return Err(Failure::from(error).with_hint(hint));
        }
        outcome => outcome?,
    };
    PropertiesRecord::from(set).print(context.printer())
}

impl SetArgs {
    fn value(&self) -> Result<SecretString, Failure> {
        let file = self.file.as_deref().filter(|file| *file != Path::new("-"));
        if file.is_none() && io::stdin().is_terminal() {
            return Err(Failure::usage("what is the value of the secret?")
                .with_hint("pipe it in, or give a file with `--file`"));
        }
        to_value(input::read(file, MAX_BYTES as u64)?, self.keep_newline)
    }
}

fn to_value(mut bytes: Zeroizing<Vec<u8>>, keep_newline: bool) -> Result<SecretString, Failure> {
    if bytes.len() > MAX_BYTES {
        return Err(Failure::new("the value is longer than 25 KiB, which no vault takes"));
    }
    if !keep_newline && bytes.ends_with(b"\n") {
        bytes.pop();
        if bytes.ends_with(b"\r") {
            bytes.pop();
        }
    }
    if bytes.is_empty() {
        return Err(Failure::new("the value is empty")
            .with_hint("see whether the command that was to write it has failed"));
    }
    match String::from_utf8(std::mem::take(&mut *bytes)) {
        Ok(value) => Ok(SecretString::from(value)),
        Err(error) => {
            error.into_bytes().zeroize();
            Err(Failure::new("the value is not UTF-8, which no vault takes")
                .with_hint("store it as base64: `base64 -w0 FILE | azconnect secret set …`"))
        }
    }
}

/// Spec: <https://learn.microsoft.com/azure/key-vault/secrets/about-secrets>
const MAX_BYTES: usize = 25 * 1024;

const EXAMPLES: &str = "\
The value comes from stdin or a file, since every user of a machine can read its command lines. One line feed at its
end is left out, as `echo` and editors write it.

Examples:
  azconnect secret set db-password --vault kv-demo < password.txt
  openssl rand -base64 32 | azconnect secret set akv://kv-demo/db-password --expires 90d --tag team=data
  azconnect secret set db-password --vault kv-demo --file password.txt --recover-deleted";

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    fn value(bytes: &[u8], keep_newline: bool) -> Result<String, String> {
        let value = to_value(Zeroizing::new(bytes.to_vec()), keep_newline);
        value.map(|value| value.expose_secret().to_owned()).map_err(|error| error.to_string())
    }

    #[test]
    fn one_line_feed_at_the_end_is_left_out() {
        for (bytes, plain, kept) in [
            ("a\n", "a", "a\n"),
            ("a\r\n", "a", "a\r\n"),
            ("a\n\n", "a\n", "a\n\n"),
            ("a\nb", "a\nb", "a\nb"),
        ] {
            assert_eq!(value(bytes.as_bytes(), false).unwrap(), plain);
            assert_eq!(value(bytes.as_bytes(), true).unwrap(), kept);
        }
    }

    #[test]
    fn what_no_vault_takes_is_refused_without_quoting_it() {
        let long = vec![b'a'; MAX_BYTES + 1];
        for (bytes, why) in
            [(&b""[..], "empty"), (b"\n", "empty"), (b"hunter2\xff", "UTF-8"), (&long, "25 KiB")]
        {
            let error = value(bytes, false).unwrap_err();
            assert!(error.contains(why) && !error.contains("hunter2"), "{error}");
        }
    }
}
