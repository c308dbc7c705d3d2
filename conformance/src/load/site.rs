//! The server that is loaded: its own on fake or real nodes, or one that is running already.
//! Fed by the arguments that all subcommands share.

use super::pool::Pool;
use crate::link::Target;
use crate::processes::{Process, look};
use crate::server::{Nodes, Server};
use anyhow::{Context, Result};
use clap::Args;

/// Which server, for every subcommand.
#[derive(Args, Clone, Debug, Default)]
pub struct SiteArgs {
    /// URL of a running API server; without it, one is started and stopped.
    #[arg(long, requires = "token")]
    pub server: Option<String>,
    /// Its bearer token of cluster-admin.
    #[arg(long)]
    pub token: Option<String>,
    /// URL of its gateway.
    #[arg(long)]
    pub gateway: Option<String>,
    /// Its process id, for CPU time and memory.
    #[arg(long)]
    pub pid: Option<i32>,
    /// Connections to the API server.
    #[arg(long, default_value_t = 8)]
    pub connections: usize,
}

/// A server under load.
pub struct Site {
    /// Clients share these connections.
    pub pool: Pool,
    /// The gateway's URL, if there is one.
    pub gateway: Option<String>,
    /// Its processes, as far as they are known.
    pub processes: Vec<Process>,
    server: Option<Server>,
}

impl Site {
    /// Starts the server, or connects to the one that was named.
    ///
    /// # Errors
    /// It cannot be started or reached.
    pub async fn open(args: &SiteArgs, nodes: Nodes) -> Result<Self> {
        if let (Some(url), Some(token)) = (&args.server, &args.token) {
            let pool = Pool::open(&Target::parse(url)?, token, args.connections).await?;
            let processes = args.pid.and_then(look).into_iter().collect();
            return Ok(Site { pool, gateway: args.gateway.clone(), processes, server: None });
        }
        let server = Server::start(nodes).await?;
        let pool = Pool::open(&server.target()?, &server.token, args.connections).await?;
        let gateway = Some(format!("http://{}", server.gateway()));
        Ok(Site { pool, gateway, processes: server.processes(), server: Some(server) })
    }

    /// The API server's own process.
    ///
    /// # Errors
    /// It was not started here and no `--pid` was given.
    pub fn apiserver(&self) -> Result<Process> {
        match &self.server {
            Some(server) => server.role("apiserver"),
            None => self.processes.first().cloned().context("memory of a running server needs --pid"),
        }
    }

    /// The gateway's URL.
    ///
    /// # Errors
    /// A running server was named without it.
    pub fn gateway(&self) -> Result<&str> {
        self.gateway.as_deref().context("this needs --gateway")
    }

    /// CPU seconds of the server until now.
    #[must_use]
    pub fn cpu_seconds(&self) -> f64 {
        self.processes.iter().filter_map(|process| process.cpu_seconds().ok()).sum()
    }

    /// Stops the server if it was started here.
    ///
    /// # Errors
    /// It leaves something behind.
    pub async fn close(self) -> Result<()> {
        drop(self.pool);
        if let Some(server) = self.server {
            server.stop().await?;
        }
        Ok(())
    }
}
