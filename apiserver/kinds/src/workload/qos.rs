//! The quality of service a pod gets from its requests and limits.
//!
//! Fed by `pod` (and by whoever shows a pod). Must not change anything.

use super::read::Read;
use serde_json::Value;
use skiff_schema::Quantity;
use std::cmp::Ordering;

const COUNTED: [&str; 2] = ["cpu", "memory"];

/// A positive amount of `name` on one side of some resources.
fn amount<'a>(resources: &'a Value, side: &str, name: &str) -> Option<&'a str> {
    let text = resources.at(side)?.get(name)?.as_str()?;
    text.parse::<Quantity>().is_ok_and(|q| !q.is_zero() && !q.is_negative()).then_some(text)
}

/// `Guaranteed`, `Burstable` or `BestEffort`.
#[must_use]
pub fn qos(pod: &Value) -> &'static str {
    let nothing = Value::Null;
    let spec = pod.at("spec").unwrap_or(&nothing);
    let whole = spec.at("resources").filter(|r| r.has("requests") || r.has("limits"));
    let all: Vec<&Value> = match whole {
        Some(resources) => vec![resources],
        None => spec
            .list("containers")
            .iter()
            .chain(spec.list("initContainers"))
            .map(|c| c.at("resources").unwrap_or(&nothing))
            .collect(),
    };
    let any = |side: &str| all.iter().any(|r| COUNTED.iter().any(|name| amount(r, side, name).is_some()));
    if !any("requests") && !any("limits") {
        return "BestEffort";
    }
    let tight = all.iter().all(|resources| {
        COUNTED.iter().all(|name| {
            let limit = amount(resources, "limits", name);
            // A missing request equals its limit, as the defaults will say.
            let request = amount(resources, "requests", name).or(limit);
            matches!((request, limit), (Some(r), Some(l)) if Quantity::compare(r, l) == Ordering::Equal)
        })
    });
    if tight { "Guaranteed" } else { "Burstable" }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn classes() {
        let pod = |resources: Value| json!({"spec": {"containers": [{"resources": resources}]}});
        for (resources, want) in [
            (json!({}), "BestEffort"),
            (json!({"requests": {"cpu": "0"}}), "BestEffort"),
            (json!({"requests": {"cpu": "1"}}), "Burstable"),
            (json!({"limits": {"cpu": "1", "memory": "1Gi"}}), "Guaranteed"),
            (json!({"limits": {"cpu": "1", "memory": "1Gi"}, "requests": {"cpu": "1000m", "memory": "1Gi"}}), "Guaranteed"),
            (json!({"limits": {"cpu": "1", "memory": "1Gi"}, "requests": {"cpu": "100m", "memory": "1Gi"}}), "Burstable"),
        ] {
            assert_eq!(qos(&pod(resources.clone())), want, "{resources}");
        }
    }
}
