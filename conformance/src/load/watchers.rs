//! Watch events delivered per second, all watchers together, while ConfigMaps are patched at a fixed rate.

use super::functions::{NAMESPACE, config_map, namespace};
use super::pool::Pool;
use super::site::{Site, SiteArgs};
use super::table::Table;
use crate::server::Nodes;
use anyhow::{Result, ensure};
use clap::Args;
use futures::future::join_all;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// Arguments.
#[derive(Args, Clone, Debug)]
pub struct WatchersArgs {
    #[command(flatten)]
    site: SiteArgs,
    /// Watches of the namespace.
    #[arg(long, default_value_t = 100)]
    watchers: usize,
    /// Objects that are patched in turn.
    #[arg(long, default_value_t = 200)]
    objects: usize,
    /// Patches offered per second, one run each; times the watchers, the deliveries.
    #[arg(long, value_delimiter = ',', default_value = "100,300,600,1000")]
    rates: Vec<u32>,
    /// Seconds of each run.
    #[arg(long, default_value_t = 5)]
    seconds: u32,
}

/// Measures and prints.
///
/// # Errors
/// The server fails or refuses.
pub async fn watchers(args: &WatchersArgs) -> Result<()> {
    let site = Site::open(&args.site, Nodes::Fake(1)).await?;
    let (path, body) = namespace();
    site.pool.create(&path, &body).await?;
    site.pool.create_all((0..args.objects).map(|i| config_map(&format!("w-{i}"), 1000))).await?;
    let (delivered, cut) = open(&site.pool, args).await?;

    let mut table =
        Table::new(&["patches/s", "wanted deliveries", "deliveries", "deliveries/s", "last after ms", "watchers cut"]);
    for rate in &args.rates {
        let count = (rate * args.seconds) as usize;
        let (start, before) = (Instant::now(), delivered.load(Ordering::Relaxed));
        let mut patches = Vec::with_capacity(count);
        super::pace::paced(*rate, count, |i, _| {
            patches.push(tokio::spawn(patch(site.pool.clone(), i % args.objects, i)));
        })
        .await;
        join_all(patches).await.into_iter().map(|task| task?).collect::<Result<Vec<_>>>()?;
        let answered = start.elapsed();
        let wanted = count * args.watchers;
        let got = || delivered.load(Ordering::Relaxed) - before;
        let deadline = Instant::now() + Duration::from_secs(30);
        while got() < wanted && cut.load(Ordering::Relaxed) == 0 && Instant::now() < deadline {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let took = start.elapsed();
        table.row(&[
            rate.to_string(),
            wanted.to_string(),
            got().to_string(),
            format!("{:.0}", got() as f64 / took.as_secs_f64()),
            (took.saturating_sub(answered)).as_millis().to_string(),
            cut.load(Ordering::Relaxed).to_string(),
        ]);
    }
    table.print(&format!(
        "Watch fan-out: {} JSON watches of one namespace over HTTP/1.1 with TLS, {} ConfigMaps of 1 kB patched in turn in an open loop; \
         events are counted by line and not parsed. \"Last after\": from the last patch's answer to the last delivery. Load and \
         server share this machine.",
        args.watchers, args.objects
    ));
    site.close().await
}

/// Opens the watches from now on and counts their lines.
async fn open(pool: &Pool, args: &WatchersArgs) -> Result<(Arc<AtomicUsize>, Arc<AtomicUsize>)> {
    let list = pool.read(&format!("/api/v1/namespaces/{NAMESPACE}/configmaps?limit=1")).await?;
    let version = list["metadata"]["resourceVersion"].as_str().unwrap_or_default();
    let path = format!("/api/v1/namespaces/{NAMESPACE}/configmaps?watch=true&resourceVersion={version}");
    let (delivered, cut) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    for _ in 0..args.watchers {
        let mut lines = pool.watch(&path).await?;
        let (delivered, cut) = (delivered.clone(), cut.clone());
        tokio::spawn(async move {
            while let Ok(Some(_)) = lines.next(Duration::from_secs(3600)).await {
                delivered.fetch_add(1, Ordering::Relaxed);
            }
            cut.fetch_add(1, Ordering::Relaxed);
        });
    }
    Ok((delivered, cut))
}

async fn patch(pool: Pool, object: usize, value: usize) -> Result<()> {
    let path = format!("/api/v1/namespaces/{NAMESPACE}/configmaps/w-{object}");
    // Nanoseconds make every patch a change, also across runs: a patch that changes nothing is no event.
    let nanos = std::time::UNIX_EPOCH.elapsed()?.as_nanos();
    let body = format!(r#"{{"metadata":{{"labels":{{"v":"{value}-{nanos}"}}}}}}"#);
    let (status, answer) = pool.send("PATCH", &path, "application/merge-patch+json", body.into()).await?;
    ensure!(status == 200, "PATCH {path}: {status} {}", String::from_utf8_lossy(&answer));
    Ok(())
}
