//! A sandbox shown as a Pod: template, row and overlay to bytes. Pure; what it must know of the node is an argument.

use super::template::{Face, Template};
use crate::clock::rfc3339;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use skiff_engine::SandboxAt;
use skiff_engine::record::Phase;
use skiff_engine::wire::{ContainerReport, ContainerState};

/// A sandbox's node as the Pod shows it.
#[derive(Clone, Debug, Default)]
pub struct Host {
    /// Node name.
    pub name: String,
    /// Node address.
    pub address: u32,
    /// The Pod's own address.
    pub pod_address: u32,
    /// Runs its containers in containerd, under names that follow from the Pod's identity.
    pub containerd: bool,
}

/// An IPv4 address in host order as text.
#[must_use]
pub fn ipv4(address: u32) -> String {
    std::net::Ipv4Addr::from(address).to_string()
}

/// The canonical body (see `store/body.rs`) of a derived Pod.
#[must_use]
pub fn body(template: &Template, at: &SandboxAt, host: Option<&Host>) -> Vec<u8> {
    let sandbox = at.sandbox;
    let mut out = Vec::with_capacity(template.spec_head.len() + template.meta_tail.len() + 1400);
    out.extend_from_slice(crate::store::body::HEAD);
    let name = template.pod_name(sandbox.seq());
    let uid = super::name::uid_text(template.pod_uid(sandbox.seq()));
    let created = rfc3339(u64::from(sandbox.created_s()));
    let head = format!(
        "\"name\":\"{name}\",\"generateName\":\"{}-\",\"namespace\":\"{}\",\"uid\":\"{uid}\",\"generation\":1,\"creationTimestamp\":\"{created}\"",
        template.prefix, template.namespace
    );
    out.extend_from_slice(head.as_bytes());
    if let Some((end_s, grace_s)) = at.overlay.as_ref().and_then(|o| o.deletion) {
        let text = format!(",\"deletionTimestamp\":\"{}\",\"deletionGracePeriodSeconds\":{grace_s}", rfc3339(u64::from(end_s)));
        out.extend_from_slice(text.as_bytes());
    }
    match at.overlay.as_ref().and_then(|o| o.metadata.as_ref()) {
        None => out.extend_from_slice(&template.meta_tail),
        Some(edited) => {
            // Edited by hand: labels, annotations, finalizers and owners as JSON members.
            out.push(b',');
            out.extend_from_slice(edited);
        }
    }
    out.extend_from_slice(b"},");
    out.extend_from_slice(&template.spec_head);
    if let Some(host) = host {
        out.extend_from_slice(format!(",\"nodeName\":\"{}\"", host.name).as_bytes());
    }
    out.extend_from_slice(b"},\"status\":");
    let facts = Facts::of(template, template.pod_uid(sandbox.seq()), at, host);
    if at.overlay.is_none() {
        template.stencils.fill(template, at, &facts, &mut out);
    } else {
        // A Value always serialises.
        let _ = serde_json::to_writer(&mut out, &facts.status(template, at));
    }
    out.push(b'}');
    out
}

/// What differs between the statuses of Pods that are otherwise in the same state: texts, so that they can be holes.
pub(super) struct Facts {
    /// When the Pod was made.
    pub created: String,
    /// When it last changed.
    pub changed: String,
    /// Where it is; `None` while it is nowhere.
    pub place: Option<Place>,
}

/// Addresses and names on a node.
pub(super) struct Place {
    pub host_ip: String,
    pub pod_ip: String,
    /// Names of the first instances of its containers, in the template's order, if they follow from the Pod's identity.
    pub containers: Vec<String>,
}

impl Facts {
    fn of(template: &Template, uid: u128, at: &SandboxAt, host: Option<&Host>) -> Facts {
        let place = host.map(|host| {
            let uid = host.containerd.then(|| super::name::uid_text(uid));
            let named = |uid: &String| template.faces.iter().map(|face| first_container_id(uid, &face.name)).collect();
            Place {
                host_ip: ipv4(host.address),
                pod_ip: ipv4(if template.host_network { host.address } else { host.pod_address }),
                containers: uid.as_ref().map(named).unwrap_or_default(),
            }
        });
        let sandbox = at.sandbox;
        Facts { created: rfc3339(u64::from(sandbox.created_s())), changed: rfc3339(u64::from(sandbox.changed_s())), place }
    }
}

/// `status` of a Pod with this identity from its sandbox.
#[must_use]
pub fn status(template: &Template, uid: u128, at: &SandboxAt, host: Option<&Host>) -> Value {
    Facts::of(template, uid, at, host).status(template, at)
}

impl Facts {
    /// `status` from the sandbox, with these texts in it.
    pub(super) fn status(&self, template: &Template, at: &SandboxAt) -> Value {
        let sandbox = at.sandbox;
        let faces = &template.faces;
        let reports: &[ContainerReport] = at.overlay.as_ref().map_or(&[], |o| &o.containers);
        let Facts { created, changed, place } = self;
        let was_ready = at.overlay.as_ref().is_some_and(|o| o.was_ready);
        let phase = phase(sandbox.phase(), was_ready, reports);
        let started = matches!(phase, "Running" | "Succeeded" | "Failed");
        let ready = sandbox.phase() == Phase::Ready || sandbox.phase() == Phase::Stopping && was_ready;
        let mut status = json!({"phase": phase, "observedGeneration": 1});
        let ended = matches!(sandbox.phase(), Phase::Succeeded);
        let not_ready_reason = if ended { "PodCompleted" } else { "ContainersNotReady" };
        let unready: Vec<&str> = faces.iter().filter(|f| !f.init).map(|f| f.name.as_str()).collect();
        let message = format!("containers with unready status: [{}]", unready.join(" "));
        let condition = |kind: &str, ok: bool, since: &str, reason: Option<(&str, &str)>| {
            let mut c = json!({"type": kind, "status": if ok { "True" } else { "False" }, "observedGeneration": 1,
            "lastProbeTime": null, "lastTransitionTime": since});
            if let (false, Some((reason, message))) = (ok, reason) {
                c["reason"] = reason.into();
                if !message.is_empty() {
                    c["message"] = message.into();
                }
            }
            c
        };
        let mut conditions = Vec::new();
        if place.is_some() {
            let unready = (not_ready_reason, if ended { "" } else { message.as_str() });
            conditions.push(condition("PodReadyToStartContainers", started || sandbox.phase() == Phase::Stopping, changed, None));
            conditions.push(condition(
                "Initialized",
                initialized(faces, reports, started),
                created,
                Some(("ContainersNotInitialized", "")),
            ));
            let unknown = sandbox.phase() == Phase::Lost;
            conditions.push(condition("Ready", ready && !unknown, changed, Some(unready)));
            conditions.push(condition("ContainersReady", ready, changed, Some(unready)));
            conditions.push(condition("PodScheduled", true, created, None));
        } else {
            let why = ("Unschedulable", "0/0 nodes are available: no node has room for the pod.");
            conditions.push(condition("PodScheduled", false, created, Some(why)));
        }
        status["conditions"] = Value::Array(conditions);
        if let Some(Place { host_ip, pod_ip, containers }) = place {
            status["hostIP"] = host_ip.as_str().into();
            status["hostIPs"] = json!([{"ip": host_ip}]);
            if started || ready {
                status["podIP"] = pod_ip.as_str().into();
                status["podIPs"] = json!([{"ip": pod_ip}]);
            }
            status["startTime"] = created.as_str().into();
            // Said by nobody while all is plain, so it is worked out as the node did.
            let sight = Sight { phase: sandbox.phase(), ready, changed };
            let of = |init: bool| -> Vec<Value> {
                let those = faces.iter().enumerate().filter(|(_, f)| f.init == init);
                those.map(|(i, f)| container(f, reports, &sight, containers.get(i).map(String::as_str))).collect()
            };
            let init = of(true);
            if !init.is_empty() {
                status["initContainerStatuses"] = Value::Array(init);
            }
            status["containerStatuses"] = Value::Array(of(false));
        }
        status["qosClass"] = template.qos.into();
        status
    }
}

fn phase(phase: Phase, was_ready: bool, reports: &[ContainerReport]) -> &'static str {
    match phase {
        Phase::Pending | Phase::Creating => {
            let any_started =
                reports.iter().any(|r| !r.init && (r.last.is_some() || !matches!(r.state, ContainerState::Waiting { .. })));
            if any_started { "Running" } else { "Pending" }
        }
        Phase::Running | Phase::Ready | Phase::Lost => "Running",
        Phase::Succeeded => "Succeeded",
        Phase::Failed => "Failed",
        Phase::Stopping => {
            let any_started = was_ready || reports.iter().any(|r| !matches!(r.state, ContainerState::Waiting { .. }));
            if any_started { "Running" } else { "Pending" }
        }
    }
}

fn initialized(faces: &[Face], reports: &[ContainerReport], started: bool) -> bool {
    let inits = faces.iter().filter(|f| f.init).count();
    let done = |r: &&ContainerReport| r.init && matches!(r.state, ContainerState::Terminated { exit_code: 0, .. });
    inits == 0 || started || reports.iter().filter(done).count() == inits
}

/// What all containers of a Pod have in common.
struct Sight<'a> {
    phase: Phase,
    ready: bool,
    changed: &'a str,
}

/// The name of a container's first instance at containerd: the node agent's own rule (`kubelet-shim/src/sandbox`).
fn first_container_id(uid: &str, name: &str) -> String {
    format!("containerd://{}", hex::encode(Sha256::digest(format!("{uid}/{name}/0"))))
}

/// One container's status; `first` is the name of its first instance, if that is known without being told.
fn container(face: &Face, reports: &[ContainerReport], sight: &Sight<'_>, first: Option<&str>) -> Value {
    let Sight { phase, ready, changed } = *sight;
    let report = reports.iter().find(|r| r.name == face.name && r.init == face.init);
    let started = matches!(phase, Phase::Running | Phase::Ready | Phase::Lost) || phase == Phase::Stopping && ready;
    let mut out = json!({"name": face.name});
    match report {
        Some(r) => {
            out["state"] = state(&r.state);
            out["lastState"] = r.last.as_ref().map_or_else(|| json!({}), state);
            out["ready"] = r.ready.into();
            out["restartCount"] = r.restarts.into();
            out["image"] = if r.image.is_empty() { face.image.clone().into() } else { r.image.clone().into() };
            // Of a container whose start failed the node knows no digest.
            let unknown = r.image_id.is_empty() && !r.container_id.is_empty();
            out["imageID"] = if unknown { out["image"].clone() } else { r.image_id.clone().into() };
            if !r.container_id.is_empty() {
                out["containerID"] = r.container_id.clone().into();
            }
            out["started"] = r.started.into();
        }
        None => {
            let waiting = if face.init { "PodInitializing" } else { "ContainerCreating" };
            out["state"] = match (started, face.init) {
                (true, false) => json!({"running": {"startedAt": changed}}),
                (true, true) => {
                    json!({"terminated": {"exitCode": 0, "reason": "Completed", "startedAt": changed, "finishedAt": changed}})
                }
                (false, _) => json!({"waiting": {"reason": waiting}}),
            };
            out["lastState"] = json!({});
            out["ready"] = (started && (ready || face.init)).into();
            out["restartCount"] = 0.into();
            out["image"] = face.image.clone().into();
            out["imageID"] = if started { face.image.clone().into() } else { "".into() };
            if let Some(first) = first.filter(|_| started) {
                out["containerID"] = first.into();
            }
            out["started"] = (started && !face.init).into();
        }
    }
    if let Some(resources) = face.resources.as_ref().filter(|r| r.as_object().is_some_and(|o| !o.is_empty())) {
        out["resources"] = resources.clone();
        if let Some(requests) = resources.get("requests") {
            out["allocatedResources"] = requests.clone();
        }
    } else {
        out["resources"] = json!({});
    }
    if let Some(mounts) = &face.mounts {
        out["volumeMounts"] = mounts.clone();
    }
    out
}

fn time(ms: u64) -> Value {
    if ms == 0 { Value::Null } else { rfc3339(ms / 1000).into() }
}

/// `state` or `lastState`.
fn state(state: &ContainerState) -> Value {
    match state {
        ContainerState::Waiting { reason, message } => {
            let mut waiting = json!({"reason": reason});
            if !message.is_empty() {
                waiting["message"] = message.clone().into();
            }
            json!({"waiting": waiting})
        }
        ContainerState::Running { started_ms } => json!({"running": {"startedAt": time(*started_ms)}}),
        ContainerState::Terminated { exit_code, signal, reason, message, started_ms, finished_ms, container_id } => {
            let mut ended = json!({"exitCode": exit_code, "reason": reason, "startedAt": rfc3339(started_ms / 1000), "finishedAt": rfc3339(finished_ms / 1000)});
            if *signal != 0 {
                ended["signal"] = (*signal).into();
            }
            if !message.is_empty() {
                ended["message"] = message.clone().into();
            }
            if !container_id.is_empty() {
                ended["containerID"] = container_id.clone().into();
            }
            json!({"terminated": ended})
        }
    }
}
