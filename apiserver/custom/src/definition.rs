//! A CustomResourceDefinition document, read: names, scope, and each served version with its compiled schema.
//!
//! Fed with documents that have passed the kind's own validation; gives the glue what it registers. Whether names clash with
//! others is `conditions`' business.

use crate::scale::ScalePaths;
use crate::structural;
use crate::tree::{RuleFault, Tree, array, flag, text};
use base64::Engine as _;
use serde_json::Value;
use sha2::{Digest, Sha256};
use skiff_kinds::show::{CustomColumns, custom_columns};
use skiff_kinds::table::{Resource, Text};
use skiff_schema::{NodeId, Schema};
use std::sync::Arc;

/// The names of a custom resource.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names {
    /// In paths.
    pub plural: String,
    /// For clients.
    pub singular: String,
    /// For kubectl.
    pub short: Vec<String>,
    /// Kind.
    pub kind: String,
    /// Kind of lists.
    pub list_kind: String,
    /// Groups of resources that kubectl knows by one name.
    pub categories: Vec<String>,
}

impl Names {
    /// From `spec.names` or `status.acceptedNames`.
    #[must_use]
    pub fn read(names: &Value) -> Names {
        let one = |field: &str| text(names, field).to_owned();
        let many = |field: &str| array(names, field).iter().filter_map(Value::as_str).map(str::to_owned).collect();
        Names {
            plural: one("plural"),
            singular: one("singular"),
            short: many("shortNames"),
            kind: one("kind"),
            list_kind: one("listKind"),
            categories: many("categories"),
        }
    }
}

/// A definition.
#[derive(Debug)]
pub struct Definition {
    /// Group.
    pub group: String,
    /// Names as they are wished for.
    pub names: Names,
    /// Objects live in namespaces.
    pub namespaced: bool,
    /// Served versions, in the order of the document.
    pub versions: Vec<Arc<Version>>,
    /// The name of the version that is stored.
    pub storage: String,
    /// Rules that do not compile; an accepted definition has none.
    pub faults: Vec<RuleFault>,
}

/// One served version, compiled.
#[derive(Debug)]
pub struct Version {
    /// Its name.
    pub name: String,
    /// What clients are warned of.
    pub warning: Option<String>,
    /// The type, for pruning and ownership.
    pub schema: Arc<Schema>,
    /// Its root.
    pub root: NodeId,
    /// The type, for defaults, validation and rules.
    pub tree: Tree,
    /// `openAPIV3Schema` as written.
    pub published: Value,
    /// Printer columns.
    pub columns: CustomColumns,
    /// `selectableFields`, with their leading dots.
    pub selectable: Vec<String>,
    /// There is a status subresource.
    pub status: bool,
    /// There is a scale subresource.
    pub scale: Option<ScalePaths>,
    /// The definition has changed since it was made: stored objects may lack defaults.
    pub changed: bool,
}

impl Definition {
    /// Reads and compiles a document.
    #[must_use]
    pub fn read(document: &Value) -> Definition {
        let spec = &document["spec"];
        let group = text(spec, "group").to_owned();
        let names = Names::read(&spec["names"]);
        let generation = document.pointer("/metadata/generation").and_then(Value::as_i64).unwrap_or(1);
        let written = array(spec, "versions");
        // Upstream moves a schema that all versions share up to the definition itself, and names it there in errors.
        let shared = written.iter().all(|v| v.get("schema") == written.first().and_then(|f| f.get("schema")));
        let mut definition = Definition {
            namespaced: text(spec, "scope") == "Namespaced",
            storage: written.iter().find(|v| flag(v, "storage")).map(|v| text(v, "name").to_owned()).unwrap_or_default(),
            versions: Vec::new(),
            faults: Vec::new(),
            group,
            names,
        };
        for (i, version) in written.iter().enumerate() {
            let schema = version.pointer("/schema/openAPIV3Schema").cloned().unwrap_or_default();
            let (tree, faults) = Tree::compile(&schema);
            if !shared || i == 0 {
                let head = if shared { "spec.validation".to_owned() } else { format!("spec.versions[{i}].schema") };
                let full = |f: RuleFault| RuleFault { place: format!("{head}.openAPIV3Schema{}", f.place), ..f };
                definition.faults.extend(faults.into_iter().map(full));
            }
            if flag(version, "served") {
                let version = definition.version(version, schema, tree, generation > 1);
                definition.versions.push(Arc::new(version));
            }
        }
        definition
    }

    fn version(&self, written: &Value, published: Value, tree: Tree, changed: bool) -> Version {
        let (schema, root) = structural::nodes(&tree);
        let name = text(written, "name").to_owned();
        let subresources = &written["subresources"];
        let warning = flag(written, "deprecated").then(|| match text(written, "deprecationWarning") {
            "" => format!("{}/{name} {} is deprecated", self.group, self.names.kind),
            given => given.to_owned(),
        });
        Version {
            name,
            warning,
            schema: Arc::new(schema),
            root,
            tree,
            published,
            columns: custom_columns(array(written, "additionalPrinterColumns")),
            selectable: array(written, "selectableFields").iter().map(|f| text(f, "jsonPath").to_owned()).collect(),
            status: subresources.get("status").is_some_and(Value::is_object),
            scale: subresources.get("scale").filter(|s| s.is_object()).map(ScalePaths::read),
            changed,
        }
    }

    /// The version that a lookup by kind gives: the stored one, or the first that is served.
    #[must_use]
    pub fn preferred(&self) -> Option<&str> {
        let stored = self.versions.iter().find(|v| v.name == self.storage);
        stored.or_else(|| self.versions.first()).map(|v| v.name.as_str())
    }

    /// The row of a version, under the names that were accepted.
    #[must_use]
    pub fn resource(&self, version: &Version, names: &Names) -> Resource {
        let owned = |list: &[String]| list.iter().map(|n| Text::Owned(n.clone())).collect();
        let mut row = Resource::new(self.group.clone(), version.name.clone(), self.names.kind.clone(), self.names.plural.clone());
        row.singular = names.singular.clone().into();
        row.list_kind = names.list_kind.clone().into();
        row.short_names = owned(&names.short);
        row.categories = owned(&names.categories);
        row.namespaced = self.namespaced;
        row.custom = true;
        row.preferred = self.preferred() == Some(version.name.as_str());
        row.storage_version_hash = self.storage_hash().into();
        if version.status {
            row = row.status();
        }
        if version.scale.is_some() {
            row = row.scale();
        }
        row
    }

    fn storage_hash(&self) -> String {
        let digest = Sha256::digest(format!("{}/{}/{}", self.group, self.storage, self.names.kind));
        base64::engine::general_purpose::STANDARD.encode(&digest[..8])
    }
}
