//! Network namespaces as files, and work inside one. A thread that changed its namespace is never used again for anything
//! else, so each of these jobs has a thread of its own.

use super::NetworkError;
use super::link::Links;
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sched::{CloneFlags, setns, unshare};
use std::fs::File;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::sync::oneshot;

/// Makes a namespace, mounts it at `path` and connects to its netlink.
pub async fn create(path: PathBuf) -> Result<Links, NetworkError> {
    on_own_thread(move || {
        let step = |what| move |error: io::Error| NetworkError::System { what, source: error };
        File::create(&path).map_err(step("netns file"))?;
        unshare(CloneFlags::CLONE_NEWNET).map_err(|e| step("unshare")(e.into()))?;
        mount(Some("/proc/thread-self/ns/net"), &path, None::<&str>, MsFlags::MS_BIND, None::<&str>)
            .map_err(|e| step("mount netns")(e.into()))?;
        harden();
        Links::here()
    })
    .await
    .unwrap_or_else(|| Err(NetworkError::System { what: "netns thread", source: io::ErrorKind::BrokenPipe.into() }))
}

// A new namespace inherits the node's settings, which are those of a router. A pod is none; and it must not follow the
// redirects that the node's kernel sends when a service's endpoint is a neighbour, or it would go around the translation.
// IPv6 need not look for a double of its address: on a hairpin port it would hear itself.
fn harden() {
    let settings = [
        ("ipv4/ip_forward", "0"),
        ("ipv4/conf/all/accept_redirects", "0"),
        ("ipv4/conf/default/accept_redirects", "0"),
        ("ipv6/conf/default/accept_dad", "0"),
    ];
    for (name, value) in settings {
        if let Err(error) = std::fs::write(format!("/proc/sys/net/{name}"), value) {
            tracing::debug!(%error, name, "network setting");
        }
    }
}

/// Unmounts and removes; a path that is none is simply removed.
pub fn remove(path: &Path) {
    umount2(path, MntFlags::MNT_DETACH).ok();
    if let Err(error) = std::fs::remove_file(path)
        && error.kind() != io::ErrorKind::NotFound
    {
        tracing::warn!(%error, path = %path.display(), "network namespace stays behind");
    }
}

/// Whether a namespace is mounted there (after a reboot only the empty file is left).
pub fn is_namespace(path: &Path) -> bool {
    nix::sys::statfs::statfs(path).is_ok_and(|fs| fs.filesystem_type() == nix::sys::statfs::NSFS_MAGIC)
}

/// Connects to a port of the loopback inside a namespace (`None`: the node's own).
pub async fn connect_inside(netns: Option<PathBuf>, port: u16) -> io::Result<tokio::net::TcpStream> {
    let stream = on_own_thread(move || {
        if let Some(netns) = netns {
            setns(File::open(netns)?, CloneFlags::CLONE_NEWNET)?;
        }
        let to = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let stream = TcpStream::connect_timeout(&to, Duration::from_secs(5))?;
        stream.set_nonblocking(true)?;
        Ok::<_, io::Error>(stream)
    })
    .await
    .unwrap_or_else(|| Err(io::ErrorKind::BrokenPipe.into()))?;
    tokio::net::TcpStream::from_std(stream)
}

async fn on_own_thread<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    let runtime = tokio::runtime::Handle::current();
    let (sender, receiver) = oneshot::channel();
    std::thread::Builder::new()
        .name("netns".to_owned())
        .spawn(move || {
            // Sockets made here register with the agent's reactor.
            let _entered = runtime.enter();
            sender.send(work()).ok();
        })
        .ok()?;
    receiver.await.ok()
}
