//! `metadata`, alike for every kind, custom ones included.
//!
//! Fed by the generic station on create and update. Knows no kind beyond the name rule it is handed.

use super::at::{At, Faults};
use super::name::NameRule;
use super::rule;
use crate::field::FieldError;
use crate::workload::syntax;
use serde_json::{Map, Value};

pub use super::name::name_rule;

/// All annotations of an object together, keys and values.
pub const ANNOTATION_BYTES_MAX: usize = 256 * 1024;

/// All field errors of the metadata of a new object. A name that is to be generated must have been generated already; the
/// station may also call this before, then the name is the one missing thing.
#[must_use]
pub fn validate_meta(object: &Value, namespaced: bool, rule: NameRule) -> Vec<FieldError> {
    let mut out = Vec::new();
    let meta = At::root(object).get("metadata");
    let prefix = meta.get("generateName");
    if !prefix.text().is_empty() {
        rule::each(&mut out, &prefix, rule.prefix_faults(prefix.text()));
    }
    let name = meta.get("name");
    if name.text().is_empty() {
        if rule != NameRule::Nameless {
            out.push(name.required("name or generateName is required"));
        }
    } else {
        rule::each(&mut out, &name, rule.faults(name.text()));
    }
    let namespace = meta.get("namespace");
    match (namespaced, namespace.text()) {
        (true, "") => out.push(namespace.required("")),
        (true, text) => rule::each(&mut out, &namespace, syntax::dns1123_label_faults(text)),
        (false, "") => {}
        (false, _) => out.push(namespace.forbidden("not allowed on this type")),
    }
    rule::not_negative(&mut out, &meta.get("generation"));
    common(&mut out, &meta);
    out
}

/// All field errors of a change of metadata. What a client leaves out (uid, times) counts as unchanged.
#[must_use]
pub fn validate_meta_update(new: &Value, old: &Value) -> Vec<FieldError> {
    let mut out = Vec::new();
    let (new, old) = (At::root(new).get("metadata"), At::root(old).get("metadata"));
    if old.get("deletionTimestamp").is_set() {
        no_new_finalizers(&mut out, &new, &old);
    }
    if let (Some(now), Some(before)) = (new.get("generation").int(), old.get("generation").int())
        && now < before
    {
        out.push(new.get("generation").invalid("must not be decremented"));
    }
    rule::immutable_fields(&mut out, &new, &old, &["name", "namespace"]);
    for field in ["uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds"] {
        if new.get(field).is_set() {
            rule::immutable(&mut out, &new.get(field), &old.get(field));
        }
    }
    common(&mut out, &new);
    out
}

/// Finalizers of built-in kinds must be qualified or one of the well-known ones (custom resources only get a warning).
#[must_use]
pub fn validate_builtin_finalizers(object: &Value) -> Vec<FieldError> {
    let mut out = Vec::new();
    let finalizers = At::root(object).get("metadata").get("finalizers");
    finalizers.items().for_each(|f| finalizer(&mut out, &f));
    out
}

/// One finalizer of a built-in kind.
pub(super) fn finalizer(out: &mut Faults, at: &At) {
    let known = ["kubernetes", "orphan", "foregroundDeletion"];
    if !at.text().contains('/') && !known.contains(&at.text()) {
        out.push(at.invalid("name is neither a standard finalizer name nor is it fully qualified"));
    }
}

fn common(out: &mut Faults, meta: &At) {
    rule::labels(out, &meta.get("labels"));
    annotations(out, &meta.get("annotations"));
    owners(out, &meta.get("ownerReferences"));
    finalizers(out, &meta.get("finalizers"));
}

fn annotations(out: &mut Faults, at: &At) {
    let mut bytes = 0;
    for (key, value) in at.entries() {
        let shown = Value::from(key);
        rule::each(out, &At::new(Some(&shown), at.path()), syntax::qualified_name(&key.to_lowercase()));
        bytes += key.len() + value.text().len();
    }
    if bytes > ANNOTATION_BYTES_MAX {
        out.push(at.too_long(ANNOTATION_BYTES_MAX));
    }
}

fn owners(out: &mut Faults, at: &At) {
    let mut controller: Option<String> = None;
    for owner in at.items() {
        let part = |field: &str| At::new(owner.raw().and_then(|o| o.get(field)), format!("{}.{field}", at.path()));
        let version = part("apiVersion").text();
        if version.is_empty() || version.ends_with('/') {
            out.push(part("apiVersion").invalid_text("version must not be empty"));
        }
        for field in ["kind", "name", "uid"] {
            if part(field).text().is_empty() {
                out.push(part(field).invalid_text("must not be empty"));
            }
        }
        if version == "v1" && part("kind").text() == "Event" {
            out.push(FieldError::invalid(at.path(), owner.value(), "/v1, Kind=Event is disallowed from being an owner"));
        }
        if !owner.get("controller").is_true() {
            continue;
        }
        let this = format!("{}/{}", part("kind").text(), part("name").text());
        match &controller {
            Some(first) => out.push(at.invalid(format!(
                "Only one reference can have Controller set to true. Found \"true\" in references for {first} and {this}"
            ))),
            None => controller = Some(this),
        }
    }
}

fn finalizers(out: &mut Faults, at: &At) {
    for name in at.items() {
        rule::each(out, &At::new(name.raw(), at.path()), syntax::qualified_name(name.text()));
    }
    let has = |wanted: &str| at.items().any(|f| f.text() == wanted);
    if has("orphan") && has("foregroundDeletion") {
        out.push(at.invalid("finalizer orphan and foregroundDeletion cannot be both set"));
    }
}

fn no_new_finalizers(out: &mut Faults, new: &At, old: &At) {
    let before: Vec<&str> = old.get("finalizers").items().map(|f| f.text()).collect();
    let now = new.get("finalizers");
    let mut extra: Vec<String> = now.items().filter(|f| !before.contains(&f.text())).map(|f| format!("{:?}", f.text())).collect();
    if extra.is_empty() {
        return;
    }
    extra.sort();
    extra.dedup();
    out.push(now.forbidden(format!(
        "no new finalizers can be added if the object is being deleted, found new finalizers []string{{{}}}",
        extra.join(", ")
    )));
}

/// What an update may leave out and the server puts back: uid, creation time, and the marks of a deletion under way.
pub fn carry_meta(new: &mut Value, old: &Value) {
    let Some(before) = old.get("metadata").and_then(Value::as_object) else { return };
    let Some(map) = new.as_object_mut() else { return };
    let meta = map.entry("metadata").or_insert_with(|| Value::Object(Map::new()));
    let Some(meta) = meta.as_object_mut() else { return };
    for field in ["uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", "generation"] {
        if meta.get(field).is_none_or(|v| v.is_null() || v.as_str() == Some("")) {
            match before.get(field) {
                Some(value) => meta.insert(field.to_owned(), value.clone()),
                None => meta.shift_remove(field),
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn causes(faults: &[FieldError]) -> Vec<String> {
        faults.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn crud_create_no_name() {
        let faults = validate_meta(&json!({"metadata": {"namespace": "x"}}), true, NameRule::Subdomain);
        assert_eq!(causes(&faults), ["metadata.name: Required value: name or generateName is required"]);
    }

    #[test]
    fn namespaces_fit_the_scope() {
        let cluster = validate_meta(&json!({"metadata": {"name": "a", "namespace": "x"}}), false, NameRule::Subdomain);
        assert_eq!(causes(&cluster), ["metadata.namespace: Forbidden: not allowed on this type"]);
        let missing = validate_meta(&json!({"metadata": {"name": "a"}}), true, NameRule::Subdomain);
        assert_eq!(causes(&missing), ["metadata.namespace: Required value"]);
    }

    #[test]
    fn owners_are_complete_and_one_controls() {
        let owner = |n: &str| json!({"apiVersion": "v1", "kind": "Pod", "name": n, "uid": "u", "controller": true});
        let object = json!({"metadata": {"name": "a", "namespace": "x", "ownerReferences": [owner("p"), owner("q"), {}]}});
        let faults = causes(&validate_meta(&object, true, NameRule::Subdomain));
        assert_eq!(faults.len(), 5, "{faults:?}");
        assert!(faults.iter().any(|f| f.ends_with("in references for Pod/p and Pod/q")));
        assert!(faults.contains(&"metadata.ownerReferences.uid: Invalid value: \"\": must not be empty".to_owned()));
    }

    #[test]
    fn updates_keep_identity_and_finalizers() {
        let old = json!({"metadata": {"name": "a", "uid": "1", "deletionTimestamp": "t", "finalizers": ["x/a"]}});
        let new = json!({"metadata": {"name": "a", "uid": "2", "finalizers": ["x/a", "x/b"]}});
        let mut sent = new.clone();
        carry_meta(&mut sent, &old);
        assert_eq!(sent.pointer("/metadata/deletionTimestamp"), Some(&json!("t")));
        assert_eq!(
            causes(&validate_meta_update(&sent, &old)),
            [
                "metadata.finalizers: Forbidden: no new finalizers can be added if the object is being deleted, found new finalizers []string{\"x/b\"}",
                "metadata.uid: Invalid value: \"2\": field is immutable",
            ]
        );
    }

    #[test]
    fn annotations_have_a_limit() {
        let object = json!({"metadata": {"name": "a", "annotations": {"a/B": "x".repeat(ANNOTATION_BYTES_MAX), "-": ""}}});
        let faults = causes(&validate_meta(&object, false, NameRule::Subdomain));
        assert_eq!(faults.len(), 2);
        assert_eq!(faults[1], "metadata.annotations: Too long: may not be more than 262144 bytes");
    }
}
