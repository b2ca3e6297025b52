//! Makes a table of its Parquet files: names in lower case, and SQL types that the values fit.

use std::{
    collections::{HashMap, HashSet},
    fs::File,
    path::{Path, PathBuf},
    sync::Arc,
};

use datafusion::{
    arrow::{
        array::{Array, AsArray},
        datatypes::{DataType, Field, FieldRef, Fields, Schema},
    },
    catalog::{TableProvider, view::ViewTable},
    common::{Column, DataFusionError, exec_datafusion_err, metadata::FieldMetadata, plan_err},
    datasource::{
        file_format::parquet::ParquetFormat,
        listing::{ListingOptions, ListingTable, ListingTableConfig, ListingTableUrl},
        provider_as_source,
    },
    error::Result,
    logical_expr::{Expr, LogicalPlanBuilder},
};
use parquet::arrow::{ProjectionMask, arrow_reader::ParquetRecordBatchReaderBuilder};
use url::Url;

use crate::synapse::{
    sql_type::{DECLARED_TYPE, Length, MAX_NVARCHAR, MAX_VARCHAR, SqlType},
    tsql::SPELLING,
};

/// Reads what must be known of a table before its first row is sent.
pub(super) async fn provider(name: &str, files: Vec<PathBuf>) -> Result<Arc<dyn TableProvider>> {
    let urls = files.iter().map(|path| url(path)).collect::<Result<Vec<_>>>()?;
    let (schema, longest) = tokio::task::spawn_blocking(move || inspect(&files))
        .await
        .map_err(|error| DataFusionError::External(error.into()))??;

    let options =
        ListingOptions::new(Arc::new(ParquetFormat::default())).with_file_extension(".parquet");
    let stored = Schema::new(schema.fields().iter().map(as_view).collect::<Fields>());
    let config = ListingTableConfig::new_with_multi_paths(urls)
        .with_listing_options(options)
        .with_schema(Arc::new(stored));
    let source = provider_as_source(Arc::new(ListingTable::try_new(config)?));

    let mut columns = Vec::new();
    let mut names = HashSet::new();
    for field in schema.fields() {
        let lower = field.name().to_lowercase();
        if !names.insert(lower.clone()) {
            return plan_err!("table {name} has two columns called {lower}, apart from case");
        }
        let column = Expr::Column(Column::new(Some(name), field.name()));
        let metadata = FieldMetadata::from(describe(field, &longest)?);
        columns.push(column.alias_with_metadata(lower, Some(metadata)));
    }
    let plan = LogicalPlanBuilder::scan(name, source, None)?.project(columns)?.build()?;
    Ok(Arc::new(ViewTable::new(plan, None)))
}

fn url(path: &Path) -> Result<ListingTableUrl> {
    let absolute = path.canonicalize()?;
    let url = Url::from_file_path(&absolute)
        .map_err(|()| exec_datafusion_err!("{} is no path of a file", absolute.display()))?;
    ListingTableUrl::try_new(url, None)
}

/// Text and bytes are read as views, which spares copying them.
fn as_view(field: &FieldRef) -> FieldRef {
    let data_type = match field.data_type() {
        DataType::Utf8 | DataType::LargeUtf8 => DataType::Utf8View,
        DataType::Binary | DataType::LargeBinary => DataType::BinaryView,
        other => other.clone(),
    };
    Arc::new(Field::new(field.name(), data_type, field.is_nullable()))
}

/// What goes with a column: how its name is spelled, and its SQL type if Arrow's alone does not
/// tell it.
fn describe(field: &Field, longest: &HashMap<String, usize>) -> Result<HashMap<String, String>> {
    let mut metadata = HashMap::from([(SPELLING.to_owned(), field.name().clone())]);
    let declared = match field.metadata().get(DECLARED_TYPE) {
        Some(declared) => {
            SqlType::of(field).map_err(|error| exec_datafusion_err!("{}", error.message))?;
            Some(declared.clone())
        }
        None => longest.get(field.name()).map(|longest| fitting(field, *longest).to_string()),
    };
    metadata.extend(declared.map(|declared| (DECLARED_TYPE.to_owned(), declared)));
    Ok(metadata)
}

/// The type of a text or binary column whose longest value is this long.
fn fitting(field: &Field, longest: usize) -> SqlType {
    let limited = |most: u16| match u16::try_from(longest.max(1)) {
        Ok(length) if length <= most => Length::Limited(length),
        _ => Length::Max,
    };
    if is_text(field.data_type()) {
        SqlType::NVarChar { length: limited(MAX_NVARCHAR) }
    } else {
        SqlType::VarBinary { length: limited(MAX_VARCHAR) }
    }
}

/// The schema of the first file, and the length of the longest value of each column of text or
/// bytes whose SQL type is not declared: in UTF-16 units for text.
fn inspect(files: &[PathBuf]) -> Result<(Arc<Schema>, HashMap<String, usize>)> {
    let mut first = None;
    let mut longest = HashMap::new();
    for path in files {
        let builder = ParquetRecordBatchReaderBuilder::try_new(File::open(path)?)?;
        let schema = Arc::clone(builder.schema());
        let wanted: Vec<usize> = schema
            .fields()
            .iter()
            .enumerate()
            .filter(|(_, field)| {
                !field.metadata().contains_key(DECLARED_TYPE)
                    && (is_text(field.data_type()) || is_bytes(field.data_type()))
            })
            .map(|(position, _)| position)
            .collect();
        if !wanted.is_empty() {
            let mask = ProjectionMask::roots(builder.parquet_schema(), wanted);
            for batch in builder.with_projection(mask).build()? {
                let batch = batch?;
                for (field, array) in batch.schema().fields().iter().zip(batch.columns()) {
                    let seen = longest.entry(field.name().clone()).or_insert(0);
                    *seen = (*seen).max(longest_of(array)?);
                }
            }
        }
        first.get_or_insert(schema);
    }
    match first {
        Some(schema) => Ok((schema, longest)),
        None => plan_err!("a table without files"),
    }
}

fn longest_of(array: &dyn Array) -> Result<usize> {
    fn text<'a>(values: impl Iterator<Item = Option<&'a str>>) -> usize {
        values.flatten().fold(0, |longest, value| {
            // Text has at most as many UTF-16 units as bytes, so most values need no counting.
            if value.len() <= longest { longest } else { longest.max(value.encode_utf16().count()) }
        })
    }
    fn bytes<'a>(values: impl Iterator<Item = Option<&'a [u8]>>) -> usize {
        values.flatten().map(<[u8]>::len).max().unwrap_or(0)
    }
    Ok(match array.data_type() {
        DataType::Utf8 => text(array.as_string::<i32>().iter()),
        DataType::LargeUtf8 => text(array.as_string::<i64>().iter()),
        DataType::Utf8View => text(array.as_string_view().iter()),
        DataType::Binary => bytes(array.as_binary::<i32>().iter()),
        DataType::LargeBinary => bytes(array.as_binary::<i64>().iter()),
        DataType::BinaryView => bytes(array.as_binary_view().iter()),
        // What no row refers to may count too: a type that is a little too long does no harm.
        DataType::Dictionary(..) => longest_of(array.as_any_dictionary().values())?,
        other => return plan_err!("cannot tell the longest value of {other}"),
    })
}

fn is_text(data_type: &DataType) -> bool {
    match data_type {
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => true,
        DataType::Dictionary(_, values) => is_text(values),
        _ => false,
    }
}

fn is_bytes(data_type: &DataType) -> bool {
    match data_type {
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView => true,
        DataType::Dictionary(_, values) => is_bytes(values),
        _ => false,
    }
}
