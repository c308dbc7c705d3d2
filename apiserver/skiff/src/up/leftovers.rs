//! Processes of a supervisor that was killed, in case they outlived it.
//!
//! Fed by the process id files of the data folder. A note holds the id and the start time, so that a number which the
//! kernel has given to another process since is not mistaken for a child.

use super::say::Say;
use crate::layout::Layout;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::time::{Duration, Instant};

/// Time from SIGTERM to SIGKILL.
const GRACE: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(20);

/// What identifies a process: `PID START`.
pub fn note(pid: u32) -> Option<String> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name in parentheses may hold anything; after it come state, parent, …, and the start time as the 20th.
    let start = stat.rsplit_once(')')?.1.split_whitespace().nth(19)?.to_owned();
    Some(format!("{pid} {start}"))
}

/// Whether the process that the note was made of still exists.
fn lives(noted: &str) -> Option<Pid> {
    let pid = noted.split(' ').next()?.parse::<u32>().ok()?;
    let zombie = std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| stat.contains(") Z "));
    let same = !zombie && note(pid).is_some_and(|now| now == noted);
    same.then(|| i32::try_from(pid).ok().map(Pid::from_raw)).flatten()
}

/// Ends them. Sandboxes are not touched: the new node takes them over.
pub async fn end(layout: &Layout, say: &Say) {
    for entry in std::fs::read_dir(layout.at("run")).into_iter().flatten().flatten() {
        let path = entry.path();
        let Ok(noted) = std::fs::read_to_string(&path) else { continue };
        if let Some(pid) = lives(noted.trim()) {
            let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            say.step(&name, &format!("process {pid} of an earlier start still runs: ended"));
            end_one(noted.trim(), pid).await;
        }
        std::fs::remove_file(&path).ok();
    }
}

async fn end_one(noted: &str, pid: Pid) {
    let _ = kill(pid, Signal::SIGTERM);
    let asked = Instant::now();
    while lives(noted).is_some() {
        if asked.elapsed() > GRACE {
            let _ = kill(pid, Signal::SIGKILL);
            return;
        }
        tokio::time::sleep(PAUSE).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_same_process_is_known_again() {
        let own = note(std::process::id()).expect("own stat");
        assert_eq!(lives(&own), Some(Pid::this()));
        assert_eq!(lives(&format!("{} 1", std::process::id())), None);
        assert_eq!(lives("nonsense"), None);
    }
}
