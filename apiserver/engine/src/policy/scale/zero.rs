//! The last sandbox: when a revision counts as active, and when it may fall to nothing.
//!
//! Fed by [`super::decide`] with the number that the windows want; knows no window. It is upstream's three-state machine
//! (the `Active` condition of a PodAutoscaler), with times as arguments, but for its grace period: that waits until the activator is
//! in every path, and here the gateway always is.

use super::{Reason, ScaleSettings};

/// The `Active` condition.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Activity {
    /// `Unknown`: sandboxes are wanted, too few are ready.
    #[default]
    Activating,
    /// `True`.
    Active,
    /// `False`, `NoTraffic`.
    Inactive,
    /// `False`, `TimedOut`: a start that never succeeded was given up.
    TimedOut,
}

/// Where a revision stands.
#[derive(Clone, Copy, Debug, Default)]
pub struct Standing {
    since_ms: u64,
    activity: Activity,
    initialized: bool,
}

/// What the windows' zero becomes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// So many, and that is what is wanted.
    Have(u32, Reason),
    /// Nothing is wanted, but the present sandboxes stay for now.
    Keep(Reason),
    /// Undecided: the present sandboxes stay and the standing is not touched.
    Wait(Reason),
}

impl Standing {
    pub(super) fn new(now_ms: u64, desired: u32, initialized: bool) -> Self {
        Self { since_ms: now_ms, activity: if desired == 0 { Activity::Inactive } else { Activity::Activating }, initialized }
    }

    pub(super) fn activity(&self) -> Activity {
        self.activity
    }

    pub(super) fn initialized(&self) -> bool {
        self.initialized
    }

    /// The lower bound: `min_scale`, and the initial scale until that was reached once.
    pub(super) fn least(&self, settings: &ScaleSettings) -> (u32, Reason) {
        if !settings.reachable {
            return (0, Reason::Windows);
        }
        if !self.initialized && settings.initial_scale > settings.min_scale {
            return (settings.initial_scale, Reason::InitialScale);
        }
        (settings.min_scale, Reason::MinScale)
    }

    /// Nothing is wanted: may the last sandbox go?
    pub(super) fn release(&mut self, now_ms: u64, settings: &ScaleSettings) -> Verdict {
        if !settings.to_zero {
            return Verdict::Have(1, Reason::ZeroDisabled);
        }
        match self.activity {
            Activity::Activating if self.lasted(now_ms, settings.activation_s_max) => {
                Verdict::Have(0, Reason::ActivationTimedOut)
            }
            Activity::Activating => Verdict::Wait(Reason::Activating),
            Activity::Active if !self.lasted(now_ms, settings.stable_window_s) => Verdict::Have(1, Reason::StillActive),
            Activity::Active => {
                self.turn(Activity::Inactive, now_ms);
                self.leave(now_ms, settings)
            }
            Activity::Inactive | Activity::TimedOut => self.leave(now_ms, settings),
        }
    }

    /// After a decision: `wanted` is `None` when it was undecided.
    pub(super) fn settle(&mut self, now_ms: u64, settings: &ScaleSettings, ready: u32, wanted: Option<u32>) {
        let least = if settings.reachable { settings.min_scale } else { 0 };
        let enough = if self.initialized { least.max(1) } else { least.max(settings.initial_scale) };
        if ready >= enough {
            self.initialized = true;
        }
        let inactive = matches!(self.activity, Activity::Inactive | Activity::TimedOut);
        let some = wanted.is_some_and(|wanted| wanted > 0);
        if wanted == Some(0) {
            let gave_up = self.activity == Activity::Activating && enough > 0;
            self.turn(if gave_up { Activity::TimedOut } else { Activity::Inactive }, now_ms);
        } else if some || !inactive {
            self.turn(if ready < enough { Activity::Activating } else { Activity::Active }, now_ms);
        }
    }

    /// Inactive: only the user's wish keeps the last sandbox.
    fn leave(&self, now_ms: u64, settings: &ScaleSettings) -> Verdict {
        if self.lasted(now_ms, settings.retention_s) {
            return Verdict::Have(0, Reason::Idle);
        }
        Verdict::Keep(Reason::Retention)
    }

    fn lasted(&self, now_ms: u64, seconds: u32) -> bool {
        now_ms.saturating_sub(self.since_ms) >= u64::from(seconds) * 1000
    }

    fn turn(&mut self, activity: Activity, now_ms: u64) {
        let over = matches!((self.activity, activity), (Activity::TimedOut, Activity::Inactive));
        if self.activity != activity && !over {
            self.activity = activity;
            self.since_ms = now_ms;
        }
    }
}
