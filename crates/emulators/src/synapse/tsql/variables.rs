//! Variables: parameters of a statement with one `@`, facts about the session with two.

use datafusion::arrow::datatypes::DataType;
use datafusion::sql::sqlparser::ast::Expr;

use super::literals::{cast, int, text};
use crate::synapse::{sql_error::SqlError, sql_type::SqlType};

/// What a session tells about itself.
#[derive(Debug, Clone)]
pub(in crate::synapse) struct Globals {
    pub(in crate::synapse) server: String,
    pub(in crate::synapse) database: String,
    pub(in crate::synapse) user: String,
    pub(in crate::synapse) application: String,
    pub(in crate::synapse) session: u16,
    /// How many transactions are open: at most one.
    pub(in crate::synapse) transactions: i32,
    /// How many rows the last statement returned.
    pub(in crate::synapse) rows: u64,
}

impl Globals {
    /// The value of a variable with two `@`, whose name is in lower case.
    pub(super) fn value(&self, name: &str) -> Option<Expr> {
        Some(match name {
            "@@datefirst" => cast(text("7"), &DataType::UInt8),
            "@@error" | "@@fetch_status" | "@@nestlevel" => int(0),
            "@@language" => text("us_english"),
            "@@lock_timeout" => int(-1),
            "@@max_precision" => cast(text("38"), &DataType::UInt8),
            "@@microsoftversion" => int(0x0c00_07d0),
            "@@options" => int(5496),
            "@@rowcount" => int(i32::try_from(self.rows).unwrap_or(i32::MAX)),
            "@@servername" => text(&self.server),
            "@@spid" => cast(text(self.session.to_string()), &DataType::Int16),
            "@@textsize" => int(i32::MAX),
            "@@trancount" => int(self.transactions),
            "@@version" => text(VERSION),
            _ => return None,
        })
    }
}

/// Reads a list of parameters, `@P1 int, @P2 nvarchar(5)`: names in lower case, and the types that
/// their values have in the engine.
pub(in crate::synapse) fn declarations(list: &str) -> Result<Vec<(String, DataType)>, SqlError> {
    let mut declarations = Vec::new();
    for declaration in split(list) {
        let declaration = declaration.trim();
        if declaration.is_empty() {
            continue;
        }
        let wrong = || SqlError::syntax(declaration);
        let (name, sql_type) = declaration.split_once(char::is_whitespace).ok_or_else(wrong)?;
        let sql_type = sql_type.split_once('=').map_or(sql_type, |(before, _)| before).trim();
        let lower = sql_type.to_ascii_lowercase();
        let sql_type =
            lower.strip_suffix(" output").or(lower.strip_suffix(" out")).unwrap_or(&lower);
        if !name.starts_with('@') {
            return Err(wrong());
        }
        let sql_type = sql_type.parse::<SqlType>().map_err(|_| {
            SqlError::new(2715, format!("Cannot find data type {sql_type}.")).with_state(3)
        })?;
        declarations.push((name.to_lowercase(), sql_type.value_type()));
    }
    Ok(declarations)
}

/// Splits at the commas that are not between parentheses.
fn split(list: &str) -> impl Iterator<Item = &str> {
    let mut open = 0_usize;
    list.split(move |char| {
        match char {
            '(' => open += 1,
            ')' => open = open.saturating_sub(1),
            _ => {}
        }
        char == ',' && open == 0
    })
}

/// What `@@VERSION` says.
pub(super) const VERSION: &str =
    "Microsoft Azure Synapse SQL - 12.0.2000.8 (azconnect emulator, SQL answered by DataFusion)";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_declared_as_in_t_sql() {
        let list = "@P1 int,@P2 decimal(10, 2) ,\n@Name nvarchar(4000) OUTPUT, @d datetime2 = NULL";
        let declared = declarations(list).unwrap();
        let names: Vec<&str> = declared.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["@p1", "@p2", "@name", "@d"]);
        assert_eq!(declared[1].1, DataType::Decimal128(10, 2));
        assert_eq!(declarations("").unwrap(), vec![]);
        assert_eq!(declarations("@a nonsense").unwrap_err().number, 2715);
        assert_eq!(declarations("a int").unwrap_err().number, 102);
        assert_eq!(declarations("@a").unwrap_err().number, 102);
    }
}
