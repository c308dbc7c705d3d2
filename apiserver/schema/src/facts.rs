//! The built-in types: the table `facts/types.txt`, parsed once into a [`Schema`].
//!
//! Made by `facts/compact.py` from the published schema of Kubernetes 1.36 and the CRDs of Knative Serving; read by every
//! room that asks for the type of a kind. Knows the notation of the table, no rule of a single kind and no request.

use std::collections::{BTreeMap, HashMap};
use std::str::Lines;
use std::sync::OnceLock;

use serde_json::Value;

use crate::gvk::Gvk;
use crate::model::{Empty, Field, Form, ListType, Node, NodeId, Scalar, Schema};

static TABLE: &str = include_str!("../facts/types.txt");
static BUILT_IN: OnceLock<BuiltIn> = OnceLock::new();

/// Every type that the server knows without a CustomResourceDefinition.
#[derive(Debug)]
pub struct BuiltIn {
    /// The arena of all nodes.
    pub schema: Schema,
    kinds: HashMap<Gvk, NodeId>,
    names: HashMap<Box<str>, NodeId>,
    published: HashMap<NodeId, Published>,
}

/// What is published about a named type beside its shape.
#[derive(Debug, Default)]
pub struct Published {
    /// The kinds it is, `x-kubernetes-group-version-kind`.
    pub gvks: Vec<Gvk>,
    /// `x-kubernetes-unions`, if any.
    pub unions: Option<Value>,
    /// Defined by a CRD upstream: unknown fields are pruned and reported as for custom resources.
    pub custom: bool,
}

/// The built-in types; the first call parses the table.
pub fn built_in() -> &'static BuiltIn {
    BUILT_IN.get_or_init(|| Loader::new(TABLE).load())
}

impl BuiltIn {
    /// The type of a kind.
    #[must_use]
    pub fn kind(&self, gvk: &Gvk) -> Option<NodeId> {
        self.kinds.get(gvk).copied()
    }

    /// A type by its published name, `io.k8s.api.core.v1.PodSpec`.
    #[must_use]
    pub fn named(&self, name: &str) -> Option<NodeId> {
        self.names.get(name).copied()
    }

    /// Every kind there is, in no particular order.
    pub fn gvks(&self) -> impl Iterator<Item = &Gvk> {
        self.kinds.keys()
    }

    /// What is published about a named type beside its shape.
    #[must_use]
    pub fn published(&self, id: NodeId) -> Option<&Published> {
        self.published.get(&id)
    }

    /// Whether upstream defines this kind by a CRD (Knative).
    #[must_use]
    pub fn is_custom(&self, id: NodeId) -> bool {
        self.published.get(&id).is_some_and(|p| p.custom)
    }
}

/// Reads the table line by line. The table is part of the binary, so a malformed line is a bug that tests find; it is
/// skipped rather than reported.
struct Loader {
    lines: Lines<'static>,
    built: BuiltIn,
    /// List and map nodes by (tag, element), so that `[]string` exists once.
    shared: HashMap<(u8, NodeId), NodeId>,
    leaves: HashMap<u8, NodeId>,
    types: Vec<NodeId>,
}

impl Loader {
    fn new(table: &'static str) -> Loader {
        let mut schema = Schema::default();
        let types = table
            .lines()
            .filter_map(|line| line.strip_prefix("T "))
            .map(|rest| schema.add(Node { name: rest.split(' ').next().unwrap_or_default().into(), form: Form::Any }))
            .collect();
        let built = BuiltIn { schema, kinds: HashMap::new(), names: HashMap::new(), published: HashMap::new() };
        Loader { lines: table.lines(), built, shared: HashMap::new(), leaves: HashMap::new(), types }
    }

    fn load(mut self) -> BuiltIn {
        let mut at = None;
        let mut next = 0;
        let mut fields = BTreeMap::new();
        while let Some(line) = self.lines.next() {
            if let Some(rest) = line.strip_prefix("T ") {
                self.finish(at, &mut fields);
                at = self.open(rest, self.types[next]);
                next += 1;
            } else if let Some(rest) = line.strip_prefix("F ") {
                self.field(rest, &mut fields);
            }
        }
        self.finish(at, &mut fields);
        self.built
    }

    /// Stores the fields of the type that ends here.
    fn finish(&mut self, at: Option<NodeId>, fields: &mut BTreeMap<Box<str>, Field>) {
        let fields = std::mem::take(fields);
        if let Some(id) = at {
            let name = self.built.schema.node(id).name.clone();
            self.built.schema.set(id, Node { name, form: Form::Object { fields, preserve_unknown: false } });
        }
    }

    /// Opens a named type; returns it if fields follow.
    fn open(&mut self, rest: &str, id: NodeId) -> Option<NodeId> {
        let mut words = rest.split(' ');
        let name = words.next().unwrap_or_default();
        let mut published = Published::default();
        let mut leaf = None;
        for word in words {
            match word.split_at(1) {
                ("=", tag) => leaf = tag.bytes().next(),
                ("A", _) => self.built.schema.mark_atomic(id),
                ("C", _) => published.custom = true,
                ("U", json) => published.unions = serde_json::from_str(&json[1..]).ok(),
                ("K", gvk) => {
                    let mut parts = gvk[1..].split('/');
                    if let (Some(group), Some(version), Some(kind)) = (parts.next(), parts.next(), parts.next()) {
                        let gvk = Gvk::new(group, version, kind);
                        self.built.kinds.insert(gvk.clone(), id);
                        published.gvks.push(gvk);
                    }
                }
                _ => {}
            }
        }
        self.built.names.insert(name.into(), id);
        self.built.published.insert(id, published);
        let Some(tag) = leaf else { return Some(id) };
        self.built.schema.set(id, Node { name: name.into(), form: leaf_form(tag) });
        None
    }

    /// `name type flags…`, and the lines of an anonymous object if the type ends in `&`.
    fn field(&mut self, rest: &str, into: &mut BTreeMap<Box<str>, Field>) {
        let mut words = rest.split(' ');
        let (Some(name), Some(expression)) = (words.next(), words.next()) else { return };
        let inner = if expression.ends_with('&') { self.anonymous() } else { None };
        let node = self.expression(expression.as_bytes(), inner);
        let mut field = Field::of(node);
        field.atomic_map = self.built.schema.is_atomic(node);
        field.go.empty = Empty::Omit;
        for word in words {
            apply_flag(&mut field, word);
        }
        into.insert(name.into(), field);
    }

    /// `O` … `E`: the fields of an anonymous object, nested ones included.
    fn anonymous(&mut self) -> Option<NodeId> {
        let preserve_unknown = self.lines.next()? == "O +";
        let mut fields = BTreeMap::new();
        loop {
            let line = self.lines.next()?;
            match line.strip_prefix("F ") {
                Some(rest) => self.field(rest, &mut fields),
                None => break,
            }
        }
        let form = Form::Object { fields, preserve_unknown };
        Some(self.built.schema.add(Node { name: "".into(), form }))
    }

    fn expression(&mut self, text: &[u8], inner: Option<NodeId>) -> NodeId {
        match text {
            [b'@', number @ ..] => {
                let number = std::str::from_utf8(number).ok().and_then(|n| n.parse::<usize>().ok());
                number.and_then(|n| self.types.get(n).copied()).unwrap_or(self.types[0])
            }
            [tag @ (b'[' | b'{'), rest @ ..] => {
                let element = self.expression(rest, inner);
                let schema = &mut self.built.schema;
                *self.shared.entry((*tag, element)).or_insert_with(|| {
                    let form = if *tag == b'[' { Form::List(element) } else { Form::Map(element) };
                    schema.add(Node { name: "".into(), form })
                })
            }
            [tag, ..] if *tag != b'&' => {
                let schema = &mut self.built.schema;
                *self.leaves.entry(*tag).or_insert_with(|| schema.add(Node { name: "".into(), form: leaf_form(*tag) }))
            }
            _ => inner.unwrap_or(self.types[0]),
        }
    }
}

fn leaf_form(tag: u8) -> Form {
    Form::Scalar(match tag {
        b's' => Scalar::String,
        b'b' => Scalar::Boolean,
        b'i' => Scalar::Int32,
        b'l' => Scalar::Int64,
        b'd' => Scalar::Number,
        b'y' => Scalar::Bytes,
        b'q' => Scalar::Quantity,
        b'o' => Scalar::IntOrString,
        b't' => Scalar::Time,
        b'u' => Scalar::MicroTime,
        b'v' => Scalar::Duration,
        _ => return Form::Any,
    })
}

fn apply_flag(field: &mut Field, flag: &str) {
    let (head, rest) = flag.split_at(1);
    let rest = rest.strip_prefix(':').unwrap_or(rest);
    match head {
        "r" => field.required = true,
        "p" => field.go.pointer = true,
        "k" => field.go.empty = Empty::Write,
        "z" => field.go.empty = Empty::OmitZero,
        "g" => field.go.type_name = Some(rest.into()),
        "v" => field.go.via = Some(rest.into()),
        "A" => field.atomic_map = true,
        "G" => field.atomic_map = false,
        "P" => field.patch_merge = true,
        "R" => field.retain_keys = true,
        "K" => field.merge_key = Some(rest.into()),
        "D" => field.default = serde_json::from_str(rest).ok(),
        "L" => field.list = list_type(rest),
        _ => {}
    }
}

fn list_type(text: &str) -> Option<ListType> {
    match text.split_once(':') {
        Some((_, keys)) => Some(ListType::Map(keys.split(',').map(Into::into).collect())),
        None if text == "s" => Some(ListType::Set),
        None => Some(ListType::Atomic),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_there_and_has_its_fields() {
        let built = built_in();
        assert!(built.gvks().count() > 250 && built.schema.len() > 800);
        for (group, version, kind) in [
            ("", "v1", "Pod"),
            ("apps", "v1", "Deployment"),
            ("serving.knative.dev", "v1", "Revision"),
            ("serving.knative.dev", "v1beta1", "DomainMapping"),
            ("autoscaling.internal.knative.dev", "v1alpha1", "PodAutoscaler"),
            ("autoscaling.internal.knative.dev", "v1alpha1", "Metric"),
            ("networking.internal.knative.dev", "v1alpha1", "Ingress"),
            ("networking.internal.knative.dev", "v1alpha1", "ServerlessService"),
            ("networking.internal.knative.dev", "v1alpha1", "Certificate"),
            ("networking.internal.knative.dev", "v1alpha1", "ClusterDomainClaim"),
            ("serving.knative.dev", "v1", "Route"),
            ("serving.knative.dev", "v1", "Configuration"),
            ("serving.knative.dev", "v1", "Service"),
        ] {
            let id = built.kind(&Gvk::new(group, version, kind)).unwrap();
            let field = built.schema.field(id, "spec").unwrap();
            assert!(matches!(built.schema.node(field.node).form, Form::Object { .. }), "{kind}");
            assert_eq!(built.is_custom(id), group.ends_with("knative.dev"));
        }
    }

    #[test]
    fn lists_and_maps_know_their_keys() {
        let built = built_in();
        let field = |name: &str, field: &str| built.schema.field(built.named(name).unwrap(), field).unwrap().clone();
        let containers = field("io.k8s.api.core.v1.PodSpec", "containers");
        assert_eq!(containers.list, Some(ListType::Map(vec!["name".into()])));
        assert!(containers.patch_merge && containers.required && containers.merge_key.as_deref() == Some("name"));
        assert!(field("io.k8s.api.core.v1.PodSpec", "volumes").retain_keys);
        assert!(field("io.k8s.api.core.v1.ServiceSpec", "selector").atomic_map);
        assert!(field("io.k8s.api.apps.v1.DeploymentSpec", "selector").atomic_map);
        assert!(!field("io.k8s.api.core.v1.PersistentVolumeSpec", "claimRef").atomic_map);
        assert_eq!(field("io.k8s.api.core.v1.ContainerPort", "protocol").default, Some("TCP".into()));
        assert!(field("io.k8s.api.core.v1.PodSpec", "hostUsers").go.pointer);
        let reference = built.named("io.k8s.api.core.v1.LocalObjectReference").unwrap();
        assert!(built.schema.is_atomic(reference));
    }
}
