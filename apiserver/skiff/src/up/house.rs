//! All children under one roof: who runs, when each is ready, and the order of the end.
//!
//! Fed by `up`'s sequence. Must not know how a part becomes ready, only how to ask it.

use super::child::{Child, Plan};
use super::logs::Log;
use super::say::{PATIENCE, Say};
use super::sweep;
use crate::https::{self, Api};
use crate::layout::{self, Layout};
use anyhow::{Context, bail};
use std::ffi::OsString;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

/// Longest wait for one part; a large fleet or a long log to replay takes a while.
const READY_MAX: Duration = Duration::from_secs(120);
/// Distance of questions to a part that is not ready.
const ASK: Duration = Duration::from_millis(15);
/// A part that was started so often without becoming ready will not.
const STARTS_MAX: u32 = 4;
/// Time from SIGTERM to SIGKILL of our own parts.
const GRACE: Duration = Duration::from_secs(15);
/// Longest wait for the removal of all sandboxes.
const REMOVE_MAX: Duration = Duration::from_secs(120);
/// Distance of looks into the logs.
const LOOK: Duration = Duration::from_secs(2);
/// Readers of a fast probe's answer.
const PROBE_MAX: Duration = Duration::from_secs(5);

/// The children and what they need.
pub struct House {
    /// The data folder.
    pub layout: Layout,
    /// The voice.
    pub say: Rc<Say>,
    children: Vec<Child>,
    logs: Vec<Log>,
    node: Option<skiff_kubelet::Settings>,
}

impl House {
    /// Nobody is in yet.
    pub fn new(layout: Layout, say: Say) -> Self {
        Self { layout, say: Rc::new(say), children: Vec::new(), logs: Vec::new(), node: None }
    }

    /// At the end all sandboxes of this node are removed.
    pub fn remove_at_end(&mut self, node: skiff_kubelet::Settings) {
        self.node = Some(node);
    }

    /// Starts a role of this program.
    pub fn start_role(&mut self, name: &'static str, argv: Vec<OsString>) {
        let program = std::env::current_exe().map_or_else(|_| OsString::from("skiff"), Into::into);
        let command = std::iter::once(program).chain(argv).collect();
        self.start(Plan { name, command, environment: Vec::new(), grace: GRACE });
    }

    /// Starts any program.
    pub fn start(&mut self, plan: Plan) {
        for folder in ["logs", "run"] {
            // Without them the child cannot be started either, and says so.
            let _ = layout::private_dir(&self.layout.at(folder));
        }
        self.logs.push(Log::of(&self.layout, plan.name));
        self.children.push(Child::keep(plan, &self.layout, &self.say));
    }

    /// Waits until the API serves.
    pub async fn wait_for_api(&mut self, client: &Api) -> anyhow::Result<()> {
        self.wait("apiserver", async || {
            let answer = client.get("/readyz").await?;
            if answer.status.is_success() { Ok(()) } else { bail!("/readyz says {}", answer.status) }
        })
        .await
    }

    /// Waits until the gateway has heard of the routes.
    pub async fn wait_for_gateway(&mut self, admin: SocketAddr) -> anyhow::Result<()> {
        self.wait("gateway", async || {
            let answer = https::plain(admin, &admin.to_string(), "/readyz", PROBE_MAX).await?;
            if answer.status.is_success() { Ok(()) } else { bail!("/readyz says {}", answer.status) }
        })
        .await
    }

    /// Waits until so many nodes are ready; `child` runs them.
    pub async fn wait_for_nodes(&mut self, client: &Api, child: &'static str, wanted: u32) -> anyhow::Result<()> {
        self.wait(child, async || {
            let ready = ready_nodes(&client.get("/api/v1/nodes").await?.json()?);
            if ready >= wanted as usize { Ok(()) } else { bail!("{ready} of {wanted} nodes ready") }
        })
        .await?;
        let nodes = if wanted == 1 { "node" } else { "nodes" };
        self.say.step(child, &format!("{wanted} {nodes} ready"));
        Ok(())
    }

    /// Asks until the answer is yes, saying from time to time what is missing.
    pub async fn wait(&mut self, child: &'static str, probe: impl AsyncFn() -> anyhow::Result<()>) -> anyhow::Result<()> {
        let (begun, mut said) = (Instant::now(), Instant::now());
        loop {
            let Err(missing) = probe().await else { return Ok(()) };
            let starts = self.children.iter().find(|c| c.name == child).map_or(0, Child::starts);
            if starts >= STARTS_MAX || begun.elapsed() > READY_MAX {
                return Err(self.did_not_come_up(child, &missing));
            }
            if said.elapsed() > PATIENCE {
                said = Instant::now();
                self.say.step(child, &format!("not ready yet: {missing:#}"));
            }
            tokio::time::sleep(ASK).await;
        }
    }

    fn did_not_come_up(&mut self, child: &str, missing: &anyhow::Error) -> anyhow::Error {
        let path = self.layout.log(child);
        let tail = self.logs.iter_mut().find(|log| log.name == child).map(|log| log.tail(1)).unwrap_or_default();
        let why = tail.last().cloned().unwrap_or_else(|| format!("{missing:#}"));
        anyhow::anyhow!("{child} does not come up: {why} (whole log: {})", path.display())
    }

    /// Points out errors in the logs until `stop`.
    pub async fn watch_logs_until(&mut self, stop: impl Future<Output = ()>) {
        tokio::pin!(stop);
        loop {
            tokio::select! {
                () = &mut stop => return,
                () = tokio::time::sleep(LOOK) => self.point_out_errors(),
            }
        }
    }

    fn point_out_errors(&mut self) {
        for log in &mut self.logs {
            if let Some(found) = log.errors() {
                let times = if found.count > 1 { format!("{} errors, the last: ", found.count) } else { String::new() };
                self.say.step(log.name, &format!("{times}{}", found.last));
            }
        }
    }

    /// Ends everything, from the outside inwards, and looks whether anything is left.
    pub async fn end(mut self) -> anyhow::Result<()> {
        self.say.step("stop", "requests under way may end");
        for name in ["gateway", "kubelet", "fake-nodes", "apiserver"] {
            self.end_child(name).await;
        }
        // The node is gone from the control plane's sight by now, so nobody replaces what is removed.
        let removed = match self.node.take() {
            Some(node) if self.children.iter().any(|child| child.name == "containerd") => self.remove(&node).await,
            _ => Ok(()),
        };
        self.end_child("containerd").await;
        sweep::everything(&self.layout, &self.say);
        self.say.step("stop", "everything has ended");
        removed
    }

    async fn end_child(&mut self, name: &str) {
        if let Some(at) = self.children.iter().position(|child| child.name == name) {
            self.children.remove(at).end().await;
            self.say.step(name, "ended");
        }
    }

    async fn remove(&self, node: &skiff_kubelet::Settings) -> anyhow::Result<()> {
        self.say.step("node", "removing sandboxes");
        let removing = skiff_kubelet::remove_everything(node);
        tokio::time::timeout(REMOVE_MAX, removing)
            .await
            .with_context(|| format!("not done within {REMOVE_MAX:?}"))
            .flatten()
            .context("sandboxes could not be removed; start again with the same --data-dir to take them over")
    }
}

fn ready_nodes(list: &serde_json::Value) -> usize {
    let ready = |node: &&serde_json::Value| {
        let conditions = node["status"]["conditions"].as_array();
        conditions.is_some_and(|all| all.iter().any(|c| c["type"] == "Ready" && c["status"] == "True"))
    };
    list["items"].as_array().map_or(0, |nodes| nodes.iter().filter(ready).count())
}
