//! Pods and pod templates. The STATUS of a pod is the busiest cell of all: it condenses the states of every container.

use super::column::{AGE, Column, NAME, text, wide};
use super::read::{age, containers, count, flag, int, list, name, present, text as read, text_or};
use super::time::{since_text, unix_seconds};
use super::{Printer, selector};
use serde_json::Value;
use skiff_schema::Tree;

static POD: [Column; 9] = [
    NAME,
    text("Ready", "The aggregate readiness state of this pod for accepting traffic."),
    text("Status", "The aggregate status of the containers in this pod."),
    text(
        "Restarts",
        "The number of times the containers in this pod have been restarted and when the last container in this pod has restarted.",
    ),
    AGE,
    wide("IP", "podIP address allocated to the pod. Routable at least within the cluster. Empty if not yet allocated."),
    wide(
        "Node",
        "NodeName indicates in which node this pod is scheduled. If empty, this pod is a candidate for scheduling by the scheduler defined in schedulerName. Once this field is set, the kubelet for this node becomes responsible for the lifecycle of this pod. This field should not be used to express a desire for the pod to be scheduled on a specific node. https://kubernetes.io/docs/concepts/scheduling-eviction/assign-pod-node/#nodename",
    ),
    wide(
        "Nominated Node",
        "nominatedNodeName is set only when this pod preempts other pods on the node, but it cannot be scheduled right away as preemption victims receive their graceful termination periods. This field does not guarantee that the pod will be scheduled on this node. Scheduler may decide to place the pod elsewhere if other nodes become available sooner. Scheduler may also decide to give the resources on this node to a higher priority pod that is created after preemption. As a result, this field may be different than PodSpec.nodeName when the pod is scheduled.",
    ),
    wide(
        "Readiness Gates",
        "If specified, all readiness gates will be evaluated for pod readiness. A pod is ready when all its containers are ready AND all conditions specified in the readiness gates have status equal to \"True\" More info: https://git.k8s.io/enhancements/keps/sig-network/580-pod-readiness-gates",
    ),
];

static TEMPLATE: [Column; 4] = [
    NAME,
    text("Containers", "Names of each container in the template."),
    text("Images", "Images referenced by each container in the template."),
    text("Pod Labels", "The labels for the pod template."),
];

pub(super) fn printer(kind: &str) -> Option<Printer> {
    match kind {
        "Pod" => Some((&POD, pod)),
        "PodTemplate" => Some((&TEMPLATE, template)),
        _ => None,
    }
}

fn template(object: &Tree, _now: i64) -> Vec<Value> {
    let [names, images] = containers(object, "/template/spec/containers");
    vec![name(object), names, images, selector::labels(object.pointer("/template/metadata/labels")).into()]
}

fn pod(object: &Tree, now: i64) -> Vec<Value> {
    let summary = Summary::of(object);
    let restarts = match summary.restarts.last.filter(|_| summary.restarts.count != 0) {
        Some(last) => format!("{} ({} ago)", summary.restarts.count, since_text(last, now)),
        None => summary.restarts.count.to_string(),
    };
    let sidecars = list(object, "/spec/initContainers").iter().filter(|c| restartable(c)).count();
    let total = count(object, "/spec/containers") + sidecars;
    vec![
        name(object),
        format!("{}/{total}", summary.ready).into(),
        summary.reason.into(),
        restarts.into(),
        age(object, now),
        text_or(object, "/status/podIPs/0/ip", "<none>").into(),
        text_or(object, "/spec/nodeName", "<none>").into(),
        text_or(object, "/status/nominatedNodeName", "<none>").into(),
        gates(object),
    ]
}

/// An init container that runs beside the containers (a sidecar).
fn restartable(container: &Tree) -> bool {
    read(container, "/restartPolicy") == "Always"
}

fn gates(object: &Tree) -> Value {
    let gates = list(object, "/spec/readinessGates");
    if gates.is_empty() {
        return "<none>".into();
    }
    let passed = gates.iter().filter(|g| super::read::condition(object, read(g, "/conditionType")) == "True").count();
    format!("{passed}/{}", gates.len()).into()
}

/// Restarts of some containers and when the last of them ended.
#[derive(Default)]
struct Restarts<'a> {
    count: i64,
    last: Option<&'a str>,
}

impl<'a> Restarts<'a> {
    fn add(&mut self, status: &'a Tree<'a>) {
        self.count += int(status, "/restartCount");
        let ended = read(status, "/lastState/terminated/finishedAt");
        if let Some(seconds) = unix_seconds(ended)
            && self.last.and_then(unix_seconds).is_none_or(|last| last < seconds)
        {
            self.last = Some(ended);
        }
    }
}

/// What the statuses of a pod's containers come to.
struct Summary<'a> {
    ready: usize,
    reason: String,
    restarts: Restarts<'a>,
}

impl<'a> Summary<'a> {
    fn of(object: &'a Tree<'a>) -> Summary<'a> {
        let mut summary = Summary { ready: 0, reason: base_reason(object), restarts: Restarts::default() };
        let mut sidecars = Restarts::default();
        let initializing = summary.init(object, &mut sidecars);
        if !initializing || super::read::condition(object, "Initialized") == "True" {
            // Once initialised, restarts of ordinary init containers no longer count.
            summary.restarts = sidecars;
            summary.main(object);
        }
        if present(object, "/metadata/deletionTimestamp") {
            let phase = read(object, "/status/phase");
            if read(object, "/status/reason") == "NodeLost" {
                "Unknown".clone_into(&mut summary.reason);
            } else if phase != "Succeeded" && phase != "Failed" {
                "Terminating".clone_into(&mut summary.reason);
            }
        }
        summary
    }

    /// Goes through the init containers until one that is not done; true if there is one.
    fn init(&mut self, object: &'a Tree<'a>, sidecars: &mut Restarts<'a>) -> bool {
        let specs = list(object, "/spec/initContainers");
        for (place, status) in list(object, "/status/initContainerStatuses").iter().enumerate() {
            let sidecar = specs.iter().any(|c| read(c, "/name") == read(status, "/name") && restartable(c));
            self.restarts.add(status);
            if sidecar {
                sidecars.add(status);
            }
            let terminated = present(status, "/state/terminated");
            if terminated && int(status, "/state/terminated/exitCode") == 0 {
                continue;
            }
            if sidecar && flag(status, "/started") {
                self.ready += usize::from(flag(status, "/ready"));
                continue;
            }
            let waiting = read(status, "/state/waiting/reason");
            self.reason = if terminated {
                format!("Init:{}", end_reason(status))
            } else if !waiting.is_empty() && waiting != "PodInitializing" {
                format!("Init:{waiting}")
            } else {
                format!("Init:{place}/{}", specs.len())
            };
            return true;
        }
        false
    }

    /// Goes through the containers, last to first, so that the first one's state has the last word.
    fn main(&mut self, object: &'a Tree<'a>) {
        let mut running = false;
        let mut failure = None;
        for status in list(object, "/status/containerStatuses").iter().rev() {
            self.restarts.add(status);
            let waiting = read(status, "/state/waiting/reason");
            if !waiting.is_empty() {
                waiting.clone_into(&mut self.reason);
            } else if present(status, "/state/terminated") {
                self.reason = end_reason(status);
                if int(status, "/state/terminated/exitCode") != 0 {
                    failure = Some(self.reason.clone());
                }
            } else if flag(status, "/ready") && present(status, "/state/running") {
                running = true;
                self.ready += 1;
            }
        }
        if self.reason != "Completed" {
            return;
        }
        if running && super::read::condition(object, "Ready") == "True" {
            "Running".clone_into(&mut self.reason);
        } else if let Some(failure) = failure {
            self.reason = failure;
        } else if running {
            "NotReady".clone_into(&mut self.reason);
        }
    }
}

/// The phase, unless the pod as a whole has a reason or waits at a gate.
fn base_reason(object: &Tree) -> String {
    let gated = |c: &&Tree| read(c, "/type") == "PodScheduled" && read(c, "/reason") == "SchedulingGated";
    if list(object, "/status/conditions").iter().any(|c| gated(&c)) {
        return "SchedulingGated".to_owned();
    }
    text_or(object, "/status/reason", read(object, "/status/phase")).to_owned()
}

/// Why a container ended: its reason, or signal, or exit code.
fn end_reason(status: &Tree) -> String {
    match read(status, "/state/terminated/reason") {
        "" => match int(status, "/state/terminated/signal") {
            0 => format!("ExitCode:{}", int(status, "/state/terminated/exitCode")),
            signal => format!("Signal:{signal}"),
        },
        reason => reason.to_owned(),
    }
}
