//! `azconnect cert crt`: the certificate without its key, to be uploaded.

use std::path::PathBuf;

use clap::Args;

use crate::{
    commands::cert::{leaf, source::SourceArgs},
    context::Context,
    failure::Failure,
    new_file::{Access, NewFile},
};

/// Arguments of `cert crt`.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(super) struct CrtArgs {
    #[command(flatten)]
    source: SourceArgs,

    /// Write DER in place of PEM text, as `.cer` files of Windows are
    #[arg(long)]
    der: bool,

    /// Write to this file in place of stdout
    #[arg(long, value_name = "FILE")]
    output_file: Option<PathBuf>,

    /// Write over a file that exists
    #[arg(long, requires = "output_file")]
    force: bool,
}

/// Runs `cert crt`.
pub(super) fn run(args: &CrtArgs, context: &Context) -> Result<(), Failure> {
    let contents = args.source.find(context)?.read()?;
    let leaf = leaf(&contents)?;
    let bytes = if args.der { leaf.to_der()? } else { leaf.to_pem()?.into_bytes() };
    match &args.output_file {
        Some(path) => NewFile::create(path, &bytes, Access::Everyone)?.publish(args.force),
        None if args.der && context.printer().is_terminal() => {
            Err(Failure::usage("DER is no text for a terminal")
                .with_hint("give `--output-file FILE`, or leave out `--der`"))
        }
        None => context.printer().raw(&bytes),
    }
}

const EXAMPLES: &str = "\
An app registration takes the result as .cer, .crt or .pem, whichever of the two forms it has.

Examples:
  azconnect cert crt service-principal.pfx --output-file service-principal.crt
  azconnect cert crt --batch $CERT_THUMBPRINT --der --output-file node.cer";
