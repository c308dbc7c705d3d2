//! Creations of documents per second by number of clients, in a closed loop: each client waits for its answer.

use super::functions::{config_map, namespace, pod};
use super::pool::JSON;
use super::site::{Site, SiteArgs};
use super::table::{Latencies, Table};
use crate::server::Nodes;
use anyhow::{Result, ensure};
use clap::Args;
use futures::future::join_all;
use std::time::{Duration, Instant};

/// Arguments.
#[derive(Args, Clone, Debug)]
pub struct PostsArgs {
    #[command(flatten)]
    site: SiteArgs,
    /// Clients at a time, one run each.
    #[arg(long, value_delimiter = ',', default_value = "1,16,64")]
    clients: Vec<usize>,
    /// Seconds of each run.
    #[arg(long, default_value_t = 5)]
    seconds: u64,
    /// Bytes of data in each ConfigMap.
    #[arg(long, default_value_t = 1000)]
    bytes: usize,
}

/// Measures and prints.
///
/// # Errors
/// The server fails or refuses.
pub async fn posts(args: &PostsArgs) -> Result<()> {
    let site = Site::open(&args.site, Nodes::Fake(1)).await?;
    let (path, body) = namespace();
    site.pool.create(&path, &body).await?;
    let mut table = Table::new(&["kind", "clients", "per second", "p50 ms", "p99 ms"]);
    for kind in ["ConfigMap", "Pod"] {
        let make = |name: &str| if kind == "Pod" { pod(name) } else { config_map(name, args.bytes) };
        for clients in &args.clients {
            let start = Instant::now();
            let end = start + Duration::from_secs(args.seconds);
            let loops = (0..*clients).map(|client| {
                let (pool, make) = (site.pool.clone(), &make);
                let name = move |i: usize| format!("p-{clients}-{client}-{i}");
                async move {
                    let mut took = Vec::new();
                    while Instant::now() < end {
                        let (path, body) = make(&name(took.len()));
                        let sent = Instant::now();
                        let (status, body) = pool.send("POST", &path, JSON, body.to_string().into()).await?;
                        ensure!(status == 201, "POST {path}: {status} {}", String::from_utf8_lossy(&body));
                        took.push(sent.elapsed());
                    }
                    anyhow::Ok(took)
                }
            });
            let took = join_all(loops).await.into_iter().collect::<Result<Vec<_>>>()?;
            let seconds = start.elapsed().as_secs_f64();
            let latencies: Latencies = took.into_iter().flatten().collect();
            let rate = latencies.count() as f64 / seconds;
            table.row(&[kind.to_owned(), clients.to_string(), format!("{rate:.0}"), latencies.ms(0.5), latencies.ms(0.99)]);
        }
    }
    table.print(&format!(
        "POST of ConfigMaps of {} bytes and of Pods that no scheduler takes, closed loop for {} s by clients that share {} HTTP/2 \
         connections with TLS; each is on disk before its answer; load and server share this machine.",
        args.bytes, args.seconds, args.site.connections
    ));
    site.close().await
}
