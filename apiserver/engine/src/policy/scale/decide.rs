//! One decision: windows, rates, panic, delay, bounds and the last sandbox, in upstream's order.
//!
//! Fed by the engine every two seconds for revisions with traffic or sandboxes, and at once when a request waits for a
//! revision that has none. Silence is taken for "no traffic", so the engine must not ask while no gateway is connected, and
//! must call [`restart`] when the first one is back.

use super::delay::Delay;
use super::panic::Latch;
use super::window::{Averages, Window};
use super::zero::{Activity, Standing, Verdict};
use super::{Metric, ScaleSettings, stable};
use alloc::boxed::Box;

/// Milliseconds between two decisions about a revision, unless an edge asks for one.
pub const INTERVAL_MS: u64 = 2_000;

/// What one revision's scaling remembers. Small while idle: what is on the heap exists only with traffic or with a delay.
#[derive(Clone, Debug, Default)]
pub struct ScaleState {
    window: Window,
    latch: Latch,
    standing: Standing,
    delay: Option<Box<Delay>>,
    decided_ms: u64,
    desired: u32,
    excess_burst: i32,
    measure: Measure,
}

/// The settings that a sample needs, kept here so that a sample comes without them.
#[derive(Clone, Copy, Debug)]
struct Measure {
    metric: Metric,
    stable_s: u16,
    panic_s: u16,
}

impl Default for Measure {
    fn default() -> Self {
        Self::of(&ScaleSettings::default())
    }
}

impl Measure {
    fn of(settings: &ScaleSettings) -> Self {
        let short = |seconds: u32| u16::try_from(seconds).unwrap_or(u16::MAX).max(1);
        Self { metric: settings.metric, stable_s: short(settings.stable_window_s), panic_s: short(settings.panic_window_s) }
    }
}

/// The answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decision {
    /// Sandboxes to have.
    pub desired: u32,
    /// Requests that would find room at once beyond the wanted burst; negative when the gateway has to buffer.
    pub excess_burst_capacity: i32,
    /// The number only grows for now.
    pub in_panic: bool,
    /// The `Active` condition after the decision.
    pub activity: Activity,
    /// The initial scale was reached at some time (or is 0).
    pub initialized: bool,
    /// The rule that made the number what it is.
    pub reason: Reason,
    /// Nothing can change before the next sample, edge or change of settings or sandboxes: no need to ask again.
    pub idle: bool,
    /// Stable average, millionths.
    pub stable_micro: u64,
    /// Panic average, millionths.
    pub panic_micro: u64,
}

/// The rule that had the last word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// No sandbox and no data: what was decided before stays.
    NoData,
    /// What the stable window asks for.
    Windows,
    /// The growth rate held it down.
    UpRate,
    /// The decline rate held it up.
    DownRate,
    /// The activation scale lifted it.
    ActivationScale,
    /// The panic window asked for more than the stable one.
    Panic,
    /// In panic, an earlier peak holds.
    PanicPeak,
    /// The scale-down delay holds an earlier number.
    ScaleDownDelay,
    /// The initial scale was never reached.
    InitialScale,
    /// `min-scale`.
    MinScale,
    /// `max-scale`.
    MaxScale,
    /// Scale to zero is disabled.
    ZeroDisabled,
    /// Nothing is wanted, but the start is still under way.
    Activating,
    /// Nothing is wanted, but it has been active for less than a stable window.
    StillActive,
    /// Inactive, and the last sandbox is retained.
    Retention,
    /// Idle: nothing is wanted and nothing is kept.
    Idle,
    /// The start never succeeded and nobody asks any more.
    ActivationTimedOut,
}

impl ScaleState {
    /// The last decision's number.
    #[must_use]
    pub fn desired(&self) -> u32 {
        self.desired
    }

    /// The `Active` condition.
    #[must_use]
    pub fn activity(&self) -> Activity {
        self.standing.activity()
    }

    /// Bytes held beyond the struct itself, without the delay's.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        self.window.heap_bytes()
    }
}

/// Sandboxes that a new revision starts with.
#[must_use]
pub fn initial(settings: &ScaleSettings) -> u32 {
    settings.initial_scale.max(if settings.reachable { settings.min_scale } else { 0 })
}

/// A revision that just came to be.
pub fn begin(now_ms: u64, settings: &ScaleSettings, state: &mut ScaleState) {
    *state = fresh(now_ms, settings, 0, initial(settings), settings.initial_scale == 0);
}

/// A revision that reached its initial scale at some time, whose past is unknown (after a failover): holds what is `ready`.
pub fn resume(now_ms: u64, settings: &ScaleSettings, state: &mut ScaleState, ready: u32) {
    let least = if settings.reachable { settings.min_scale } else { 0 };
    *state = fresh(now_ms, settings, ready, least.max(ready), true);
}

/// Measurements were missing for a while (no gateway was connected): forgets the windows and holds what is there.
pub fn restart(now_ms: u64, state: &mut ScaleState, ready: u32) {
    state.window = Window::default();
    state.latch = Latch::new(now_ms, ready);
}

fn fresh(now_ms: u64, settings: &ScaleSettings, ready: u32, desired: u32, initialized: bool) -> ScaleState {
    let excess_burst = stable::excess_burst(settings, desired, 0);
    ScaleState {
        latch: Latch::new(now_ms, ready),
        standing: Standing::new(now_ms, desired, initialized),
        desired,
        excess_burst,
        measure: Measure::of(settings),
        ..ScaleState::default()
    }
}

/// A gateway's sample of one second. What several gateways say of the same second adds up, whoever says it.
pub fn record(now_ms: u64, state: &mut ScaleState, _gateway: u64, concurrency_milli: u32, rps_milli: u32) {
    let Measure { metric, stable_s, panic_s } = state.measure;
    let value_milli = match metric {
        Metric::Concurrency => concurrency_milli,
        Metric::Rps => rps_milli,
    };
    state.window.add(second(now_ms), value_milli, u32::from(stable_s), u32::from(panic_s));
}

/// On the edge: `waiting` requests found no free sandbox. Answers at once how many sandboxes to have.
pub fn demand(now_ms: u64, settings: &ScaleSettings, state: &mut ScaleState, ready: u32, waiting: u32) -> u32 {
    state.window.edge(second(now_ms), waiting, settings.stable_window_s, settings.panic_window_s);
    // The regular decision, which may also lower the number, stays due when it was.
    let decided_ms = state.decided_ms;
    let decision = decide(now_ms, settings, state, ready);
    state.decided_ms = decided_ms;
    decision.desired
}

/// Whether the regular decision is due.
#[must_use]
pub fn is_due(now_ms: u64, state: &ScaleState) -> bool {
    now_ms.saturating_sub(state.decided_ms) >= INTERVAL_MS
}

/// How many sandboxes the revision should have, with `ready` of them ready.
pub fn decide(now_ms: u64, settings: &ScaleSettings, state: &mut ScaleState, ready: u32) -> Decision {
    state.decided_ms = now_ms;
    state.measure = Measure::of(settings);
    let averages = observe(now_ms, settings, state, ready);
    let (number, reason) = match averages {
        Some(averages) => windows(now_ms, settings, state, ready, averages),
        None => (state.desired, Reason::NoData),
    };
    let (number, reason) = bound(settings, state, number, reason);
    let stuck = averages.is_none() && state.standing.activity() == Activity::Activating;
    let verdict = match number {
        0 => state.standing.release(now_ms, settings),
        // A start without traffic and without success is given up as well.
        _ if stuck && state.standing.least(settings).0 == 0 => match state.standing.release(now_ms, settings) {
            Verdict::Have(0, reason) => Verdict::Have(0, reason),
            _ => Verdict::Wait(reason),
        },
        _ if averages.is_none() => Verdict::Wait(reason),
        _ => Verdict::Have(number, reason),
    };
    let (desired, wanted, reason) = match verdict {
        Verdict::Have(number, reason) => (number, Some(number), reason),
        Verdict::Keep(reason) => (state.desired, Some(0), reason),
        Verdict::Wait(reason) => (if number == 0 { state.desired } else { number }, None, reason),
    };
    state.standing.settle(now_ms, settings, ready, wanted);
    state.desired = desired;
    let Averages { stable_micro, panic_micro } = averages.unwrap_or(Averages { stable_micro: 0, panic_micro: 0 });
    let forgettable = ready == 0 && desired == 0;
    state.window.shrink(second(now_ms), settings.stable_window_s, forgettable);
    Decision {
        desired,
        excess_burst_capacity: state.excess_burst,
        in_panic: state.latch.in_panic(),
        activity: state.standing.activity(),
        initialized: state.standing.initialized(),
        reason,
        idle: forgettable && stable_micro == 0 && panic_micro == 0 && !state.latch.in_panic(),
        stable_micro,
        panic_micro,
    }
}

/// The averages of now. With sandboxes, "no data" means that nobody asked them anything: zeros from now on.
fn observe(now_ms: u64, settings: &ScaleSettings, state: &mut ScaleState, ready: u32) -> Option<Averages> {
    let (now_s, stable_s, panic_s) = (second(now_ms), settings.stable_window_s, settings.panic_window_s);
    let averages = state.window.averages(now_s, stable_s, panic_s, settings.aggregation);
    if averages.is_none() && ready > 0 {
        state.window.add(now_s, 0, stable_s, panic_s);
        return state.window.averages(now_s, stable_s, panic_s, settings.aggregation);
    }
    averages
}

/// The number before the bounds.
fn windows(now_ms: u64, settings: &ScaleSettings, state: &mut ScaleState, ready: u32, averages: Averages) -> (u32, Reason) {
    let target_micro = stable::target_micro(settings);
    let rates = stable::rates(settings, ready);
    let by_stable = stable::asked(averages.stable_micro, target_micro);
    let by_panic = stable::asked(averages.panic_micro, target_micro);
    let wanted = stable::bounded(by_stable, rates, settings.activation_scale);
    let in_panic = stable::bounded(by_panic, rates, settings.activation_scale);
    let mut reason = match wanted {
        _ if wanted > by_stable && by_stable > 0 && wanted == settings.activation_scale => Reason::ActivationScale,
        _ if wanted > by_stable => Reason::DownRate,
        _ if wanted < by_stable => Reason::UpRate,
        _ => Reason::Windows,
    };
    state.latch.turn(now_ms, by_panic, ready, settings.panic_threshold_milli, settings.stable_window_s);
    let mut number = wanted;
    if state.latch.in_panic() {
        number = state.latch.hold(wanted.max(in_panic));
        if number > wanted.max(in_panic) {
            reason = Reason::PanicPeak;
        } else if in_panic > wanted {
            reason = Reason::Panic;
        }
    }
    if settings.down_delay_s > 0 && settings.reachable {
        let held = state.delay.get_or_insert_default().hold(now_ms, settings.down_delay_s, number);
        if held != number {
            (number, reason) = (held, Reason::ScaleDownDelay);
        }
    } else {
        state.delay = None;
    }
    state.excess_burst = stable::excess_burst(settings, ready, averages.panic_micro);
    (number, reason)
}

fn bound(settings: &ScaleSettings, state: &ScaleState, number: u32, reason: Reason) -> (u32, Reason) {
    let (least, why) = state.standing.least(settings);
    if number < least {
        return (least, why);
    }
    if settings.max_scale != 0 && number > settings.max_scale {
        return (settings.max_scale, Reason::MaxScale);
    }
    (number, reason)
}

fn second(now_ms: u64) -> u32 {
    u32::try_from(now_ms / 1000).unwrap_or(u32::MAX)
}

#[cfg(test)]
#[path = "decide_tests.rs"]
mod tests;
