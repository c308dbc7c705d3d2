//! Patches of MutatingAdmissionPolicies, one after the other, each seeing what the ones before have made.

use crate::binding::{Hook, unknown_params};
use crate::matching::Objects;
use crate::policy::{Mutation, Policy};
use crate::request::{Request, Resource, Surroundings};
use crate::run::{Failure, Subject};
use crate::validating::converted;
use kube_cel::cel::Value as Cel;
use kube_cel::cel::objects::{Key, OptionalValue};
use serde_json::{Map, Value};
use skiff_custom::cel::{COST_MAX, TYPE_KEY, metered};
use skiff_patch::apply::{Subject as Typed, overlay};
use skiff_patch::json;
use std::sync::Arc;

/// How patched objects become objects again, and how a type's fields merge.
pub trait Workshop {
    /// Checks and completes a patched object.
    ///
    /// # Errors
    /// What is wrong with it.
    fn adopt(&self, object: Value) -> Result<Value, String>;
    /// The type of a resource's objects, for as long as `work` takes.
    fn typed(&self, resource: &Resource, work: &mut dyn FnMut(Option<Typed<'_>>));
}

/// One policy by one binding with one parameter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invocation {
    policy: Box<str>,
    binding: Box<str>,
    param: Option<(String, String)>,
}

/// What a round of policies has done.
#[derive(Debug, Default)]
pub struct Round {
    /// Something was patched.
    pub patched: bool,
    /// Who may be asked again (`reinvocationPolicy: IfNeeded`).
    pub again: Vec<Invocation>,
    /// Failures of policies that do not ignore them; the first is the answer.
    pub failures: Vec<PolicyFailure>,
}

/// A failure.
#[derive(Debug, PartialEq, Eq)]
pub struct PolicyFailure {
    /// Upstream's text.
    pub message: String,
    /// `Invalid` for an evaluation, empty for a policy that is wrong itself.
    pub reason: &'static str,
}

struct Planned<'h> {
    policy: &'h Arc<Policy>,
    invocation: Invocation,
    matched: Resource,
    param: Option<Value>,
}

/// Runs all policies, or of those that were asked before the given ones.
pub fn mutate(
    hooks: &[Hook],
    request: &Request<'_>,
    object: &mut Value,
    old: Option<&Value>,
    around: &(dyn Surroundings + '_),
    workshop: &dyn Workshop,
    only: Option<&[Invocation]>,
) -> Round {
    let mut round = Round::default();
    let mut planned = plan(hooks, request, Objects { new: Some(&*object), old }, around, &mut round);
    planned.retain(|one| only.is_none_or(|only| only.contains(&one.invocation)));
    for one in planned {
        let run = Running { one: &one, request, old, around, workshop };
        match run.meets_conditions(object) {
            Ok(true) => {}
            Ok(false) => continue,
            Err(text) => {
                fail(&mut round, one.policy, Some(&one.invocation.binding), &text, "Invalid");
                continue;
            }
        }
        for mutation in &one.policy.mutations {
            match run.apply(mutation, object) {
                Ok(()) => round.patched = true,
                Err(text) => fail(&mut round, one.policy, Some(&one.invocation.binding), &text, "Invalid"),
            }
        }
        if one.policy.reinvoked {
            round.again.push(one.invocation);
        }
    }
    round
}

fn fail(round: &mut Round, policy: &Policy, binding: Option<&str>, text: &str, reason: &'static str) {
    if policy.lenient {
        return;
    }
    let message = match binding {
        Some(binding) => format!("policy '{}' with binding '{binding}' denied request: {text}", policy.name),
        None => format!("policy {:?} denied request: {text}", policy.name),
    };
    round.failures.push(PolicyFailure { message, reason });
}

/// Which policies are asked, decided before any of them has changed the object.
fn plan<'h>(
    hooks: &'h [Hook],
    request: &Request<'_>,
    objects: Objects<'_>,
    around: &dyn Surroundings,
    round: &mut Round,
) -> Vec<Planned<'h>> {
    let mut out = Vec::new();
    for hook in hooks {
        let policy = &hook.policy;
        let configured = policy.constraints.matches(request, objects, around).and_then(|matched| match &policy.param_kind {
            Some((version, kind)) if matched.is_some() && around.param_scope(version, kind).is_none() => {
                Err(unknown_params(version, kind))
            }
            _ => Ok(matched),
        });
        let matched = match configured {
            Ok(Some(matched)) => matched,
            Ok(None) => continue,
            Err(text) => {
                fail(round, policy, None, &format!("failed to configure policy: {text}"), "");
                continue;
            }
        };
        for binding in &hook.bindings {
            let meant = match &binding.constraints {
                Some(constraints) => constraints.matches(request, objects, around).map(|matched| matched.is_some()),
                None => Ok(true),
            };
            let params = meant.and_then(|meant| if meant { binding.params(policy, request, around) } else { Ok(Vec::new()) });
            match params {
                Err(text) => fail(round, policy, Some(&binding.name), &format!("failed to configure binding: {text}"), ""),
                Ok(params) => out.extend(params.into_iter().map(|param| {
                    let text = |param: &Value, at: &str| param.pointer(at).and_then(Value::as_str).unwrap_or_default().to_owned();
                    let named = |param: &Value| (text(param, "/metadata/namespace"), text(param, "/metadata/name"));
                    let (name, binding) = (policy.name.clone(), binding.name.clone());
                    let invocation = Invocation { policy: name, binding, param: param.as_ref().map(named) };
                    Planned { policy, invocation, matched: matched.clone(), param }
                })),
            }
        }
    }
    out
}

struct Running<'r> {
    one: &'r Planned<'r>,
    request: &'r Request<'r>,
    old: Option<&'r Value>,
    around: &'r (dyn Surroundings + 'r),
    workshop: &'r dyn Workshop,
}

impl Running<'_> {
    fn subject<R>(&self, object: &Value, work: impl FnOnce(&Subject<'_>, &Value) -> R) -> Result<R, String> {
        let convert = |object| converted(object, &self.one.matched, self.request, self.around);
        let (new, old) = (convert(Some(object))?, convert(self.old)?);
        let subject = Subject {
            policy: self.one.policy,
            request: self.request,
            matched: &self.one.matched,
            object: new.as_deref(),
            old: old.as_deref(),
            params: self.one.param.as_ref(),
            around: self.around,
        };
        Ok(work(&subject, new.as_deref().unwrap_or(object)))
    }

    fn meets_conditions(&self, object: &Value) -> Result<bool, String> {
        self.subject(object, |subject, _| subject.meets_conditions())?
    }

    fn apply(&self, mutation: &Mutation, object: &mut Value) -> Result<(), String> {
        let patched = self.subject(object, |subject, shown| {
            let compiled = match mutation {
                Mutation::Apply(compiled) | Mutation::Json(compiled) => compiled,
            };
            if let Err(text) = compiled {
                return Err(text.clone());
            }
            let (found, _) = metered(COST_MAX, || subject.run(|run| run.evaluate(compiled)));
            let found = found.map_err(Failure::text)?;
            match mutation {
                Mutation::Apply(_) => self.merged(shown, &found),
                Mutation::Json(_) => operated(shown, &found),
            }
        })??;
        let patched = match self.one.matched == self.request.resource {
            true => patched,
            false => self.around.convert(&patched, &self.request.resource)?,
        };
        *object = self.workshop.adopt(patched)?;
        Ok(())
    }

    fn merged(&self, shown: &Value, found: &Cel) -> Result<Value, String> {
        check_names(found, "Object").map_err(|text| format!("type mismatch: {text}"))?;
        let Value::Object(mut config) = to_json(found)? else {
            return Err("unsupported return type from ApplyConfiguration expression".to_owned());
        };
        for field in ["apiVersion", "kind"] {
            config.insert(field.to_owned(), shown.get(field).cloned().unwrap_or_default());
        }
        let config = Value::Object(config);
        let mut merged = Err("the kind has no schema".to_owned());
        self.workshop.typed(&self.one.matched, &mut |typed| {
            if let Some(typed) = typed {
                merged = overlay(typed, shown, &config);
            }
        });
        merged.map_err(|text| format!("error applying patch: {text}"))
    }
}

/// The object after the operations of a JSON patch; a failed `test` leaves it as it was.
fn operated(shown: &Value, found: &Cel) -> Result<Value, String> {
    let Cel::List(operations) = found else {
        return Err("type mismatch: JSONPatchType.expression should evaluate to array".to_owned());
    };
    let mut patch = Vec::with_capacity(operations.len());
    for operation in operations.iter() {
        let Cel::Map(map) = operation else {
            return Err("type mismatch: JSONPatchType.expression should evaluate to array of JSONPatch".to_owned());
        };
        if let Some(value) = map.map.get(&Key::from("value"))
            && let Some(name) = type_name(value)
        {
            check_names(value, &name).map_err(|text| format!("type mismatch: {text}"))?;
        }
        patch.push(to_json(operation)?);
    }
    match json::apply(shown.clone(), &Value::Array(patch)) {
        Ok(patched) => Ok(patched),
        Err(json::JsonPatchError::Rejected(json::Rejection::TestFailed)) => Ok(shown.clone()),
        Err(json::JsonPatchError::Rejected(why)) => Err(format!("JSON Patch: {}", spelled(why))),
        Err(error) => Err(format!("JSON Patch: {error}")),
    }
}

fn spelled(why: json::Rejection) -> &'static str {
    match why {
        json::Rejection::TestFailed => "testing value failed",
        json::Rejection::Missing => "operation does not apply: doc is missing path",
        json::Rejection::Index => "operation does not apply: invalid array index",
        json::Rejection::Operation => "unexpected kind of operation",
        json::Rejection::CopyTooLarge => "copies add too much",
        json::Rejection::TooDeep => "the document would nest too deep",
    }
}

fn type_name(value: &Cel) -> Option<String> {
    let Cel::Map(map) = value else { return None };
    match map.map.get(&Key::from(TYPE_KEY)) {
        Some(Cel::String(name)) => Some((**name).clone()),
        _ => None,
    }
}

/// Types of constructed objects are called by the way to them: `Object.spec.template`.
fn check_names(value: &Cel, path: &str) -> Result<(), String> {
    match value {
        Cel::Map(map) => {
            let name = type_name(value);
            if let Some(name) = name.as_ref().filter(|name| *name != path) {
                return Err(format!(
                    "unexpected type name {name:?}, expected {path:?}, which matches field name path from root Object type"
                ));
            }
            for (key, inner) in map.map.iter() {
                let Key::String(key) = key else { continue };
                // Keys of plain maps are data.
                match &name {
                    Some(_) => check_names(inner, &format!("{path}.{key}"))?,
                    None => check_names(inner, path)?,
                }
            }
            Ok(())
        }
        Cel::List(items) => items.iter().try_for_each(|item| check_names(item, path)),
        _ => Ok(()),
    }
}

/// A value as JSON; members in the order of their names, for the interpreter keeps none.
fn to_json(value: &Cel) -> Result<Value, String> {
    Ok(match value {
        Cel::Null => Value::Null,
        Cel::Bool(set) => (*set).into(),
        Cel::Int(number) => (*number).into(),
        Cel::UInt(number) => (*number).into(),
        Cel::Float(number) => (*number).into(),
        Cel::String(text) => text.as_str().into(),
        Cel::Timestamp(time) => time.to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true).into(),
        Cel::List(items) => Value::Array(items.iter().map(to_json).collect::<Result<_, _>>()?),
        Cel::Map(map) => {
            let mut members = Vec::with_capacity(map.map.len());
            for (key, inner) in map.map.iter() {
                let Key::String(key) = key else { return Err("map key is not a string".to_owned()) };
                if key.as_str() != TYPE_KEY {
                    members.push((key.to_string(), to_json(inner)?));
                }
            }
            members.sort_by(|a, b| a.0.cmp(&b.0));
            Value::Object(members.into_iter().collect::<Map<_, _>>())
        }
        Cel::Opaque(opaque) => match opaque.downcast_ref::<OptionalValue>().and_then(OptionalValue::value) {
            Some(inner) => to_json(inner)?,
            None => return Err("the expression evaluated to a type that could not marshal to JSON".to_owned()),
        },
        _ => return Err("the expression evaluated to a type that could not marshal to JSON".to_owned()),
    })
}
