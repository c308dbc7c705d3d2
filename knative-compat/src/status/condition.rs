//! Conditions: their JSON, and how `Ready` follows from those it depends on. Knows no kind.

use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// `status` of a condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// `True`
    True,
    /// `False`
    False,
    /// `Unknown`
    Unknown,
}

impl State {
    const fn text(self) -> &'static str {
        match self {
            Self::True => "True",
            Self::False => "False",
            Self::Unknown => "Unknown",
        }
    }
}

/// When conditions last changed, RFC 3339 in whole seconds; the caller remembers it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Since {
    /// For those without a time of their own.
    pub at: String,
    /// By type of condition.
    pub by_type: BTreeMap<String, String>,
}

/// One condition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    /// Its type.
    pub kind: &'static str,
    /// Whether it holds.
    pub state: State,
    /// Why, a word.
    pub reason: String,
    /// Why, a sentence.
    pub message: String,
    /// Of severity `Info`: `Ready` does not depend on it.
    pub info: bool,
}

impl Condition {
    /// It holds.
    #[must_use]
    pub fn yes(kind: &'static str) -> Self {
        Self::new(kind, State::True, "", "")
    }

    /// It does not.
    #[must_use]
    pub fn no(kind: &'static str, reason: &str, message: &str) -> Self {
        Self::new(kind, State::False, reason, message)
    }

    /// Nobody knows yet.
    #[must_use]
    pub fn unknown(kind: &'static str, reason: &str, message: &str) -> Self {
        Self::new(kind, State::Unknown, reason, message)
    }

    /// Any condition.
    #[must_use]
    pub fn new(kind: &'static str, state: State, reason: &str, message: &str) -> Self {
        Self { kind, state, reason: reason.to_owned(), message: message.to_owned(), info: false }
    }

    /// The same with severity `Info`.
    #[must_use]
    pub fn as_info(mut self) -> Self {
        self.info = true;
        self
    }

    /// The same under another type.
    #[must_use]
    pub fn renamed(&self, kind: &'static str) -> Self {
        Self { kind, ..self.clone() }
    }

    fn shown(&self, since: &Since) -> Value {
        let time = since.by_type.get(self.kind).unwrap_or(&since.at);
        let mut map = Map::new();
        map.insert("lastTransitionTime".into(), time.clone().into());
        for (key, text) in
            [("message", self.message.as_str()), ("reason", &self.reason), ("severity", if self.info { "Info" } else { "" })]
        {
            if !text.is_empty() {
                map.insert(key.into(), text.into());
            }
        }
        map.insert("status".into(), self.state.text().into());
        map.insert("type".into(), self.kind.into());
        Value::Object(map)
    }
}

/// The conditions of one object, in the order in which upstream's controller marks them: `Ready` takes the reason of the last
/// one that is false, or else of the last one that is unknown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Conditions(Vec<Condition>);

impl Conditions {
    /// From the conditions `Ready` depends on, and those of severity `Info`.
    #[must_use]
    pub const fn of(list: Vec<Condition>) -> Self {
        Self(list)
    }

    /// `Ready`.
    #[must_use]
    pub fn ready(&self) -> Condition {
        let last = |state| self.0.iter().rev().find(|c| !c.info && c.state == state);
        last(State::False).or_else(|| last(State::Unknown)).map_or_else(|| Condition::yes("Ready"), |c| c.renamed("Ready"))
    }

    /// `status.conditions`: with `Ready`, sorted by type.
    #[must_use]
    pub fn shown(&self, since: &Since) -> Value {
        let mut all = self.0.clone();
        all.push(self.ready());
        all.sort_by_key(|c| c.kind);
        all.iter().map(|c| c.shown(since)).collect()
    }
}
