//! Resident memory of the API server's process by number of watches that nothing happens to.

use super::functions::{NAMESPACE, namespace};
use super::site::{Site, SiteArgs};
use super::table::Table;
use crate::server::Nodes;
use anyhow::Result;
use clap::Args;
use std::time::Duration;

/// Arguments.
#[derive(Args, Clone, Debug)]
pub struct IdleArgs {
    #[command(flatten)]
    site: SiteArgs,
    /// Watches, in rising order.
    #[arg(long, value_delimiter = ',', default_value = "0,1000,10000")]
    at: Vec<usize>,
    /// Watches that share an HTTP/2 connection.
    #[arg(long, default_value_t = 100)]
    shared: usize,
    /// Seconds of rest before each reading.
    #[arg(long, default_value_t = 5)]
    rest: u64,
}

/// Measures and prints.
///
/// # Errors
/// The server fails or refuses.
pub async fn idle(args: &IdleArgs) -> Result<()> {
    let site = Site::open(&args.site, Nodes::Fake(1)).await?;
    let (path, body) = namespace();
    site.pool.create(&path, &body).await?;
    let path = format!("/api/v1/namespaces/{NAMESPACE}/configmaps?watch=true&allowWatchBookmarks=true");
    let mut table = Table::new(&["idle watches", "resident MiB", "kB a watch", "CPU % while idle"]);
    let (mut watches, mut empty) = (Vec::new(), None);
    for wanted in &args.at {
        while watches.len() < *wanted {
            watches.extend(site.pool.watches(&path, args.shared.min(*wanted - watches.len())).await?);
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
        let process = site.apiserver()?;
        let before = process.cpu_seconds()?;
        tokio::time::sleep(Duration::from_secs(args.rest)).await;
        let busy = (process.cpu_seconds()? - before) / args.rest as f64 * 100.0;
        let resident = process.resident()?;
        let growth = resident.saturating_sub(*empty.get_or_insert(resident));
        let each = if *wanted == 0 { "–".to_owned() } else { format!("{:.1}", growth as f64 / 1000.0 / *wanted as f64) };
        table.row(&[wanted.to_string(), format!("{:.1}", resident as f64 / 1_048_576.0), each, format!("{busy:.1}")]);
    }
    table.print(&format!(
        "Resident memory (VmRSS) of the API server's process by open watches of one namespace's ConfigMaps, {} of them on each HTTP/2 \
         connection with TLS; {} s of rest before each reading. The server's clock and its nodes go on meanwhile.",
        args.shared, args.rest
    ));
    drop(watches);
    site.close().await
}
