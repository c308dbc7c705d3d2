//! The roles: each turns its arguments into the settings of the crate that does the work, and runs it until a signal.
//!
//! Fed by `main`. Must not decide anything that the crate could decide.

pub mod apiserver;
pub mod certificate;
pub mod fake_nodes;
pub mod gateway;
pub mod image;
pub mod kubelet;
pub mod supervised;

use crate::args::PairFiles;
use crate::layout;
use anyhow::Context;
use tokio::signal::unix::{SignalKind, signal};

/// Trust, certificate and key, as PEM.
struct Pems {
    ca: Vec<u8>,
    cert: Vec<u8>,
    key: Vec<u8>,
}

fn read_pair(files: &PairFiles) -> anyhow::Result<Pems> {
    Ok(Pems { ca: layout::read(&files.ca)?, cert: layout::read(&files.cert)?, key: layout::read(&files.key)? })
}

/// Ends when SIGINT or SIGTERM comes. Both are caught from now on, not only from the first poll.
fn stop_signal() -> anyhow::Result<impl Future<Output = ()> + Send + 'static> {
    let mut interrupt = signal(SignalKind::interrupt()).context("SIGINT cannot be caught")?;
    let mut terminate = signal(SignalKind::terminate()).context("SIGTERM cannot be caught")?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}
