//! `azconnect secret inject`: a template with references becomes a text with secrets.

mod template;

use std::path::PathBuf;

use clap::Args;

use self::template::Template;
use crate::{
    commands::secret::{options::Patience, resolve::resolve},
    context::Context,
    failure::Failure,
    input,
    new_file::{Access, NewFile, exists},
};

/// Arguments of `secret inject`.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(super) struct InjectArgs {
    /// The template; default: stdin
    #[arg(long, value_name = "FILE")]
    in_file: Option<PathBuf>,

    /// File to write, readable by its owner alone; default: stdout
    #[arg(long, value_name = "FILE")]
    out_file: Option<PathBuf>,

    /// Write over a file that is there
    #[arg(long, requires = "out_file")]
    force: bool,

    #[command(flatten)]
    patience: Patience,
}

/// Runs `secret inject`.
pub(super) async fn run(args: InjectArgs, context: &Context) -> Result<(), Failure> {
    if let Some(path) = args.out_file.as_deref().filter(|path| path.exists() && !args.force) {
        return Err(exists(path));
    }
    let name = args.in_file.as_ref().map_or("stdin".to_owned(), |path| path.display().to_string());
    let text = input::read(args.in_file.as_deref(), MAX_BYTES)?;
    if text.len() as u64 > MAX_BYTES {
        let name = if args.in_file.is_some() { format!("`{name}`") } else { name };
        return Err(Failure::new(format!("{name} is longer than {} MiB", MAX_BYTES >> 20))
            .with_hint("give a template: references with some text around them"));
    }
    let template = Template::parse(&text, &name, context.cloud()?)?;
    // Nothing is written before everything is known.
    let values = resolve(template.wanted(), &args.patience, context).await?;
    let rendered = template.render(&values);
    match &args.out_file {
        None => context.printer().raw(&rendered),
        Some(path) => NewFile::create(path, &rendered, Access::Owner)?.publish(args.force),
    }
}

/// A template is a configuration file; what is longer was given by mistake.
const MAX_BYTES: u64 = 64 << 20;

const EXAMPLES: &str = "\
A reference in double braces becomes the value of its secret; all else stays as it is, byte for byte, other
expressions in double braces included. A filter behind a bar writes the value for its place:

  {{ akv://VAULT/SECRET }}                the value
  {{ akv://VAULT/SECRET/VERSION }}        one version of it
  {{ https://VAULT.vault.azure.net/secrets/SECRET | json }}      as the inside of a JSON string
  {{ akv://VAULT/SECRET | base64 }}       as base64
  {{ akv://VAULT/SECRET | urlencode }}    percent-encoded, as in URLs and connection strings

Examples:
  echo 'password = {{ akv://kv-demo/db-password }}' | azconnect secret inject
  azconnect secret inject --in-file app.json.tmpl --out-file app.json --force

A file with secrets stays on the disk: `azconnect secret exec` needs none.";
