//! The messages: `table/messages.txt`, parsed once and joined with the Go side that skiff-schema knows.
//!
//! Made by `table/compact.py` from the generated.proto files; asked by decode and encode. Knows the notation of the table,
//! no bytes and no document.

use std::collections::HashMap;
use std::sync::OnceLock;

use skiff_schema::{BuiltIn, NodeId, built_in};

static TEXT: &str = include_str!("../table/messages.txt");
static TABLE: OnceLock<Table> = OnceLock::new();

const META: &str = "io.k8s.apimachinery.pkg.apis.meta.v1.";
/// Kinds that every group registers under its own versions.
const OF_EVERY_GROUP: [&str; 8] =
    ["DeleteOptions", "ListOptions", "GetOptions", "CreateOptions", "UpdateOptions", "PatchOptions", "WatchEvent", "Status"];
/// Kinds that no published schema lists.
const EXTRA: [(&str, &str, &str); 5] = [
    ("meta.k8s.io/v1", "PartialObjectMetadata", "io.k8s.apimachinery.pkg.apis.meta.v1.PartialObjectMetadata"),
    ("meta.k8s.io/v1", "PartialObjectMetadataList", "io.k8s.apimachinery.pkg.apis.meta.v1.PartialObjectMetadataList"),
    ("meta.k8s.io/v1beta1", "PartialObjectMetadata", "io.k8s.apimachinery.pkg.apis.meta.v1.PartialObjectMetadata"),
    ("meta.k8s.io/v1beta1", "PartialObjectMetadataList", "io.k8s.apimachinery.pkg.apis.meta.v1beta1.PartialObjectMetadataList"),
    ("v1", "List", "io.k8s.api.core.v1.List"),
];

/// Number of a message in the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct MessageId(u16);

/// Every message that a kind reaches.
pub(crate) struct Table {
    messages: Vec<Message>,
    names: HashMap<&'static str, MessageId>,
    kinds: HashMap<Box<str>, HashMap<Box<str>, MessageId>>,
}

/// A message and its fields by number.
pub(crate) struct Message {
    /// The published name of the type.
    name: &'static str,
    /// In the order of their numbers, which is that of the wire.
    pub(crate) fields: Vec<Field>,
    /// Index into `fields` plus one by number, 0 for none.
    by_number: Vec<u16>,
}

/// A field of a message and what it is in JSON.
#[derive(Debug)]
pub(crate) struct Field {
    /// Its name in JSON.
    pub(crate) name: &'static str,
    /// Its number.
    pub(crate) number: u32,
    /// One, many, or the fields of a struct that JSON does not nest.
    pub(crate) shape: Shape,
    /// The type of one value.
    pub(crate) kind: Kind,
    /// What an absent value means.
    pub(crate) presence: Presence,
    /// Required by the published schema.
    pub(crate) required: bool,
}

/// How many values a field has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    One,
    /// A struct embedded in Go: nested in protobuf, its fields are the outer object's in JSON.
    Embedded,
    List,
    Map,
}

/// What Go has behind a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Presence {
    /// A pointer: absent and empty differ.
    Pointer,
    /// A value: Go writes it even if it is empty.
    Value,
    /// Not known: empty is absent.
    Unknown,
}

/// The type of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    String,
    Bool,
    Int32,
    Int64,
    Double,
    Bytes,
    Time,
    MicroTime,
    Quantity,
    IntOrString,
    Duration,
    /// `RawExtension`: JSON text, on input also an enveloped object.
    Raw,
    /// `RawExtension` with an object of any kind: enveloped if the kind has a protobuf form.
    Object,
    /// `JSON`, `FieldsV1`: JSON text.
    Json,
    /// `ExtraValue`, `Verbs`: a list of strings in a message of its own.
    Strings,
    Message(MessageId),
    /// `JSONSchemaPropsOrArray`, with the schema's message.
    SchemaOrArray(MessageId),
    /// `JSONSchemaPropsOrBool`.
    SchemaOrBool(MessageId),
    /// `JSONSchemaPropsOrStringArray`.
    SchemaOrStrings(MessageId),
}

/// The table; the first call parses it.
pub(crate) fn table() -> &'static Table {
    TABLE.get_or_init(|| load(TEXT, built_in()))
}

impl Table {
    /// The message of a kind.
    pub(crate) fn kind(&self, api_version: &str, kind: &str) -> Option<MessageId> {
        if let Some(id) = self.kinds.get(api_version).and_then(|kinds| kinds.get(kind)) {
            return Some(*id);
        }
        let name = OF_EVERY_GROUP.iter().find(|name| **name == kind)?;
        self.names.get(format!("{META}{name}").as_str()).copied()
    }

    /// A message. Ids come only from this table and are checked when it is loaded.
    pub(crate) fn message(&self, id: MessageId) -> &Message {
        &self.messages[usize::from(id.0)]
    }

    /// Every kind, by apiVersion.
    #[cfg(test)]
    pub(crate) fn kinds(&self) -> impl Iterator<Item = (&str, &str)> {
        self.kinds.iter().flat_map(|(version, kinds)| kinds.keys().map(|kind| (&**version, &**kind)))
    }

    /// Every message.
    #[cfg(test)]
    pub(crate) fn messages(&self) -> &[Message] {
        &self.messages
    }
}

impl Message {
    /// The name that errors show, `PodSpec`.
    pub(crate) fn short_name(&self) -> &'static str {
        self.name.rsplit('.').next().unwrap_or(self.name)
    }

    /// The published name.
    #[cfg(test)]
    pub(crate) fn name(&self) -> &'static str {
        self.name
    }

    /// The field with a number.
    pub(crate) fn field(&self, number: u32) -> Option<&Field> {
        let index = *self.by_number.get(usize::try_from(number).ok()?)?;
        self.fields.get(usize::from(index).checked_sub(1)?)
    }
}

fn load(text: &'static str, built: &BuiltIn) -> Table {
    let names: HashMap<_, _> =
        (0..).zip(text.lines().filter_map(|line| line.strip_prefix("M "))).map(|(n, name)| (name, MessageId(n))).collect();
    let mut messages: Vec<Message> = Vec::with_capacity(names.len());
    for line in text.lines() {
        if let Some(name) = line.strip_prefix("M ") {
            messages.push(Message { name, fields: Vec::new(), by_number: Vec::new() });
        } else if let (Some(message), Some(field)) = (messages.last_mut(), parse_field(line, names.len())) {
            message.fields.push(field);
        }
    }
    join(&mut messages, built);
    for message in &mut messages {
        index(message);
    }
    let kinds = kinds(&names, built);
    Table { messages, names, kinds }
}

/// `number name type`. The table is part of the binary, so a malformed line is a bug that tests find.
fn parse_field(line: &'static str, messages: usize) -> Option<Field> {
    let mut words = line.split(' ');
    let (number, name, code) = (words.next()?.parse().ok()?, words.next()?, words.next()?);
    let (code, presence) = match (code.strip_suffix('?'), code.strip_suffix('!')) {
        (Some(code), _) => (code, Presence::Pointer),
        (None, Some(code)) => (code, Presence::Value),
        (None, None) => (code, Presence::Unknown),
    };
    let (shape, code) = match code.split_at_checked(1)? {
        ("[", rest) => (Shape::List, rest),
        ("{", rest) => (Shape::Map, rest),
        ("~", rest) => (Shape::Embedded, rest),
        _ => (Shape::One, code),
    };
    let kind = parse_kind(code, messages)?;
    Some(Field { name, number, shape, kind, presence, required: false })
}

fn parse_kind(code: &str, messages: usize) -> Option<Kind> {
    if let Some((tag, number)) = code.split_once('@') {
        let id = MessageId(number.parse().ok().filter(|n| usize::from(*n) < messages)?);
        return Some(match tag {
            "" => Kind::Message(id),
            "A" => Kind::SchemaOrArray(id),
            "B" => Kind::SchemaOrBool(id),
            "S" => Kind::SchemaOrStrings(id),
            _ => return None,
        });
    }
    Some(match code {
        "s" => Kind::String,
        "b" => Kind::Bool,
        "i" => Kind::Int32,
        "l" => Kind::Int64,
        "d" => Kind::Double,
        "y" => Kind::Bytes,
        "t" => Kind::Time,
        "u" => Kind::MicroTime,
        "q" => Kind::Quantity,
        "o" => Kind::IntOrString,
        "v" => Kind::Duration,
        "r" => Kind::Raw,
        "w" => Kind::Object,
        "j" => Kind::Json,
        "x" => Kind::Strings,
        _ => return None,
    })
}

/// Takes over what skiff-schema knows of the Go side. An embedded struct that is not published itself has its fields
/// described where it is embedded.
fn join(messages: &mut [Message], built: &BuiltIn) {
    let mut nodes: Vec<Option<NodeId>> = messages.iter().map(|message| built.named(message.name)).collect();
    for (outer, message) in messages.iter().enumerate() {
        for field in message.fields.iter().filter(|field| field.shape == Shape::Embedded) {
            if let Kind::Message(MessageId(inner)) = field.kind {
                let inner = usize::from(inner);
                nodes[inner] = nodes[inner].or(nodes[outer]);
            }
        }
    }
    for (message, node) in messages.iter_mut().zip(nodes) {
        for field in &mut message.fields {
            let Some(known) = node.and_then(|node| built.schema.field(node, field.name)) else { continue };
            field.presence = if known.go.pointer { Presence::Pointer } else { Presence::Value };
            field.required = known.required;
        }
    }
}

fn index(message: &mut Message) {
    message.fields.sort_by_key(|field| field.number);
    for (place, field) in (1..).zip(&message.fields) {
        let number = field.number as usize;
        if message.by_number.len() <= number {
            message.by_number.resize(number + 1, 0);
        }
        message.by_number[number] = place;
    }
}

fn kinds(names: &HashMap<&'static str, MessageId>, built: &BuiltIn) -> HashMap<Box<str>, HashMap<Box<str>, MessageId>> {
    let mut kinds: HashMap<Box<str>, HashMap<Box<str>, MessageId>> = HashMap::new();
    let mut add = |version: &str, kind: &str, name: &str| {
        if let Some(id) = names.get(name) {
            kinds.entry(version.into()).or_default().insert(kind.into(), *id);
        }
    };
    for gvk in built.gvks() {
        if let Some(node) = built.kind(gvk) {
            add(&gvk.api_version(), &gvk.kind, &built.schema.node(node).name);
        }
    }
    for (version, kind, name) in EXTRA {
        add(version, kind, name);
    }
    kinds
}
