//! What an update may not change, with the field diff that upstream adds to the refusal.

use super::Faults;
use crate::doc;
use crate::gotype::{REVISION_SPEC, REVISION_TEMPLATE, short_diff};
use serde_json::Value;

/// A Revision's spec stays as it was made.
pub(super) fn revision_spec(old: &Value, new: &Value) -> Option<Faults> {
    let (before, after) = (old.get("spec")?, new.get("spec")?);
    if before == after {
        return None;
    }
    let diff = short_diff("{v1.RevisionSpec}", &REVISION_SPEC, before, after);
    (!diff.is_empty()).then(|| Faults::generic("Immutable fields changed (-old +new)", &["spec"]).details(diff))
}

/// A template with a name of its own changes only together with its name.
pub(super) fn template_name(old: &Value, new: &Value) -> Faults {
    let at = "/spec/template";
    let (Some(before), Some(after)) = (old.pointer(at), new.pointer(at)) else { return Faults::none() };
    let name = doc::name(after);
    if name.is_empty() || name != doc::name(before) {
        return Faults::none();
    }
    let diff = short_diff("{*v1.RevisionTemplateSpec}", &REVISION_TEMPLATE, before, after);
    if diff.is_empty() {
        return Faults::none();
    }
    Faults::generic("Saw the following changes without a name change (-old +new)", &["spec.template.metadata.name"]).details(diff)
}
