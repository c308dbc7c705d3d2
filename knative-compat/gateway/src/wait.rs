//! The waiting room of a revision: requests for which no sandbox has a place, first come, first served.
//!
//! Fed by requests; emptied by [`crate::balance`] (a place became free), by new sandboxes, and by refusals (it can't start, it
//! is gone). Bounds: `queue_max` requests wait, each at most `timeout_s` seconds; at the bounds they are refused. Must not
//! know why there is no place, or what the control plane does about it.

use crate::Gate;
use crate::balance::{self, Lease};
use crate::revision::{Revision, Rules};
use parking_lot::Mutex;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use tokio::sync::oneshot;

/// Why a request was not let in.
#[derive(Clone, Debug)]
pub(crate) enum Refusal {
    /// As many wait as may.
    Full,
    /// It waited as long as it may.
    TimedOut,
    /// The revision can't start; the text says why.
    Failing(Arc<String>),
    /// The revision is gone.
    Gone,
}

type Answer = Result<Lease, Refusal>;

struct Waiter {
    ticket: u64,
    /// Taken out when the request left on its own.
    answer: Option<oneshot::Sender<Answer>>,
}

#[derive(Default)]
struct Queue {
    waiters: VecDeque<Waiter>,
    ticket: u64,
}

/// The room.
#[derive(Default)]
pub(crate) struct Room {
    waiting: AtomicU32,
    queue: Mutex<Queue>,
}

/// A request's number in the queue; leaving early gives it up.
struct Ticket<'a> {
    revision: &'a Revision,
    number: u64,
    answer: oneshot::Receiver<Answer>,
}

impl Drop for Ticket<'_> {
    fn drop(&mut self) {
        self.revision.room.leave(self.number);
        self.revision.cold.lower(self.revision.room.waiting());
    }
}

/// A place for a request: at once, or after waiting for it. `true` when it had to wait.
pub(crate) async fn admit(gate: &Gate, revision: &Arc<Revision>, rules: &Rules) -> Result<(Lease, bool), Refusal> {
    let room = &revision.room;
    let limit = rules.route.concurrency_max;
    // Nobody overtakes those who wait already.
    if room.waiting() == 0
        && let Some(lease) = balance::acquire(revision, limit, gate.dice.roll(), crate::now_us())
    {
        return Ok((lease, false));
    }
    let mut ticket = match room.enter(gate, revision, rules)? {
        Entry::Place(lease) => return Ok((lease, false)),
        Entry::Wait(ticket) => ticket,
    };
    gate.edges.note(revision, room.waiting(), crate::now_us());
    match tokio::time::timeout(rules.timeout, &mut ticket.answer).await {
        Ok(Ok(answer)) => answer.map(|lease| (lease, true)),
        Ok(Err(_)) => Err(Refusal::Gone),
        Err(_) => Err(Refusal::TimedOut),
    }
}

enum Entry<'a> {
    Place(Lease),
    Wait(Ticket<'a>),
}

impl Room {
    /// Requests that wait now.
    pub(crate) fn waiting(&self) -> u32 {
        self.waiting.load(Ordering::SeqCst)
    }

    fn enter<'a>(&self, gate: &Gate, revision: &'a Arc<Revision>, rules: &Rules) -> Result<Entry<'a>, Refusal> {
        let mut queue = self.queue.lock();
        // Counted before the last look for a place: a place given back after that look is then offered to the queue.
        let before = self.waiting.fetch_add(1, Ordering::SeqCst);
        let out = |refusal| {
            self.waiting.fetch_sub(1, Ordering::SeqCst);
            Err(refusal)
        };
        if before == 0 {
            let limit = rules.route.concurrency_max;
            if let Some(lease) = balance::acquire(revision, limit, gate.dice.roll(), crate::now_us()) {
                self.waiting.fetch_sub(1, Ordering::SeqCst);
                return Ok(Entry::Place(lease));
            }
        }
        if let Some(failure) = revision.failure() {
            gate.edges.nudge(revision, crate::now_us());
            return out(Refusal::Failing(failure));
        }
        if !revision.is_known() {
            return out(Refusal::Gone);
        }
        if before >= rules.route.queue_max {
            return out(Refusal::Full);
        }
        let (sender, answer) = oneshot::channel();
        let number = queue.ticket;
        queue.ticket += 1;
        queue.waiters.push_back(Waiter { ticket: number, answer: Some(sender) });
        Ok(Entry::Wait(Ticket { revision, number, answer }))
    }

    /// Hands out the places that there are, in order.
    pub(crate) fn wake(&self, revision: &Arc<Revision>) {
        let Some(rules) = revision.rules() else { return };
        let limit = rules.route.concurrency_max;
        let (mut spare, now_us) = (None, crate::now_us());
        let mut queue = self.queue.lock();
        while !queue.waiters.is_empty() {
            // The queue's length is no worse a seed than any; places are told apart by their load.
            let seed = queue.ticket.wrapping_add(queue.waiters.len() as u64);
            let Some(lease) = spare.take().or_else(|| balance::acquire(revision, limit, seed, now_us)) else { break };
            spare = self.offer(&mut queue, lease);
        }
        revision.cold.lower(self.waiting());
        drop(queue);
        // Dropping it wakes again, so not while the queue is locked.
        drop(spare);
    }

    /// Gives a place to the first who still wants it; back comes what nobody wanted.
    fn offer(&self, queue: &mut Queue, lease: Lease) -> Option<Lease> {
        let mut lease = lease;
        while let Some(waiter) = queue.waiters.pop_front() {
            let Some(answer) = waiter.answer else { continue };
            self.waiting.fetch_sub(1, Ordering::SeqCst);
            match answer.send(Ok(lease)) {
                Ok(()) => return None,
                Err(Ok(unwanted)) => lease = unwanted,
                Err(Err(_)) => return None,
            }
        }
        Some(lease)
    }

    /// Refuses everybody who waits.
    pub(crate) fn refuse_all(&self, refusal: &Refusal) {
        let waiters = {
            let mut queue = self.queue.lock();
            let waiters = std::mem::take(&mut queue.waiters);
            let live = waiters.iter().filter(|waiter| waiter.answer.is_some()).count();
            self.waiting.fetch_sub(u32::try_from(live).unwrap_or(u32::MAX), Ordering::SeqCst);
            waiters
        };
        for answer in waiters.into_iter().filter_map(|waiter| waiter.answer) {
            // Who has left does not mind.
            let _ = answer.send(Err(refusal.clone()));
        }
    }

    /// The request of this number does not wait any more. Its entry stays as a gap until its turn, or until gaps are many.
    fn leave(&self, number: u64) {
        let mut queue = self.queue.lock();
        let Ok(index) = queue.waiters.binary_search_by_key(&number, |waiter| waiter.ticket) else { return };
        if queue.waiters[index].answer.take().is_some() {
            self.waiting.fetch_sub(1, Ordering::SeqCst);
        }
        if queue.waiters.len() > 2 * self.waiting() as usize + 64 {
            queue.waiters.retain(|waiter| waiter.answer.is_some());
        }
    }
}
