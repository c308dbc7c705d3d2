//! Tables: columns and cells of each kind, as kubectl prints them, and the fields that selectors may name.
//!
//! Fed by the projecting station with one object and the time; wraps rows in no document and knows no Accept header, storage
//! or socket. One file per family of kinds; [`custom`] does the same for columns that a CustomResourceDefinition declares.

mod access;
mod apps;
mod cluster;
mod column;
pub mod custom;
mod event;
pub mod fields;
mod flow;
pub mod jsonpath;
mod knative;
mod network;
mod node;
mod pod;
mod read;
mod scaling;
mod selector;
mod storage;
pub mod time;

#[cfg(test)]
mod tests;

pub use column::Column;
pub use custom::{CustomColumns, custom_columns};
pub use fields::{custom_field_value, field_labels, field_value, unknown_custom_field_label, unknown_field_label};
pub use time::human_duration;

use serde_json::{Value, json};
use skiff_schema::Tree;
use std::borrow::Cow;

/// Writes the cells of an object; the second argument is the time in Unix seconds.
type Cells = fn(&Tree<'_>, i64) -> Vec<Value>;

/// How a built-in kind is shown.
type Printer = (&'static [Column], Cells);

/// The printer of a built-in kind that has one of its own.
fn printer(group: &str, kind: &str) -> Option<Printer> {
    match group {
        "" => pod::printer(kind)
            .or_else(|| apps::core_printer(kind))
            .or_else(|| network::core_printer(kind))
            .or_else(|| node::printer(kind))
            .or_else(|| event::printer(kind))
            .or_else(|| storage::core_printer(kind))
            .or_else(|| cluster::core_printer(kind)),
        "apps" | "batch" | "policy" => apps::printer(group, kind),
        "autoscaling" => scaling::printer(kind),
        "events.k8s.io" => event::printer(kind),
        "networking.k8s.io" | "discovery.k8s.io" => network::printer(kind),
        "storage.k8s.io" => storage::printer(kind),
        "flowcontrol.apiserver.k8s.io" => flow::printer(kind),
        "coordination.k8s.io" | "node.k8s.io" | "scheduling.k8s.io" | "metrics.k8s.io" => cluster::printer(kind),
        _ => access::printer(group, kind),
    }
}

/// The columns of a built-in or Knative kind; kinds without a printer have Name and Created At.
#[must_use]
pub fn columns(group: &str, kind: &str) -> Cow<'static, [Column]> {
    if let Some((columns, _)) = printer(group, kind) {
        return Cow::Borrowed(columns);
    }
    match knative::columns(group, kind) {
        Some(custom) => Cow::Borrowed(custom.columns()),
        None => Cow::Borrowed(&column::PLAIN),
    }
}

/// The cells of an object of a built-in or Knative kind, one for each of [`columns`].
#[must_use]
pub fn cells(group: &str, kind: &str, object: &Tree<'_>, now_s: i64) -> Vec<Value> {
    if let Some((_, cells)) = printer(group, kind) {
        return cells(object, now_s);
    }
    match knative::columns(group, kind) {
        Some(custom) => custom.cells(object, now_s),
        None => plain_cells(object),
    }
}

/// Name and creation time, for kinds without a printer.
fn plain_cells(object: &Tree<'_>) -> Vec<Value> {
    let created = read::text(object, "/metadata/creationTimestamp");
    // Go prints the zero time where an object has none.
    let created = if created.is_empty() { "0001-01-01T00:00:00Z" } else { created };
    vec![read::name(object), created.into()]
}

/// The `conditions` of an object's row: only finished pods have one.
#[must_use]
pub fn row_conditions(group: &str, kind: &str, object: &Tree<'_>) -> Option<Value> {
    if !group.is_empty() || kind != "Pod" {
        return None;
    }
    let (reason, message) = match read::text(object, "/status/phase") {
        "Succeeded" => ("Succeeded", "The pod has completed successfully."),
        "Failed" => ("Failed", "The pod failed."),
        _ => return None,
    };
    Some(json!([{"type": "Completed", "status": "True", "reason": reason, "message": message}]))
}
