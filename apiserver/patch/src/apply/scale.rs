//! Ownership across the `scale` subresource: replicas of the parent are `spec.replicas` of a Scale object and back.
//!
//! Used around writes to `/scale`; knows paths and records, no schema.

use super::element::{Element, Path};
use super::fieldset::FieldSet;
use super::ledger::{Ledger, Record};
use serde_json::Value;

/// The version of the Scale object in records.
const SCALE_VERSION: &str = "autoscaling/v1";

/// Where a parent keeps its replicas, by the `apiVersion` in a record: `[("apps/v1", Some(["spec", "replicas"]))]`. A version
/// without a path has no scale; one that is not listed is unknown and its records are dropped.
pub type ReplicasPaths<'a> = &'a [(&'a str, Option<&'a [&'a str]>)];

/// The `managedFields` of the Scale object: of all records only those that own the replicas.
///
/// # Errors
/// If the parent's records cannot be read.
pub fn to_scale(parent: Option<&Value>, paths: ReplicasPaths<'_>) -> Result<Option<Value>, String> {
    let ledger = Ledger::read(parent)?;
    let records = ledger.records.into_iter().filter_map(|mut record| {
        let path = path_of(paths, &record)?.as_ref()?.clone();
        if !record.set.has(&path) {
            return None;
        }
        record.owner.api_version = SCALE_VERSION.into();
        record.set = FieldSet::of_fields(&[&["spec", "replicas"]]);
        record.text = None;
        Some(record)
    });
    Ok(Ledger { records: records.collect() }.write())
}

/// The parent's `managedFields` after a write to its scale has changed those of the Scale object.
///
/// `api_version` is the parent's; new owners of the replicas are recorded under it.
///
/// # Errors
/// If either side's records cannot be read.
pub fn to_parent(
    parent: Option<&Value>,
    scale: Option<&Value>,
    api_version: &str,
    paths: ReplicasPaths<'_>,
) -> Result<Option<Value>, String> {
    let parent = Ledger::read(parent)?;
    let mut scale = Ledger::read(scale)?;
    let mut records = Vec::new();
    for mut record in parent.records {
        let Some(path) = path_of(paths, &record) else { continue };
        if let Some(path) = path.filter(|path| record.set.has(path)) {
            // Scale records carry Scale's version; the owner is the same otherwise.
            let mut owner = record.owner.clone();
            owner.api_version = SCALE_VERSION.into();
            if scale.take(&owner).is_none() {
                let mut replicas = FieldSet::default();
                replicas.insert(&path);
                record.set.subtract(&replicas);
                record.text = None;
                if record.set.is_empty() {
                    continue;
                }
            }
        }
        records.push(record);
    }
    let own_path = paths.iter().find(|(version, _)| *version == api_version).and_then(|(_, path)| *path);
    for mut record in scale.records {
        let in_scale = record.set.has(&[Element::field("spec"), Element::field("replicas")]);
        if let Some(path) = own_path.filter(|_| in_scale) {
            record.owner.api_version = api_version.into();
            record.set = FieldSet::of_fields(&[path]);
            record.text = None;
            records.push(record);
        }
    }
    Ok(Ledger { records }.write())
}

/// `None` for an unknown version, `Some(None)` for one without scale.
fn path_of(paths: ReplicasPaths<'_>, record: &Record) -> Option<Option<Path>> {
    let (_, path) = paths.iter().find(|(version, _)| *version == record.owner.api_version)?;
    Some(path.map(|path| path.iter().map(|name| Element::field(name)).collect()))
}
