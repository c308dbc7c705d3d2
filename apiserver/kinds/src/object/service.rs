//! Service: what it fills in and refuses.
//!
//! Fed through the strategy table. Which address or node port it gets is decided elsewhere; what of the addresses a Service
//! says by itself is in `service_address`.

use super::at::{At, Faults};
use super::fill::{blank, each, made, object_at, text, unset};
use super::lifecycle;
use super::rule::{self, PROTOCOLS};
use super::service_address as address;
use crate::field::FieldError;
use crate::strategy::Strategy;
use crate::workload::syntax;
use serde_json::{Map, Value, json};

pub(super) const SERVICE: Strategy =
    Strategy { default, validate, validate_update, prepare_create, prepare_update: address::prepare_update };

const AFFINITY_SECONDS: i64 = 10_800;
const KUBELET_PORT: i64 = 10_250;
const TYPES: &[&str] = &["ClusterIP", "ExternalName", "LoadBalancer", "NodePort"];
const ONLY_BALANCER: &str = "may only be used when `type` is 'LoadBalancer'";

/// Does this Service still need a cluster IP from the allocator?
#[must_use]
pub fn needs_cluster_ip(service: &Value) -> bool {
    let spec = At::root(service).get("spec");
    address::has_cluster_ip(spec.get("type").text())
        && spec.get("clusterIP").text().is_empty()
        && spec.get("clusterIPs").items().all(|ip| ip.text().is_empty())
}

/// The indexes of the ports that still need a node port from the allocator.
#[must_use]
pub fn node_ports_needed(service: &Value) -> Vec<usize> {
    let spec = At::root(service).get("spec");
    let wanted = match spec.get("type").text() {
        "NodePort" => true,
        // Unset means yes: a defaulted object always says which.
        "LoadBalancer" => spec.get("allocateLoadBalancerNodePorts").raw() != Some(&Value::Bool(false)),
        _ => false,
    };
    let ports = spec.get("ports").items().enumerate();
    ports.filter(|(_, port)| wanted && port.get("nodePort").int().unwrap_or(0) == 0).map(|(i, _)| i).collect()
}

/// Does this Service need a health check node port (`externalTrafficPolicy: Local` of a load balancer)?
#[must_use]
pub fn needs_health_port(service: &Value) -> bool {
    let spec = At::root(service).get("spec");
    spec.get("type").text() == "LoadBalancer"
        && spec.get("externalTrafficPolicy").text() == "Local"
        && spec.get("healthCheckNodePort").int().unwrap_or(0) == 0
}

fn default(object: &mut Value) {
    let Some(spec) = made(object, "spec") else { return };
    blank(spec, "type", "ClusterIP");
    blank(spec, "sessionAffinity", "None");
    match text(spec, "sessionAffinity") {
        "None" => {
            spec.shift_remove("sessionAffinityConfig");
        }
        "ClientIP" => affinity(spec),
        _ => {}
    }
    each(spec, "ports", |port| {
        blank(port, "protocol", "TCP");
        let number = port.get("port").cloned().unwrap_or_else(|| 0.into());
        if port.get("targetPort").is_none_or(super::at::is_zero) {
            port.insert("targetPort".into(), number);
        }
    });
    let kind = text(spec, "type").to_owned();
    if kind != "ExternalName" {
        unset(spec, "internalTrafficPolicy", "Cluster");
    }
    let external_ips = spec.get("externalIPs").and_then(Value::as_array).is_some_and(|list| !list.is_empty());
    if matches!(kind.as_str(), "NodePort" | "LoadBalancer") || (kind == "ClusterIP" && external_ips) {
        blank(spec, "externalTrafficPolicy", "Cluster");
    }
    if kind == "LoadBalancer" {
        unset(spec, "allocateLoadBalancerNodePorts", true);
    }
    if let Some(status) = made(object, "status") {
        unset(status, "loadBalancer", json!({}));
    }
}

fn affinity(spec: &mut Map<String, Value>) {
    unset(spec, "sessionAffinityConfig", json!({}));
    let Some(config) = spec.get_mut("sessionAffinityConfig").and_then(Value::as_object_mut) else { return };
    unset(config, "clientIP", json!({}));
    if let Some(client) = config.get_mut("clientIP").and_then(Value::as_object_mut) {
        unset(client, "timeoutSeconds", AFFINITY_SECONDS);
    }
}

fn prepare_create(object: &mut Value) {
    lifecycle::drop_status(object);
    lifecycle::fresh_status(object, json!({"loadBalancer": {}}));
    if let Some(spec) = object_at(object, "/spec")
        && text(spec, "type") == "ExternalName"
    {
        super::fill::drop_empty(spec, &["ports"]);
    }
}

fn validate(object: &Value) -> Vec<FieldError> {
    let mut out = Faults::new();
    let spec = At::root(object).get("spec");
    let kind = spec.get("type").text();
    let ports = spec.get("ports");
    if ports.is_empty() && !address::is_headless(&spec) && kind != "ExternalName" {
        out.push(ports.required(""));
    }
    by_type(&mut out, &spec);
    let mut names = Vec::new();
    for port in ports.items() {
        validate_port(&mut out, &port, ports.len() > 1, &mut names);
    }
    rule::labels(&mut out, &spec.get("selector"));
    validate_affinity(&mut out, &spec);
    address::validate(&mut out, &spec);
    for ip in spec.get("externalIPs").items() {
        rule::ip(&mut out, &ip);
        rule::ordinary_ip(&mut out, &ip);
    }
    rule::choice(&mut out, &spec.get("type"), TYPES);
    if kind == "ClusterIP" {
        for port in ports.items().filter(|p| !p.get("nodePort").is_empty()) {
            out.push(port.get("nodePort").forbidden("may not be used when `type` is 'ClusterIP'"));
        }
    }
    port_clashes(&mut out, &ports);
    balancer_only(&mut out, &spec);
    traffic(&mut out, &spec);
    out
}

fn by_type(out: &mut Faults, spec: &At) {
    let first = spec.get("clusterIPs").items().next().unwrap_or_else(|| spec.get("clusterIPs[0]"));
    match spec.get("type").text() {
        "LoadBalancer" => {
            for port in spec.get("ports").items().filter(|p| p.get("port").int() == Some(KUBELET_PORT)) {
                let text = format!("may not expose port {KUBELET_PORT} externally since it is used by kubelet");
                out.push(port.invalid(text));
            }
            if address::is_headless(spec) {
                out.push(FieldError::invalid(first.path(), "None", "may not be set to 'None' for LoadBalancer services"));
            }
        }
        "NodePort" if address::is_headless(spec) => {
            out.push(FieldError::invalid(first.path(), "None", "may not be set to 'None' for NodePort services"));
        }
        "ExternalName" => {
            if !spec.get("clusterIPs").is_empty() || !spec.get("clusterIP").is_empty() {
                out.push(spec.get("clusterIPs").forbidden("may not be set for ExternalName services"));
            }
            for field in ["ipFamilies", "ipFamilyPolicy"] {
                if !spec.get(field).is_empty() {
                    out.push(spec.get(field).forbidden("may not be set for ExternalName services"));
                }
            }
            let name = spec.get("externalName");
            let bare = name.text().strip_suffix('.').unwrap_or(name.text());
            if bare.is_empty() {
                out.push(name.required(""));
            } else {
                let faults = syntax::dns1123_subdomain_faults(bare);
                out.extend(faults.into_iter().map(|m| FieldError::invalid(name.path(), bare, m)));
            }
        }
        _ => {}
    }
}

fn validate_port<'a>(out: &mut Faults, port: &At<'a>, name_required: bool, seen: &mut Vec<&'a str>) {
    let name = port.get("name");
    if name.text().is_empty() {
        if name_required {
            out.push(name.required(""));
        }
    } else {
        rule::label(out, &name);
        if seen.contains(&name.text()) {
            out.push(name.duplicate());
        }
        seen.push(name.text());
    }
    rule::port(out, &port.get("port"));
    rule::choice(out, &port.get("protocol"), PROTOCOLS);
    rule::port_or_name(out, &port.get("targetPort"));
    if port.get("appProtocol").is_set() {
        rule::qualified(out, &port.get("appProtocol"));
    }
}

fn validate_affinity(out: &mut Faults, spec: &At) {
    let (affinity, config) = (spec.get("sessionAffinity"), spec.get("sessionAffinityConfig"));
    rule::choice(out, &affinity, &["ClientIP", "None"]);
    if affinity.text() == "None" && config.is_set() {
        out.push(config.forbidden("must not be set when session affinity is None"));
    }
    if affinity.text() == "ClientIP" {
        let seconds = config.get("clientIP").get("timeoutSeconds");
        match seconds.int() {
            None => out.push(config.required("when session affinity type is ClientIP")),
            Some(n) if n <= 0 || n > 86_400 => {
                out.push(seconds.invalid("must be greater than 0 and less than 86400"));
            }
            Some(_) => {}
        }
    }
}

/// No two ports with the same number and protocol, on the Service as on the nodes.
fn port_clashes(out: &mut Faults, ports: &At) {
    let mut node = Vec::new();
    let mut own = Vec::new();
    for port in ports.items() {
        let protocol = port.get("protocol").text();
        let number = port.get("nodePort").int().unwrap_or(0);
        if number != 0 {
            if node.contains(&(protocol, number)) {
                out.push(port.get("nodePort").duplicate());
            }
            node.push((protocol, number));
        }
    }
    for port in ports.items() {
        let key = (port.get("protocol").text(), port.get("port").int().unwrap_or(0));
        if own.contains(&key) {
            // Upstream shows its internal struct with only these two fields filled.
            let shown =
                json!({"Name": "", "Protocol": key.0, "AppProtocol": null, "Port": key.1, "TargetPort": 0, "NodePort": 0});
            out.push(FieldError::duplicate(port.path(), shown));
        }
        own.push(key);
    }
}

fn balancer_only(out: &mut Faults, spec: &At) {
    let balancer = spec.get("type").text() == "LoadBalancer";
    let ranges = spec.get("loadBalancerSourceRanges");
    if !ranges.is_empty() {
        if !balancer {
            out.push(ranges.forbidden(ONLY_BALANCER));
        }
        for range in ranges.items() {
            let trimmed = range.text().trim();
            let faults = syntax::cidr(trimmed);
            out.extend(faults.into_iter().map(|m| FieldError::invalid(range.path(), trimmed, m)));
        }
    }
    let allocate = spec.get("allocateLoadBalancerNodePorts");
    if balancer && !allocate.is_set() {
        out.push(allocate.required(""));
    }
    if !balancer && allocate.is_set() {
        out.push(allocate.forbidden(ONLY_BALANCER));
    }
    let class = spec.get("loadBalancerClass");
    if class.is_set() {
        if !balancer {
            out.push(class.forbidden(ONLY_BALANCER));
        }
        rule::qualified(out, &class);
    }
}

fn traffic(out: &mut Faults, spec: &At) {
    let kind = spec.get("type").text();
    let facing_out = matches!(kind, "NodePort" | "LoadBalancer") || (kind == "ClusterIP" && !spec.get("externalIPs").is_empty());
    let (external, health) = (spec.get("externalTrafficPolicy"), spec.get("healthCheckNodePort"));
    if external.text().is_empty() {
        if facing_out {
            out.push(external.required(""));
        }
    } else if facing_out {
        rule::optional_choice(out, &external, &["Cluster", "Local"]);
    } else {
        let why = "may only be set for externally-accessible services";
        out.push(external.invalid(why));
    }
    if !health.is_empty() {
        if kind != "LoadBalancer" || external.text() != "Local" {
            out.push(health.invalid("may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'"));
        } else {
            rule::not_negative(out, &health);
        }
    }
    let internal = spec.get("internalTrafficPolicy");
    if kind != "ExternalName" {
        if internal.is_set() {
            rule::optional_choice(out, &internal, &["Cluster", "Local"]);
        } else {
            out.push(internal.required(""));
        }
    }
    let distribution = spec.get("trafficDistribution");
    rule::optional_choice(out, &distribution, &["PreferClose", "PreferSameNode", "PreferSameZone"]);
}

fn validate_update(new: &Value, old: &Value) -> Vec<FieldError> {
    let mut out = Faults::new();
    let (now, before) = (At::root(new).get("spec"), At::root(old).get("spec"));
    address::validate_update(&mut out, &now, &before);
    let balanced = |spec: &At| spec.get("type").text() == "LoadBalancer";
    let class = now.get("loadBalancerClass");
    if balanced(&now) && balanced(&before) && !super::at::same(class.raw(), before.get("loadBalancerClass").raw()) {
        out.push(class.invalid("may not change once set"));
    }
    out.extend(validate(new));
    out
}
