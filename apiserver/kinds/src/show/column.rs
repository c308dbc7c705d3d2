//! The header of a column and short ways to write the headers of built-in kinds. Holds no kind's columns.

use serde_json::{Value, json};
use std::borrow::Cow;

/// One `columnDefinitions` entry of a Table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// Header.
    pub name: Cow<'static, str>,
    /// `string`, `integer`, `number`, `boolean` or `date`; `type` on the wire.
    pub kind: Cow<'static, str>,
    /// `name` for the column that names the object, else mostly empty.
    pub format: Cow<'static, str>,
    /// What the column says.
    pub description: Cow<'static, str>,
    /// 0: always shown; above: only in wide output.
    pub priority: i64,
}

impl Column {
    /// As it stands in a Table.
    #[must_use]
    pub fn to_json(&self) -> Value {
        json!({
            "name": self.name,
            "type": self.kind,
            "format": self.format,
            "description": self.description,
            "priority": self.priority,
        })
    }
}

const fn column(
    name: &'static str,
    kind: &'static str,
    format: &'static str,
    description: &'static str,
    priority: i64,
) -> Column {
    Column {
        name: Cow::Borrowed(name),
        kind: Cow::Borrowed(kind),
        format: Cow::Borrowed(format),
        description: Cow::Borrowed(description),
        priority,
    }
}

const NAME_TEXT: &str = "Name must be unique within a namespace. Is required when creating resources, although some resources may allow a client to request the generation of an appropriate name automatically. Name is primarily intended for creation idempotence and configuration definition. Cannot be updated. More info: https://kubernetes.io/docs/concepts/overview/working-with-objects/names#names";
const CREATED_TEXT: &str = "CreationTimestamp is a timestamp representing the server time when this object was created. It is not guaranteed to be set in happens-before order across separate operations. Clients may not set this value. It is represented in RFC3339 form and is in UTC.\n\nPopulated by the system. Read-only. Null for lists. More info: https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#metadata";

/// The first column.
pub(super) const NAME: Column = column("Name", "string", "name", NAME_TEXT, 0);
/// The name where it is only shown wide (events).
pub(super) const NAME_WIDE: Column = column("Name", "string", "name", NAME_TEXT, 1);
/// The age as built-in kinds show it, a ready string.
pub(super) const AGE: Column = column("Age", "string", "", CREATED_TEXT, 0);
/// The age as custom resources show it.
pub(super) const AGE_DATE: Column = column("Age", "date", "", CREATED_TEXT, 0);
/// Container names of a pod template.
pub(super) const CONTAINERS: Column = wide("Containers", "Names of each container in the template.");
/// Images of a pod template.
pub(super) const IMAGES: Column = wide("Images", "Images referenced by each container in the template.");
/// Columns of a kind without a printer.
pub(super) static PLAIN: [Column; 2] = [NAME, column("Created At", "date", "", CREATED_TEXT, 0)];

/// A string column.
pub(super) const fn text(name: &'static str, description: &'static str) -> Column {
    column(name, "string", "", description, 0)
}

/// A string column that is only shown wide.
pub(super) const fn wide(name: &'static str, description: &'static str) -> Column {
    column(name, "string", "", description, 1)
}

/// An integer column.
pub(super) const fn int(name: &'static str, description: &'static str) -> Column {
    column(name, "integer", "", description, 0)
}

/// A boolean column.
pub(super) const fn flag(name: &'static str, description: &'static str) -> Column {
    column(name, "boolean", "", description, 0)
}

/// A string column that clients treat as a name.
pub(super) const fn named(name: &'static str, description: &'static str) -> Column {
    column(name, "string", "name", description, 0)
}
