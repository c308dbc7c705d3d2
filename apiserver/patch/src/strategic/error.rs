//! Why a strategic merge patch fails, in upstream's words and codes.

use crate::go_text::{go_type, plain};
use serde_json::{Map, Value};

/// Why a strategic merge patch was refused.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum StrategicError {
    /// 400: the body is no object.
    #[error("error decoding patch: json: cannot unmarshal {0} into Go value of type map[string]interface {{}}")]
    Undecodable(&'static str),
    /// 400: a `$deleteFromPrimitiveList` key without a field name.
    #[error("invalid patch format of primitive list")]
    PrimitiveList,
    /// 400: `$retainKeys` is no list, or the patch sets a key that it does not retain.
    #[error("invalid patch format of retainKeys")]
    RetainKeys,
    /// 400: a `$setElementOrder` key without a field name.
    #[error("invalid patch format of setElementOrder list")]
    ElementOrder,
    /// 422: a list of lists cannot merge. Upstream hides the reason from the client.
    #[error("the server rejected our request due to an error in our request")]
    ListOfLists,
    /// 500: an item without its merge key.
    #[error("map: {map} does not contain declared merge key: {key}")]
    NoMergeKey {
        /// The item as Go prints it.
        map: String,
        /// The key.
        key: String,
    },
    /// 500: a directive that does not exist.
    #[error("unknown patch type: {directive} in map: {map}")]
    UnknownDirective {
        /// The value of `$patch`.
        directive: String,
        /// The map that holds it.
        map: String,
    },
    /// 500: `$patch: merge` in a list.
    #[error("merging lists cannot yet be specified in the patch")]
    MergeDirective,
    /// 500: a value of the wrong type.
    #[error("expected a {expected}, but received a {received}")]
    Argument {
        /// Go type.
        expected: &'static str,
        /// Go type.
        received: &'static str,
    },
    /// 500: an item of a list of objects that is none.
    #[error("value for key {0} is not a map")]
    NotAMap(usize),
    /// 500: a list of objects merges, but its type has no merge key.
    #[error("cannot merge lists without merge key for {0}")]
    NoKeyForType(String),
    /// 500: items of different types in one list.
    #[error("list element types are not identical: {0}")]
    MixedItems(String),
    /// 500: an order for a list that has no items at all.
    #[error("no elements in any of the given slices")]
    NoItems,
    /// 500: the order of the patch contradicts `$setElementOrder`.
    #[error("The order in patch list:\n{patch}\n doesn't match $setElementOrder list:\n{order}\n")]
    OrderMismatch {
        /// The patch as Go prints it.
        patch: String,
        /// The order as Go prints it.
        order: String,
    },
}

impl StrategicError {
    /// The HTTP code.
    #[must_use]
    pub fn code(&self) -> u16 {
        match self {
            StrategicError::Undecodable(_)
            | StrategicError::PrimitiveList
            | StrategicError::RetainKeys
            | StrategicError::ElementOrder => 400,
            StrategicError::ListOfLists => 422,
            _ => 500,
        }
    }

    pub(super) fn no_merge_key(item: &Value, key: &str) -> StrategicError {
        StrategicError::NoMergeKey { map: plain(item), key: key.into() }
    }

    pub(super) fn unknown_directive(directive: &Value, map: &Map<String, Value>) -> StrategicError {
        StrategicError::UnknownDirective { directive: plain(directive), map: plain(&Value::Object(map.clone())) }
    }

    pub(super) fn not_a_list(received: &Value) -> StrategicError {
        StrategicError::Argument { expected: "[]interface {}", received: go_type(received) }
    }

    pub(super) fn not_a_map(received: &Value) -> StrategicError {
        StrategicError::Argument { expected: "map[string]interface {}", received: go_type(received) }
    }
}
