//! Replays recorded exchanges against a running server and prints every step that differs: `exchanges.py check`, in Rust.

use anyhow::{Result, ensure};
use clap::{Parser, Subcommand};
use skiff_conformance::exchange::{Group, Replay, replay};
use skiff_conformance::link::Target;
use std::path::PathBuf;
use std::time::Duration;

#[derive(Parser)]
#[command(about = "Replays recorded exchanges with a Kubernetes API server")]
struct Arguments {
    #[command(subcommand)]
    mode: Mode,
}

#[derive(Subcommand)]
enum Mode {
    /// Replays group files and prints every step that differs; ends with 1 if any does.
    Check {
        /// URL of the API server.
        #[arg(long)]
        server: String,
        /// Bearer token.
        #[arg(long, default_value = "")]
        token: String,
        /// Seconds after each write, for a server whose controllers need time.
        #[arg(long, default_value_t = 0.0)]
        pause: f64,
        /// The server's default domain, where the Knative exchanges have example.com.
        #[arg(long, default_value = "")]
        domain: String,
        /// Differences shown per step.
        #[arg(long, default_value_t = 4)]
        lines: usize,
        /// Group files.
        #[arg(required = true)]
        groups: Vec<PathBuf>,
    },
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let Mode::Check { server, token, pause, domain, lines, groups } = Arguments::parse().mode;
    let with = Replay { target: Target::parse(&server)?, token, pause: Duration::from_secs_f64(pause), domain };
    let (mut held, mut differ) = (0, 0);
    for file in &groups {
        let group = Group::read(file)?;
        let outcomes = replay(&group, &with).await?;
        let mut passed = 0;
        for outcome in &outcomes {
            if outcome.differences.is_empty() {
                passed += 1;
                continue;
            }
            println!("{}/{}: {}", group.group, outcome.id, outcome.request);
            for line in outcome.differences.iter().take(lines) {
                println!("    {line}");
            }
        }
        held += passed;
        differ += outcomes.len() - passed;
        println!("{}: {passed}/{}", group.group, outcomes.len());
    }
    println!("exchanges: {held} held, {differ} differ");
    ensure!(differ == 0, "{differ} exchanges differ");
    Ok(())
}
