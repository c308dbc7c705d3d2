//! After a container's end: why it ended, its last words, and its removal.

use super::start::{message_file, pipes_dir};
use crate::cgroup;
use crate::log::{Choice, Output, Reader};
use crate::node::Node;
use crate::plan::End;
use crate::pod::Container;
use std::path::PathBuf;
use std::sync::Arc;

/// Longest termination message, in bytes.
const MESSAGE_BYTES_MAX: usize = 4096;
/// What stands in for it from the log, in lines and bytes.
const LOG_LINES: u64 = 80;
const LOG_BYTES_MAX: usize = 2048;

/// An ended container.
pub struct Ending {
    pub node: Arc<Node>,
    pub container: Container,
    pub id: String,
    pub attempt: u32,
    pub dir: PathBuf,
    pub output: Option<Output>,
    pub oomed: bool,
    pub code: u32,
    pub started_ms: u64,
    pub finished_ms: u64,
}

impl Ending {
    /// Removes task, container, snapshot and pipes; how it ended.
    pub async fn finish(self) -> End {
        let runtime = &self.node.runtime;
        // Some runtimes report the exit before the kernel's kill, so the cgroup is asked as long as it is there.
        let oomed = self.oomed || (self.code == 137 && cgroup::oom_killed(&self.id));
        if let Err(error) = runtime.delete_task(&self.id).await {
            tracing::warn!(%error, id = %self.id, "task stays behind");
        }
        if let Some(output) = &self.output {
            output.finish().await;
        }
        let (container, snapshot) = tokio::join!(runtime.delete_container(&self.id), runtime.remove_snapshot(&self.id));
        if let Err(error) = container.and(snapshot) {
            tracing::warn!(%error, id = %self.id, "container stays behind");
        }
        std::fs::remove_dir_all(pipes_dir(&self.node, &self.id)).ok();
        let code = i32::try_from(self.code).unwrap_or(255);
        let reason = match (oomed, code) {
            (true, _) => "OOMKilled",
            (false, 0) => "Completed",
            (false, _) => "Error",
        };
        End {
            code,
            signal: 0,
            reason: reason.to_owned(),
            message: self.message(code),
            // A short run can end before the start was noticed.
            started_ms: self.started_ms.min(self.finished_ms),
            finished_ms: self.finished_ms,
            container_id: self.id,
        }
    }

    fn message(&self, code: i32) -> String {
        let file = message_file(&self.dir, &self.container.name, self.attempt);
        let mut bytes = std::fs::read(&file).unwrap_or_default();
        std::fs::remove_file(&file).ok();
        if bytes.is_empty()
            && code != 0
            && self.container.termination_message_policy == "FallbackToLogsOnError"
            && let Some(output) = &self.output
        {
            let choice = Choice { tail_lines: Some(LOG_LINES), ..Choice::default() };
            bytes = Reader::new(&output.dir, output.attempt, choice).more().unwrap_or_default();
            bytes.drain(..bytes.len().saturating_sub(LOG_BYTES_MAX));
        }
        bytes.truncate(MESSAGE_BYTES_MAX);
        String::from_utf8_lossy(&bytes).into_owned()
    }
}
