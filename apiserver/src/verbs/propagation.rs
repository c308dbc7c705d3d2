//! Options of a deletion, and what they (or else the kind, or the object's finalizers) say of its dependents.

use super::ask::Ask;
use super::dependents::{FOREGROUND, ORPHAN, finalizers};
use crate::registry::Kind;
use crate::status::{Outcome, Refusal};
use serde_json::Value;
use skiff_kinds::FieldError;

/// What becomes of dependents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Policy {
    /// They go.
    Background,
    /// They go, and their owner after them.
    Foreground,
    /// They stay, without this owner.
    Orphan,
}

impl Policy {
    /// What a deletion without a word about it means: what the object's own finalizers ask for, or else its kind's custom.
    #[must_use]
    pub fn by_default(kind: &Kind, object: &Value, has_derived: bool) -> Policy {
        let has = |finalizer| finalizers(object).any(|f| f == finalizer);
        match (has(ORPHAN), has(FOREGROUND)) {
            (true, _) => Policy::Orphan,
            (_, true) => Policy::Foreground,
            // Pods made from records cannot be left, and nobody has asked for it.
            _ if kind.resource.orphans.is_some() && !has_derived => Policy::Orphan,
            _ => Policy::Background,
        }
    }

    /// The finalizer with which a stock server's collector holds the object until its dependents are seen to.
    #[must_use]
    pub fn finalizer(self) -> Option<&'static str> {
        match self {
            Policy::Background => None,
            Policy::Foreground => Some(FOREGROUND),
            Policy::Orphan => Some(ORPHAN),
        }
    }
}

/// Options of a deletion, from body and query.
pub struct Options {
    /// Nothing is written.
    pub dry: bool,
    /// Grace in seconds, if asked for.
    pub grace_s: Option<i64>,
    /// Precondition.
    pub uid: Option<String>,
    /// Precondition.
    pub version: Option<String>,
    /// What becomes of dependents, if asked for.
    pub policy: Option<Policy>,
}

impl Options {
    /// From the request.
    ///
    /// # Errors
    /// 400, 415, 422.
    pub fn parse(ask: &Ask, body: &[u8]) -> Outcome<Options> {
        let sent = if body.is_empty() {
            Value::Null
        } else {
            crate::decode::bytes::parse(crate::decode::bytes::media(ask.content_type.as_deref())?, body)?
        };
        let text = |pointer: &str| sent.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
        let query = |name: &str| Some(ask.query.text(name)).filter(|v| !v.is_empty()).map(str::to_owned);
        let dry: Vec<Value> = match sent.get("dryRun").and_then(Value::as_array) {
            Some(list) => list.clone(),
            None => ask.query.all("dryRun").filter(|v| !v.is_empty()).map(Value::from).collect(),
        };
        let mut errors = Vec::new();
        if dry.iter().any(|v| v != "All") {
            errors.push(FieldError::not_supported("dryRun", Value::Array(dry.clone()), &["All"]));
        }
        let policy = text("/propagationPolicy").or_else(|| query("propagationPolicy"));
        let orphan = sent.get("orphanDependents").and_then(Value::as_bool).or(ask.query.flag_opt("orphanDependents")?);
        if let (Some(policy), Some(_)) = (&policy, orphan) {
            let text = "orphanDependents and deletionPropagation cannot be both set";
            errors.push(FieldError::invalid("propagationPolicy", policy.as_str(), text));
        }
        let policy = match policy.as_deref() {
            Some("Orphan") => Some(Policy::Orphan),
            Some("Background") => Some(Policy::Background),
            Some("Foreground") => Some(Policy::Foreground),
            Some(other) => {
                errors.push(FieldError::not_supported("propagationPolicy", other, &["Background", "Foreground", "Orphan"]));
                None
            }
            None => orphan.map(|orphan| if orphan { Policy::Orphan } else { Policy::Background }),
        };
        if !errors.is_empty() {
            return Err(Refusal::invalid("meta.k8s.io", "DeleteOptions", "", &errors));
        }
        let grace_s = sent.get("gracePeriodSeconds").and_then(Value::as_i64).or(ask.query.number("gracePeriodSeconds")?);
        Ok(Options {
            dry: !dry.is_empty(),
            grace_s,
            uid: text("/preconditions/uid"),
            version: text("/preconditions/resourceVersion"),
            policy,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry::Registry;
    use serde_json::json;

    #[test]
    fn a_kind_and_an_objects_finalizers_say_what_no_option_says() {
        let registry = Registry::new();
        let kinds = registry.kinds();
        let kind = |group, name| kinds.of_kind(group, name).unwrap();
        let plain = json!({"metadata": {}});
        let held = |by: &str| json!({"metadata": {"finalizers": [by]}});
        let (job, set) = (kind("batch", "Job"), kind("", "ReplicationController"));
        assert_eq!(Policy::by_default(job, &plain, false), Policy::Orphan);
        assert_eq!(Policy::by_default(job, &held(FOREGROUND), false), Policy::Foreground);
        assert_eq!(Policy::by_default(set, &plain, true), Policy::Background);
        let map = kind("", "ConfigMap");
        assert_eq!(Policy::by_default(map, &plain, false), Policy::Background);
        assert_eq!(Policy::by_default(map, &held(ORPHAN), false), Policy::Orphan);
    }
}
