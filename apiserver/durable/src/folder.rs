//! What the folder as a whole needs: its listing and its own sync. Must not know what the files hold.

use crate::Fault;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

/// Suffix of a file that is not finished; removed at the next open.
pub(crate) const UNFINISHED: &str = ".tmp";

/// Makes renames and removals in a folder durable.
pub(crate) fn sync(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}

/// Files whose names start and end so, by name.
pub(crate) fn list(dir: &Path, prefix: &str, suffix: &str) -> Result<Vec<(String, PathBuf)>, Fault> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).map_err(Fault::io(dir))? {
        let entry = entry.map_err(Fault::io(dir))?;
        let Ok(name) = entry.file_name().into_string() else { continue };
        if name.starts_with(prefix) && name.ends_with(suffix) {
            found.push((name, entry.path()));
        }
    }
    found.sort();
    Ok(found)
}

/// Removes what a killed process left unfinished.
pub(crate) fn sweep(dir: &Path) -> Result<(), Fault> {
    for (_, path) in list(dir, "", UNFINISHED)? {
        tracing::info!(path = %path.display(), "removing an unfinished file");
        std::fs::remove_file(&path).map_err(Fault::io(&path))?;
    }
    Ok(())
}
