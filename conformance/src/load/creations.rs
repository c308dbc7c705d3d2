//! Sandbox creations per second: a Deployment's scale from 0 to 1 until its EndpointSlice says ready, in an open loop.
//! The method of `stock.md` §1, so that the figures can be laid beside stock's.

use super::functions::{deployment, deployments, headless, namespace};
use super::pool::Pool;
use super::site::{Site, SiteArgs};
use super::slices::{Slices, name};
use super::table::{Latencies, Table};
use crate::server::Nodes;
use anyhow::{Result, ensure};
use clap::Args;
use futures::StreamExt;
use futures::future::join_all;
use std::time::{Duration, Instant};

/// Byte for byte what Knative's autoscaler sends.
const UP: &[u8] = br#"[{"op":"add","path":"/spec/replicas","value":1}]"#;
const DOWN: &[u8] = br#"[{"op":"add","path":"/spec/replicas","value":0}]"#;
const PATIENCE: Duration = Duration::from_secs(120);

/// Arguments.
#[derive(Args, Clone, Debug)]
pub struct CreationsArgs {
    #[command(flatten)]
    site: SiteArgs,
    /// Scale-ups offered per second, one run each.
    #[arg(long, value_delimiter = ',', default_value = "100,1000,5000")]
    rates: Vec<u32>,
    /// Seconds of each run, unless the functions run out before.
    #[arg(long, default_value_t = 10)]
    seconds: u32,
    /// Deployments, each with a headless Service.
    #[arg(long, default_value_t = 10_000)]
    functions: usize,
    /// Fake nodes.
    #[arg(long, default_value_t = 10)]
    nodes: u32,
}

struct Run {
    latencies: Latencies,
    acknowledged: Latencies,
    reached: f64,
    cpu_micros: f64,
}

/// Measures and prints.
///
/// # Errors
/// The server fails, refuses, or does not settle.
pub async fn creations(args: &CreationsArgs) -> Result<()> {
    let site = Site::open(&args.site, Nodes::Fake(args.nodes)).await?;
    let (path, body) = namespace();
    site.pool.create(&path, &body).await?;
    site.pool.create_all((0..args.functions).map(|i| deployment(&name(i), 0))).await?;
    site.pool.create_all((0..args.functions).map(|i| headless(&name(i)))).await?;
    let slices = Slices::watch(&site.pool, args.functions).await?;
    tokio::time::sleep(Duration::from_secs(1)).await;

    let columns = ["offered/s", "n", "reached/s", "p50 ms", "p90", "p99", "max", "PATCH p50", "PATCH p99", "server CPU µs each"];
    let mut table = Table::new(&columns);
    for rate in &args.rates {
        let count = (*rate as usize * args.seconds as usize).min(args.functions);
        let run = run(&site, &slices, *rate, count).await?;
        let l = &run.latencies;
        table.row(&[
            rate.to_string(),
            count.to_string(),
            format!("{:.0}", run.reached),
            l.ms(0.5),
            l.ms(0.9),
            l.ms(0.99),
            l.ms(1.0),
            run.acknowledged.ms(0.5),
            run.acknowledged.ms(0.99),
            format!("{:.0}", run.cpu_micros),
        ]);
        scale_down(&site.pool, &slices, count).await?;
    }
    table.print(&format!(
        "Sandbox creations: PATCH of a Deployment's scale from 0 to 1 (JSON patch, as Knative's autoscaler sends it) until a watch \
         on EndpointSlices says ready. {} functions with a headless Service each, {} fake nodes, open loop over {} HTTP/2 \
         connections, latency from the time the PATCH was due; load and server share this machine.",
        args.functions, args.nodes, args.site.connections
    ));
    site.close().await
}

async fn run(site: &Site, slices: &Slices, rate: u32, count: usize) -> Result<Run> {
    let cpu = site.cpu_seconds();
    let mut patches = Vec::with_capacity(count);
    let mut dues = Vec::with_capacity(count);
    super::pace::paced(rate, count, |i, due| {
        dues.push(due);
        patches.push(tokio::spawn(scale(site.pool.clone(), i, due, UP)));
    })
    .await;
    let acknowledged = join_all(patches).await.into_iter().map(|task| task?).collect::<Result<Latencies>>()?;
    slices.settle(count, PATIENCE).await?;
    let ready: Vec<Instant> = (0..count).filter_map(|i| slices.ready_at(i)).collect();
    ensure!(ready.len() == count, "only {} of {count} functions are ready", ready.len());
    let latencies = dues.iter().zip(&ready).map(|(due, ready)| ready.saturating_duration_since(*due)).collect();
    let last = ready.iter().max().copied().unwrap_or_else(Instant::now);
    let took = last.duration_since(dues[0]).as_secs_f64().max(1.0 / f64::from(rate));
    let cpu_micros = (site.cpu_seconds() - cpu) * 1e6 / count as f64;
    Ok(Run { latencies, acknowledged, reached: count as f64 / took, cpu_micros })
}

/// Patches one scale and gives the time from when it was due until its answer.
async fn scale(pool: Pool, i: usize, due: Instant, patch: &'static [u8]) -> Result<Duration> {
    let path = format!("{}/{}/scale", deployments(), name(i));
    let (status, body) = pool.send("PATCH", &path, "application/json-patch+json", patch.into()).await?;
    ensure!(status == 200, "PATCH {path}: {status} {}", String::from_utf8_lossy(&body));
    Ok(due.elapsed())
}

async fn scale_down(pool: &Pool, slices: &Slices, count: usize) -> Result<()> {
    let patches = (0..count).map(|i| scale(pool.clone(), i, Instant::now(), DOWN));
    let answers: Vec<Result<Duration>> = futures::stream::iter(patches).buffer_unordered(64).collect().await;
    answers.into_iter().collect::<Result<Vec<_>>>()?;
    slices.settle(0, PATIENCE).await?;
    // Pods that are still going would be work of the next run.
    tokio::time::sleep(Duration::from_secs(2)).await;
    Ok(())
}
