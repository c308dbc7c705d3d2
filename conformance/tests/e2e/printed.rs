//! Makes what kubectl prints comparable to what it printed of another server, to the letter: only what differs from run to run
//! is named (times, ages, uids, versions, addresses, hashes, random endings), and columns are one space apart.
//!
//! Fed by `table`, with printed and with recorded lines alike, so it must leave its own placeholders alone. Stricter than `words`,
//! which serves transcripts written by hand. `stock/record.py` has the same rules, to write what this reads.

use regex::{Captures, Regex};
use std::sync::LazyLock;

/// Random endings of names, and template hashes: the letters that Kubernetes takes for them.
const RANDOM: &str = "bcdfghjklmnpqrstvwxz2456789";
const HASH: &str = "456789bcdf";

struct Rule(Regex, &'static str);

static RULES: LazyLock<Vec<Rule>> = LazyLock::new(|| {
    [
        (r"\b[A-Z][a-z]{2}, [0-9]{1,2} [A-Z][a-z]{2} [0-9]{4} [0-9:]{8} [+-][0-9]{4}", "<time>"),
        (r"\b[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}(\.[0-9]+)?(Z|\+00:00)", "<time>"),
        (r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b", "<uid>"),
        (r"\b[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9:]{8} \+0000 UTC", "<time>"),
        (r#"((resourceVersion|Resource Version)\\?"?[:=] *\\?"?)[0-9]+"#, "${1}<version>"),
        (r"\bfake-[0-9]+\b", "<node>"),
        (r"\b127\.0\.0\.1:[0-9]+", "<server>"),
        (r"^[EWI][0-9]{4} [0-9:]{8}\.[0-9]+ +[0-9]+ ([a-z_]+\.go):[0-9]+\]", "<log> ${1}]"),
    ]
    .map(|(pattern, name)| Rule(compiled(pattern), name))
    .into()
});
static WORD: LazyLock<Regex> = LazyLock::new(|| compiled(r"[A-Za-z0-9_.-]+"));
static AGE: LazyLock<Regex> = LazyLock::new(|| compiled(r"^([0-9]+[hdy])?([0-9]+[hms])?[0-9]+[smhdy]$"));
// `100m` is a quantity: an age of so many minutes is nothing that a test sees.
static LONG_MINUTES: LazyLock<Regex> = LazyLock::new(|| compiled(r"^[0-9]{2,}m$"));
static ADDRESS: LazyLock<Regex> = LazyLock::new(|| compiled(r"^[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}$"));
static RELEASE: LazyLock<Regex> = LazyLock::new(|| compiled(r"^v1\.[0-9]+\.[0-9]+$"));

#[allow(clippy::expect_used)]
fn compiled(pattern: &str) -> Regex {
    Regex::new(pattern).expect("a pattern of this file")
}

/// Lines with what differs from run to run named; blank ones left out, and what a client's own reflector logs of short watches.
pub fn lines(text: &str) -> Vec<String> {
    let wanted = |line: &String| !line.trim().is_empty() && !line.starts_with("<log> reflector.go]");
    text.lines().map(line).filter(wanted).collect()
}

/// One line: its indentation, and its words one space apart.
pub fn line(text: &str) -> String {
    let mut text = without_tabs(text);
    let indent = text.len() - text.trim_start().len();
    for Rule(pattern, name) in RULES.iter() {
        text = pattern.replace_all(&text, *name).into_owned();
    }
    let named = WORD.replace_all(&text, |found: &Captures<'_>| word(&found[0]));
    " ".repeat(indent) + &named.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Tabs as a terminal shows them, eight columns apart.
fn without_tabs(text: &str) -> String {
    let mut out = String::new();
    let mut column = 0;
    for one in text.chars() {
        let width = if one == '\t' { 8 - column % 8 } else { 1 };
        out.push_str(&if one == '\t' { " ".repeat(width) } else { one.to_string() });
        column += width;
    }
    out
}

fn word(text: &str) -> String {
    let inner = text.trim_end_matches(['.', '-']);
    let rest = &text[inner.len()..];
    let named = if AGE.is_match(inner) && !LONG_MINUTES.is_match(inner) {
        "<age>".to_owned()
    } else if ADDRESS.is_match(inner) {
        "<ip>".to_owned()
    } else if RELEASE.is_match(inner) {
        "<release>".to_owned()
    } else {
        let mut pieces: Vec<&str> = inner.split('-').collect();
        if let [_, .., last] = pieces.as_mut_slice()
            && last.len() == 5
            && made_of(last, RANDOM)
        {
            *last = "<id>";
        }
        for piece in &mut pieces {
            if (8..=10).contains(&piece.len()) && made_of(piece, HASH) {
                *piece = "<hash>";
            }
        }
        pieces.join("-")
    };
    named + rest
}

fn made_of(text: &str, letters: &str) -> bool {
    text.chars().all(|one| letters.contains(one))
}

#[test]
fn only_what_differs_from_run_to_run_is_named() {
    for (text, want) in [
        ("web-5478bbff74-nnd42   1/1     Running   0   2m30s", "web-<hash>-<id> 1/1 Running 0 <age>"),
        ("  cpu:  100m", "  cpu: 100m"),
        ("\tx\ty", "        x y"),
        ("CreationTimestamp:  Tue, 24 Nov 2026 16:57:00 +0000", "CreationTimestamp: <time>"),
        ("  resourceVersion: \"123\"", "  resourceVersion: \"<version>\""),
        ("at 2026-11-24T16:57:00.123456Z, uid 4ece449c-3597-4454-ade6-e8945eb16b45.", "at <time>, uid <uid>."),
        ("  Resource Version:  123, fake-1", "  Resource Version: <version>, <node>"),
        ("Created on: 2026-11-24 17:27:30 +0000 UTC", "Created on: <time>"),
        ("pod-template-hash=5478bbff74 (10.64.0.3:8080) v1.36.3", "pod-template-hash=<hash> (<ip>:8080) <release>"),
        ("https://127.0.0.1:6443/api", "https://<server>/api"),
        ("E1124 17:00:00.000000   12345 memcache.go:265] no", "<log> memcache.go] no"),
        ("kube-system default-scheduler all-class", "kube-system default-scheduler all-class"),
    ] {
        assert_eq!(line(text), want);
        assert_eq!(line(want), want);
    }
}
