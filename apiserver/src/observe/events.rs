//! Events: what happened to sandboxes, in the words that `kubectl describe` shows. Memory only, bounded, best effort.

use crate::clock;
use crate::project::knative::{Story, Tale};
use crate::project::name;
use crate::registry::{Kind, ids};
use crate::store::Core;
use crate::verbs::house::House;
use crate::verbs::write::put;
use serde_json::{Value, json};
use skiff_engine::Said;
use skiff_engine::command::Transaction;
use skiff_engine::record::{Expect, Write};
use skiff_engine::wire::{ContainerReport, ContainerState, SandboxKey, SandboxReport, SandboxState};
use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::mpsc;

/// Events kept at most; the oldest go first. Upstream keeps them for an hour.
pub const EVENTS_MAX: usize = 20_000;
/// Events recorded in one second; more are dropped, so that a burst of sandboxes is not slowed by its own story.
const PER_SECOND_MAX: u64 = 200;

static RECORDED: AtomicU64 = AtomicU64::new(0);
/// The number in the name of the last Event that was told once.
static NAMED: AtomicU64 = AtomicU64::new(0);

/// One Event to be.
struct Happened {
    kind: Cow<'static, str>,
    api_version: Cow<'static, str>,
    /// Empty if it lives in none.
    namespace: String,
    name: String,
    uid: u128,
    field_path: Option<String>,
    reason: &'static str,
    message: String,
    warning: bool,
    component: &'static str,
    host: String,
    /// It is never said again: named by its time, as upstream names all, so that a list has them in order.
    once: bool,
}

/// Turns what the engine said into Events until the queue closes.
pub async fn run(house: Arc<House>, mut said: mpsc::Receiver<(u64, Said)>) {
    let mut batch = Vec::new();
    let told = house.store.read().index.knative.told();
    loop {
        batch.clear();
        tokio::select! {
            count = said.recv_many(&mut batch, 64) => if count == 0 { return },
            () = told.notified() => {}
        }
        let happened: Vec<Happened> = {
            let core = house.store.read();
            let stories = core.index.knative.take_stories().into_iter().filter_map(of_story);
            stories.chain(batch.iter().filter_map(|(_, said)| of_said(&core, said))).collect()
        };
        record(&house, happened);
    }
}

fn of_story(story: Story) -> Option<Happened> {
    let (kind, api_version, component) = match story.about {
        ids::KSERVICES => ("Service", "serving.knative.dev/v1", "service-controller"),
        ids::CONFIGURATIONS => ("Configuration", "serving.knative.dev/v1", "configuration-controller"),
        ids::REVISIONS => ("Revision", "serving.knative.dev/v1", "revision-controller"),
        ids::ROUTES => ("Route", "serving.knative.dev/v1", "route-controller"),
        ids::DOMAIN_MAPPINGS => ("DomainMapping", "serving.knative.dev/v1beta1", "domainmapping-controller"),
        _ => return None,
    };
    let (namespace, name) = story.key.split_once('/')?;
    let (reason, message) = match &story.tale {
        Tale::Created { what, name } => ("Created", format!("Created {what} {name:?}")),
        Tale::FinalizerSet => ("FinalizerUpdate", format!("Updated {name:?} finalizers")),
        Tale::RevisionReady => ("RevisionReady", "Revision becomes ready upon all resources being ready".to_owned()),
        Tale::ConfigurationReady => ("ConfigurationReady", "Configuration becomes ready".to_owned()),
        Tale::LatestReady(revision) => ("LatestReadyUpdate", format!("LatestReadyRevisionName updated to {revision:?}")),
        Tale::LatestFailed(revision) => ("LatestCreatedFailed", format!("Latest created revision {revision:?} has failed")),
        Tale::NotOwner(child) => ("InternalError", format!("service: {name:?} does not own {child}: {name:?}")),
    };
    Some(Happened {
        kind: kind.into(),
        api_version: api_version.into(),
        namespace: namespace.to_owned(),
        name: name.to_owned(),
        uid: story.uid,
        field_path: None,
        reason,
        message,
        warning: matches!(story.tale, Tale::LatestFailed(_) | Tale::NotOwner(_)),
        component,
        host: String::new(),
        once: true,
    })
}

fn of_said(core: &Core, said: &Said) -> Option<Happened> {
    match said {
        Said::Placed(key) => {
            let sandbox = core.world.sandboxes.get(core.world.sandboxes.find(*key)?);
            let host = core.host_of(sandbox)?.name;
            let mut event = of_pod(core, *key)?;
            event.message = format!("Successfully assigned {}/{} to {host}", event.namespace, event.name);
            Some(Happened { reason: "Scheduled", component: "default-scheduler", ..event })
        }
        Said::NoRoom(key) => {
            let event = of_pod(core, *key)?;
            let nodes = core.world.nodes.iter().filter(|n| !n.dropped).count();
            let message = format!("0/{nodes} nodes are available: no node has room for the pod.");
            Some(Happened { reason: "FailedScheduling", message, warning: true, component: "default-scheduler", ..event })
        }
        Said::Made(key) => of_owner(core, *key, "SuccessfulCreate", "Created pod: "),
        Said::Stopped(key) => of_owner(core, *key, "SuccessfulDelete", "Deleted pod: "),
        Said::Scaled { revision, from, to } => {
            let template = core.index.template(*revision)?;
            let function = core.world.revisions.get(revision)?.function;
            let (resource, key) = core.index.location(function)?;
            if resource != ids::DEPLOYMENTS {
                return None;
            }
            let document = core.world.documents.get(resource, &key)?;
            let (namespace, deployment) = key.split_once('/')?;
            let way = if to > from { "up" } else { "down" };
            Some(Happened {
                kind: "Deployment".into(),
                api_version: "apps/v1".into(),
                namespace: namespace.into(),
                name: deployment.into(),
                uid: document.uid,
                field_path: None,
                reason: "ScalingReplicaSet",
                message: format!("Scaled {way} replica set {} from {from} to {to}", template.prefix),
                warning: false,
                component: "deployment-controller",
                host: String::new(),
                once: false,
            })
        }
    }
}

fn of_pod(core: &Core, key: SandboxKey) -> Option<Happened> {
    let template = core.index.template(key.revision)?;
    let own = core.is_own_pod(key.revision);
    let (name, uid) =
        if own { (template.prefix.clone(), template.owner_uid) } else { (template.pod_name(key.seq), template.pod_uid(key.seq)) };
    Some(Happened {
        kind: "Pod".into(),
        api_version: "v1".into(),
        namespace: template.namespace.clone(),
        name,
        uid,
        field_path: None,
        reason: "",
        message: String::new(),
        warning: false,
        component: "kubelet",
        host: String::new(),
        once: false,
    })
}

fn of_owner(core: &Core, key: SandboxKey, reason: &'static str, text: &str) -> Option<Happened> {
    let template = core.index.template(key.revision)?;
    let (resource, _) = core.index.location(key.revision)?;
    if resource != ids::REPLICA_SETS {
        return None;
    }
    Some(Happened {
        kind: "ReplicaSet".into(),
        api_version: "apps/v1".into(),
        namespace: template.namespace.clone(),
        name: template.prefix.clone(),
        uid: template.owner_uid,
        field_path: None,
        reason,
        message: format!("{text}{}", template.pod_name(key.seq)),
        warning: false,
        component: "replicaset-controller",
        host: String::new(),
        once: false,
    })
}

/// A cold request was served: its stages, on the Revision that the user knows.
pub fn of_cold(house: &House, key: SandboxKey, stages_us: &[(String, u32)]) {
    let of = |core: &Core| {
        let (_, revision) = core.index.location(key.revision)?;
        let name = revision.split_once('/')?.1.to_owned();
        let uid = core.world.documents.get(ids::REVISIONS, &revision)?.uid;
        let stages: Vec<String> = stages_us.iter().map(|(stage, us)| format!("{stage} {:.1} ms", f64::from(*us) / 1e3)).collect();
        let message = format!("Cold request served: {}", stages.join(", "));
        Some(Happened {
            kind: "Revision".into(),
            api_version: "serving.knative.dev/v1".into(),
            name,
            uid,
            reason: "ColdStart",
            message,
            component: "skiff-gateway",
            ..of_pod(core, key)?
        })
    };
    let happened = of(&house.store.read());
    record(house, happened.into_iter().collect());
}

/// An object was made that nobody acts on, or not in all that it asks for: it says so where whoever made it looks.
pub fn of_idle(house: &House, kind: &Kind, object: &Value) {
    let name = kind.kind();
    let message = match crate::admit::policies::blind_spot(kind.id, object) {
        Some(message) => message,
        None if kind.resource.acted_on => return,
        None => format!("Skiff keeps this {name} as a document; no controller acts on it."),
    };
    let text = |field: &str| object.pointer(field).and_then(Value::as_str).unwrap_or_default();
    record(
        house,
        vec![Happened {
            kind: name.to_owned().into(),
            api_version: kind.resource.api_version().into(),
            namespace: text("/metadata/namespace").to_owned(),
            name: text("/metadata/name").to_owned(),
            uid: name::uid_of(text("/metadata/uid")),
            field_path: None,
            reason: "NotSupported",
            message,
            warning: true,
            component: "skiff",
            host: String::new(),
            once: false,
        }],
    );
}

/// What nodes reported of containers.
pub fn of_reports(house: &House, node: &str, reports: &[SandboxReport]) {
    let happened: Vec<Happened> = {
        let core = house.store.read();
        let of = |report: &SandboxReport| -> Vec<Happened> {
            let mut events = Vec::new();
            let Some(template) = core.index.template(report.key.revision) else { return events };
            let mut say = |container: &str, reason, message: String, warning| {
                if let Some(event) = of_pod(&core, report.key) {
                    let field_path = Some(format!("spec.containers{{{container}}}"));
                    events.push(Happened { reason, message, warning, field_path, host: node.into(), ..event });
                }
            };
            if report.stages.is_some() && matches!(report.state, SandboxState::Ready | SandboxState::Running) {
                for face in template.faces.iter().filter(|f| !f.init) {
                    say(&face.name, "Pulled", format!("Container image {:?} already present on machine", face.image), false);
                    say(&face.name, "Created", format!("Container created: {}", face.name), false);
                    say(&face.name, "Started", format!("Container started: {}", face.name), false);
                }
            }
            for container in &report.containers {
                let asked = matches!(&container.state, ContainerState::Waiting { reason, .. } if reason == "ErrImagePull");
                if asked {
                    say(&container.name, "Pulling", format!("Pulling image {:?}", container.image), false);
                }
                if let Some((reason, message)) = trouble(container) {
                    say(&container.name, reason, message, true);
                }
            }
            events
        };
        reports.iter().flat_map(of).collect()
    };
    record(house, happened);
}

fn trouble(container: &ContainerReport) -> Option<(&'static str, String)> {
    let ContainerState::Waiting { reason, message } = &container.state else { return None };
    match reason.as_str() {
        "ErrImagePull" => Some(("Failed", format!("Failed to pull image {:?}: {message}", container.image))),
        "ImagePullBackOff" | "CrashLoopBackOff" => Some(("BackOff", message.clone())),
        "CreateContainerConfigError" | "CreateContainerError" | "RunContainerError" | "ErrImageNeverPull" => {
            Some(("Failed", format!("Error: {message}")))
        }
        _ => None,
    }
}

/// Whether one more Event may be recorded in this second.
fn admitted(now_s: u64) -> bool {
    // The second in the high bits, the count in the low ones.
    let before = RECORDED.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |word| {
        if word >> 16 == now_s { (word & 0xffff < PER_SECOND_MAX).then_some(word + 1) } else { Some(now_s << 16 | 1) }
    });
    before.is_ok()
}

fn record(house: &House, happened: Vec<Happened>) {
    let now_ms = clock::now_ms();
    let writes: Vec<Write> =
        happened.into_iter().filter(|_| admitted(now_ms / 1000)).map(|event| write(house, event, now_ms)).collect();
    if !writes.is_empty() {
        // Events expect nothing, so nothing can clash.
        let _ = house.store.commit_ephemeral(&Transaction { writes });
    }
}

/// An Event is named by what it says, so that a repetition raises its count, unless there is none.
fn write(house: &House, event: Happened, now_ms: u64) -> Write {
    let number = if event.once {
        // Nanoseconds, or the next number when several are told within one millisecond.
        let now = now_ms * 1_000_000;
        let last = NAMED.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |last| Some(now.max(last + 1)));
        now.max(last.unwrap_or_default() + 1)
    } else {
        name::digest(&[event.uid.to_be_bytes().as_slice(), event.reason.as_bytes(), event.message.as_bytes()])
    };
    let event_name = format!("{}.{number:016x}", event.name);
    let namespace = if event.namespace.is_empty() { "default" } else { event.namespace.as_str() };
    let key = format!("{namespace}/{event_name}");
    let now = clock::rfc3339(now_ms / 1000);
    let before = house.store.read().world.documents.get(ids::EVENTS, &key).map(|d| crate::store::body::unpack(&d.body));
    let count = before.as_ref().and_then(|b| b.get("count")).and_then(Value::as_i64).unwrap_or(0) + 1;
    let first = before.as_ref().and_then(|b| b.get("firstTimestamp").cloned()).unwrap_or_else(|| now.clone().into());
    let uid = before
        .as_ref()
        .and_then(|b| b.pointer("/metadata/uid").cloned())
        .unwrap_or_else(|| name::uid_text(name::new_uid()).into());
    let mut involved = json!({"kind": event.kind});
    if !event.namespace.is_empty() {
        involved["namespace"] = namespace.into();
    }
    involved["name"] = event.name.into();
    involved["uid"] = name::uid_text(event.uid).into();
    involved["apiVersion"] = event.api_version.into();
    if let Some(path) = event.field_path {
        involved["fieldPath"] = path.into();
    }
    let mut source = json!({"component": event.component});
    if !event.host.is_empty() {
        source["host"] = event.host.clone().into();
    }
    let object = json!({
        "metadata": {"name": event_name, "namespace": namespace, "uid": uid, "creationTimestamp": first},
        "involvedObject": involved, "reason": event.reason, "message": event.message, "source": source,
        "firstTimestamp": first, "lastTimestamp": now, "count": count,
        "type": if event.warning { "Warning" } else { "Normal" }, "eventTime": null,
        "reportingComponent": event.component, "reportingInstance": event.host,
    });
    Write { resource: ids::EVENTS, key, expect: Expect::Any, put: Some(put(ids::EVENTS, &object)) }
}
