//! Endpoints and EndpointSlice.
//!
//! Fed through the strategy table. Which pods stand behind a Service is a controller's business.

use super::at::{At, Faults};
use super::fill::{blank, drop_empty, each, unset};
use super::lifecycle::{first_generation, step_generation};
use super::rule::{self, PROTOCOLS};
use crate::field::FieldError;
use crate::strategy::{PLAIN, Strategy};
use crate::workload::syntax;
use serde_json::{Value, json};

pub(super) const ENDPOINTS: Strategy = Strategy {
    default: default_endpoints,
    validate: validate_endpoints,
    validate_update: |new, _| validate_endpoints(new),
    ..PLAIN
};
pub(super) const SLICE: Strategy = Strategy {
    default: default_slice,
    validate: validate_slice,
    validate_update: update_slice,
    prepare_create: first_generation,
    prepare_update: prepare_slice,
};

const ENDPOINTS_MAX: usize = 1000;
const ADDRESSES_MAX: usize = 100;
const PORTS_MAX: usize = 20_000;

fn default_endpoints(object: &mut Value) {
    let Some(map) = object.as_object_mut() else { return };
    each(map, "subsets", |subset| {
        drop_empty(subset, &["addresses", "notReadyAddresses", "ports"]);
        each(subset, "ports", |port| blank(port, "protocol", "TCP"));
    });
    drop_empty(map, &["subsets"]);
}

fn validate_endpoints(object: &Value) -> Vec<FieldError> {
    let mut out = Faults::new();
    for subset in At::root(object).get("subsets").items() {
        let (ready, waiting) = (subset.get("addresses"), subset.get("notReadyAddresses"));
        if ready.is_empty() && waiting.is_empty() {
            out.push(subset.required("must specify `addresses` or `notReadyAddresses`"));
        }
        for address in ready.items().chain(waiting.items()) {
            rule::ip(&mut out, &address.get("ip"));
            rule::ordinary_ip(&mut out, &address.get("ip"));
            if !address.get("hostname").is_empty() {
                rule::label(&mut out, &address.get("hostname"));
            }
            if address.get("nodeName").is_set() {
                rule::each(&mut out, &address.get("nodeName"), syntax::dns1123_subdomain_faults(address.get("nodeName").text()));
            }
        }
        let ports = subset.get("ports");
        for port in ports.items() {
            let name = port.get("name");
            if ports.len() > 1 && name.text().is_empty() {
                out.push(name.required(""));
            } else if !name.text().is_empty() {
                rule::label(&mut out, &name);
            }
            rule::port(&mut out, &port.get("port"));
            rule::choice(&mut out, &port.get("protocol"), PROTOCOLS);
            if port.get("appProtocol").is_set() {
                rule::qualified(&mut out, &port.get("appProtocol"));
            }
        }
    }
    out
}

fn default_slice(object: &mut Value) {
    let Some(map) = object.as_object_mut() else { return };
    // Both lists are always written out; upstream writes null for none.
    for field in ["endpoints", "ports"] {
        if map.get(field).is_none_or(|v| v.as_array().is_some_and(Vec::is_empty)) {
            map.insert(field.into(), Value::Null);
        }
    }
    each(map, "endpoints", |endpoint| unset(endpoint, "conditions", json!({})));
    each(map, "ports", |port| {
        unset(port, "name", "");
        blank(port, "protocol", "TCP");
    });
}

fn validate_slice(object: &Value) -> Vec<FieldError> {
    let mut out = Faults::new();
    let root = At::root(object);
    let kind = root.get("addressType");
    rule::choice(&mut out, &kind, &["FQDN", "IPv4", "IPv6"]);
    let endpoints = root.get("endpoints");
    if endpoints.len() > ENDPOINTS_MAX {
        out.push(endpoints.too_many(ENDPOINTS_MAX));
    } else {
        endpoints.items().for_each(|endpoint| validate_endpoint(&mut out, &endpoint, kind.text()));
    }
    let ports = root.get("ports");
    if ports.len() > PORTS_MAX {
        out.push(ports.too_many(PORTS_MAX));
        return out;
    }
    let mut names = std::collections::HashSet::new();
    for port in ports.items() {
        let name = port.get("name");
        if !name.text().is_empty() {
            rule::label(&mut out, &name);
        }
        if !names.insert(name.text()) {
            out.push(FieldError::duplicate(name.path(), name.text()));
        }
        rule::choice(&mut out, &port.get("protocol"), PROTOCOLS);
        if port.get("appProtocol").is_set() {
            rule::qualified(&mut out, &port.get("appProtocol"));
        }
    }
    out
}

fn validate_endpoint(out: &mut Faults, endpoint: &At, kind: &str) {
    let addresses = endpoint.get("addresses");
    if addresses.is_empty() {
        out.push(addresses.required("must contain at least 1 address"));
    } else if addresses.len() > ADDRESSES_MAX {
        out.push(addresses.too_many(ADDRESSES_MAX));
    }
    for address in addresses.items() {
        let ip = syntax::parse_ip(address.text());
        match kind {
            "IPv4" if !ip.is_some_and(|ip| ip.is_ipv4()) => out.push(address.invalid("must be a valid IPv4 address")),
            "IPv6" if !ip.is_some_and(|ip| ip.is_ipv6()) => out.push(address.invalid("must be a valid IPv6 address")),
            "IPv4" | "IPv6" => rule::ordinary_ip(out, &address),
            "FQDN" => fqdn(out, &address),
            _ => {}
        }
    }
    let zone = endpoint.get("deprecatedTopology");
    rule::labels(out, &zone);
    if endpoint.get("nodeName").is_set() {
        rule::each(out, &endpoint.get("nodeName"), syntax::dns1123_subdomain_faults(endpoint.get("nodeName").text()));
    }
    if endpoint.get("hostname").is_set() {
        rule::label(out, &endpoint.get("hostname"));
    }
}

fn fqdn(out: &mut Faults, at: &At) {
    let bare = at.text().strip_suffix('.').unwrap_or(at.text());
    if bare.is_empty() {
        out.push(at.required(""));
        return;
    }
    let faults = syntax::dns1123_subdomain_faults(bare);
    if faults.is_empty() && bare.split('.').count() < 2 {
        out.push(at.invalid("should be a domain with at least two segments separated by dots"));
    }
    rule::each(out, at, faults);
}

fn update_slice(new: &Value, old: &Value) -> Vec<FieldError> {
    let mut out = validate_slice(new);
    rule::immutable_fields(&mut out, &At::root(new), &At::root(old), &["addressType"]);
    out
}

/// Labels count too: proxies select slices by them.
fn prepare_slice(new: &mut Value, old: &Value) {
    let fields = ["/addressType", "/endpoints", "/ports", "/metadata/labels"];
    let changed = fields.iter().any(|field| !super::at::same(new.pointer(field), old.pointer(field)));
    step_generation(new, old, changed);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slices_hold_addresses_of_their_type() {
        let slice = |kind: &str, address: &str| json!({"addressType": kind, "endpoints": [{"addresses": [address]}]});
        let cases = [
            ("IPv4", "10.1.2.3", None),
            ("IPv4", "::1", Some("endpoints[0].addresses[0]: Invalid value: \"::1\": must be a valid IPv4 address")),
            (
                "IPv4",
                "127.0.0.1",
                Some(
                    "endpoints[0].addresses[0]: Invalid value: \"127.0.0.1\": may not be in the loopback range (127.0.0.0/8, ::1/128)",
                ),
            ),
            ("FQDN", "example.com", None),
        ];
        for (kind, address, wanted) in cases {
            let faults = validate_slice(&slice(kind, address));
            assert_eq!(faults.first().map(ToString::to_string).as_deref(), wanted);
        }
    }

    #[test]
    fn a_changed_label_is_a_new_generation() {
        let old = json!({"metadata": {"generation": 3}, "addressType": "IPv4"});
        let mut new = json!({"metadata": {"labels": {"a": "b"}}, "addressType": "IPv4"});
        prepare_slice(&mut new, &old);
        assert_eq!(new["metadata"]["generation"], 4);
    }
}
