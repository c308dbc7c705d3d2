//! The one door through which time enters.

/// Unix milliseconds.
#[must_use]
pub fn now_ms() -> u64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |d| d.as_millis() as u64)
}

/// Unix seconds as RFC 3339 in UTC, as `metav1.Time` is written.
#[must_use]
pub fn rfc3339(seconds: u64) -> String {
    jiff::Timestamp::from_second(seconds as i64).map_or_else(|_| String::new(), |t| t.to_string())
}

/// Now, as `metav1.Time`.
#[must_use]
pub fn now_rfc3339() -> String {
    rfc3339(now_ms() / 1000)
}

/// Unix microseconds as `metav1.MicroTime`.
#[must_use]
pub fn micro_time(micros: u64) -> String {
    let text = rfc3339(micros / 1_000_000);
    format!("{}.{:06}Z", text.trim_end_matches('Z'), micros % 1_000_000)
}
