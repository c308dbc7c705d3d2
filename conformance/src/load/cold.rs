//! Cold requests per second through the gateway: each of many functions at zero gets its first request, in an open loop.

use super::functions::{NAMESPACE, namespace, service, services};
use super::pool::Pool;
use super::site::{Site, SiteArgs};
use super::stages::Breakdown;
use super::table::{Latencies, Table};
use crate::server::Nodes;
use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use clap::Args;
use futures::future::join_all;
use http::Request;
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;
use std::time::{Duration, Instant};

/// Arguments.
#[derive(Args, Clone, Debug)]
pub struct ColdArgs {
    #[command(flatten)]
    site: SiteArgs,
    /// Cold requests offered per second, one run each.
    #[arg(long, value_delimiter = ',', default_value = "100,1000,2000")]
    rates: Vec<u32>,
    /// Seconds of each run, unless its functions run out before.
    #[arg(long, default_value_t = 5)]
    seconds: u32,
    /// Most functions of one run; each run has its own, so that all are cold.
    #[arg(long, default_value_t = 5_000)]
    functions: usize,
    /// Fake nodes.
    #[arg(long, default_value_t = 10)]
    nodes: u32,
    /// Default domain of the server.
    #[arg(long, default_value = "localhost")]
    domain: String,
}

/// Pooled HTTP/1.1, as users' clients have it.
pub type Front = Client<HttpConnector, Full<Bytes>>;

/// What one request brought.
pub struct Served {
    /// HTTP status.
    pub status: u16,
    /// `Server-Timing`, which only cold requests have.
    pub timing: Option<String>,
    /// From when the request was due until its body had been read.
    pub took: Duration,
}

/// A client of the gateway.
pub fn front() -> Front {
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    Client::builder(TokioExecutor::new()).pool_max_idle_per_host(4096).build(connector)
}

/// One request to a function.
///
/// # Errors
/// No answer.
pub async fn request(front: &Front, gateway: &str, host: &str, due: Instant) -> Result<Served> {
    let request = Request::get(format!("{gateway}/")).header("host", host).body(Full::default())?;
    let answer = tokio::time::timeout(Duration::from_secs(60), front.request(request)).await.context("no answer in time")??;
    let status = answer.status().as_u16();
    let timing = answer.headers().get("server-timing").and_then(|value| value.to_str().ok()).map(str::to_owned);
    answer.into_body().collect().await?;
    Ok(Served { status, timing, took: due.elapsed() })
}

/// Measures and prints.
///
/// # Errors
/// The server fails, or a function does not become Ready.
pub async fn cold(args: &ColdArgs) -> Result<()> {
    let site = Site::open(&args.site, Nodes::Fake(args.nodes)).await?;
    let (path, body) = namespace();
    site.pool.create(&path, &body).await?;
    let counts: Vec<usize> = args.rates.iter().map(|rate| (*rate as usize * args.seconds as usize).min(args.functions)).collect();
    for (run, count) in counts.iter().enumerate() {
        site.pool.create_all((0..*count).map(|i| service(&format!("c{run}-{i}"), "dev.local/small:1", None))).await?;
    }
    ready(&site.pool, counts.iter().sum()).await?;

    let columns =
        ["offered/s", "n", "reached/s", "p50 ms", "p90", "p99", "max", "not 200", "not cold", "control plane and gateway p50"];
    let mut table = Table::new(&columns);
    let front = front();
    for (run, (rate, count)) in args.rates.iter().zip(&counts).enumerate() {
        let start = Instant::now();
        let mut tasks = Vec::with_capacity(*count);
        super::pace::paced(*rate, *count, |i, due| {
            let (front, gateway) = (front.clone(), site.gateway.clone().unwrap_or_default());
            let host = format!("c{run}-{i}.{NAMESPACE}.{}", args.domain);
            tasks.push(tokio::spawn(async move { request(&front, &gateway, &host, due).await }));
        })
        .await;
        let served = join_all(tasks).await.into_iter().map(|task| task?).collect::<Result<Vec<_>>>()?;
        table.row(&row(*rate, &served, start.elapsed()));
    }
    table.print(&format!(
        "Cold requests through the gateway: the first request of a Knative Service at zero, until its body has been read. \
         Each run has Services of its own, {} fake nodes, open loop over pooled HTTP/1.1, latency from the time the request was due; \
         load and server share this machine.",
        args.nodes
    ));
    site.close().await
}

fn row(rate: u32, served: &[Served], took: Duration) -> Vec<String> {
    let latencies: Latencies = served.iter().map(|one| one.took).collect();
    let mut breakdown = Breakdown::new();
    served.iter().filter_map(|one| one.timing.as_deref()).for_each(|timing| breakdown.add(timing));
    let failed = served.iter().filter(|one| one.status != 200).count();
    let warm = served.iter().filter(|one| one.timing.is_none()).count();
    vec![
        rate.to_string(),
        served.len().to_string(),
        format!("{:.0}", served.len() as f64 / took.as_secs_f64()),
        latencies.ms(0.5),
        latencies.ms(0.9),
        latencies.ms(0.99),
        latencies.ms(1.0),
        failed.to_string(),
        warm.to_string(),
        breakdown.own_p50(),
    ]
}

/// Waits until this many Knative Services are Ready.
///
/// # Errors
/// They are not within two minutes.
pub async fn ready(pool: &Pool, wanted: usize) -> Result<()> {
    let deadline = Instant::now() + Duration::from_secs(120);
    loop {
        let list = pool.read(&services()).await?;
        let ready = list["items"].as_array().map_or(0, |items| items.iter().filter(|item| is_ready(item)).count());
        if ready >= wanted {
            return Ok(());
        }
        ensure!(Instant::now() < deadline, "{ready} of {wanted} Knative Services are Ready after two minutes");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

fn is_ready(service: &Value) -> bool {
    let conditions = service.pointer("/status/conditions").and_then(Value::as_array);
    conditions.is_some_and(|all| all.iter().any(|one| one["type"] == "Ready" && one["status"] == "True"))
}
