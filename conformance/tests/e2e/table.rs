//! The command table: `golden/table`, commands of kubectl and what each of four versions printed of a stock control plane 1.36.3,
//! word for word (`printed` says what is left open). `golden/table/differences.txt` names what Skiff prints otherwise, and why;
//! it can only shrink, because a listed difference that is gone fails as well.

use crate::clients::{find, here};
use crate::kubectl::each_version;
use crate::printed;
use crate::transcript::{Stage, scenes};
use anyhow::{Context, Result, ensure};
use skiff_conformance::server::{Nodes, Server};
use std::collections::BTreeSet;

each_version! { play;
    access: "access.txt", apply: "apply.txt", change: "change.txt", create: "create.txt", custom: "custom.txt", delete: "delete.txt",
    describe: "describe.txt", discovery: "discovery.txt", errors: "errors.txt", explain: "explain.txt", get: "get.txt",
    local: "local.txt", nodes: "nodes.txt", pods: "pods.txt", rollout: "rollout.txt",
}

#[test]
fn every_file_is_played() -> Result<()> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(here().join("golden/table"))? {
        files.push(entry?.file_name().to_string_lossy().into_owned());
    }
    files.retain(|file| file != "differences.txt");
    files.sort();
    assert_eq!(files, FILES);
    Ok(())
}

/// A known difference: lines that stock prints and Skiff does not, and the reverse.
#[derive(Debug, Default)]
struct Difference {
    file: String,
    versions: Option<String>,
    command: String,
    reason: String,
    stock: Vec<String>,
    skiff: Vec<String>,
}

fn differences(text: &str) -> Result<Vec<Difference>> {
    let mut all: Vec<Difference> = Vec::new();
    for line in text.lines().filter(|line| !line.trim().is_empty() && !line.starts_with("# ")) {
        let last = all.last_mut();
        if let Some(reason) = line.strip_prefix("because ") {
            reason.clone_into(&mut last.context("a reason of nothing")?.reason);
        } else if let Some(stock) = line.strip_prefix("- ") {
            last.context("a line of nothing")?.stock.push(printed::line(stock));
        } else if let Some(skiff) = line.strip_prefix("+ ") {
            last.context("a line of nothing")?.skiff.push(printed::line(skiff));
        } else {
            let (place, command) = line.split_once(" $ ").with_context(|| format!("neither a command nor a line: {line}"))?;
            let (file, versions) = match place.split_once(' ') {
                Some((file, versions)) => (file, Some(versions.trim_matches(['[', ']']).to_owned())),
                None => (place, None),
            };
            all.push(Difference { file: file.to_owned(), versions, command: command.to_owned(), ..Difference::default() });
        }
    }
    for one in &all {
        ensure!(!one.reason.is_empty(), "differences.txt: no reason for {} $ {}", one.file, one.command);
    }
    Ok(all)
}

impl Difference {
    fn is_of(&self, file: &str, version: &str) -> bool {
        self.file == file && self.versions.as_ref().is_none_or(|versions| versions.split(',').any(|one| one == version))
    }

    /// Whether these lines, and no others, set `wanted` and `got` apart; where they stand is not asked.
    fn explains(&self, wanted: &[String], got: &[String]) -> bool {
        let together = |some: &[String], more: &[String]| {
            let mut all = [some, more].concat();
            all.sort();
            all
        };
        together(wanted, &self.skiff) == together(got, &self.stock)
    }
}

async fn play(version: &str, file: &str) -> Result<()> {
    let Some(kubectl) = find(&format!("kubectl-{version}"), file) else { return Ok(()) };
    let folder = here().join("golden/table");
    let text = std::fs::read_to_string(folder.join(file)).with_context(|| file.to_owned())?;
    let scenes = scenes(&text, version, printed::line);
    ensure!(!scenes.is_empty(), "{file} has no commands");
    let known = differences(&std::fs::read_to_string(folder.join("differences.txt")).context("differences.txt")?)?;
    let known: Vec<Difference> = known.into_iter().filter(|one| one.is_of(file, version)).collect();
    let server = Server::start(Nodes::Fake(2)).await?;
    let stage = Stage::new(&[("kubectl", &kubectl)], version, &server.kubeconfig(), &server.gateway())?;
    let mut complaints = Vec::new();
    let mut seen = BTreeSet::new();
    for scene in &scenes {
        let (exit, output) = stage.run(&scene.command).await?;
        let (wanted, got) = (with_exit(&scene.wanted, scene.exit), with_exit(&printed::lines(&output), exit));
        if wanted == got {
            continue;
        }
        let mut of_command = known.iter().enumerate().filter(|(_, one)| one.command == scene.command);
        match of_command.find(|(_, one)| one.explains(&wanted, &got)) {
            Some((index, _)) => drop(seen.insert(index)),
            None => complaints.push(format!("$ {}\n{}", scene.command, apart(&wanted, &got).join("\n"))),
        }
    }
    for (index, one) in known.iter().enumerate() {
        if !seen.contains(&index) && !one.reason.starts_with("sometimes:") {
            complaints.push(format!("$ {}\n  no longer differs: take it out of differences.txt", one.command));
        }
    }
    server.stop().await?;
    let count = complaints.len();
    ensure!(complaints.is_empty(), "{file} with {version}: {count} of {} commands\n{}", scenes.len(), complaints.join("\n"));
    println!("table {file} with {version}: {} commands held, {} of them with a known difference", scenes.len(), seen.len());
    Ok(())
}

fn with_exit(lines: &[String], exit: i32) -> Vec<String> {
    lines.iter().cloned().chain(std::iter::once(format!("# exit {exit}"))).collect()
}

/// The lines of a longest common subsequence left out, marked as in `differences.txt`.
fn apart(wanted: &[String], got: &[String]) -> Vec<String> {
    let mut longest = vec![vec![0_usize; got.len() + 1]; wanted.len() + 1];
    for (row, left) in wanted.iter().enumerate().rev() {
        for (column, right) in got.iter().enumerate().rev() {
            longest[row][column] = if left == right {
                longest[row + 1][column + 1] + 1
            } else {
                longest[row + 1][column].max(longest[row][column + 1])
            };
        }
    }
    let (mut row, mut column, mut out) = (0, 0, Vec::new());
    while row < wanted.len() || column < got.len() {
        if row < wanted.len() && column < got.len() && wanted[row] == got[column] {
            (row, column) = (row + 1, column + 1);
        } else if row < wanted.len() && (column == got.len() || longest[row + 1][column] >= longest[row][column + 1]) {
            out.push(format!("- {}", wanted[row]));
            row += 1;
        } else {
            out.push(format!("+ {}", got[column]));
            column += 1;
        }
    }
    out
}

#[test]
fn a_difference_explains_itself_and_nothing_more() -> Result<()> {
    let text = "# remark\nget.txt [1.27,1.30] $ kubectl get a\nbecause of this\n- b\n+ d\n\nget.txt $ kubectl get b\nbecause\n";
    assert!(differences(text).is_err(), "a reason is wanted");
    let known = differences(&text.replace("because\n", "because of that\n"))?;
    assert!(known[0].is_of("get.txt", "1.30") && !known[0].is_of("get.txt", "1.33") && known[1].is_of("get.txt", "1.33"));
    let lines = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
    assert!(known[0].explains(&lines("a b c"), &lines("a c d")));
    assert!(!known[0].explains(&lines("a b c"), &lines("a c")));
    assert!(!known[0].explains(&lines("a b c"), &lines("a d x")));
    assert_eq!(apart(&lines("a b c"), &lines("a c d")), ["- b", "+ d"]);
    Ok(())
}
