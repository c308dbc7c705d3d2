//! Windows second by second.

use super::*;

const T: u32 = 1_000_000;

fn linear(window: &Window, now_s: u32) -> Option<(u64, u64)> {
    window.averages(now_s, 60, 6, Aggregation::Linear).map(|a| (a.stable_micro, a.panic_micro))
}

#[test]
fn nothing_is_no_data() {
    assert_eq!(linear(&Window::default(), T), None);
}

#[test]
fn divides_by_the_seconds_since_the_first_sample() {
    let mut window = Window::default();
    window.add(T, 10_000, 60, 6);
    assert_eq!(linear(&window, T), Some((10_000_000, 10_000_000)));
    window.add(T + 1, 20_000, 60, 6);
    assert_eq!(linear(&window, T + 1), Some((15_000_000, 15_000_000)));
    for second in 2..10 {
        window.add(T + second, 20_000, 60, 6);
    }
    assert_eq!(linear(&window, T + 9), Some((19_000_000, 20_000_000)));
}

#[test]
fn several_gateways_add_up_in_a_second() {
    let mut window = Window::default();
    window.add(T, 1_000, 60, 6);
    window.add(T, 2_500, 60, 6);
    assert_eq!(linear(&window, T), Some((3_500_000, 3_500_000)));
}

#[test]
fn a_missing_tail_is_left_out_and_a_whole_silent_window_is_no_data() {
    let mut window = Window::default();
    for second in 0..60 {
        window.add(T + second, 6_000, 60, 6);
    }
    assert_eq!(linear(&window, T + 62), Some((6_000_000, 6_000_000)));
    // The panic window is over, the stable one is not.
    assert_eq!(linear(&window, T + 59 + 30), Some((6_000_000, 0)));
    assert_eq!(linear(&window, T + 59 + 61), None);
}

#[test]
fn after_a_zero_silence_is_zeros() {
    let mut window = Window::default();
    for second in 0..60 {
        window.add(T + second, 6_000, 60, 6);
    }
    window.add(T + 60, 0, 60, 6);
    assert_eq!(linear(&window, T + 62), Some((5_700_000, 3_000_000)));
    assert_eq!(linear(&window, T + 60 + 29), Some((3_000_000, 0)));
    assert_eq!(linear(&window, T + 60 + 59), Some((0, 0)));
    assert_eq!(linear(&window, T + 10_000), Some((0, 0)));
    // With sandboxes, the zeros stay and weigh; without, the next traffic is a fresh start.
    let mut kept = window.clone();
    kept.shrink(T + 130, 60, false);
    assert_eq!(kept.heap_bytes(), 0);
    kept.add(T + 140, 60_000, 60, 6);
    assert_eq!(linear(&kept, T + 140), Some((1_000_000, 10_000_000)));
    window.shrink(T + 130, 60, true);
    window.add(T + 140, 60_000, 60, 6);
    assert_eq!(linear(&window, T + 140), Some((60_000_000, 60_000_000)));
}

#[test]
fn the_ring_is_kept_while_anything_in_it_counts() {
    let mut window = Window::default();
    window.add(T, 1_000, 60, 6);
    window.add(T + 1, 0, 60, 6);
    window.shrink(T + 30, 60, true);
    assert_eq!(window.heap_bytes(), 240);
    window.shrink(T + 70, 60, true);
    assert_eq!(window.heap_bytes(), 0);
}

#[test]
fn zeros_alone_allocate_nothing() {
    let mut window = Window::default();
    window.add(T, 0, 60, 6);
    window.add(T + 1, 0, 60, 6);
    assert_eq!((linear(&window, T + 1), window.heap_bytes()), (Some((0, 0)), 0));
}

#[test]
fn an_edge_counts_at_once_and_is_not_counted_again_with_its_sample() {
    let mut window = Window::default();
    window.edge(T, 1, 60, 6);
    assert_eq!(linear(&window, T), Some((1_000_000, 1_000_000)));
    window.edge(T, 40, 60, 6);
    window.add(T, 25_000, 60, 6);
    assert_eq!(linear(&window, T), Some((40_000_000, 40_000_000)));
    window.add(T, 25_000, 60, 6);
    assert_eq!(linear(&window, T), Some((50_000_000, 50_000_000)));
}

#[test]
fn late_samples_count_for_their_own_second_unless_too_old() {
    let mut window = Window::default();
    window.add(T, 1_000, 60, 6);
    window.add(T + 2, 1_000, 60, 6);
    window.add(T + 1, 1_000, 60, 6);
    assert_eq!(linear(&window, T + 2), Some((1_000_000, 1_000_000)));
    window.add(T - 100, 9_000, 60, 6);
    assert_eq!(linear(&window, T + 2), Some((1_000_000, 1_000_000)));
}

#[test]
fn a_gap_longer_than_the_panic_window_starts_that_one_afresh() {
    let mut window = Window::default();
    window.add(T, 12_000, 60, 6);
    window.add(T + 20, 12_000, 60, 6);
    assert_eq!(linear(&window, T + 20), Some((1_142_857, 12_000_000)));
}

#[test]
fn a_changed_window_keeps_what_both_have() {
    let mut window = Window::default();
    for second in 0..30 {
        window.add(T + second, 1_000, 60, 6);
    }
    window.add(T + 30, 1_000, 10, 1);
    let averages = window.averages(T + 30, 10, 1, Aggregation::Linear);
    assert_eq!(averages, Some(Averages { stable_micro: 1_000_000, panic_micro: 1_000_000 }));
}

#[test]
fn smoothing_is_upstreams_coefficient() {
    assert_eq!(smoothing_nano(60), 200_000_000);
    // 1 − 0.0001^(1/6)
    assert!(smoothing_nano(6).abs_diff(784_556_531) < 1_000, "{}", smoothing_nano(6));
    assert_eq!(smoothing_nano(1), 999_900_000);
}

#[test]
fn weighted_gives_the_last_second_the_most() {
    let mut window = Window::default();
    window.add(T, 10_000, 60, 6);
    window.add(T + 1, 0, 60, 6);
    window.add(T + 2, 5_000, 60, 6);
    let averages = window.averages(T + 2, 60, 6, Aggregation::WeightedExponential);
    assert_eq!(averages.map(|a| a.stable_micro), Some(1_000_000 + 1_280_000));
}
