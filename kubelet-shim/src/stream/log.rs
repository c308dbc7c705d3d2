//! `kubectl logs`: raw bytes until the end, or until the container ends for a follower.

use crate::link::{LinkError, dial, dial_saying};
use crate::log::{Choice, Reader};
use crate::node::Node;
use crate::plan::Stage;
use skiff_engine::wire::{SandboxKey, StreamRequest};
use std::path::PathBuf;
use tokio::io::AsyncWriteExt;
use tokio::sync::watch;

/// Where a log lies, and what tells that more was written.
struct Found {
    dir: PathBuf,
    attempt: u32,
    written: Option<watch::Receiver<u64>>,
}

pub async fn serve(node: &Node, path: &str, request: &StreamRequest) -> Result<(), LinkError> {
    let StreamRequest::Log { key, container, follow, previous, tail_lines, limit_bytes, since_ns, timestamps } = request else {
        return Err(LinkError::Protocol("not a log request"));
    };
    let (api, tls) = (node.settings.api, node.tls.clone());
    let found = match find(node, *key, container, *previous) {
        Ok(found) => found,
        Err(message) => {
            let mut stream = dial_saying(api, tls, path, Some(&message)).await?;
            stream.shutdown().await?;
            return Ok(());
        }
    };
    let mut stream = dial(api, tls, path).await?;
    let choice = Choice { tail_lines: *tail_lines, limit_bytes: *limit_bytes, since_ns: *since_ns, timestamps: *timestamps };
    let mut reader = Reader::new(&found.dir, found.attempt, choice);
    let mut written = found.written.filter(|_| *follow);
    loop {
        if let Some(written) = &mut written {
            written.borrow_and_update();
        }
        match reader.more() {
            Ok(bytes) => stream.write_all(&bytes).await?,
            // Not one line was written yet.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(error.into()),
        }
        stream.flush().await?;
        let Some(more) = &mut written else { break };
        if reader.is_done() {
            break;
        }
        if more.changed().await.is_err() {
            // Ended: one last look.
            written = None;
        }
    }
    stream.shutdown().await?;
    Ok(())
}

fn find(node: &Node, key: SandboxKey, container: &str, previous: bool) -> Result<Found, String> {
    let handle = node.sandboxes.lock().get(&key).cloned().ok_or("pod does not exist")?;
    let instance = {
        let journal = node.journal.lock();
        let entry = journal.ledger.sandboxes.get(&key).ok_or("pod does not exist")?;
        let found = entry.containers.iter().find(|c| c.name == container || container.is_empty());
        found.cloned().ok_or_else(|| format!("container {container} is not valid for pod {}", handle.name))?
    };
    let never_ran = matches!(instance.stage, Stage::Idle | Stage::Held { .. } | Stage::Starting);
    let attempt = match (previous, never_ran && instance.attempt == 0) {
        (false, false) => instance.attempt,
        (false, true) => {
            let reason = match &instance.stage {
                Stage::Held { reason, .. } => reason.as_str(),
                _ => "ContainerCreating",
            };
            return Err(format!("container \"{}\" in pod \"{}\" is waiting to start: {reason}", instance.name, handle.name));
        }
        (true, _) => instance
            .attempt
            .checked_sub(1)
            .ok_or_else(|| format!("previous terminated container \"{}\" in pod \"{}\" not found", instance.name, handle.name))?,
    };
    let live = node.live.lock().get(&(key, instance.name.clone())).cloned();
    Ok(Found {
        dir: node.settings.log_dir(&handle.namespace, &handle.name, &handle.uid, &instance.name),
        attempt,
        written: live.filter(|l| l.attempt == attempt).map(|l| l.output.written()),
    })
}
