//! Arguments of the parts, and the way back to arguments for those that `up` starts.

use super::Fleet;
use clap::{ArgAction, Args, Subcommand, ValueEnum};
use std::ffi::OsString;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

/// The control plane. Makes a certificate authority and the administrator's credentials in the data folder at its first start.
#[derive(Args, Clone, Debug)]
pub struct Apiserver {
    /// Folder for certificates, log and snapshots; made if it does not exist.
    #[arg(long, value_name = "DIR", default_value = ".skiff")]
    pub data_dir: PathBuf,
    /// Where the API is served.
    #[arg(long, value_name = "IP:PORT", default_value = "127.0.0.1:6443")]
    pub api_address: SocketAddr,
    /// Domain of functions' addresses.
    #[arg(long, default_value = "localhost")]
    pub domain: String,
    /// Further DNS names or IP addresses that the serving certificate is good for.
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    pub san: Vec<String>,
}

/// A part's identity towards the control plane.
#[derive(Args, Clone, Debug)]
pub struct PairFiles {
    /// Certificates that the control plane's certificate must lead to (PEM).
    #[arg(long, value_name = "FILE")]
    pub ca: PathBuf,
    /// This part's certificate (PEM).
    #[arg(long, value_name = "FILE")]
    pub cert: PathBuf,
    /// Its private key (PEM).
    #[arg(long, value_name = "FILE")]
    pub key: PathBuf,
}

/// The data plane.
#[derive(Args, Clone, Debug)]
pub struct Gateway {
    /// Its name: the one in its certificate (CN=skiff:gateway:NAME).
    #[arg(long, default_value = "gateway-0")]
    pub name: String,
    /// Where users' requests are taken.
    #[arg(long, value_name = "IP:PORT", default_value = "127.0.0.1:8080")]
    pub listen: SocketAddr,
    /// The control plane's address.
    #[arg(long, value_name = "IP:PORT", default_value = "127.0.0.1:6443")]
    pub api: SocketAddr,
    /// Who it is.
    #[command(flatten)]
    pub pair: PairFiles,
    /// Answer cold requests with a Server-Timing header.
    #[arg(long, value_name = "BOOL", default_value_t = true, action = ArgAction::Set)]
    pub server_timing: bool,
    /// Where /metrics, /healthz and /readyz are served; nowhere without it.
    #[arg(long, value_name = "IP:PORT")]
    pub admin_address: Option<SocketAddr>,
    /// Seconds that requests under way have at the stop.
    #[arg(long, value_name = "S", default_value_t = 30)]
    pub drain_seconds: u32,
}

/// A node. Its sandboxes keep running when it stops; the next start takes them over.
#[derive(Args, Clone, Debug)]
pub struct Kubelet {
    /// Its name: the one in its certificate (CN=system:node:NAME).
    #[arg(long, value_name = "NAME")]
    pub node_name: String,
    /// The control plane's address.
    #[arg(long, value_name = "IP:PORT", default_value = "127.0.0.1:6443")]
    pub api: SocketAddr,
    /// Who it is.
    #[command(flatten)]
    pub pair: PairFiles,
    /// Folder for its ledger, and sandboxes' logs, volumes and network namespaces.
    #[arg(long, value_name = "DIR", default_value = "/var/lib/skiff/node")]
    pub dir: PathBuf,
    /// containerd's socket.
    #[arg(long, value_name = "PATH", default_value = "/run/containerd/containerd.sock")]
    pub containerd_socket: PathBuf,
    /// containerd's namespace for images and containers.
    #[arg(long, default_value = "k8s.io")]
    pub namespace: String,
    /// The node's IPv4 address, as others reach it. [default: that of the default route]
    #[arg(long, value_name = "IP")]
    pub node_address: Option<Ipv4Addr>,
    /// Network bridge that it makes for its sandboxes; one per node on a machine.
    #[arg(long, value_name = "NAME", default_value = "skiff0")]
    pub bridge: String,
    /// Program that containerd's runc shim calls. [default: runc]
    #[arg(long, value_name = "PATH")]
    pub runtime_binary: Option<String>,
    /// Largest number of sandboxes.
    #[arg(long, value_name = "N", default_value_t = 250)]
    pub pods_max: u16,
    /// Stop and remove every sandbox of this node, then end. Needs no control plane, and no kubelet that still runs.
    #[arg(long)]
    pub remove_everything: bool,
}

/// A fleet of fake nodes: the real protocol, and sandboxes that cost nothing. An image whose name contains `nopull`, `exits` or
/// `neverready` fails in that way; all others are ready at once and answer `Hello World!`.
#[derive(Args, Clone, Debug)]
pub struct FakeNodes {
    /// Data folder with ca.crt and ca.key, which sign the nodes' certificates.
    #[arg(long, value_name = "DIR", default_value = ".skiff")]
    pub data_dir: PathBuf,
    /// The control plane's address.
    #[arg(long, value_name = "IP:PORT", default_value = "127.0.0.1:6443")]
    pub api: SocketAddr,
    /// How many nodes.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub nodes: u32,
    /// Where all sandboxes answer. Port 0 takes a free one.
    #[arg(long, value_name = "IP:PORT", default_value = "127.0.0.1:0")]
    pub serve: SocketAddr,
    /// What they are like.
    #[command(flatten)]
    pub fleet: Fleet,
}

/// Images without a registry.
#[derive(Args, Clone, Debug)]
pub struct Image {
    /// What to do.
    #[command(subcommand)]
    pub ask: ImageAsk,
}

/// What to do with images.
#[derive(Subcommand, Clone, Debug)]
pub enum ImageAsk {
    /// Bring an image to the node: an OCI archive (with several images, if its index names them), a folder that becomes the
    /// image's only layer, or one static executable.
    Import {
        /// The archive, folder or executable. In a folder, `.skiff.json` may hold the image's OCI config (Env, Entrypoint, …).
        #[arg(value_name = "FILE|DIR")]
        path: PathBuf,
        /// Name of the image. Needed for an archive without names. [default: skiff.local/NAME:latest of a folder or executable]
        #[arg(long)]
        name: Option<String>,
        /// Where.
        #[command(flatten)]
        place: ImagePlace,
    },
    /// List the node's images and their sizes in bytes.
    List {
        /// Where.
        #[command(flatten)]
        place: ImagePlace,
    },
}

/// Which containerd.
#[derive(Args, Clone, Debug)]
pub struct ImagePlace {
    /// Data folder of the `skiff up` whose containerd is meant.
    #[arg(long, value_name = "DIR", default_value = ".skiff")]
    pub data_dir: PathBuf,
    /// Socket of another containerd.
    #[arg(long, value_name = "PATH")]
    pub containerd_socket: Option<PathBuf>,
    /// containerd's namespace.
    #[arg(long, default_value = "k8s.io")]
    pub namespace: String,
}

/// Whom a certificate is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum CertificateOf {
    /// A node (CN=system:node:NAME, O=system:nodes).
    Node,
    /// A gateway (CN=skiff:gateway:NAME, O=skiff:gateways).
    Gateway,
    /// A cluster administrator (CN=NAME, O=system:masters).
    Admin,
}

/// Make a certificate for a part that runs elsewhere, signed by the data folder's authority.
#[derive(Args, Clone, Debug)]
pub struct Certificate {
    /// For what.
    #[arg(value_name = "KIND")]
    pub of: CertificateOf,
    /// Its name.
    pub name: String,
    /// Data folder with ca.crt and ca.key.
    #[arg(long, value_name = "DIR", default_value = ".skiff")]
    pub data_dir: PathBuf,
    /// Folder that gets ca.crt, tls.crt and tls.key.
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub out: PathBuf,
}

/// How `up` starts its children: ends when the parent does, then becomes the program.
#[derive(Args, Clone, Debug)]
pub struct Supervised {
    /// The parent's process id.
    #[arg(long)]
    pub parent: i32,
    /// The program and its arguments.
    #[arg(last = true, required = true)]
    pub command: Vec<OsString>,
}

/// `--name value` pairs, in order.
fn flags<const N: usize>(pairs: [(&str, OsString); N]) -> Vec<OsString> {
    pairs.into_iter().flat_map(|(name, value)| [OsString::from(name), value]).collect()
}

impl PairFiles {
    fn argv(&self) -> Vec<OsString> {
        flags([("--ca", (&self.ca).into()), ("--cert", (&self.cert).into()), ("--key", (&self.key).into())])
    }
}

impl Apiserver {
    /// The same again, as arguments.
    pub fn argv(&self) -> Vec<OsString> {
        let mut argv = vec!["apiserver".into()];
        argv.extend(flags([
            ("--data-dir", (&self.data_dir).into()),
            ("--api-address", self.api_address.to_string().into()),
            ("--domain", (&self.domain).into()),
        ]));
        argv.extend(self.san.iter().map(|name| format!("--san={name}").into()));
        argv
    }
}

impl Gateway {
    /// The same again, as arguments.
    pub fn argv(&self) -> Vec<OsString> {
        let mut argv = vec!["gateway".into()];
        argv.extend(flags([
            ("--name", (&self.name).into()),
            ("--listen", self.listen.to_string().into()),
            ("--api", self.api.to_string().into()),
            ("--server-timing", self.server_timing.to_string().into()),
            ("--drain-seconds", self.drain_seconds.to_string().into()),
        ]));
        argv.extend(self.admin_address.map(|address| format!("--admin-address={address}").into()));
        argv.extend(self.pair.argv());
        argv
    }
}

impl Kubelet {
    /// The same again, as arguments.
    pub fn argv(&self) -> Vec<OsString> {
        let mut argv = vec!["kubelet".into()];
        argv.extend(flags([
            ("--node-name", (&self.node_name).into()),
            ("--api", self.api.to_string().into()),
            ("--dir", (&self.dir).into()),
            ("--containerd-socket", (&self.containerd_socket).into()),
            ("--namespace", (&self.namespace).into()),
            ("--bridge", (&self.bridge).into()),
            ("--pods-max", self.pods_max.to_string().into()),
        ]));
        argv.extend(self.node_address.map(|address| format!("--node-address={address}").into()));
        argv.extend(self.runtime_binary.as_ref().map(|path| format!("--runtime-binary={path}").into()));
        argv.extend(self.pair.argv());
        argv
    }
}

impl FakeNodes {
    /// The same again, as arguments.
    pub fn argv(&self) -> Vec<OsString> {
        let mut argv = vec!["fake-nodes".into()];
        argv.extend(flags([
            ("--data-dir", (&self.data_dir).into()),
            ("--api", self.api.to_string().into()),
            ("--nodes", self.nodes.to_string().into()),
            ("--serve", self.serve.to_string().into()),
        ]));
        argv.extend(self.fleet.argv());
        argv
    }
}
