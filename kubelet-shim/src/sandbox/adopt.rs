//! After a restart of the agent: the ledger's sandboxes are met with what containerd runs. Nothing that runs is touched.

use super::start::{container, open_output, pipes_dir};
use super::{Sandbox, Setup, Signal, TASK_CREATED, TASK_STOPPED};
use crate::node::{Live, Node};
use crate::plan::Stage;
use crate::runtime::containerd::{Stdio, unix_ms};
use crate::runtime::{RuntimeError, fifo};
use containerd_client::types::v1::Process;
use std::collections::HashMap;
use std::sync::Arc;

/// Takes over everything that a predecessor left. Returns the number of sandboxes.
pub async fn recover(node: &Arc<Node>) -> Result<usize, RuntimeError> {
    let (entries, range) = {
        let journal = node.journal.lock();
        (journal.ledger.sandboxes.values().cloned().collect::<Vec<_>>(), journal.ledger.range)
    };
    if let Some((network, prefix)) = range {
        node.take_range(network, prefix).await;
    }
    let tasks: HashMap<String, Process> = node.runtime.list_tasks().await?.into_iter().map(|t| (t.id.clone(), t)).collect();
    let mut known: Vec<String> = Vec::new();
    let mut namespaces = Vec::new();
    let count = entries.len();
    for entry in entries {
        let Some(revision) = node.revision(entry.create.key.revision) else {
            tracing::warn!(key = ?entry.create.key, "sandbox without a template is removed");
            node.bury(entry.create.key, entry.create.generation);
            continue;
        };
        known.extend(entry.containers.iter().map(|c| c.container_id.clone()));
        namespaces.extend(entry.network.as_ref().map(|(netns, _)| netns.clone()));
        let mut sandbox = Sandbox::new(node.clone(), revision, entry);
        sandbox.adopt(&tasks).await;
        tokio::spawn(sandbox.run());
    }
    node.network.sweep(&namespaces);
    if let Err(error) = sweep(node, &known).await {
        tracing::warn!(%error, "leftovers of a predecessor stay");
    }
    Ok(count)
}

// Containers of this node that the ledger does not know: their records were never written, so nobody was told of them.
// And pipes that belong to no container: of executed processes whose agent is gone.
async fn sweep(node: &Node, known: &[String]) -> Result<(), RuntimeError> {
    let pipes: Vec<_> = known.iter().filter(|id| !id.is_empty()).map(|id| pipes_dir(node, id)).collect();
    for entry in std::fs::read_dir(node.settings.fifo_dir())?.flatten() {
        if !pipes.contains(&entry.path()) {
            std::fs::remove_dir_all(entry.path()).ok();
        }
    }
    for (id, _) in node.runtime.own_containers(&node.settings.node_name).await? {
        if !known.contains(&id) {
            tracing::warn!(%id, "container without a sandbox is removed");
            node.runtime.purge(&id).await?;
        }
    }
    Ok(())
}

impl Sandbox {
    async fn adopt(&mut self, tasks: &HashMap<String, Process>) {
        // The stages of a start that another agent saw cannot be told.
        self.timing.sent = true;
        for index in 0..self.entry.containers.len() {
            let instance = &mut self.entry.containers[index];
            let id = instance.container_id.clone();
            match instance.stage.clone() {
                Stage::Starting => {
                    self.node.runtime.purge(&id).await.ok();
                    std::fs::remove_dir_all(pipes_dir(&self.node, &id)).ok();
                    instance.stage = Stage::Idle;
                }
                Stage::Running { started_ms, started, ready } => {
                    self.node.containers.lock().insert(id.clone(), self.mail.clone());
                    let task = tasks.get(&id);
                    if let Err(error) = self.resume(index, task, (started_ms, started, ready)).await {
                        tracing::warn!(%error, %id, "container is not taken over whole");
                    }
                }
                _ => {}
            }
        }
        if let Err(message) = self.refresh_files() {
            tracing::warn!(%message, "volumes are not refreshed");
        }
        let any = self.entry.containers.iter().any(|c| c.is_running());
        self.setup = if any { Setup::Done } else { Setup::Todo };
    }

    async fn resume(&mut self, index: usize, task: Option<&Process>, was: (u64, bool, bool)) -> Result<(), RuntimeError> {
        let Some(container) = container(&self.revision, index).cloned() else { return Ok(()) };
        let (id, attempt) = (self.entry.containers[index].container_id.clone(), self.entry.containers[index].attempt);
        let path = |name: &str, wanted: bool| {
            let path = pipes_dir(&self.node, &id).join(name);
            if wanted { path.to_string_lossy().into_owned() } else { String::new() }
        };
        let io = Stdio {
            stdin: path("stdin", container.stdin),
            stdout: path("stdout", true),
            stderr: path("stderr", !container.tty),
            terminal: container.tty,
        };
        std::fs::create_dir_all(pipes_dir(&self.node, &id))?;
        for pipe in [&io.stdout, &io.stderr].into_iter().filter(|p| !p.is_empty()) {
            fifo::make(pipe.as_ref())?;
        }
        let output = open_output(&self.node, &self.revision, &self.facts(), &container, &io, attempt)?;
        let image = self.node.images.find(&self.node.runtime, &container.image).await.ok().flatten();
        let live = Live {
            id: id.clone(),
            attempt,
            process: Arc::new(self.node.runtime.process_of(&id).await.unwrap_or_default()),
            output,
            stdin: container.stdin.then(|| io.stdin.clone().into()),
            stop_signal: image.map_or(15, |image| super::stop::signal(&container, &image)),
        };
        self.running(index, live, was.0, Some((was.1, was.2)));
        let (code, at_ms) = match task {
            Some(task) if task.status != TASK_STOPPED && task.status != TASK_CREATED => return Ok(()),
            Some(task) => (task.exit_status, unix_ms(task.exited_at)),
            None => (255, 0),
        };
        self.mail.send(Signal::Exit { id, code, at_ms }).await.ok();
        Ok(())
    }
}
