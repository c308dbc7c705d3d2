//! Objects that clients take for granted (api-surface.md Annex D): made at the first start, missing ones at every start.

use crate::clock;
use crate::decode::{Address, Form, Query};
use crate::registry::ids;
use crate::status::Outcome;
use crate::verbs::ask::Ask;
use crate::verbs::create::insert;
use crate::verbs::house::House;
use crate::verbs::write::Origin;
use serde_json::{Value, json};
use skiff_access::{RoleKind, User};
use skiff_engine::record::ResourceId;

/// Knative's settings, as its installation brings them.
const KNATIVE_MAPS: [&str; 12] = [
    "config-autoscaler",
    "config-certmanager",
    "config-defaults",
    "config-deployment",
    "config-domain",
    "config-features",
    "config-gc",
    "config-leader-election",
    "config-logging",
    "config-network",
    "config-observability",
    "config-tracing",
];

/// Makes what is missing.
///
/// # Errors
/// What the store or a validation says; then the server does not start.
pub async fn run(house: &House) -> Outcome<()> {
    for name in ["default", "kube-system", "kube-public", "kube-node-lease", "knative-serving"] {
        make(house, ids::NAMESPACES, json!({"metadata": {"name": name}})).await?;
    }
    for (kind, object) in skiff_access::bootstrap::objects() {
        let resource = match kind {
            RoleKind::Role => ids::ROLES,
            RoleKind::ClusterRole => ids::CLUSTER_ROLES,
            RoleKind::RoleBinding => ids::ROLE_BINDINGS,
            RoleKind::ClusterRoleBinding => ids::CLUSTER_ROLE_BINDINGS,
        };
        make(house, resource, object).await?;
    }
    for (name, value) in [("system-cluster-critical", 2_000_000_000), ("system-node-critical", 2_000_001_000)] {
        let text = if name.contains("node") {
            "Used for system critical pods that must not be moved from their current node."
        } else {
            "Used for system critical pods that must run in the cluster, but can be moved to another node if necessary."
        };
        make(house, ids::PRIORITY_CLASSES, json!({"metadata": {"name": name}, "value": value, "description": text})).await?;
    }
    for name in KNATIVE_MAPS {
        // Upstream's example is not here; the checksum of none refuses settings that are put into it by mistake.
        let mut map = json!({"metadata": {"name": name, "namespace": "knative-serving",
            "annotations": {"knative.dev/example-checksum": "00000000"},
            "labels": {"app.kubernetes.io/name": "knative-serving", "app.kubernetes.io/component": "controller"}}});
        if name == "config-autoscaler" {
            // Starting at zero costs nothing here, so it is allowed unless somebody says otherwise.
            map["data"] = json!({"allow-zero-initial-scale": "true"});
        }
        if name == "config-deployment" {
            // Knative's webhook wants an image named; no sidecar runs here.
            map["data"] = json!({"queue-sidecar-image": "skiff.local/no-queue-sidecar"});
        }
        make(house, ids::CONFIG_MAPS, map).await?;
    }
    let ranges = format!("{}/{}", crate::project::pod::ipv4(crate::agents::SERVICE_NETWORK), crate::agents::SERVICE_PREFIX);
    let range = json!({"metadata": {"name": "kubernetes"}, "spec": {"cidrs": [ranges]},
        "status": {"conditions": [{"type": "Ready", "status": "True", "reason": "", "lastTransitionTime": clock::now_rfc3339(),
            "message": "Kubernetes default Service CIDR is ready"}]}});
    store(house, ids::SERVICE_CIDRS, range).await?;
    let port = house.address.port();
    let address = crate::project::pod::ipv4(crate::agents::SERVICE_NETWORK + 1);
    let labels = json!({"component": "apiserver", "provider": "kubernetes"});
    let service = json!({"metadata": {"name": "kubernetes", "namespace": "default", "labels": labels},
        "spec": {"type": "ClusterIP", "clusterIP": address, "clusterIPs": [address],
            "ports": [{"name": "https", "port": 443, "protocol": "TCP", "targetPort": port}]}});
    make(house, ids::SERVICES, service).await?;
    let ip = house.address.ip().to_string();
    let endpoints = json!({"metadata": {"name": "kubernetes", "namespace": "default", "labels": {"endpointslice.kubernetes.io/skip-mirror": "true"}},
        "subsets": [{"addresses": [{"ip": ip}], "ports": [{"name": "https", "port": port, "protocol": "TCP"}]}]});
    // Upstream writes its own address whatever it is; ours may be loopback, which validation refuses to others.
    store(house, ids::ENDPOINTS, endpoints).await?;
    let slice = json!({"metadata": {"name": "kubernetes", "namespace": "default", "labels": {"kubernetes.io/service-name": "kubernetes"}},
        "addressType": "IPv4", "endpoints": [{"addresses": [ip], "conditions": {"ready": true}}],
        "ports": [{"name": "https", "port": port, "protocol": "TCP"}]});
    store(house, ids::ENDPOINT_SLICES, slice).await
}

/// Makes an object through the same station as a client's.
async fn make(house: &House, resource: ResourceId, object: Value) -> Outcome<()> {
    let Some(kind) = house.registry.kinds().of_id(resource).cloned() else { return Ok(()) };
    let key = crate::verbs::write::key_of(&kind, &object);
    if house.store.read().world.documents.get(resource, &key).is_some() {
        return Ok(());
    }
    let mut object = object;
    object["apiVersion"] = kind.resource.api_version().into();
    object["kind"] = kind.kind().into();
    let namespace = object.pointer("/metadata/namespace").and_then(Value::as_str).unwrap_or_default().to_owned();
    let address = Address {
        group: kind.group().into(),
        version: kind.resource.version.to_string(),
        namespace,
        resource: kind.resource.plural.to_string(),
        ..Address::default()
    };
    let ask = Ask {
        kind,
        address,
        query: Query::default(),
        user: User::admin(),
        user_agent: "kube-apiserver/v1.36.3".into(),
        form: Form::JSON,
        content_type: None,
        warnings: parking_lot::Mutex::new(Vec::new()),
    };
    insert(house, &ask, object, false, Origin::House).await.map(drop)
}

/// Stores an object that is ours alone, as it is.
async fn store(house: &House, resource: ResourceId, mut object: Value) -> Outcome<()> {
    let Some(kind) = house.registry.kinds().of_id(resource).cloned() else { return Ok(()) };
    let key = crate::verbs::write::key_of(&kind, &object);
    if house.store.read().world.documents.get(resource, &key).is_some() {
        return Ok(());
    }
    crate::verbs::write::begin_new(&mut object, &clock::now_rfc3339());
    let write = crate::verbs::companion::write_new(resource, &object);
    crate::verbs::write::commit(house, &kind, skiff_engine::command::Transaction { writes: vec![write] }).await.map(drop)
}
