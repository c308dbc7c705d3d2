//! Resident memory of the API server's process by number of sandboxes.

use super::functions::{deployment, deployments, namespace};
use super::pool::Pool;
use super::site::{Site, SiteArgs};
use super::table::Table;
use crate::server::Nodes;
use anyhow::{Result, ensure};
use clap::Args;
use std::time::{Duration, Instant};

/// Arguments.
#[derive(Args, Clone, Debug)]
pub struct MemoryArgs {
    #[command(flatten)]
    site: SiteArgs,
    /// Sandboxes, in rising order.
    #[arg(long, value_delimiter = ',', default_value = "0,100000,1000000")]
    at: Vec<u32>,
    /// Deployments that they are spread over.
    #[arg(long, default_value_t = 100)]
    functions: u32,
    /// Fake nodes; each holds at most 4,000 sandboxes.
    #[arg(long, default_value_t = 256)]
    nodes: u32,
    /// Seconds of rest before each reading.
    #[arg(long, default_value_t = 10)]
    rest: u64,
    /// Seconds that one step may take.
    #[arg(long, default_value_t = 600)]
    patience: u64,
}

/// Measures and prints.
///
/// # Errors
/// The server fails, or the sandboxes do not all become Ready.
pub async fn memory(args: &MemoryArgs) -> Result<()> {
    let site = Site::open(&args.site, Nodes::Fake(args.nodes)).await?;
    let (path, body) = namespace();
    site.pool.create(&path, &body).await?;
    site.pool.create_all((0..args.functions).map(|i| deployment(&format!("m-{i}"), 0))).await?;

    let mut table = Table::new(&["sandboxes", "resident MiB", "bytes a sandbox", "seconds until Ready"]);
    let mut empty: Option<u64> = None;
    for wanted in &args.at {
        let start = Instant::now();
        let each = wanted.div_ceil(args.functions);
        let sandboxes = each * args.functions;
        scale(&site.pool, args.functions, each).await?;
        settle(&site.pool, u64::from(sandboxes), Duration::from_secs(args.patience)).await?;
        let took = start.elapsed();
        tokio::time::sleep(Duration::from_secs(args.rest)).await;
        let resident = site.apiserver()?.resident()?;
        let base = *empty.get_or_insert(resident);
        let per = if sandboxes == 0 {
            "–".to_owned()
        } else {
            format!("{:.0}", (resident.saturating_sub(base)) as f64 / f64::from(sandboxes))
        };
        table.row(&[
            sandboxes.to_string(),
            format!("{:.1}", resident as f64 / 1_048_576.0),
            per,
            format!("{:.1}", took.as_secs_f64()),
        ]);
    }
    table.print(&format!(
        "Resident memory (VmRSS) of the API server's process by sandboxes: {} Deployments scaled through the API, {} fake nodes, all \
         sandboxes Ready, {} s of rest before each reading. Bytes a sandbox: growth over the first row.",
        args.functions, args.nodes, args.rest
    ));
    site.close().await
}

async fn scale(pool: &Pool, functions: u32, replicas: u32) -> Result<()> {
    for i in 0..functions {
        let path = format!("{}/m-{i}/scale", deployments());
        let patch = format!(r#"{{"spec":{{"replicas":{replicas}}}}}"#);
        let (status, body) = pool.send("PATCH", &path, "application/merge-patch+json", patch.into()).await?;
        ensure!(status == 200, "PATCH {path}: {status} {}", String::from_utf8_lossy(&body));
    }
    Ok(())
}

async fn settle(pool: &Pool, wanted: u64, patience: Duration) -> Result<()> {
    let deadline = Instant::now() + patience;
    loop {
        let list = pool.read(&deployments()).await?;
        let items = list["items"].as_array().map_or(&[][..], Vec::as_slice);
        let ready: u64 = items.iter().filter_map(|item| item["status"]["readyReplicas"].as_u64()).sum();
        if ready == wanted {
            return Ok(());
        }
        ensure!(Instant::now() < deadline, "{ready} of {wanted} sandboxes are Ready after {patience:?}");
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}
