//! Decides who may log in: the server must be one of the workspaces, the database the one there is,
//! and the user one that it knows.

use super::{login::Credential, sql_error::SqlError};
use crate::state::ServiceState;

/// Who was let in, and where.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Admission {
    pub(super) user: String,
    pub(super) database: String,
}

/// Checks a login; the errors are in the order in which SQL Server sends them.
pub(super) fn admit(
    state: &ServiceState,
    server_name: &str,
    database: &str,
    credential: &Credential,
) -> Result<Admission, Vec<SqlError>> {
    let sql = &state.config.sql;
    let host = host(server_name);
    if !is_local(&host) && !sql.workspaces.iter().any(|workspace| names(&host, workspace)) {
        let message =
            format!("Cannot open server \"{host}\" requested by the login. The login failed.");
        return Err(vec![SqlError::new(40532, message).with_class(20)]);
    }
    let user = user(state, credential).map_err(|error| vec![error])?;
    if !database.is_empty() && !database.eq_ignore_ascii_case(&sql.database) {
        let shown = if matches!(credential, Credential::Token(_)) { TOKEN_USER } else { &user };
        let message = format!(
            "Cannot open database \"{database}\" requested by the login. The login failed."
        );
        return Err(vec![
            SqlError::new(4060, message).with_class(11),
            SqlError::login_failed(shown),
        ]);
    }
    Ok(Admission { user, database: sql.database.clone() })
}

fn user(state: &ServiceState, credential: &Credential) -> Result<String, SqlError> {
    match credential {
        Credential::Password { user, password } => {
            if state.directory.sql_login(user, password) {
                Ok(user.clone())
            } else {
                Err(SqlError::login_failed(user))
            }
        }
        Credential::Token(token) => {
            let rejected = match state.tokens.verify(&token.token, &[SPN]) {
                Ok(caller) => match state.directory.sql_user(&caller.object_id) {
                    Some(user) => return Ok(user.name.clone()),
                    None => format!("{} has no user in the database", caller.name),
                },
                Err(rejection) => rejection.to_string(),
            };
            // The client is told no more than Azure tells it; whoever runs the emulator may know.
            tracing::info!(reason = rejected, "a token was refused");
            Err(SqlError::login_failed(TOKEN_USER))
        }
        Credential::Integrated => Err(SqlError::new(
            40607,
            "Windows logins are not supported in this version of SQL Server.",
        )
        .with_class(14)),
        Credential::TokenLater => Err(SqlError::login_failed(TOKEN_USER)),
    }
}

/// The host of `tcp:host,port`, in lower case.
fn host(server_name: &str) -> String {
    let name = server_name.trim().to_lowercase();
    let name = name.strip_prefix("tcp:").unwrap_or(&name);
    name.split(',').next().unwrap_or_default().to_owned()
}

/// Whether the host is this machine, as for clients that cannot map the names of Azure to it.
fn is_local(host: &str) -> bool {
    let address = host.trim_matches(['[', ']']).parse::<std::net::IpAddr>();
    host.is_empty() || host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

/// Whether the host is the dedicated or the serverless endpoint of the workspace.
fn names(host: &str, workspace: &str) -> bool {
    let Some((label, domain)) = host.split_once('.') else { return false };
    let workspace = workspace.to_lowercase();
    DOMAINS.contains(&domain) && label.strip_suffix("-ondemand").unwrap_or(label) == workspace
}

/// The audience of tokens, and what a client is told to get one for.
pub(super) const SPN: &str = "https://database.windows.net/";

/// How SQL Server calls whoever shows a token.
const TOKEN_USER: &str = "<token-identified principal>";

const DOMAINS: &[&str] = &["sql.azuresynapse.net", "database.windows.net"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_a_workspace_or_local() {
        for (server, expected) in [
            ("tcp:Syn-Demo.sql.azuresynapse.net,1433", true),
            ("syn-demo-ondemand.sql.azuresynapse.net", true),
            ("other.sql.azuresynapse.net", false),
            ("syn-demo.example.com", false),
            ("localhost,5000", true),
            ("127.0.0.1", true),
            ("[::1]", true),
            ("10.0.0.1", false),
            ("", true),
        ] {
            let host = host(server);
            assert_eq!(is_local(&host) || names(&host, "syn-demo"), expected, "{server}");
        }
    }
}
