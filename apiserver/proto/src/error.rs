//! What can be wrong with bytes or documents, in the words of upstream's generated code where it has words.
//!
//! Made by every module here, shown to clients in the message of a 400. Knows no HTTP status.

/// Why something could not be transcoded; the text is the message for the client.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProtoError {
    /// No bytes at all.
    #[error("empty data")]
    EmptyData,
    /// The prefix and nothing after it.
    #[error("empty body")]
    EmptyBody,
    /// The prefix is not there.
    #[error("provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]")]
    NoEnvelope,
    /// The envelope, or the document, does not say of which kind it is.
    #[error("Object 'Kind' is missing in 'runtime.TypeMeta{{APIVersion:{api_version:?}, Kind:\"\"}}'")]
    NoKind {
        /// As given.
        api_version: String,
    },
    /// The envelope, or the document, does not say of which version it is.
    #[error("Object 'apiVersion' is missing in 'runtime.TypeMeta{{APIVersion:\"\", Kind:{kind:?}}}'")]
    NoVersion {
        /// As given.
        kind: String,
    },
    /// The kind has no protobuf form.
    #[error("no kind {kind:?} is registered for version {api_version:?} in scheme \"pkg/api/legacyscheme/scheme.go:30\"")]
    UnknownKind {
        /// As given.
        api_version: String,
        /// As given.
        kind: String,
    },
    /// The bytes end inside a field, or a length reaches past the end.
    #[error("unexpected EOF")]
    UnexpectedEnd,
    /// A number of more than ten bytes.
    #[error("proto: integer overflow")]
    IntegerOverflow,
    /// A length that is negative as a signed number.
    #[error("proto: negative length found during unmarshaling")]
    NegativeLength,
    /// A field number that cannot be.
    #[error("proto: {message}: illegal tag {number} (wire type {wire})")]
    IllegalTag {
        /// The message it was found in.
        message: &'static str,
        /// The field number.
        number: i32,
        /// The wire type.
        wire: u8,
    },
    /// A wire type that does not exist.
    #[error("proto: illegal wireType {0}")]
    IllegalWireType(u8),
    /// The end of a group that was never begun.
    #[error("proto: {message}: wiretype end group for non-group")]
    EndOfNoGroup {
        /// The message it was found in.
        message: &'static str,
    },
    /// A known field with the wire type of another type.
    #[error("proto: wrong wireType = {wire} for field {field}")]
    WrongWireType {
        /// The field's name in JSON.
        field: &'static str,
        /// The wire type.
        wire: u8,
    },
    /// More nesting than the caller allows.
    #[error("exceeded max depth")]
    TooDeep,
    /// A value that the other side cannot hold.
    #[error("invalid value for field {field}: {why}")]
    Value {
        /// The field's name in JSON.
        field: &'static str,
        /// What is wrong with it.
        why: String,
    },
}

impl ProtoError {
    /// A value that does not fit its field.
    pub(crate) fn value(field: &'static str, why: impl Into<String>) -> ProtoError {
        ProtoError::Value { field, why: why.into() }
    }
}
