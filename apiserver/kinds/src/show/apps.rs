//! Workloads: deployments and their kin, jobs, controller revisions, disruption budgets.

use super::column::{AGE, CONTAINERS, Column, IMAGES, NAME, flag, int, text, wide};
use super::read::{age, cell, condition, containers, count, int as number, list, name, present, scalar, text as read, text_or};
use super::selector::{labels, selector_text, shown};
use super::time::{human_duration, since_text, unix_seconds};
use super::{Printer, read};
use serde_json::Value;
use skiff_schema::Tree;

static DEPLOYMENT: [Column; 8] = [
    NAME,
    text("Ready", "Number of the pod with ready state"),
    text("Up-to-date", "Total number of non-terminating pods targeted by this deployment that have the desired template spec."),
    text(
        "Available",
        "Total number of available non-terminating pods (ready for at least minReadySeconds) targeted by this deployment.",
    ),
    AGE,
    CONTAINERS,
    IMAGES,
    wide(
        "Selector",
        "Label selector for pods. Existing ReplicaSets whose pods are selected by this will be the ones affected by this deployment. It must match the pod template's labels.",
    ),
];

static REPLICA_SET: [Column; 8] = [
    NAME,
    int(
        "Desired",
        "Replicas is the number of desired pods. This is a pointer to distinguish between explicit zero and unspecified. Defaults to 1. More info: https://kubernetes.io/docs/concepts/workloads/controllers/replicaset",
    ),
    int(
        "Current",
        "Replicas is the most recently observed number of non-terminating pods. More info: https://kubernetes.io/docs/concepts/workloads/controllers/replicaset",
    ),
    int("Ready", "The number of non-terminating pods targeted by this ReplicaSet with a Ready Condition."),
    AGE,
    CONTAINERS,
    IMAGES,
    wide(
        "Selector",
        "Selector is a label query over pods that should match the replica count. Label keys and values that must match in order to be controlled by this replica set. It must match the pod template's labels. More info: https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#label-selectors",
    ),
];

static REPLICATION_CONTROLLER: [Column; 8] = [
    NAME,
    int(
        "Desired",
        "Replicas is the number of desired replicas. This is a pointer to distinguish between explicit zero and unspecified. Defaults to 1. More info: https://kubernetes.io/docs/concepts/workloads/controllers/replicationcontroller#what-is-a-replicationcontroller",
    ),
    int(
        "Current",
        "Replicas is the most recently observed number of replicas. More info: https://kubernetes.io/docs/concepts/workloads/controllers/replicationcontroller#what-is-a-replicationcontroller",
    ),
    int("Ready", "The number of ready replicas for this replication controller."),
    AGE,
    CONTAINERS,
    IMAGES,
    wide(
        "Selector",
        "Selector is a label query over pods that should match the Replicas count. If Selector is empty, it is defaulted to the labels present on the Pod template. Label keys and values that must match in order to be controlled by this replication controller, if empty defaulted to labels on Pod template. More info: https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#label-selectors",
    ),
];

static STATEFUL_SET: [Column; 5] = [NAME, text("Ready", "Number of the pod with ready state"), AGE, CONTAINERS, IMAGES];

static DAEMON_SET: [Column; 11] = [
    NAME,
    int(
        "Desired",
        "The total number of nodes that should be running the daemon pod (including nodes correctly running the daemon pod). More info: https://kubernetes.io/docs/concepts/workloads/controllers/daemonset/",
    ),
    int(
        "Current",
        "The number of nodes that are running at least 1 daemon pod and are supposed to run the daemon pod. More info: https://kubernetes.io/docs/concepts/workloads/controllers/daemonset/",
    ),
    int(
        "Ready",
        "numberReady is the number of nodes that should be running the daemon pod and have one or more of the daemon pod running with a Ready Condition.",
    ),
    int("Up-to-date", "The total number of nodes that are running updated daemon pod"),
    int(
        "Available",
        "The number of nodes that should be running the daemon pod and have one or more of the daemon pod running and available (ready for at least spec.minReadySeconds)",
    ),
    text(
        "Node Selector",
        "NodeSelector is a selector which must be true for the pod to fit on a node. Selector which must match a node's labels for the pod to be scheduled on that node. More info: https://kubernetes.io/docs/concepts/configuration/assign-pod-node/",
    ),
    AGE,
    CONTAINERS,
    IMAGES,
    wide(
        "Selector",
        "A label query over pods that are managed by the daemon set. Must match in order to be controlled. It must match the pod template's labels. More info: https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#label-selectors",
    ),
];

static JOB: [Column; 8] = [
    NAME,
    text("Status", "Status of the job."),
    text(
        "Completions",
        "The number of pods which reached phase Succeeded. The value increases monotonically for a given spec. However, it may decrease in reaction to scale down of elastic indexed jobs.",
    ),
    text("Duration", "Time required to complete the job."),
    AGE,
    CONTAINERS,
    IMAGES,
    wide(
        "Selector",
        "A label query over pods that should match the pod count. Normally, the system sets this field for you. More info: https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#label-selectors",
    ),
];

static CRON_JOB: [Column; 10] = [
    NAME,
    text("Schedule", "The schedule in Cron format, see https://en.wikipedia.org/wiki/Cron."),
    text(
        "Timezone",
        "The time zone name for the given schedule, see https://en.wikipedia.org/wiki/List_of_tz_database_time_zones. If not specified, this will default to the time zone of the kube-controller-manager process. The set of valid time zone names and the time zone offset is loaded from the system-wide time zone database by the API server during CronJob validation and the controller manager during execution. If no system-wide time zone database can be found a bundled version of the database is used instead. If the time zone name becomes invalid during the lifetime of a CronJob or due to a change in host configuration, the controller will stop creating new new Jobs and will create a system event with the reason UnknownTimeZone. More information can be found in https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/#time-zones",
    ),
    flag(
        "Suspend",
        "This flag tells the controller to suspend subsequent executions, it does not apply to already started executions.  Defaults to false.",
    ),
    int("Active", "A list of pointers to currently running jobs."),
    text("Last Schedule", "Information when was the last time the job was successfully scheduled."),
    AGE,
    CONTAINERS,
    IMAGES,
    wide(
        "Selector",
        "A label query over pods that should match the pod count. Normally, the system sets this field for you. More info: https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#label-selectors",
    ),
];

static CONTROLLER_REVISION: [Column; 4] = [
    NAME,
    text("Controller", "Controller of the object"),
    text("Revision", "Revision indicates the revision of the state represented by Data."),
    AGE,
];

static DISRUPTION_BUDGET: [Column; 5] = [
    NAME,
    text("Min Available", "The minimum number of pods that must be available."),
    text("Max Unavailable", "The maximum number of pods that may be unavailable."),
    int("Allowed Disruptions", "Calculated number of pods that may be disrupted at this time."),
    AGE,
];

const TEMPLATE: &str = "/spec/template/spec/containers";

pub(super) fn printer(group: &str, kind: &str) -> Option<Printer> {
    match (group, kind) {
        ("apps", "Deployment") => Some((&DEPLOYMENT, deployment)),
        ("apps", "ReplicaSet") => Some((&REPLICA_SET, replica_set)),
        ("apps", "StatefulSet") => Some((&STATEFUL_SET, stateful_set)),
        ("apps", "DaemonSet") => Some((&DAEMON_SET, daemon_set)),
        ("apps", "ControllerRevision") => Some((&CONTROLLER_REVISION, controller_revision)),
        ("batch", "Job") => Some((&JOB, job)),
        ("batch", "CronJob") => Some((&CRON_JOB, cron_job)),
        ("policy", "PodDisruptionBudget") => Some((&DISRUPTION_BUDGET, disruption_budget)),
        _ => None,
    }
}

pub(super) fn core_printer(kind: &str) -> Option<Printer> {
    (kind == "ReplicationController").then_some((&REPLICATION_CONTROLLER, replication_controller))
}

/// `ready/desired` of a kind with replicas.
fn readiness(object: &Tree) -> Value {
    format!("{}/{}", number(object, "/status/readyReplicas"), number(object, "/spec/replicas")).into()
}

fn deployment(object: &Tree, now: i64) -> Vec<Value> {
    let [names, images] = containers(object, TEMPLATE);
    vec![
        name(object),
        readiness(object),
        number(object, "/status/updatedReplicas").into(),
        number(object, "/status/availableReplicas").into(),
        age(object, now),
        names,
        images,
        selector_text(object.pointer("/spec/selector")).unwrap_or_else(|| "<invalid>".to_owned()).into(),
    ]
}

fn replicas(object: &Tree, now: i64, selector: String) -> Vec<Value> {
    let [names, images] = containers(object, TEMPLATE);
    vec![
        name(object),
        number(object, "/spec/replicas").into(),
        number(object, "/status/replicas").into(),
        number(object, "/status/readyReplicas").into(),
        age(object, now),
        names,
        images,
        selector.into(),
    ]
}

fn replica_set(object: &Tree, now: i64) -> Vec<Value> {
    replicas(object, now, shown(object.pointer("/spec/selector")))
}

fn replication_controller(object: &Tree, now: i64) -> Vec<Value> {
    replicas(object, now, labels(object.pointer("/spec/selector")))
}

fn stateful_set(object: &Tree, now: i64) -> Vec<Value> {
    let [names, images] = containers(object, TEMPLATE);
    vec![name(object), readiness(object), age(object, now), names, images]
}

fn daemon_set(object: &Tree, now: i64) -> Vec<Value> {
    let [names, images] = containers(object, TEMPLATE);
    vec![
        name(object),
        number(object, "/status/desiredNumberScheduled").into(),
        number(object, "/status/currentNumberScheduled").into(),
        number(object, "/status/numberReady").into(),
        number(object, "/status/updatedNumberScheduled").into(),
        number(object, "/status/numberAvailable").into(),
        labels(object.pointer("/spec/template/spec/nodeSelector")).into(),
        age(object, now),
        names,
        images,
        shown(object.pointer("/spec/selector")).into(),
    ]
}

fn job(object: &Tree, now: i64) -> Vec<Value> {
    let done = number(object, "/status/succeeded");
    let parallelism = number(object, "/spec/parallelism");
    let completions = match object.pointer("/spec/completions").and_then(Tree::as_i64) {
        Some(wanted) => format!("{done}/{wanted}"),
        None if parallelism > 1 => format!("{done}/1 of {parallelism}"),
        None => format!("{done}/1"),
    };
    let [names, images] = containers(object, TEMPLATE);
    vec![
        name(object),
        job_status(object).into(),
        completions.into(),
        job_duration(object, now).into(),
        age(object, now),
        names,
        images,
        shown(object.pointer("/spec/selector")).into(),
    ]
}

fn job_status(object: &Tree) -> &'static str {
    let is = |kind| condition(object, kind) == "True";
    if is("Complete") {
        "Complete"
    } else if is("Failed") {
        "Failed"
    } else if present(object, "/metadata/deletionTimestamp") {
        "Terminating"
    } else if is("Suspended") {
        "Suspended"
    } else if is("FailureTarget") {
        "FailureTarget"
    } else if is("SuccessCriteriaMet") {
        "SuccessCriteriaMet"
    } else {
        "Running"
    }
}

fn job_duration(object: &Tree, now: i64) -> String {
    let Some(start) = unix_seconds(read(object, "/status/startTime")) else { return String::new() };
    human_duration(unix_seconds(read(object, "/status/completionTime")).unwrap_or(now) - start)
}

fn cron_job(object: &Tree, now: i64) -> Vec<Value> {
    let [names, images] = containers(object, "/spec/jobTemplate/spec/template/spec/containers");
    let suspend = match object.pointer("/spec/suspend").and_then(Tree::as_bool) {
        Some(true) => "True",
        Some(false) => "False",
        None => "<unset>",
    };
    let last = match read(object, "/status/lastScheduleTime") {
        "" => "<none>".to_owned(),
        time => since_text(time, now),
    };
    vec![
        name(object),
        cell(object, "/spec/schedule"),
        text_or(object, "/spec/timeZone", "<none>").into(),
        suspend.into(),
        count(object, "/status/active").into(),
        last.into(),
        age(object, now),
        names,
        images,
        shown(object.pointer("/spec/jobTemplate/spec/selector")).into(),
    ]
}

fn controller_revision(object: &Tree, now: i64) -> Vec<Value> {
    let owner = list(object, "/metadata/ownerReferences").iter().find(|o| read::flag(o, "/controller"));
    let controller = owner.map_or_else(|| "<none>".to_owned(), owner_text);
    vec![name(object), controller.into(), number(object, "/revision").into(), age(object, now)]
}

/// `statefulset.apps/web` for an owner reference.
fn owner_text(owner: &Tree) -> String {
    let kind = read(owner, "/kind").to_lowercase();
    let name = read(owner, "/name");
    match read(owner, "/apiVersion").split_once('/') {
        Some((group, _)) => format!("{kind}.{group}/{name}"),
        None => format!("{kind}/{name}"),
    }
}

fn disruption_budget(object: &Tree, now: i64) -> Vec<Value> {
    let bound = |pointer| Value::from(scalar(object, pointer).unwrap_or_else(|| "N/A".to_owned()));
    vec![
        name(object),
        bound("/spec/minAvailable"),
        bound("/spec/maxUnavailable"),
        number(object, "/status/disruptionsAllowed").into(),
        age(object, now),
    ]
}
