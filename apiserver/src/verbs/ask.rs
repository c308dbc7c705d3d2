//! One request after decoding and admission at the door: what is asked, by whom, with which options.

use crate::decode::{Address, Form, Query};
use crate::registry::Kind;
use crate::status::{Outcome, Refusal};
use parking_lot::Mutex;
use skiff_access::User;
use skiff_kinds::FieldError;
use std::borrow::Cow;
use std::sync::Arc;

/// How unknown and duplicate fields are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FieldValidation {
    /// Dropped in silence.
    Ignore,
    /// Dropped with a warning (upstream's default).
    Warn,
    /// Refused.
    Strict,
}

/// The request.
pub struct Ask {
    /// What it is about.
    pub kind: Arc<Kind>,
    /// Where.
    pub address: Address,
    /// Options.
    pub query: Query,
    /// Who.
    pub user: User,
    /// With what.
    pub user_agent: String,
    /// Agreed form of the answer.
    pub form: Form,
    /// `Content-Type` of the body.
    pub content_type: Option<String>,
    /// Warnings for the answer's header.
    pub warnings: Mutex<Vec<String>>,
}

impl Ask {
    /// An error's subject.
    #[must_use]
    pub fn about(&self) -> crate::status::About {
        self.kind.about(&self.address.name)
    }

    /// Adds a warning; each text once.
    pub fn warn(&self, text: impl Into<String>) {
        let text = text.into();
        let mut warnings = self.warnings.lock();
        if !warnings.contains(&text) {
            warnings.push(text);
        }
    }

    /// Who owns what is written.
    #[must_use]
    pub fn field_manager(&self) -> Cow<'_, str> {
        skiff_patch::field_manager::of_request(self.query.text("fieldManager"), &self.user_agent)
    }

    /// `fieldValidation`.
    ///
    /// # Errors
    /// 422 for another word.
    pub fn field_validation(&self, options: &str) -> Outcome<FieldValidation> {
        match self.query.text("fieldValidation") {
            "" | "Warn" => Ok(FieldValidation::Warn),
            "Ignore" => Ok(FieldValidation::Ignore),
            "Strict" => Ok(FieldValidation::Strict),
            other => {
                let error = FieldError::not_supported("fieldValidation", other, &["Ignore", "Strict", "Warn"]);
                Err(Refusal::invalid("meta.k8s.io", options, "", &[error]))
            }
        }
    }

    /// Checks the options of a write: `dryRun`, `fieldManager`. Says whether it is a dry run. `options` names the options'
    /// kind (`CreateOptions`, …).
    ///
    /// # Errors
    /// 422 with all causes.
    pub fn write_options(&self, options: &str, apply: bool) -> Outcome<bool> {
        let mut errors = Vec::new();
        let dry: Vec<&str> = self.query.all("dryRun").filter(|v| !v.is_empty()).collect();
        if dry.iter().any(|v| *v != "All") {
            errors.push(FieldError::not_supported("dryRun", serde_json::json!(dry), &["All"]));
        }
        for error in skiff_patch::field_manager::check(self.query.text("fieldManager"), apply) {
            errors.push(manager_error(&error, self.query.text("fieldManager")));
        }
        if errors.is_empty() {
            return Ok(!dry.is_empty());
        }
        Err(Refusal::invalid("meta.k8s.io", options, "", &errors))
    }

    /// The same request about another object of the resource.
    #[must_use]
    pub fn about_object(&self, namespace: &str, name: &str) -> Ask {
        let mut address = self.address.clone();
        address.namespace = namespace.to_owned();
        address.name = name.to_owned();
        Ask {
            kind: self.kind.clone(),
            address,
            query: self.query.clone(),
            user: self.user.clone(),
            user_agent: self.user_agent.clone(),
            form: self.form,
            content_type: self.content_type.clone(),
            warnings: Mutex::new(Vec::new()),
        }
    }

    /// Namespace of the request, `None` for cluster scope and for all namespaces.
    #[must_use]
    pub fn namespace(&self) -> Option<&str> {
        Some(self.address.namespace.as_str()).filter(|n| !n.is_empty())
    }
}

fn manager_error(error: &skiff_patch::field_manager::FieldManagerError, value: &str) -> FieldError {
    use skiff_patch::field_manager::FieldManagerError as E;
    match error {
        E::Required => FieldError::required("fieldManager", "is required for apply patch"),
        E::TooLong => FieldError::too_long("fieldManager", skiff_patch::field_manager::FIELD_MANAGER_BYTES_MAX),
        E::NotPrintable { character, position, .. } => {
            FieldError::invalid("fieldManager", value, format!("invalid character {character} (at position {position})"))
        }
    }
}
