//! APIService.
//!
//! Fed through the strategy table. Forwards no request; availability is told by a controller.

use super::at::{At, Faults};
use super::fill::{made, object_at, unset};
use super::lifecycle::{drop_status, fresh_status, hold_status};
use super::rule;
use crate::field::FieldError;
use crate::strategy::Strategy;
use crate::workload::syntax;
use serde_json::{Value, json};

pub(super) const API_SERVICE: Strategy = Strategy {
    default,
    validate,
    validate_update: |new, _| validate(new),
    prepare_create: |object| {
        drop_status(object);
        fresh_status(object, json!({}));
    },
    prepare_update: hold_status,
};

fn default(object: &mut Value) {
    if let Some(spec) = made(object, "spec") {
        unset(spec, "groupPriorityMinimum", 0);
        unset(spec, "versionPriority", 0);
    }
    if let Some(service) = object_at(object, "/spec/service") {
        unset(service, "port", 443);
    }
    made(object, "status");
}

fn validate(object: &Value) -> Vec<FieldError> {
    let mut out = Faults::new();
    let root = At::root(object);
    let spec = root.get("spec");
    let (name, group, version) = (root.get("metadata").get("name"), spec.get("group"), spec.get("version"));
    let wanted = format!("{}.{}", version.text(), group.text());
    if name.text() != wanted {
        out.push(name.invalid_text(format!("must be `spec.version+\".\"+spec.group`: {wanted:?}")));
    }
    // The core group is the one without a name, and only in version v1.
    if group.text().is_empty() {
        if version.text() != "v1" {
            out.push(group.required("only v1 may have an empty group and it better be legacy kube"));
        }
    } else {
        rule::each(&mut out, &group, syntax::dns1123_subdomain_faults(group.text()));
    }
    rule::each(&mut out, &version, syntax::dns1035_label_faults(version.text()));
    let minimum = spec.get("groupPriorityMinimum");
    if !(1..=20_000).contains(&minimum.int().unwrap_or(0)) {
        out.push(minimum.invalid("must be positive and less than 20000"));
    }
    let priority = spec.get("versionPriority");
    if !(1..=1000).contains(&priority.int().unwrap_or(0)) {
        out.push(priority.invalid("must be positive and less than 1000"));
    }
    let (service, bundle) = (spec.get("service"), spec.get("caBundle"));
    let insecure = spec.get("insecureSkipTLSVerify");
    if !service.is_set() {
        if !bundle.is_empty() {
            out.push(FieldError::invalid(bundle.path(), "", "local APIServices may not have a caBundle"));
        }
        if insecure.is_true() {
            out.push(insecure.invalid("local APIServices may not have insecureSkipTLSVerify"));
        }
        return out;
    }
    rule::present(&mut out, &service.get("namespace"));
    rule::present(&mut out, &service.get("name"));
    if service.get("port").is_set() && syntax::port_number(service.get("port").int().unwrap_or(0)).is_some() {
        out.push(service.get("port").invalid("port is not valid: must be between 1 and 65535, inclusive"));
    }
    if insecure.is_true() && !bundle.is_empty() {
        out.push(insecure.invalid("may not be true if caBundle is present"));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_says_version_and_group() {
        let service = |name: &str| json!({"metadata": {"name": name}, "spec": {"group": "g.io", "version": "v1", "groupPriorityMinimum": 100, "versionPriority": 10}});
        assert_eq!(validate(&service("v1.g.io")), []);
        assert_eq!(
            validate(&service("x"))[0].to_string(),
            "metadata.name: Invalid value: \"x\": must be `spec.version+\".\"+spec.group`: \"v1.g.io\""
        );
    }
}
