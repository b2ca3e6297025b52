//! The tables: Parquet files and folders of them, found anew for each statement, so that files may
//! come and go while the emulator runs.
//!
//! `dbo.lineitem` is `lineitem.parquet`, `lineitem/`, `dbo.lineitem.parquet`,
//! `dbo/lineitem.parquet` or `dbo/lineitem/`; other schemas need their name in the path.

mod load;

use std::{
    collections::{BTreeSet, HashMap},
    fs,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::SystemTime,
};

use async_trait::async_trait;
use datafusion::{
    catalog::{CatalogProvider, SchemaProvider, TableProvider},
    datasource::TableType,
    error::{DataFusionError, Result},
};
use tokio::sync::OnceCell;

use super::tsql::DEFAULT_SCHEMA;

/// A folder of tables, as the one database.
#[derive(Debug)]
pub(super) struct Tables {
    dir: Option<PathBuf>,
    loaded: Mutex<HashMap<TableName, Loaded>>,
}

/// Schema and table, in lower case.
type TableName = (String, String);

/// A table that was used before, and the files it had then.
#[derive(Debug, Clone)]
struct Loaded {
    files: Vec<TableFile>,
    provider: Arc<OnceCell<Arc<dyn TableProvider>>>,
}

/// A Parquet file; it is another one if its length or its time has changed.
#[derive(Debug, Clone, PartialEq, Eq)]
struct TableFile {
    path: PathBuf,
    bytes: u64,
    modified: Option<SystemTime>,
}

impl Tables {
    pub(super) fn new(dir: Option<PathBuf>) -> Arc<Self> {
        Arc::new(Self { dir, loaded: Mutex::default() })
    }

    /// Whether there is such a table; names in lower case.
    pub(super) fn has(&self, schema: &str, table: &str) -> bool {
        self.files(schema, table).is_some()
    }

    /// The files of a table, in the order of their names.
    fn files(&self, schema: &str, table: &str) -> Option<Vec<TableFile>> {
        let dir = self.dir.as_deref()?;
        let mut places = vec![(dir.to_owned(), [schema, table].join("."))];
        if schema == DEFAULT_SCHEMA {
            places.push((dir.to_owned(), table.to_owned()));
        }
        if let Some(folder) = entries(dir).into_iter().find(|entry| entry.is_folder(schema)) {
            places.push((folder.path, table.to_owned()));
        }
        places.into_iter().find_map(|(place, name)| {
            let found: Vec<Entry> = entries(&place);
            if let Some(file) = found.iter().find(|entry| entry.is_table_file(&name)) {
                return Some(vec![file.as_table_file()]);
            }
            let folder = found.iter().find(|entry| entry.is_folder(&name))?;
            let parts = parts(&folder.path);
            (!parts.is_empty()).then_some(parts)
        })
    }

    /// All tables, by schema and name.
    fn all(&self) -> BTreeSet<TableName> {
        let mut all = BTreeSet::new();
        let Some(dir) = self.dir.as_deref() else { return all };
        for entry in entries(dir) {
            if let Some(name) = entry.table_name() {
                let (schema, table) = name.split_once('.').unwrap_or((DEFAULT_SCHEMA, &name));
                all.insert((schema.to_owned(), table.to_owned()));
            } else if entry.folder {
                for inner in entries(&entry.path) {
                    // Files directly within are parts of a table, or tables of a schema; both can
                    // be meant, and both can be read.
                    if inner.table_name().is_some() {
                        all.insert((DEFAULT_SCHEMA.to_owned(), entry.name.clone()));
                    } else if inner.folder && !parts(&inner.path).is_empty() {
                        all.insert((entry.name.clone(), inner.name.clone()));
                    }
                }
            }
        }
        all
    }

    async fn provider(&self, schema: &str, table: &str) -> Result<Option<Arc<dyn TableProvider>>> {
        let Some(files) = self.files(schema, table) else { return Ok(None) };
        let cell = {
            let mut loaded = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
            let fresh = || Loaded { files: files.clone(), provider: Arc::default() };
            let entry = loaded.entry((schema.to_owned(), table.to_owned())).or_insert_with(fresh);
            if entry.files != files {
                *entry = fresh();
            }
            Arc::clone(&entry.provider)
        };
        let paths: Vec<PathBuf> = files.into_iter().map(|file| file.path).collect();
        let provider = cell.get_or_try_init(|| load::provider(table, paths)).await?;
        Ok(Some(Arc::clone(provider)))
    }
}

/// The database as the engine sees it.
#[derive(Debug)]
pub(super) struct Database(pub(super) Arc<Tables>);

impl CatalogProvider for Database {
    fn schema_names(&self) -> Vec<String> {
        let schemas: BTreeSet<String> =
            self.0.all().into_iter().map(|(schema, _)| schema).collect();
        schemas.into_iter().collect()
    }

    fn schema(&self, name: &str) -> Option<Arc<dyn SchemaProvider>> {
        Some(Arc::new(Schema { tables: Arc::clone(&self.0), name: name.to_owned() }))
    }
}

#[derive(Debug)]
struct Schema {
    tables: Arc<Tables>,
    name: String,
}

#[async_trait]
impl SchemaProvider for Schema {
    fn table_names(&self) -> Vec<String> {
        let all = self.tables.all().into_iter();
        all.filter(|(schema, _)| *schema == self.name).map(|(_, table)| table).collect()
    }

    async fn table(&self, name: &str) -> Result<Option<Arc<dyn TableProvider>>, DataFusionError> {
        self.tables.provider(&self.name, name).await
    }

    async fn table_type(&self, name: &str) -> Result<Option<TableType>> {
        Ok(self.table_exist(name).then_some(TableType::Base))
    }

    fn table_exist(&self, name: &str) -> bool {
        self.tables.has(&self.name, name)
    }
}

/// Something in a folder.
#[derive(Debug)]
struct Entry {
    path: PathBuf,
    /// In lower case.
    name: String,
    folder: bool,
    bytes: u64,
    modified: Option<SystemTime>,
}

impl Entry {
    fn is_folder(&self, name: &str) -> bool {
        self.folder && self.name == name
    }

    fn is_table_file(&self, name: &str) -> bool {
        self.table_name().as_deref() == Some(name)
    }

    /// The name without `.parquet`, if it is such a file.
    fn table_name(&self) -> Option<String> {
        self.name.strip_suffix(".parquet").filter(|_| !self.folder).map(ToOwned::to_owned)
    }

    fn as_table_file(&self) -> TableFile {
        TableFile { path: self.path.clone(), bytes: self.bytes, modified: self.modified }
    }
}

/// What a folder holds, in the order of the names. Names that a client sends are compared with
/// these and never become part of a path.
fn entries(dir: &Path) -> Vec<Entry> {
    let mut entries: Vec<Entry> = fs::read_dir(dir)
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            let path = entry.path();
            // Follows links.
            let metadata = fs::metadata(&path).ok()?;
            Some(Entry {
                name: entry.file_name().to_str()?.to_lowercase(),
                folder: metadata.is_dir(),
                bytes: metadata.len(),
                modified: metadata.modified().ok(),
                path,
            })
        })
        .collect();
    entries.sort_by(|left, right| left.name.cmp(&right.name));
    entries
}

/// The Parquet files directly within a folder.
fn parts(folder: &Path) -> Vec<TableFile> {
    let entries = entries(folder).into_iter();
    entries
        .filter(|entry| entry.table_name().is_some())
        .map(|entry| entry.as_table_file())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_found_by_file_and_folder_without_case() {
        let dir = tempfile::tempdir().unwrap();
        for path in [
            "A.parquet",
            "b/part-1.parquet",
            "b/part-0.parquet",
            "b/_SUCCESS",
            "s/c.parquet",
            "s/d/0.parquet",
            "s.e.parquet",
        ] {
            let path = dir.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        let tables = Tables::new(Some(dir.path().to_owned()));
        for (schema, table, files) in [
            ("dbo", "a", 1),
            ("dbo", "b", 2),
            ("s", "c", 1),
            ("s", "d", 1),
            ("s", "e", 1),
            ("s", "a", 0),
            ("dbo", "d", 0),
            ("dbo", "../a", 0),
            ("..", "a", 0),
        ] {
            let found = tables.files(schema, table).map_or(0, |files| files.len());
            assert_eq!(found, files, "{schema}.{table}");
        }
        let parts = tables.files("dbo", "b").unwrap();
        assert!(parts[0].path.ends_with("part-0.parquet"));
        let all: Vec<String> = tables.all().into_iter().map(|(s, t)| format!("{s}.{t}")).collect();
        assert_eq!(all, ["dbo.a", "dbo.b", "dbo.s", "s.d", "s.e"]);
    }

    #[test]
    fn without_a_folder_there_are_no_tables() {
        assert!(!Tables::new(None).has("dbo", "a"));
    }
}
