//! The vocabulary of the tables: a Go type, a field, a struct. Knows neither JSON nor Kubernetes.

/// A Go type as far as JSON sees it.
#[derive(Debug)]
pub enum Ty {
    /// `string`
    Str,
    /// `bool`
    Bool,
    /// `int32`
    I32,
    /// `int64`
    I64,
    /// `time.Duration`, a number of nanoseconds in JSON
    Duration,
    /// `resource.Quantity`
    Quantity,
    /// `intstr.IntOrString`
    IntOrStr,
    /// `metav1.Time`
    Time,
    /// Kept as it is: a part that no rule of ours looks into.
    Any,
    /// `map[string]T`
    Map(&'static Ty),
    /// `[]T`
    List(&'static Ty),
    /// A struct
    Obj(&'static Struct),
}

/// A Go struct.
#[derive(Debug)]
pub struct Struct {
    /// Package, as Go prints it in `v1.Container`.
    pub package: &'static str,
    /// Name.
    pub name: &'static str,
    /// Fields in the order of their declaration.
    pub fields: &'static [Field],
}

/// A field of a struct.
#[derive(Debug)]
pub struct Field {
    /// Key in JSON; empty for an embedded struct.
    pub json: &'static str,
    /// Name in Go.
    pub go: &'static str,
    /// Type, without the pointer.
    pub ty: Ty,
    /// Whether Go leaves out the zero value.
    pub omit: bool,
    /// Whether it is a pointer.
    pub pointer: bool,
    /// What the CRD's schema says of it.
    pub schema: Schema,
}

/// What the structural schema of the CRD does with a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Schema {
    /// Declared, unknown fields below it are pruned.
    Declared,
    /// Declared with `x-kubernetes-preserve-unknown-fields`.
    Open,
    /// Not declared: pruned where the schema is closed.
    Unknown,
}

impl Field {
    /// Not in the schema of the CRD.
    #[must_use]
    pub const fn pruned(mut self) -> Self {
        self.schema = Schema::Unknown;
        self
    }

    /// The schema preserves everything below.
    #[must_use]
    pub const fn open(mut self) -> Self {
        self.schema = Schema::Open;
        self
    }

    /// Whether this is an embedded struct.
    #[must_use]
    pub const fn embedded(&self) -> bool {
        self.json.is_empty()
    }
}

/// `T`, left out when zero.
pub const fn opt(json: &'static str, go: &'static str, ty: Ty) -> Field {
    Field { json, go, ty, omit: true, pointer: false, schema: Schema::Declared }
}

/// `T`, always written.
pub const fn req(json: &'static str, go: &'static str, ty: Ty) -> Field {
    Field { json, go, ty, omit: false, pointer: false, schema: Schema::Declared }
}

/// `*T`, left out when nil.
pub const fn ptr(json: &'static str, go: &'static str, ty: Ty) -> Field {
    Field { json, go, ty, omit: true, pointer: true, schema: Schema::Declared }
}

/// An embedded struct.
pub const fn inline(go: &'static str, of: &'static Struct) -> Field {
    Field { json: "", go, ty: Ty::Obj(of), omit: true, pointer: false, schema: Schema::Declared }
}

impl Ty {
    /// The name Go prints for it.
    #[must_use]
    pub fn go_name(&self) -> String {
        match self {
            Self::Str => "string".into(),
            Self::Bool => "bool".into(),
            Self::I32 => "int32".into(),
            Self::I64 => "int64".into(),
            Self::Duration => "time.Duration".into(),
            Self::Quantity => "resource.Quantity".into(),
            Self::IntOrStr => "intstr.IntOrString".into(),
            Self::Time => "v1.Time".into(),
            Self::Any => "interface {}".into(),
            Self::Map(of) => format!("map[string]{}", of.go_name()),
            Self::List(of) => format!("[]{}", of.go_name()),
            Self::Obj(of) => of.go_name(),
        }
    }
}

impl Struct {
    /// `v1.Container`.
    #[must_use]
    pub fn go_name(&self) -> String {
        format!("{}.{}", self.package, self.name)
    }

    /// The field for a JSON key, with the Go names of the embedded structs it lies in.
    #[must_use]
    pub fn find(&'static self, key: &str) -> Option<(Vec<&'static str>, &'static Field)> {
        if let Some(own) = self.fields.iter().find(|f| f.json == key && !f.embedded()) {
            return Some((Vec::new(), own));
        }
        self.fields.iter().filter(|f| f.embedded()).find_map(|outer| match &outer.ty {
            Ty::Obj(inner) => inner.find(key).map(|(mut via, field)| {
                via.insert(0, outer.go);
                (via, field)
            }),
            _ => None,
        })
    }
}
