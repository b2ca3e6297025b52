//! Pieces of syntax trees: literals with a type, casts, calls of the engine's functions. Values get
//! into a statement as nodes of its tree and never as text of it.

use datafusion::{
    arrow::datatypes::DataType,
    sql::sqlparser::ast::{
        Expr, Function, FunctionArg, FunctionArgExpr, FunctionArgumentList, FunctionArguments,
        Ident, ObjectName, Value,
    },
};

use crate::synapse::params::{Content, TypedValue};

pub(super) fn text(text: impl Into<String>) -> Expr {
    Expr::value(Value::SingleQuotedString(text.into()))
}

pub(super) fn number(number: impl ToString) -> Expr {
    Expr::value(Value::Number(number.to_string(), false))
}

pub(super) fn int(value: i32) -> Expr {
    cast(text(value.to_string()), &DataType::Int32)
}

pub(super) fn null() -> Expr {
    Expr::value(Value::Null)
}

/// The value of a parameter or a variable.
pub(super) fn typed(value: &TypedValue) -> Expr {
    let literal = match &value.content {
        Content::Bytes(bytes) => {
            let digits = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            Expr::value(Value::HexStringLiteral(digits))
        }
        Content::Null => null(),
        Content::Text(content) => text(content),
    };
    match (&value.content, &value.data_type) {
        (Content::Null, DataType::Null)
        | (Content::Text(_), DataType::Utf8)
        | (Content::Bytes(_), DataType::Binary) => literal,
        (_, data_type) => cast(literal, data_type),
    }
}

/// A cast to a type that SQL may have no name for.
pub(super) fn cast(expr: Expr, data_type: &DataType) -> Expr {
    call("arrow_cast", vec![expr, text(data_type.to_string())])
}

pub(super) fn try_cast(expr: Expr, data_type: &DataType) -> Expr {
    call("arrow_try_cast", vec![expr, text(data_type.to_string())])
}

pub(super) fn call(name: &str, arguments: Vec<Expr>) -> Expr {
    let args = arguments
        .into_iter()
        .map(|argument| FunctionArg::Unnamed(FunctionArgExpr::Expr(argument)))
        .collect();
    Expr::Function(Function {
        name: ObjectName::from(vec![Ident::new(name)]),
        uses_odbc_syntax: false,
        parameters: FunctionArguments::None,
        args: FunctionArguments::List(FunctionArgumentList {
            duplicate_treatment: None,
            args,
            clauses: Vec::new(),
        }),
        filter: None,
        null_treatment: None,
        over: None,
        within_group: Vec::new(),
    })
}
