//! The functions of T-SQL, as calls of the engine's. What is in no table here must be one of the
//! engine's own.

use datafusion::{
    arrow::datatypes::{DataType, TimeUnit},
    sql::sqlparser::ast::{
        CaseWhen, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, Ident,
        ObjectName, helpers::attached_token::AttachedToken,
    },
};

use super::{
    literals::{call, cast, int, null, number, text},
    query::Scope,
    variables::{Globals, VERSION},
};
use crate::synapse::{collation::Collation, sql_error::SqlError};

/// Rewrites a call whose arguments have been rewritten.
pub(super) fn rewrite(function: &Function, scope: &Scope<'_>) -> Result<Expr, SqlError> {
    let spelled = function.name.to_string();
    let name = spelled.trim_matches(['[', ']', '"']).to_lowercase();
    if let Some(value) = about_the_session(&name, scope.globals) {
        return Ok(value);
    }
    if let Some(other) = renamed(&name) {
        return Ok(Expr::Function(with_name(function, other)));
    }
    if name == "count" {
        // An int in T-SQL; COUNT_BIG is the bigint.
        return Ok(cast(Expr::Function(with_name(function, "count")), &DataType::Int32));
    }
    let arguments = arguments(function);
    match (name.as_str(), arguments.as_slice()) {
        ("charindex", [wanted, within]) => {
            let position = call("strpos", vec![within.clone(), wanted.clone()]);
            Ok(cast(position, &DataType::Int32))
        }
        ("current_timestamp" | "getdate" | "getutcdate", []) => {
            Ok(now(TimeUnit::Millisecond, None))
        }
        ("datepart", [Expr::Identifier(part), date]) => date_part(&part.value, date),
        ("day" | "month" | "year", [date]) => date_part(&name, date),
        ("iif", [condition, yes, no]) => Ok(case(condition, yes, no)),
        ("len", [value]) => {
            let trimmed = call("rtrim", vec![value.clone()]);
            Ok(cast(call("character_length", vec![trimmed]), &DataType::Int32))
        }
        ("serverproperty", [property]) => Ok(server_property(property)),
        ("space", [count]) => Ok(call("repeat", vec![text(" "), count.clone()])),
        ("square", [value]) => Ok(call("power", vec![value.clone(), number(2)])),
        ("sysdatetime" | "sysutcdatetime", []) => Ok(now(TimeUnit::Microsecond, None)),
        ("sysdatetimeoffset", []) => Ok(now(TimeUnit::Microsecond, Some("+00:00"))),
        _ if (scope.has_function)(&name) => Ok(Expr::Function(function.clone())),
        _ => Err(SqlError::unknown_function(&spelled)),
    }
}

/// Functions that tell something about the session; `name` in lower case.
pub(super) fn about_the_session(name: &str, globals: &Globals) -> Option<Expr> {
    Some(match name {
        "app_name" => text(&globals.application),
        "current_user" | "original_login" | "session_user" | "suser_name" | "suser_sname"
        | "system_user" | "user" | "user_name" => text(&globals.user),
        "db_id" => cast(text("5"), &DataType::Int16),
        "db_name" => text(&globals.database),
        "schema_name" => text(super::query::DEFAULT_SCHEMA),
        _ => return None,
    })
}

/// Functions that the engine has under another name.
fn renamed(name: &str) -> Option<&'static str> {
    Some(match name {
        "ceiling" => "ceil",
        "char" | "nchar" => "chr",
        "count_big" => "count",
        "isnull" => "coalesce",
        "rand" => "random",
        "replicate" => "repeat",
        "sign" => "signum",
        "stdev" => "stddev_samp",
        "stdevp" => "stddev_pop",
        "unicode" => "ascii",
        "var" => "var_samp",
        "varp" => "var_pop",
        _ => return None,
    })
}

fn with_name(function: &Function, name: &str) -> Function {
    Function { name: ObjectName::from(vec![Ident::new(name)]), ..function.clone() }
}

fn arguments(function: &Function) -> Vec<Expr> {
    let FunctionArguments::List(list) = &function.args else { return Vec::new() };
    list.args
        .iter()
        .filter_map(|argument| match argument {
            FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => Some(expr.clone()),
            _ => None,
        })
        .collect()
}

fn case(condition: &Expr, yes: &Expr, no: &Expr) -> Expr {
    Expr::Case {
        case_token: AttachedToken::empty(),
        end_token: AttachedToken::empty(),
        operand: None,
        conditions: vec![CaseWhen { condition: condition.clone(), result: yes.clone() }],
        else_result: Some(Box::new(no.clone())),
    }
}

fn now(unit: TimeUnit, zone: Option<&str>) -> Expr {
    cast(call("now", Vec::new()), &DataType::Timestamp(unit, zone.map(Into::into)))
}

fn date_part(part: &str, date: &Expr) -> Result<Expr, SqlError> {
    let engine_part = match part.to_ascii_lowercase().as_str() {
        "year" | "yy" | "yyyy" => "year",
        "quarter" | "q" | "qq" => "quarter",
        "month" | "m" | "mm" => "month",
        "dayofyear" | "dy" | "y" => "doy",
        "day" | "d" | "dd" => "day",
        "iso_week" | "isowk" | "isoww" => "week",
        "hour" | "hh" => "hour",
        "minute" | "mi" | "n" => "minute",
        "second" | "s" | "ss" => "second",
        _ => {
            let message = format!("'{part}' is not a recognized datepart option.");
            return Err(SqlError::new(155, message).with_class(15));
        }
    };
    Ok(call("date_part", vec![text(engine_part), date.clone()]))
}

fn server_property(property: &Expr) -> Expr {
    let Expr::Value(value) = property else { return null() };
    let name = value.value.clone().into_string().unwrap_or_default().to_lowercase();
    match name.as_str() {
        "collation" => text(Collation::default().name()),
        "edition" => text("SQL Azure"),
        // A dedicated SQL pool.
        "engineedition" => int(6),
        "productversion" => text("12.0.2000.8"),
        "resourceversion" => text(VERSION),
        _ => null(),
    }
}
