//! The one description of a type that every generic part works on: decoding, pruning, patches, ownership, protobuf, OpenAPI.
//!
//! Built-in kinds come from the facts table (`facts.rs`), custom resources from their structural schema; both end up here,
//! so that no generic code asks where a type came from. This module knows no kind and no wire format.

use std::collections::{BTreeMap, BTreeSet};

/// Index of a node in a [`Schema`]'s arena.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeId(pub u32);

/// An arena of type nodes. Recursive types (JSONSchemaProps) are cycles of ids, never of boxes.
#[derive(Debug, Default)]
pub struct Schema {
    nodes: Vec<Node>,
    atomic: BTreeSet<NodeId>,
}

/// What a value at one place may be.
#[derive(Debug, Clone)]
pub struct Node {
    /// The type's published name (`io.k8s.api.core.v1.PodSpec`), empty for anonymous nodes.
    pub name: Box<str>,
    /// Object, map, list, scalar or anything.
    pub form: Form,
}

/// The shape of a node.
#[derive(Debug, Clone)]
pub enum Form {
    /// Named fields; `preserve_unknown` keeps fields that are not named (x-kubernetes-preserve-unknown-fields).
    Object {
        /// Fields by JSON name.
        fields: BTreeMap<Box<str>, Field>,
        /// Unknown fields are kept, not pruned.
        preserve_unknown: bool,
    },
    /// Free keys, values of one type (`additionalProperties`).
    Map(NodeId),
    /// A list of one type.
    List(NodeId),
    /// A leaf.
    Scalar(Scalar),
    /// Anything at all (JSON, RawExtension, FieldsV1): never pruned, owned as a whole.
    Any,
}

/// Leaf types, as the Go field behind them decodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scalar {
    /// `string`, enums included.
    String,
    /// `bool`.
    Boolean,
    /// `int32`.
    Int32,
    /// `int64` (and CRD integers without a format).
    Int64,
    /// `float64`, `number`.
    Number,
    /// `resource.Quantity`: a string, or a number that is kept as its string.
    Quantity,
    /// `intstr.IntOrString`.
    IntOrString,
    /// `metav1.Time`: RFC 3339 in whole seconds, null allowed.
    Time,
    /// `metav1.MicroTime`: RFC 3339 with six digits.
    MicroTime,
    /// `metav1.Duration`, a Go duration string.
    Duration,
    /// `[]byte`: base64 text.
    Bytes,
}

/// A field of an object node and what the generic machinery must know of it.
#[derive(Debug, Clone)]
pub struct Field {
    /// The type of the value.
    pub node: NodeId,
    /// `required` in the published schema.
    pub required: bool,
    /// `x-kubernetes-list-type` with its keys; `None` for non-lists and for lists that publish none (then atomic).
    pub list: Option<ListType>,
    /// `x-kubernetes-map-type: atomic`: owned as a whole.
    pub atomic_map: bool,
    /// `x-kubernetes-patch-merge-key`, for strategic merge.
    pub merge_key: Option<Box<str>>,
    /// `x-kubernetes-patch-strategy` contains `merge`.
    pub patch_merge: bool,
    /// `x-kubernetes-patch-strategy` contains `retainKeys`.
    pub retain_keys: bool,
    /// The published `default`, if any (server-side apply needs it for list-map keys such as `protocol: TCP`).
    pub default: Option<serde_json::Value>,
    /// The published `enum`, empty if none.
    pub allowed: Vec<Box<str>>,
    /// The Go field behind it: what it is called and when it is written. Unknown for custom resources.
    pub go: GoField,
}

/// The Go field behind a field: wordings and omissions that clients see come from it.
#[derive(Debug, Clone, Default)]
pub struct GoField {
    /// A pointer: absent and empty differ.
    pub pointer: bool,
    /// When an empty value is left out.
    pub empty: Empty,
    /// The type as Go prints it (`v1.RestartPolicy`), if it is not the one that follows from the node.
    pub type_name: Option<Box<str>>,
    /// Embedded structs on the way (`RouteSpec`), which `encoding/json` names and the built-in decoder does not.
    pub via: Option<Box<str>>,
}

/// What Go writes for an empty value.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Empty {
    /// Nothing is known: what was given is kept.
    #[default]
    Unknown,
    /// `omitempty`: left out, except structs, which are written as `{}`.
    Omit,
    /// `omitzero`: left out, structs too.
    OmitZero,
    /// Always written.
    Write,
}

/// `x-kubernetes-list-type`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ListType {
    /// Replaced as a whole.
    Atomic,
    /// A set of scalars.
    Set,
    /// A map by these key fields.
    Map(Vec<Box<str>>),
}

impl Schema {
    /// The node behind an id.
    ///
    /// Ids come only from this arena, so the index is in range by construction.
    #[must_use]
    pub fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id.0 as usize]
    }

    /// Adds a node and returns its id.
    pub fn add(&mut self, node: Node) -> NodeId {
        let id = NodeId(u32::try_from(self.nodes.len()).unwrap_or(u32::MAX));
        self.nodes.push(node);
        id
    }

    /// Replaces a node that was added as a placeholder for a cycle.
    pub fn set(&mut self, id: NodeId, node: Node) {
        self.nodes[id.0 as usize] = node;
    }

    /// The field of an object node, if it is one and has it.
    #[must_use]
    pub fn field(&self, id: NodeId, name: &str) -> Option<&Field> {
        match &self.node(id).form {
            Form::Object { fields, .. } => fields.get(name),
            _ => None,
        }
    }

    /// Declares every value of a node to be owned as a whole (`x-kubernetes-map-type: atomic` on the type itself).
    pub fn mark_atomic(&mut self, id: NodeId) {
        self.atomic.insert(id);
    }

    /// Whether the type itself is atomic. A field can still say otherwise ([`Field::atomic_map`] decides for fields);
    /// elements of lists and maps have only this.
    #[must_use]
    pub fn is_atomic(&self, id: NodeId) -> bool {
        self.atomic.contains(&id)
    }

    /// Number of nodes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Whether the arena is empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }
}

impl Field {
    /// An ordinary optional field of a type.
    #[must_use]
    pub fn of(node: NodeId) -> Field {
        Field {
            node,
            required: false,
            list: None,
            atomic_map: false,
            merge_key: None,
            patch_merge: false,
            retain_keys: false,
            default: None,
            allowed: Vec::new(),
            go: GoField::default(),
        }
    }
}
