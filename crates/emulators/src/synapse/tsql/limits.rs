//! TOP and OFFSET … FETCH, which the engine knows as LIMIT.

use datafusion::sql::sqlparser::ast::{
    Expr, GroupByExpr, LimitClause, Query, Select, SelectFlavor, SelectItem, SetExpr, Top,
    TopQuantity, helpers::attached_token::AttachedToken,
};

use super::literals::number;
use crate::synapse::sql_error::SqlError;

/// Turns the limits of a query, and of the parts that a set operation combines, into LIMIT.
pub(super) fn rewrite(query: &mut Query) -> Result<(), SqlError> {
    let top = match query.body.as_mut() {
        SetExpr::Select(select) => take_top(select)?,
        other => {
            rewrite_parts(other)?;
            None
        }
    };
    let fetch = match query.fetch.take() {
        Some(fetch) if fetch.with_ties || fetch.percent => {
            return Err(SqlError::unsupported("FETCH … WITH TIES or PERCENT"));
        }
        Some(fetch) => Some(fetch.quantity.unwrap_or_else(|| number(1))),
        None => None,
    };
    let Some(rows) = top.or(fetch) else { return Ok(()) };
    query.limit_clause = Some(match query.limit_clause.take() {
        Some(LimitClause::LimitOffset { limit: None, offset, limit_by }) => {
            LimitClause::LimitOffset { limit: Some(rows), offset, limit_by }
        }
        None => LimitClause::LimitOffset { limit: Some(rows), offset: None, limit_by: Vec::new() },
        Some(_) => return Err(SqlError::unsupported("LIMIT")),
    });
    Ok(())
}

/// `SELECT TOP 1 … UNION ALL SELECT TOP 1 …`: each part with a limit becomes a query of its own.
fn rewrite_parts(body: &mut SetExpr) -> Result<(), SqlError> {
    match body {
        SetExpr::SetOperation { left, right, .. } => {
            rewrite_parts(left)?;
            rewrite_parts(right)
        }
        SetExpr::Select(select) => {
            if let Some(rows) = take_top(select)? {
                let select = SetExpr::Select(Box::new(std::mem::replace(select, empty())));
                *body = SetExpr::Query(Box::new(limited(select, rows)));
            }
            Ok(())
        }
        _ => Ok(()),
    }
}

fn take_top(select: &mut Select) -> Result<Option<Expr>, SqlError> {
    match select.top.take() {
        None => Ok(None),
        Some(Top { with_ties: true, .. } | Top { percent: true, .. }) => {
            Err(SqlError::unsupported("TOP … WITH TIES or PERCENT"))
        }
        Some(Top { quantity: Some(TopQuantity::Constant(rows)), .. }) => Ok(Some(number(rows))),
        Some(Top { quantity: Some(TopQuantity::Expr(rows)), .. }) => Ok(Some(rows)),
        Some(Top { quantity: None, .. }) => Err(SqlError::syntax("TOP")),
    }
}

fn limited(body: SetExpr, rows: Expr) -> Query {
    Query {
        with: None,
        body: Box::new(body),
        order_by: None,
        limit_clause: Some(LimitClause::LimitOffset {
            limit: Some(rows),
            offset: None,
            limit_by: Vec::new(),
        }),
        fetch: None,
        locks: Vec::new(),
        for_clause: None,
        settings: None,
        format_clause: None,
        pipe_operators: Vec::new(),
    }
}

/// `SELECT` of nothing, to be filled.
pub(super) fn empty() -> Select {
    Select {
        select_token: AttachedToken::empty(),
        optimizer_hints: Vec::new(),
        distinct: None,
        select_modifiers: None,
        top: None,
        top_before_distinct: false,
        projection: Vec::new(),
        exclude: None,
        into: None,
        from: Vec::new(),
        lateral_views: Vec::new(),
        prewhere: None,
        selection: None,
        connect_by: Vec::new(),
        group_by: GroupByExpr::Expressions(Vec::new(), Vec::new()),
        cluster_by: Vec::new(),
        distribute_by: Vec::new(),
        sort_by: Vec::new(),
        having: None,
        named_window: Vec::new(),
        qualify: None,
        window_before_qualify: false,
        value_table_mode: None,
        flavor: SelectFlavor::Standard,
    }
}

/// A query that returns one row if `condition` is true, and none otherwise.
pub(in crate::synapse) fn one_row_if(condition: Expr) -> Query {
    let mut select = empty();
    select.projection = vec![SelectItem::UnnamedExpr(number(1))];
    select.selection = Some(condition);
    let mut query = limited(SetExpr::Select(Box::new(select)), number(1));
    query.limit_clause = None;
    query
}
