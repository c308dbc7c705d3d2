//! The storage.k8s.io kinds: StorageClass, CSIDriver, CSINode, VolumeAttachment, VolumeAttributesClass.
//!
//! Fed through the strategy table. Provisions nothing.

use super::at::{At, Faults, same};
use super::fill::{made, unset};
use super::lifecycle::{drop_status, fresh_status, hold_status, step_generation};
use super::rule;
use crate::field::FieldError;
use crate::strategy::{PLAIN, Strategy};
use crate::workload::syntax;
use serde_json::{Value, json};

pub(super) const CLASS: Strategy = Strategy {
    default: |object| {
        if let Some(map) = object.as_object_mut() {
            unset(map, "reclaimPolicy", "Delete");
            unset(map, "volumeBindingMode", "Immediate");
        }
    },
    validate: validate_class,
    validate_update: update_class,
    ..PLAIN
};
pub(super) const DRIVER: Strategy = Strategy {
    default: default_driver,
    validate: validate_driver,
    validate_update: |new, old| {
        let mut out = Faults::new();
        let (now, before) = (At::root(new).get("spec"), At::root(old).get("spec"));
        rule::immutable_fields(&mut out, &now, &before, &["attachRequired", "volumeLifecycleModes"]);
        out.extend(validate_driver(new));
        out
    },
    prepare_update: |new, old| {
        let changed = !same(new.get("spec"), old.get("spec"));
        step_generation(new, old, changed);
    },
    ..PLAIN
};
pub(super) const CSI_NODE: Strategy = Strategy {
    default: |object| {
        if let Some(spec) = made(object, "spec") {
            unset(spec, "drivers", json!([]));
        }
    },
    validate: validate_node,
    validate_update: |new, _| validate_node(new),
    ..PLAIN
};
pub(super) const ATTACHMENT: Strategy = Strategy {
    default: |object| {
        made(object, "spec");
        if let Some(status) = made(object, "status") {
            unset(status, "attached", false);
        }
    },
    validate: validate_attachment,
    validate_update: |new, old| {
        let mut out = validate_attachment(new);
        rule::immutable(&mut out, &At::root(new).get("spec"), &At::root(old).get("spec"));
        out
    },
    prepare_create: |object| {
        drop_status(object);
        fresh_status(object, json!({"attached": false}));
    },
    prepare_update: hold_status,
};
pub(super) const ATTRIBUTES: Strategy = Strategy {
    validate: |object| {
        let mut out = Faults::new();
        let root = At::root(object);
        driver_name(&mut out, &root.get("driverName"));
        if root.get("parameters").is_empty() {
            out.push(root.get("parameters").required("must contain at least one key/value pair"));
        }
        out
    },
    validate_update: |new, old| {
        let mut out = Faults::new();
        let (now, before) = (At::root(new), At::root(old));
        for field in ["driverName", "parameters"] {
            if !same(now.get(field).raw(), before.get(field).raw()) {
                out.push(now.get(field).forbidden(format!("updates to {field} are forbidden.")));
            }
        }
        out
    },
    ..PLAIN
};

const PARAMETERS_MAX: usize = 512;
const PARAMETER_BYTES_MAX: usize = 256 * 1024;

fn validate_class(object: &Value) -> Vec<FieldError> {
    let mut out = Faults::new();
    let root = At::root(object);
    let provisioner = root.get("provisioner");
    if rule::present(&mut out, &provisioner) {
        rule::each(&mut out, &provisioner, syntax::qualified_name(&provisioner.text().to_lowercase()));
    }
    let parameters = root.get("parameters");
    if parameters.len() > PARAMETERS_MAX {
        out.push(parameters.too_long(PARAMETERS_MAX));
    } else {
        let bytes: usize = parameters.entries().map(|(k, v)| k.len() + v.text().len()).sum();
        if parameters.entries().any(|(k, _)| k.is_empty()) {
            out.push(FieldError::invalid(parameters.path(), "", "field can not be empty."));
        }
        if bytes > PARAMETER_BYTES_MAX {
            out.push(parameters.too_long(PARAMETER_BYTES_MAX));
        }
    }
    rule::choice(&mut out, &root.get("reclaimPolicy"), &["Delete", "Retain"]);
    rule::choice(&mut out, &root.get("volumeBindingMode"), &["Immediate", "WaitForFirstConsumer"]);
    for term in root.get("allowedTopologies").items() {
        for wanted in term.get("matchLabelExpressions").items() {
            rule::qualified(&mut out, &wanted.get("key"));
            if wanted.get("values").is_empty() {
                out.push(wanted.get("values").required(""));
            }
        }
    }
    out
}

fn update_class(new: &Value, old: &Value) -> Vec<FieldError> {
    let mut out = Faults::new();
    let (now, before) = (At::root(new), At::root(old));
    for field in ["parameters", "provisioner", "reclaimPolicy"] {
        if !same(now.get(field).raw(), before.get(field).raw()) {
            out.push(now.get(field).forbidden(format!("updates to {field} are forbidden.")));
        }
    }
    rule::immutable_fields(&mut out, &now, &before, &["volumeBindingMode"]);
    out
}

/// A CSI driver's name: a subdomain in any case, at most 63 bytes.
fn driver_name(out: &mut Faults, at: &At) {
    if at.text().is_empty() {
        out.push(at.required(""));
        return;
    }
    if at.len() > syntax::LABEL_BYTES_MAX {
        out.push(at.too_long(syntax::LABEL_BYTES_MAX));
    }
    rule::each(out, at, syntax::dns1123_subdomain_faults(&at.text().to_lowercase()));
}

fn default_driver(object: &mut Value) {
    let Some(spec) = made(object, "spec") else { return };
    for (field, value) in [
        ("attachRequired", json!(true)),
        ("podInfoOnMount", json!(false)),
        ("storageCapacity", json!(false)),
        ("fsGroupPolicy", json!("ReadWriteOnceWithFSType")),
        ("requiresRepublish", json!(false)),
        ("seLinuxMount", json!(false)),
    ] {
        unset(spec, field, value);
    }
    if spec.get("volumeLifecycleModes").is_none_or(super::at::is_zero) {
        spec.insert("volumeLifecycleModes".into(), json!(["Persistent"]));
    }
}

fn validate_driver(object: &Value) -> Vec<FieldError> {
    let mut out = Faults::new();
    let root = At::root(object);
    driver_name(&mut out, &root.get("metadata").get("name"));
    let spec = root.get("spec");
    for field in ["attachRequired", "podInfoOnMount", "storageCapacity"] {
        if !spec.get(field).is_set() {
            out.push(spec.get(field).required(""));
        }
    }
    rule::optional_choice(&mut out, &spec.get("fsGroupPolicy"), &["File", "None", "ReadWriteOnceWithFSType"]);
    for mode in spec.get("volumeLifecycleModes").items() {
        rule::optional_choice(&mut out, &mode, &["Ephemeral", "Persistent"]);
    }
    let mut audiences = Vec::new();
    for token in spec.get("tokenRequests").items() {
        let audience = token.get("audience").text();
        if audiences.contains(&audience) {
            out.push(FieldError::duplicate(token.get("audience").path(), audience));
        }
        audiences.push(audience);
        let seconds = token.get("expirationSeconds");
        if seconds.int().is_some_and(|n| n < 600) {
            out.push(seconds.invalid("may not specify a duration less than 10 minutes"));
        }
    }
    out
}

fn validate_node(object: &Value) -> Vec<FieldError> {
    let mut out = Faults::new();
    let mut names = Vec::new();
    for driver in At::root(object).get("spec").get("drivers").items() {
        let name = driver.get("name");
        driver_name(&mut out, &name);
        if names.contains(&name.text()) {
            out.push(name.duplicate());
        }
        names.push(name.text());
        rule::present(&mut out, &driver.get("nodeID"));
        let count = driver.get("allocatable").get("count");
        rule::not_negative(&mut out, &count);
        for key in driver.get("topologyKeys").items() {
            rule::qualified(&mut out, &key);
        }
    }
    out
}

fn validate_attachment(object: &Value) -> Vec<FieldError> {
    let mut out = Faults::new();
    let spec = At::root(object).get("spec");
    driver_name(&mut out, &spec.get("attacher"));
    rule::present(&mut out, &spec.get("nodeName"));
    let source = spec.get("source");
    match (source.get("persistentVolumeName").is_set(), source.get("inlineVolumeSpec").is_set()) {
        (false, false) => out.push(source.required("must specify exactly one of inlineVolumeSpec and persistentVolumeName")),
        (true, true) => out.push(source.forbidden("must specify exactly one of inlineVolumeSpec and persistentVolumeName")),
        (true, false) => {
            rule::present(&mut out, &source.get("persistentVolumeName"));
        }
        (false, true) => {}
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_class_stays_what_it_is() {
        let class = |p: &str| json!({"provisioner": p, "reclaimPolicy": "Delete", "volumeBindingMode": "Immediate"});
        assert_eq!(validate_class(&class("a.io/b")), []);
        let faults = update_class(&class("a.io/c"), &class("a.io/b"));
        assert_eq!(faults[0].to_string(), "provisioner: Forbidden: updates to provisioner are forbidden.");
    }

    #[test]
    fn drivers_default() {
        let mut driver = json!({"metadata": {"name": "a.b"}});
        default_driver(&mut driver);
        assert_eq!(driver["spec"]["volumeLifecycleModes"], json!(["Persistent"]));
        assert_eq!(validate_driver(&driver), []);
    }
}
