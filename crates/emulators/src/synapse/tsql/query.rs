//! Turns a T-SQL query into one that the engine understands.

use std::{
    collections::{HashMap, HashSet},
    ops::ControlFlow,
};

use datafusion::{
    arrow::datatypes::DataType,
    sql::sqlparser::ast::{
        Expr, FunctionArg, FunctionArgExpr, Ident, ObjectName, ObjectNamePart, Query, Select,
        SelectItem, SelectItemQualifiedWildcardKind, TableAlias, TableFactor, UnaryOperator, Value,
        VisitMut, VisitorMut,
    },
};

use super::{
    expressions, limits,
    literals::cast,
    names::{OutputNames, fold, mark_columns},
    variables::Globals,
};
use crate::synapse::{params::TypedValue, sql_error::SqlError};

/// What a query may refer to besides tables.
pub(in crate::synapse) struct Scope<'a> {
    /// By their names in lower case, with `@`.
    pub(in crate::synapse) variables: &'a HashMap<String, TypedValue>,
    pub(in crate::synapse) globals: &'a Globals,
    /// Whether the engine has a function of this name.
    pub(in crate::synapse) has_function: &'a dyn Fn(&str) -> bool,
}

/// A query for the engine.
#[derive(Debug)]
pub(in crate::synapse) struct Rewritten {
    pub(in crate::synapse) query: Query,
    pub(in crate::synapse) relations: Vec<Relation>,
    pub(in crate::synapse) names: OutputNames,
}

/// A table that a query names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::synapse) struct Relation {
    /// In lower case.
    pub(in crate::synapse) schema: String,
    /// In lower case.
    pub(in crate::synapse) table: String,
    /// As the statement has it.
    pub(in crate::synapse) spelled: String,
}

/// The schema of tables whose schema is not named.
pub(in crate::synapse) const DEFAULT_SCHEMA: &str = "dbo";

/// Rewrites `query` for the engine.
pub(in crate::synapse) fn rewrite(
    mut query: Query,
    scope: &Scope<'_>,
) -> Result<Rewritten, SqlError> {
    let mut rewriter = Rewriter {
        scope,
        common: HashSet::new(),
        relations: Vec::new(),
        names: OutputNames::default(),
    };
    if let ControlFlow::Break(error) = VisitMut::visit(&mut query, &mut rewriter) {
        return Err(error);
    }
    let Rewriter { relations, names, .. } = rewriter;
    mark_columns(&mut query, &names);
    Ok(Rewritten { query, relations, names })
}

struct Rewriter<'a> {
    scope: &'a Scope<'a>,
    /// The names of common table expressions.
    common: HashSet<String>,
    relations: Vec<Relation>,
    names: OutputNames,
}

impl VisitorMut for Rewriter<'_> {
    type Break = SqlError;

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<SqlError> {
        if query.for_clause.is_some() {
            return ControlFlow::Break(SqlError::unsupported("FOR XML, FOR JSON or FOR BROWSE"));
        }
        if let Some(with) = &mut query.with {
            for expression in &mut with.cte_tables {
                fold_alias(&mut expression.alias, &mut self.names);
                self.common.insert(expression.alias.name.value.clone());
            }
        }
        check(limits::rewrite(query))
    }

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<SqlError> {
        if select.into.is_some() {
            return ControlFlow::Break(SqlError::unsupported("SELECT … INTO"));
        }
        for item in &mut select.projection {
            match item {
                SelectItem::ExprWithAlias { alias, .. } => self.names.define(alias),
                SelectItem::QualifiedWildcard(
                    SelectItemQualifiedWildcardKind::ObjectName(name),
                    _,
                ) => fold_name(name),
                _ => {}
            }
        }
        ControlFlow::Continue(())
    }

    fn post_visit_select(&mut self, select: &mut Select) -> ControlFlow<SqlError> {
        for item in &mut select.projection {
            if let SelectItem::ExprWithAlias { expr, .. } | SelectItem::UnnamedExpr(expr) = item
                && is_constant(expr)
            {
                narrow(expr);
            }
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<SqlError> {
        match factor {
            TableFactor::Table { name, alias, args, with_hints, .. } => {
                with_hints.clear();
                if let Some(arguments) = args.take()
                    && !arguments.args.iter().all(is_hint)
                {
                    return ControlFlow::Break(SqlError::unsupported(&name.to_string()));
                }
                if let Some(alias) = alias {
                    fold_alias(alias, &mut self.names);
                }
            }
            TableFactor::Derived { alias, .. } => {
                if let Some(alias) = alias {
                    fold_alias(alias, &mut self.names);
                }
            }
            TableFactor::NestedJoin { .. } => {}
            other => return ControlFlow::Break(SqlError::unsupported(&other.to_string())),
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_relation(&mut self, relation: &mut ObjectName) -> ControlFlow<SqlError> {
        let spelled = relation.0.iter().map(plain).collect::<Vec<_>>().join(".");
        fold_name(relation);
        let parts: Vec<String> = relation.0.iter().map(plain).collect();
        let (database, schema, table) = match parts.as_slice() {
            [table] if self.common.contains(table) => return ControlFlow::Continue(()),
            [table] => ("", "", table),
            [schema, table] => ("", schema.as_str(), table),
            [database, schema, table] => (database.as_str(), schema.as_str(), table),
            _ => return ControlFlow::Break(SqlError::invalid_object(&spelled)),
        };
        if !database.is_empty() && !database.eq_ignore_ascii_case(&self.scope.globals.database) {
            return ControlFlow::Break(SqlError::invalid_object(&spelled));
        }
        let schema = if schema.is_empty() { DEFAULT_SCHEMA } else { schema };
        let (schema, table) = (schema.to_owned(), table.clone());
        if parts.len() > 1 {
            *relation = ObjectName::from(vec![Ident::new(&schema), Ident::new(&table)]);
        }
        self.relations.push(Relation { schema, table, spelled });
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<SqlError> {
        check(expressions::rewrite(expr, self.scope))
    }
}

fn check(result: Result<(), SqlError>) -> ControlFlow<SqlError> {
    match result {
        Ok(()) => ControlFlow::Continue(()),
        Err(error) => ControlFlow::Break(error),
    }
}

/// `FROM t (NOLOCK)`, the old spelling of `WITH (NOLOCK)`, looks like a call.
fn is_hint(argument: &FunctionArg) -> bool {
    matches!(argument, FunctionArg::Unnamed(FunctionArgExpr::Expr(Expr::Identifier(hint)))
        if hint.value.eq_ignore_ascii_case("nolock"))
}

fn fold_alias(alias: &mut TableAlias, names: &mut OutputNames) {
    fold(&mut alias.name);
    for column in &mut alias.columns {
        names.define(&mut column.name);
    }
}

fn fold_name(name: &mut ObjectName) {
    for part in &mut name.0 {
        if let ObjectNamePart::Identifier(ident) = part {
            fold(ident);
        }
    }
}

fn plain(part: &ObjectNamePart) -> String {
    match part.as_ident() {
        Some(ident) => ident.value.clone(),
        None => part.to_string(),
    }
}

/// Whether an expression is made of literals only.
fn is_constant(expr: &Expr) -> bool {
    match expr {
        Expr::Value(_) => true,
        Expr::UnaryOp { expr, .. } | Expr::Nested(expr) => is_constant(expr),
        Expr::BinaryOp { left, right, .. } => is_constant(left) && is_constant(right),
        _ => false,
    }
}

/// Makes integer literals an int where T-SQL does; the engine makes them a bigint.
fn narrow(expr: &mut Expr) {
    match expr {
        Expr::Value(value) => {
            if let Value::Number(digits, _) = &value.value
                && digits.parse::<i32>().is_ok()
            {
                let literal = std::mem::replace(expr, super::literals::null());
                *expr = cast(literal, &DataType::Int32);
            }
        }
        Expr::UnaryOp { op: UnaryOperator::Minus | UnaryOperator::Plus, expr }
        | Expr::Nested(expr) => narrow(expr),
        Expr::BinaryOp { left, right, .. } => {
            narrow(left);
            narrow(right);
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::datatypes::Field;

    use super::*;
    use crate::synapse::{
        params::Content,
        tsql::{self, StatementKind},
    };

    fn rewritten(sql: &str) -> Result<Rewritten, SqlError> {
        let variables = HashMap::from([
            (
                "@p1".to_owned(),
                TypedValue {
                    data_type: DataType::Utf8,
                    content: Content::Text("x' OR 1=1 --".into()),
                },
            ),
            (
                "@n".to_owned(),
                TypedValue { data_type: DataType::Int64, content: Content::Text("5".into()) },
            ),
        ]);
        let globals = Globals {
            server: "syn".into(),
            database: "demo".into(),
            user: "me".into(),
            application: String::new(),
            session: 51,
            transactions: 0,
            rows: 0,
        };
        let has_function = |name: &str| ["upper", "min", "substr"].contains(&name);
        let scope = Scope { variables: &variables, globals: &globals, has_function: &has_function };
        match tsql::parse(sql)?.into_iter().next().unwrap().kind {
            StatementKind::Select(query) => rewrite(*query, &scope),
            other => panic!("{other:?}"),
        }
    }

    #[track_caller]
    fn check(sql: &str, expected: &str) {
        assert_eq!(rewritten(sql).unwrap().query.to_string().replace('\u{1}', "|"), expected);
    }

    #[track_caller]
    fn refused(sql: &str, number: i32) {
        assert_eq!(rewritten(sql).unwrap_err().number, number, "{sql}");
    }

    #[test]
    fn limits_become_limit() {
        check("SELECT TOP 5 a FROM t ORDER BY a", "SELECT a FROM t ORDER BY a LIMIT 5");
        check("SELECT TOP (@n) a FROM t", "SELECT a FROM t LIMIT arrow_cast('5', 'Int64')");
        check(
            "SELECT a FROM t ORDER BY a OFFSET 2 ROWS FETCH NEXT 3 ROWS ONLY",
            "SELECT a FROM t ORDER BY a LIMIT 3 OFFSET 2 ROWS",
        );
        check(
            "SELECT TOP 1 a FROM t UNION ALL SELECT b FROM u",
            "(SELECT a FROM t LIMIT 1) UNION ALL SELECT b FROM u",
        );
        refused("SELECT TOP 5 PERCENT a FROM t", 40517);
        refused("SELECT TOP 5 WITH TIES a FROM t ORDER BY a", 40517);
    }

    #[test]
    fn names_lose_brackets_and_case_but_not_their_spelling() {
        let one = rewritten("SELECT [A].[B C], a.Total AS [Sum] FROM [DBO].[T] AS A").unwrap();
        assert_eq!(
            one.relations,
            [Relation { schema: "dbo".into(), table: "t".into(), spelled: "DBO.T".into() }]
        );
        let field = |name: &str| Field::new(name, DataType::Int32, true);
        assert_eq!(one.names.of(&field("sum")), "Sum");
        let table =
            field("l_key").with_metadata([("azconnect.name".into(), "L_Key".into())].into());
        assert_eq!(one.names.of(&table), "L_Key");
        check("SELECT T.A FROM demo.dbo.T t WITH (NOLOCK)", "SELECT t.a FROM dbo.t t");
        check("SELECT * FROM T (nolock)", "SELECT * FROM t");
        refused("SELECT * FROM other.dbo.t", 208);
        refused("SELECT * FROM numbers(1, 5)", 40517);
    }

    #[test]
    fn common_table_expressions_are_no_tables() {
        let one = rewritten("WITH C AS (SELECT a FROM t) SELECT * FROM c").unwrap();
        assert_eq!(one.relations.len(), 1);
    }

    #[test]
    fn columns_without_a_name_and_with_the_same_get_one() {
        check(
            "SELECT a, A, a + 1, *, upper(b) AS c FROM t",
            "SELECT a AS |0|a, a AS |1|a, a + 1 AS |2|, *, upper(b) AS c FROM t",
        );
    }

    #[test]
    fn parameters_are_literals_of_the_tree() {
        check("SELECT a FROM t WHERE b = @P1", "SELECT a FROM t WHERE b = 'x'' OR 1=1 --'");
        refused("SELECT @nothing", 137);
        refused("SELECT @@nothing", 137);
    }

    #[test]
    fn functions_are_translated_or_refused() {
        check("SELECT ISNULL(a, N'x') AS b FROM t", "SELECT coalesce(a, 'x') AS b FROM t");
        check(
            "SELECT COUNT(*) AS n FROM t HAVING MIN(a) > 1",
            "SELECT arrow_cast(count(*), 'Int32') AS n FROM t HAVING MIN(a) > 1",
        );
        check(
            "SELECT IIF(a > 1, 2, 3) AS b FROM t",
            "SELECT CASE WHEN a > 1 THEN 2 ELSE 3 END AS b FROM t",
        );
        check("SELECT CONVERT(int, a) AS b FROM t", "SELECT arrow_cast(a, 'Int32') AS b FROM t");
        check(
            "SELECT CAST(a AS varchar(3)) AS b FROM t",
            "SELECT left(arrow_cast(a, 'Utf8'), 3) AS b FROM t",
        );
        check("SELECT DATEPART(yy, a) AS y FROM t", "SELECT date_part('year', a) AS y FROM t");
        check(
            "SELECT 1 AS one, -1 AS two",
            "SELECT arrow_cast(1, 'Int32') AS one, -arrow_cast(1, 'Int32') AS two",
        );
        refused("SELECT nonsense(a) FROM t", 195);
        refused("SELECT DATEPART(nonsense, a) FROM t", 155);
        refused("SELECT CAST(a AS geography) FROM t", 243);
    }
}
