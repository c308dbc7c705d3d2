//! Policies as documents that are written: expressions that do not compile are refused, and what the others mean for the kinds
//! they are about is noted in the status.

use crate::clock;
use crate::registry::{Kind, SchemaRef, ids};
use crate::verbs::ask::Ask;
use crate::verbs::house::House;
use crate::verbs::write::{self, put};
use serde_json::{Value, json};
use skiff_access::{Attributes, User};
use skiff_admission::matching::Constraints;
use skiff_admission::typing::{Arena, Kind as Typed, kinds, status, type_of};
use skiff_admission::{Flavour, Operation, Policy};
use skiff_engine::command::Transaction;
use skiff_engine::record::ResourceId;
use skiff_kinds::FieldError;
use skiff_patch::apply::{Reset, Write};
use skiff_schema::Gvk;

/// Upstream's controller of that status.
const CONTROLLER: &str = "validatingadmissionpolicy-status";

fn flavour(resource: ResourceId) -> Option<Flavour> {
    match resource {
        ids::VALIDATING_POLICIES => Some(Flavour::Validating),
        ids::MUTATING_POLICIES => Some(Flavour::Mutating),
        _ => None,
    }
}

/// Errors of a policy or a binding that only the compiler and the house find; other kinds pass.
pub fn check(house: &House, ask: &Ask, sub: &str, new: &Value, old: Option<&Value>, errors: &mut Vec<FieldError>) {
    match ask.kind.id {
        ids::VALIDATING_POLICY_BINDINGS => return check_binding(house, &ask.user, Flavour::Validating, new, old, errors),
        ids::MUTATING_POLICY_BINDINGS => return check_binding(house, &ask.user, Flavour::Mutating, new, old, errors),
        _ => {}
    }
    let Some(flavour) = flavour(ask.kind.id).filter(|_| sub.is_empty()) else { return };
    if old.is_some_and(|old| old.get("spec") == new.get("spec")) {
        return;
    }
    errors.extend(Policy::compile(flavour, new).faults().iter().cloned());
    let param = |object: &Value| object.pointer("/spec/paramKind").filter(|kind| !kind.is_null()).cloned();
    let (now, before) = (param(new), old.and_then(param));
    if let Some(kind) = now.filter(|now| errors.is_empty() && before.as_ref() != Some(now)) {
        errors.extend(check_param_kind(house, &ask.user, &kind));
    }
}

/// What a new policy names and cannot see: objects that are made from records are never written.
#[must_use]
pub fn blind_spot(resource: ResourceId, policy: &Value) -> Option<String> {
    flavour(resource)?;
    let constraints = Constraints::read(&policy["spec"]["matchConstraints"]);
    let named = |(group, version, plural): &&(&str, &str, &str)| constraints.names(Operation::Create, group, version, plural);
    let all: Vec<&str> = FROM_RECORDS.iter().filter(named).map(|(_, _, plural)| *plural).collect();
    (!all.is_empty()).then(|| {
        format!(
            "Skiff makes {} of Deployments and Revisions from records: this policy is asked about those that clients write.",
            all.join(", ")
        )
    })
}

/// Resources whose objects are mostly made from records.
const FROM_RECORDS: &[(&str, &str, &str)] =
    &[("", "v1", "pods"), ("", "v1", "endpoints"), ("apps", "v1", "replicasets"), ("discovery.k8s.io", "v1", "endpointslices")];

/// Who writes a policy must be able to read what it reads.
fn check_param_kind(house: &House, user: &User, kind: &Value) -> Option<FieldError> {
    let text = |field: &str| kind.get(field).and_then(Value::as_str).unwrap_or_default();
    let (api_version, name) = (text("apiVersion"), text("kind"));
    let group = api_version.split_once('/').map_or("", |(group, _)| group);
    let resource = plural_of(house, group, name);
    if may(house, user, "get", group, &resource, "*", "*") {
        return None;
    }
    let why = format!(
        "user {} must have \"get\" permission on all objects of the referenced paramKind (kind={name}, apiVersion={api_version})",
        go_user(user)
    );
    Some(FieldError::forbidden("spec.paramKind", why))
}

fn plural_of(house: &House, group: &str, kind: &str) -> String {
    house.registry.kinds().of_kind(group, kind).map_or_else(|| "*".to_owned(), |kind| kind.resource.plural.to_string())
}

fn may(house: &House, user: &User, verb: &str, group: &str, resource: &str, namespace: &str, name: &str) -> bool {
    let asked = Attributes { user, verb, group, resource, subresource: "", name, namespace, path: None };
    house.roles.read().authorize(&asked).allowed
}

/// Who writes a binding must be able to read the parameters that it names.
fn check_binding(house: &House, user: &User, flavour: Flavour, new: &Value, old: Option<&Value>, errors: &mut Vec<FieldError>) {
    let of = |object: &Value, field: &str| object.pointer(&format!("/spec/{field}")).filter(|v| !v.is_null()).cloned();
    let reference = of(new, "paramRef");
    let same = |field: &str| old.is_some_and(|old| of(old, field) == of(new, field));
    let Some(reference) = reference.filter(|_| errors.is_empty() && !(same("paramRef") && same("policyName"))) else { return };
    let text = |field: &str| reference.get(field).and_then(Value::as_str).unwrap_or_default();
    let verb = if text("name").is_empty() { "list" } else { "get" };
    let policy = new.pointer("/spec/policyName").and_then(Value::as_str).unwrap_or_default();
    let kind = house.policies.param_kind(flavour, policy);
    let (group, resource) = match kind.as_ref().and_then(Option::as_ref) {
        Some((version, kind)) => {
            let group = version.split_once('/').map_or("", |(group, _)| group);
            (group, plural_of(house, group, kind))
        }
        None => ("*", "*".to_owned()),
    };
    if may(house, user, verb, group, &resource, text("namespace"), text("name")) {
        return;
    }
    let user = go_user(user);
    let why = match kind {
        None => format!(
            "unable to get policy {policy} to determine minimum required permissions and user {user} does not have \"{verb}\" permission for all groups, versions and resources"
        ),
        Some(_) => format!("user {user} does not have \"{verb}\" permission on the object referenced by paramRef"),
    };
    errors.push(FieldError::forbidden("spec.paramRef", why));
}

/// A user as Go prints one.
fn go_user(user: &User) -> String {
    let extra: Vec<String> = user.extra.iter().map(|(key, values)| format!("{key}:[{}]", values.join(" "))).collect();
    format!("&{{{} {} [{}] map[{}]}}", user.name, user.uid, user.groups.join(" "), extra.join(" "))
}

/// The status that upstream's controller gives a ValidatingAdmissionPolicy a moment after it is written. It is stored at once;
/// the answer to the request does not show it, as upstream's does not.
pub fn settle(house: &House, kind: &Kind, new: &Value, transaction: &mut Transaction) {
    let number = |pointer: &str| new.pointer(pointer).and_then(Value::as_i64).unwrap_or(0);
    if number("/status/observedGeneration") >= number("/metadata/generation") {
        return;
    }
    let all = house.registry.kinds();
    let typed = |kind: &Kind| {
        let (arena, root) = kind.root.as_ref()?;
        let arena = match arena {
            SchemaRef::BuiltIn(schema) => Arena::BuiltIn(schema),
            SchemaRef::Custom(schema) => Arena::Custom(schema.clone()),
        };
        let gvk = (kind.group().to_owned(), kind.resource.version.to_string(), kind.kind().to_owned());
        Some(Typed { gvk, root: type_of(&arena, *root, kind.kind()) })
    };
    let checked = kinds(new, |group, version, plural| typed(all.find(group, version, plural)?));
    let param = |field: &str| new.pointer(&format!("/spec/paramKind/{field}")).and_then(Value::as_str);
    let params = param("apiVersion").zip(param("kind")).and_then(|(version, name)| {
        let kind = all.all().find(|kind| kind.kind() == name && kind.resource.api_version() == version)?;
        Some(typed(kind)?.root)
    });
    let status = status(new, &checked, params);
    let settled = with_status(kind, new, status);
    if let Some(main) = transaction.writes.first_mut() {
        main.put = Some(put(kind.id, &settled));
    }
}

/// The document with its status, which belongs to the controller.
fn with_status(kind: &Kind, new: &Value, status: Value) -> Value {
    let api_version = kind.resource.api_version();
    let config =
        json!({"apiVersion": api_version, "kind": kind.kind(), "metadata": {"name": new["metadata"]["name"]}, "status": status});
    let now = clock::now_rfc3339();
    let write =
        Write { field_manager: CONTROLLER, api_version: &api_version, subresource: "status", now: &now, reset: Reset::Nothing };
    let gvk = Gvk::new(kind.group(), &kind.resource.version, kind.kind());
    let applied =
        write::subject(kind).and_then(|subject| skiff_patch::apply::apply(subject, &write, &gvk, Some(new), &config, true).ok());
    applied.unwrap_or_else(|| {
        let mut plain = new.clone();
        plain["status"] = status;
        plain
    })
}
