//! Errors that a client is told, by the numbers SQL Server has for them.
//!
//! Spec: <https://learn.microsoft.com/sql/relational-databases/errors-events/database-engine-events-and-errors>

use std::fmt;

use datafusion::{arrow::error::ArrowError, common::SchemaError, error::DataFusionError};

/// One error, as an ERROR token says it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SqlError {
    pub(super) number: i32,
    pub(super) state: u8,
    /// The severity: 14 and more is more than a mistake in the statement.
    pub(super) class: u8,
    pub(super) message: String,
    /// The line within the batch, from 1.
    pub(super) line: u32,
}

impl SqlError {
    /// An error of class 16, which the user can correct, in line 1.
    pub(super) fn new(number: i32, message: impl Into<String>) -> Self {
        Self { number, state: 1, class: 16, message: message.into(), line: 1 }
    }

    pub(super) fn with_class(mut self, class: u8) -> Self {
        self.class = class;
        self
    }

    pub(super) fn with_state(mut self, state: u8) -> Self {
        self.state = state;
        self
    }

    pub(super) fn at_line(mut self, line: u32) -> Self {
        self.line = line;
        self
    }

    pub(super) fn invalid_object(name: &str) -> Self {
        Self::new(208, format!("Invalid object name '{name}'."))
    }

    pub(super) fn syntax(near: &str) -> Self {
        Self::new(102, format!("Incorrect syntax near '{near}'.")).with_class(15)
    }

    pub(super) fn unknown_function(name: &str) -> Self {
        Self::new(195, format!("'{name}' is not a recognized built-in function name."))
            .with_class(15)
            .with_state(10)
    }

    pub(super) fn undeclared_variable(name: &str) -> Self {
        Self::new(137, format!("Must declare the scalar variable \"{name}\".")).with_class(15)
    }

    pub(super) fn unknown_procedure(name: &str) -> Self {
        Self::new(2812, format!("Could not find stored procedure '{name}'.")).with_state(62)
    }

    /// Something that this server does not do, or Synapse does not.
    pub(super) fn unsupported(what: &str) -> Self {
        Self::new(40517, format!("Keyword or statement option '{what}' is not supported."))
    }

    pub(super) fn login_failed(user: &str) -> Self {
        Self::new(18456, format!("Login failed for user '{user}'.")).with_class(14)
    }
}

impl fmt::Display for SqlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.number, self.message)
    }
}

impl From<DataFusionError> for SqlError {
    fn from(error: DataFusionError) -> Self {
        match error.find_root() {
            DataFusionError::SchemaError(schema, _) => from_schema(schema),
            DataFusionError::ArrowError(arrow, _) => from_arrow(arrow),
            DataFusionError::ResourcesExhausted(_) => Self::new(
                701,
                "There is insufficient system memory in resource pool 'default' to run this query.",
            )
            .with_class(17),
            DataFusionError::NotImplemented(what) => Self::unsupported(what),
            root @ (DataFusionError::IoError(_)
            | DataFusionError::ObjectStore(_)
            | DataFusionError::ParquetError(_)) => {
                Self::new(596, format!("Cannot read the table: {root}")).with_class(21)
            }
            root => Self::new(8180, format!("Statement(s) could not be prepared: {root}")),
        }
    }
}

impl From<ArrowError> for SqlError {
    fn from(error: ArrowError) -> Self {
        from_arrow(&error)
    }
}

fn from_schema(error: &SchemaError) -> SqlError {
    match error {
        SchemaError::FieldNotFound { field, .. } => match &field.relation {
            Some(relation) if field.name.is_empty() => SqlError::invalid_object(relation.table()),
            _ => SqlError::new(207, format!("Invalid column name '{}'.", field.name)),
        },
        SchemaError::AmbiguousReference { field } => {
            SqlError::new(209, format!("Ambiguous column name '{}'.", field.name))
        }
        SchemaError::DuplicateQualifiedField { name, .. }
        | SchemaError::DuplicateUnqualifiedField { name } => SqlError::new(
            8156,
            format!("The column '{name}' was specified multiple times for the derived table."),
        ),
    }
}

fn from_arrow(error: &ArrowError) -> SqlError {
    match error {
        ArrowError::DivideByZero => SqlError::new(8134, "Divide by zero error encountered."),
        ArrowError::ArithmeticOverflow(what) => {
            SqlError::new(8115, format!("Arithmetic overflow error: {what}")).with_state(2)
        }
        ArrowError::CastError(what) => {
            SqlError::new(245, format!("Conversion failed when converting a value: {what}"))
        }
        ArrowError::ParseError(what) => {
            SqlError::new(241, format!("Conversion failed when converting a value: {what}"))
        }
        other => SqlError::new(8115, format!("The statement failed: {other}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_of_the_engine_get_the_numbers_of_sql_server() {
        let column = |name: &str| Box::new(datafusion::common::Column::from_name(name));
        let schema = |error| DataFusionError::SchemaError(Box::new(error), Box::new(None));
        for (error, number) in [
            (schema(SchemaError::FieldNotFound { field: column("a"), valid_fields: vec![] }), 207),
            (schema(SchemaError::AmbiguousReference { field: column("a") }), 209),
            (ArrowError::DivideByZero.into(), 8134),
            (ArrowError::ArithmeticOverflow("int".into()).into(), 8115),
            (ArrowError::CastError("x".into()).into(), 245),
            (DataFusionError::NotImplemented("x".into()), 40517),
            (DataFusionError::ResourcesExhausted("x".into()), 701),
            (DataFusionError::Plan("x".into()).context("within"), 8180),
        ] {
            let shown = error.to_string();
            assert_eq!(SqlError::from(error).number, number, "{shown}");
        }
    }
}
