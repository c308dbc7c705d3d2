//! Named pipes between containerd's shims and this agent. Opened read-write and without blocking, so that neither side can
//! hang the other and the pipe outlives a restart of the agent.

use nix::sys::stat::Mode;
use std::io;
use std::path::{Path, PathBuf};
use tokio::net::unix::pipe::{OpenOptions, Receiver, Sender};

/// Makes the pipe if it is not there.
pub fn make(path: &Path) -> io::Result<()> {
    match nix::unistd::mkfifo(path, Mode::S_IRUSR | Mode::S_IWUSR) {
        Ok(()) | Err(nix::errno::Errno::EEXIST) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Our reading end. It never sees an end of file: read until nothing is left once the task has been deleted.
pub fn reader(path: &Path) -> io::Result<Receiver> {
    OpenOptions::new().read_write(true).open_receiver(path)
}

/// Our writing end.
pub fn writer(path: &Path) -> io::Result<Sender> {
    OpenOptions::new().read_write(true).open_sender(path)
}

/// Reads what is in the pipe at this moment, past tokio's record of readiness, which may lag behind: for the last look after
/// a process has ended. 0 if there is nothing.
pub fn read_now(pipe: &Receiver, buffer: &mut [u8]) -> usize {
    nix::unistd::read(pipe, buffer).unwrap_or(0)
}

/// The pipes of one process, below a directory of their own; removed when dropped if `owned`.
pub struct Pipes {
    pub dir: PathBuf,
    owned: bool,
}

impl Pipes {
    /// Makes a directory with the wanted pipes. `keep` leaves it there when the value is dropped (a container's pipes have to
    /// survive the agent).
    pub fn make(dir: PathBuf, names: &[&str], keep: bool) -> io::Result<Pipes> {
        std::fs::create_dir_all(&dir)?;
        for name in names {
            make(&dir.join(name))?;
        }
        Ok(Pipes { dir, owned: !keep })
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }
}

impl Drop for Pipes {
    fn drop(&mut self) {
        if self.owned {
            std::fs::remove_dir_all(&self.dir).ok();
        }
    }
}
