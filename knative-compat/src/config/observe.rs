//! The maps that only tune what a component logs and traces: nothing here acts on them, but broken ones are refused alike.

use super::reader::{Reader, demand};
use super::template::Template;
use super::{ConfigError, Data};

/// `config-logging`.
pub(super) fn logging(data: &Data) -> Result<(), ConfigError> {
    const LEVELS: [&str; 7] = ["debug", "info", "warn", "error", "dpanic", "panic", "fatal"];
    let levels = data.iter().filter(|(key, level)| key.starts_with("loglevel.") && !level.is_empty());
    for (_, level) in levels {
        demand(LEVELS.contains(&level.to_ascii_lowercase().as_str()), || format!("invalid logging level: {level}"))?;
    }
    Ok(())
}

/// `config-observability`.
pub(super) fn observability(data: &Data) -> Result<(), ConfigError> {
    let text = data.get("logging.request-log-template").map_or("", String::as_str);
    // The data of this template is a whole request, so only its braces are checked.
    let open = text.rfind("{{").is_some_and(|at| !text[at..].contains("}}"));
    if open {
        Template::parse("requestLog", "{{", &[], "").map(drop)?;
    }
    Ok(())
}

/// `config-tracing`.
pub(super) fn tracing(data: &Data) -> Result<(), ConfigError> {
    let r = Reader::new(data, "");
    let backend = r.text("backend").unwrap_or("none");
    demand(["none", "zipkin"].contains(&backend), || format!("unsupported tracing backend value {backend:?}"))?;
    let rate = r.float("sample-rate", 0.1)?;
    demand((0.0..=1.0).contains(&rate), || format!("sample-rate = {rate} must be in [0, 1] range"))
}

/// `config-leader-election`.
pub(super) fn leader_election(data: &Data) -> Result<(), ConfigError> {
    let r = Reader::new(data, "");
    let buckets = r.int("buckets", 1)?;
    demand((1..=10).contains(&buckets), || format!("buckets: value must be between 1 <= {buckets} <= 10"))?;
    for key in ["lease-duration", "renew-deadline", "retry-period"] {
        r.duration(key, 1)?;
    }
    Ok(())
}
