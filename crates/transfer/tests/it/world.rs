//! Emulators with one table, and clients of them.

use std::{fs::File, sync::Arc};

use arrow::{
    array::{Date32Array, Decimal128Array, Int64Array, RecordBatch, StringArray},
    datatypes::{DataType, Field, Schema},
};
use azconnect_emulators::{Config, Emulators};
use azconnect_transfer::{
    Export, ExportBuilder,
    lake::{LakeClient, LakePath},
    synapse::{Login, QueryOptions, SynapseClient},
};
use azure_core::{
    credentials::{AccessToken, TokenCredential, TokenRequestOptions},
    time::{Duration, OffsetDateTime},
};
use bytes::Bytes;
use parquet::arrow::{ArrowWriter, arrow_reader::ParquetRecordBatchReaderBuilder};
use tempfile::TempDir;

pub(crate) struct World {
    pub(crate) emulators: Arc<Emulators>,
    pub(crate) lake: LakeClient,
    pub(crate) synapse: SynapseClient,
    _tables: TempDir,
}

impl World {
    /// Emulators whose table `orders` has these rows.
    pub(crate) async fn with_orders(rows: i64) -> Self {
        Self::start(Config::default(), rows).await
    }

    pub(crate) async fn start(config: Config, rows: i64) -> Self {
        let tables = tempfile::tempdir().unwrap();
        let orders = orders(rows);
        let file = File::create(tables.path().join("orders.parquet")).unwrap();
        let mut writer = ArrowWriter::try_new(file, orders.schema(), None).unwrap();
        writer.write(&orders).unwrap();
        writer.close().unwrap();
        let config = Config { tables_dir: Some(tables.path().to_owned()), ..config };
        let emulators = Arc::new(Emulators::start(config).await.unwrap());
        let identity = Arc::new(Identity { emulators: Arc::clone(&emulators) });
        Self {
            lake: lake(&emulators, identity.clone()),
            synapse: synapse(&emulators, identity),
            emulators,
            _tables: tables,
        }
    }

    /// An export of `sql` to `raw/out.parquet`, in small batches.
    pub(crate) fn export(&self, sql: &str) -> ExportBuilder {
        Export::builder(self.synapse.clone(), sql, self.lake.clone(), target())
            .with_query_options(QueryOptions::default().with_batch_rows(1_000))
    }

    /// What the lake has at the target.
    pub(crate) async fn file(&self) -> Option<Bytes> {
        if !self.lake.exists(&target()).await.unwrap() {
            return None;
        }
        Some(self.lake.read(&target()).await.unwrap())
    }
}

pub(crate) fn target() -> LakePath {
    "raw/out.parquet".parse().unwrap()
}

/// The rows of a Parquet file as one batch.
pub(crate) fn rows_of(file: Bytes) -> RecordBatch {
    let reader = ParquetRecordBatchReaderBuilder::try_new(file).unwrap();
    let schema = Arc::clone(reader.schema());
    let batches = reader.build().unwrap().collect::<Result<Vec<_>, _>>().unwrap();
    arrow::compute::concat_batches(&schema, &batches).unwrap()
}

/// Numbers, NULLs, text beyond ASCII, decimals and dates.
pub(crate) fn orders(rows: i64) -> RecordBatch {
    let names = (0..rows).map(|row| match row % 4 {
        0 => None,
        1 => Some(String::new()),
        2 => Some(format!("Grüße {row} ✓ 𝄞")),
        _ => Some(format!("order {row}")),
    });
    let totals = (0..rows).map(|row| (row % 5 != 0).then(|| i128::from(row) * 100 + 7));
    let totals = totals.collect::<Decimal128Array>().with_precision_and_scale(15, 2).unwrap();
    let days =
        (0..rows).map(|row| (row % 3 != 0).then(|| 8_000 + i32::try_from(row % 3_000).unwrap()));
    let schema = Schema::new(vec![
        Field::new("id", DataType::Int64, false),
        Field::new("name", DataType::Utf8, true),
        Field::new("total", DataType::Decimal128(15, 2), true),
        Field::new("day", DataType::Date32, true),
    ]);
    RecordBatch::try_new(
        Arc::new(schema),
        vec![
            Arc::new(Int64Array::from_iter_values(0..rows)),
            Arc::new(names.collect::<StringArray>()),
            Arc::new(totals),
            Arc::new(days.collect::<Date32Array>()),
        ],
    )
    .unwrap()
}

/// A path-style endpoint: the lake's client knows nothing of clouds, and needs no host names here.
fn lake(emulators: &Emulators, credential: Arc<dyn TokenCredential>) -> LakeClient {
    let ca = reqwest::Certificate::from_pem(emulators.ca_pem().as_bytes()).unwrap();
    let http = reqwest::Client::builder()
        .tls_backend_rustls()
        .no_proxy()
        .tls_certs_only([ca])
        .build()
        .unwrap();
    let endpoint = |url: String| format!("{url}/lakedemo").parse().unwrap();
    LakeClient::builder("lakedemo".parse().unwrap(), credential)
        .with_dfs_endpoint(endpoint(emulators.endpoints().lake_dfs_url()))
        .with_blob_endpoint(endpoint(emulators.endpoints().lake_blob_url()))
        .with_http_client(http)
        .build()
        .unwrap()
}

fn synapse(emulators: &Emulators, credential: Arc<dyn TokenCredential>) -> SynapseClient {
    let server = "syn-demo.sql.azuresynapse.net".parse().unwrap();
    SynapseClient::builder(server, "demo", Login::AccessToken(credential))
        .with_connect_address(emulators.endpoints().synapse.unwrap())
        .with_ca_pem(emulators.ca_pem())
        .build()
        .unwrap()
}

/// The demo identity, with whatever roles the configuration gives it.
#[derive(Debug)]
struct Identity {
    emulators: Arc<Emulators>,
}

#[async_trait::async_trait]
impl TokenCredential for Identity {
    async fn get_token(
        &self,
        scopes: &[&str],
        _options: Option<TokenRequestOptions<'_>>,
    ) -> azure_core::Result<AccessToken> {
        use secrecy::ExposeSecret;
        let audience = scopes[0].trim_end_matches("/.default");
        let token = self.emulators.issue_token("uami-demo", audience, Duration::hours(1)).unwrap();
        let expires_on = OffsetDateTime::now_utc() + Duration::hours(1);
        Ok(AccessToken::new(token.expose_secret().to_owned(), expires_on))
    }
}
