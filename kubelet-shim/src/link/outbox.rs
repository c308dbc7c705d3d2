//! What is to be reported and has not been sent. One slot per sandbox, so it is bounded by what the node runs, and a slow
//! link gets the latest word on each instead of a backlog.

use parking_lot::Mutex;
use skiff_engine::wire::{SandboxKey, SandboxReport};
use std::collections::HashMap;
use tokio::sync::Notify;

/// Reports in one frame; more go into the next.
const BATCH_MAX: usize = 1024;

#[derive(Default)]
pub struct Outbox {
    waiting: Mutex<Waiting>,
    filled: Notify,
}

#[derive(Default)]
struct Waiting {
    reports: HashMap<SandboxKey, SandboxReport>,
    images: Option<Vec<(String, u64)>>,
}

impl Outbox {
    /// Replaces what waits for the same sandbox; stage times are kept until they were sent.
    pub fn put(&self, report: SandboxReport) {
        let mut waiting = self.waiting.lock();
        let stages = waiting.reports.get(&report.key).and_then(|old| old.stages);
        let slot = waiting.reports.entry(report.key).or_insert_with(|| report.clone());
        *slot = report;
        slot.stages = slot.stages.or(stages);
        drop(waiting);
        self.filled.notify_one();
    }

    pub fn put_images(&self, images: Vec<(String, u64)>) {
        self.waiting.lock().images = Some(images);
        self.filled.notify_one();
    }

    /// Everything will be said in a full report: forget what waits.
    pub fn clear(&self) {
        *self.waiting.lock() = Waiting::default();
    }

    /// The next batch, as soon as there is one. Dropping the future loses nothing.
    pub async fn take(&self) -> (Vec<SandboxReport>, Option<Vec<(String, u64)>>) {
        loop {
            {
                let mut waiting = self.waiting.lock();
                if !waiting.reports.is_empty() || waiting.images.is_some() {
                    let keys: Vec<SandboxKey> = waiting.reports.keys().take(BATCH_MAX).copied().collect();
                    let reports = keys.iter().filter_map(|key| waiting.reports.remove(key)).collect();
                    let images = waiting.images.take();
                    if !waiting.reports.is_empty() {
                        self.filled.notify_one();
                    }
                    return (reports, images);
                }
            }
            self.filled.notified().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use skiff_engine::wire::{SandboxState, Stages};

    #[tokio::test]
    async fn the_latest_word_and_the_stages_survive() {
        let report = |state, stages| SandboxReport {
            key: SandboxKey { revision: 1, seq: 1 },
            generation: 1,
            state,
            at_ms: 0,
            containers: Vec::new(),
            stages,
            slot: 0,
            created_s: 0,
        };
        let outbox = Outbox::default();
        outbox.put(report(SandboxState::Ready, Some(Stages { ready_us: 9, ..Stages::default() })));
        outbox.put(report(SandboxState::Running, None));
        let (reports, _) = outbox.take().await;
        assert_eq!((reports.len(), reports[0].state), (1, SandboxState::Running));
        assert_eq!(reports[0].stages.map(|s| s.ready_us), Some(9));
    }
}
