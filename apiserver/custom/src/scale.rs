//! The scale subresource of a custom resource: replicas and selector by the paths of its definition.
//!
//! Fed by the subresource station. Knows no kind and no store.

use crate::tree::text;
use serde_json::{Map, Value, json};
use skiff_kinds::FieldError;

/// `subresources.scale`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScalePaths {
    /// As written, with its leading dot.
    pub spec_replicas: Box<str>,
    /// As written.
    pub status_replicas: Box<str>,
    /// As written; empty if there is none.
    pub selector: Box<str>,
}

impl ScalePaths {
    /// From `subresources.scale` of a version.
    #[must_use]
    pub fn read(scale: &Value) -> ScalePaths {
        let path = |field: &str| text(scale, field).into();
        ScalePaths {
            spec_replicas: path("specReplicasPath"),
            status_replicas: path("statusReplicasPath"),
            selector: path("labelSelectorPath"),
        }
    }

    /// The Scale of an object, and whether the object says how many replicas it wants.
    ///
    /// # Errors
    /// A value of another type at one of the paths, in upstream's words.
    pub fn scale_of(&self, object: &Value) -> Result<(Value, bool), String> {
        let wanted = whole(object, &self.spec_replicas)?;
        let running = whole(object, &self.status_replicas)?.unwrap_or(0);
        let selector = match at(object, &self.selector)? {
            None => "",
            Some(Value::String(selector)) => selector,
            Some(other) => return Err(wrong_type(&self.selector, other, "string")),
        };
        let mut meta = Map::new();
        for key in ["name", "namespace", "uid", "resourceVersion", "creationTimestamp"] {
            if let Some(value) = object.get("metadata").and_then(|m| m.get(key)) {
                meta.insert(key.into(), value.clone());
            }
        }
        let mut spec = Map::new();
        // Go leaves a zero out of the spec, but not out of the status.
        if let Some(wanted) = wanted.filter(|w| *w != 0) {
            spec.insert("replicas".into(), wanted.into());
        }
        let mut status = json!({"replicas": running});
        if !selector.is_empty() {
            status["selector"] = selector.into();
        }
        let scale = json!({"kind": "Scale", "apiVersion": "autoscaling/v1", "metadata": meta, "spec": spec, "status": status});
        Ok((scale, wanted.is_some()))
    }

    /// Puts a count of replicas into the object.
    pub fn set(&self, object: &mut Value, replicas: i64) {
        let mut here = object;
        for step in steps(&self.spec_replicas) {
            if !here.is_object() {
                *here = Value::Object(Map::new());
            }
            here = &mut here[step];
        }
        *here = replicas.into();
    }

    /// What is wrong with the counts of an object.
    pub fn validate(&self, object: &Value, status: bool) -> Vec<FieldError> {
        let mut out = Vec::new();
        let paths = if status { &[&self.status_replicas][..] } else { &[&self.spec_replicas, &self.status_replicas][..] };
        for path in paths {
            let Ok(Some(count)) = whole(object, path) else { continue };
            if count < 0 {
                out.push(FieldError::invalid(path.to_string(), count, "should be a non-negative integer"));
            } else if count > i64::from(i32::MAX) {
                out.push(FieldError::invalid(path.to_string(), count, format!("should be less than or equal to {}", i32::MAX)));
            }
        }
        out
    }
}

fn steps(path: &str) -> impl Iterator<Item = &str> {
    path.strip_prefix('.').unwrap_or(path).split('.').filter(|step| !step.is_empty())
}

fn at<'v>(object: &'v Value, path: &str) -> Result<Option<&'v Value>, String> {
    if path.is_empty() {
        return Ok(None);
    }
    let mut here = object;
    for step in steps(path) {
        match here {
            Value::Object(map) => match map.get(step) {
                Some(inner) => here = inner,
                None => return Ok(None),
            },
            Value::Null => return Ok(None),
            other => return Err(wrong_type(path, other, "map[string]interface{}")),
        }
    }
    Ok(Some(here).filter(|v| !v.is_null()))
}

fn whole(object: &Value, path: &str) -> Result<Option<i64>, String> {
    match at(object, path)? {
        None => Ok(None),
        Some(value) => value.as_i64().map(Some).ok_or_else(|| wrong_type(path, value, "int64")),
    }
}

fn wrong_type(path: &str, value: &Value, expected: &str) -> String {
    let kind = match value {
        Value::Null => "<nil>",
        Value::Bool(_) => "bool",
        Value::Number(n) if n.is_f64() => "float64",
        Value::Number(_) => "int64",
        Value::String(_) => "string",
        Value::Array(_) => "[]interface {}",
        Value::Object(_) => "map[string]interface {}",
    };
    format!("{path} accessor error: {value} is of the type {kind}, expected {expected}")
}
