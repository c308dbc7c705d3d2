//! PersistentVolume and PersistentVolumeClaim.
//!
//! Fed through the strategy table. Binding the two is a controller's business.

use super::amount;
use super::at::{At, Faults, same};
use super::fill::{blank, made, object_at, unset};
use super::lifecycle::hold_status;
use super::rule;
use crate::field::FieldError;
use crate::strategy::Strategy;
use crate::workload::syntax;
use serde_json::{Value, json};
use skiff_schema::Quantity;

pub(super) const VOLUME: Strategy = Strategy {
    default: default_volume,
    validate: validate_volume,
    validate_update: update_volume,
    prepare_create: |object| set_status(object, json!({"phase": "Pending"})),
    prepare_update: hold_status,
};
pub(super) const CLAIM: Strategy = Strategy {
    default: default_claim,
    validate: validate_claim,
    validate_update: update_claim,
    prepare_create: |object| set_status(object, json!({"phase": "Pending"})),
    prepare_update: hold_status,
};

const MODES: &[&str] = &["ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod"];
const VOLUME_MODES: &[&str] = &["Block", "Filesystem"];
/// Everything in a volume's spec that is not a source.
const NO_SOURCE: &[&str] = &[
    "accessModes",
    "capacity",
    "claimRef",
    "mountOptions",
    "nodeAffinity",
    "persistentVolumeReclaimPolicy",
    "storageClassName",
    "volumeAttributesClassName",
    "volumeMode",
];

fn set_status(object: &mut Value, status: Value) {
    if let Some(map) = object.as_object_mut() {
        map.insert("status".into(), status);
    }
}

fn default_volume(object: &mut Value) {
    if let Some(spec) = made(object, "spec") {
        blank(spec, "persistentVolumeReclaimPolicy", "Retain");
        unset(spec, "volumeMode", "Filesystem");
    }
    if let Some(path) = object_at(object, "/spec/hostPath") {
        unset(path, "type", "");
    }
    if let Some(status) = made(object, "status") {
        blank(status, "phase", "Pending");
    }
}

fn access_modes(out: &mut Faults, at: &At) {
    if at.is_empty() {
        out.push(at.required("at least 1 access mode is required"));
    }
    for mode in at.items().filter(|m| !MODES.contains(&m.text())) {
        out.push(FieldError::not_supported(at.path(), mode.text(), MODES));
    }
    let alone = at.items().any(|m| m.text() == "ReadWriteOncePod");
    if alone && at.items().any(|m| m.text() != "ReadWriteOncePod") {
        out.push(at.forbidden("may not use ReadWriteOncePod with other access modes"));
    }
}

fn validate_volume(object: &Value) -> Vec<FieldError> {
    let mut out = Faults::new();
    let spec = At::root(object).get("spec");
    access_modes(&mut out, &spec.get("accessModes"));
    let capacity = spec.get("capacity");
    if capacity.is_empty() {
        out.push(capacity.required(""));
    }
    let storage = capacity.key("storage");
    if capacity.len() != 1 || !storage.is_set() {
        let fault = FieldError::not_supported(capacity.path(), capacity.value(), &["storage"]);
        out.push(fault);
    }
    for (_, value) in capacity.entries() {
        if !amount::is_positive(&value) {
            out.push(value.invalid("must be greater than zero"));
        }
    }
    let reclaim = spec.get("persistentVolumeReclaimPolicy");
    rule::optional_choice(&mut out, &reclaim, &["Delete", "Recycle", "Retain"]);
    source(&mut out, &spec);
    if spec.get("hostPath").get("path").text() == "/" && reclaim.text() == "Recycle" {
        out.push(spec.forbidden("may not be 'recycle' for a hostPath mount of '/'"));
    }
    let class = spec.get("storageClassName");
    if !class.is_empty() {
        rule::subdomain(&mut out, &class);
    }
    rule::optional_choice(&mut out, &spec.get("volumeMode"), VOLUME_MODES);
    out
}

/// Exactly one source. All of them are objects, the other fields are known by name.
fn source(out: &mut Faults, spec: &At) {
    let sources: Vec<&str> = spec
        .raw()
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
        .filter(|(name, value)| !NO_SOURCE.contains(&name.as_str()) && value.is_object())
        .map(|(name, _)| name.as_str())
        .collect();
    for extra in sources.iter().skip(1) {
        out.push(spec.get(extra).forbidden("may not specify more than 1 volume type"));
    }
    if sources.is_empty() {
        out.push(spec.required("must specify a volume type"));
    }
    if sources.first() == Some(&"local") {
        rule::present(out, &spec.get("local").get("path"));
        if !spec.get("nodeAffinity").is_set() {
            out.push(spec.get("nodeAffinity").required("Local volume requires node affinity"));
        }
    }
    if sources.first() == Some(&"hostPath") {
        let path = spec.get("hostPath").get("path");
        if rule::present(out, &path) && path.text().split('/').any(|step| step == "..") {
            out.push(path.invalid("must not contain '..'"));
        }
    }
    if sources.first() == Some(&"nfs") {
        rule::present(out, &spec.get("nfs").get("server"));
        let path = spec.get("nfs").get("path");
        if rule::present(out, &path) && !path.text().starts_with('/') {
            out.push(path.invalid("must be an absolute path"));
        }
    }
    if sources.first() == Some(&"csi") {
        rule::present(out, &spec.get("csi").get("driver"));
        rule::present(out, &spec.get("csi").get("volumeHandle"));
    }
}

fn update_volume(new: &Value, old: &Value) -> Vec<FieldError> {
    let mut out = validate_volume(new);
    let (now, before) = (At::root(new).get("spec"), At::root(old).get("spec"));
    let is_source = |name: &str| !NO_SOURCE.contains(&name);
    let changed = [&now, &before].iter().any(|spec| {
        let names = spec.raw().and_then(Value::as_object).into_iter().flatten().map(|(name, _)| name);
        names.into_iter().any(|name| is_source(name) && !same(now.get(name).raw(), before.get(name).raw()))
    });
    if changed {
        out.push(now.get("persistentvolumesource").forbidden("spec.persistentvolumesource is immutable after creation"));
    }
    rule::immutable_fields(&mut out, &now, &before, &["volumeMode"]);
    let affinity = before.get("nodeAffinity");
    if affinity.is_set() {
        rule::immutable_fields(&mut out, &now, &before, &["nodeAffinity"]);
    }
    out
}

fn default_claim(object: &mut Value) {
    if let Some(spec) = made(object, "spec") {
        unset(spec, "volumeMode", "Filesystem");
        unset(spec, "resources", json!({}));
    }
    for source in ["dataSource", "dataSourceRef"] {
        if let Some(source) = object_at(object, &format!("/spec/{source}")) {
            unset(source, "apiGroup", Value::Null);
        }
    }
    if let Some(status) = made(object, "status") {
        blank(status, "phase", "Pending");
    }
}

fn validate_claim(object: &Value) -> Vec<FieldError> {
    let mut out = Faults::new();
    let spec = At::root(object).get("spec");
    access_modes(&mut out, &spec.get("accessModes"));
    rule::selector(&mut out, &spec.get("selector"));
    let storage = spec.get("resources").get("requests").key("storage");
    if !storage.is_set() {
        let path = format!("{}.resources[storage]", spec.path());
        out.push(FieldError::required(path, ""));
    } else if !amount::is_positive(&storage) {
        out.push(FieldError::invalid(
            format!("{}.resources[storage]", spec.path()),
            storage.value(),
            "must be greater than zero",
        ));
    }
    for class in ["storageClassName", "volumeAttributesClassName"] {
        if !spec.get(class).is_empty() {
            rule::each(&mut out, &spec.get(class), syntax::dns1123_subdomain_faults(spec.get(class).text()));
        }
    }
    rule::optional_choice(&mut out, &spec.get("volumeMode"), VOLUME_MODES);
    for source in ["dataSource", "dataSourceRef"] {
        let at = spec.get(source);
        if at.is_set() {
            rule::present(&mut out, &at.get("name"));
            rule::present(&mut out, &at.get("kind"));
        }
    }
    out
}

/// A claim may only grow and change its attributes class; binding fills in `volumeName` once.
fn update_claim(new: &Value, old: &Value) -> Vec<FieldError> {
    let mut out = validate_claim(new);
    let (now, before) = (At::root(new).get("spec"), At::root(old).get("spec"));
    let can_grow = At::root(old).get("status").get("phase").text() == "Bound";
    let frozen = |spec: &At, bound: bool| {
        let mut spec = spec.value();
        if let Some(map) = spec.as_object_mut() {
            map.shift_remove("volumeAttributesClassName");
            if !bound {
                map.shift_remove("volumeName");
            }
            // Null fields are unset fields.
            map.retain(|_, v| !v.is_null());
        }
        if can_grow && let Some(requests) = object_at(&mut spec, "/resources/requests") {
            requests.shift_remove("storage");
        }
        spec
    };
    let bound = !before.get("volumeName").text().is_empty();
    if frozen(&now, bound) != frozen(&before, bound) {
        out.push(now.forbidden(
            "spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims",
        ));
    }
    let storage = |spec: &At| spec.get("resources").get("requests").key("storage").raw().and_then(Quantity::of_json);
    let status = At::root(old).get("status").get("capacity").key("storage").raw().and_then(Quantity::of_json);
    if storage(&now) < storage(&before) && status.is_none_or(|have| storage(&now).is_some_and(|want| want <= have)) {
        let at = now.get("resources").get("requests").get("storage");
        out.push(at.forbidden("field can not be less than status.capacity"));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claim(size: &str) -> Value {
        let mut claim = json!({"spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": size}}}});
        default_claim(&mut claim);
        claim["status"]["phase"] = "Bound".into();
        claim
    }

    #[test]
    fn claims_only_grow() {
        assert_eq!(validate_claim(&claim("1Gi")), []);
        assert_eq!(update_claim(&claim("2Gi"), &claim("1Gi")), []);
        assert_eq!(update_claim(&claim("1Gi"), &claim("2Gi")).len(), 1);
        let mut waiting = claim("1Gi");
        waiting["status"]["phase"] = "Pending".into();
        assert_eq!(update_claim(&claim("2Gi"), &waiting)[0].field, "spec");
        let mut other = claim("1Gi");
        other["spec"]["storageClassName"] = "x".into();
        assert_eq!(update_claim(&other, &claim("1Gi"))[0].field, "spec");
    }

    #[test]
    fn volumes_have_one_source() {
        let mut volume =
            json!({"spec": {"capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteOnce"], "hostPath": {"path": "/x"}}});
        default_volume(&mut volume);
        assert_eq!(validate_volume(&volume), []);
        volume["spec"]["nfs"] = json!({"server": "a", "path": "/"});
        assert_eq!(validate_volume(&volume)[0].body(), "Forbidden: may not specify more than 1 volume type");
        assert_eq!(volume["spec"]["persistentVolumeReclaimPolicy"], "Retain");
    }
}
