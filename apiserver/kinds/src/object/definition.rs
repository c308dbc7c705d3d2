//! CustomResourceDefinition, all but its schemas (those are in `structural`).
//!
//! Fed through the strategy table. Conditions and accepted names are set by the caller, who knows the other definitions.

use super::at::{At, Faults};
use super::fill::{blank, made, object_at, text, unset};
use super::lifecycle::step_generation;
use super::structural;
use super::{rule, webhook};
use crate::field::FieldError;
use crate::strategy::Strategy;
use crate::workload::syntax;
use serde_json::{Map, Value, json};

pub(super) const DEFINITION: Strategy = Strategy { default, validate, validate_update, prepare_create, prepare_update };

const COLUMN_TYPES: &[&str] = &["boolean", "date", "integer", "number", "string"];
const COLUMN_FORMATS: &[&str] = &["byte", "date", "date-time", "double", "float", "int32", "int64", "password"];
const SELECTABLE_MAX: usize = 8;

fn default(object: &mut Value) {
    let Some(spec) = made(object, "spec") else { return };
    unset(spec, "conversion", json!({}));
    if let Some(conversion) = spec.get_mut("conversion").and_then(Value::as_object_mut) {
        blank(conversion, "strategy", "None");
    }
    if let Some(names) = spec.get_mut("names").and_then(Value::as_object_mut) {
        let kind = text(names, "kind").to_owned();
        if !kind.is_empty() {
            blank(names, "singular", &kind.to_lowercase());
            blank(names, "listKind", &format!("{kind}List"));
        }
    }
    // What older clients send; the only value a v1 definition may have is never written out.
    if spec.get("preserveUnknownFields") == Some(&Value::Bool(false)) {
        spec.shift_remove("preserveUnknownFields");
    }
    if let Some(config) = object_at(object, "/spec/conversion/webhook/clientConfig") {
        webhook::default_port(config);
    }
    if let Some(status) = made(object, "status") {
        default_status(status);
    }
}

fn default_status(status: &mut Map<String, Value>) {
    status.entry("conditions").or_insert(Value::Null);
    unset(status, "acceptedNames", json!({"plural": "", "kind": ""}));
    status.entry("storedVersions").or_insert(Value::Null);
}

/// Adds the storage version to those that may be in storage.
fn remember_storage(object: &mut Value) {
    let versions = At::root(object).get("spec").get("versions");
    let storage: Vec<String> =
        versions.items().filter(|v| v.get("storage").is_true()).map(|v| v.get("name").text().to_owned()).collect();
    let Some(status) = object_at(object, "/status") else { return };
    unset(status, "storedVersions", json!([]));
    if let Some(stored) = status.get_mut("storedVersions").and_then(Value::as_array_mut) {
        for name in storage {
            if !stored.iter().any(|s| s.as_str() == Some(&name)) {
                stored.push(name.into());
            }
        }
    }
}

fn prepare_create(object: &mut Value) {
    let mut status = Map::new();
    default_status(&mut status);
    let Some(map) = object.as_object_mut() else { return };
    map.insert("status".into(), status.into());
    if let Some(meta) = map.get_mut("metadata").and_then(Value::as_object_mut) {
        meta.insert("generation".into(), 1.into());
    }
    remember_storage(object);
}

fn prepare_update(new: &mut Value, old: &Value) {
    super::lifecycle::hold_status(new, old);
    let changed = new.get("spec") != old.get("spec");
    step_generation(new, old, changed);
    remember_storage(new);
}

fn validate(object: &Value) -> Vec<FieldError> {
    let mut out = Faults::new();
    let root = At::root(object);
    let spec = root.get("spec");
    let name = root.get("metadata").get("name");
    let wanted = format!("{}.{}", spec.get("names").get("plural").text(), spec.get("group").text());
    if !name.text().is_empty() && name.text() != wanted {
        out.push(name.invalid("must be spec.names.plural+\".\"+spec.group"));
    }
    validate_group(&mut out, &spec.get("group"));
    rule::choice(&mut out, &spec.get("scope"), &["Cluster", "Namespaced"]);
    validate_versions(&mut out, &spec.get("versions"));
    if spec.get("preserveUnknownFields").is_true() {
        let why = "cannot set to true, set x-kubernetes-preserve-unknown-fields to true in spec.versions[*].schema instead";
        out.push(spec.get("preserveUnknownFields").invalid(why));
    }
    validate_names(&mut out, &spec.get("names"));
    validate_conversion(&mut out, &spec.get("conversion"));
    stored_versions(&mut out, &root);
    out
}

fn validate_group(out: &mut Faults, group: &At) {
    if group.text().is_empty() {
        out.push(group.required(""));
        return;
    }
    let faults = syntax::dns1123_subdomain_faults(group.text());
    if !faults.is_empty() {
        out.push(group.invalid(faults.join(",")));
    } else if !group.text().contains('.') {
        out.push(group.invalid("should be a domain with at least one dot"));
    }
}

fn validate_versions(out: &mut Faults, versions: &At) {
    let mut names = Vec::new();
    let mut unique = true;
    for version in versions.items() {
        let name = version.get("name");
        unique &= !names.contains(&name.text());
        names.push(name.text());
        let faults = syntax::dns1035_label_faults(name.text());
        if !faults.is_empty() {
            out.push(name.invalid_text(faults.join(",")));
        }
        validate_version(out, &version);
    }
    if !unique {
        out.push(versions.invalid("must contain unique version names"));
    }
    if versions.items().filter(|v| v.get("storage").is_true()).count() != 1 {
        out.push(versions.invalid("must have exactly one version marked as storage version"));
    }
}

fn validate_version(out: &mut Faults, version: &At) {
    let warning = version.get("deprecationWarning");
    if warning.is_set() {
        if !version.get("deprecated").is_true() {
            out.push(warning.invalid("can only be set for deprecated versions"));
        }
        if warning.text().is_empty() {
            out.push(warning.invalid("must not be an empty string"));
        }
        if warning.len() > 256 {
            out.push(warning.too_long(256));
        }
    }
    let schema = version.get("schema").get("openAPIV3Schema");
    if schema.is_set() {
        structural::validate(out, &schema);
    } else {
        out.push(schema.required("schemas are required"));
    }
    validate_scale(out, &version.get("subresources").get("scale"));
    let columns = version.get("additionalPrinterColumns");
    for column in columns.items() {
        validate_column(out, &column);
    }
    let selectable = version.get("selectableFields");
    if selectable.len() > SELECTABLE_MAX {
        out.push(selectable.too_many(SELECTABLE_MAX));
    }
    let mut paths = Vec::new();
    for field in selectable.items() {
        let path = field.get("jsonPath");
        if rule::present(out, &path) {
            simple_path(out, &path);
            if path.text().starts_with(".metadata") {
                out.push(path.invalid("must not point to fields in metadata"));
            }
            if paths.contains(&path.text()) {
                out.push(path.duplicate());
            }
        }
        paths.push(path.text());
    }
}

fn validate_scale(out: &mut Faults, scale: &At) {
    if !scale.is_set() {
        return;
    }
    for (field, roots, why, required) in [
        ("specReplicasPath", &[".spec."][..], "should be a json path under .spec", true),
        ("statusReplicasPath", &[".status."][..], "should be a json path under .status", true),
        ("labelSelectorPath", &[".spec.", ".status."][..], "should be a json path under either .spec or .status", false),
    ] {
        let path = scale.get(field);
        if path.text().is_empty() {
            if required {
                out.push(path.required(""));
            }
            continue;
        }
        if simple_path(out, &path) && !roots.iter().any(|root| path.text().starts_with(root)) {
            out.push(path.invalid(why));
        }
    }
}

/// `.a.b`, with array notation forbidden: what scale and selectable fields may use.
fn simple_path(out: &mut Faults, at: &At) -> bool {
    let good = at.text().strip_prefix('.').is_some_and(|rest| {
        rest.split('.').all(|step| !step.is_empty() && step.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b)))
    });
    if !good {
        out.push(at.invalid("must be a simple json path without array notation"));
    }
    good
}

fn validate_column(out: &mut Faults, column: &At) {
    if column.get("name").text().is_empty() {
        out.push(column.get("name").required(""));
    }
    let (kind, format, path) = (column.get("type"), column.get("format"), column.get("jsonPath"));
    let list = COLUMN_TYPES.join(",");
    if kind.text().is_empty() {
        out.push(kind.required(&format!("must be one of {list}")));
    } else if !COLUMN_TYPES.contains(&kind.text()) {
        out.push(kind.invalid(format!("must be one of {list}")));
    }
    if !format.text().is_empty() && !COLUMN_FORMATS.contains(&format.text()) {
        out.push(format.invalid(format!("must be one of {}", COLUMN_FORMATS.join(","))));
    }
    if path.text().is_empty() {
        out.push(path.required(""));
    } else if !path.text().starts_with(['.', '[']) {
        out.push(path.invalid("is not a valid json path"));
    }
}

fn validate_names(out: &mut Faults, names: &At) {
    for field in ["plural", "singular", "kind", "listKind"] {
        rule::present(out, &names.get(field));
    }
    for field in ["plural", "singular"] {
        label(out, &names.get(field), false);
    }
    label(out, &names.get("kind"), true);
    for short in names.get("shortNames").items() {
        label(out, &short, false);
    }
    label(out, &names.get("listKind"), true);
    let (kind, list) = (names.get("kind"), names.get("listKind"));
    if !kind.text().is_empty() && kind.text() == list.text() {
        out.push(list.invalid("kind and listKind may not be the same"));
    }
    for category in names.get("categories").items() {
        label(out, &category, false);
    }
}

fn label(out: &mut Faults, at: &At, mixed_case: bool) {
    if at.text().is_empty() {
        return;
    }
    let faults = if mixed_case {
        syntax::dns1035_label_faults(&at.text().to_lowercase())
    } else {
        syntax::dns1035_label_faults(at.text())
    };
    if !faults.is_empty() {
        let lead = if mixed_case { "may have mixed case, but should otherwise match: " } else { "" };
        out.push(at.invalid(format!("{lead}{}", faults.join(","))));
    }
}

fn validate_conversion(out: &mut Faults, conversion: &At) {
    let (strategy, hook) = (conversion.get("strategy"), conversion.get("webhook"));
    rule::choice(out, &strategy, &["None", "Webhook"]);
    let (client, reviews) = (hook.get("clientConfig"), hook.get("conversionReviewVersions"));
    if strategy.text() == "Webhook" {
        if client.is_set() {
            webhook::validate_client(out, &client);
        } else {
            let at = conversion.get("webhookClientConfig");
            out.push(at.required("required when strategy is set to Webhook"));
        }
        webhook::versions(out, &reviews);
    } else if hook.is_set() {
        let at = conversion.get("webhookClientConfig");
        out.push(at.forbidden("should not be set when strategy is not set to Webhook"));
    }
}

fn stored_versions(out: &mut Faults, root: &At) {
    let versions = root.get("spec").get("versions");
    for stored in root.get("status").get("storedVersions").items() {
        if !versions.items().any(|v| v.get("name").text() == stored.text()) {
            out.push(stored.invalid("missing from spec.versions; must appear in spec.versions"));
        }
    }
}

/// The resource cannot become another one; once established, scope and kind stay too.
fn validate_update(new: &Value, old: &Value) -> Vec<FieldError> {
    let mut out = validate(new);
    let (now, before) = (At::root(new).get("spec"), At::root(old).get("spec"));
    let established = At::root(old)
        .get("status")
        .get("conditions")
        .items()
        .any(|c| c.get("type").text() == "Established" && c.get("status").text() == "True");
    if established {
        rule::immutable_fields(&mut out, &now, &before, &["scope"]);
        rule::immutable_fields(&mut out, &now.get("names"), &before.get("names"), &["kind"]);
    }
    rule::immutable_fields(&mut out, &now, &before, &["group"]);
    rule::immutable_fields(&mut out, &now.get("names"), &before.get("names"), &["plural"]);
    out
}

#[cfg(test)]
#[path = "definition_tests.rs"]
mod tests;
