//! What a node saw of one sandbox.

use crate::record::{Failure, Overlay, Phase};
use crate::wire::{ContainerReport, ContainerState, SandboxReport, SandboxState};
use crate::world::{Turn, World};
use alloc::sync::Arc;

/// Whether a waiting reason or an ended container says that a sandbox will not come up by itself.
fn is_failing(container: &ContainerReport) -> bool {
    match &container.state {
        ContainerState::Waiting { reason, .. } => !matches!(reason.as_str(), "ContainerCreating" | "PodInitializing" | ""),
        ContainerState::Terminated { exit_code, .. } => !container.init || *exit_code != 0,
        ContainerState::Running { .. } => false,
    }
}

impl World {
    /// Applies a report; one about an unknown sandbox or of another node changes nothing. Of a sandbox that was told to stop, a
    /// report changes what is known of its containers but not its phase, whatever order the node had seen when it spoke.
    pub fn report_sandbox(&mut self, turn: &mut Turn, number: u16, report: &SandboxReport) {
        let row = self.sandboxes.find(report.key).filter(|row| self.sandboxes.get(*row).node() == number);
        let Some(row) = row else {
            if report.state == SandboxState::Gone
                && let Some(node) = self.nodes.get_mut(number as usize)
            {
                node.forgotten.remove(&report.key);
            }
            return;
        };
        let before = self.sandboxes.get(row);
        if report.state == SandboxState::Gone {
            // The last word, whatever generation: there is nothing left on the node.
            self.remove_sandbox(turn, row);
            return;
        }
        let Some(phase) = Phase::of(report.state) else { return };
        if let Some(stages) = report.stages {
            self.stages.put(report.key, stages);
        }
        let old = self.sandboxes.overlay(row).cloned();
        let mut overlay = old.as_deref().cloned().unwrap_or_default();
        overlay.containers = report.containers.as_slice().into();
        let mut after = before;
        // By the node's clock, but neither before what it said last nor in our future: ages are counted from here.
        let at_s = u32::try_from(report.at_ms / 1000).unwrap_or(u32::MAX).max(before.changed_s()).min(turn.now_s());
        if before.phase() != Phase::Stopping && before.phase() != phase {
            after.enter(phase, at_s);
            overlay.was_ready = false;
        }
        let plain_before = old.as_ref().is_none_or(|o| o.containers.is_empty());
        // Most reports change the phase, or say nothing new.
        if after == before && plain_before && report.containers.is_empty() {
            return;
        }
        self.move_sandbox(turn, row, after, Some(Arc::new(overlay)).filter(|o: &Arc<Overlay>| !o.is_plain()));
        // What was told to stop ends, and that is no failure.
        if after.phase() != Phase::Stopping {
            self.note_failure(turn, report);
        }
    }

    /// Keeps the root cause on the revision, for its conditions and for waiting requests.
    fn note_failure(&mut self, turn: &mut Turn, report: &SandboxReport) {
        let Some(container) = report.containers.iter().find(|c| is_failing(c)) else { return };
        let now_s = turn.now_s();
        let serial = report.key.revision;
        let Some(revision) = self.revisions.get_mut(&serial) else { return };
        if revision.counts.ready > 0 {
            return;
        }
        let since_s = revision.failure.as_ref().map_or(now_s, |f| f.since_s);
        revision.failure = Some(Arc::new(Failure { container: container.clone(), since_s }));
        self.touch_revision(turn, serial);
    }
}
