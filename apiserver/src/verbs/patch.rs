//! The four kinds of PATCH body, and what each makes of the live object.

use super::ask::{Ask, FieldValidation};
use super::intake;
use super::update::Live;
use super::write;
use crate::clock;
use crate::decode::bytes;
use crate::status::{Outcome, Refusal};
use serde_json::Value;
use skiff_kinds::FieldError;
use skiff_patch::apply::{ApplyError, Write, reset};
use skiff_patch::strategic::StrategicError;
use skiff_patch::{apply, go_text, json, merge, strategic};
use skiff_schema::Gvk;

/// The kind of a patch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PatchKind {
    /// RFC 6902.
    Json,
    /// RFC 7386.
    Merge,
    /// Kubernetes' own.
    Strategic,
    /// Server-side apply.
    Apply,
}

/// A decoded patch.
pub struct Patch {
    /// Kind.
    pub kind: PatchKind,
    body: Value,
    force: bool,
    /// An apply's key that is there twice.
    duplicate: Option<String>,
}

impl Patch {
    /// Decodes a PATCH body.
    ///
    /// # Errors
    /// 415, 400.
    pub fn decode(ask: &Ask, body: &[u8]) -> Outcome<Patch> {
        let media = ask.content_type.as_deref().unwrap_or_default().split(';').next().unwrap_or_default().trim().to_owned();
        let kind = match media.as_str() {
            "application/json-patch+json" => PatchKind::Json,
            "application/merge-patch+json" => PatchKind::Merge,
            "application/strategic-merge-patch+json" if !ask.kind.resource.custom => PatchKind::Strategic,
            "application/apply-patch+yaml" | "application/apply-patch+json" => PatchKind::Apply,
            "application/strategic-merge-patch+json" => {
                return Err(Refusal::media_type(
                    "the body of the request was in an unknown format - accepted media types include: application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml",
                ));
            }
            _ => {
                let mut refusal = Refusal::media_type("415: Unsupported Media Type");
                refusal.details = Some(serde_json::json!({}));
                return Err(refusal);
            }
        };
        let force = ask.query.flag("force")?;
        let body = match kind {
            PatchKind::Apply => {
                bytes::yaml(body).map_err(|e| Refusal::bad_request(format!("error decoding YAML: {}", e.message)))?
            }
            _ => bytes::json(body)?,
        };
        Ok(Patch { kind, body, force, duplicate: None })
    }

    /// Looks for keys that are there twice in an apply's body.
    pub fn note_duplicates(&mut self, body: &[u8]) {
        self.duplicate = bytes::yaml_duplicate(body);
    }

    /// Whether the patch itself says which version it is for.
    #[must_use]
    pub fn names_version(&self) -> bool {
        match self.kind {
            PatchKind::Json => false,
            _ => self.body.pointer("/metadata/resourceVersion").and_then(Value::as_str).is_some_and(|v| !v.is_empty()),
        }
    }

    /// The patched object.
    ///
    /// # Errors
    /// What the patch cannot do, and what is wrong with the result.
    pub(super) fn apply(&self, ask: &Ask, live: &Live, validation: FieldValidation) -> Outcome<Value> {
        let target = live.value.clone();
        let mut new = match self.kind {
            PatchKind::Json => json::apply(target, &self.body).map_err(|e| match e.code() {
                400 => Refusal::bad_request(e.to_string()),
                413 => Refusal::new(413, "RequestEntityTooLarge", e.to_string()),
                _ => Refusal { details: Some(serde_json::json!({})), ..Refusal::new(422, "Invalid", e.to_string()) },
            })?,
            PatchKind::Merge => merge::apply(target, self.body.clone()).map_err(|e| Refusal::bad_request(e.to_string()))?,
            PatchKind::Strategic => {
                let Some((schema, root)) = ask.kind.schema() else {
                    return Err(Refusal::media_type("415: Unsupported Media Type"));
                };
                let patched = strategic::apply(schema, root, target, self.body.clone()).map_err(|e| refuse_strategic(&e))?;
                return self.typed_strategic(ask, patched, validation);
            }
            PatchKind::Apply => return self.server_side(ask, Some(&live.value), validation),
        };
        if !new.is_object() {
            return Err(Refusal::bad_request("the patched object is no JSON object"));
        }
        intake::typed(ask, &ask.kind, &mut new, None, validation)?;
        Ok(new)
    }

    /// Upstream converts a strategically patched object into its Go type at once, and calls the patch invalid if it cannot.
    fn typed_strategic(&self, ask: &Ask, mut new: Value, validation: FieldValidation) -> Outcome<Value> {
        new["apiVersion"] = ask.kind.resource.api_version().into();
        new["kind"] = ask.kind.kind().into();
        intake::typed(ask, &ask.kind, &mut new, None, validation).map_err(|refusal| {
            let Some((_, why)) =
                refusal.message.split_once(" cannot be handled as a ").and_then(|(_, rest)| rest.split_once(": "))
            else {
                return refusal;
            };
            let shown = go_text::plain(&self.body);
            let error = FieldError::invalid("patch", shown, unconvertible(why));
            let mut invalid = Refusal::new(422, "Invalid", format!(" \"\" is invalid: {error}"));
            invalid.details = Some(serde_json::json!({}));
            invalid.cause(serde_json::json!({"reason": error.reason(), "message": error.body(), "field": error.field}))
        })?;
        Ok(new)
    }

    /// The object that an apply makes.
    ///
    /// # Errors
    /// As [`Patch::apply`].
    pub(super) fn apply_new(&self, ask: &Ask, validation: FieldValidation) -> Outcome<Value> {
        self.server_side(ask, None, validation)
    }

    fn server_side(&self, ask: &Ask, live: Option<&Value>, validation: FieldValidation) -> Outcome<Value> {
        let Some(subject) = write::subject(&ask.kind) else {
            return Err(Refusal::media_type("415: Unsupported Media Type"));
        };
        let manager = ask.field_manager();
        let api_version = ask.kind.resource.api_version();
        let now = clock::now_rfc3339();
        let reset = if ask.address.subresource == "status" { reset::SPEC } else { write::main_reset(&ask.kind) };
        let write =
            Write { field_manager: &manager, api_version: &api_version, subresource: &ask.address.subresource, now: &now, reset };
        let gvk = Gvk::new(ask.kind.group(), &ask.kind.resource.version, ask.kind.kind());
        let result = apply::apply(subject, &write, &gvk, live, &self.body, self.force);
        let mut object = result.map_err(|error| refuse(ask, &error))?;
        // What is wrong with the fields themselves is said before this, as upstream says it.
        match &self.duplicate {
            Some(text) if validation == FieldValidation::Strict => {
                return Err(Refusal::bad_request(format!("error strict decoding YAML: error converting YAML to JSON: {text}")));
            }
            Some(text) => ask.warn(text.replace('\n', " ")),
            None => {}
        }
        intake::typed(ask, &ask.kind, &mut object, None, FieldValidation::Ignore)?;
        Ok(object)
    }
}

fn refuse_strategic(error: &StrategicError) -> Refusal {
    match error.code() {
        400 => Refusal::bad_request(error.to_string()),
        422 => Refusal { details: Some(serde_json::json!({})), ..Refusal::new(422, "Invalid", error.to_string()) },
        // Upstream has no reason for these either.
        code => Refusal::new(code, "", error.to_string()),
    }
}

/// What upstream's conversion to a Go type says where its JSON decoder says `why`.
fn unconvertible(why: &str) -> String {
    let Some((found, field)) = why.strip_prefix("json: cannot unmarshal ").and_then(|rest| rest.split_once(" into Go ")) else {
        return why.to_owned();
    };
    let wanted = field.rsplit(" of type ").next().unwrap_or_default();
    let found = match found.split_once(' ').map_or(found, |(kind, _)| kind) {
        "object" => "map",
        "array" => "slice",
        "number" => "int64",
        other => other,
    };
    if wanted.starts_with("[]") {
        format!("cannot restore slice from {found}")
    } else if wanted.starts_with("map[") {
        format!("cannot restore map from {found}")
    } else if wanted.contains('.') {
        format!("cannot restore struct from: {found}")
    } else {
        format!("unrecognized type: {wanted}")
    }
}

fn refuse(_ask: &Ask, error: &ApplyError) -> Refusal {
    match error {
        ApplyError::Conflict(conflicts) => {
            let causes: Vec<Value> = conflicts
                .causes()
                .iter()
                .map(|c| serde_json::json!({"reason": "FieldManagerConflict", "message": c.message, "field": c.field}))
                .collect();
            let mut refusal = Refusal::new(409, "Conflict", error.to_string());
            refusal.details = Some(serde_json::json!({"causes": causes}));
            refusal
        }
        other => Refusal::new(other.code(), other.reason(), other.to_string()),
    }
}
