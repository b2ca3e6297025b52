//! The program `azconnect-emulate`, which `azconnect emulate` runs: starts all emulators, either
//! until it is told to stop (`up`) or around another command (`run`).

use std::{
    collections::BTreeMap,
    error::Error as StdError,
    ffi::OsString,
    io::{self, IsTerminal, Write},
    path::PathBuf,
    process::{ExitCode, ExitStatus},
    str::FromStr,
};

use azconnect_emulators::{Config, Emulators, ManagedIdentityHost, PortsConfig, Service};
use clap::{Args, Parser, Subcommand};
use rustix::process::{Pid, Signal, kill_process};
use serde::Serialize;
use tokio::{
    process::{Child, Command},
    signal::unix::{SignalKind, signal},
    sync::oneshot,
};
use tracing_subscriber::EnvFilter;

/// Local stand-ins for managed identity, Entra ID, Key Vault, the data lake and Synapse.
#[derive(Parser)]
#[command(name = "azconnect-emulate", version, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Subcommands,
}

#[derive(Subcommand)]
enum Subcommands {
    Run(RunArgs),
    Up(UpArgs),
}

/// Start all emulators, run a command that finds them in its environment, and end with it.
///
/// The exit code is the command's own; signals are passed on to it.
#[derive(Args)]
#[command(after_help = "Examples:
  azconnect-emulate run -- azconnect secret get demo-secret --vault kv-demo
  azconnect-emulate run --tables tables/ -- python etl.py
  azconnect-emulate run --host arc -- python etl.py")]
struct RunArgs {
    #[command(flatten)]
    setup: SetupArgs,
    /// The command and its arguments.
    #[arg(last = true, required = true, value_name = "CMD")]
    command: Vec<OsString>,
}

/// Start all emulators, print one JSON line once they listen, and stay until stopped.
///
/// SIGINT and SIGTERM stop it, SIGUSR1 revokes all tokens issued so far. The line has the endpoints, the CA's file, the cloud file and the
/// environment that makes Azure's SDKs use them.
#[derive(Args)]
#[command(after_help = "Examples:
  azconnect-emulate up
  azconnect-emulate up --config emulators.json --tables tables/ --port entra=8443 --port imds=8080")]
struct UpArgs {
    #[command(flatten)]
    setup: SetupArgs,
    /// Stop as well once stdin is closed: with a pipe there, the emulators end with their parent.
    #[arg(long)]
    exit_with_stdin: bool,
}

#[derive(Args)]
struct SetupArgs {
    /// Who exists and what there is, as JSON; default: the demo configuration.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The folder whose Parquet files and folders are Synapse's tables.
    #[arg(long, value_name = "DIR")]
    tables: Option<PathBuf>,
    /// Where the lake keeps its files; default: below the state folder.
    #[arg(long, value_name = "DIR")]
    storage: Option<PathBuf>,
    /// Where the CA's certificate and the cloud file go; default: a temporary folder.
    #[arg(long, value_name = "DIR")]
    state_dir: Option<PathBuf>,
    /// Where the environment says that the command runs: app-service, arc, cloud-shell, imds,
    /// machine-learning or service-fabric; default: in App Service, with the address of IMDS too.
    #[arg(long, value_name = "HOST")]
    host: Option<ManagedIdentityHost>,
    /// The port of a service, any free one by default: imds, entra, key_vault, service_fabric,
    /// lake_dfs, lake_blob or synapse. May be given once for each.
    #[arg(long = "port", value_name = "SERVICE=N")]
    ports: Vec<PortArg>,
}

/// `SERVICE=N`.
#[derive(Clone, Copy)]
struct PortArg {
    field: fn(&mut PortsConfig) -> &mut u16,
    port: u16,
}

impl FromStr for PortArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (service, port) =
            text.split_once('=').ok_or("expected SERVICE=N, `entra=8443` say".to_owned())?;
        let field: fn(&mut PortsConfig) -> &mut u16 = match service {
            "imds" => |ports| &mut ports.imds,
            "entra" => |ports| &mut ports.entra,
            "key_vault" => |ports| &mut ports.key_vault,
            "service_fabric" => |ports| &mut ports.service_fabric,
            "lake_dfs" => |ports| &mut ports.lake_dfs,
            "lake_blob" => |ports| &mut ports.lake_blob,
            "synapse" => |ports| &mut ports.synapse,
            _ => {
                return Err(format!(
                    "`{service}` is none of imds, entra, key_vault, service_fabric, lake_dfs, \
                     lake_blob, synapse"
                ));
            }
        };
        let port = port.parse().map_err(|_| format!("`{port}` is no port: 0 to 65535"))?;
        Ok(Self { field, port })
    }
}

impl SetupArgs {
    fn into_config(self) -> azconnect_emulators::Result<Config> {
        let mut config = match &self.config {
            None => Config::default(),
            Some(file) => Config::from_file(file)?,
        };
        // What is given here wins over the file.
        config.tables_dir = self.tables.or(config.tables_dir);
        config.storage_dir = self.storage.or(config.storage_dir);
        config.state_dir = self.state_dir.or(config.state_dir);
        for PortArg { field, port } in self.ports {
            *field(&mut config.ports) = port;
        }
        Ok(config)
    }
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    // Around another command, its own output should be all there is to see.
    let default_level = match cli.command {
        Subcommands::Run(_) => "warn",
        Subcommands::Up(_) => "info",
    };
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| default_level.into());
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal())
        .init();
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => return report(&error, None),
    };
    let result = runtime.block_on(async {
        match cli.command {
            Subcommands::Run(args) => Box::pin(run(args)).await,
            Subcommands::Up(args) => Box::pin(up(args)).await,
        }
    });
    result.unwrap_or_else(|error| {
        let hint = error.downcast_ref().and_then(azconnect_emulators::Error::hint);
        report(error.as_ref(), hint)
    })
}

type Environment = BTreeMap<&'static str, String>;

type Outcome = Result<ExitCode, Box<dyn StdError + Send + Sync>>;

/// The one line that `up` prints on stdout.
#[derive(Serialize)]
struct Ready {
    ready: bool,
    pid: u32,
    tenant_id: String,
    endpoints: BTreeMap<&'static str, String>,
    ca_file: PathBuf,
    cloud_file: PathBuf,
    environment: Environment,
}

async fn up(args: UpArgs) -> Outcome {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut revoke = signal(SignalKind::user_defined1())?;
    let host = args.setup.host;
    let emulators = Emulators::start(args.setup.into_config()?).await?;
    let mut line = serde_json::to_vec(&ready(&emulators, host))?;
    line.push(b'\n');
    let mut stdout = io::stdout().lock();
    stdout.write_all(&line)?;
    stdout.flush()?;
    drop(stdout);

    let stdin_closed = args.exit_with_stdin.then(end_of_stdin);
    let stdin_closed = async {
        match stdin_closed {
            // A sender that is gone means the same: nobody reads stdin any more.
            Some(closed) => drop(closed.await),
            None => std::future::pending().await,
        }
    };
    let mut stdin_closed = std::pin::pin!(stdin_closed);
    loop {
        tokio::select! {
            _ = interrupt.recv() => break,
            _ = terminate.recv() => break,
            () = stdin_closed.as_mut() => break,
            _ = revoke.recv() => {
                emulators.revoke_tokens();
                tracing::info!("all tokens issued so far are revoked");
            }
        }
    }
    tracing::info!("stopping");
    report_requests(&emulators);
    // A client that keeps its connection busy must not keep us: a second signal ends at once.
    tokio::select! {
        () = emulators.stop() => {}
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    Ok(ExitCode::SUCCESS)
}

fn environment(host: Option<ManagedIdentityHost>, emulators: &Emulators) -> Environment {
    host.map_or_else(|| emulators.environment(), |host| emulators.environment_on(host))
}

/// Says how often each service was asked.
fn report_requests(emulators: &Emulators) {
    for service in Service::ALL {
        let count = emulators.requests(service);
        tracing::info!(service = service.name(), count, "requests");
    }
}

fn ready(emulators: &Emulators, host: Option<ManagedIdentityHost>) -> Ready {
    let at = emulators.endpoints();
    let mut endpoints = BTreeMap::from([
        ("imds", at.imds_url()),
        ("app_service", at.identity_endpoint()),
        ("entra", at.authority_host()),
        ("key_vault", at.key_vault_url()),
        ("arc", at.arc_endpoint()),
        ("cloud_shell", at.cloud_shell_endpoint()),
        ("machine_learning", at.machine_learning_endpoint()),
        ("service_fabric", at.service_fabric_endpoint()),
        ("lake_dfs", at.lake_dfs_url()),
        ("lake_blob", at.lake_blob_url()),
    ]);
    if let Some(server) = at.sql_server() {
        endpoints.insert("synapse", server);
    }
    Ready {
        ready: true,
        pid: std::process::id(),
        tenant_id: emulators.tenant_id().to_owned(),
        endpoints,
        ca_file: emulators.ca_file().to_owned(),
        cloud_file: emulators.cloud_file().to_owned(),
        environment: environment(host, emulators),
    }
}

/// Reads stdin to its end on a thread of its own, which blocks nobody from leaving.
fn end_of_stdin() -> oneshot::Receiver<()> {
    let (sender, receiver) = oneshot::channel();
    std::thread::spawn(move || {
        // An error on stdin is as good as its end.
        drop(io::copy(&mut io::stdin().lock(), &mut io::sink()));
        drop(sender);
    });
    receiver
}

async fn run(args: RunArgs) -> Outcome {
    let mut signals = Signals::listen()?;
    let host = args.setup.host;
    let emulators = Emulators::start(args.setup.into_config()?).await?;
    let (program, arguments) = args.command.split_first().ok_or("no command was given")?;
    let mut command = Command::new(program);
    // By variables of another host the SDKs would take the command to run somewhere else.
    for name in ManagedIdentityHost::VARIABLES {
        command.env_remove(name);
    }
    command.args(arguments).envs(environment(host, &emulators)).kill_on_drop(true);
    let mut child = match command.spawn() {
        Ok(child) => child,
        Err(error) => {
            let what = io::Error::new(error.kind(), format!("cannot run {program:?}: {error}"));
            report(&what, None);
            // As a shell says it.
            let code = if error.kind() == io::ErrorKind::NotFound { 127 } else { 126 };
            return Ok(ExitCode::from(code));
        }
    };
    let status = loop {
        tokio::select! {
            status = child.wait() => break status?,
            signal = signals.next() => pass_on(&child, signal),
        }
    };
    report_requests(&emulators);
    drop(emulators);
    Ok(exit_code(status))
}

struct Signals {
    hang_up: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
    quit: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

impl Signals {
    fn listen() -> io::Result<Self> {
        Ok(Self {
            hang_up: signal(SignalKind::hangup())?,
            interrupt: signal(SignalKind::interrupt())?,
            quit: signal(SignalKind::quit())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    async fn next(&mut self) -> Signal {
        tokio::select! {
            _ = self.hang_up.recv() => Signal::HUP,
            _ = self.interrupt.recv() => Signal::INT,
            _ = self.quit.recv() => Signal::QUIT,
            _ = self.terminate.recv() => Signal::TERM,
        }
    }
}

fn pass_on(child: &Child, signal: Signal) {
    // A terminal sends these to the command as well: it would see them twice.
    if matches!(signal, Signal::INT | Signal::QUIT) && io::stdin().is_terminal() {
        return;
    }
    let pid = child.id().and_then(|pid| i32::try_from(pid).ok()).and_then(Pid::from_raw);
    if let Some(Err(error)) = pid.map(|pid| kill_process(pid, signal)) {
        tracing::warn!(%error, "cannot pass a signal on");
    }
}

/// The command's own exit code, or 128 and the number of the signal that ended it.
fn exit_code(status: ExitStatus) -> ExitCode {
    use std::os::unix::process::ExitStatusExt;
    let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal)).unwrap_or(1);
    ExitCode::from(u8::try_from(code).unwrap_or(1))
}

fn report(error: &dyn StdError, hint: Option<&str>) -> ExitCode {
    let mut text = format!("error: {error}\n");
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(&format!("  caused by: {cause}\n"));
        source = cause.source();
    }
    if let Some(hint) = hint {
        text.push_str(&format!("\nhint: {hint}\n"));
    }
    // Nothing is left to tell it to if stderr is closed.
    drop(io::stderr().write_all(text.as_bytes()));
    ExitCode::FAILURE
}
