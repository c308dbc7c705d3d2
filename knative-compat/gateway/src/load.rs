//! How much is asked of each revision: average concurrency and requests per second, told to the control plane each second.
//!
//! Fed by requests through [`Visit`]; knows nothing of sandboxes. Waiting requests count, as the activator's do upstream. Only
//! revisions with traffic are measured, and one zero is sent after the last.

use crate::Gate;
use crate::revision::Revision;
use parking_lot::Mutex;
use skiff_engine::wire::{Load, LoadSample};
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::mpsc;

/// Messages to the control plane that may wait to be written; further ones are dropped and counted.
const LOADS_MAX: usize = 16_384;
/// A revision without traffic for so long gives up its idle connections, microseconds.
const REST_US: u64 = 60_000_000;
/// Samples in one frame.
const SAMPLES_PER_FRAME_MAX: usize = 4_096;

/// The way to the control plane, for whoever has something to say.
#[derive(Clone)]
pub(crate) struct Uplink {
    loads: mpsc::Sender<Load>,
    state: Arc<UplinkState>,
}

#[derive(Default)]
struct UplinkState {
    up: AtomicBool,
    dropped: AtomicU64,
}

impl Uplink {
    pub(crate) fn new() -> (Self, mpsc::Receiver<Load>) {
        let (loads, receiver) = mpsc::channel(LOADS_MAX);
        (Self { loads, state: Arc::default() }, receiver)
    }

    /// Whether a session with the control plane is open.
    pub(crate) fn is_up(&self) -> bool {
        self.state.up.load(Ordering::Relaxed)
    }

    pub(crate) fn set_up(&self, up: bool) {
        self.state.up.store(up, Ordering::Relaxed);
    }

    /// Messages dropped because the queue was full.
    pub(crate) fn dropped(&self) -> u64 {
        self.state.dropped.load(Ordering::Relaxed)
    }

    /// Puts a message into the queue. False when there is no session or no room.
    pub(crate) fn send(&self, load: Load) -> bool {
        if !self.is_up() {
            return false;
        }
        let sent = self.loads.try_send(load).is_ok();
        if !sent {
            self.state.dropped.fetch_add(1, Ordering::Relaxed);
        }
        sent
    }
}

#[derive(Default)]
struct Count {
    in_flight: u32,
    /// Sum of requests in flight times microseconds, since the last sample.
    area_us: u64,
    changed_us: u64,
    arrived: u32,
    /// In [`Meters`].
    listed: bool,
    /// In [`Meters`], to give up its connections.
    resting: bool,
}

impl Count {
    fn advance(&mut self, now_us: u64) {
        self.area_us += u64::from(self.in_flight) * now_us.saturating_sub(self.changed_us);
        self.changed_us = self.changed_us.max(now_us);
    }
}

/// One revision's measurement.
#[derive(Default)]
pub(crate) struct Meter(Mutex<Count>);

impl Meter {
    /// Requests in the gateway for this revision, waiting or served.
    pub(crate) fn in_flight(&self) -> u32 {
        self.0.lock().in_flight
    }

    /// The sample since the last one, `period_us` ago; the flag is true when the revision is silent and was unlisted.
    fn sample(&self, now_us: u64, period_us: u64) -> (u32, u32, bool) {
        let mut count = self.0.lock();
        count.advance(now_us);
        let per_second = |sum: u64, unit: u64| {
            let milli = sum.saturating_mul(unit) / period_us.max(1);
            u32::try_from(milli).unwrap_or(u32::MAX)
        };
        let concurrency_milli = per_second(count.area_us, 1_000);
        let rps_milli = per_second(u64::from(count.arrived), 1_000_000_000);
        let silent = count.in_flight == 0 && count.area_us == 0 && count.arrived == 0;
        count.listed = !silent;
        (count.area_us, count.arrived) = (0, 0);
        (concurrency_milli, rps_milli, silent)
    }
}

/// A request's stay, from its arrival to the end of its answer.
pub(crate) struct Visit(Arc<Revision>);

impl Visit {
    pub(crate) fn begin(gate: &Gate, revision: &Arc<Revision>) -> Self {
        let list = {
            let mut count = revision.meter.0.lock();
            count.advance(crate::now_us());
            count.in_flight += 1;
            count.arrived = count.arrived.saturating_add(1);
            !std::mem::replace(&mut count.listed, true)
        };
        if list {
            gate.meters.0.lock().push(Arc::clone(revision));
        }
        Self(Arc::clone(revision))
    }
}

impl Drop for Visit {
    fn drop(&mut self) {
        let mut count = self.0.meter.0.lock();
        count.advance(crate::now_us());
        count.in_flight -= 1;
    }
}

/// Revisions with traffic. Each is listed at most once, which bounds the lists.
#[derive(Default)]
pub(crate) struct Meters(Mutex<Vec<Arc<Revision>>>);

/// Revisions that fell silent, with the time when that has lasted long enough.
type Resting = VecDeque<(u64, Arc<Revision>)>;

/// Closes the idle connections of revisions whose rest is over and was not disturbed.
fn rest(resting: &mut Resting, now_us: u64) {
    while resting.front().is_some_and(|(due_us, _)| *due_us <= now_us) {
        let Some((_, revision)) = resting.pop_front() else { return };
        let disturbed = {
            let mut count = revision.meter.0.lock();
            count.resting = false;
            count.listed
        };
        if !disturbed {
            revision.slots().iter().for_each(|slot| slot.pool.close_idle());
        }
    }
}

impl Meters {
    fn samples(&self, now_us: u64, period_us: u64, resting: &mut Resting) -> Vec<LoadSample> {
        let listed = std::mem::take(&mut *self.0.lock());
        let mut samples = Vec::with_capacity(listed.len());
        let mut still = Vec::with_capacity(listed.len());
        for revision in listed {
            let (concurrency_milli, rps_milli, silent) = revision.meter.sample(now_us, period_us);
            samples.push(LoadSample { revision: revision.number, concurrency_milli, rps_milli });
            if !silent {
                still.push(revision);
            } else if !std::mem::replace(&mut revision.meter.0.lock().resting, true) {
                resting.push_back((now_us + REST_US, revision));
            }
        }
        self.0.lock().append(&mut still);
        samples
    }

    /// Calls `each` with every revision that has traffic.
    pub(crate) fn for_each(&self, each: impl FnMut(&Arc<Revision>)) {
        self.0.lock().iter().for_each(each);
    }
}

/// Sends the samples of each second.
pub(crate) async fn run(gate: Arc<Gate>) {
    let mut ticks = tokio::time::interval(Duration::from_secs(1));
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    ticks.tick().await;
    let (mut last_us, mut resting) = (crate::now_us(), Resting::default());
    loop {
        ticks.tick().await;
        let now_us = crate::now_us();
        let samples = gate.meters.samples(now_us, now_us - last_us, &mut resting);
        rest(&mut resting, now_us);
        last_us = now_us;
        for part in samples.chunks(SAMPLES_PER_FRAME_MAX) {
            gate.uplink.send(Load::Samples(part.to_vec()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn concurrency_is_weighted_by_time_and_silence_is_told_once() {
        let meter = Meter::default();
        let change = |now_us: u64, by: i32| {
            let mut count = meter.0.lock();
            count.advance(now_us);
            count.in_flight = count.in_flight.saturating_add_signed(by);
            count.arrived += u32::from(by > 0);
        };
        change(0, 1);
        change(500_000, 1);
        change(750_000, -1);
        // One for the whole second, a second one for a quarter of it.
        assert_eq!(meter.sample(1_000_000, 1_000_000), (1_250, 2_000, false));
        assert_eq!(meter.sample(2_000_000, 1_000_000), (1_000, 0, false));
        change(2_000_000, -1);
        assert_eq!(meter.sample(3_000_000, 1_000_000), (0, 0, true));
    }
}
