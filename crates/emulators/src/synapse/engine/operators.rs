//! Operators that mean something else in T-SQL: `+` joins text, and a bit is a number too.

use datafusion::{
    arrow::datatypes::DataType,
    common::{DFSchema, Result},
    logical_expr::{
        BinaryExpr, Expr, ExprSchemable, Operator, cast,
        planner::{ExprPlanner, PlannerResult, RawBinaryExpr},
    },
    sql::sqlparser::ast::BinaryOperator,
};

#[derive(Debug)]
pub(super) struct TSqlOperators;

impl ExprPlanner for TSqlOperators {
    fn plan_binary_op(
        &self,
        expr: RawBinaryExpr,
        schema: &DFSchema,
    ) -> Result<PlannerResult<RawBinaryExpr>> {
        let left = expr.left.get_type(schema)?;
        let right = expr.right.get_type(schema)?;
        if expr.op == BinaryOperator::Plus && left.is_string() && right.is_string() {
            return Ok(planned(expr.left, Operator::StringConcat, expr.right));
        }
        let Some(comparison) = comparison(&expr.op) else {
            return Ok(PlannerResult::Original(expr));
        };
        match (&left, &right) {
            (DataType::Boolean, other) if other.is_numeric() => {
                Ok(planned(cast(expr.left, DataType::Int32), comparison, expr.right))
            }
            (other, DataType::Boolean) if other.is_numeric() => {
                Ok(planned(expr.left, comparison, cast(expr.right, DataType::Int32)))
            }
            _ => Ok(PlannerResult::Original(expr)),
        }
    }
}

fn planned(left: Expr, op: Operator, right: Expr) -> PlannerResult<RawBinaryExpr> {
    PlannerResult::Planned(Expr::BinaryExpr(BinaryExpr::new(Box::new(left), op, Box::new(right))))
}

fn comparison(op: &BinaryOperator) -> Option<Operator> {
    Some(match op {
        BinaryOperator::Eq => Operator::Eq,
        BinaryOperator::NotEq => Operator::NotEq,
        BinaryOperator::Lt => Operator::Lt,
        BinaryOperator::LtEq => Operator::LtEq,
        BinaryOperator::Gt => Operator::Gt,
        BinaryOperator::GtEq => Operator::GtEq,
        _ => return None,
    })
}
