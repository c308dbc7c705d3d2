//! An open loop: requests become due at fixed times, whatever the answers do. Fed by the load programs; sends nothing itself.

use std::time::{Duration, Instant};

/// Calls `fire(i, due)` for `count` requests at `rate` a second. `fire` must not wait: it spawns.
pub async fn paced(rate: u32, count: usize, mut fire: impl FnMut(usize, Instant)) {
    let start = Instant::now();
    let mut sent = 0;
    while sent < count {
        // The timer is coarser than the gap at high rates: each wake-up sends everything that is due by now.
        let due = (start.elapsed().as_secs_f64() * f64::from(rate)) as usize + 1;
        while sent < due.min(count) {
            fire(sent, start + Duration::from_secs_f64(sent as f64 / f64::from(rate)));
            sent += 1;
        }
        let next = start + Duration::from_secs_f64(sent as f64 / f64::from(rate));
        tokio::time::sleep_until(next.into()).await;
    }
}

#[cfg(test)]
mod tests {
    use super::paced;
    use std::time::{Duration, Instant};

    #[tokio::test]
    async fn nothing_fires_early_and_nothing_is_left_out() {
        let start = Instant::now();
        let mut fired = Vec::new();
        paced(1000, 100, |i, due| fired.push((i, due, Instant::now()))).await;
        assert_eq!(fired.iter().map(|(i, ..)| *i).collect::<Vec<_>>(), (0..100).collect::<Vec<_>>());
        assert!(fired.iter().all(|(_, due, at)| *at + Duration::from_millis(1) >= *due));
        assert!(start.elapsed() >= Duration::from_millis(98));
    }
}
