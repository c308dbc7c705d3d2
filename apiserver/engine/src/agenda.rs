//! What is due when: one time for each job. A tick takes what is due and looks at nothing else, so its cost does not grow with
//! the number of functions, revisions and nodes that wait.
//!
//! Fed by whoever knows the time of a later look; `command/tick.rs` takes the jobs. Knows no clock: times are Unix milliseconds.

use alloc::{
    collections::{BTreeMap, BTreeSet},
    vec::Vec,
};

/// A later look at one row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Job {
    /// Creation may begin even though not all nodes have spoken.
    Settle,
    /// A node may have been silent for too long.
    Node(u16),
    /// Young sandboxes of a revision become available.
    Mature(u32),
    /// A rolling function may have made no progress for too long.
    Deadline(u32),
    /// An autoscaled revision's regular decision.
    Scale(u32),
}

/// All jobs, each at most once.
#[derive(Debug, Default)]
pub(crate) struct Agenda {
    due: BTreeSet<(u64, Job)>,
    times: BTreeMap<Job, u64>,
}

impl Agenda {
    /// Plans a job for a time, instead of when it was planned before.
    pub fn set(&mut self, job: Job, at_ms: u64) {
        if let Some(before) = self.times.insert(job, at_ms) {
            self.due.remove(&(before, job));
        }
        self.due.insert((at_ms, job));
    }

    /// Plans a job unless it is planned for an earlier time. Whoever does the job looks again and plans the next.
    pub fn set_by(&mut self, job: Job, at_ms: u64) {
        if self.times.get(&job).is_none_or(|planned| at_ms < *planned) {
            self.set(job, at_ms);
        }
    }

    /// Forgets a job.
    pub fn cancel(&mut self, job: Job) {
        if let Some(at_ms) = self.times.remove(&job) {
            self.due.remove(&(at_ms, job));
        }
    }

    /// Takes all that is due, earliest first.
    pub fn take_due(&mut self, now_ms: u64) -> Vec<Job> {
        let mut jobs = Vec::new();
        while let Some((at_ms, job)) = self.due.first().copied()
            && at_ms <= now_ms
        {
            self.due.pop_first();
            self.times.remove(&job);
            jobs.push(job);
        }
        jobs
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    #[test]
    fn each_job_has_one_time() {
        let mut agenda = Agenda::default();
        agenda.set(Job::Scale(1), 10);
        agenda.set_by(Job::Scale(1), 20);
        agenda.set(Job::Node(2), 5);
        agenda.set(Job::Node(2), 7);
        agenda.set(Job::Mature(3), 8);
        agenda.cancel(Job::Mature(3));
        assert_eq!(agenda.take_due(9), vec![Job::Node(2)]);
        assert_eq!(agenda.take_due(10), vec![Job::Scale(1)]);
        assert_eq!(agenda.take_due(u64::MAX), vec![]);
    }
}
