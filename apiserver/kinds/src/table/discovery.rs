//! Discovery documents as pure functions of the table and of the custom resources that exist at the moment.
//!
//! Fed by the router, which picks the form from the Accept header, adds ETag and caches. Knows no HTTP and no CRD: `extra` are
//! the custom resources as rows, each served version one row, in the order in which they should appear.

use super::{Resource, Subresource, resources};
use serde_json::{Map, Value, json};

/// Versions of the aggregated form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Aggregated {
    /// `apidiscovery.k8s.io/v2`
    V2,
    /// `apidiscovery.k8s.io/v2beta1`, for kubectl 1.26 to 1.29
    V2Beta1,
}

impl Aggregated {
    /// The `apiVersion` of the document.
    #[must_use]
    pub fn api_version(self) -> &'static str {
        match self {
            Aggregated::V2 => "apidiscovery.k8s.io/v2",
            Aggregated::V2Beta1 => "apidiscovery.k8s.io/v2beta1",
        }
    }

    /// The Content-Type that must go with it; clients take a document with another one for empty.
    #[must_use]
    pub fn content_type(self) -> &'static str {
        match self {
            Aggregated::V2 => "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList",
            Aggregated::V2Beta1 => "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList",
        }
    }
}

/// Upstream's order of built-in groups; a bare resource name means the first group that has it.
const GROUP_ORDER: [&str; 20] = [
    "apiregistration.k8s.io",
    "apps",
    "events.k8s.io",
    "authentication.k8s.io",
    "authorization.k8s.io",
    "autoscaling",
    "batch",
    "certificates.k8s.io",
    "networking.k8s.io",
    "policy",
    "rbac.authorization.k8s.io",
    "storage.k8s.io",
    "admissionregistration.k8s.io",
    "apiextensions.k8s.io",
    "scheduling.k8s.io",
    "coordination.k8s.io",
    "node.k8s.io",
    "discovery.k8s.io",
    "resource.k8s.io",
    "flowcontrol.apiserver.k8s.io",
];

/// Paths outside of groups that `/` lists.
const OTHER_PATHS: [&str; 14] = [
    "/.well-known/openid-configuration",
    "/api",
    "/api/v1",
    "/apis",
    "/apis/",
    "/healthz",
    "/livez",
    "/metrics",
    "/openapi/v2",
    "/openapi/v3",
    "/openapi/v3/",
    "/openid/v1/jwks",
    "/readyz",
    "/version",
];

/// Rank of a group among groups: built-in ones as upstream, then custom groups by name, then aggregated APIs of low priority.
fn group_rank(group: &str) -> usize {
    match GROUP_ORDER.iter().position(|g| *g == group) {
        Some(place) => place,
        None if group == "metrics.k8s.io" => GROUP_ORDER.len() + 1,
        None => GROUP_ORDER.len(),
    }
}

/// Upstream's order of versions: released before beta before alpha, then the higher number first.
fn version_rank(version: &str) -> (u8, u32, u32) {
    let Some(rest) = version.strip_prefix('v') else { return (0, 0, 0) };
    let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    let (major, stage) = rest.split_at(digits);
    let Ok(major) = major.parse() else { return (0, 0, 0) };
    let minor = |text: &str| text.parse().unwrap_or(0);
    match (stage, stage.strip_prefix("beta"), stage.strip_prefix("alpha")) {
        ("", ..) => (3, major, 0),
        (_, Some(number), _) => (2, major, minor(number)),
        (_, _, Some(number)) => (1, major, minor(number)),
        _ => (0, 0, 0),
    }
}

/// Built-in rows, then custom ones that do not repeat a built-in row.
fn all(extra: &[Resource]) -> impl Iterator<Item = &Resource> {
    let fresh = extra.iter().filter(|r| super::by_path(&r.group, &r.version, &r.plural).is_none());
    resources().iter().chain(fresh)
}

/// Names of all groups but core, in order.
#[must_use]
pub fn group_names(extra: &[Resource]) -> Vec<&str> {
    let mut names: Vec<&str> = all(extra).map(|r| r.group.as_ref()).filter(|g| !g.is_empty()).collect();
    names.sort_by_key(|g| (group_rank(g), *g));
    names.dedup();
    names
}

/// Versions of a group, the preferred one first; empty for an unknown group.
#[must_use]
pub fn group_versions<'a>(group: &str, extra: &'a [Resource]) -> Vec<&'a str> {
    let mut versions: Vec<&str> = all(extra).filter(|r| r.group == group).map(|r| r.version.as_ref()).collect();
    versions.sort_by(|a, b| version_rank(b).cmp(&version_rank(a)).then(a.cmp(b)));
    versions.dedup();
    versions
}

/// `/api`: an `APIVersions`, which upstream writes without an apiVersion.
#[must_use]
pub fn core_versions(server_address: &str) -> Value {
    json!({
        "kind": "APIVersions",
        "versions": ["v1"],
        "serverAddressByClientCIDRs": [{"clientCIDR": "0.0.0.0/0", "serverAddress": server_address}],
    })
}

fn group_body(name: &str, extra: &[Resource]) -> Map<String, Value> {
    let versions: Vec<Value> =
        group_versions(name, extra).iter().map(|v| json!({"groupVersion": format!("{name}/{v}"), "version": v})).collect();
    let preferred = versions.first().cloned().unwrap_or(Value::Null);
    let mut body = Map::new();
    body.insert("name".into(), name.into());
    body.insert("versions".into(), versions.into());
    body.insert("preferredVersion".into(), preferred);
    body
}

/// `/apis`: an `APIGroupList`.
#[must_use]
pub fn group_list(extra: &[Resource]) -> Value {
    let groups: Vec<Value> = group_names(extra).into_iter().map(|g| group_body(g, extra).into()).collect();
    json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": groups})
}

/// `/apis/{group}`: an `APIGroup`; `None` for an unknown group.
#[must_use]
pub fn group(name: &str, extra: &[Resource]) -> Option<Value> {
    if name.is_empty() || group_versions(name, extra).is_empty() {
        return None;
    }
    let mut document = Map::new();
    document.insert("kind".into(), "APIGroup".into());
    document.insert("apiVersion".into(), "v1".into());
    document.extend(group_body(name, extra));
    Some(document.into())
}

/// Rows of one group version in the order in which they are shown: by name, but custom resources as they come.
fn rows_of<'a>(group: &str, version: &str, extra: &'a [Resource]) -> Vec<&'a Resource> {
    let mut rows: Vec<&Resource> = all(extra).filter(|r| r.group == group && r.version == version).collect();
    if rows.iter().all(|r| !r.custom) {
        rows.sort_by(|a, b| a.plural.cmp(&b.plural));
    }
    rows
}

fn verb_names(row: &Resource) -> Value {
    if row.custom { row.verbs.custom_names().collect() } else { row.verbs.names().collect() }
}

/// The singular name that discovery shows; the metrics API gives none.
fn singular(row: &Resource) -> &str {
    if row.group == "metrics.k8s.io" { "" } else { &row.singular }
}

fn legacy_entry(row: &Resource) -> Value {
    let mut entry = Map::new();
    entry.insert("name".into(), row.plural.as_ref().into());
    entry.insert("singularName".into(), singular(row).into());
    entry.insert("namespaced".into(), row.namespaced.into());
    entry.insert("kind".into(), row.kind.as_ref().into());
    entry.insert("verbs".into(), verb_names(row));
    insert_names(&mut entry, row);
    if !row.storage_version_hash.is_empty() {
        entry.insert("storageVersionHash".into(), row.storage_version_hash.as_ref().into());
    }
    entry.into()
}

fn insert_names(entry: &mut Map<String, Value>, row: &Resource) {
    if !row.short_names.is_empty() {
        entry.insert("shortNames".into(), row.short_names.iter().map(AsRef::as_ref).collect());
    }
    if !row.categories.is_empty() {
        entry.insert("categories".into(), row.categories.iter().map(AsRef::as_ref).collect());
    }
}

fn legacy_subresource(row: &Resource, sub: &Subresource) -> Value {
    let mut entry = Map::new();
    entry.insert("name".into(), format!("{}/{}", row.plural, sub.name).into());
    entry.insert("singularName".into(), "".into());
    entry.insert("namespaced".into(), row.namespaced.into());
    if let Some((group, version)) = &sub.group_version {
        entry.insert("group".into(), group.as_ref().into());
        entry.insert("version".into(), version.as_ref().into());
    }
    entry.insert("kind".into(), sub.kind.as_ref().into());
    entry.insert("verbs".into(), sub.verbs.names().collect());
    entry.into()
}

/// `/api/v1` (group empty) and `/apis/{group}/{version}`: an `APIResourceList`; `None` for an unknown group version.
#[must_use]
pub fn resource_list(group: &str, version: &str, extra: &[Resource]) -> Option<Value> {
    let rows = rows_of(group, version, extra);
    if rows.is_empty() {
        return None;
    }
    let mut entries = Vec::new();
    for row in rows {
        entries.push(legacy_entry(row));
        entries.extend(row.subresources.iter().map(|sub| legacy_subresource(row, sub)));
    }
    let mut document = Map::new();
    document.insert("kind".into(), "APIResourceList".into());
    // The core list comes from an older encoder that leaves its apiVersion out.
    let group_version = if group.is_empty() { version.to_owned() } else { format!("{group}/{version}") };
    if !group.is_empty() {
        document.insert("apiVersion".into(), "v1".into());
    }
    document.insert("groupVersion".into(), group_version.into());
    document.insert("resources".into(), entries.into());
    Some(document.into())
}

/// The kind of an aggregated entry; empty names mean those of the enclosing entry, which custom resources spell out.
fn response_kind(row: &Resource, group_version: Option<(&str, &str)>, kind: &str) -> Value {
    let (group, version) = match group_version {
        Some(other) => other,
        None if row.custom => (row.group.as_ref(), row.version.as_ref()),
        None => ("", ""),
    };
    json!({"group": group, "version": version, "kind": kind})
}

fn aggregated_entry(row: &Resource) -> Value {
    let mut entry = Map::new();
    entry.insert("resource".into(), row.plural.as_ref().into());
    entry.insert("responseKind".into(), response_kind(row, None, &row.kind));
    entry.insert("scope".into(), if row.namespaced { "Namespaced" } else { "Cluster" }.into());
    entry.insert("singularResource".into(), singular(row).into());
    entry.insert("verbs".into(), verb_names(row));
    insert_names(&mut entry, row);
    if !row.subresources.is_empty() {
        let subs = row.subresources.iter().map(|sub| {
            let foreign = sub.group_version.as_ref().map(|(g, v)| (g.as_ref(), v.as_ref()));
            json!({
                "subresource": sub.name,
                "responseKind": response_kind(row, foreign, &sub.kind),
                "verbs": sub.verbs.names().collect::<Vec<_>>(),
            })
        });
        entry.insert("subresources".into(), subs.collect());
    }
    entry.into()
}

fn aggregated_group(name: &str, extra: &[Resource]) -> Value {
    let versions = group_versions(name, extra).into_iter().map(|version| {
        let entries: Vec<Value> = rows_of(name, version, extra).into_iter().map(aggregated_entry).collect();
        json!({"version": version, "resources": entries, "freshness": "Current"})
    });
    let versions: Vec<Value> = versions.collect();
    let metadata = if name.is_empty() { json!({}) } else { json!({"name": name}) };
    json!({"metadata": metadata, "versions": versions})
}

fn aggregated(form: Aggregated, items: Vec<Value>) -> Value {
    json!({"kind": "APIGroupDiscoveryList", "apiVersion": form.api_version(), "metadata": {}, "items": items})
}

/// The aggregated document of `/api`: core alone.
#[must_use]
pub fn aggregated_core(form: Aggregated) -> Value {
    aggregated(form, vec![aggregated_group("", &[])])
}

/// The aggregated document of `/apis`: every other group.
#[must_use]
pub fn aggregated_groups(form: Aggregated, extra: &[Resource]) -> Value {
    aggregated(form, group_names(extra).into_iter().map(|g| aggregated_group(g, extra)).collect())
}

/// `/`: all served paths, sorted.
#[must_use]
pub fn paths(extra: &[Resource]) -> Value {
    let mut paths: Vec<String> = OTHER_PATHS.iter().map(ToString::to_string).collect();
    for group in group_names(extra) {
        paths.push(format!("/apis/{group}"));
        paths.extend(group_versions(group, extra).iter().map(|v| format!("/apis/{group}/{v}")));
    }
    paths.sort();
    json!({"paths": paths})
}
