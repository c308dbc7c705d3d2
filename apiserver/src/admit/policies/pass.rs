//! A write on its way past the policies: changed by those that mutate, then judged by those that validate.

use super::surroundings::{Around, resource_of};
use crate::registry::Kind;
use crate::status::{About, Outcome, Refusal};
use crate::verbs::ask::Ask;
use crate::verbs::house::House;
use serde_json::{Value, json};
use skiff_admission::matching::Objects;
use skiff_admission::mutating::{Invocation, Round, mutate};
use skiff_admission::validating::{Denial, validate};
use skiff_admission::{Operation, Request, Resource};

/// The write.
pub struct Pass<'a> {
    house: &'a House,
    ask: &'a Ask,
    operation: Operation,
    /// Empty where it was made up.
    name: &'a str,
    dry: bool,
    /// The kind that is written, where it is not that of the resource: a subresource's own.
    own_kind: Option<(&'static str, &'static str, &'static str)>,
}

/// What a write does, and to what.
#[derive(Clone, Copy)]
pub struct Written<'o> {
    /// The object after; `None` for a deletion.
    pub new: Option<&'o Value>,
    /// The object before; `None` for a creation.
    pub old: Option<&'o Value>,
}

impl<'a> Pass<'a> {
    /// A new object; `named` says that its name was not made up.
    #[must_use]
    pub fn create(house: &'a House, ask: &'a Ask, name: &'a str, dry: bool) -> Pass<'a> {
        Pass { house, ask, operation: Operation::Create, name, dry, own_kind: None }
    }

    /// A changed object.
    #[must_use]
    pub fn update(house: &'a House, ask: &'a Ask, dry: bool) -> Pass<'a> {
        Pass { house, ask, operation: Operation::Update, name: &ask.address.name, dry, own_kind: None }
    }

    /// An object that goes.
    #[must_use]
    pub fn delete(house: &'a House, ask: &'a Ask, dry: bool) -> Pass<'a> {
        Pass { house, ask, operation: Operation::Delete, name: &ask.address.name, dry, own_kind: None }
    }

    /// The same write of a subresource with objects of its own.
    #[must_use]
    pub fn of_kind(self, group: &'static str, version: &'static str, kind: &'static str) -> Pass<'a> {
        Pass { own_kind: Some((group, version, kind)), ..self }
    }

    /// Policies are not asked about policies: nobody could take back one that refuses everything.
    fn exempt(kind: &Kind) -> bool {
        kind.group() == "admissionregistration.k8s.io"
    }

    /// Takes the object past the mutating policies. `again` repeats what came before them, for objects that have changed. Says
    /// whether anything was changed.
    ///
    /// # Errors
    /// 403 if a policy fails that must not.
    pub fn mutate(
        &self,
        object: &mut Value,
        old: Option<&Value>,
        again: impl FnOnce(&mut Value) -> Outcome<()>,
    ) -> Outcome<bool> {
        let in_force = self.house.policies.now();
        if in_force.mutating.is_empty() || Self::exempt(&self.ask.kind) {
            return Ok(false);
        }
        let hooks = &in_force.mutating;
        let identity = object.get("metadata").cloned();
        let mut shown = object.clone();
        if self.own_kind.is_none() {
            crate::verbs::write::complete(&self.ask.kind, &mut shown);
        }
        let first = self.round(hooks, &mut shown, old, None);
        self.refuse_failures(&first, &shown)?;
        if !first.patched {
            return Ok(false);
        }
        again(&mut shown)?;
        if !first.again.is_empty() {
            let second = self.round(hooks, &mut shown, old, Some(&first.again));
            self.refuse_failures(&second, &shown)?;
        }
        if self.operation == Operation::Create {
            // What upstream sets after its policies have been asked is not theirs to set.
            for field in ["uid", "creationTimestamp", "namespace", "managedFields"] {
                match identity.as_ref().and_then(|meta| meta.get(field)) {
                    Some(value) => shown["metadata"][field] = value.clone(),
                    None => _ = shown["metadata"].as_object_mut().and_then(|meta| meta.shift_remove(field)),
                }
            }
        }
        *object = shown;
        Ok(true)
    }

    fn round(
        &self,
        hooks: &[skiff_admission::Hook],
        object: &mut Value,
        old: Option<&Value>,
        only: Option<&[Invocation]>,
    ) -> Round {
        let own = self.own_kind.is_some();
        let kind = &*self.ask.kind;
        let finish = |object: Value| if own { Ok(object) } else { Around::adopt_own(kind, object) };
        let around = Around { house: self.house, user: &self.ask.user, finish: &finish };
        self.asked(|request| mutate(hooks, request, object, old, &around, &around, only))
    }

    fn refuse_failures(&self, round: &Round, object: &Value) -> Outcome<()> {
        let Some(first) = round.failures.first() else { return Ok(()) };
        let mut refusal = Refusal::forbidden(&self.about(Some(object)), "");
        refusal.message = first.message.clone();
        if first.reason == "Invalid" {
            refusal.reason = "Invalid";
        }
        let causes: Vec<Value> = round.failures.iter().map(|failure| json!({"message": failure.message})).collect();
        if let Some(details) = refusal.details.as_mut() {
            details["causes"] = causes.into();
        }
        Err(refusal)
    }

    /// Takes the write past the validating policies.
    ///
    /// # Errors
    /// 422, 403 or 413, as the denying rule says.
    pub fn validate(&self, written: Written<'_>) -> Outcome<()> {
        let in_force = self.house.policies.now();
        if in_force.validating.is_empty() || Self::exempt(&self.ask.kind) {
            return Ok(());
        }
        let finish = |object: Value| Ok(object);
        let around = Around { house: self.house, user: &self.ask.user, finish: &finish };
        let objects = Objects { new: written.new, old: written.old };
        let verdict = self.asked(|request| validate(&in_force.validating, request, objects, &around));
        verdict.warnings.into_iter().for_each(|text| self.ask.warn(text));
        for (key, value) in &verdict.audit {
            tracing::info!(target: "audit", user = self.ask.user.name, resource = %self.ask.kind.resource.plural,
                namespace = self.ask.address.namespace, name = self.name, annotation = key, value, "policy");
        }
        match verdict.denied {
            None => Ok(()),
            Some(denial) => Err(self.denied(&denial, written.new.or(written.old))),
        }
    }

    fn denied(&self, denial: &Denial, object: Option<&Value>) -> Refusal {
        let mut refusal = Refusal::forbidden(&self.about(object), &denial.message);
        (refusal.code, refusal.reason) = match &*denial.reason {
            "Forbidden" => (403, "Forbidden"),
            "Unauthorized" => (401, "Unauthorized"),
            "RequestEntityTooLarge" => (413, "RequestEntityTooLarge"),
            _ => (422, "Invalid"),
        };
        if let Some(details) = refusal.details.as_mut() {
            details["causes"] = json!([{"message": denial.message}]);
        }
        refusal
    }

    fn about(&self, object: Option<&Value>) -> About {
        let of_object = || object.and_then(|object| object.pointer("/metadata/name")).and_then(Value::as_str);
        let name = if self.name.is_empty() { of_object().unwrap_or("Unknown") } else { self.name };
        self.ask.kind.about(name)
    }

    /// Runs `work` with the request as policies see it.
    fn asked<R>(&self, work: impl FnOnce(&Request<'_>) -> R) -> R {
        let address = &self.ask.address;
        let resource = resource_of(&self.ask.kind);
        let resource = match self.own_kind {
            None => resource,
            Some((group, version, kind)) => {
                Resource { kind_group: group.into(), kind_version: version.into(), kind: kind.into(), ..resource }
            }
        };
        let options = self.options();
        let namespace = match self.ask.kind.id {
            crate::registry::ids::NAMESPACES => self.name,
            _ => &address.namespace,
        };
        work(&Request {
            operation: self.operation,
            resource,
            subresource: &address.subresource,
            name: self.name,
            namespace,
            user: &self.ask.user,
            dry: self.dry,
            options: &options,
        })
    }

    fn options(&self) -> Value {
        let kind = match self.operation {
            Operation::Create => "CreateOptions",
            Operation::Update => "UpdateOptions",
            Operation::Delete => "DeleteOptions",
        };
        let mut options = json!({"kind": kind, "apiVersion": "meta.k8s.io/v1"});
        for field in ["fieldManager", "fieldValidation"] {
            let value = self.ask.query.text(field);
            if !value.is_empty() && self.operation != Operation::Delete {
                options[field] = value.into();
            }
        }
        if self.dry {
            options["dryRun"] = json!(["All"]);
        }
        options
    }
}
