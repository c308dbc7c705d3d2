//! What expressions evaluate to, found out before they are evaluated: types, signatures of functions, and the walk that infers.
//!
//! Fed with parsed expressions and the types of their variables; finds what cel-go's checker finds, in its words. Knows no
//! value and no kind: a type with fields is whatever implements [`Shape`].

mod infer;
mod signature;
mod unify;

#[cfg(test)]
mod tests;

pub use infer::{Names, infer};

use std::fmt;
use std::sync::Arc;

/// A type.
#[derive(Clone, Debug)]
pub enum Type {
    /// Anything; only evaluation tells.
    Dyn,
    /// `null_type`
    Null,
    /// `bool`
    Bool,
    /// `int`
    Int,
    /// `uint`
    Uint,
    /// `double`
    Double,
    /// `string`
    String,
    /// `bytes`
    Bytes,
    /// `google.protobuf.Timestamp`
    Timestamp,
    /// `google.protobuf.Duration`
    Duration,
    /// A list.
    List(Arc<Type>),
    /// A map.
    Map(Arc<Type>, Arc<Type>),
    /// `optional_type`
    Optional(Arc<Type>),
    /// A type as a value.
    Type(Arc<Type>),
    /// A type without fields that only functions know.
    Opaque(&'static str),
    /// A type with fields.
    Object(Arc<dyn Shape>),
    /// Stands for a type in a signature.
    Param(char),
    /// Not yet known: the element of an empty list.
    Free,
}

/// A type with fields.
pub trait Shape: fmt::Debug + Send + Sync {
    /// Its name.
    fn name(&self) -> &str;
    /// The type of a field; `None` if there is none of that name.
    fn field(&self, name: &str) -> Option<Type>;
}

impl Type {
    /// A list of these.
    #[must_use]
    pub fn list(element: Type) -> Type {
        Type::List(Arc::new(element))
    }

    /// A map from texts to these.
    #[must_use]
    pub fn map(value: Type) -> Type {
        Type::Map(Arc::new(Type::String), Arc::new(value))
    }

    fn optional(inner: Type) -> Type {
        Type::Optional(Arc::new(inner))
    }

    /// Whether both are the same type, as cel-go compares what an expression must evaluate to.
    #[must_use]
    pub fn is_exactly(&self, other: &Type) -> bool {
        self.to_string() == other.to_string()
    }

    /// The name as a type's own, not as checker's messages write it.
    #[must_use]
    pub fn full_name(&self) -> String {
        match self {
            Type::Null => "null_type".to_owned(),
            Type::Timestamp => "google.protobuf.Timestamp".to_owned(),
            Type::Duration => "google.protobuf.Duration".to_owned(),
            other => other.to_string(),
        }
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Type::Dyn | Type::Free => f.write_str("dyn"),
            Type::Null => f.write_str("null"),
            Type::Bool => f.write_str("bool"),
            Type::Int => f.write_str("int"),
            Type::Uint => f.write_str("uint"),
            Type::Double => f.write_str("double"),
            Type::String => f.write_str("string"),
            Type::Bytes => f.write_str("bytes"),
            Type::Timestamp => f.write_str("timestamp"),
            Type::Duration => f.write_str("duration"),
            Type::List(element) => write!(f, "list({element})"),
            Type::Map(key, value) => write!(f, "map({key}, {value})"),
            Type::Optional(inner) => write!(f, "optional_type({inner})"),
            Type::Type(inner) => write!(f, "type({inner})"),
            Type::Opaque(name) => f.write_str(name),
            Type::Object(shape) => f.write_str(shape.name()),
            Type::Param(name) => write!(f, "{name}"),
        }
    }
}
