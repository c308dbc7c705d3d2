//! The station of a write: decoding as Go does, defaulting, the schema's own check, validation. Fed by the API server with an
//! object whose unknown fields are already pruned (`gotype::prune`); must not know other objects.

use crate::config::Config;
use crate::kind::Kind;
use crate::{default, doc, gotype, validate};
use serde_json::{Value, json};
use thiserror::Error;

/// What is being done to the object.
#[derive(Clone, Copy, Debug)]
pub enum Operation<'a> {
    /// It is new.
    Create,
    /// It replaces this stored object.
    Update(&'a Value),
}

impl Operation<'_> {
    /// Whether the object is new.
    #[must_use]
    pub const fn is_create(&self) -> bool {
        matches!(self, Self::Create)
    }
}

/// One write.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// Kind of the object.
    pub kind: Kind,
    /// Create or update. Writes of `status` do not come here: Knative's webhook checks nothing of them.
    pub operation: Operation<'a>,
    /// Name of the user.
    pub user: &'a str,
}

/// A refusal, ready to become a `Status`.
#[derive(Clone, Debug, PartialEq, Error)]
#[error("{message}")]
pub struct Refusal {
    /// HTTP status.
    pub code: u16,
    /// `Status.reason`.
    pub reason: &'static str,
    /// `Status.message`.
    pub message: String,
    /// `Status.details`, for refusals by the schema only.
    pub details: Option<Value>,
    /// Warnings that the answer carries all the same.
    pub warnings: Vec<String>,
}

impl Refusal {
    /// A refusal by a webhook: 400 `BadRequest` without details.
    #[must_use]
    pub fn webhook(name: &str, text: &str, warnings: Vec<String>) -> Box<Self> {
        let message = format!("admission webhook {name:?} denied the request: {text}");
        Box::new(Self { code: 400, reason: "BadRequest", message, details: None, warnings })
    }

    /// A refusal by the schema of the CRD: 422 with one cause.
    fn schema(kind: Kind, name: &str, field: &str, cause: &'static str, body: &str) -> Box<Self> {
        let message = format!("{}.{} {name:?} is invalid: {field}: {body}", kind.name(), kind.group());
        let details = json!({
            "name": name, "group": kind.group(), "kind": kind.name(),
            "causes": [{"reason": cause, "message": body, "field": field}],
        });
        Box::new(Self { code: 422, reason: "Invalid", message, details: Some(details), warnings: Vec::new() })
    }
}

/// What an accepted write leaves to say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Admitted {
    /// Texts for `Warning: 299` headers, in order.
    pub warnings: Vec<String>,
}

/// Takes an object through both webhooks. On success `object` is what is to be stored.
///
/// # Errors
/// With the refusal as the client sees it.
pub fn admit(request: &Request<'_>, config: &Config, object: &mut Value) -> Result<Admitted, Box<Refusal>> {
    if let Some(error) = gotype::decode_error(request.kind, object) {
        let text = format!("mutation failed: cannot decode incoming new object: {error}");
        return Err(Refusal::webhook("webhook.serving.knative.dev", &text, Vec::new()));
    }
    gotype::normalise(request.kind, object);
    default::apply(request, config, object);
    schema(request.kind, object)?;
    let found = validate::check(request, config, object);
    let warnings = found.warnings();
    match found.message() {
        None => Ok(Admitted { warnings }),
        Some(text) => {
            let text = format!("validation failed: {text}");
            Err(Refusal::webhook("validation.webhook.serving.knative.dev", &text, warnings))
        }
    }
}

/// The one thing that Go's round trip can leave in a shape the schema forbids: a list that is not there is written as `null`.
fn schema(kind: Kind, object: &Value) -> Result<(), Box<Refusal>> {
    let path = match kind {
        Kind::Service | Kind::Configuration => "spec.template.spec.containers",
        Kind::Revision => "spec.containers",
        Kind::ClusterDomainClaim => {
            return if doc::text(object, "/spec/namespace").is_empty() {
                Err(Refusal::schema(kind, doc::name(object), "spec.namespace", "FieldValueRequired", "Required value"))
            } else {
                Ok(())
            };
        }
        _ => return Ok(()),
    };
    let pointer = format!("/{}", path.replace('.', "/"));
    if object.pointer(&pointer).is_some_and(Value::is_null) {
        let body = format!("Invalid value: \"null\": {path} in body must be of type array: \"null\"");
        return Err(Refusal::schema(kind, doc::name(object), path, "FieldValueTypeInvalid", &body));
    }
    Ok(())
}
