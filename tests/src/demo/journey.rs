//! The steps, in the order in which a job takes them.

use std::{fs::File, path::Path, sync::Arc};

use anyhow::{Context, Result, ensure};
use azconnect_auth::{ClientCertificateCredential, Identity};
use azconnect_emulators::Config;
use azconnect_lake::{LakeClient, LakePath, LakeUrl, ParquetReadOptions};
use azconnect_transfer::{Export, ExportReport, TableName};
use azure_core::credentials::TokenCredential;
use futures::TryStreamExt;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use super::{Arguments, Summary, lineitem, node, report::Proof};
use crate::{harness::Harness, rows::Fingerprint};

const APP: &str = "app-demo";
const SECRET: &str = "demo-secret";
const TARGET: &str = "abfss://raw@lakedemo.dfs.core.windows.net/tpch/lineitem.parquet";
const VAULT_SCOPE: &str = "https://vault.azure.net/.default";
const STORAGE_SCOPE: &str = "https://storage.azure.com/.default";

/// Runs all steps; the first failure ends them.
pub(super) async fn run(arguments: &Arguments, summary: &mut Summary) -> Result<()> {
    let tables = arguments.out.join("tables");
    let certificates = arguments.out.join("batch-certificates");

    let generated = summary.step("generate lineitem", generate(arguments, &tables)).await?;
    summary.generated = Some(generated.clone());

    let config = Config { tables_dir: Some(tables), ..Config::default() };
    let identity = config.managed_identities.first().map(|one| one.client_id.to_string());
    let identity: Identity = identity.context("no identity is configured")?.parse()?;
    let client_id = config.apps.first().map(|app| app.client_id.to_string());
    let client_id = client_id.context("no app is configured")?;
    let harness = summary.step("start emulators", start(config)).await?;

    let by_certificate = summary
        .step("token by certificate", by_certificate(&harness, &certificates, &client_id))
        .await?;
    let by_identity =
        summary.step("token by managed identity", by_identity(&harness, identity)).await?;
    summary.step("read secret", read_secret(&harness, by_certificate)).await?;

    let target: LakeUrl = TARGET.parse()?;
    let lake = harness.lake(Arc::clone(&by_identity))?;
    let report =
        summary.step("export", export(&harness, by_identity, &lake, target.path())).await?;
    summary.step("exists", exists(&lake, target.path(), &report)).await?;
    let local = arguments.out.join("downloads").join("lineitem.parquet");
    summary.step("download", download(&lake, target.path(), &local, &report)).await?;
    let downloaded = summary.step("read the download", read_local(&local)).await?;
    let read_back = summary.step("read from the lake", read_back(&lake, target.path())).await?;
    summary.read_back = Some(read_back.clone());
    ensure!(downloaded == read_back, "the downloaded file and the one in the lake differ");
    summary.step("compare", compare(&generated, &read_back, &report)).await?;
    summary.rows = read_back.rows;
    Ok(())
}

async fn generate(arguments: &Arguments, tables: &Path) -> Result<(Fingerprint, Proof)> {
    std::fs::create_dir_all(tables)?;
    let path = tables.join("lineitem.parquet");
    let scale_factor = arguments.scale_factor;
    let (fingerprint, bytes) = tokio::task::spawn_blocking(move || {
        let fingerprint = lineitem::generate(scale_factor, &path)?;
        anyhow::Ok((fingerprint, std::fs::metadata(&path)?.len()))
    })
    .await??;
    let proof = Proof::of(format!("TPC-H scale factor {scale_factor}"));
    let proof = proof.with_rows(fingerprint.rows).with_bytes(bytes);
    Ok((fingerprint, proof))
}

async fn start(config: Config) -> Result<(Harness, Proof)> {
    let harness = Harness::start(config).await?;
    Ok((harness, Proof::of("six services listen on loopback, five of them with TLS")))
}

async fn by_certificate(
    harness: &Harness,
    directory: &Path,
    client_id: &str,
) -> Result<(Arc<dyn TokenCredential>, Proof)> {
    let registration = node::lay_out(directory)?;
    harness.emulators().register_certificate(APP, &registration.certificate.to_pem()?)?;
    let pem = node::read_pem(directory, &registration.thumbprint)?;
    let tenant = harness.emulators().tenant_id().parse()?;
    let credential =
        ClientCertificateCredential::builder(tenant, client_id.parse()?, pem.as_bytes())
            .with_authority_host(harness.emulators().endpoints().authority_host().parse()?)
            .with_transport(harness.transport())
            .build()?;
    let token = credential.get_token(&[VAULT_SCOPE], None).await?;
    let short = registration.thumbprint.to_hex().chars().take(8).collect::<String>();
    let proof = Proof::of(format!("Entra took the assertion signed by PFX sha1-{short}…"));
    Ok((credential, proof.with_bytes(token.token.secret().len() as u64)))
}

async fn by_identity(
    harness: &Harness,
    identity: Identity,
) -> Result<(Arc<dyn TokenCredential>, Proof)> {
    let credential = harness.managed_identity(Some(identity))?;
    let token = credential.get_token(&[STORAGE_SCOPE], None).await?;
    let proof = Proof::of("IMDS knew the user-assigned identity by its client id");
    Ok((credential, proof.with_bytes(token.token.secret().len() as u64)))
}

async fn read_secret(
    harness: &Harness,
    credential: Arc<dyn TokenCredential>,
) -> Result<((), Proof)> {
    let secret = harness.vault(credential)?.secret(&SECRET.parse()?).await?;
    let value = secret.value.expose_secret();
    ensure!(value == "the value of demo-secret", "the secret has another value");
    let bytes = value.len() as u64;
    Ok(((), Proof::of("the vault took the certificate's token").with_bytes(bytes)))
}

async fn export(
    harness: &Harness,
    credential: Arc<dyn TokenCredential>,
    lake: &LakeClient,
    path: &LakePath,
) -> Result<(ExportReport, Proof)> {
    let sql = "lineitem".parse::<TableName>()?.select_all();
    let synapse = harness.synapse(credential)?;
    let export = Export::builder(synapse, sql, lake.clone(), path.clone()).build()?;
    let report = export.run().await?;
    let proof = Proof::of(format!("Synapse and the lake took the identity's tokens: {TARGET}"));
    let proof = proof.with_rows(report.rows).with_bytes(report.bytes);
    Ok((report, proof))
}

async fn exists(lake: &LakeClient, path: &LakePath, report: &ExportReport) -> Result<((), Proof)> {
    ensure!(lake.exists(path).await?, "the file is not there");
    let size = lake.properties(path).await?.size;
    ensure!(size == report.bytes, "it has {size} bytes, {} were exported", report.bytes);
    Ok(((), Proof::of("the lake has the file, in its full length").with_bytes(size)))
}

async fn download(
    lake: &LakeClient,
    path: &LakePath,
    local: &Path,
    report: &ExportReport,
) -> Result<((), Proof)> {
    lake.download(path, local).await?;
    let size = std::fs::metadata(local)?.len();
    ensure!(size == report.bytes, "it has {size} bytes, {} were exported", report.bytes);
    let magic = std::fs::read(local)?;
    ensure!(magic.starts_with(b"PAR1") && magic.ends_with(b"PAR1"), "it is no Parquet file");
    Ok(((), Proof::of("a whole Parquet file on this disk").with_bytes(size)))
}

async fn read_local(local: &Path) -> Result<(Fingerprint, Proof)> {
    let file = File::open(local)?;
    let fingerprint = tokio::task::spawn_blocking(move || {
        let mut fingerprint = Fingerprint::default();
        for batch in ParquetRecordBatchReaderBuilder::try_new(file)?.build()? {
            fingerprint.add(&batch?)?;
        }
        anyhow::Ok(fingerprint)
    })
    .await??;
    let proof = Proof::of("the file on disk becomes Arrow").with_rows(fingerprint.rows);
    Ok((fingerprint, proof))
}

async fn read_back(lake: &LakeClient, path: &LakePath) -> Result<(Fingerprint, Proof)> {
    let mut fingerprint = Fingerprint::default();
    let mut batches = lake.read_parquet(path, ParquetReadOptions::default()).await?;
    while let Some(batch) = batches.try_next().await? {
        fingerprint.add(&batch)?;
    }
    let proof =
        Proof::of("the file in the lake becomes Arrow, by ranges").with_rows(fingerprint.rows);
    Ok((fingerprint, proof))
}

async fn compare(
    generated: &Fingerprint,
    read_back: &Fingerprint,
    report: &ExportReport,
) -> Result<((), Proof)> {
    ensure!(
        generated.rows == read_back.rows && generated.rows == report.rows,
        "{} rows were generated, {} exported, {} read back",
        generated.rows,
        report.rows,
        read_back.rows
    );
    ensure!(generated.sums.len() == DECIMAL_COLUMNS, "lineitem has four decimal columns");
    for (expected, found) in generated.sums.iter().zip(&read_back.sums) {
        ensure!(expected == found, "the sums differ: {expected:?} and {found:?}");
    }
    ensure!(generated == read_back, "a cell differs although the sums agree");
    let sums = generated
        .sums
        .iter()
        .map(|(name, sum)| format!("{name} {}", Fingerprint::decimal(*sum, 2)));
    let sums = sums.collect::<Vec<_>>().join(", ");
    let proof = Proof::of(format!("equal row count, cells and sums: {sums}"));
    Ok(((), proof.with_rows(read_back.rows)))
}

const DECIMAL_COLUMNS: usize = 4;
