//! Cold start on containerd: sequential requests to functions at zero, with every stage of each.

use super::cold::{front, ready, request};
use super::functions::{NAMESPACE, namespace, service};
use super::pool::Pool;
use super::site::{Site, SiteArgs};
use super::stages::Breakdown;
use super::table::{Latencies, Table};
use crate::server::Nodes;
use anyhow::{Context, Result, ensure};
use clap::Args;
use std::time::{Duration, Instant};

/// Arguments.
#[derive(Args, Clone, Debug)]
pub struct ColdStartArgs {
    #[command(flatten)]
    site: SiteArgs,
    /// Cold requests, one after another.
    #[arg(long, default_value_t = 50)]
    requests: usize,
    /// Functions that take turns while the others go back to zero; 1 is the quietest and takes 8 s a request.
    #[arg(long, default_value_t = 5)]
    functions: usize,
    /// Image of the functions.
    #[arg(long, default_value = "skiff.local/hello:latest")]
    image: String,
    /// Default domain of the server.
    #[arg(long, default_value = "localhost")]
    domain: String,
}

/// Measures and prints.
///
/// # Errors
/// The server fails, a request is not served, or a function does not go back to zero.
pub async fn coldstart(args: &ColdStartArgs) -> Result<()> {
    let site = Site::open(&args.site, Nodes::Containerd).await?;
    let (path, body) = namespace();
    site.pool.create(&path, &body).await?;
    site.pool.create_all((0..args.functions).map(|i| service(&format!("s-{i}"), &args.image, Some("6s")))).await?;
    ready(&site.pool, args.functions).await?;

    let front = front();
    let mut total = Latencies::new();
    let mut breakdown = Breakdown::new();
    for i in 0..args.requests {
        let name = format!("s-{}", i % args.functions);
        at_zero(&site.pool, &name).await?;
        let host = format!("{name}.{NAMESPACE}.{}", args.domain);
        let served = request(&front, site.gateway()?, &host, Instant::now()).await?;
        ensure!(served.status == 200, "request {i} to {host}: {}", served.status);
        total.add(served.took);
        breakdown.add(served.timing.as_deref().with_context(|| format!("request {i} to {host} was not cold"))?);
    }
    let mut table = Table::new(&["stage", "p50 ms", "p99 ms"]);
    for row in breakdown.rows() {
        table.row(&row);
    }
    table.row(&["the client's whole request".to_owned(), total.ms(0.5), total.ms(0.99)]);
    table.print(&format!(
        "Cold start on containerd: {} sequential requests through the gateway, {} functions of {} taking turns, each back at zero \
         pods (window 6s) before its next request. Stages are the answers' Server-Timing; the whole is measured by the client.",
        breakdown.count(),
        args.functions,
        args.image
    ));
    site.close().await
}

/// Waits until a function has no pod left, going ones included.
async fn at_zero(pool: &Pool, name: &str) -> Result<()> {
    let path = format!("/api/v1/namespaces/{NAMESPACE}/pods?labelSelector=serving.knative.dev/service%3D{name}");
    let deadline = Instant::now() + Duration::from_secs(120);
    loop {
        let pods = pool.read(&path).await?;
        let left = pods["items"].as_array().map_or(0, Vec::len);
        if left == 0 {
            return Ok(());
        }
        ensure!(Instant::now() < deadline, "{name} still has {left} pods after two minutes");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
