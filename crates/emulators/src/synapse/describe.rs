//! The answer of `sp_describe_first_result_set`: one row for each column that a statement returns.
//!
//! Spec: <https://learn.microsoft.com/sql/relational-databases/system-stored-procedures/sp-describe-first-result-set-transact-sql>

use std::sync::Arc;

use datafusion::arrow::{
    array::{
        ArrayRef, BooleanArray, Int16Array, Int32Array, RecordBatch, RecordBatchOptions,
        StringArray, UInt8Array,
    },
    datatypes::{Field, Schema},
};

use super::{
    encode::BatchEncoder,
    metadata::{Column, Layout, col_metadata, decimal_bytes},
    sql_error::SqlError,
    sql_type::{Length, SqlType},
};

/// Appends the description of `columns` as a result without its DONE.
pub(super) fn put(columns: &[Column], out: &mut Vec<u8>) -> Result<(), SqlError> {
    let facts: Vec<Facts> = columns.iter().map(Facts::of).collect();
    let answer = answer(columns, &facts);
    let described: Vec<Column> = answer
        .iter()
        .map(|(name, sql_type, _)| Column {
            name: (*name).to_owned(),
            sql_type: *sql_type,
            nullable: true,
        })
        .collect();
    let fields: Vec<Field> = answer
        .iter()
        .map(|(name, _, array)| Field::new(*name, array.data_type().clone(), true))
        .collect();
    let arrays = answer.into_iter().map(|(_, _, array)| array).collect();
    let rows = RecordBatchOptions::new().with_row_count(Some(columns.len()));
    let batch = RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), arrays, &rows)?;
    col_metadata(&described, out);
    let mut encoder = BatchEncoder::new(&described, &batch)?;
    (0..encoder.rows()).try_for_each(|row| encoder.row(row, out))
}

/// What the answer says about a type.
struct Facts {
    /// The id in `sys.types`.
    system_type_id: i32,
    /// Bytes, or -1 for `max`.
    max_length: i16,
    precision: u8,
    scale: u8,
    collation: Option<&'static str>,
    tds_type_id: i32,
    tds_length: i32,
}

impl Facts {
    fn of(column: &Column) -> Self {
        let variable = |length: Length, unit: u16| match length {
            Length::Limited(length) => (length * unit).cast_signed(),
            Length::Max => -1,
        };
        let (system_type_id, max_length, precision, scale) = match column.sql_type {
            SqlType::BigInt => (127, 8, 19, 0),
            SqlType::Binary { length } => (173, length.cast_signed(), 0, 0),
            SqlType::Bit => (104, 1, 1, 0),
            SqlType::Char { length, .. } => (175, length.cast_signed(), 0, 0),
            SqlType::Date => (40, 3, 10, 0),
            SqlType::DateTime => (61, 8, 23, 3),
            SqlType::DateTime2 { scale } => (42, time_bytes(scale) + 3, digits(20, scale), scale),
            SqlType::DateTimeOffset { scale } => {
                (43, time_bytes(scale) + 5, digits(27, scale), scale)
            }
            SqlType::Decimal { precision, scale } => {
                (106, i16::from(decimal_bytes(precision)), precision, scale)
            }
            SqlType::Float => (62, 8, 53, 0),
            SqlType::Int => (56, 4, 10, 0),
            SqlType::Money => (60, 8, 19, 4),
            SqlType::NChar { length } => (239, (length * 2).cast_signed(), 0, 0),
            SqlType::NVarChar { length } => (231, variable(length, 2), 0, 0),
            SqlType::Real => (59, 4, 24, 0),
            SqlType::SmallDateTime => (58, 4, 16, 0),
            SqlType::SmallInt => (52, 2, 5, 0),
            SqlType::SmallMoney => (122, 4, 10, 4),
            SqlType::Time { scale } => (41, time_bytes(scale), digits(9, scale), scale),
            SqlType::TinyInt => (48, 1, 3, 0),
            SqlType::UniqueIdentifier => (36, 16, 0, 0),
            SqlType::VarBinary { length } => (165, variable(length, 1), 0, 0),
            SqlType::VarChar { length, .. } => (167, variable(length, 1), 0, 0),
        };
        let mut description = Vec::new();
        col_metadata(std::slice::from_ref(column), &mut description);
        let tds_type_id = description.get(TYPE_AT).copied().unwrap_or_default();
        let tds_length = match column.layout() {
            Layout::Chunked => i32::from(u16::MAX),
            _ => i32::from(max_length),
        };
        Self {
            system_type_id,
            max_length,
            precision,
            scale,
            collation: column.sql_type.collation().map(|collation| collation.name()),
            tds_type_id: i32::from(tds_type_id),
            tds_length,
        }
    }
}

fn time_bytes(scale: u8) -> i16 {
    match scale {
        0..=2 => 3,
        3..=4 => 4,
        _ => 5,
    }
}

/// How many characters a time has with this many decimal places.
fn digits(without: u8, scale: u8) -> u8 {
    if scale == 0 { without - 1 } else { without + scale }
}

type AnswerColumn = (&'static str, SqlType, ArrayRef);

/// The columns of the answer, in the order that is documented.
fn answer(columns: &[Column], facts: &[Facts]) -> Vec<AnswerColumn> {
    let count = columns.len();
    let bit = |value: Option<bool>| {
        (SqlType::Bit, Arc::new(BooleanArray::from(vec![value; count])) as ArrayRef)
    };
    let name = |length: u16, values: Vec<Option<String>>| {
        let sql_type = SqlType::NVarChar { length: Length::Limited(length) };
        (sql_type, Arc::new(StringArray::from(values)) as ArrayRef)
    };
    let no_name = || name(128, vec![None; count]);
    let int =
        |values: Vec<Option<i32>>| (SqlType::Int, Arc::new(Int32Array::from(values)) as ArrayRef);
    let small = |values: Vec<Option<i16>>| {
        (SqlType::SmallInt, Arc::new(Int16Array::from(values)) as ArrayRef)
    };
    let tiny = |values: Vec<u8>| (SqlType::TinyInt, Arc::new(UInt8Array::from(values)) as ArrayRef);
    let ordinals = (1..).take(count).map(Some).collect();
    let nullable = columns.iter().map(|column| Some(column.nullable)).collect::<Vec<_>>();
    let with_names: [(&'static str, (SqlType, ArrayRef)); 39] = [
        ("is_hidden", bit(Some(false))),
        ("column_ordinal", int(ordinals)),
        ("name", name(128, columns.iter().map(|one| Some(one.name.clone())).collect())),
        ("is_nullable", (SqlType::Bit, Arc::new(BooleanArray::from(nullable)) as ArrayRef)),
        ("system_type_id", int(facts.iter().map(|one| Some(one.system_type_id)).collect())),
        (
            "system_type_name",
            name(256, columns.iter().map(|one| Some(one.sql_type.to_string())).collect()),
        ),
        ("max_length", small(facts.iter().map(|one| Some(one.max_length)).collect())),
        ("precision", tiny(facts.iter().map(|one| one.precision).collect())),
        ("scale", tiny(facts.iter().map(|one| one.scale).collect())),
        (
            "collation_name",
            name(128, facts.iter().map(|one| one.collation.map(ToOwned::to_owned)).collect()),
        ),
        ("user_type_id", int(vec![None; count])),
        ("user_type_database", no_name()),
        ("user_type_schema", no_name()),
        ("user_type_name", no_name()),
        ("assembly_qualified_type_name", name(4000, vec![None; count])),
        ("xml_collection_id", int(vec![None; count])),
        ("xml_collection_database", no_name()),
        ("xml_collection_schema", no_name()),
        ("xml_collection_name", no_name()),
        ("is_xml_document", bit(Some(false))),
        ("is_case_sensitive", bit(Some(false))),
        ("is_fixed_length_clr_type", bit(Some(false))),
        ("source_server", no_name()),
        ("source_database", no_name()),
        ("source_schema", no_name()),
        ("source_table", no_name()),
        ("source_column", no_name()),
        ("is_identity_column", bit(Some(false))),
        ("is_part_of_unique_key", bit(None)),
        ("is_updateable", bit(Some(false))),
        ("is_computed_column", bit(Some(false))),
        ("is_sparse_column_set", bit(Some(false))),
        ("ordinal_in_order_by_list", small(vec![None; count])),
        ("order_by_list_length", small(vec![None; count])),
        ("order_by_is_descending", small(vec![None; count])),
        ("tds_type_id", int(facts.iter().map(|one| Some(one.tds_type_id)).collect())),
        ("tds_length", int(facts.iter().map(|one| Some(one.tds_length)).collect())),
        ("tds_collation_id", int(vec![None; count])),
        ("tds_collation_sort_id", tiny(vec![0; count])),
    ];
    with_names.into_iter().map(|(name, (sql_type, array))| (name, sql_type, array)).collect()
}

/// Where the type of the first column stands in COLMETADATA: after its count, user type and flags.
const TYPE_AT: usize = 9;
