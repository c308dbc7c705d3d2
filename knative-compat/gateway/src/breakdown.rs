//! Where a cold request's time went, stage by stage.
//!
//! Fed by the request (how long it waited and was forwarded), the control plane (`Route::Progress`) and the sandbox's node
//! (`Endpoint::stages`). A request that came in the middle of a start waited only for its end, so the stages are cut from the
//! last backwards to what it really waited; the rest is `queued` (wires, and waiting for a place).

use http::HeaderValue;
use skiff_engine::wire::Stages;
use std::fmt::Write;

/// Named stages in microseconds, in order.
pub(crate) type Breakdown = [(&'static str, u32); 8];

/// The breakdown of one cold request.
pub(crate) fn of(waited_us: u64, progress: (u32, u32), stages: Stages, forwarded_us: u64) -> Breakdown {
    let clamp = |us: u64| u32::try_from(us).unwrap_or(u32::MAX);
    let mut breakdown = [
        ("queued", 0),
        ("decided", progress.0),
        ("ordered", progress.1),
        ("network", stages.network_us),
        ("created", stages.created_us),
        ("started", stages.started_us),
        ("ready", stages.ready_us),
        ("forwarded", clamp(forwarded_us)),
    ];
    let mut left = clamp(waited_us);
    for (_, us) in breakdown[1..7].iter_mut().rev() {
        *us = left.min(*us);
        left -= *us;
    }
    breakdown[0].1 = left;
    breakdown
}

/// `Server-Timing: queued;dur=1.234, …`, in milliseconds.
pub(crate) fn server_timing(breakdown: &Breakdown) -> Option<HeaderValue> {
    let mut text = String::with_capacity(192);
    for (name, us) in breakdown {
        let comma = if text.is_empty() { "" } else { ", " };
        write!(text, "{comma}{name};dur={}.{:03}", us / 1000, us % 1000).ok()?;
    }
    HeaderValue::try_from(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const STAGES: Stages = Stages { network_us: 1_000, created_us: 2_000, started_us: 3_000, ready_us: 4_000 };

    #[test]
    fn a_whole_start_leaves_the_rest_to_the_queue() {
        let whole = of(11_000, (100, 200), STAGES, 50);
        assert_eq!(whole.map(|(_, us)| us), [700, 100, 200, 1_000, 2_000, 3_000, 4_000, 50]);
    }

    #[test]
    fn a_late_arrival_waited_for_the_end_only() {
        let late = of(5_500, (100, 200), STAGES, 50);
        assert_eq!(late.map(|(_, us)| us), [0, 0, 0, 0, 0, 1_500, 4_000, 50]);
    }

    #[test]
    fn header_is_in_milliseconds() {
        let header = server_timing(&of(4_001, (0, 0), STAGES, 1_050));
        let text = header.as_ref().and_then(|value| value.to_str().ok()).unwrap_or_default();
        assert!(text.starts_with("queued;dur=0.000, decided;dur=0.000"), "{text}");
        assert!(text.ends_with("started;dur=0.001, ready;dur=4.000, forwarded;dur=1.050"), "{text}");
    }
}
