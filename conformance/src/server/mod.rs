//! A server under test: `skiff up` in a folder of its own on free loopback ports, stopped and checked for leftovers at the end.
//!
//! Fed by tests and load programs. Knows the binary's command line and the files it promises, nothing of its inside.

mod binary;
mod session;

pub use binary::{binary, free_port};
pub use session::{Answer, Session};

use crate::leftovers::{Links, leftovers};
use crate::link::Target;
use crate::processes::{Process, tree};
use anyhow::{Context, Result, bail, ensure};
use nix::sys::signal::Signal;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// How long a start or a stop may take. Generous: the machine may be building something else at the same time.
const PATIENCE: Duration = Duration::from_secs(90);

/// What runs the pods.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nodes {
    /// This many nodes that only say so.
    Fake(u32),
    /// One real node.
    Containerd,
}

/// A folder and its addresses, which outlive the server in it: a second start finds the first one's state.
#[derive(Debug)]
pub struct Home {
    folder: TempDir,
    api: u16,
    gateway: u16,
    nodes: Nodes,
}

/// A running server. Dropped without `stop`, as by a failing test, it is killed with all that descends from it.
#[derive(Debug)]
pub struct Server {
    home: Option<Home>,
    child: Child,
    before: Links,
    /// Bearer token of cluster-admin.
    pub token: String,
}

impl Home {
    /// A new folder, and ports that nobody listens on.
    ///
    /// # Errors
    /// No temporary folder or no free port.
    pub fn new(nodes: Nodes) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("skiff-test-").tempdir()?;
        Ok(Home { folder, api: free_port()?, gateway: free_port()?, nodes })
    }

    /// The data folder.
    #[must_use]
    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn log(&self) -> PathBuf {
        self.folder.path().join("skiff.log")
    }

    /// The end of what the server said, for a failure's message.
    fn last_words(&self) -> String {
        let text = std::fs::read_to_string(self.log()).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(30)..].join("\n")
    }
}

impl Server {
    /// Starts a server in a new folder and waits until it is ready and has its nodes.
    ///
    /// # Errors
    /// It does not start, or is not ready in time; the end of its log is part of the error.
    pub async fn start(nodes: Nodes) -> Result<Self> {
        Server::start_in(Home::new(nodes)?).await
    }

    /// Starts a server in a folder that may hold an earlier one's state.
    ///
    /// # Errors
    /// As `start`.
    pub async fn start_in(home: Home) -> Result<Self> {
        let log = std::fs::OpenOptions::new().create(true).append(true).open(home.log())?;
        let nodes = match home.nodes {
            Nodes::Fake(count) => format!("fake:{count}"),
            Nodes::Containerd => "containerd".to_owned(),
        };
        let before = Links::now();
        let child = Command::new(binary()?)
            .arg("up")
            .arg("--data-dir")
            .arg(home.data())
            .arg("--api-address")
            .arg(format!("127.0.0.1:{}", home.api))
            .arg("--gateway-address")
            .arg(format!("127.0.0.1:{}", home.gateway))
            .arg("--nodes")
            .arg(nodes)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .context("skiff up")?;
        let mut server = Server { home: Some(home), child, before, token: String::new() };
        if let Err(error) = server.settle().await {
            bail!("{error:#}\n--- end of its log ---\n{}", server.home().last_words());
        }
        Ok(server)
    }

    async fn settle(&mut self) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        let session = Session::new(self.target()?, String::new());
        while !session.get("/readyz").await.is_ok_and(|answer| answer.status == 200) {
            if let Some(status) = self.child.try_wait()? {
                bail!("skiff up ended at its start: {status}");
            }
            ensure!(Instant::now() < deadline, "not ready after {PATIENCE:?}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let file = self.home().data().join("admin.token");
        self.token = std::fs::read_to_string(&file).with_context(|| file.display().to_string())?.trim().to_owned();
        let wanted = match self.home().nodes {
            Nodes::Fake(count) => count as usize,
            Nodes::Containerd => 1,
        };
        let session = self.session()?;
        while session.ready_nodes().await? < wanted {
            ensure!(Instant::now() < deadline, "fewer than {wanted} nodes ready after {PATIENCE:?}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Ok(())
    }

    #[allow(clippy::expect_used)]
    fn home(&self) -> &Home {
        self.home.as_ref().expect("the home leaves only with the server")
    }

    /// The API server.
    ///
    /// # Errors
    /// Never for an address that `Home` chose.
    pub fn target(&self) -> Result<Target> {
        Target::parse(&self.url())
    }

    /// Its URL.
    #[must_use]
    pub fn url(&self) -> String {
        format!("https://127.0.0.1:{}", self.home().api)
    }

    /// `host:port` of the gateway.
    #[must_use]
    pub fn gateway(&self) -> String {
        format!("127.0.0.1:{}", self.home().gateway)
    }

    /// The data folder.
    #[must_use]
    pub fn data(&self) -> PathBuf {
        self.home().data()
    }

    /// The admin's kubeconfig.
    #[must_use]
    pub fn kubeconfig(&self) -> PathBuf {
        self.data().join("admin.kubeconfig")
    }

    /// A raw client as cluster-admin.
    ///
    /// # Errors
    /// As `target`.
    pub fn session(&self) -> Result<Session> {
        Ok(Session::new(self.target()?, self.token.clone()))
    }

    /// All processes of the server, the supervisor first.
    #[must_use]
    pub fn processes(&self) -> Vec<Process> {
        tree(self.child.id().cast_signed())
    }

    /// The process in a role, such as `apiserver` or `kubelet`.
    ///
    /// # Errors
    /// No process has that word among its arguments.
    pub fn role(&self, role: &str) -> Result<Process> {
        let processes = self.processes();
        let found = processes.iter().skip(1).find(|process| process.arguments().split(' ').take(2).any(|word| is(word, role)));
        found.cloned().with_context(|| format!("no process in the role {role}"))
    }

    /// Stops the server as SIGTERM does and checks that nothing of it is left. Its folder stays until the home is dropped.
    ///
    /// # Errors
    /// It does not end in time, ends badly, or leaves something behind; each thing is named.
    pub async fn stop(mut self) -> Result<Home> {
        let made = Links::now().since(&self.before);
        let processes = self.processes();
        let supervisor = processes.first().context("the server was gone before its stop")?;
        supervisor.signal(Signal::SIGTERM);
        let deadline = Instant::now() + PATIENCE;
        let status = loop {
            if let Some(status) = self.child.try_wait()? {
                break status;
            }
            ensure!(Instant::now() < deadline, "still there {PATIENCE:?} after SIGTERM\n{}", self.home().last_words());
            tokio::time::sleep(Duration::from_millis(20)).await;
        };
        ensure!(status.success(), "ended with {status} after SIGTERM\n{}", self.home().last_words());
        let made = if self.home().nodes == Nodes::Containerd { made } else { Links::default() };
        // The kernel takes a veth down a moment after its namespace is gone.
        let settled = Instant::now() + Duration::from_secs(10);
        let found = loop {
            let found = leftovers(self.home().folder.path(), &processes, &made);
            if found.is_empty() || Instant::now() > settled {
                break found;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        };
        ensure!(found.is_empty(), "left behind:\n{}", found.join("\n"));
        self.home.take().context("stopped twice")
    }
}

/// Whether an argument is this word, or a path that ends with it.
fn is(word: &str, role: &str) -> bool {
    word.rsplit('/').next() == Some(role)
}

impl Drop for Server {
    fn drop(&mut self) {
        let Some(home) = &self.home else { return };
        let processes = self.processes();
        if let Some(supervisor) = processes.first() {
            // The gentle way first: only the server itself knows its containers, mounts and links.
            supervisor.signal(Signal::SIGTERM);
        }
        let deadline = Instant::now() + Duration::from_secs(10);
        while Instant::now() < deadline && matches!(self.child.try_wait(), Ok(None)) {
            std::thread::sleep(Duration::from_millis(20));
        }
        let folder = home.folder.path().to_string_lossy().into_owned();
        for process in processes.into_iter().chain(crate::processes::mentioning(&folder)) {
            process.signal(Signal::SIGKILL);
        }
        let _ = self.child.wait();
    }
}
