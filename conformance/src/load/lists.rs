//! LIST of many pods, in the forms that clients ask for.

use super::functions::{NAMESPACE, deployment, namespace};
use super::pool::Pool;
use super::site::{Site, SiteArgs};
use super::table::{Table, median, milliseconds};
use crate::server::Nodes;
use anyhow::{Result, ensure};
use clap::Args;
use std::time::{Duration, Instant};

/// Name of a form and what asks for it.
const FORMS: [(&str, &str); 3] = [
    ("JSON", "application/json"),
    ("protobuf", "application/vnd.kubernetes.protobuf"),
    ("Table", "application/json;as=Table;v=v1;g=meta.k8s.io"),
];

/// Arguments.
#[derive(Args, Clone, Debug)]
pub struct ListsArgs {
    #[command(flatten)]
    site: SiteArgs,
    /// Pods, in rising order.
    #[arg(long, value_delimiter = ',', default_value = "10000,100000")]
    pods: Vec<u32>,
    /// Lists of each form; the median is printed.
    #[arg(long, default_value_t = 5)]
    runs: usize,
    /// Fake nodes.
    #[arg(long, default_value_t = 100)]
    nodes: u32,
}

/// Measures and prints.
///
/// # Errors
/// The server fails, or the pods do not appear.
pub async fn lists(args: &ListsArgs) -> Result<()> {
    let site = Site::open(&args.site, Nodes::Fake(args.nodes)).await?;
    let (path, body) = namespace();
    site.pool.create(&path, &body).await?;
    let mut table = Table::new(&["pods", "form", "median ms", "MB"]);
    let mut have = 0;
    for pods in &args.pods {
        let (path, body) = deployment(&format!("l-{pods}"), pods.saturating_sub(have));
        site.pool.create(&path, &body).await?;
        have = *pods;
        settle(&site.pool, *pods).await?;
        for (form, accept) in FORMS {
            let mut took = Vec::with_capacity(args.runs);
            let mut bytes = 0;
            for _ in 0..args.runs {
                let start = Instant::now();
                bytes = site.pool.get(&format!("/api/v1/namespaces/{NAMESPACE}/pods"), accept).await?.len();
                took.push(start.elapsed().as_secs_f64() * 1000.0);
            }
            table.row(&[pods.to_string(), form.to_owned(), milliseconds(median(took)), format!("{:.1}", bytes as f64 / 1e6)]);
        }
    }
    table.print(&format!(
        "LIST of all pods of a namespace, whole, over HTTP/2 with TLS, until the last byte; {} runs of each, {} fake nodes; load and \
         server share this machine.",
        args.runs, args.nodes
    ));
    site.close().await
}

/// Waits until this many pods are listed and running, without reading them all each time.
async fn settle(pool: &Pool, wanted: u32) -> Result<()> {
    let path = format!("/api/v1/namespaces/{NAMESPACE}/pods?limit=1");
    let deadline = Instant::now() + Duration::from_secs(300);
    loop {
        let list = pool.read(&path).await?;
        let first = list["items"].as_array().map_or(0, Vec::len) as u64;
        let count = first + list["metadata"]["remainingItemCount"].as_u64().unwrap_or(0);
        if count >= u64::from(wanted) {
            // Pods that have not started yet would still change under the lists.
            tokio::time::sleep(Duration::from_secs(5)).await;
            return Ok(());
        }
        ensure!(Instant::now() < deadline, "{count} of {wanted} pods after five minutes");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}
