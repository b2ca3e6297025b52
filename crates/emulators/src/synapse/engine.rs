//! The SQL engine: plans queries over the tables, and says what their columns are in SQL Server's
//! types.

mod operators;
mod widths;

use std::{collections::HashMap, sync::Arc};

use datafusion::{
    execution::{
        FunctionRegistry, SendableRecordBatchStream, SessionState, runtime_env::RuntimeEnvBuilder,
    },
    logical_expr::LogicalPlan,
    physical_plan::execute_stream,
    prelude::{SessionConfig, SessionContext},
    sql::{
        parser::Statement,
        sqlparser::ast::{self, Query},
    },
};

use self::operators::TSqlOperators;
use super::{
    metadata::{Column, MAX_COLUMNS},
    params::TypedValue,
    sql_error::SqlError,
    tables::{Database, Tables},
    tsql::{self, Globals, OutputNames, Relation, Rewritten, Scope},
};

/// One engine, shared by all sessions; it keeps nothing between two queries.
pub(super) struct Engine {
    context: SessionContext,
    tables: Arc<Tables>,
}

/// A query that is ready to run, with the columns of its result.
#[derive(Debug)]
pub(super) struct Plan {
    logical: LogicalPlan,
    pub(super) columns: Vec<Column>,
}

impl Engine {
    pub(super) fn new(database: &str, tables: Arc<Tables>) -> Result<Self, SqlError> {
        let database = database.to_lowercase();
        let mut config = SessionConfig::new()
            .with_default_catalog_and_schema(&database, tsql::DEFAULT_SCHEMA)
            .with_create_default_catalog_and_schema(false)
            .with_information_schema(true)
            // One partition keeps the order of the files, which SQL does not promise but people
            // who compare results enjoy.
            .with_target_partitions(1);
        let parser = &mut config.options_mut().sql_parser;
        // Names have been folded before.
        parser.enable_ident_normalization = false;
        parser.parse_float_as_decimal = true;
        let runtime = RuntimeEnvBuilder::new().with_memory_limit(MEMORY_BYTES, 1.0).build_arc()?;
        let context = SessionContext::new_with_config_rt(config, runtime);
        context.register_catalog(database, Arc::new(Database(Arc::clone(&tables))));
        context.state_ref().write().register_expr_planner(Arc::new(TSqlOperators))?;
        Ok(Self { context, tables })
    }

    /// Plans a query.
    pub(super) async fn plan(
        &self,
        query: Query,
        variables: &HashMap<String, TypedValue>,
        globals: &Globals,
    ) -> Result<Plan, SqlError> {
        let state = self.context.state();
        let Rewritten { query, relations, names } = {
            let has_function = |name: &str| has_function(&state, name);
            let scope = Scope { variables, globals, has_function: &has_function };
            tsql::rewrite(query, &scope)?
        };
        if let Some(missing) = relations.iter().find(|relation| !self.has(relation)) {
            return Err(SqlError::invalid_object(&missing.spelled));
        }
        let statement = Statement::Statement(Box::new(ast::Statement::Query(Box::new(query))));
        let logical = state.statement_to_plan(statement).await?;
        let columns = columns(&logical, &names)?;
        Ok(Plan { logical, columns })
    }

    /// Starts a query. Its batches are computed as they are asked for.
    pub(super) async fn run(&self, plan: &Plan) -> Result<SendableRecordBatchStream, SqlError> {
        let state = self.context.state();
        let physical = state.create_physical_plan(&plan.logical).await?;
        Ok(execute_stream(physical, self.context.task_ctx())?)
    }

    fn has(&self, relation: &Relation) -> bool {
        let Relation { schema, table, .. } = relation;
        schema == INFORMATION_SCHEMA || self.tables.has(schema, table)
    }
}

fn has_function(state: &SessionState, name: &str) -> bool {
    state.udf(name).is_ok() || state.udaf(name).is_ok() || state.udwf(name).is_ok()
}

fn columns(plan: &LogicalPlan, names: &OutputNames) -> Result<Vec<Column>, SqlError> {
    let fields = plan.schema().fields();
    if fields.len() > MAX_COLUMNS {
        let message = format!("A result has at most {MAX_COLUMNS} columns.");
        return Err(SqlError::new(1056, message));
    }
    let types = widths::sql_types(plan)?;
    Ok(fields
        .iter()
        .zip(types)
        .map(|(field, sql_type)| Column {
            name: names.of(field),
            sql_type,
            nullable: field.is_nullable(),
        })
        .collect())
}

/// What sorting, joining and aggregating may take before they spill to disk, or fail.
const MEMORY_BYTES: usize = 1 << 30;

/// The schema of the views that describe tables and columns.
const INFORMATION_SCHEMA: &str = "information_schema";
