//! How the fields of a type are owned: one by one, as items of a list, or as a whole.
//!
//! Reads the type model of `skiff-schema` and answers for one place in an object; every walk of server-side apply goes through
//! it. Knows no values except list items whose keys it reads.

use super::element::{Element, Literal};
use serde_json::Value;
use skiff_schema::{Field, Form, ListType, NodeId, Scalar, Schema};
use std::collections::BTreeMap;

/// Where the objects of a type come from, which decides what an absent field means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A kind that upstream decodes into a Go struct: embedded structs and fields without `omitempty` exist even when empty,
    /// so that filling them adds their content but not the field itself.
    BuiltIn,
    /// A custom resource: what is absent is absent.
    Custom,
}

/// The type of the objects at hand.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// The arena.
    pub schema: &'a Schema,
    /// The node of the kind.
    pub root: NodeId,
    /// Built-in or custom.
    pub origin: Origin,
}

impl<'a> Subject<'a> {
    pub(crate) fn place(&self) -> Place<'a> {
        Place { schema: self.schema, node: Some(self.root), list: None, atomic: false }
    }
}

/// A place in an object, with its type.
#[derive(Clone, Copy)]
pub(crate) struct Place<'a> {
    schema: &'a Schema,
    /// `None` inside fields that no schema declares.
    node: Option<NodeId>,
    list: Option<&'a ListType>,
    /// An object or map that is owned as a whole.
    atomic: bool,
}

/// What a place may hold and how it is owned.
#[derive(Clone, Copy)]
pub(crate) enum Shape<'a> {
    /// A leaf of a known type.
    Scalar(Scalar),
    /// Named fields.
    Struct { fields: &'a BTreeMap<Box<str>, Field>, open: bool, atomic: bool },
    /// Free keys.
    Map { value: Place<'a>, atomic: bool },
    /// A list whose items are found by key fields.
    Keyed { keys: &'a [Box<str>], item: Place<'a> },
    /// A list whose items are their own keys.
    Set,
    /// A list that is owned as a whole.
    List { item: Place<'a> },
    /// Anything, owned as a whole.
    Any,
    /// Anything, undeclared: objects key by key, lists as a whole.
    Undeclared,
}

impl<'a> Place<'a> {
    pub(crate) fn shape(&self) -> Shape<'a> {
        let Some(node) = self.node else { return Shape::Undeclared };
        let node = self.schema.node(node);
        match &node.form {
            Form::Scalar(scalar) => Shape::Scalar(*scalar),
            Form::Any => Shape::Any,
            Form::Object { fields, preserve_unknown } => Shape::Struct { fields, open: *preserve_unknown, atomic: self.atomic },
            Form::Map(value) => Shape::Map { value: self.of(*value), atomic: self.atomic },
            Form::List(item) => {
                let item = self.of(*item);
                match self.list {
                    Some(ListType::Map(keys)) => Shape::Keyed { keys, item },
                    Some(ListType::Set) => Shape::Set,
                    Some(ListType::Atomic) | None => Shape::List { item },
                }
            }
        }
    }

    /// The place of a member of an object or map; `None` if the type does not allow it.
    pub(crate) fn member(&self, name: &str) -> Option<Place<'a>> {
        match self.shape() {
            Shape::Struct { fields, open, .. } => match fields.get(name) {
                Some(field) => Some(self.of_field(field)),
                None => open.then(|| self.undeclared()),
            },
            Shape::Map { value, .. } => Some(value),
            Shape::Undeclared => Some(*self),
            _ => None,
        }
    }

    pub(crate) fn of_field(&self, field: &'a Field) -> Place<'a> {
        Place { schema: self.schema, node: Some(field.node), list: field.list.as_ref(), atomic: field.atomic_map }
    }

    pub(crate) fn undeclared(&self) -> Place<'a> {
        Place { schema: self.schema, node: None, list: None, atomic: false }
    }

    /// An item or a map value: no field speaks for it, only its type.
    fn of(&self, node: NodeId) -> Place<'a> {
        Place { schema: self.schema, node: Some(node), list: None, atomic: self.schema.is_atomic(node) }
    }

    /// The path element of an item of a list map.
    pub(crate) fn key_of(&self, keys: &[Box<str>], item: &Value) -> Result<Element, String> {
        let map = match item {
            Value::Object(map) => map,
            Value::Null => return Err("associative list with keys may not have a null element".into()),
            _ => return Err("associative list with keys may not have non-map elements".into()),
        };
        let mut found = Vec::with_capacity(keys.len());
        for key in keys {
            let declared = || match self.shape() {
                Shape::Struct { fields, .. } => fields.get(key).and_then(|field| field.default.as_ref()),
                _ => None,
            };
            // A key that is absent and has no default is left out: that is a different item than one with the key.
            if let Some(value) = map.get(&**key).or_else(declared) {
                found.push((key.clone(), Literal::of(value)));
            }
        }
        if found.is_empty() {
            let names: Vec<_> = keys.iter().map(|key| crate::go_text::quoted(key)).collect();
            return Err(format!(
                "associative list with keys has an element that omits all key fields [{}] (and doesn't have default values \
                 for any key fields)",
                names.join(" ")
            ));
        }
        found.sort_by(|a, b| a.0.cmp(&b.0));
        Ok(Element::Key(found))
    }
}

/// The path element of an item of a set.
pub(crate) fn value_of(item: &Value) -> Result<Element, String> {
    match item {
        Value::Object(_) => Err("associative list without keys has an element that's a map type".into()),
        Value::Array(_) => Err("not supported: associative list with lists as elements".into()),
        Value::Null => Err("associative list without keys has an element that's an explicit null".into()),
        scalar => Ok(Element::Value(Literal::of(scalar))),
    }
}

impl<'a> Shape<'a> {
    /// The path element and the place of a list item; `None` if this is no list of separately owned items.
    pub(crate) fn item(&self, item: &Value) -> Option<Result<Element, String>> {
        match self {
            Shape::Keyed { keys, item: place } => Some(place.key_of(keys, item)),
            Shape::Set => Some(value_of(item)),
            _ => None,
        }
    }

    /// The place of the items of a list map.
    pub(crate) fn item_place(&self) -> Option<Place<'a>> {
        match self {
            Shape::Keyed { item, .. } => Some(*item),
            _ => None,
        }
    }

    /// Whether this place is owned as a whole, whatever it holds.
    pub(crate) fn is_whole(&self) -> bool {
        match self {
            Shape::Scalar(_) | Shape::Any | Shape::List { .. } => true,
            Shape::Struct { atomic, .. } | Shape::Map { atomic, .. } => *atomic,
            Shape::Keyed { .. } | Shape::Set | Shape::Undeclared => false,
        }
    }
}
