//! The last look: no process, mount or bridge of ours is left. Normally there is nothing to do; what is found means that
//! something was killed in the middle, and is said.
//!
//! Fed by the end of `up`. Touches only what carries the data folder's own paths and names.

use super::say::Say;
use crate::layout::Layout;
use nix::mount::{MntFlags, umount2};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// Looks and cleans up.
pub fn everything(layout: &Layout, say: &Say) {
    for pid in shims(layout) {
        say.step("sweep", &format!("shim {pid} was left with its container: killed"));
        for pid in with_descendants(pid) {
            let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
        }
    }
    for point in mounts(layout.root()) {
        say.step("sweep", &format!("{} was still mounted", point.display()));
        if let Err(error) = umount2(&point, MntFlags::MNT_DETACH) {
            say.step("sweep", &format!("{} cannot be unmounted: {error}", point.display()));
        }
    }
    if Path::new("/sys/class/net").join(layout.bridge()).exists() {
        say.step("sweep", &format!("bridge {0} is left; `ip link delete {0}` removes it", layout.bridge()));
    }
    let socket_dir = layout.socket_dir();
    if !socket_dir.starts_with(layout.root()) {
        std::fs::remove_dir_all(socket_dir).ok();
    }
}

/// Processes, as numbers.
fn processes() -> impl Iterator<Item = i32> {
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

/// Shims that were started by our containerd: they carry its socket in their arguments.
fn shims(layout: &Layout) -> Vec<i32> {
    let socket = layout.socket().into_os_string().into_encoded_bytes();
    let ours = |pid: &i32| {
        let Ok(words) = std::fs::read(format!("/proc/{pid}/cmdline")) else { return false };
        let mut words = words.split(|byte| *byte == 0);
        words.next().is_some_and(|program| String::from_utf8_lossy(program).contains("containerd-shim"))
            && words.any(|word| word == socket)
    };
    processes().filter(ours).collect()
}

/// Deepest first does not matter for SIGKILL; the shim comes last, as it is what could start others.
fn with_descendants(top: i32) -> Vec<i32> {
    let mut children: HashMap<i32, Vec<i32>> = HashMap::new();
    for pid in processes() {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let parent = stat.rsplit_once(')').and_then(|(_, rest)| rest.split_whitespace().nth(1)?.parse().ok());
        children.entry(parent.unwrap_or(0)).or_default().push(pid);
    }
    let (mut all, mut next) = (vec![top], 0);
    while next < all.len() {
        all.extend(children.remove(&all[next]).unwrap_or_default());
        next += 1;
    }
    all.reverse();
    all
}

/// Mounts below a folder, innermost first.
fn mounts(root: &Path) -> Vec<PathBuf> {
    let table = std::fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    let mut points: Vec<PathBuf> = table.lines().filter_map(|line| line.split(' ').nth(4)).map(unescaped).collect();
    points.retain(|point| point.starts_with(root) && point != root);
    points.sort();
    points.reverse();
    points
}

/// The kernel writes blanks and backslashes as `\040` and the like.
fn unescaped(text: &str) -> PathBuf {
    let mut parts = text.split('\\');
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        match part.get(..3).and_then(|digits| u8::from_str_radix(digits, 8).ok()) {
            Some(byte) if byte.is_ascii() => {
                plain.push(char::from(byte));
                plain.push_str(&part[3..]);
            }
            _ => {
                plain.push('\\');
                plain.push_str(part);
            }
        }
    }
    PathBuf::from(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blanks_in_mount_points_are_read() {
        assert_eq!(unescaped("/a\\040b/c\\134d"), Path::new("/a b/c\\d"));
    }

    #[test]
    fn descendants_end_with_the_top() {
        let own = Pid::this().as_raw();
        assert_eq!(with_descendants(own).last(), Some(&own));
    }
}
