//! Where the binary under test is, and ports it may have. Fed by the environment and the running executable's own path.

use anyhow::{Context, Result, bail};
use std::net::TcpListener;
use std::path::PathBuf;

/// The `skiff` binary: `SKIFF_BIN`, else the one built beside this executable, else one of the same target folder.
///
/// # Errors
/// There is none; the message says how to get one.
pub fn binary() -> Result<PathBuf> {
    if let Some(path) = std::env::var_os("SKIFF_BIN") {
        return Ok(PathBuf::from(path));
    }
    // target/PROFILE/deps/e2e-HASH or target/PROFILE/load
    let own = std::env::current_exe()?;
    let profile = own.ancestors().skip(1).find(|folder| !folder.ends_with("deps")).context("an executable without a folder")?;
    let target = profile.parent().unwrap_or(profile);
    let places = [profile.join("skiff"), target.join("release/skiff"), target.join("debug/skiff")];
    match places.iter().find(|path| path.is_file()) {
        Some(path) => Ok(path.clone()),
        None => bail!("no skiff binary below {}: run `cargo build -p skiff`, or set SKIFF_BIN", target.display()),
    }
}

/// A loopback port that nobody listens on. Below the kernel's range for outgoing connections, so that a client's own port
/// cannot take it before the server does.
///
/// # Errors
/// None of many tried ports is free.
pub fn free_port() -> Result<u16> {
    for _ in 0..200 {
        let port = rand::random_range(20_000..32_000);
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return Ok(port);
        }
    }
    bail!("no free port between 20000 and 32000")
}
