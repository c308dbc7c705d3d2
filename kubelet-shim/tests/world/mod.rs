//! A private world for one test: its own containerd, its own agent, and a control plane that only speaks the wire.

mod control;

pub use control::{Control, converse};

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, SanType};
use skiff_kubelet::{NodeTls, Settings};
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;
use tokio::sync::oneshot;

static NEXT: AtomicU8 = AtomicU8::new(0);

/// containerd, a directory, and what an agent is told.
pub struct World {
    pub settings: Settings,
    pub control: Control,
    pub network: u32,
    dir: tempfile::TempDir,
    containerd: Option<Child>,
    agent: Option<(oneshot::Sender<()>, tokio::task::JoinHandle<anyhow::Result<()>>)>,
}

/// Why tests that need containers cannot run here, if they cannot.
pub fn missing() -> Option<&'static str> {
    let has = |program: &str| {
        std::env::var_os("PATH").is_some_and(|path| std::env::split_paths(&path).any(|dir| dir.join(program).exists()))
    };
    if !nix::unistd::geteuid().is_root() {
        return Some("not root");
    }
    for (program, why) in [("containerd", "containerd is not installed"), ("runc", "runc is not installed")] {
        if !has(program) {
            return Some(why);
        }
    }
    (!Path::new("/bin/busybox").exists()).then_some("/bin/busybox (busybox-static) is not installed")
}

/// A CA, a server's identity for 127.0.0.1 and a node's.
pub struct Identities {
    pub ca_pem: String,
    pub server: (String, String),
    pub node: (String, String),
}

fn identities() -> Identities {
    let ca_key = KeyPair::generate().expect("key");
    let mut ca = CertificateParams::new(Vec::new()).expect("parameters");
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let ca_pem = ca.self_signed(&ca_key).expect("ca").pem();
    let issuer = Issuer::new(ca, ca_key);
    let issue = |name: &str, organisation: &str, addresses: Vec<SanType>| {
        let key = KeyPair::generate().expect("key");
        let mut leaf = CertificateParams::new(Vec::new()).expect("parameters");
        leaf.distinguished_name.push(DnType::CommonName, name);
        leaf.distinguished_name.push(DnType::OrganizationName, organisation);
        leaf.subject_alt_names = addresses;
        (leaf.signed_by(&key, &issuer).expect("leaf").pem(), key.serialize_pem())
    };
    let local = SanType::IpAddress(IpAddr::V4(Ipv4Addr::LOCALHOST));
    Identities { ca_pem, server: issue("skiff", "skiff", vec![local]), node: issue("system:node:test", "system:nodes", vec![]) }
}

impl World {
    /// Boots containerd and imports the test image as `localhost/box:1`.
    pub async fn new() -> World {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let dir = tempfile::Builder::new().prefix("skiff-kubelet-test").tempdir().expect("directory");
        let identities = identities();
        let network = u32::from(Ipv4Addr::new(10, 250, std::process::id() as u8 & 0xf0 | number & 0xf, 0));
        let control = Control::listen(&identities, network).await;
        let tls = NodeTls {
            ca_pem: identities.ca_pem.into_bytes(),
            cert_pem: identities.node.0.into_bytes(),
            key_pem: identities.node.1.into_bytes(),
        };
        let mut settings = Settings::new("test", control.address, tls, &dir.path().join("node"));
        settings.containerd_socket = dir.path().join("containerd.sock");
        settings.bridge = format!("skt{}", network >> 8 & 0xff);
        settings.pool = 2;
        let mut world = World { settings, control, network, dir, containerd: None, agent: None };
        world.boot_containerd().await;
        let image = world.image_folder();
        let names = skiff_kubelet::image::import(
            &world.settings.containerd_socket,
            &world.settings.namespace,
            &image,
            Some("localhost/box:1"),
        )
        .await
        .expect("import");
        assert_eq!(names, ["localhost/box:1"]);
        world
    }

    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    /// Starts containerd on this world's directories, and waits until it answers.
    pub async fn boot_containerd(&mut self) {
        let at = |name: &str| self.dir.path().join(name).display().to_string();
        let config = format!(
            "version = 2\nroot = \"{}\"\nstate = \"{}\"\ndisabled_plugins = [\"io.containerd.grpc.v1.cri\"]\n[grpc]\naddress = \"{}\"\n",
            at("root"),
            at("state"),
            at("containerd.sock"),
        );
        std::fs::write(at("config.toml"), config).expect("config");
        let log = std::fs::File::create(at("containerd.log")).expect("log");
        let child = Command::new("containerd")
            .args(["-c", &at("config.toml")])
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("containerd");
        self.containerd = Some(child);
        for _ in 0..500 {
            tokio::time::sleep(Duration::from_millis(10)).await;
            if skiff_kubelet::image::list(&self.settings.containerd_socket, "x").await.is_ok() {
                return;
            }
        }
        panic!("containerd does not answer: {}", std::fs::read_to_string(at("containerd.log")).unwrap_or_default());
    }

    /// `kill -9`; shims and containers live on.
    pub fn kill_containerd(&mut self) {
        if let Some(mut child) = self.containerd.take() {
            child.kill().expect("kill");
            child.wait().expect("wait");
        }
    }

    /// A root filesystem around busybox.
    fn image_folder(&self) -> PathBuf {
        let root = self.dir.path().join("image");
        for dir in ["bin", "tmp", "www", "etc"] {
            std::fs::create_dir_all(root.join(dir)).expect("directory");
        }
        std::fs::copy("/bin/busybox", root.join("bin/busybox")).expect("busybox");
        for name in [
            "sh", "sleep", "cat", "echo", "ls", "httpd", "id", "env", "hostname", "head", "tail", "kill", "test", "touch", "nc",
            "stty",
        ] {
            std::os::unix::fs::symlink("busybox", root.join("bin").join(name)).expect("link");
        }
        std::fs::write(root.join("www/index.html"), "hello\n").expect("page");
        std::fs::write(root.join("etc/passwd"), "root:x:0:0:root:/:/bin/sh\nweb:x:101:102::/:/bin/sh\n").expect("passwd");
        let config = r#"{"Env":["PATH=/bin","FROM=image"],"Entrypoint":["/bin/sh","-c"],"Cmd":["exec httpd -f -p 8080 -h /www"],"WorkingDir":"/tmp"}"#;
        std::fs::write(root.join(".skiff.json"), config).expect("config");
        root
    }

    /// Starts an agent and waits for its session.
    pub async fn start_agent(&mut self) {
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(skiff_kubelet::run(self.settings.clone(), async move { drop(stopped.await) }));
        self.agent = Some((stop, task));
        self.control.session().await;
    }

    /// Stops the agent as a kill would: all its tasks are dropped where they are.
    pub async fn stop_agent(&mut self) {
        if let Some((stop, task)) = self.agent.take() {
            stop.send(()).ok();
            task.await.expect("agent").expect("agent");
        }
        self.control.forget_session().await;
    }

    /// What is left on the machine of this world's containers: mounts, links, shims.
    pub fn leftovers(&self) -> Vec<String> {
        let dir = self.dir.path().display().to_string();
        let mounts = std::fs::read_to_string("/proc/self/mountinfo").expect("mounts");
        let mut left: Vec<String> = mounts.lines().filter(|l| l.contains(&dir)).map(str::to_owned).collect();
        for file in ["node/netns", "node/fifo", "node/pods"] {
            let entries = std::fs::read_dir(self.dir.path().join(file)).into_iter().flatten().flatten();
            left.extend(entries.map(|e| e.path().display().to_string()));
        }
        let ports = std::fs::read_dir(format!("/sys/class/net/{}/brif", self.settings.bridge));
        left.extend(ports.into_iter().flatten().flatten().map(|e| e.path().display().to_string()));
        left
    }

    /// Ends the world, and fails if anything of it is still there.
    pub async fn end(mut self) {
        self.stop_agent().await;
        skiff_kubelet::remove_everything(&self.settings).await.expect("removal");
        let mut left = self.leftovers();
        for _ in 0..100 {
            if left.is_empty() {
                break;
            }
            // The kernel removes the veth of a dropped namespace in its own time.
            tokio::time::sleep(Duration::from_millis(50)).await;
            left = self.leftovers();
        }
        assert!(left.is_empty(), "left behind: {left:#?}");
        assert!(!Path::new("/sys/class/net").join(&self.settings.bridge).exists(), "the bridge is left behind");
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if let Some((stop, task)) = self.agent.take() {
            drop(stop);
            task.abort();
            // Only after a failed test: what it left would be in the way of the next run.
            let settings = self.settings.clone();
            let removing = std::thread::spawn(move || {
                std::thread::sleep(Duration::from_millis(200));
                let runtime = tokio::runtime::Runtime::new().expect("runtime");
                runtime.block_on(async {
                    tokio::time::timeout(Duration::from_secs(20), skiff_kubelet::remove_everything(&settings)).await
                })
            });
            removing.join().ok();
        }
        self.kill_containerd();
        // Only a failed test leaves mounts, but then the directory could not be removed.
        let dir = self.dir.path().display().to_string();
        let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
        for mount in mounts.lines().filter_map(|l| l.split(' ').nth(4)).filter(|m| m.starts_with(&dir)) {
            nix::mount::umount2(mount, nix::mount::MntFlags::MNT_DETACH).ok();
        }
    }
}
