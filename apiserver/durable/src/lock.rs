//! One process per folder. Held by everything that may still write there; must not know what is written.

use crate::Fault;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::Path;
use std::sync::Arc;
use tokio::sync::mpsc;

/// A share of the lock. When the last one is dropped the folder is free, and then [`Released`] knows.
#[derive(Clone, Debug)]
pub(crate) struct Held {
    // Before `_alive`: fields are dropped in this order, so the lock is free when the channel says so.
    _file: Arc<File>,
    _alive: mpsc::Sender<()>,
}

/// Waits for the last [`Held`].
#[derive(Debug)]
pub(crate) struct Released(mpsc::Receiver<()>);

impl Released {
    pub(crate) async fn wait(&mut self) {
        // Nothing is ever sent: this ends when all senders are gone.
        while self.0.recv().await.is_some() {}
    }
}

/// Locks the folder, which must exist. The kernel frees it however the process ends.
pub(crate) fn take(dir: &Path) -> Result<(Held, Released), Fault> {
    let path = dir.join("lock");
    let mut file =
        OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path).map_err(Fault::io(&path))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut pid = String::new();
            // What can't be read is unknown; the refusal stands.
            let _ = file.read_to_string(&mut pid);
            let pid = match pid.trim() {
                "" => "unknown".to_owned(),
                pid => pid.to_owned(),
            };
            return Err(Fault::Locked { dir: dir.to_owned(), pid });
        }
        Err(TryLockError::Error(source)) => return Err(Fault::Io { path, source }),
    }
    file.set_len(0).and_then(|()| file.rewind()).map_err(Fault::io(&path))?;
    write!(file, "{}", std::process::id()).map_err(Fault::io(&path))?;
    let (alive, released) = mpsc::channel(1);
    Ok((Held { _file: Arc::new(file), _alive: alive }, Released(released)))
}
