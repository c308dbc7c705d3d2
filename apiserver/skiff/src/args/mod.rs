//! The command line: every role's arguments, with the texts that `--help` shows.
//!
//! Fed by clap. The supervisor fills the same structures in and turns them back into arguments for its children, so that
//! a part started by hand and one started by `up` understand the same words. Must not know what the arguments are used for.

mod nodes;
mod parts;

pub use nodes::{Fleet, Nodes};
pub use parts::{
    Apiserver, Certificate, CertificateOf, FakeNodes, Gateway, Image, ImageAsk, ImagePlace, Kubelet, PairFiles, Supervised,
};

use clap::{ArgAction, Args, Parser, Subcommand};
use std::net::SocketAddr;
use std::path::PathBuf;

/// A Kubernetes- and Knative-compatible API server for functions.
///
/// `skiff up` runs everything on one machine. The other commands are its parts, for those who want to place them.
#[derive(Parser)]
#[command(name = "skiff", version, propagate_version = true, max_term_width = 110)]
pub struct Cli {
    /// What to be.
    #[command(subcommand)]
    pub role: Role,
}

/// The roles.
#[derive(Subcommand)]
pub enum Role {
    /// Run the whole system on this machine, until Ctrl-C.
    Up(Box<Up>),
    /// The control plane: API, state, decisions.
    Apiserver(Apiserver),
    /// The data plane: takes users' requests and forwards them to sandboxes.
    Gateway(Gateway),
    /// A node: runs sandboxes through containerd.
    Kubelet(Kubelet),
    /// Many nodes that only pretend, in one process.
    FakeNodes(FakeNodes),
    /// Images without a registry.
    Image(Image),
    /// Make a certificate for a part that runs elsewhere.
    Certificate(Certificate),
    /// How `up` starts its children.
    #[command(hide = true)]
    Supervised(Supervised),
}

/// Run the whole system on this machine, until Ctrl-C.
///
/// Starts an own containerd, the control plane, a gateway and a node, each as a process of its own that is started again if
/// it dies. Ctrl-C (SIGINT) or SIGTERM stops all of them and removes every sandbox; specs and documents stay in the data
/// folder, so that the next start finds them.
///
/// Ports: the API on --api-address (HTTPS: kubectl, kn, nodes and gateways), users' requests on --gateway-address (HTTP),
/// and one loopback port for the gateway's metrics, which is printed.
///
/// The data folder holds admin.kubeconfig and admin.token (cluster-admin: keep them private), ca.crt and ca.key, pki/ (other
/// certificates and keys), logs/ (one file per process), the control plane's log and snapshots, containerd/ (images), node/
/// (the node's ledger, sandboxes' logs and volumes; emptied at the stop) and run/ (process ids).
#[derive(Args)]
pub struct Up {
    /// Folder for all state; made if it does not exist. One `skiff up` at a time can use it.
    #[arg(long, value_name = "DIR", default_value = ".skiff")]
    pub data_dir: PathBuf,
    /// Where the API is served. Another IP than a loopback one opens it to the network, with the same credentials.
    #[arg(long, value_name = "IP:PORT", default_value = "127.0.0.1:6443")]
    pub api_address: SocketAddr,
    /// Where users' requests are taken: http://NAME.NAMESPACE.DOMAIN:PORT.
    #[arg(long, value_name = "IP:PORT", default_value = "127.0.0.1:8080")]
    pub gateway_address: SocketAddr,
    /// Where the gateway serves /metrics, /healthz and /readyz. Port 0 takes a free one.
    #[arg(long, value_name = "IP:PORT", default_value = "127.0.0.1:0")]
    pub gateway_admin_address: SocketAddr,
    /// What runs sandboxes: `containerd` (one real node on this machine; needs root) or `fake:N` (N nodes that only pretend).
    #[arg(long, value_name = "containerd|fake:N", default_value = "containerd")]
    pub nodes: Nodes,
    /// Domain of functions' addresses. Names below `localhost` need no DNS in curl and browsers.
    #[arg(long, default_value = "localhost")]
    pub domain: String,
    /// Answer cold requests with a Server-Timing header that says where their time went.
    #[arg(long, value_name = "BOOL", default_value_t = true, action = ArgAction::Set)]
    pub server_timing: bool,
    /// Name of the containerd node. [default: this machine's host name]
    #[arg(long, value_name = "NAME")]
    pub node_name: Option<String>,
    /// Largest number of sandboxes of the containerd node.
    #[arg(long, value_name = "N", default_value_t = 250)]
    pub pods_max: u16,
    /// Program that containerd's runc shim calls (path of crun, …). [default: runc]
    #[arg(long, value_name = "PATH")]
    pub runtime_binary: Option<String>,
    /// The sample function's executable (static), imported as skiff.local/hello:latest. [default: `skiff-hello` beside `skiff`]
    #[arg(long, value_name = "PATH")]
    pub sample: Option<PathBuf>,
    /// After the start, deploy the sample as the Knative service `hello`, send the first request and show where its time went.
    /// Makes the ConfigMap knative-serving/config-autoscaler, if there is none, so that functions may start at zero.
    #[arg(long = "try")]
    pub try_it: bool,
    /// What fake nodes are like.
    #[command(flatten)]
    pub fleet: Fleet,
}
