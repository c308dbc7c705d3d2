//! Where the unmodified clients are. Installs them first, through `clients.sh`, which does nothing when they are there.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// The folder of this crate.
pub fn here() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A client by its file's name, such as `kubectl-1.37`; `None`, said on standard error, if this machine cannot have it.
pub fn find(name: &str, test: &str) -> Option<PathBuf> {
    let path = folder().join(name);
    if path.is_file() {
        return Some(path);
    }
    let reasons = std::fs::read_to_string(folder().join("skipped")).unwrap_or_default();
    let reason = reasons.lines().find(|line| line.starts_with(name)).unwrap_or("clients.sh did not make it");
    skip(test, reason);
    None
}

/// Says that a test was not run. Written past the test harness, which would hide it.
pub fn skip(test: &str, reason: &str) {
    let _ = writeln!(std::io::stderr(), "SKIPPED {test}: {reason}");
}

fn folder() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| here().join("../target"), PathBuf::from);
        if let Err(error) = Command::new(here().join("clients.sh")).env("CARGO_TARGET_DIR", &target).status() {
            skip("clients.sh", &error.to_string());
        }
        target.join("clients")
    })
}
