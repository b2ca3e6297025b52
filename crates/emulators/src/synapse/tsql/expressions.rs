//! Expressions: names, variables, literals, casts. Functions have a file of their own.

use datafusion::sql::sqlparser::ast::{self, CastKind, Expr, Ident, Value};

use super::{
    functions,
    literals::{call, cast, null, number, text, try_cast, typed},
    names::fold,
    query::Scope,
};
use crate::synapse::{
    sql_error::SqlError,
    sql_type::{Length, SqlType},
};

/// Rewrites one node whose children have been rewritten.
pub(super) fn rewrite(expr: &mut Expr, scope: &Scope<'_>) -> Result<(), SqlError> {
    match expr {
        Expr::Identifier(ident) if ident.value.starts_with('@') => *expr = variable(ident, scope)?,
        Expr::Identifier(ident) => match niladic(ident, scope) {
            Some(value) => *expr = value,
            None => fold(ident),
        },
        Expr::CompoundIdentifier(parts) => {
            parts.iter_mut().for_each(fold);
            // The database before schema, table and column; there is only one.
            if parts.len() == 4 {
                parts.remove(0);
            }
        }
        Expr::Value(value) => {
            if let Value::NationalStringLiteral(content) = &value.value {
                *expr = text(content);
            }
        }
        Expr::Collate { expr: inner, .. } => *expr = take(inner),
        Expr::Cast { kind, expr: inner, data_type, .. } => {
            let failing_is_null = matches!(kind, CastKind::TryCast | CastKind::SafeCast);
            *expr = convert(take(inner), data_type, failing_is_null)?;
        }
        Expr::Convert { is_try, expr: inner, data_type: Some(data_type), styles, .. } => {
            if !styles.is_empty() {
                return Err(SqlError::unsupported("CONVERT with a style"));
            }
            *expr = convert(take(inner), data_type, *is_try)?;
        }
        Expr::Function(function) => {
            *expr = functions::rewrite(function, scope)?;
        }
        _ => {}
    }
    Ok(())
}

fn take(expr: &mut Expr) -> Expr {
    std::mem::replace(expr, null())
}

fn variable(ident: &Ident, scope: &Scope<'_>) -> Result<Expr, SqlError> {
    let name = ident.value.to_lowercase();
    let value = if name.starts_with("@@") {
        scope.globals.value(&name)
    } else {
        scope.variables.get(&name).map(typed)
    };
    value.ok_or_else(|| SqlError::undeclared_variable(&ident.value))
}

/// Functions that are called without parentheses.
fn niladic(ident: &Ident, scope: &Scope<'_>) -> Option<Expr> {
    if ident.quote_style.is_some() {
        return None;
    }
    functions::about_the_session(&ident.value.to_lowercase(), scope.globals)
        .filter(|_| NILADIC.iter().any(|name| ident.value.eq_ignore_ascii_case(name)))
}

/// CAST and CONVERT: the engine's types differ from those of T-SQL, and text is cut to its length.
fn convert(expr: Expr, target: &ast::DataType, failing_is_null: bool) -> Result<Expr, SqlError> {
    let name = target.to_string();
    let sql_type = name.parse::<SqlType>().map_err(|_| {
        SqlError::new(243, format!("Type {} is not a defined system type.", name.to_lowercase()))
    })?;
    let target = sql_type.value_type();
    let converted = if failing_is_null { try_cast(expr, &target) } else { cast(expr, &target) };
    let length = match sql_type {
        // Without a length, CAST takes 30.
        SqlType::Char { .. }
        | SqlType::NChar { .. }
        | SqlType::VarChar { .. }
        | SqlType::NVarChar { .. }
            if !name.contains('(') =>
        {
            Some(30)
        }
        SqlType::Char { length, .. }
        | SqlType::NChar { length }
        | SqlType::NVarChar { length: Length::Limited(length) }
        | SqlType::VarChar { length: Length::Limited(length), .. } => Some(length),
        _ => None,
    };
    Ok(match length {
        Some(length) => call("left", vec![converted, number(length)]),
        None => converted,
    })
}

const NILADIC: &[&str] = &["CURRENT_USER", "SESSION_USER", "SYSTEM_USER", "USER"];
