//! Verdicts of ValidatingAdmissionPolicies: the first denial, and all warnings and audit annotations.

use crate::binding::{Binding, Hook, unknown_params};
use crate::matching::Objects;
use crate::policy::{Policy, Validation};
use crate::request::{Request, Resource, Surroundings};
use crate::run::{Failure, Run, Subject};
use kube_cel::cel::Value as Cel;
use serde_json::{Value, json};
use skiff_custom::cel::{COST_MAX, metered};
use std::borrow::Cow;

/// Longest message that a `messageExpression` may give, in bytes.
const MESSAGE_BYTES_MAX: usize = 5120;
/// Longest value of an audit annotation, in bytes.
const AUDIT_BYTES_MAX: usize = 10 * 1024;

/// What all policies say of a request.
#[derive(Debug, Default)]
pub struct Verdict {
    /// The first denial.
    pub denied: Option<Denial>,
    /// For the answer's headers.
    pub warnings: Vec<String>,
    /// Key and value.
    pub audit: Vec<(String, String)>,
}

/// A denial.
#[derive(Debug, PartialEq, Eq)]
pub struct Denial {
    /// Upstream's text, without the head that names the object.
    pub message: String,
    /// `reason` of the rule; `Invalid` where it gives none.
    pub reason: Box<str>,
}

/// What one rule says.
enum Decision {
    Admit,
    Deny { message: String, reason: Box<str> },
}

/// Asks all policies.
#[must_use]
pub fn validate(hooks: &[Hook], request: &Request<'_>, objects: Objects<'_>, around: &dyn Surroundings) -> Verdict {
    let mut verdict = Verdict::default();
    for hook in hooks {
        Asking { policy: &hook.policy, request, objects, around, verdict: &mut verdict }.hook(hook);
    }
    verdict
}

struct Asking<'a> {
    policy: &'a Policy,
    request: &'a Request<'a>,
    objects: Objects<'a>,
    around: &'a dyn Surroundings,
    verdict: &'a mut Verdict,
}

impl Asking<'_> {
    fn hook(&mut self, hook: &Hook) {
        let matched = match self.policy.constraints.matches(self.request, self.objects, self.around) {
            Ok(Some(matched)) => matched,
            Ok(None) => return,
            Err(text) => return self.misconfigured(&text, None),
        };
        if let Some((version, kind)) = &self.policy.param_kind
            && self.around.param_scope(version, kind).is_none()
        {
            return self.misconfigured(&unknown_params(version, kind), None);
        }
        for binding in &hook.bindings {
            if let Err(text) = self.binding(binding, &matched) {
                self.misconfigured(&text, Some(binding));
            }
        }
    }

    /// An error of the policy's or the binding's own is a denial, unless failures are ignored.
    fn misconfigured(&mut self, text: &str, binding: Option<&Binding>) {
        if self.policy.lenient {
            return;
        }
        let message = match binding {
            None => format!("failed to configure policy: {text}"),
            Some(_) => format!("failed to configure binding: {text}"),
        };
        self.deny(binding, &message, "");
    }

    fn deny(&mut self, binding: Option<&Binding>, message: &str, reason: &str) {
        let policy = &self.policy.name;
        let message = match binding {
            None => format!("ValidatingAdmissionPolicy '{policy}' denied request: {message}"),
            Some(binding) => {
                format!("ValidatingAdmissionPolicy '{policy}' with binding '{}' denied request: {message}", binding.name)
            }
        };
        let reason = if reason.is_empty() { "Invalid" } else { reason };
        self.verdict.denied.get_or_insert(Denial { message, reason: reason.into() });
    }

    fn binding(&mut self, binding: &Binding, matched: &Resource) -> Result<(), String> {
        if let Some(constraints) = &binding.constraints
            && constraints.matches(self.request, self.objects, self.around)?.is_none()
        {
            return Ok(());
        }
        let params = binding.params(self.policy, self.request, self.around)?;
        let convert = |object| converted(object, matched, self.request, self.around);
        let (object, old) = (convert(self.objects.new)?, convert(self.objects.old)?);
        for param in &params {
            let subject = Subject {
                policy: self.policy,
                request: self.request,
                matched,
                object: object.as_deref(),
                old: old.as_deref(),
                params: param.as_ref(),
                around: self.around,
            };
            let outcome = ask(&subject);
            for (index, decision) in outcome.decisions.into_iter().enumerate() {
                if let Decision::Deny { message, reason } = decision {
                    self.act(binding, index, &message, &reason);
                }
            }
            for text in outcome.failed_audits {
                self.deny(Some(binding), &text, "");
            }
            for (key, value) in outcome.audits {
                self.verdict.audit.push((format!("{}/{key}", self.policy.name), value));
            }
        }
        Ok(())
    }

    fn act(&mut self, binding: &Binding, index: usize, message: &str, reason: &str) {
        let policy = &self.policy.name;
        for action in &binding.actions {
            match &**action {
                "Deny" => self.deny(Some(binding), message, reason),
                "Warn" => self.verdict.warnings.push(format!(
                    "Validation failed for ValidatingAdmissionPolicy '{policy}' with binding '{}': {message}",
                    binding.name
                )),
                _ => {
                    let value = json!([{"message": message, "policy": policy, "binding": binding.name,
                        "expressionIndex": index, "validationActions": binding.actions}]);
                    let key = "validation.policy.admission.k8s.io/validation_failure".to_owned();
                    self.verdict.audit.push((key, value.to_string()));
                }
            }
        }
    }
}

/// An object in the version that a policy has matched.
pub(crate) fn converted<'o>(
    object: Option<&'o Value>,
    matched: &Resource,
    request: &Request<'_>,
    around: &dyn Surroundings,
) -> Result<Option<Cow<'o, Value>>, String> {
    match object {
        None => Ok(None),
        Some(object) if *matched == request.resource => Ok(Some(Cow::Borrowed(object))),
        Some(object) => {
            let converted = around.convert(object, matched).map_err(|e| format!("failed to convert object version: {e}"))?;
            Ok(Some(Cow::Owned(converted)))
        }
    }
}

/// What one run says.
#[derive(Default)]
struct Outcome {
    decisions: Vec<Decision>,
    audits: Vec<(Box<str>, String)>,
    failed_audits: Vec<String>,
}

fn ask(subject: &Subject<'_>) -> Outcome {
    let policy = subject.policy;
    let failed = |text: String| match policy.lenient {
        true => Decision::Admit,
        false => Decision::Deny { message: text, reason: Box::default() },
    };
    match subject.meets_conditions() {
        Ok(true) => {}
        Ok(false) => return Outcome::default(),
        Err(text) => return Outcome { decisions: vec![failed(text)], ..Outcome::default() },
    }
    subject.run(|run| {
        let (found, left) = metered(COST_MAX, || {
            policy.validations.iter().map(|validation| run.evaluate(&validation.expression)).collect::<Vec<_>>()
        });
        if left < 0 {
            return Outcome { decisions: vec![failed(Failure::OutOfBudget.text())], ..Outcome::default() };
        }
        let (decisions, _) = metered(left, || {
            let pairs = policy.validations.iter().zip(found);
            pairs
                .map(|(validation, found)| match found {
                    Err(failure) => failed(failure.text()),
                    Ok(Cel::Bool(true)) => Decision::Admit,
                    Ok(_) => match message(run, validation) {
                        Ok(message) => Decision::Deny { message, reason: validation.reason.clone() },
                        Err(text) => failed(text),
                    },
                })
                .collect()
        });
        let mut outcome = Outcome { decisions, ..Outcome::default() };
        metered(COST_MAX, || audits(run, policy, &mut outcome));
        outcome
    })
}

/// What a rule that does not hold says: its computed message, its fixed one, or itself.
fn message(run: &Run<'_>, validation: &Validation) -> Result<String, String> {
    let computed = match validation.message_expression.as_ref().map(|expression| run.evaluate(expression)) {
        Some(Ok(Cel::String(text))) => text.trim().to_owned(),
        Some(Err(Failure::OutOfBudget)) => return Err(format!("failed messageExpression: {}", Failure::OutOfBudget.text())),
        _ => String::new(),
    };
    Ok(match (&*computed, &*validation.message) {
        (computed, _) if !computed.is_empty() && computed.len() <= MESSAGE_BYTES_MAX && !computed.contains('\n') => {
            computed.to_owned()
        }
        (_, "") => format!("failed expression: {}", validation.source),
        (_, fixed) => fixed.to_owned(),
    })
}

fn audits(run: &Run<'_>, policy: &Policy, outcome: &mut Outcome) {
    for (key, expression) in &policy.audits {
        match run.evaluate(expression) {
            Ok(Cel::String(text)) if !text.trim().is_empty() => {
                let text = text.trim();
                let cut = (0..=text.len().min(AUDIT_BYTES_MAX)).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
                outcome.audits.push((key.clone(), text[..cut].to_owned()));
            }
            Err(failure) if !policy.lenient => outcome.failed_audits.push(failure.text()),
            _ => {}
        }
    }
}
