//! What a node agent is told at its start. Fed by the command line (`skiff kubelet`, `skiff up`); knows no wire and no pod.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

/// The agent's proof of identity and whom it trusts, each as PEM text.
#[derive(Clone, Debug)]
pub struct NodeTls {
    /// Certificates that may sign the control plane's certificate.
    pub ca_pem: Vec<u8>,
    /// The node's own chain (`CN=system:node:NAME, O=system:nodes`).
    pub cert_pem: Vec<u8>,
    /// The key of `cert_pem`.
    pub key_pem: Vec<u8>,
}

/// Everything that a node agent has to know before it connects.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Name of the node.
    pub node_name: String,
    /// Where the control plane listens; its certificate must carry this IP address.
    pub api: SocketAddr,
    /// Identity and trust.
    pub tls: NodeTls,
    /// Own state: ledger, logs, volumes, namespaces. Secrets are written below it (mode 0700): put it on a tmpfs if they must
    /// not reach a disk. The mounts below it have to be visible to containerd (same mount namespace, or a shared one).
    pub dir: PathBuf,
    /// containerd's gRPC socket.
    pub containerd_socket: PathBuf,
    /// containerd namespace.
    pub namespace: String,
    /// Address of the node that others reach.
    pub node_address: Ipv4Addr,
    /// Name of the bridge, at most 15 bytes; one per agent on a machine.
    pub bridge: String,
    /// Snapshotter of containerd.
    pub snapshotter: String,
    /// Runtime (shim) of containerd, such as `io.containerd.runc.v2`.
    pub runtime: String,
    /// `BinaryName` for that runtime (path of `crun`, …); `None` for its default.
    pub runtime_binary: Option<String>,
    /// Network namespaces kept ready for the next sandboxes, 0 to 256.
    pub pool: usize,
    /// Largest number of sandboxes at a time.
    pub pods_max: u16,
    /// Containers that may be in creation at a time; more wait. Creation is CPU bound, so a little above the cores is best.
    pub starts_max: usize,
    /// Remove everything when the agent is told to stop, instead of leaving containers running.
    pub remove_on_stop: bool,
    /// CPU thousandths to offer; `None` for all that the machine has.
    pub cpu_milli: Option<u32>,
    /// Memory in MiB to offer; `None` for all that the machine has.
    pub memory_mib: Option<u32>,
    /// Resolver of cluster names, for pods of `dnsPolicy: ClusterFirst`; `None` gives them the node's resolv.conf.
    pub cluster_dns: Option<Ipv4Addr>,
    /// Domain of the cluster, for search lists.
    pub cluster_domain: String,
}

impl Settings {
    /// Settings with defaults for everything that has one.
    pub fn new(node_name: &str, api: SocketAddr, tls: NodeTls, dir: &Path) -> Self {
        Settings {
            node_name: node_name.to_owned(),
            api,
            tls,
            dir: dir.to_owned(),
            containerd_socket: PathBuf::from("/run/containerd/containerd.sock"),
            namespace: "k8s.io".to_owned(),
            node_address: Ipv4Addr::LOCALHOST,
            bridge: "skiff0".to_owned(),
            snapshotter: "overlayfs".to_owned(),
            runtime: "io.containerd.runc.v2".to_owned(),
            runtime_binary: None,
            pool: 8,
            pods_max: 250,
            starts_max: 8,
            remove_on_stop: false,
            cpu_milli: None,
            memory_mib: None,
            cluster_dns: None,
            cluster_domain: "cluster.local".to_owned(),
        }
    }

    pub(crate) fn netns_dir(&self) -> PathBuf {
        self.dir.join("netns")
    }

    pub(crate) fn pod_dir(&self, uid: &str) -> PathBuf {
        self.dir.join("pods").join(uid)
    }

    pub(crate) fn fifo_dir(&self) -> PathBuf {
        self.dir.join("fifo")
    }

    pub(crate) fn ledger_file(&self) -> PathBuf {
        self.dir.join("ledger")
    }

    /// Directory of one container's log files, laid out like upstream's `/var/log/pods`.
    pub(crate) fn log_dir(&self, namespace: &str, pod: &str, uid: &str, container: &str) -> PathBuf {
        self.dir.join("logs").join(format!("{namespace}_{pod}_{uid}")).join(container)
    }
}
