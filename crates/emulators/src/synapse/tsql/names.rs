//! Names without case: the engine sees lower case only, and the columns of a result get back the
//! spelling that the statement or the table has.

use std::collections::{HashMap, HashSet};

use datafusion::{
    arrow::datatypes::Field,
    sql::sqlparser::ast::{Expr, Ident, Query, Select, SelectItem, SetExpr},
};

/// The key in the metadata of a field under which a table keeps the spelling of a column's name.
pub(in crate::synapse) const SPELLING: &str = "azconnect.name";

/// How the columns of a result are to be called.
#[derive(Debug, Default)]
pub(in crate::synapse) struct OutputNames {
    spellings: HashMap<String, String>,
}

impl OutputNames {
    /// The name of the column that the engine calls by the name of `field`.
    pub(in crate::synapse) fn of(&self, field: &Field) -> String {
        let name = field.name();
        if let Some(marked) = name.strip_prefix(MARK) {
            let (_, spelling) = marked.split_once(MARK).unwrap_or_default();
            return spelling.to_owned();
        }
        self.spellings.get(name).or_else(|| field.metadata().get(SPELLING)).unwrap_or(name).clone()
    }

    /// Folds an alias, and remembers how it was spelled.
    pub(super) fn define(&mut self, alias: &mut Ident) {
        let spelled = alias.value.clone();
        fold(alias);
        self.spellings.insert(alias.value.clone(), spelled);
    }
}

/// Brings an identifier to lower case.
pub(super) fn fold(ident: &mut Ident) {
    ident.value = ident.value.to_lowercase();
}

/// Gives every column of the result that needs it a name of its own: SQL Server allows columns
/// without a name and several of the same, the engine does not.
pub(super) fn mark_columns(query: &mut Query, names: &OutputNames) {
    let Some(select) = leftmost(&mut query.body) else { return };
    let has_wildcard = select
        .projection
        .iter()
        .any(|item| matches!(item, SelectItem::Wildcard(_) | SelectItem::QualifiedWildcard(..)));
    let mut seen = HashSet::new();
    for (position, item) in select.projection.iter_mut().enumerate() {
        let (expr, name) = match item {
            SelectItem::UnnamedExpr(expr) => {
                let name = column_name(expr);
                (expr, name)
            }
            SelectItem::ExprWithAlias { expr, alias } => (expr, Some(alias.value.clone())),
            _ => continue,
        };
        let unique = name.as_ref().is_some_and(|name| seen.insert(name.clone()));
        let clashes =
            has_wildcard && matches!(expr, Expr::Identifier(_) | Expr::CompoundIdentifier(_));
        if !unique || clashes {
            let folded = name.unwrap_or_default();
            let spelled = names.spellings.get(&folded).unwrap_or(&folded);
            let alias = Ident::new(format!("{MARK}{position}{MARK}{spelled}"));
            let expr = std::mem::replace(expr, super::literals::null());
            *item = SelectItem::ExprWithAlias { expr, alias };
        }
    }
}

/// The first SELECT of set operations, which names the columns of their result.
fn leftmost(body: &mut SetExpr) -> Option<&mut Select> {
    match body {
        SetExpr::Select(select) => Some(select),
        SetExpr::Query(query) => leftmost(&mut query.body),
        SetExpr::SetOperation { left, .. } => leftmost(left),
        _ => None,
    }
}

/// The name that a column has without an alias.
fn column_name(expr: &Expr) -> Option<String> {
    match expr {
        Expr::Identifier(ident) => Some(ident.value.clone()),
        Expr::CompoundIdentifier(parts) => parts.last().map(|ident| ident.value.clone()),
        Expr::Nested(inner) => column_name(inner),
        _ => None,
    }
}

/// Encloses what the engine needs to tell columns apart. No name can hold it by accident.
const MARK: char = '\u{1}';
