//! Small type models for the tests: a ConfigMap, a Deployment, a Service and a custom Gadget.

use crate::apply::topology::{Origin, Subject};
use skiff_schema::model::{Empty, GoField};
use skiff_schema::{Field, Form, ListType, Node, NodeId, Scalar, Schema};
use std::collections::BTreeMap;

/// A schema with its root.
pub struct Kind {
    schema: Schema,
    root: NodeId,
    origin: Origin,
}

impl Kind {
    pub fn subject(&self) -> Subject<'_> {
        Subject { schema: &self.schema, root: self.root, origin: self.origin }
    }
}

struct Types(Schema);

/// A Go field without `omitempty`, required by the API.
fn written(field: Field) -> Field {
    Field { required: true, go: GoField { empty: Empty::Write, ..GoField::default() }, ..field }
}

/// A Go struct embedded by value with `omitempty`.
fn embedded(field: Field) -> Field {
    Field { go: GoField { empty: Empty::Omit, ..GoField::default() }, ..field }
}

impl Types {
    fn node(&mut self, name: &str, form: Form) -> NodeId {
        self.0.add(Node { name: name.into(), form })
    }

    fn scalar(&mut self, scalar: Scalar) -> Field {
        Field::of(self.node("", Form::Scalar(scalar)))
    }

    fn text(&mut self) -> Field {
        self.scalar(Scalar::String)
    }

    fn object(&mut self, name: &str, fields: Vec<(&str, Field)>) -> NodeId {
        let fields = fields.into_iter().map(|(name, field)| (name.into(), field)).collect();
        self.node(name, Form::Object { fields, preserve_unknown: false })
    }

    fn texts(&mut self) -> Field {
        let text = self.text().node;
        Field::of(self.node("", Form::Map(text)))
    }

    fn list(&mut self, item: NodeId, list: Option<ListType>) -> Field {
        let node = self.node("", Form::List(item));
        Field { list, ..Field::of(node) }
    }

    fn keyed(&mut self, item: NodeId, keys: &[&str]) -> Field {
        self.list(item, Some(ListType::Map(keys.iter().map(|key| (*key).into()).collect())))
    }

    fn metadata(&mut self) -> Field {
        let (text, texts, time) = (self.text(), self.texts(), self.scalar(Scalar::Time));
        let owner = vec![("uid", text.clone()), ("name", text.clone()), ("kind", text.clone())];
        let owner = self.object("io.k8s.apimachinery.pkg.apis.meta.v1.OwnerReference", owner);
        self.0.mark_atomic(owner);
        let owners = self.keyed(owner, &["uid"]);
        let finalizers = self.list(text.node, Some(ListType::Set));
        let any = self.node("", Form::Any);
        let records = self.list(any, Some(ListType::Atomic));
        let fields = vec![
            ("name", text.clone()),
            ("namespace", text.clone()),
            ("uid", text.clone()),
            ("resourceVersion", text.clone()),
            ("generateName", text),
            ("creationTimestamp", time),
            ("labels", texts.clone()),
            ("annotations", texts),
            ("finalizers", finalizers),
            ("ownerReferences", owners),
            ("managedFields", records),
        ];
        Field::of(self.object("io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta", fields))
    }

    fn root(mut self, name: &str, origin: Origin, parts: Vec<(&str, Field)>) -> Kind {
        let (text, metadata) = (self.text(), self.metadata());
        let mut fields = vec![("apiVersion", text.clone()), ("kind", text), ("metadata", metadata)];
        fields.extend(parts);
        let root = self.object(name, fields);
        Kind { schema: self.0, root, origin }
    }
}

pub fn config_map() -> Kind {
    let mut types = Types(Schema::default());
    let data = types.texts();
    let immutable = types.scalar(Scalar::Boolean);
    types.root("io.k8s.api.core.v1.ConfigMap", Origin::BuiltIn, vec![("data", data), ("immutable", immutable)])
}

pub fn deployment() -> Kind {
    let mut types = Types(Schema::default());
    let t = &mut types;
    let (text, number, flag) = (t.text(), t.scalar(Scalar::Int32), t.scalar(Scalar::Boolean));
    let env = t.object("io.k8s.api.core.v1.EnvVar", vec![("name", text.clone()), ("value", text.clone())]);
    let envs = t.keyed(env, &["name"]);
    let protocol = Field { default: Some("TCP".into()), ..text.clone() };
    let port = vec![("containerPort", number.clone()), ("protocol", protocol), ("name", text.clone())];
    let port = t.object("io.k8s.api.core.v1.ContainerPort", port);
    let ports = t.keyed(port, &["containerPort", "protocol"]);
    let resources = t.object("io.k8s.api.core.v1.ResourceRequirements", vec![]);
    let container = vec![
        ("name", written(text.clone())),
        ("image", text.clone()),
        ("env", envs),
        ("ports", ports),
        ("resources", Field::of(resources)),
    ];
    let container = t.object("io.k8s.api.core.v1.Container", container);
    let containers = written(t.keyed(container, &["name"]));
    let reference = t.object("io.k8s.api.core.v1.LocalObjectReference", vec![("name", text.clone())]);
    t.0.mark_atomic(reference);
    let pull_secrets = t.keyed(reference, &["name"]);
    let node_selector = Field { atomic_map: true, ..t.texts() };
    let security = t.object("io.k8s.api.core.v1.PodSecurityContext", vec![]);
    let pod = vec![
        ("containers", containers),
        ("dnsPolicy", text.clone()),
        ("imagePullSecrets", pull_secrets),
        ("nodeSelector", node_selector),
        ("securityContext", Field::of(security)),
    ];
    let pod = Field::of(t.object("io.k8s.api.core.v1.PodSpec", pod));
    let metadata = t.metadata();
    let template =
        t.object("io.k8s.api.core.v1.PodTemplateSpec", vec![("metadata", embedded(metadata)), ("spec", embedded(pod))]);
    let labels = t.texts();
    let selector = t.object("io.k8s.apimachinery.pkg.apis.meta.v1.LabelSelector", vec![("matchLabels", labels)]);
    let surge = t.scalar(Scalar::IntOrString);
    let rolling = t.object("io.k8s.api.apps.v1.RollingUpdateDeployment", vec![("maxSurge", surge)]);
    let strategy = vec![("type", text.clone()), ("rollingUpdate", Field::of(rolling))];
    let strategy = t.object("io.k8s.api.apps.v1.DeploymentStrategy", strategy);
    let condition = t.object("", vec![("type", text.clone()), ("status", text)]);
    let conditions = t.keyed(condition, &["type"]);
    let spec = vec![
        ("replicas", number.clone()),
        ("paused", flag),
        ("selector", Field { required: true, atomic_map: true, ..Field::of(selector) }),
        ("template", written(Field::of(template))),
        ("strategy", embedded(Field::of(strategy))),
    ];
    let spec = Field::of(t.object("io.k8s.api.apps.v1.DeploymentSpec", spec));
    let status = vec![("replicas", number), ("conditions", conditions)];
    let status = Field::of(t.object("io.k8s.api.apps.v1.DeploymentStatus", status));
    types.root("io.k8s.api.apps.v1.Deployment", Origin::BuiltIn, vec![("spec", embedded(spec)), ("status", embedded(status))])
}

/// The custom resource of crd.json.
pub fn gadget() -> Kind {
    let mut types = Types(Schema::default());
    let t = &mut types;
    let (text, number) = (t.text(), t.scalar(Scalar::Int64));
    let item = t.object("", vec![("name", text.clone()), ("v", number.clone())]);
    let items = t.keyed(item, &["name"]);
    let tags = t.list(text.node, Some(ListType::Set));
    let free = Field::of(t.node("", Form::Object { fields: BTreeMap::new(), preserve_unknown: true }));
    let spec = vec![("color", text.clone()), ("size", number.clone()), ("items", items), ("tags", tags), ("free", free)];
    let spec = Field::of(t.object("", spec));
    let status = Field::of(t.object("", vec![("phase", text), ("replicas", number)]));
    types.root("", Origin::Custom, vec![("spec", spec), ("status", status)])
}
