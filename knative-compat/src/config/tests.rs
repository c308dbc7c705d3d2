//! The refusals of group `kn-config`, by the key and value of each step.

use super::*;

fn patched(name: &str, key: &str, value: &str) -> Result<(), ConfigError> {
    let mut data = Data::from([(key.to_owned(), value.to_owned())]);
    if name == "config-deployment" && key != "queue-sidecar-image" {
        data.insert("queue-sidecar-image".into(), "dev.local/queue:1".into());
    }
    check(name, &data, None)
}

/// Map, key, value, refusal.
const REFUSALS: &[(&str, &str, &str, &str)] = &[
    (
        "config-autoscaler",
        "container-concurrency-target-percentage",
        "0",
        "container-concurrency-target-percentage = 0.000000 is outside of valid range of (0, 100]",
    ),
    (
        "config-autoscaler",
        "container-concurrency-target-default",
        "0.001",
        "container-concurrency-target-percentage and container-concurrency-target-default yield target concurrency of 0.0007, can't be less than 0.01",
    ),
    ("config-autoscaler", "stable-window", "1s", "stable-window = 1s, must be in [6s; 1h0m0s] range"),
    (
        "config-autoscaler",
        "stable-window",
        "soon",
        "failed to parse data: failed to parse \"stable-window\": time: invalid duration \"soon\"",
    ),
    (
        "config-autoscaler",
        "enable-scale-to-zero",
        "maybe",
        "failed to parse data: strconv.ParseBool: parsing \"maybe\": invalid syntax",
    ),
    (
        "config-autoscaler",
        "target-burst-capacity",
        "-2",
        "target-burst-capacity must be either non-negative or -1 (for unlimited), was: -2.000000",
    ),
    ("config-autoscaler", "max-scale-up-rate", "0.5", "max-scale-up-rate = 0.5, must be greater than 1.0"),
    ("config-autoscaler", "min-scale", "-1", "min-scale = -1, must be at least 0"),
    (
        "config-autoscaler",
        "initial-scale",
        "-1",
        "initial-scale = -1, must be at least 0 (or at least 1 when allow-zero-initial-scale is false)",
    ),
    ("config-autoscaler", "panic-window-percentage", "0", "panic-window-percentage = 0, must be in [1, 100] interval"),
    ("config-autoscaler", "scale-down-delay", "-1s", "scale-down-delay cannot be negative, was: -1s"),
    (
        "config-autoscaler",
        "requests-per-second-target-default",
        "0",
        "requests-per-second-target-default must be at least 0.01, was: 0",
    ),
    ("config-autoscaler", "activator-capacity", "0", "activator-capacity = 0, must be at least 1"),
    ("config-autoscaler", "max-scale-limit", "10", "max-scale = 0, must be in [1, max-scale-limit(10)] range"),
    (
        "config-defaults",
        "revision-timeout-seconds",
        "abc",
        "failed to parse \"revision-timeout-seconds\": strconv.ParseInt: parsing \"abc\": invalid syntax",
    ),
    (
        "config-defaults",
        "revision-timeout-seconds",
        "700",
        "revision-timeout-seconds (700) cannot be greater than max-revision-timeout-seconds (600)",
    ),
    ("config-defaults", "container-concurrency", "2000", "expected 0 <= 2000 <= 1000: container-concurrency"),
    ("config-defaults", "container-concurrency-max-limit", "0", "expected 1 <= 0 <= 2147483647: container-concurrency-max-limit"),
    ("config-defaults", "container-name-template", "{{.Name", "template: container-template:1: unclosed action"),
    ("config-defaults", "allow-container-concurrency-zero", "x", "strconv.ParseBool: parsing \"x\": invalid syntax"),
    (
        "config-defaults",
        "revision-response-start-timeout-seconds",
        "400",
        "revision-response-start-timeout-seconds (400) cannot be greater than revision-timeout-seconds (300)",
    ),
    (
        "config-domain",
        "example.org",
        "selector: [",
        "error converting YAML to JSON: yaml: line 1: did not find expected node content",
    ),
    (
        "config-network",
        "domain-template",
        "{{.Foo}}",
        "template: domain-template:1:2: executing \"domain-template\" at <.Foo>: can't evaluate field Foo in type config.DomainTemplateValues",
    ),
    (
        "config-network",
        "tag-template",
        "{{.Nope}}",
        "template: tag-template:1:2: executing \"tag-template\" at <.Nope>: can't evaluate field Nope in type config.TagTemplateValues",
    ),
    ("config-network", "http-protocol", "foo", "httpProtocol foo in config-network ConfigMap is not supported"),
    ("config-network", "rollout-duration", "-1", "rollout-duration must be a positive integer, but was -1"),
    (
        "config-network",
        "system-internal-tls",
        "maybe",
        "system-internal-tls with value: \"maybe\" in config-network ConfigMap is not supported",
    ),
    ("config-deployment", "progress-deadline", "0s", "progress-deadline cannot be a non-positive duration, was 0s"),
    (
        "config-deployment",
        "digest-resolution-timeout",
        "-1s",
        "digest-resolution-timeout cannot be a non-positive duration, was -1s",
    ),
    ("config-deployment", "queue-sidecar-image", "", "queue-sidecar-image cannot be empty or unset"),
    ("config-gc", "min-non-active-revisions", "-2", "min-non-active-revisions must be non-negative, was: -2"),
    ("config-gc", "max-non-active-revisions", "1", "min-non-active-revisions(20) must be <= max-non-active-revisions(1)"),
    ("config-gc", "retain-since-create-time", "-1h", "failed to parse retain-since-create-time: must be non-negative"),
    ("config-logging", "loglevel.controller", "loud", "invalid logging level: loud"),
    ("config-observability", "logging.request-log-template", "{{", "template: requestLog:1: unclosed action"),
    ("config-tracing", "backend", "foo", "unsupported tracing backend value \"foo\""),
    ("config-tracing", "sample-rate", "2", "sample-rate = 2 must be in [0, 1] range"),
    ("config-leader-election", "buckets", "0", "buckets: value must be between 1 <= 0 <= 10"),
];

#[test]
#[allow(clippy::too_many_lines)] // one table of recorded refusals
fn kn_config_refusals() {
    let quantity = "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'";
    for (name, key, value, text) in REFUSALS {
        assert_eq!(patched(name, key, value), Err(ConfigError((*text).to_owned())), "{name} {key}={value}");
    }
    for (key, map) in [("revision-cpu-request", "config-defaults"), ("queue-sidecar-cpu-request", "config-deployment")] {
        assert_eq!(patched(map, key, "lots"), Err(ConfigError(format!("failed to parse {key:?}: {quantity}"))));
    }
}

#[test]
fn kn_config_accepted() {
    for (name, key, value) in [
        ("config-autoscaler", "scale-to-zero-grace-period", "1s"),
        ("config-autoscaler", "panic-threshold-percentage", "100"),
        ("config-autoscaler", "unknown-key", "1"),
        ("config-autoscaler", "pod-autoscaler-class", "foo"),
        ("config-domain", "example.org", "selector:\n  app: x\n"),
        ("config-network", "domain-template", "{{.Name}}"),
        ("config-network", "external-domain-tls", "foo"),
        ("config-features", "kubernetes.podspec-affinity", "maybe"),
        ("config-logging", "zap-logger-config", "{"),
        ("config-observability", "metrics.backend-destination", "foo"),
    ] {
        assert_eq!(patched(name, key, value), Ok(()), "{name} {key}={value}");
    }
}

#[test]
fn domains_by_labels() {
    let data = Data::from([("example.com".into(), String::new()), ("nonprofit.org".into(), "selector:\n  app: x\n".into())]);
    let domains = Domains::read(&data).expect("parses");
    assert_eq!(domains.of(|key| (key == "app").then_some("x")), "nonprofit.org");
    assert_eq!(domains.of(|_| None), "example.com");
    assert_eq!(Domains::default().of(|_| None), "localhost");
}
