//! What must be so before anything is started; every refusal is one line that says what to do.
//!
//! Fed with the arguments; looks at the machine and changes nothing.

use crate::args::{Nodes, Up};
use anyhow::{Context, bail};
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;

/// Programs that a containerd node needs, and the Debian package of each.
const TOOLS: [(&str, &str); 3] = [("containerd", "containerd"), ("containerd-shim-runc-v2", "containerd"), ("runc", "runc")];
/// Where administrators' programs lie, also when `PATH` does not say so (`su` without `-`).
const SYSTEM_PATHS: [&str; 3] = ["/usr/local/sbin", "/usr/sbin", "/sbin"];

/// Rights and tools.
pub fn machine(args: &Up) -> anyhow::Result<()> {
    if args.nodes != Nodes::Containerd {
        return Ok(());
    }
    if !nix::unistd::geteuid().is_root() {
        bail!(
            "sandboxes on containerd need root: run this as root (sudo), or take nodes that only pretend with `--nodes fake:3`"
        );
    }
    let missing: Vec<_> = TOOLS.iter().filter(|(tool, _)| find(tool).is_none()).collect();
    if !missing.is_empty() {
        let (mut tools, mut packages): (Vec<_>, Vec<_>) = missing.into_iter().copied().unzip();
        tools.dedup();
        packages.dedup();
        bail!("{} not found in PATH: run `make deps`, or `apt-get install {}`", tools.join(", "), packages.join(" "));
    }
    if !std::fs::read_to_string("/proc/mounts").is_ok_and(|mounts| mounts.lines().any(|line| line.contains(" cgroup"))) {
        bail!(
            "no cgroups are mounted: sandboxes cannot be limited; mount them below /sys/fs/cgroup (on Debian: reboot, or systemd)"
        );
    }
    Ok(())
}

/// Ports, by trying them.
pub fn ports(args: &Up) -> anyhow::Result<()> {
    for (address, flag) in [(args.api_address, "--api-address"), (args.gateway_address, "--gateway-address")] {
        if address.port() == 0 {
            bail!("{flag} {address}: name a port, so that clients can find it again after the next start");
        }
        free(address, flag)?;
    }
    if args.api_address.port() == args.gateway_address.port() && args.api_address.ip() == args.gateway_address.ip() {
        bail!("--api-address and --gateway-address are both {}: choose two ports", args.api_address);
    }
    match args.gateway_admin_address {
        address if address.port() == 0 => Ok(()),
        address => free(address, "--gateway-admin-address"),
    }
}

fn free(address: SocketAddr, flag: &str) -> anyhow::Result<()> {
    use std::io::ErrorKind;
    match TcpListener::bind(address) {
        Ok(_) => Ok(()),
        Err(error) => match error.kind() {
            ErrorKind::AddrInUse => {
                bail!("{address} is in use: stop what listens there (`ss -ltnp` names it), or choose another with {flag}")
            }
            ErrorKind::AddrNotAvailable => bail!("{} is no address of this machine: choose another with {flag}", address.ip()),
            ErrorKind::PermissionDenied => bail!("port {} needs root: choose one above 1023 with {flag}", address.port()),
            _ => bail!("cannot listen on {address}: {error}; choose another with {flag}"),
        },
    }
}

/// A program's path.
pub fn find(tool: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(SYSTEM_PATHS.iter().map(PathBuf::from))
        .map(|dir| dir.join(tool))
        .find(|file| nix::unistd::access(file, nix::unistd::AccessFlags::X_OK).is_ok() && file.is_file())
}

/// `PATH` for containerd, whose shims look for runc there.
pub fn search_path() -> std::ffi::OsString {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let all = std::env::split_paths(&path).chain(SYSTEM_PATHS.iter().map(PathBuf::from));
    // Only a colon in a folder's name could make this fail, and there is none in names that were just split at colons.
    std::env::join_paths(all).unwrap_or(path)
}

/// The node's name: as asked, else the machine's, in the letters that names of nodes are made of.
pub fn node_name(args: &Up) -> anyhow::Result<String> {
    let given = match &args.node_name {
        Some(name) => name.clone(),
        None => std::fs::read_to_string("/proc/sys/kernel/hostname").context("this machine's name")?,
    };
    let given = given.trim().to_ascii_lowercase();
    let plain = |c: char| if c.is_ascii_alphanumeric() || c == '.' { c } else { '-' };
    let name: String = given.chars().map(plain).take(253).collect();
    match name.trim_matches(|c| c == '-' || c == '.') {
        "" | "localhost" => Ok("skiff-node".to_owned()),
        _ if args.node_name.is_some() && name != given => bail!("--node-name {given:?}: only letters, digits, `-` and `.`"),
        name => Ok(name.to_owned()),
    }
}
