//! What a stopped server must not leave behind: processes, mounts below its folder, network links.
//!
//! Fed by the server under test, before its start and after its end. Knows how Linux shows these things, nothing of Skiff.

use crate::processes::{Process, mentioning};
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// The network links of this machine at one moment.
#[derive(Clone, Debug, Default)]
pub struct Links(BTreeSet<String>);

impl Links {
    /// Those of now: names with their index, so that a new link with an old name is another link.
    #[must_use]
    pub fn now() -> Self {
        let entries = fs::read_dir("/sys/class/net").into_iter().flatten().flatten();
        Links(
            entries
                .map(|entry| {
                    let index = fs::read_to_string(entry.path().join("ifindex")).unwrap_or_default();
                    format!("{} ({})", entry.file_name().to_string_lossy(), index.trim())
                })
                .collect(),
        )
    }

    /// Those that came after `earlier`.
    #[must_use]
    pub fn since(&self, earlier: &Links) -> Links {
        Links(self.0.difference(&earlier.0).cloned().collect())
    }

    /// Those that are still there in `later`.
    fn surviving(&self, later: &Links) -> impl Iterator<Item = String> + use<> {
        self.0.intersection(&later.0).cloned().collect::<Vec<_>>().into_iter()
    }
}

/// Everything of a server that is still there after its end, one line each.
///
/// `tree` are the processes that it had just before its end, `made` the links that came while it ran: a container's process
/// names no folder in its arguments, and a link does not say who made it.
#[must_use]
pub fn leftovers(folder: &Path, tree: &[Process], made: &Links) -> Vec<String> {
    let text = folder.to_string_lossy();
    let mut processes: Vec<Process> = tree.iter().filter(|process| process.alive()).cloned().collect();
    for process in mentioning(&text) {
        if process.alive() && !processes.contains(&process) {
            processes.push(process);
        }
    }
    let mut found: Vec<String> =
        processes.iter().map(|process| format!("process {}: {}", process.pid, process.arguments())).collect();
    found.extend(mounts(&text).into_iter().map(|mount| format!("mount {mount}")));
    found.extend(made.surviving(&Links::now()).map(|link| format!("link {link}")));
    found
}

/// Mount points below a folder; network namespaces kept as files are among them.
fn mounts(folder: &str) -> Vec<String> {
    let table = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    table.lines().filter_map(|line| line.split(' ').nth(4)).filter(|point| point.starts_with(folder)).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::{Links, leftovers};
    use crate::processes::tree;

    #[test]
    fn a_surviving_process_is_found_by_tree_and_by_folder() -> anyhow::Result<()> {
        let folder = tempfile::tempdir()?;
        let file = folder.path().join("marker");
        std::fs::write(&file, "")?;
        let mut child = std::process::Command::new("tail").arg("-f").arg(&file).spawn()?;
        // The child's arguments are ours until it has executed.
        std::thread::sleep(std::time::Duration::from_millis(200));
        let found = leftovers(folder.path(), &[], &Links::default());
        assert!(found.iter().any(|line| line.contains("tail -f")), "{found:?}");
        let processes = tree(child.id().cast_signed());
        child.kill()?;
        child.wait()?;
        assert_eq!(leftovers(folder.path(), &processes, &Links::default()), Vec::<String>::new());
        Ok(())
    }
}
