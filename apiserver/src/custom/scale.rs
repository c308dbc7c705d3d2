//! `/scale` of custom resources: where the replicas are, their definition says.

use crate::registry::Kind;
use crate::status::{Outcome, Refusal};
use serde_json::Value;
use skiff_custom::ScalePaths;

fn paths(kind: &Kind) -> Option<&ScalePaths> {
    kind.custom.as_ref()?.scale.as_ref()
}

/// The Scale of a custom resource; `None` for other kinds.
pub fn scale_of(kind: &Kind, object: &Value) -> Option<Outcome<Value>> {
    let paths = paths(kind)?;
    Some(paths.scale_of(object).map(|(scale, _)| scale).map_err(Refusal::internal))
}

/// A Scale can only be read where the object says how many replicas it wants.
///
/// # Errors
/// 500, as upstream.
pub fn check_replicas(kind: &Kind, object: &Value) -> Outcome<()> {
    let Some(paths) = paths(kind) else { return Ok(()) };
    let (_, found) = paths.scale_of(object).map_err(Refusal::internal)?;
    if found {
        Ok(())
    } else {
        Err(Refusal::internal(format!("the spec replicas field {:?} does not exist", paths.spec_replicas)))
    }
}

/// Puts replicas into a custom resource; says whether it is one.
pub fn set(kind: &Kind, object: &mut Value, replicas: i64) -> bool {
    let Some(paths) = paths(kind) else { return false };
    paths.set(object, replicas);
    true
}
