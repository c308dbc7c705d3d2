//! Who a container runs as: `USER` of the image or `runAsUser`, looked up in the image's own passwd and group files.
//! The files are read from the layers on the host, without mounting them.

use containerd_client::types::Mount;
use std::path::{Path, PathBuf};

/// Largest passwd or group file that is looked at, in bytes.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// A resolved user.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct User {
    pub uid: u32,
    pub gid: u32,
    pub groups: Vec<u32>,
}

/// The user or group has no number and is not in the image's files.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum UserError {
    #[error("unable to find user {0}: no matching entries in passwd file")]
    User(String),
    #[error("unable to find group {0}: no matching entries in group file")]
    Group(String),
}

/// Directories of a snapshot's layers on the host, topmost first.
pub fn layers(mounts: &[Mount]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for mount in mounts {
        if mount.r#type == "bind" {
            found.push(PathBuf::from(&mount.source));
        }
        for option in &mount.options {
            if let Some(dir) = option.strip_prefix("upperdir=") {
                found.insert(0, PathBuf::from(dir));
            } else if let Some(dirs) = option.strip_prefix("lowerdir=") {
                found.extend(dirs.split(':').map(PathBuf::from));
            }
        }
    }
    found
}

/// Text of a file of the image, from the topmost layer that has it. A symbolic link is not followed: it could lead out.
pub fn read_file(layers: &[PathBuf], path: &str) -> Option<String> {
    layers.iter().find_map(|layer| {
        let file = layer.join(path);
        let meta = std::fs::symlink_metadata(&file).ok()?;
        (meta.is_file() && meta.len() <= FILE_BYTES_MAX && inside(layer, &file)).then(|| std::fs::read_to_string(&file).ok())?
    })
}

fn inside(layer: &Path, file: &Path) -> bool {
    match (layer.canonicalize(), file.canonicalize()) {
        (Ok(layer), Ok(file)) => file.starts_with(layer),
        _ => false,
    }
}

/// `wanted` is what the image says (`uid`, `name`, either with `:group`); empty is root.
pub fn resolve(wanted: &str, passwd: &str, group: &str) -> Result<User, UserError> {
    let (user, wanted_group) = wanted.split_once(':').map_or((wanted, None), |(u, g)| (u, Some(g)));
    let number = user.parse::<u32>().ok();
    let entry =
        passwd.lines().map(fields).find(|f| f.len() > 3 && (f[0] == user || number.is_some_and(|n| f[2].parse() == Ok(n))));
    let uid = match (number, &entry) {
        (Some(number), _) => number,
        (None, Some(entry)) => entry[2].parse().map_err(|_| UserError::User(user.to_owned()))?,
        (None, None) if user.is_empty() => 0,
        (None, None) => return Err(UserError::User(user.to_owned())),
    };
    let primary = entry.as_ref().and_then(|e| e[3].parse().ok()).unwrap_or(0);
    let gid = match wanted_group {
        None | Some("") => primary,
        Some(name) => match name.parse() {
            Ok(number) => number,
            Err(_) => group
                .lines()
                .map(fields)
                .find(|f| f.len() > 2 && f[0] == name)
                .and_then(|f| f[2].parse().ok())
                .ok_or_else(|| UserError::Group(name.to_owned()))?,
        },
    };
    let name = entry.as_ref().map_or(user, |e| e[0]);
    let groups = group
        .lines()
        .map(fields)
        .filter(|f| f.len() > 3 && f[3].split(',').any(|member| !member.is_empty() && member == name))
        .filter_map(|f| f[2].parse().ok())
        .collect();
    Ok(User { uid, gid, groups })
}

fn fields(line: &str) -> Vec<&str> {
    line.split(':').collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSWD: &str = "root:x:0:0:root:/root:/bin/sh\nweb:x:101:102:web:/:/bin/false\n";
    const GROUP: &str = "root:x:0:\nweb:x:102:\nadm:x:4:web,other\n";

    #[test]
    fn names_and_numbers() {
        let user = |uid, gid, groups: &[u32]| Ok(User { uid, gid, groups: groups.to_vec() });
        assert_eq!(resolve("", PASSWD, GROUP), user(0, 0, &[]));
        assert_eq!(resolve("web", PASSWD, GROUP), user(101, 102, &[4]));
        assert_eq!(resolve("101", PASSWD, GROUP), user(101, 102, &[4]));
        assert_eq!(resolve("web:adm", PASSWD, GROUP), user(101, 4, &[4]));
        assert_eq!(resolve("65532:7", "", ""), user(65532, 7, &[]));
        assert_eq!(resolve("nobody", PASSWD, GROUP), Err(UserError::User("nobody".into())));
        assert_eq!(resolve("web:none", PASSWD, GROUP), Err(UserError::Group("none".into())));
    }
}
