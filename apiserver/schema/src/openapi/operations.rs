//! The paths of a resource and what can be done there, independent of the version of OpenAPI.

use super::{ResourceDoc, SubresourceDoc};
use crate::gvk::Gvk;
use serde_json::{Map, Value};

/// A query or path parameter.
#[derive(Clone, Copy)]
pub(super) struct Parameter {
    pub name: &'static str,
    pub kind: &'static str,
    pub about: &'static str,
}

const fn parameter(name: &'static str, kind: &'static str, about: &'static str) -> Parameter {
    Parameter { name, kind, about }
}

const DRY_RUN: Parameter = parameter("dryRun", "string", "With the value All nothing is persisted; everything else is done.");
const MANAGER: Parameter =
    parameter("fieldManager", "string", "The name of the actor that makes these changes, for managedFields.");
const VALIDATION: Parameter =
    parameter("fieldValidation", "string", "What to do about unknown and duplicate fields: Ignore, Warn or Strict.");
const FORCE: Parameter = parameter("force", "boolean", "Take over conflicting fields. Only for apply patches.");
const CONTINUE: Parameter = parameter("continue", "string", "Where the list goes on, from the metadata of the page before.");
const FIELDS: Parameter = parameter("fieldSelector", "string", "Only objects whose fields match.");
const LABELS: Parameter = parameter("labelSelector", "string", "Only objects whose labels match.");
const LIMIT: Parameter = parameter("limit", "integer", "The largest number of items in one page.");
const VERSION: Parameter = parameter("resourceVersion", "string", "The version to read at or to watch from.");
const VERSION_MATCH: Parameter =
    parameter("resourceVersionMatch", "string", "How resourceVersion is meant: Exact or NotOlderThan.");
const TIMEOUT: Parameter = parameter("timeoutSeconds", "integer", "The longest time that the call may take.");
const BOOKMARKS: Parameter = parameter("allowWatchBookmarks", "boolean", "Send bookmark events in a watch.");
const INITIAL: Parameter = parameter("sendInitialEvents", "boolean", "Begin a watch with the objects that there are.");
const WATCH: Parameter = parameter("watch", "boolean", "Go on with the changes to what is listed.");
const GRACE: Parameter = parameter("gracePeriodSeconds", "integer", "Seconds before the object is gone; zero is at once.");
const ORPHAN: Parameter = parameter("orphanDependents", "boolean", "Deprecated: use propagationPolicy.");
const PROPAGATION: Parameter =
    parameter("propagationPolicy", "string", "What becomes of dependents: Orphan, Background or Foreground.");

const LIST: &[Parameter] = &[BOOKMARKS, CONTINUE, FIELDS, LABELS, LIMIT, VERSION, VERSION_MATCH, INITIAL, TIMEOUT, WATCH];
const WRITE: &[Parameter] = &[DRY_RUN, MANAGER, VALIDATION];
const PATCH: &[Parameter] = &[DRY_RUN, MANAGER, VALIDATION, FORCE];
const DELETE: &[Parameter] = &[DRY_RUN, GRACE, ORPHAN, PROPAGATION];
const DELETE_COLLECTION: &[Parameter] =
    &[CONTINUE, DRY_RUN, FIELDS, GRACE, LABELS, LIMIT, ORPHAN, PROPAGATION, VERSION, VERSION_MATCH, INITIAL, TIMEOUT];

pub(super) const PRETTY: Parameter = parameter("pretty", "string", "If 'true', the output is indented.");
pub(super) const NAME: Parameter = parameter("name", "string", "The name of the object.");
pub(super) const NAMESPACE: Parameter = parameter("namespace", "string", "The namespace of the object.");

/// What goes in or comes out.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Body {
    Nothing,
    /// A stream or text.
    Text,
    Object,
    Other(Gvk),
    List,
    Status,
    DeleteOptions,
    Patch,
}

/// One method of one path.
pub(super) struct Operation {
    pub method: &'static str,
    /// `x-kubernetes-action`.
    pub action: &'static str,
    pub id: String,
    pub about: String,
    /// `x-kubernetes-group-version-kind`.
    pub gvk: Gvk,
    pub query: &'static [Parameter],
    pub body: Body,
    pub answer: Body,
    pub codes: &'static [&'static str],
}

/// One path.
pub(super) struct Path {
    pub path: String,
    pub parameters: Vec<Parameter>,
    pub operations: Vec<Operation>,
}

/// `apps_v1`, the tag of a group version's operations.
pub(super) fn tag(gvk: &Gvk) -> String {
    let group = gvk.group.strip_suffix(".k8s.io").unwrap_or(&gvk.group);
    let group = if group.is_empty() { "core" } else { group };
    format!("{}_{}", camel(group, false), gvk.version)
}

/// `rbac.authorization` → `RbacAuthorization`.
fn camel(text: &str, first: bool) -> String {
    let mut out = String::new();
    let mut up = first;
    for c in text.chars() {
        if c == '.' || c == '-' || c == '_' {
            up = true;
        } else if up {
            out.extend(c.to_uppercase());
            up = false;
        } else {
            out.push(c);
        }
    }
    out
}

/// The `paths` of a document: each operation and each parameter in the words of its version of OpenAPI.
pub(super) fn render<'a>(
    resources: &'a [ResourceDoc<'a>],
    parameter: impl Fn(&Parameter, &str) -> Value,
    mut operation: impl FnMut(&Operation, &'a ResourceDoc<'a>) -> Value,
) -> Map<String, Value> {
    let mut out = Map::new();
    for doc in resources {
        for path in paths(doc) {
            let mut item: Map<String, Value> =
                path.operations.iter().map(|found| (found.method.to_owned(), operation(found, doc))).collect();
            let shared: Vec<Value> = path.parameters.iter().map(|p| parameter(p, &path.path)).collect();
            item.insert("parameters".to_owned(), shared.into());
            out.insert(path.path, Value::Object(item));
        }
    }
    out
}

/// All paths of a resource.
fn paths(doc: &ResourceDoc<'_>) -> Vec<Path> {
    let base = doc.base();
    let scope = if doc.namespaced { "/namespaces/{namespace}" } else { "" };
    let mut shared = vec![PRETTY];
    if doc.namespaced {
        shared.insert(0, NAMESPACE);
    }
    let collection = ["list", "create", "deletecollection"].iter().filter_map(|verb| operation(doc, verb, false)).collect();
    let mut out =
        vec![Path { path: format!("{base}{scope}/{}", doc.plural), parameters: shared.clone(), operations: collection }];
    if doc.namespaced
        && let Some(list) = operation(doc, "list", true)
    {
        out.push(Path { path: format!("{base}/{}", doc.plural), parameters: vec![PRETTY], operations: vec![list] });
    }
    shared.insert(0, NAME);
    let item = format!("{base}{scope}/{}/{{name}}", doc.plural);
    let single = ["get", "update", "patch", "delete"].iter().filter_map(|verb| operation(doc, verb, false)).collect();
    out.push(Path { path: item.clone(), parameters: shared.clone(), operations: single });
    for sub in &doc.subresources {
        let operations = sub.verbs.iter().flat_map(|verb| subresource(doc, sub, verb)).collect();
        out.push(Path { path: format!("{item}/{}", sub.name), parameters: shared.clone(), operations });
    }
    out.retain(|path| !path.operations.is_empty());
    out
}

/// Method, action, verb of the id, query, body, answer, codes.
type Row = (&'static str, &'static str, &'static str, &'static [Parameter], Body, Body, &'static [&'static str]);

fn row(verb: &str) -> Option<Row> {
    Some(match verb {
        "list" => ("get", "list", "list", LIST, Body::Nothing, Body::List, &["200"]),
        "get" => ("get", "get", "read", &[], Body::Nothing, Body::Object, &["200"]),
        "create" => ("post", "post", "create", WRITE, Body::Object, Body::Object, &["200", "201", "202"]),
        "update" => ("put", "put", "replace", WRITE, Body::Object, Body::Object, &["200", "201"]),
        "patch" => ("patch", "patch", "patch", PATCH, Body::Patch, Body::Object, &["200", "201"]),
        "delete" => ("delete", "delete", "delete", DELETE, Body::DeleteOptions, Body::Status, &["200", "202"]),
        "deletecollection" => {
            ("delete", "deletecollection", "delete", DELETE_COLLECTION, Body::DeleteOptions, Body::Status, &["200"])
        }
        _ => return None,
    })
}

fn operation(doc: &ResourceDoc<'_>, verb: &str, everywhere: bool) -> Option<Operation> {
    if !doc.verbs.contains(&verb) {
        return None;
    }
    let (method, action, said, query, body, answer, codes) = row(verb)?;
    let group_version = camel(&tag(&doc.gvk), true);
    let collection = if verb == "deletecollection" { "Collection" } else { "" };
    let scope = if doc.namespaced && !everywhere { "Namespaced" } else { "" };
    let suffix = if everywhere { "ForAllNamespaces" } else { "" };
    let kind = &doc.gvk.kind;
    Some(Operation {
        method,
        action,
        id: format!("{said}{group_version}{collection}{scope}{kind}{suffix}"),
        about: format!(
            "{action} {} of kind {kind}",
            if verb.ends_with('e') || verb == "get" || verb == "patch" { "an object" } else { "objects" }
        ),
        gvk: doc.gvk.clone(),
        query,
        body,
        answer,
        codes,
    })
}

fn subresource(doc: &ResourceDoc<'_>, sub: &SubresourceDoc<'_>, verb: &str) -> Vec<Operation> {
    let group_version = camel(&tag(&doc.gvk), true);
    let scope = if doc.namespaced { "Namespaced" } else { "" };
    let noun = format!("{scope}{}{}", doc.gvk.kind, camel(sub.name, true));
    let gvk = sub.gvk.clone().unwrap_or_else(|| doc.gvk.clone());
    if verb == "connect" {
        let connect = |method: &'static str, said: &str| Operation {
            method,
            action: "connect",
            id: format!("connect{group_version}{said}{noun}"),
            about: format!("connect to {} of {}", sub.name, doc.gvk.kind),
            gvk: gvk.clone(),
            query: &[],
            body: Body::Nothing,
            answer: Body::Text,
            codes: &["200"],
        };
        return vec![connect("get", "Get"), connect("post", "Post")];
    }
    let Some((method, action, said, query, body, answer, codes)) = row(verb) else { return Vec::new() };
    let own = |body: Body| match (&sub.gvk, body) {
        (Some(gvk), Body::Object) => Body::Other(gvk.clone()),
        (_, body) => body,
    };
    vec![Operation {
        method,
        action,
        id: format!("{said}{group_version}{noun}"),
        about: format!("{action} {} of {}", sub.name, doc.gvk.kind),
        gvk,
        query,
        body: own(body),
        answer: own(answer),
        codes,
    }]
}

/// The content types of patches.
pub(super) fn patch_types(custom: bool) -> Vec<&'static str> {
    let all = [
        "application/apply-patch+yaml",
        "application/json-patch+json",
        "application/merge-patch+json",
        "application/strategic-merge-patch+json",
    ];
    all.into_iter().filter(|kind| !custom || !kind.contains("strategic")).collect()
}

/// The content types of objects.
pub(super) fn object_types(custom: bool) -> &'static [&'static str] {
    let all = &["application/json", "application/yaml", "application/vnd.kubernetes.protobuf"];
    if custom { &all[..2] } else { all }
}
