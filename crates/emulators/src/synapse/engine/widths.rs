//! The SQL types of a result. Its description comes before its rows, so the length of text must be
//! known from the plan: a column's own length, the length of a literal, what functions make of
//! them. Where nothing is known, text gets 4,000 characters, as many functions of SQL Server give
//! it, and a longer value is an error, not cut.

use std::borrow::Cow;

use datafusion::{
    arrow::datatypes::{DataType, Field},
    common::{DFSchema, ScalarValue},
    logical_expr::{Distinct, Expr, ExprSchemable, LogicalPlan},
};

use crate::synapse::{
    sql_error::SqlError,
    sql_type::{DECLARED_TYPE, Length, MAX_NVARCHAR, SqlType},
};

/// The SQL type of each column of `plan`.
pub(super) fn sql_types(plan: &LogicalPlan) -> Result<Vec<SqlType>, SqlError> {
    let expressions = expressions(plan);
    let fields = plan.schema().fields().iter().enumerate();
    fields
        .map(|(position, field)| {
            if let Some(declared) = declared(field) {
                return Ok(declared);
            }
            if let Some((exprs, input)) = &expressions
                && let Some(expr) = exprs.get(position)
                && field.data_type().is_string()
                && let Some(length) = length(expr, input)
            {
                return Ok(SqlType::NVarChar { length });
            }
            SqlType::of(&Field::new(field.name(), field.data_type().clone(), true))
        })
        .collect()
}

/// The declared type of a column, if the engine has not made another type of it since.
fn declared(field: &Field) -> Option<SqlType> {
    let declared: SqlType = field.metadata().get(DECLARED_TYPE)?.parse().ok()?;
    declared.takes(field.data_type()).then_some(declared)
}

/// The expressions that make the columns of a plan, and what they refer to.
fn expressions(plan: &LogicalPlan) -> Option<(Cow<'_, [Expr]>, &DFSchema)> {
    match plan {
        LogicalPlan::Projection(projection) => {
            Some((projection.expr.as_slice().into(), projection.input.schema()))
        }
        LogicalPlan::Aggregate(aggregate) => {
            let exprs = aggregate.group_expr.iter().chain(&aggregate.aggr_expr).cloned();
            Some((exprs.collect::<Vec<_>>().into(), aggregate.input.schema()))
        }
        LogicalPlan::Distinct(Distinct::All(input)) => expressions(input),
        LogicalPlan::Filter(filter) => expressions(&filter.input),
        LogicalPlan::Limit(limit) => expressions(&limit.input),
        LogicalPlan::Sort(sort) => expressions(&sort.input),
        LogicalPlan::SubqueryAlias(alias) => expressions(&alias.input),
        _ => None,
    }
}

/// The most UTF-16 units that a text expression can have, if something is known about it.
fn length(expr: &Expr, input: &DFSchema) -> Option<Length> {
    match expr {
        Expr::Alias(alias) => length(&alias.expr, input),
        Expr::Literal(value, _) => literal(value),
        Expr::Column(_) | Expr::Cast(_) if !is_text(expr, input) => None,
        Expr::Column(_) => match declared(expr.to_field(input).ok()?.1.as_ref())? {
            SqlType::NVarChar { length } | SqlType::VarChar { length, .. } => Some(length),
            SqlType::Char { length, .. } | SqlType::NChar { length } => {
                Some(Length::Limited(length))
            }
            _ => None,
        },
        Expr::Cast(cast) => match cast.expr.get_type(input).ok()? {
            from if from.is_string() => length(&cast.expr, input),
            _ => Some(Length::Limited(LONGEST_NUMBER)),
        },
        Expr::ScalarFunction(call) => {
            let arguments = call.args.as_slice();
            match (call.func.name(), arguments) {
                ("btrim" | "lower" | "ltrim" | "reverse" | "rtrim" | "upper", [text, ..]) => {
                    length(text, input)
                }
                ("substr", [text, ..]) => length(text, input),
                ("left" | "right", [text, Expr::Literal(count, _)]) => {
                    let count = count.cast_to(&DataType::UInt16).ok()?;
                    let ScalarValue::UInt16(Some(count)) = count else { return None };
                    let count = limited(usize::from(count));
                    Some(length(text, input).map_or(count, |length| shorter(length, count)))
                }
                ("arrow_cast" | "arrow_try_cast", [value, _]) => {
                    match value.get_type(input).ok()? {
                        from if from.is_string() => length(value, input),
                        _ => Some(Length::Limited(LONGEST_NUMBER)),
                    }
                }
                ("coalesce", texts) => longest(texts, input),
                ("concat", texts) => sum(texts, input),
                _ => None,
            }
        }
        Expr::AggregateFunction(call) if ["max", "min"].contains(&call.func.name()) => {
            length(call.params.args.first()?, input)
        }
        Expr::BinaryExpr(binary) if is_text(expr, input) => {
            sum(&[(*binary.left).clone(), (*binary.right).clone()], input)
        }
        Expr::Case(case) => {
            let otherwise = case.else_expr.iter().map(|expr| (**expr).clone());
            let results: Vec<Expr> = case
                .when_then_expr
                .iter()
                .map(|(_, result)| (**result).clone())
                .chain(otherwise)
                .collect();
            longest(&results, input)
        }
        _ => None,
    }
}

fn literal(value: &ScalarValue) -> Option<Length> {
    if value.is_null() {
        return Some(Length::Limited(1));
    }
    let text = value.try_as_str()??;
    Some(limited(text.encode_utf16().count()))
}

fn longest(exprs: &[Expr], input: &DFSchema) -> Option<Length> {
    exprs.iter().map(|expr| length(expr, input)).reduce(|left, right| {
        Some(match (left?, right?) {
            (Length::Limited(left), Length::Limited(right)) => Length::Limited(left.max(right)),
            _ => Length::Max,
        })
    })?
}

fn sum(exprs: &[Expr], input: &DFSchema) -> Option<Length> {
    let total =
        exprs.iter().map(|expr| length(expr, input)).try_fold(
            0,
            |total, length| match length? {
                Length::Limited(length) => Some(total + usize::from(length)),
                Length::Max => Some(usize::from(u16::MAX)),
            },
        )?;
    Some(limited(total))
}

fn limited(length: usize) -> Length {
    match u16::try_from(length.max(1)) {
        Ok(length) if length <= MAX_NVARCHAR => Length::Limited(length),
        _ => Length::Max,
    }
}

fn shorter(left: Length, right: Length) -> Length {
    match (left, right) {
        (Length::Limited(left), Length::Limited(right)) => Length::Limited(left.min(right)),
        (Length::Max, other) | (other, Length::Max) => other,
    }
}

fn is_text(expr: &Expr, input: &DFSchema) -> bool {
    expr.get_type(input).is_ok_and(|data_type| data_type.is_string())
}

/// Numbers, dates and times are not longer as text.
const LONGEST_NUMBER: u16 = 50;
