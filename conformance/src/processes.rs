//! Processes as `/proc` shows them: trees, arguments, memory, CPU time, signals by id.
//!
//! Fed by the server under test and the load programs. Knows nothing of Skiff; never signals by name.

use anyhow::{Context, Result};
use nix::sys::signal::Signal;
use std::collections::HashMap;
use std::fs;

/// A process that cannot be mistaken for a later one with the same id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Process {
    /// Process id.
    pub pid: i32,
    /// Ticks after boot.
    started: u64,
    parent: i32,
    zombie: bool,
}

impl Process {
    /// Whether it is still there, and not only waiting to be collected.
    #[must_use]
    pub fn alive(&self) -> bool {
        look(self.pid).is_some_and(|now| now.started == self.started && !now.zombie)
    }

    /// Its arguments, separated by spaces; empty once it is gone.
    #[must_use]
    pub fn arguments(&self) -> String {
        let bytes = fs::read(format!("/proc/{}/cmdline", self.pid)).unwrap_or_default();
        String::from_utf8_lossy(&bytes).replace('\0', " ").trim().to_owned()
    }

    /// Sends a signal, unless it is gone already.
    pub fn signal(&self, signal: Signal) {
        if self.alive() {
            // A process may end between the look and the signal; then there is nothing left to do.
            let _ = nix::sys::signal::kill(nix::unistd::Pid::from_raw(self.pid), signal);
        }
    }

    /// Resident memory in bytes.
    ///
    /// # Errors
    /// The process is gone.
    pub fn resident(&self) -> Result<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
        Ok(line.trim().trim_end_matches(" kB").parse::<u64>()? * 1024)
    }

    /// CPU time used until now, in seconds.
    ///
    /// # Errors
    /// The process is gone.
    pub fn cpu_seconds(&self) -> Result<f64> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.pid))?;
        let fields: Vec<&str> = stat.rsplit(") ").next().unwrap_or_default().split(' ').collect();
        let ticks = |i: usize| fields.get(i).and_then(|field| field.parse::<u32>().ok()).unwrap_or(0);
        // USER_HZ is 100 on every Linux that this runs on.
        Ok(f64::from(ticks(11) + ticks(12)) / 100.0)
    }
}

/// The process with this id.
#[must_use]
pub fn look(pid: i32) -> Option<Process> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name in parentheses may hold anything, parentheses included: fields count from the last one.
    let fields: Vec<&str> = stat.rsplit_once(") ")?.1.split(' ').collect();
    Some(Process {
        pid,
        zombie: *fields.first()? == "Z",
        parent: fields.get(1)?.parse().ok()?,
        started: fields.get(19)?.parse().ok()?,
    })
}

/// All processes.
#[must_use]
pub fn all() -> Vec<Process> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| look(entry.file_name().to_str()?.parse().ok()?)).collect()
}

/// A process and everything that descends from it, itself first.
#[must_use]
pub fn tree(root: i32) -> Vec<Process> {
    let mut children: HashMap<i32, Vec<Process>> = HashMap::new();
    for process in all() {
        children.entry(process.parent).or_default().push(process);
    }
    let mut found: Vec<Process> = look(root).into_iter().collect();
    let mut next = 0;
    while let Some(process) = found.get(next) {
        found.extend(children.remove(&process.pid).unwrap_or_default());
        next += 1;
    }
    found
}

/// Processes whose arguments mention `text`, such as a temporary folder's path.
#[must_use]
pub fn mentioning(text: &str) -> Vec<Process> {
    let own = std::process::id().cast_signed();
    all().into_iter().filter(|process| process.pid != own && process.arguments().contains(text)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sees_itself_and_its_child() -> Result<()> {
        let own = std::process::id().cast_signed();
        let mut child = std::process::Command::new("sleep").arg("60.125").spawn()?;
        let tree = tree(own);
        let seen = tree.iter().find(|process| process.pid == child.id().cast_signed()).context("child not in the tree")?.clone();
        assert_eq!(seen.arguments(), "sleep 60.125");
        assert!(seen.alive() && tree[0].resident()? > 100_000);
        child.kill()?;
        child.wait()?;
        assert!(!seen.alive());
        Ok(())
    }
}
