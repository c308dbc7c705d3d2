//! A golden file is a transcript: commands, and what a stock server's client prints for them.
//!
//! ```text
//! # a remark
//! $ kubectl get pods          a command of sh, with $GATEWAY set and the manifests as working folder
//! NAME   READY   …            what it prints, both streams together; compared after `words`
//! [1.27,1.30] …               a line of those client versions only
//! ~Waiting for                any number of lines that start so
//! ...                         any lines
//! a * c/*                     anything in that place of one word
//! # exit 1                    its exit status, if not 0
//! ```
//!
//! Fed by the tests of kubectl and kn. Knows no server: it gets a folder of clients and a kubeconfig.

use crate::words;
use anyhow::{Context, Result, ensure};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tempfile::TempDir;
use tokio::process::Command;

/// Longest that one command may take.
const PATIENCE: Duration = Duration::from_secs(120);

/// Clients, and where they are pointed.
pub struct Stage {
    /// Clients by the names that transcripts call them; a home without caches of other servers.
    folder: TempDir,
    version: String,
    kubeconfig: PathBuf,
    manifests: PathBuf,
    gateway: String,
}

/// One command, and what is wanted of it.
pub struct Scene {
    /// A command line of sh.
    pub command: String,
    /// The lines that it prints.
    pub wanted: Vec<String>,
    /// Its exit status.
    pub exit: i32,
}

impl Stage {
    /// A stage for one client version.
    pub fn new(clients: &[(&str, &Path)], version: &str, kubeconfig: &Path, gateway: &str) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        for (name, path) in clients {
            std::os::unix::fs::symlink(path.canonicalize()?, folder.path().join(name))?;
        }
        let manifests = crate::clients::here().join("golden/manifests");
        let (kubeconfig, gateway) = (kubeconfig.to_owned(), gateway.to_owned());
        Ok(Stage { folder, version: version.to_owned(), kubeconfig, manifests, gateway })
    }

    /// Plays a golden file to its end and fails with every command that was not as written.
    pub async fn play(&self, file: &str) -> Result<()> {
        let path = crate::clients::here().join("golden").join(file);
        let text = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        let scenes = scenes(&text, &self.version, words::line);
        ensure!(!scenes.is_empty(), "{file} has no commands");
        let mut failures = Vec::new();
        for scene in &scenes {
            let (exit, output) = self.run(&scene.command).await?;
            let got = words::lines(&output);
            if exit != scene.exit || !fits(&scene.wanted, &got) {
                let wanted = scene.wanted.join("\n    ");
                failures.push(format!(
                    "$ {}\n  wanted (exit {}):\n    {wanted}\n  printed (exit {exit}):\n    {}",
                    scene.command,
                    scene.exit,
                    got.join("\n    ")
                ));
            }
        }
        ensure!(
            failures.is_empty(),
            "{file} with {}: {} of {} commands differ\n{}",
            self.version,
            failures.len(),
            scenes.len(),
            failures.join("\n")
        );
        Ok(())
    }

    /// Runs one command line; gives its exit status and what it printed.
    pub async fn run(&self, line: &str) -> Result<(i32, String)> {
        let path = format!("{}:{}", self.folder.path().display(), std::env::var("PATH").unwrap_or_default());
        let child = Command::new("sh")
            .arg("-c")
            .arg(format!("exec 2>&1\n{line}"))
            .current_dir(&self.manifests)
            .env("PATH", path)
            .env("HOME", self.folder.path())
            .env("KUBECONFIG", &self.kubeconfig)
            .env("GATEWAY", &self.gateway)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let output =
            tokio::time::timeout(PATIENCE, child.wait_with_output()).await.with_context(|| format!("no end: {line}"))??;
        Ok((output.status.code().unwrap_or(-1), String::from_utf8_lossy(&output.stdout).into_owned()))
    }
}

/// The commands of a golden file, with the lines of one client version made comparable by `line`.
pub fn scenes(text: &str, version: &str, line: fn(&str) -> String) -> Vec<Scene> {
    let mut scenes: Vec<Scene> = Vec::new();
    for written in text.lines() {
        if let Some(command) = written.strip_prefix("$ ") {
            scenes.push(Scene { command: command.to_owned(), wanted: Vec::new(), exit: 0 });
            continue;
        }
        let Some(scene) = scenes.last_mut() else { continue };
        let (only, rest) = match written.strip_prefix('[').and_then(|rest| rest.split_once("] ")) {
            Some((only, rest)) if only.starts_with("1.") => (only, rest),
            _ => (version, written),
        };
        if !only.split(',').any(|one| one == version) {
            continue;
        }
        if let Some(exit) = rest.strip_prefix("# exit ") {
            scene.exit = exit.trim().parse().unwrap_or(-1);
        } else if !rest.starts_with("# ") {
            let wanted = line(rest);
            if !wanted.trim().is_empty() {
                scene.wanted.push(wanted);
            }
        }
    }
    scenes
}

fn fits(wanted: &[String], got: &[String]) -> bool {
    let Some((first, rest)) = wanted.split_first() else { return got.is_empty() };
    if first == "..." {
        return (0..=got.len()).any(|skipped| fits(rest, &got[skipped..]));
    }
    if let Some(start) = first.strip_prefix('~') {
        let repeated = got.iter().take_while(|line| line.starts_with(start)).count();
        return (0..=repeated).any(|skipped| fits(rest, &got[skipped..]));
    }
    got.split_first().is_some_and(|(line, others)| same(first, line) && fits(rest, others))
}

fn same(wanted: &str, got: &str) -> bool {
    let (wanted, got): (Vec<&str>, Vec<&str>) = (wanted.split(' ').collect(), got.split(' ').collect());
    wanted.len() == got.len()
        && wanted.iter().zip(&got).all(|(wanted, got)| match wanted.split_once('*') {
            Some((start, end)) => got.len() >= start.len() + end.len() && got.starts_with(start) && got.ends_with(end),
            None => wanted == got,
        })
}

#[test]
fn transcripts_are_read_and_compared() {
    let text = "# remark\n$ a b\nx 5s\n[1.27,1.30] old\n[1.33,1.37] new\n[1.37] # exit 3\n$ c\n~Wait\n...\nend * z\n";
    let scenes = scenes(text, "1.37", words::line);
    assert_eq!((scenes[0].command.as_str(), scenes[0].exit), ("a b", 3));
    assert_eq!(scenes[0].wanted, ["x <age>", "new"]);
    let got = |lines: &[&str]| lines.iter().map(|line| (*line).to_owned()).collect::<Vec<_>>();
    assert!(fits(&scenes[0].wanted, &got(&["x <age>", "new"])));
    assert!(!fits(&scenes[0].wanted, &got(&["x <age>"])));
    assert!(fits(&scenes[1].wanted, &got(&["Waiting", "Waiting", "other", "end y z"])));
    assert!(!fits(&scenes[1].wanted, &got(&["Waiting", "end z"])));
    assert!(same("node/* labeled", "node/a labeled") && !same("node/* labeled", "pod/a labeled"));
}
