//! Which server, which database, and who logs in: for the commands that run SQL.

use std::{fs, path::PathBuf};

use azconnect_synapse::{Login, SynapseClient};
use clap::{Args, ValueEnum};
use secrecy::{ExposeSecret, SecretString};
use zeroize::Zeroizing;

use crate::{clients, context::Context, failure::Failure};

/// The password of `--user`.
const PASSWORD: &str = "AZCONNECT_SQL_PASSWORD";
/// How scripts around ODBC drivers often name server and database.
const OTHER_SERVER: &str = "MSSQL_HOST";
const OTHER_DATABASE: &str = "MSSQL_DB";

/// The connection.
#[derive(Args, Debug)]
pub(crate) struct ConnectionArgs {
    /// Synapse workspace, or host name with an optional port [env: MSSQL_HOST too]
    #[arg(long, value_name = "WORKSPACE|HOST[,PORT]", env = "AZCONNECT_SQL_SERVER")]
    #[arg(hide_env_values = true)]
    server: Option<String>,

    /// Database [env: MSSQL_DB too]
    #[arg(long, value_name = "NAME", env = "AZCONNECT_SQL_DATABASE", hide_env_values = true)]
    database: Option<String>,

    /// Log in as this SQL user instead of by identity; its password is in AZCONNECT_SQL_PASSWORD
    #[arg(long, value_name = "NAME")]
    user: Option<String>,

    /// File whose first line is the password of `--user`
    #[arg(long, value_name = "FILE", requires = "user")]
    password_file: Option<PathBuf>,

    /// What speaks to the server: native, which needs no driver, or odbc
    #[arg(long, value_enum, value_name = "BACKEND", default_value = "native")]
    #[arg(hide_possible_values = true)]
    backend: BackendName,

    /// Driver of `--backend odbc`: its name in odbcinst.ini, or the path of its library
    #[arg(long, value_name = "NAME|FILE", default_value = "ODBC Driver 18 for SQL Server")]
    odbc_driver: String,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
enum BackendName {
    /// Built in; needs no driver
    Native,
    /// An ODBC driver
    Odbc,
}

impl ConnectionArgs {
    /// A client for this connection. Sends nothing.
    pub(crate) fn client(&self, context: &Context) -> Result<SynapseClient, Failure> {
        let environment = context.environment();
        let server = self.server.clone().or_else(|| environment.get(OTHER_SERVER));
        let database = self.database.clone().or_else(|| environment.get(OTHER_DATABASE));
        let (Some(server), Some(database)) = (server, database) else {
            return Err(Failure::usage("server or database is missing").with_hint(
                "add `--server` and `--database`, or set AZCONNECT_SQL_SERVER and AZCONNECT_SQL_DATABASE",
            ));
        };
        let login = match &self.user {
            None => Login::AccessToken(context.credential()?),
            Some(user) => Login::Password { user: user.clone(), password: self.password(context)? },
        };
        let builder = clients::synapse(context, &server, &database, login)?;
        let builder = match self.backend {
            BackendName::Native => builder,
            #[cfg(feature = "odbc")]
            BackendName::Odbc => builder.with_backend(azconnect_synapse::Backend::Odbc {
                driver: self.odbc_driver.clone(),
            }),
            #[cfg(not(feature = "odbc"))]
            BackendName::Odbc => {
                let driver = &self.odbc_driver;
                return Err(Failure::usage(format!("this build cannot use `{driver}`"))
                    .with_hint("use a build with the feature `odbc`, or the native backend"));
            }
        };
        Ok(builder.build()?)
    }

    fn password(&self, context: &Context) -> Result<SecretString, Failure> {
        let Some(path) = &self.password_file else {
            return context.environment().secret(PASSWORD).ok_or_else(|| {
                Failure::usage(format!("the password of `--user` is not in {PASSWORD}")).with_hint(
                    "set it, or add `--password-file`; there is no option for a password, since command lines \
                     are public",
                )
            });
        };
        let text = fs::read_to_string(path).map(Zeroizing::new).map_err(|error| {
            let message = format!("cannot read the password file `{}`", path.display());
            Failure::from_error(message, &error)
        })?;
        let password = SecretString::from(text.lines().next().unwrap_or_default());
        if password.expose_secret().is_empty() {
            let message = format!("the first line of `{}` is empty", path.display());
            return Err(Failure::usage(message));
        }
        Ok(password)
    }
}
