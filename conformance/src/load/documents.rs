//! Resident memory of the API server's process by number of documents.

use super::functions::{config_map, namespace};
use super::site::{Site, SiteArgs};
use super::table::Table;
use crate::server::Nodes;
use anyhow::Result;
use clap::Args;
use std::time::{Duration, Instant};

/// Arguments.
#[derive(Args, Clone, Debug)]
pub struct DocumentsArgs {
    #[command(flatten)]
    site: SiteArgs,
    /// ConfigMaps, in rising order.
    #[arg(long, value_delimiter = ',', default_value = "0,10000,100000")]
    at: Vec<usize>,
    /// Bytes of data in each.
    #[arg(long, default_value_t = 1000)]
    bytes: usize,
    /// Seconds of rest before each reading.
    #[arg(long, default_value_t = 10)]
    rest: u64,
}

/// Measures and prints.
///
/// # Errors
/// The server fails or refuses.
pub async fn documents(args: &DocumentsArgs) -> Result<()> {
    let site = Site::open(&args.site, Nodes::Fake(1)).await?;
    let (path, body) = namespace();
    site.pool.create(&path, &body).await?;
    let mut table = Table::new(&["ConfigMaps", "resident MiB", "bytes a ConfigMap", "seconds to create"]);
    let (mut have, mut empty) = (0, None);
    for wanted in &args.at {
        let start = Instant::now();
        site.pool.create_all((have..*wanted).map(|i| config_map(&format!("d-{i}"), args.bytes))).await?;
        let took = start.elapsed();
        have = have.max(*wanted);
        tokio::time::sleep(Duration::from_secs(args.rest)).await;
        let resident = site.apiserver()?.resident()?;
        let growth = resident.saturating_sub(*empty.get_or_insert(resident));
        let each = if have == 0 { "–".to_owned() } else { format!("{:.0}", growth as f64 / have as f64) };
        let resident = format!("{:.1}", resident as f64 / 1_048_576.0);
        table.row(&[have.to_string(), resident, each, format!("{:.1}", took.as_secs_f64())]);
    }
    table.print(&format!(
        "Resident memory (VmRSS) of the API server's process by ConfigMaps of {} bytes of data, created through the API by 64 clients; \
         {} s of rest before each reading. Bytes a ConfigMap: growth over the first row; the log's cache, the journal and what the \
         allocator keeps of the creation are in it.",
        args.bytes, args.rest
    ));
    site.close().await
}
