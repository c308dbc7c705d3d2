//! The one binary, `skiff`: every part of the system is a role of it, and `skiff up` runs them all on one machine.
//!
//! Fed by the command line only. Each role is a thin start of the crate that does the work; what is written here is what
//! belongs to no part: arguments, certificates, the layout of the data folder, and the supervisor. Must not know records,
//! Kubernetes objects (but for the one sample that `--try` deploys) or the wire.

mod args;
mod https;
mod identity;
mod layout;
mod role;
mod sec1;
mod up;

use args::{Cli, Role};
use clap::Parser;
use std::io::IsTerminal;
use std::process::ExitCode;
use tracing_subscriber::EnvFilter;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = Cli::parse();
    // `up` speaks for itself on standard output; only what goes wrong in the libraries it calls is worth a line.
    listen_to_tracing(if matches!(cli.role, Role::Up(_)) { "warn" } else { "info,openraft=warn" });
    match start(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("skiff: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn listen_to_tracing(level: &str) {
    let filter = EnvFilter::try_from_env("SKIFF_LOG").unwrap_or_else(|_| EnvFilter::new(level));
    let ansi = std::io::stderr().is_terminal();
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(ansi).init();
}

fn start(cli: Cli) -> anyhow::Result<()> {
    // The supervisor starts all children from one thread that lives as long as it does: their parent-death signal is tied
    // to that thread, not to the process.
    let mut threads = match cli.role {
        Role::Up(_) => tokio::runtime::Builder::new_current_thread(),
        Role::Supervised(supervised) => return role::supervised::become_child(&supervised),
        _ => tokio::runtime::Builder::new_multi_thread(),
    };
    let runtime = threads.enable_all().build()?;
    let done = runtime.block_on(async {
        match cli.role {
            Role::Up(args) => up::run(args).await,
            Role::Apiserver(args) => role::apiserver::run(args).await,
            Role::Gateway(args) => role::gateway::run(args).await,
            Role::Kubelet(args) => role::kubelet::run(args).await,
            Role::FakeNodes(args) => role::fake_nodes::run(args).await,
            Role::Image(args) => role::image::run(args).await,
            Role::Certificate(args) => role::certificate::run(args),
            Role::Supervised(_) => Ok(()),
        }
    });
    // A blocking read that never comes back must not keep a stopped role alive.
    runtime.shutdown_background();
    done
}
