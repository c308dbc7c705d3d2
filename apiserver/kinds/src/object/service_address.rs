//! The addresses a Service says by itself: cluster IPs and families, their mirroring, and what an update carries over.
//!
//! Fed by `service` and by the allocator of the caller (through [`settle_addresses`]). Knows this cluster as single-stack
//! IPv4; must not know which addresses are free.

use super::at::{At, Faults, same};
use super::fill::{object_at, text, unset};
use super::{lifecycle, rule};
use crate::field::FieldError;
use serde_json::{Map, Value, json};

/// Do Services of this type have cluster IPs?
pub(super) fn has_cluster_ip(kind: &str) -> bool {
    matches!(kind, "" | "ClusterIP" | "NodePort" | "LoadBalancer")
}

/// `clusterIP: None`?
pub(super) fn is_headless(spec: &At) -> bool {
    let first = spec.get("clusterIPs").items().next().map_or("", |ip| ip.text());
    first == "None" || (first.is_empty() && spec.get("clusterIP").text() == "None")
}

/// Fills `ipFamilyPolicy`, `ipFamilies` and the mirror between `clusterIP` and `clusterIPs`. Upstream does this when it
/// allocates, after field ownership is worked out: the caller should call it there, and again once it has put in an address.
pub fn settle_addresses(service: &mut Value) {
    let selectorless = At::root(service).get("spec").get("selector").is_empty();
    let headless = is_headless(&At::root(service).get("spec"));
    let Some(spec) = object_at(service, "/spec") else { return };
    if !has_cluster_ip(text(spec, "type")) {
        return;
    }
    mirror(spec);
    let policy_given = spec.get("ipFamilyPolicy").is_some_and(|v| !v.is_null());
    // A headless Service without selector may have endpoints of any family, whatever the cluster has.
    let any_family = headless && selectorless;
    unset(spec, "ipFamilyPolicy", if any_family { "RequireDualStack" } else { "SingleStack" });
    if spec.get("ipFamilies").and_then(Value::as_array).is_none_or(Vec::is_empty) {
        spec.insert("ipFamilies".into(), json!(["IPv4"]));
    }
    let dual = any_family && (!policy_given || text(spec, "ipFamilyPolicy") != "SingleStack");
    if let Some(families) = spec.get_mut("ipFamilies").and_then(Value::as_array_mut)
        && dual
        && families.len() == 1
    {
        let other = if families.first().and_then(Value::as_str) == Some("IPv6") { "IPv4" } else { "IPv6" };
        families.push(other.into());
    }
}

/// `clusterIPs[0]` is `clusterIP`, whichever the client has written.
fn mirror(spec: &mut Map<String, Value>) {
    let first = spec
        .get("clusterIPs")
        .and_then(Value::as_array)
        .and_then(|list| list.first())
        .and_then(Value::as_str)
        .unwrap_or("")
        .to_owned();
    let single = text(spec, "clusterIP").to_owned();
    if single.is_empty() && !first.is_empty() {
        spec.insert("clusterIP".into(), first.into());
    } else if first.is_empty() && !single.is_empty() {
        spec.insert("clusterIPs".into(), json!([single]));
    }
}

/// Status is kept, what the server has allocated is carried over, what the new type has no use for is dropped.
pub(super) fn prepare_update(new: &mut Value, old: &Value) {
    lifecycle::hold_status(new, old);
    let Some(before) = old.get("spec").and_then(Value::as_object) else { return };
    let Some(spec) = object_at(new, "/spec") else { return };
    follow_single(spec, before);
    drop_unused(spec, before);
    carry_allocated(spec, before);
    settle_addresses(new);
}

/// A client that knows only `clusterIP` changes the list by changing it.
fn follow_single(spec: &mut Map<String, Value>, before: &Map<String, Value>) {
    let list_same = same(spec.get("clusterIPs"), before.get("clusterIPs"));
    if text(spec, "clusterIP") == text(before, "clusterIP") || !list_same {
        return;
    }
    let single = text(spec, "clusterIP").to_owned();
    if single.is_empty() {
        spec.shift_remove("clusterIPs");
        return;
    }
    match spec.get_mut("clusterIPs").and_then(Value::as_array_mut).and_then(|list| list.first_mut()) {
        Some(first) => *first = single.into(),
        None => {
            spec.insert("clusterIPs".into(), json!([single]));
        }
    }
}

/// Fields that only the old type had are dropped, if the client has merely left them as they were.
fn drop_unused(spec: &mut Map<String, Value>, before: &Map<String, Value>) {
    let (now, then) = (text(spec, "type").to_owned(), text(before, "type").to_owned());
    if has_cluster_ip(&then) && !has_cluster_ip(&now) {
        for field in ["clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy"] {
            drop_if_same(spec, before, field);
        }
    }
    let outward = |kind: &str| matches!(kind, "NodePort" | "LoadBalancer");
    if outward(&then) && !outward(&now) {
        if same(spec.get("externalIPs"), None) {
            drop_if_same(spec, before, "externalTrafficPolicy");
        }
        drop_node_ports(spec, before);
    }
    if then == "LoadBalancer" && now != "LoadBalancer" {
        for field in ["allocateLoadBalancerNodePorts", "loadBalancerClass", "healthCheckNodePort"] {
            drop_if_same(spec, before, field);
        }
    }
    if now == "ExternalName" && then != "ExternalName" {
        drop_if_same(spec, before, "internalTrafficPolicy");
    }
    let health = now == "LoadBalancer" && text(spec, "externalTrafficPolicy") == "Local";
    if !health {
        drop_if_same(spec, before, "healthCheckNodePort");
    }
}

fn drop_if_same(spec: &mut Map<String, Value>, before: &Map<String, Value>, field: &str) {
    if same(spec.get(field), before.get(field)) {
        spec.shift_remove(field);
    }
}

fn drop_node_ports(spec: &mut Map<String, Value>, before: &Map<String, Value>) {
    let used: Vec<&Value> =
        before.get("ports").and_then(Value::as_array).into_iter().flatten().filter_map(|p| p.get("nodePort")).collect();
    super::fill::each(spec, "ports", |port| {
        if port.get("nodePort").is_some_and(|n| used.contains(&n)) {
            port.shift_remove("nodePort");
        }
    });
}

/// A client need not repeat what the server has allocated (`kubectl replace` of the manifest that made the Service).
fn carry_allocated(spec: &mut Map<String, Value>, before: &Map<String, Value>) {
    let (now, then) = (text(spec, "type").to_owned(), text(before, "type").to_owned());
    if has_cluster_ip(&now) && has_cluster_ip(&then) {
        if text(spec, "clusterIP").is_empty() && same(spec.get("clusterIPs"), None) {
            copy(spec, before, "clusterIP");
            copy(spec, before, "clusterIPs");
        }
        for field in ["ipFamilyPolicy", "ipFamilies"] {
            if same(spec.get(field), None) {
                copy(spec, before, field);
            }
        }
    }
    let outward = |kind: &str| matches!(kind, "NodePort" | "LoadBalancer");
    if outward(&now) && outward(&then) {
        carry_node_ports(spec, before);
        let balanced = now == "LoadBalancer" && then == "LoadBalancer";
        if balanced && text(spec, "externalTrafficPolicy") == "Local" && same(spec.get("healthCheckNodePort"), None) {
            copy(spec, before, "healthCheckNodePort");
        }
    }
}

fn copy(spec: &mut Map<String, Value>, before: &Map<String, Value>, field: &str) {
    if let Some(value) = before.get(field) {
        spec.insert(field.to_owned(), value.clone());
    }
}

fn carry_node_ports(spec: &mut Map<String, Value>, before: &Map<String, Value>) {
    let key = |port: &Map<String, Value>| (text(port, "protocol").to_owned(), port.get("port").and_then(Value::as_i64));
    let known: Vec<_> = before
        .get("ports")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_object)
        .filter_map(|port| Some((key(port), port.get("nodePort")?.clone())))
        .collect();
    let taken: Vec<Value> = spec
        .get("ports")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(|port| port.get("nodePort").cloned())
        .collect();
    super::fill::each(spec, "ports", |port| {
        if same(port.get("nodePort"), None)
            && let Some((_, number)) = known.iter().find(|(k, _)| *k == key(port))
            && !taken.contains(number)
        {
            port.insert("nodePort".into(), number.clone());
        }
    });
}

/// What can be told of the addresses without the allocator. Nothing set yet is fine: it is not allocated yet.
pub(super) fn validate(out: &mut Faults, spec: &At) {
    if spec.get("type").text() == "ExternalName" {
        return;
    }
    let (families, policy, ips) = (spec.get("ipFamilies"), spec.get("ipFamilyPolicy"), spec.get("clusterIPs"));
    let free = is_headless(spec) && spec.get("selector").is_empty();
    let mut seen = Vec::new();
    for family in families.items() {
        rule::optional_choice(out, &family, &["IPv4", "IPv6"]);
        if seen.contains(&family.text()) {
            out.push(family.duplicate());
        } else if family.text() == "IPv6" && !free {
            out.push(family.invalid("not configured on this cluster"));
        }
        seen.push(family.text());
    }
    rule::optional_choice(out, &policy, &["PreferDualStack", "RequireDualStack", "SingleStack"]);
    if policy.text() == "RequireDualStack" && !free {
        out.push(policy.invalid("this cluster is not configured for dual-stack services"));
    }
    let single = spec.get("clusterIP");
    let first = ips.items().next();
    if let Some(first) = &first
        && first.text() != single.text()
    {
        out.push(ips.invalid("first value must match `clusterIP`"));
    }
    if first.is_none() && !single.text().is_empty() && single.text() != "None" {
        let message = crate::workload::syntax::ip(single.text());
        out.extend(message.map(|m| FieldError::invalid(format!("{}[0]", ips.path()), single.text(), m)));
    }
    if ips.len() > 2 {
        out.push(ips.invalid("may only hold up to 2 values"));
    }
    for (i, ip) in ips.items().enumerate() {
        if ip.text() == "None" {
            if i > 0 || ips.len() > 1 {
                out.push(ip.invalid("'None' must be the first and only value"));
            }
        } else {
            rule::ip(out, &ip);
        }
    }
}

/// Addresses stay what they were, as long as both the old and the new type have them.
pub(super) fn validate_update(out: &mut Faults, new: &At, old: &At) {
    let kinds = (new.get("type").text(), old.get("type").text());
    if !has_cluster_ip(kinds.0) || !has_cluster_ip(kinds.1) {
        return;
    }
    let list = |spec: &At| -> Vec<String> { spec.get("clusterIPs").items().map(|ip| ip.text().to_owned()).collect() };
    let (now, before) = (list(new), list(old));
    let ips = new.get("clusterIPs");
    let fault = |i: usize, why: &str| FieldError::invalid(format!("{}[{i}]", ips.path()), ips.value(), why);
    match (now.first(), before.first()) {
        (None, Some(_)) => out.push(fault(0, "primary clusterIP can not be unset")),
        (Some(a), Some(b)) if a != b => out.push(fault(0, "may not change once set")),
        _ => {}
    }
    if let (Some(a), Some(b)) = (now.get(1), before.get(1))
        && a != b
    {
        out.push(fault(1, "may not change once set"));
    }
    let families = |spec: &At| spec.get("ipFamilies").items().next().map(|f| f.text().to_owned());
    if let (Some(a), Some(b)) = (families(new), families(old))
        && a != b
    {
        let at = new.get("ipFamilies");
        out.push(FieldError::invalid(format!("{}[0]", at.path()), at.value(), "may not change once set"));
    }
}

#[cfg(test)]
mod tests {
    use super::super::service::{SERVICE, needs_cluster_ip, node_ports_needed};
    use super::*;

    fn service(spec: Value) -> Value {
        let mut service = json!({"spec": spec});
        (SERVICE.default)(&mut service);
        service
    }

    #[test]
    fn families_follow_the_kind_of_service() {
        let cases = [
            (json!({"ports": [{"port": 1}]}), json!(["IPv4"]), "SingleStack"),
            (json!({"clusterIP": "None", "selector": {"a": "b"}}), json!(["IPv4"]), "SingleStack"),
            (json!({"clusterIP": "None"}), json!(["IPv4", "IPv6"]), "RequireDualStack"),
        ];
        for (spec, families, policy) in cases {
            let mut service = service(spec);
            settle_addresses(&mut service);
            assert_eq!(service["spec"]["ipFamilies"], families);
            assert_eq!(service["spec"]["ipFamilyPolicy"], policy);
            assert!((SERVICE.validate)(&service).iter().all(|f| f.field == "spec.ports"));
        }
    }

    #[test]
    fn updates_carry_what_was_allocated() {
        let old = service(json!({"type": "NodePort", "clusterIP": "10.96.0.9", "clusterIPs": ["10.96.0.9"],
            "ports": [{"port": 80, "nodePort": 30001}]}));
        let mut new = service(json!({"type": "NodePort", "ports": [{"port": 80}, {"port": 81, "name": "b"}]}));
        (SERVICE.prepare_update)(&mut new, &old);
        assert_eq!(new["spec"]["clusterIP"], "10.96.0.9");
        assert_eq!(new["spec"]["ports"][0]["nodePort"], 30001);
        assert_eq!(node_ports_needed(&new), [1]);
        let mut plain = old.clone();
        plain["spec"]["type"] = "ClusterIP".into();
        (SERVICE.prepare_update)(&mut plain, &old);
        assert_eq!((SERVICE.validate_update)(&plain, &old), []);
        assert!(plain["spec"]["ports"][0].get("nodePort").is_none());
    }

    #[test]
    fn external_names_have_no_address() {
        let old = service(json!({"clusterIP": "10.96.0.9", "clusterIPs": ["10.96.0.9"], "ports": [{"port": 80}]}));
        let mut new = old.clone();
        new["spec"]["type"] = "ExternalName".into();
        new["spec"]["externalName"] = "example.com".into();
        (SERVICE.prepare_update)(&mut new, &old);
        assert_eq!((SERVICE.validate_update)(&new, &old), []);
        assert!(!needs_cluster_ip(&new));
    }
}
