//! NetworkPolicy, IPAddress and ServiceCIDR.
//!
//! Fed through the strategy table. Nobody here filters a packet or hands out an address.

use super::at::{At, Faults};
use super::fill::{each, made, unset};
use super::lifecycle::{drop_status, first_generation, fresh_status, hold_status, next_generation};
use super::rule;
use crate::field::FieldError;
use crate::strategy::{PLAIN, Strategy};
use crate::workload::syntax;
use serde_json::{Value, json};
use std::net::IpAddr;

pub(super) const POLICY: Strategy = Strategy {
    default: default_policy,
    validate: validate_policy,
    validate_update: |new, _| validate_policy(new),
    prepare_create: first_generation,
    prepare_update: next_generation,
};
pub(super) const IP_ADDRESS: Strategy = Strategy {
    validate: validate_address,
    validate_update: |new, old| {
        let mut out = Faults::new();
        let (now, before) = (At::root(new).get("spec"), At::root(old).get("spec"));
        rule::immutable_fields(&mut out, &now, &before, &["parentRef"]);
        out
    },
    ..PLAIN
};
pub(super) const SERVICE_CIDR: Strategy = Strategy {
    default: |object| {
        made(object, "spec");
        made(object, "status");
    },
    validate: validate_cidrs,
    validate_update: |new, old| {
        let mut out = Faults::new();
        let (now, before) = (At::root(new).get("spec"), At::root(old).get("spec"));
        rule::immutable_fields(&mut out, &now, &before, &["cidrs"]);
        out
    },
    prepare_create: |object| {
        drop_status(object);
        fresh_status(object, json!({}));
    },
    prepare_update: hold_status,
};

fn default_policy(object: &mut Value) {
    let Some(spec) = made(object, "spec") else { return };
    unset(spec, "podSelector", json!({}));
    for direction in ["ingress", "egress"] {
        each(spec, direction, |entry| each(entry, "ports", |port| unset(port, "protocol", "TCP")));
    }
    if spec.get("policyTypes").and_then(Value::as_array).is_none_or(Vec::is_empty) {
        let egress = spec.get("egress").and_then(Value::as_array).is_some_and(|list| !list.is_empty());
        spec.insert("policyTypes".into(), if egress { json!(["Ingress", "Egress"]) } else { json!(["Ingress"]) });
    }
}

fn validate_policy(object: &Value) -> Vec<FieldError> {
    let mut out = Faults::new();
    let spec = At::root(object).get("spec");
    rule::selector(&mut out, &spec.get("podSelector"));
    for (direction, peers) in [("ingress", "from"), ("egress", "to")] {
        for entry in spec.get(direction).items() {
            entry.get("ports").items().for_each(|port| validate_port(&mut out, &port));
            entry.get(peers).items().for_each(|peer| validate_peer(&mut out, &peer));
        }
    }
    let types = spec.get("policyTypes");
    if types.len() > 2 {
        out.push(types.invalid("may not specify more than two policyTypes"));
        return out;
    }
    types.items().for_each(|kind| rule::optional_choice(&mut out, &kind, &["Egress", "Ingress"]));
    out
}

fn validate_port(out: &mut Faults, at: &At) {
    rule::optional_choice(out, &at.get("protocol"), rule::PROTOCOLS);
    let (port, end) = (at.get("port"), at.get("endPort"));
    match port.raw() {
        None if end.is_set() => out.push(end.invalid("may not be specified when `port` is not specified")),
        None => {}
        Some(Value::String(name)) => {
            if end.is_set() {
                out.push(end.invalid("may not be specified when `port` is non-numeric"));
            }
            rule::each(out, &port, syntax::port_name(name));
        }
        Some(_) => {
            rule::port(out, &port);
            if end.is_set() {
                if end.int() < port.int() {
                    out.push(end.invalid("must be greater than or equal to `port`"));
                }
                rule::port(out, &end);
            }
        }
    }
}

fn validate_peer(out: &mut Faults, peer: &At) {
    let (pods, namespaces, block) = (peer.get("podSelector"), peer.get("namespaceSelector"), peer.get("ipBlock"));
    rule::selector(out, &pods);
    rule::selector(out, &namespaces);
    if block.is_set() {
        validate_block(out, &block);
    }
    let chosen = [&pods, &namespaces, &block].iter().filter(|p| p.is_set()).count();
    if chosen == 0 {
        out.push(peer.required("must specify a peer"));
    } else if chosen > 1 && block.is_set() {
        out.push(peer.forbidden("may not specify both ipBlock and another peer"));
    }
}

fn validate_block(out: &mut Faults, block: &At) {
    let cidr = block.get("cidr");
    if !rule::present(out, &cidr) {
        return;
    }
    rule::each(out, &cidr, syntax::cidr(cidr.text()));
    let Some(outer) = syntax::parse_cidr(cidr.text()) else { return };
    for except in block.get("except").items() {
        rule::each(out, &except, syntax::cidr(except.text()));
        let Some(inner) = syntax::parse_cidr(except.text()) else { continue };
        if !contains(outer, inner.0) || outer.1 >= inner.1 {
            out.push(except.invalid("must be a strict subset of `cidr`"));
        }
    }
}

fn contains((base, bits): (IpAddr, u8), ip: IpAddr) -> bool {
    let (base, ip, width) = match (base, ip) {
        (IpAddr::V4(a), IpAddr::V4(b)) => (u128::from(a.to_bits()), u128::from(b.to_bits()), 32),
        (IpAddr::V6(a), IpAddr::V6(b)) => (a.to_bits(), b.to_bits(), 128),
        _ => return false,
    };
    let shift = u32::from(width - bits);
    base.checked_shr(shift) == ip.checked_shr(shift)
}

fn validate_address(object: &Value) -> Vec<FieldError> {
    let mut out = Faults::new();
    let parent = At::root(object).get("spec").get("parentRef");
    if !parent.is_set() {
        out.push(parent.required(""));
        return out;
    }
    if !parent.get("group").is_empty() {
        rule::subdomain(&mut out, &parent.get("group"));
    }
    rule::path_segment(&mut out, &parent.get("resource"));
    rule::path_segment(&mut out, &parent.get("name"));
    if !parent.get("namespace").is_empty() {
        rule::path_segment(&mut out, &parent.get("namespace"));
    }
    out
}

fn validate_cidrs(object: &Value) -> Vec<FieldError> {
    let mut out = Faults::new();
    let cidrs = At::root(object).get("spec").get("cidrs");
    if cidrs.is_empty() {
        out.push(cidrs.required("at least one CIDR required"));
        return out;
    }
    if cidrs.len() > 2 {
        out.push(cidrs.invalid("may only hold up to 2 values"));
        return out;
    }
    for cidr in cidrs.items() {
        rule::each(&mut out, &cidr, syntax::cidr(cidr.text()));
    }
    let mut families = cidrs.items().filter_map(|c| syntax::parse_cidr(c.text())).map(|(ip, _)| ip.is_ipv4());
    if cidrs.len() == 2 && families.next() == families.next() {
        out.push(cidrs.invalid("may specify no more than one IP for each IP family, i.e 192.168.0.0/24 and 2001:db8::/64"));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn policies_default_to_what_they_say() {
        let mut policy = json!({"spec": {"egress": [{"ports": [{"port": 53}]}]}});
        default_policy(&mut policy);
        assert_eq!(policy["spec"]["policyTypes"], json!(["Ingress", "Egress"]));
        assert_eq!(policy["spec"]["egress"][0]["ports"][0]["protocol"], "TCP");
    }

    #[test]
    fn peers_and_blocks() {
        let policy = |peer: Value| json!({"spec": {"ingress": [{"from": [peer]}]}});
        let at = "spec.ingress[0].from[0]";
        let cases = [
            (json!({}), Some(format!("{at}: Required value: must specify a peer"))),
            (json!({"podSelector": {}}), None),
            (json!({"ipBlock": {"cidr": "10.0.0.0/8", "except": ["10.1.0.0/16"]}}), None),
            (
                json!({"ipBlock": {"cidr": "10.0.0.0/8", "except": ["11.0.0.0/16"]}}),
                Some(format!("{at}.ipBlock.except[0]: Invalid value: \"11.0.0.0/16\": must be a strict subset of `cidr`")),
            ),
        ];
        for (peer, wanted) in cases {
            assert_eq!(validate_policy(&policy(peer)).first().map(ToString::to_string), wanted);
        }
    }
}
