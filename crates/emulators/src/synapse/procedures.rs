//! The procedures that clients call instead of sending a batch: statements with parameters, and
//! prepared ones.

use datafusion::arrow::datatypes::DataType;
use datafusion::sql::sqlparser::ast::{BinaryOperator, Expr, UnaryOperator, Value};
use tokio::io::{AsyncRead, AsyncWrite};

use super::{
    describe,
    metadata::col_metadata,
    params::{Content, Parameter, TypedValue},
    rpc::{Call, Procedure},
    session::{Outcome, Prepared, Session, Stop, Variables},
    sql_error::SqlError,
    token::{self, Done, DoneKind},
    tsql::{self, StatementKind},
};

impl<R: AsyncRead + Unpin, W: AsyncWrite + Unpin> Session<R, W> {
    /// Runs one call. A mistake in it is told to the client, and ends only this call.
    pub(super) async fn call(&mut self, call: Call, more: bool) -> Outcome<()> {
        let Call { procedure, parameters } = call;
        tracing::debug!(
            session = self.globals.session,
            name = procedure.name(),
            ?parameters,
            "call"
        );
        let result = match &procedure {
            Procedure::DescribeFirstResultSet => self.describe(&parameters).await,
            Procedure::Execute => self.execute(&parameters).await,
            Procedure::ExecuteSql => self.execute_sql(&parameters).await,
            Procedure::PrepareAndExecute => self.prepare_and_execute(&parameters).await,
            Procedure::Prepare => self.prepare(&parameters).await,
            Procedure::Unprepare => self.unprepare(&parameters),
            Procedure::Other(name) => Err(SqlError::unknown_procedure(name).into()),
        };
        let (status, handle, done) = match result {
            Ok(handle) => (0, handle, Done::new(DoneKind::Procedure)),
            Err(Stop::Failed(error)) => {
                self.put_error(&error);
                (error.number, None, Done::failed(DoneKind::Procedure))
            }
            Err(other) => return Err(other),
        };
        let out = self.writer.payload();
        token::return_status(out, status);
        if let Some(handle) = handle {
            let name = parameters.first().map_or("", |parameter| parameter.name.as_str());
            token::return_int(out, 0, name, handle);
        }
        done.with_more(more).write(out);
        Ok(())
    }

    async fn execute_sql(&mut self, parameters: &[Parameter]) -> Outcome<Option<i32>> {
        let (statement, rest) = text(parameters, "sp_executesql")?;
        let (declarations, values) = optional_text(rest);
        let variables = bind(statement, declarations, values)?;
        self.log(statement);
        self.batch(statement, &variables, DoneKind::InProcedure).await?;
        Ok(None)
    }

    async fn prepare(&mut self, parameters: &[Parameter]) -> Outcome<Option<i32>> {
        let (_, rest) = parameters.split_first().ok_or_else(|| missing("sp_prepare"))?;
        let (declarations, rest) = optional_text(rest);
        let (statement, _options) = text(rest, "sp_prepare")?;
        self.log(statement);
        // Preparing tells what is wrong with the statement, and what its result will look like.
        let mut statements = tsql::parse(statement)?.into_iter();
        if let Some(StatementKind::Select(query)) = statements.next().map(|one| one.kind) {
            let variables = nulls(declarations)?;
            let plan = self.plan(*query, &variables).await?;
            col_metadata(&plan.columns, self.writer.payload());
            Done::new(DoneKind::InProcedure).with_more(true).write(self.writer.payload());
        }
        Ok(Some(self.keep(statement, declarations)?))
    }

    async fn prepare_and_execute(&mut self, parameters: &[Parameter]) -> Outcome<Option<i32>> {
        let (old, rest) = parameters.split_first().ok_or_else(|| missing("sp_prepexec"))?;
        if let Some(handle) = handle(old) {
            self.prepared.remove(&handle);
        }
        let (declarations, rest) = optional_text(rest);
        let (statement, values) = text(rest, "sp_prepexec")?;
        let variables = bind(statement, declarations, values)?;
        self.log(statement);
        self.batch(statement, &variables, DoneKind::InProcedure).await?;
        Ok(Some(self.keep(statement, declarations)?))
    }

    async fn execute(&mut self, parameters: &[Parameter]) -> Outcome<Option<i32>> {
        let (first, values) = parameters.split_first().ok_or_else(|| missing("sp_execute"))?;
        let prepared = handle(first).and_then(|handle| self.prepared.get(&handle)).cloned();
        let Prepared { statement, declarations } =
            prepared.ok_or_else(|| no_handle(handle(first).unwrap_or_default()))?;
        let variables = bind(&statement, &declarations, values)?;
        self.batch(&statement, &variables, DoneKind::InProcedure).await?;
        Ok(None)
    }

    fn unprepare(&mut self, parameters: &[Parameter]) -> Outcome<Option<i32>> {
        let handle = parameters.first().and_then(handle).ok_or_else(|| missing("sp_unprepare"))?;
        self.prepared.remove(&handle).map(|_| None).ok_or_else(|| no_handle(handle).into())
    }

    async fn describe(&mut self, parameters: &[Parameter]) -> Outcome<Option<i32>> {
        let (statement, rest) = text(parameters, "sp_describe_first_result_set")?;
        let (declarations, _) = optional_text(rest);
        self.log(statement);
        let variables = nulls(declarations)?;
        let mut described = Vec::new();
        for statement in tsql::parse(statement)? {
            if let StatementKind::Select(query) = statement.kind {
                described = self.plan(*query, &variables).await?.columns;
                break;
            }
        }
        describe::put(&described, self.writer.payload())?;
        let rows = described.len() as u64;
        let done = Done::selected(DoneKind::InProcedure, Some(rows)).with_more(true);
        done.write(self.writer.payload());
        Ok(None)
    }

    fn keep(&mut self, statement: &str, declarations: &str) -> Result<i32, SqlError> {
        if self.prepared.len() >= MAX_PREPARED {
            let message = "There are too many prepared statements in this session.";
            return Err(SqlError::new(701, message).with_class(17));
        }
        self.last_handle = self.last_handle.wrapping_add(1);
        let prepared =
            Prepared { statement: statement.to_owned(), declarations: declarations.to_owned() };
        self.prepared.insert(self.last_handle, prepared);
        Ok(self.last_handle)
    }

    fn log(&self, statement: &str) {
        tracing::debug!(session = self.globals.session, statement, "statement");
    }
}

/// `EXEC` in a batch, as the call that it is. Arguments are literals, by position or by name.
pub(super) fn call_of(procedure: &str, arguments: &[Expr]) -> Result<Call, SqlError> {
    let parameters = arguments.iter().map(parameter).collect::<Result<_, _>>()?;
    Ok(Call { procedure: Procedure::by_name(procedure), parameters })
}

fn parameter(argument: &Expr) -> Result<Parameter, SqlError> {
    if let Expr::BinaryOp { left, op: BinaryOperator::Eq, right } = argument
        && let Expr::Identifier(name) = left.as_ref()
    {
        return Ok(Parameter { name: name.value.clone(), value: value(right)? });
    }
    Ok(Parameter { name: String::new(), value: value(argument)? })
}

fn value(expr: &Expr) -> Result<TypedValue, SqlError> {
    let (expr, sign) = match expr {
        Expr::UnaryOp { op: UnaryOperator::Minus, expr } => (expr.as_ref(), "-"),
        other => (other, ""),
    };
    let Expr::Value(literal) = expr else { return Err(SqlError::syntax(&expr.to_string())) };
    Ok(match &literal.value {
        Value::Null => TypedValue::null(DataType::Utf8),
        Value::Number(digits, _) => {
            let data_type =
                if digits.contains(['.', 'e', 'E']) { DataType::Float64 } else { DataType::Int64 };
            TypedValue { data_type, content: Content::Text(format!("{sign}{digits}")) }
        }
        Value::SingleQuotedString(text) | Value::NationalStringLiteral(text) => {
            TypedValue { data_type: DataType::Utf8, content: Content::Text(text.clone()) }
        }
        _ => return Err(SqlError::syntax(&expr.to_string())),
    })
}

/// The values of the declared parameters, by name or by position.
fn bind(statement: &str, declarations: &str, values: &[Parameter]) -> Result<Variables, SqlError> {
    let mut variables = Variables::new();
    let mut unnamed = values.iter().filter(|value| value.name.is_empty());
    for (name, data_type) in tsql::declarations(declarations)? {
        let named = values.iter().find(|value| value.name.to_lowercase() == name);
        let Some(Parameter { value, .. }) = named.or_else(|| unnamed.next()) else {
            let message = format!(
                "The parameterized query '{statement}' expects the parameter '{name}', which was \
                 not supplied."
            );
            return Err(SqlError::new(8178, message));
        };
        variables.insert(name, declared(value, data_type));
    }
    Ok(variables)
}

/// The value, as the type that was declared for it.
fn declared(value: &TypedValue, data_type: DataType) -> TypedValue {
    match (&value.content, &value.data_type) {
        // A bit is written as a word, which is no number.
        (Content::Text(word), DataType::Boolean) if data_type.is_numeric() => {
            TypedValue { data_type, content: Content::Text(u8::from(word == "true").to_string()) }
        }
        (Content::Bytes(_), found) if *found != data_type => value.clone(),
        (content, _) => TypedValue { data_type, content: content.clone() },
    }
}

/// NULL for every parameter, to plan a statement without values.
fn nulls(declarations: &str) -> Result<Variables, SqlError> {
    let declared = tsql::declarations(declarations)?.into_iter();
    Ok(declared.map(|(name, data_type)| (name, TypedValue::null(data_type))).collect())
}

fn text<'a>(
    parameters: &'a [Parameter],
    procedure: &str,
) -> Result<(&'a str, &'a [Parameter]), SqlError> {
    let (first, rest) = parameters.split_first().ok_or_else(|| missing(procedure))?;
    first.value.as_text().map(|text| (text, rest)).ok_or_else(|| missing(procedure))
}

/// A text that may be left out or NULL.
fn optional_text(parameters: &[Parameter]) -> (&str, &[Parameter]) {
    match parameters.split_first() {
        Some((first, rest)) => (first.value.as_text().unwrap_or(""), rest),
        None => ("", &[]),
    }
}

fn handle(parameter: &Parameter) -> Option<i32> {
    parameter.value.as_int().and_then(|handle| i32::try_from(handle).ok())
}

fn missing(procedure: &str) -> SqlError {
    SqlError::new(214, format!("Procedure '{procedure}' expects another parameter or type."))
}

fn no_handle(handle: i32) -> SqlError {
    SqlError::new(8179, format!("Could not find prepared statement with handle {handle}."))
}

/// How many statements a session may have prepared; a client that never unprepares is ill.
const MAX_PREPARED: usize = 10_000;
