//! Errors are part of the design; this is their one page.
//!
//! Who raises: every room, as a [`Refusal`] (the caller can do something about it) or through [`Refusal::internal`] (the operator
//! must; the log has the cause, the client only the fact). Who maps: this file alone turns either into an HTTP code and a
//! `Status` body in upstream's words (api-surface.md 1.8). May it be retried: `retry_after_s` says so, and client-go obeys.

use serde_json::{Map, Value, json};
use skiff_kinds::FieldError;

/// Names the resource that an error is about.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct About {
    /// API group, empty for core.
    pub group: String,
    /// Plural.
    pub resource: String,
    /// Object name, empty if none.
    pub name: String,
}

impl About {
    /// A resource and an object of it.
    #[must_use]
    pub fn new(group: &str, resource: &str, name: &str) -> About {
        About { group: group.into(), resource: resource.into(), name: name.into() }
    }

    /// `deployments.apps`.
    fn qualified(&self) -> String {
        if self.group.is_empty() { self.resource.clone() } else { format!("{}.{}", self.resource, self.group) }
    }
}

/// A request that was not carried out.
#[derive(Clone, Debug, PartialEq)]
pub struct Refusal {
    /// HTTP code.
    pub code: u16,
    /// `reason`, empty where upstream leaves it so.
    pub reason: &'static str,
    /// `message`.
    pub message: String,
    /// `details`, as JSON.
    pub details: Option<Value>,
    /// Seconds after which a client may try again.
    pub retry_after_s: Option<u32>,
    /// Answered as `text/plain` instead of a Status.
    pub plain: bool,
    /// `metadata.continue`: how a list may go on.
    pub next: Option<String>,
}

/// What a room returns.
pub type Outcome<T> = Result<T, Refusal>;

impl Refusal {
    /// Any Status without details.
    pub fn new(code: u16, reason: &'static str, message: impl Into<String>) -> Refusal {
        Refusal { code, reason, message: message.into(), details: None, retry_after_s: None, plain: false, next: None }
    }

    fn about(mut self, about: &About, kind: &str) -> Refusal {
        let mut details = Map::new();
        if !about.name.is_empty() {
            details.insert("name".into(), about.name.clone().into());
        }
        if !about.group.is_empty() {
            details.insert("group".into(), about.group.clone().into());
        }
        if !kind.is_empty() {
            details.insert("kind".into(), kind.into());
        }
        self.details = Some(Value::Object(details));
        self
    }

    pub(crate) fn cause(mut self, cause: Value) -> Refusal {
        if let Some(details) = self.details.get_or_insert_with(|| json!({})).as_object_mut() {
            match details.entry("causes").or_insert_with(|| json!([])) {
                Value::Array(list) => list.push(cause),
                other => *other = json!([cause]),
            }
        }
        self
    }

    /// 400.
    pub fn bad_request(message: impl Into<String>) -> Refusal {
        Refusal::new(400, "BadRequest", message)
    }

    /// 401.
    #[must_use]
    pub fn unauthorized() -> Refusal {
        Refusal::new(401, "Unauthorized", "Unauthorized")
    }

    /// 403, with upstream's head: `RES "NAME" is forbidden: TEXT`.
    pub fn forbidden(about: &About, text: impl AsRef<str>) -> Refusal {
        let head = if about.name.is_empty() { about.qualified() } else { format!("{} {:?}", about.qualified(), about.name) };
        let message = if about.resource.is_empty() {
            format!("forbidden: {}", text.as_ref())
        } else {
            format!("{head} is forbidden: {}", text.as_ref())
        };
        Refusal::new(403, "Forbidden", message).about(about, &about.resource)
    }

    /// 404 of an object.
    #[must_use]
    pub fn not_found(about: &About) -> Refusal {
        Refusal::new(404, "NotFound", format!("{} {:?} not found", about.qualified(), about.name)).about(about, &about.resource)
    }

    /// 404 of a resource inside a known group (a Status without a name).
    #[must_use]
    pub fn no_resource() -> Refusal {
        let mut refusal = Refusal::new(404, "NotFound", "the server could not find the requested resource");
        refusal.details = Some(json!({}));
        refusal
    }

    /// 404 of a path: plain text.
    #[must_use]
    pub fn no_path() -> Refusal {
        Refusal { plain: true, ..Refusal::new(404, "NotFound", "404 page not found\n") }
    }

    /// 405.
    #[must_use]
    pub fn method() -> Refusal {
        let mut refusal =
            Refusal::new(405, "MethodNotAllowed", "the server does not allow this method on the requested resource");
        refusal.details = Some(json!({}));
        refusal
    }

    /// 406.
    pub fn not_acceptable(accepted: &str) -> Refusal {
        let mut refusal =
            Refusal::new(406, "NotAcceptable", format!("406: Not Acceptable\n\nAvailable representations: {accepted}"));
        refusal.details = Some(json!({}));
        refusal
    }

    /// 409 on create.
    #[must_use]
    pub fn already_exists(about: &About) -> Refusal {
        Refusal::new(409, "AlreadyExists", format!("{} {:?} already exists", about.qualified(), about.name))
            .about(about, &about.resource)
    }

    /// 409 on update.
    pub fn conflict(about: &About, text: impl AsRef<str>) -> Refusal {
        let message = format!("Operation cannot be fulfilled on {} {:?}: {}", about.qualified(), about.name, text.as_ref());
        Refusal::new(409, "Conflict", message).about(about, &about.resource)
    }

    /// 409 because of another write in between.
    #[must_use]
    pub fn modified(about: &About) -> Refusal {
        Refusal::conflict(about, "the object has been modified; please apply your changes to the latest version and try again")
    }

    /// 410 of a list or a watch.
    pub fn expired(message: impl Into<String>) -> Refusal {
        Refusal::new(410, "Expired", message)
    }

    /// 413.
    #[must_use]
    pub fn too_large(limit_bytes: u64) -> Refusal {
        Refusal::new(413, "RequestEntityTooLarge", format!("Request entity too large: limit is {limit_bytes}"))
    }

    /// 415.
    pub fn media_type(message: impl Into<String>) -> Refusal {
        Refusal::new(415, "UnsupportedMediaType", message)
    }

    /// 422 with all field errors; `kind` is the Kind.
    #[must_use]
    pub fn invalid(group: &str, kind: &str, name: &str, errors: &[FieldError]) -> Refusal {
        let about = About::new(group, kind, name);
        let texts: Vec<String> = errors.iter().map(ToString::to_string).collect();
        let text = if texts.len() == 1 { texts[0].clone() } else { format!("[{}]", texts.join(", ")) };
        let message = format!("{} {name:?} is invalid: {text}", about.qualified());
        let mut refusal = Refusal::new(422, "Invalid", message).about(&about, kind);
        for error in errors {
            refusal = refusal.cause(json!({"reason": error.reason(), "message": error.body(), "field": error.field}));
        }
        refusal
    }

    /// 429.
    #[must_use]
    pub fn too_many() -> Refusal {
        Refusal {
            plain: true,
            retry_after_s: Some(1),
            ..Refusal::new(429, "TooManyRequests", "Too many requests, please try again later.\n")
        }
    }

    /// 500: the client learns that, the log why.
    pub fn internal(cause: impl std::fmt::Display) -> Refusal {
        tracing::error!(%cause, "internal error");
        let mut refusal = Refusal::new(500, "InternalError", format!("Internal error occurred: {cause}"));
        refusal.details = Some(json!({"causes": [{"message": cause.to_string()}]}));
        refusal
    }

    /// 501: known upstream, not here; names what.
    pub fn unsupported(what: impl std::fmt::Display) -> Refusal {
        Refusal::new(501, "NotImplemented", format!("{what} is not supported by skiff"))
    }

    /// 503.
    pub fn unavailable(message: impl Into<String>) -> Refusal {
        Refusal { retry_after_s: Some(1), ..Refusal::new(503, "ServiceUnavailable", message) }
    }

    /// 504 of a version that has not been reached.
    #[must_use]
    pub fn version_ahead(asked: u64, current: u64) -> Refusal {
        let message = format!("Timeout: Too large resource version: {asked}, current: {current}");
        let mut refusal = Refusal::new(504, "Timeout", message);
        refusal.details = Some(json!({
            "causes": [{"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}],
            "retryAfterSeconds": 1
        }));
        refusal.retry_after_s = Some(1);
        refusal
    }

    /// The `Status` object.
    #[must_use]
    pub fn status(&self) -> Value {
        let mut status = json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure"});
        if let Some(map) = status.as_object_mut() {
            if let Some(next) = &self.next {
                map.insert("metadata".into(), json!({"continue": next}));
            }
            map.insert("message".into(), self.message.clone().into());
            if !self.reason.is_empty() {
                map.insert("reason".into(), self.reason.into());
            }
            if let Some(details) = &self.details {
                map.insert("details".into(), details.clone());
            }
            map.insert("code".into(), self.code.into());
        }
        status
    }
}
