//! The variables that expressions of policies may use, with their types.

use skiff_custom::cel::types::{Names, Shape, Type};
use std::sync::Arc;

/// Fields of a type that is declared here; `?` before a name means that it is often absent, which types do not show.
#[derive(Debug)]
struct Declared {
    name: &'static str,
    fields: &'static [(&'static str, Kind)],
}

#[derive(Debug)]
enum Kind {
    Text,
    Bool,
    Int,
    Dyn,
    Timestamp,
    Texts,
    TextMap,
    TextsMap,
    One(&'static Declared),
    Many(&'static Declared),
}

impl Kind {
    fn of(&self) -> Type {
        match self {
            Kind::Text => Type::String,
            Kind::Bool => Type::Bool,
            Kind::Int => Type::Int,
            Kind::Dyn => Type::Dyn,
            Kind::Timestamp => Type::Timestamp,
            Kind::Texts => Type::list(Type::String),
            Kind::TextMap => Type::map(Type::String),
            Kind::TextsMap => Type::map(Type::list(Type::String)),
            Kind::One(declared) => Type::Object(Arc::new(Reference(declared))),
            Kind::Many(declared) => Type::list(Type::Object(Arc::new(Reference(declared)))),
        }
    }
}

#[derive(Debug)]
struct Reference(&'static Declared);

impl Shape for Reference {
    fn name(&self) -> &str {
        self.0.name
    }

    fn field(&self, name: &str) -> Option<Type> {
        self.0.fields.iter().find(|(field, _)| *field == name).map(|(_, kind)| kind.of())
    }
}

const KIND: Declared = Declared {
    name: "kubernetes.GroupVersionKind",
    fields: &[("group", Kind::Text), ("version", Kind::Text), ("kind", Kind::Text)],
};
const RESOURCE: Declared = Declared {
    name: "kubernetes.GroupVersionResource",
    fields: &[("group", Kind::Text), ("version", Kind::Text), ("resource", Kind::Text)],
};
const USER: Declared = Declared {
    name: "kubernetes.UserInfo",
    fields: &[("username", Kind::Text), ("uid", Kind::Text), ("groups", Kind::Texts), ("extra", Kind::TextsMap)],
};
const REQUEST: Declared = Declared {
    name: "kubernetes.AdmissionRequest",
    fields: &[
        ("kind", Kind::One(&KIND)),
        ("resource", Kind::One(&RESOURCE)),
        ("subResource", Kind::Text),
        ("requestKind", Kind::One(&KIND)),
        ("requestResource", Kind::One(&RESOURCE)),
        ("requestSubResource", Kind::Text),
        ("name", Kind::Text),
        ("namespace", Kind::Text),
        ("operation", Kind::Text),
        ("userInfo", Kind::One(&USER)),
        ("dryRun", Kind::Bool),
        ("options", Kind::Dyn),
    ],
};
const NAMESPACE_META: Declared = Declared {
    name: "kubernetes.NamespaceMetadata",
    fields: &[
        ("name", Kind::Text),
        ("generateName", Kind::Text),
        ("namespace", Kind::Text),
        ("labels", Kind::TextMap),
        ("annotations", Kind::TextMap),
        ("UID", Kind::Text),
        ("creationTimestamp", Kind::Timestamp),
        ("deletionGracePeriodSeconds", Kind::Int),
        ("deletionTimestamp", Kind::Timestamp),
        ("generation", Kind::Int),
        ("resourceVersion", Kind::Text),
        ("finalizers", Kind::Texts),
    ],
};
const CONDITION: Declared = Declared {
    name: "kubernetes.NamespaceCondition",
    fields: &[
        ("status", Kind::Text),
        ("type", Kind::Text),
        ("lastTransitionTime", Kind::Timestamp),
        ("message", Kind::Text),
        ("reason", Kind::Text),
    ],
};
const NAMESPACE_SPEC: Declared = Declared { name: "kubernetes.NamespaceSpec", fields: &[("finalizers", Kind::Texts)] };
const NAMESPACE_STATUS: Declared =
    Declared { name: "kubernetes.NamespaceStatus", fields: &[("conditions", Kind::Many(&CONDITION)), ("phase", Kind::Text)] };
const NAMESPACE: Declared = Declared {
    name: "kubernetes.Namespace",
    fields: &[
        ("metadata", Kind::One(&NAMESPACE_META)),
        ("spec", Kind::One(&NAMESPACE_SPEC)),
        ("status", Kind::One(&NAMESPACE_STATUS)),
    ],
};

/// A type that an expression makes up: `Object` with any fields, or `JSONPatch`.
#[derive(Debug)]
struct Constructed(String);

impl Shape for Constructed {
    fn name(&self) -> &str {
        &self.0
    }

    fn field(&self, name: &str) -> Option<Type> {
        match (self.0.as_str(), name) {
            ("JSONPatch", "op" | "path" | "from") => Some(Type::String),
            ("JSONPatch", "value") => Some(Type::Dyn),
            ("JSONPatch", _) => None,
            _ => Some(Type::Dyn),
        }
    }
}

/// The type of an expression that constructs a configuration.
pub(crate) fn constructed(name: &str) -> Type {
    Type::Object(Arc::new(Constructed(name.to_owned())))
}

/// `variables`: what has been compiled before.
#[derive(Clone, Debug, Default)]
pub(crate) struct Variables(Vec<(String, Type)>);

impl Shape for Variables {
    fn name(&self) -> &str {
        "kubernetes.variables"
    }

    fn field(&self, name: &str) -> Option<Type> {
        self.0.iter().rev().find(|(field, _)| field == name).map(|(_, found)| found.clone())
    }
}

/// What expressions of a policy may name.
#[derive(Clone, Debug)]
pub(crate) struct Environment {
    pub(crate) object: Type,
    /// The type of `params`; `None` where the policy takes none.
    pub(crate) params: Option<Type>,
    /// `authorizer` is there.
    pub(crate) authorizer: bool,
    /// `Object` and `JSONPatch` can be constructed.
    pub(crate) patches: bool,
    pub(crate) variables: Option<Variables>,
}

impl Environment {
    /// Of a policy whose objects are of any kind.
    pub(crate) fn untyped(params: bool) -> Environment {
        let params = params.then_some(Type::Dyn);
        Environment { object: Type::Dyn, params, authorizer: true, patches: false, variables: None }
    }

    /// With `variables`.
    pub(crate) fn composed(mut self) -> Environment {
        self.variables = Some(Variables::default());
        self
    }

    pub(crate) fn add_variable(&mut self, name: &str, found: Type) {
        self.variables.get_or_insert_default().0.push((name.to_owned(), found));
    }
}

impl Names for Environment {
    fn variable(&self, name: &str) -> Option<Type> {
        match name {
            "object" | "oldObject" => Some(self.object.clone()),
            "request" => Some(Kind::One(&REQUEST).of()),
            "namespaceObject" => Some(Kind::One(&NAMESPACE).of()),
            "params" => self.params.clone(),
            "authorizer" if self.authorizer => Some(Type::Opaque("kubernetes.authorization.Authorizer")),
            "authorizer.requestResource" if self.authorizer => Some(Type::Opaque("kubernetes.authorization.ResourceCheck")),
            "variables" => self.variables.clone().map(|variables| Type::Object(Arc::new(variables))),
            _ => None,
        }
    }

    fn message(&self, name: &str) -> Option<Arc<dyn Shape>> {
        let known = self.patches && (name == "JSONPatch" || name == "Object" || name.starts_with("Object."));
        known.then(|| Arc::new(Constructed(name.to_owned())) as Arc<dyn Shape>)
    }
}
