//! What the server says beside rows.

use std::fmt;

/// One message of the server: an error or an informational text such as the output of `PRINT`.
///
/// Spec: <https://learn.microsoft.com/openspecs/windows_protocols/ms-tds/9805e9fa-1f8b-4cf8-8f78-8d2602228635>
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct ServerMessage {
    /// The SQL number, as in `sys.messages`; 50000 and above are the database's own.
    pub number: u32,
    /// Tells apart the places in the server that raise the same number.
    pub state: u8,
    /// The severity: up to 10 informs, 11 to 16 can be corrected by the user, 20 and above end
    /// the connection.
    pub class: u8,
    /// The text as the server sent it.
    pub text: String,
    /// The server's own name, which in Azure is often not the name connected to.
    pub server: String,
    /// The stored procedure that raised it, or empty.
    pub procedure: String,
    /// The line in the batch or procedure, from 1; 0 when it belongs to none.
    pub line: u32,
}

impl fmt::Display for ServerMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.text.trim_end_matches(['\r', '\n', '.', ' ']);
        write!(f, "{text} (SQL error {}, level {}", self.number, self.class)?;
        if self.state > 0 {
            write!(f, ", state {}", self.state)?;
        }
        if !self.procedure.is_empty() {
            write!(f, ", procedure `{}`", self.procedure)?;
        }
        if self.line > 0 {
            write!(f, ", line {}", self.line)?;
        }
        f.write_str(")")
    }
}
