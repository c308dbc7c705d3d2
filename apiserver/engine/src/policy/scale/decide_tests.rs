//! Decisions as scripts: second by second, what is measured, what is ready, what is decided.

use super::*;
use crate::policy::scale::Aggregation;

/// One revision with a clock. Sandboxes become ready at once unless told otherwise.
struct Play {
    settings: ScaleSettings,
    state: ScaleState,
    now_ms: u64,
    ready: u32,
}

impl Play {
    fn new(settings: ScaleSettings) -> Self {
        let mut play = Self { settings, state: ScaleState::default(), now_ms: 1_000_000_000, ready: 0 };
        begin(play.now_ms, &settings, &mut play.state);
        play
    }

    /// An idle revision at zero that was active before.
    fn idle(settings: ScaleSettings) -> Self {
        let mut play = Self { settings, state: ScaleState::default(), now_ms: 1_000_000_000, ready: 0 };
        resume(play.now_ms, &settings, &mut play.state, 0);
        play
    }

    fn ask(&mut self) -> Decision {
        decide(self.now_ms, &self.settings, &mut self.state, self.ready)
    }

    fn cold(&mut self, waiting: u32) -> u32 {
        demand(self.now_ms, &self.settings, &mut self.state, self.ready, waiting)
    }

    /// `seconds` with that much traffic each, a decision each two seconds, obeyed at once. Gives the last decision.
    fn run(&mut self, seconds: u32, load_milli: u32) -> Decision {
        let mut last = None;
        for second in 0..seconds {
            if load_milli > 0 || second == 0 {
                record(self.now_ms, &mut self.state, 1, load_milli, load_milli);
            }
            if is_due(self.now_ms, &self.state) {
                let decision = self.ask();
                self.ready = decision.desired;
                last = Some(decision);
            }
            self.now_ms += 1000;
        }
        last.unwrap_or_else(|| self.ask())
    }
}

fn cc(limit: u32) -> ScaleSettings {
    ScaleSettings { total_milli: limit * 1000, ..ScaleSettings::default() }
}

#[test]
fn small_enough_for_a_hundred_thousand() {
    assert!(size_of::<ScaleState>() <= 112, "{}", size_of::<ScaleState>());
}

#[test]
fn a_new_revision_starts_its_initial_scale_and_then_falls_to_zero() {
    let mut play = Play::new(ScaleSettings { initial_scale: 3, ..ScaleSettings::default() });
    let first = play.ask();
    assert_eq!((first.desired, first.activity, first.initialized), (3, Activity::Activating, false));
    play.now_ms += 2000;
    play.ready = 2;
    assert_eq!((play.ask().desired, play.ask().reason), (3, Reason::InitialScale));
    play.ready = 3;
    let reached = play.ask();
    assert_eq!((reached.activity, reached.initialized), (Activity::Active, true));
    // Active for one stable window, and the gateway has been in the path all the time.
    assert_eq!(play.run(58, 0).desired, 1);
    let end = play.run(6, 0);
    assert_eq!((end.desired, end.activity, end.reason), (0, Activity::Inactive, Reason::Idle));
    assert!(play.ask().idle);
    assert_eq!(play.state.heap_bytes(), 0);
}

#[test]
fn initial_scale_zero_is_ready_with_nothing() {
    let mut play = Play::new(ScaleSettings { initial_scale: 0, ..ScaleSettings::default() });
    let first = play.ask();
    assert_eq!((first.desired, first.activity, first.initialized), (0, Activity::Inactive, true));
}

#[test]
fn the_first_waiting_request_wants_one_at_once() {
    let mut play = Play::idle(ScaleSettings::default());
    assert_eq!(play.ask().desired, 0);
    play.cold(1);
    let decision = play.ask();
    assert_eq!((decision.desired, decision.activity), (1, Activity::Activating));
    assert_eq!(decision.excess_burst_capacity, -212);
}

#[test]
fn many_waiting_requests_want_many_at_once() {
    let mut play = Play::idle(cc(1));
    assert_eq!(play.cold(1), 2);
    play.cold(500);
    let decision = play.ask();
    assert_eq!((decision.desired, decision.in_panic), (715, true));
}

#[test]
fn the_growth_rate_bounds_one_decision() {
    let mut play = Play::idle(ScaleSettings { up_rate_milli: 2_000, ..cc(1) });
    play.cold(100);
    let decision = play.ask();
    assert_eq!((decision.desired, decision.reason), (2, Reason::UpRate));
    play.ready = 2;
    assert_eq!(play.ask().desired, 4);
}

#[test]
fn steady_load_gives_the_target() {
    let mut play = Play::idle(ScaleSettings::default());
    // 210 at 70 a sandbox.
    assert_eq!(play.run(120, 210_000).desired, 3);
    assert!(!play.ask().in_panic);
    let mut play = Play::idle(ScaleSettings { metric: Metric::Rps, total_milli: 200_000, ..ScaleSettings::default() });
    assert_eq!(play.run(120, 1_400_000).desired, 10);
}

#[test]
fn falling_load_is_held_by_panic_then_by_the_decline_rate() {
    let mut play = Play::idle(cc(10));
    assert_eq!(play.run(10, 70_000).desired, 10);
    // The surge put it into panic; the peak holds for a stable window after it.
    let held = play.run(40, 7_000);
    assert_eq!((held.desired, held.in_panic), (10, true));
    let low = play.run(80, 7_000);
    assert_eq!((low.desired, low.in_panic), (1, false));
}

#[test]
fn panic_goes_by_the_panic_window() {
    let mut play = Play::idle(cc(10));
    play.run(120, 7_000);
    assert_eq!((play.ready, play.ask().in_panic), (1, false));
    let surge = play.run(6, 70_000);
    assert!(surge.in_panic);
    assert!(surge.desired >= 7, "{surge:?}");
    assert_eq!(play.run(4, 70_000).desired, 10);
}

#[test]
fn an_unknown_past_with_several_sandboxes_holds_them() {
    let settings = cc(10);
    let mut state = ScaleState::default();
    resume(1_000_000, &settings, &mut state, 5);
    let decision = decide(1_000_000, &settings, &mut state, 5);
    assert_eq!((decision.desired, decision.in_panic, decision.reason), (5, true, Reason::PanicPeak));
    let decision = decide(1_061_000, &settings, &mut state, 5);
    assert_eq!((decision.desired, decision.in_panic, decision.reason), (2, false, Reason::DownRate));
    restart(1_062_000, &mut state, 2);
    assert_eq!(decide(1_062_000, &settings, &mut state, 2).desired, 2);
}

#[test]
fn bounds() {
    let mut play = Play::idle(ScaleSettings { min_scale: 2, max_scale: 4, ..cc(1) });
    assert_eq!((play.ask().desired, play.ask().reason), (2, Reason::NoData));
    play.ready = 2;
    assert_eq!((play.ask().desired, play.ask().reason), (2, Reason::MinScale));
    let decision = play.run(10, 100_000);
    assert_eq!((decision.desired, decision.reason), (4, Reason::MaxScale));
    play.settings.reachable = false;
    play.run(4, 0);
    assert_eq!(play.run(300, 0).desired, 0);
}

#[test]
fn activation_scale_lifts_any_traffic() {
    let mut play = Play::idle(ScaleSettings { activation_scale: 5, ..ScaleSettings::default() });
    play.cold(1);
    let decision = play.ask();
    assert_eq!((decision.desired, decision.reason), (5, Reason::ActivationScale));
    assert_eq!(play.run(30, 1_000).desired, 5);
    play.run(300, 0);
    assert_eq!(play.ready, 0);
}

#[test]
fn the_delay_holds_the_largest_number() {
    let mut play = Play::idle(ScaleSettings { down_delay_s: 600, ..cc(10) });
    play.run(120, 35_000);
    assert_eq!(play.ready, 5);
    let held = play.run(500, 7_000);
    assert_eq!((held.desired, held.reason), (5, Reason::ScaleDownDelay));
    // The decline rate was asked from five ready ones all that time, so the delay knows of two.
    assert_eq!(play.run(300, 7_000).desired, 2);
    assert_eq!(play.run(700, 7_000).desired, 1);
}

#[test]
fn to_zero_waits_for_the_window_and_retention() {
    let idle_after = |settings: ScaleSettings| {
        let mut play = Play::idle(settings);
        play.run(100, 1_000);
        (0..500).find(|_| play.run(2, 0).desired == 0).map(|turns| turns * 2)
    };
    // The window empties after 60 s; the gateway is in every path, so there is no grace on top.
    assert_eq!(idle_after(ScaleSettings::default()), Some(60));
    assert_eq!(idle_after(ScaleSettings { retention_s: 40, ..ScaleSettings::default() }), Some(100));
    assert_eq!(idle_after(ScaleSettings { burst_milli: 0, ..ScaleSettings::default() }), Some(60));
    assert_eq!(idle_after(ScaleSettings { stable_window_s: 6, panic_window_s: 1, ..ScaleSettings::default() }), Some(6));
    assert_eq!(idle_after(ScaleSettings { to_zero: false, ..ScaleSettings::default() }), None);
    assert_eq!(idle_after(ScaleSettings { min_scale: 1, ..ScaleSettings::default() }), None);
}

#[test]
fn traffic_while_retained_makes_it_active_again() {
    let mut play = Play::idle(ScaleSettings { retention_s: 30, ..ScaleSettings::default() });
    play.run(100, 1_000);
    let kept = play.run(70, 0);
    assert_eq!((kept.desired, kept.activity, kept.reason), (1, Activity::Inactive, Reason::Retention));
    let again = play.run(2, 1_000);
    assert_eq!((again.desired, again.activity), (1, Activity::Active));
}

#[test]
fn a_start_that_never_succeeds_is_given_up() {
    let mut play = Play::idle(ScaleSettings { activation_s_max: 100, ..ScaleSettings::default() });
    assert_eq!(play.cold(1), 1);
    play.now_ms += 1000;
    record(play.now_ms, &mut play.state, 1, 0, 0);
    play.now_ms += 90_000;
    let waits = play.ask();
    assert_eq!((waits.desired, waits.reason), (1, Reason::Activating));
    play.now_ms += 10_000;
    let gone = play.ask();
    assert_eq!((gone.desired, gone.activity, gone.reason), (0, Activity::TimedOut, Reason::ActivationTimedOut));
    // A new request starts it once more.
    play.now_ms += 10_000;
    play.cold(1);
    assert_eq!((play.ask().desired, play.ask().activity), (1, Activity::Activating));
}

#[test]
fn a_new_revision_that_never_starts_is_given_up_unless_a_minimum_is_asked() {
    let after = |settings| {
        let mut play = Play::new(settings);
        play.now_ms += 640_000;
        play.ask().desired
    };
    assert_eq!(after(ScaleSettings::default()), 1, "the initial scale binds until it was reached");
    assert_eq!(after(ScaleSettings { reachable: false, ..ScaleSettings::default() }), 0);
}

#[test]
fn weighted_windows_react_faster() {
    let mut linear = Play::idle(cc(10));
    let mut weighted = Play::idle(ScaleSettings { aggregation: Aggregation::WeightedExponential, ..cc(10) });
    for play in [&mut linear, &mut weighted] {
        play.run(300, 70_000);
        play.run(20, 7_000);
    }
    let (slow, fast) = (linear.ask(), weighted.ask());
    assert!(fast.stable_micro < slow.stable_micro);
    assert_eq!((slow.desired, fast.desired), (7, 2));
}

#[test]
fn silence_of_a_lost_gateway_keeps_its_average_for_a_window() {
    let mut play = Play::idle(cc(10));
    play.run(300, 70_000);
    play.now_ms += 20_000;
    assert_eq!(play.ask().desired, 10);
}
