//! FlowSchema and PriorityLevelConfiguration.
//!
//! Fed through the strategy table. Queues no request.

use super::at::{At, Faults};
use super::fill::{made, object_at, unset};
use super::lifecycle::fresh_status;
use super::rule;
use crate::field::FieldError;
use crate::strategy::{Strategy, keep_status, reset_status};
use serde_json::{Value, json};

pub(super) const SCHEMA: Strategy = Strategy {
    default: |object| {
        if let Some(spec) = made(object, "spec")
            && spec.get("matchingPrecedence").is_none_or(super::at::is_zero)
        {
            spec.insert("matchingPrecedence".into(), 1000.into());
        }
        made(object, "status");
    },
    validate: validate_schema,
    validate_update: |new, _| validate_schema(new),
    prepare_create: prepare,
    prepare_update: keep_status,
};
pub(super) const LEVEL: Strategy = Strategy {
    default: default_level,
    validate: validate_level,
    validate_update: |new, _| validate_level(new),
    prepare_create: prepare,
    prepare_update: keep_status,
};

const PRECEDENCE_MAX: i64 = 10_000;

fn prepare(object: &mut Value) {
    reset_status(object);
    fresh_status(object, json!({}));
}

fn validate_schema(object: &Value) -> Vec<FieldError> {
    let mut out = Faults::new();
    let root = At::root(object);
    let spec = root.get("spec");
    let precedence = spec.get("matchingPrecedence");
    if precedence.int().is_some_and(|n| n <= 0) {
        out.push(precedence.invalid("must be a positive value"));
    }
    if precedence.int().is_some_and(|n| n > PRECEDENCE_MAX) {
        out.push(precedence.invalid(format!("must not be greater than {PRECEDENCE_MAX}")));
    }
    if precedence.int() == Some(1) && root.get("metadata").get("name").text() != "exempt" {
        out.push(precedence.invalid("only the schema named 'exempt' may have matchingPrecedence 1"));
    }
    let method = spec.get("distinguisherMethod");
    if method.is_set() {
        rule::choice(&mut out, &method.get("type"), &["ByNamespace", "ByUser"]);
    }
    let level = spec.get("priorityLevelConfiguration").get("name");
    if level.text().is_empty() {
        out.push(level.required("must reference a priority level"));
    } else {
        rule::subdomain(&mut out, &level);
    }
    for entry in spec.get("rules").items() {
        validate_rule(&mut out, &entry);
    }
    out
}

fn validate_rule(out: &mut Faults, entry: &At) {
    let subjects = entry.get("subjects");
    if subjects.is_empty() {
        out.push(subjects.required("subjects must contain at least one value"));
    }
    for subject in subjects.items() {
        let (field, name) = match subject.get("kind").text() {
            "User" => ("user", "name"),
            "Group" => ("group", "name"),
            "ServiceAccount" => ("serviceAccount", "name"),
            _ => {
                out.push(subject.get("kind").unsupported(&["Group", "ServiceAccount", "User"]));
                continue;
            }
        };
        if subject.get(field).is_set() {
            rule::present(out, &subject.get(field).get(name));
        } else {
            let why = format!("{field} is required when subject kind is '{}'", subject.get("kind").text());
            out.push(subject.get(field).required(&why));
        }
    }
    let (resources, urls) = (entry.get("resourceRules"), entry.get("nonResourceRules"));
    if resources.is_empty() && urls.is_empty() {
        out.push(entry.required("at least one of resourceRules and nonResourceRules has to be non-empty"));
    }
    for resource in resources.items() {
        for field in ["verbs", "apiGroups", "resources"] {
            if resource.get(field).is_empty() {
                out.push(resource.get(field).required(""));
            }
        }
        if !resource.get("clusterScope").is_true() && resource.get("namespaces").is_empty() {
            out.push(
                resource
                    .get("namespaces")
                    .required("resource rules that are not cluster scoped must supply at least one namespace"),
            );
        }
    }
    for url in urls.items() {
        for field in ["verbs", "nonResourceURLs"] {
            if url.get(field).is_empty() {
                out.push(url.get(field).required(""));
            }
        }
    }
}

fn default_level(object: &mut Value) {
    made(object, "spec");
    if let Some(exempt) = object_at(object, "/spec/exempt") {
        unset(exempt, "nominalConcurrencyShares", 0);
        unset(exempt, "lendablePercent", 0);
    }
    if let Some(limited) = object_at(object, "/spec/limited") {
        unset(limited, "nominalConcurrencyShares", 30);
        unset(limited, "lendablePercent", 0);
    }
    if let Some(queuing) = object_at(object, "/spec/limited/limitResponse/queuing") {
        for (field, value) in [("queues", 64), ("handSize", 8), ("queueLengthLimit", 50)] {
            if queuing.get(field).is_none_or(super::at::is_zero) {
                queuing.insert(field.into(), value.into());
            }
        }
    }
    made(object, "status");
}

fn validate_level(object: &Value) -> Vec<FieldError> {
    let mut out = Faults::new();
    let root = At::root(object);
    let spec = root.get("spec");
    let (limited, exempt) = (spec.get("limited"), spec.get("exempt"));
    match spec.get("type").text() {
        "Exempt" => {
            if limited.is_set() {
                out.push(limited.forbidden("must be nil if the type is not Limited"));
            }
        }
        "Limited" => {
            if exempt.is_set() {
                out.push(exempt.forbidden("must be nil if the type is Limited"));
            }
            if limited.is_set() {
                validate_limited(&mut out, &limited);
            } else {
                out.push(limited.required("must not be empty when type is Limited"));
            }
        }
        _ => out.push(spec.get("type").unsupported(&["Exempt", "Limited"])),
    }
    out
}

fn validate_limited(out: &mut Faults, limited: &At) {
    rule::not_negative(out, &limited.get("nominalConcurrencyShares"));
    let lendable = limited.get("lendablePercent");
    if lendable.int().is_some_and(|n| !(0..=100).contains(&n)) {
        out.push(lendable.invalid("must be between 0 and 100, inclusive"));
    }
    let response = limited.get("limitResponse");
    let queuing = response.get("queuing");
    match response.get("type").text() {
        "Reject" if queuing.is_set() => {
            out.push(queuing.forbidden("must be nil if limited.limitResponse.type is not Limited"));
        }
        "Reject" => {}
        "Queue" if queuing.is_set() => {
            let (queues, hand) = (queuing.get("queues"), queuing.get("handSize"));
            for (at, why) in [
                (&queuing.get("queueLengthLimit"), "must be positive"),
                (&queues, "must be positive"),
                (&hand, "must be positive"),
            ] {
                if at.int().unwrap_or(0) <= 0 {
                    out.push(at.invalid(why));
                }
            }
            if hand.int() > queues.int() {
                let text = format!("should not be greater than queues ({})", queues.int().unwrap_or(0));
                out.push(hand.invalid(text));
            }
        }
        "Queue" => out.push(queuing.required("must not be empty if limited.limitResponse.type is Limited")),
        _ => out.push(response.get("type").unsupported(&["Queue", "Reject"])),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels() {
        let mut level = json!({"spec": {"type": "Limited", "limited": {"limitResponse": {"type": "Queue", "queuing": {}}}}});
        default_level(&mut level);
        assert_eq!(level["spec"]["limited"]["limitResponse"]["queuing"]["handSize"], 8);
        assert_eq!(validate_level(&level), []);
        assert_eq!(validate_level(&json!({"spec": {"type": "Limited"}}))[0].field, "spec.limited");
    }
}
