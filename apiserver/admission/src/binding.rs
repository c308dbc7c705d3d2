//! Where a policy holds: its bindings, and the parameters that they choose.

use crate::matching::Constraints;
use crate::policy::Policy;
use crate::request::{Request, Surroundings};
use serde_json::Value;
use skiff_schema::select::LabelSelector;
use std::sync::Arc;

/// A policy with the bindings that put it into force.
#[derive(Clone, Debug)]
pub struct Hook {
    /// The policy.
    pub policy: Arc<Policy>,
    /// By name.
    pub bindings: Vec<Arc<Binding>>,
}

/// A binding.
#[derive(Debug)]
pub struct Binding {
    /// Its name.
    pub name: Box<str>,
    /// `policyName`
    pub policy: Box<str>,
    /// `validationActions`
    pub(crate) actions: Vec<Box<str>>,
    pub(crate) constraints: Option<Constraints>,
    params: Option<ParamRef>,
}

#[derive(Debug)]
struct ParamRef {
    name: Box<str>,
    namespace: Box<str>,
    selector: Option<Result<LabelSelector, String>>,
    deny: bool,
}

impl Binding {
    /// Reads a document of either kind.
    #[must_use]
    pub fn read(document: &Value) -> Binding {
        let spec = &document["spec"];
        let text = |value: &Value, field: &str| value.get(field).and_then(Value::as_str).unwrap_or_default().into();
        let there = |field: &str| spec.get(field).filter(|value| !value.is_null());
        let actions = spec.get("validationActions").and_then(Value::as_array).into_iter().flatten();
        Binding {
            name: text(&document["metadata"], "name"),
            policy: text(spec, "policyName"),
            actions: actions.filter_map(Value::as_str).map(Into::into).collect(),
            constraints: there("matchResources").map(Constraints::read),
            params: there("paramRef").map(|reference| ParamRef {
                name: text(reference, "name"),
                namespace: text(reference, "namespace"),
                selector: reference
                    .get("selector")
                    .filter(|s| !s.is_null())
                    .map(|selector| LabelSelector::from_object(Some(selector)).map_err(|e| e.to_string())),
                deny: reference.get("parameterNotFoundAction").and_then(Value::as_str) == Some("Deny"),
            }),
        }
    }

    /// The parameters to run a policy with, one run for each; `None` among them is a run without.
    ///
    /// # Errors
    /// Why they cannot be found.
    pub(crate) fn params(
        &self,
        policy: &Policy,
        request: &Request<'_>,
        around: &dyn Surroundings,
    ) -> Result<Vec<Option<Value>>, String> {
        let (Some((version, kind)), Some(reference)) = (&policy.param_kind, &self.params) else { return Ok(vec![None]) };
        let Some(namespaced) = around.param_scope(version, kind) else { return Err(unknown_params(version, kind)) };
        let namespace = match (namespaced, &*reference.namespace, request.namespace) {
            (true, "", "") => {
                return Err("cannot use namespaced paramRef in policy binding that matches cluster-scoped resources".to_owned());
            }
            (true, "", own) => Some(own),
            (true, given, _) => Some(given),
            (false, "", _) => None,
            (false, ..) => return Err("paramRef.namespace must not be provided for a cluster-scoped `paramKind`".to_owned()),
        };
        let found = match (&*reference.name, &reference.selector) {
            ("", None) => return Err("one of name or selector must be provided".to_owned()),
            ("", Some(selector)) => {
                let selector = selector.as_ref().map_err(Clone::clone)?;
                let mut all = around.params(version, kind, namespace, None);
                all.retain(|param| selector.matches_labels(param.pointer("/metadata/labels")));
                all
            }
            (name, _) => around.params(version, kind, namespace, Some(name)),
        };
        if found.is_empty() && reference.deny {
            return Err("no params found for policy binding with `Deny` parameterNotFoundAction".to_owned());
        }
        Ok(found.into_iter().map(Some).collect())
    }
}

/// What upstream says of a kind that nobody serves.
pub(crate) fn unknown_params(api_version: &str, kind: &str) -> String {
    let version = if api_version.contains('/') { api_version.to_owned() } else { format!("/{api_version}") };
    format!("failed to find resource referenced by paramKind: '{version}, Kind={kind}'")
}
