//! A Revision's live side, from counters and times of its records; and the other way: what its settings mean for the scaler.
//! Fed by readers and by `store/flatten.rs`; knows no other object than the Revision.

use super::memory::{self, Mark};
use crate::clock;
use crate::registry::ids;
use crate::store::Core;
use crate::store::body::unpack;
use serde_json::Value;
use skiff_engine::Turn;
use skiff_engine::command::PutFunction;
use skiff_engine::policy::scale::{Activity, Aggregation, Metric, ScaleSettings};
use skiff_engine::record::{Document, Phase, Plan, Revision};
use skiff_engine::wire::ContainerState;
use skiff_knative::duration::{self, SECOND};
use skiff_knative::scale::{Algorithm, Class, Metric as Measured, ScaleSettings as Wanted};
use skiff_knative::status::{Digests, Failure, RevisionLive, Since};
use skiff_knative::{Config, doc, keys};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The message of a Revision whose sandbox finds no node.
const NO_ROOM: &str = "no node has room for the pod.";

fn deadline_s(revision: &Value, config: &Config) -> u32 {
    let nanos = keys::PROGRESS_DEADLINE.of(revision).and_then(duration::parse).unwrap_or(config.deployment.progress_deadline);
    u32::try_from(nanos / SECOND).unwrap_or(600)
}

/// How a Revision's sandboxes are decided; `None` if something else scales it. Notes when its start counts as failed.
#[must_use]
pub fn scale_plan(core: &mut Core, key: &str, document: &Document, revision: &Value) -> Option<Plan> {
    let config = memory::config(core);
    let wanted = Wanted::of(revision, &config).ok()?;
    let patience_s = deadline_s(revision, &config);
    // What started in an earlier run counts as started; what never did still has to, as long as it has time.
    let restored = core.index.knative.is_restored(document.serial);
    let started = restored && core.is_start_noted(key, document.uid);
    let memory = &mut core.index.knative;
    let created_s = seconds(doc::text(revision, "/metadata/creationTimestamp")).unwrap_or(0);
    let threshold = wanted.initial_threshold();
    let mark = memory.marks.entry(document.serial).or_insert(Mark {
        threshold,
        deadline_s: 0,
        reached: started || threshold == 0,
        inherited: started,
        failed: false,
        // Nobody needs to hear at a restart that nothing has changed.
        told: if started { TOLD_REACHED } else { 0 },
    });
    memory.deadlines.remove(&(mark.deadline_s, document.serial));
    mark.threshold = threshold;
    mark.deadline_s = created_s.saturating_add(patience_s);
    let (inherited, late) = (mark.inherited, mark.deadline_s <= now_s());
    if !mark.reached {
        memory.deadlines.insert((mark.deadline_s, document.serial));
    }
    match wanted.class {
        Class::Kpa => {
            let reachable = doc::label(revision, keys::ROUTING_STATE) != Some("reserve");
            let mut settings = settings(&wanted, reachable, patience_s);
            if inherited || restored && late {
                // What was started once is not started again because the control plane was: it waits for a request. Nor is
                // what could not be started in its time.
                settings.initial_scale = 0;
            }
            Some(Plan::Autoscaled(settings))
        }
        Class::Hpa => Some(Plan::Fixed { wanted: threshold.max(1) }),
        Class::Other(_) => None,
    }
}

/// Whether a Revision of an earlier run still has to be started as if it were new.
#[must_use]
pub fn begins_anew(core: &Core, serial: u32) -> bool {
    let waits = |mark: &Mark| !mark.reached && mark.deadline_s > now_s();
    core.index.knative.is_restored(serial) && core.index.knative.marks.get(&serial).is_some_and(waits)
}

fn now_s() -> u32 {
    u32::try_from(clock::now_ms() / 1000).unwrap_or(u32::MAX)
}

/// Knative's configuration changed: so may how each Revision scales.
pub fn plan_revisions(core: &mut Core, turn: &mut Turn) {
    let table = core.world.documents.table(ids::REVISIONS);
    let all: Vec<(Box<str>, Arc<Document>)> = table.iter().map(|(key, document)| (key.clone(), document.clone())).collect();
    for (key, document) in all {
        let Some(plan) = scale_plan(core, &key, &document, &unpack(&document.body)) else { continue };
        if core.world.functions.get(&document.serial).is_some_and(|f| f.plan != plan) {
            core.world.put_function(turn, PutFunction { serial: document.serial, plan, current: document.serial });
        }
    }
}

/// The digest of a Revision that has started: nothing that happens to it later matters to its parents.
pub(super) const TOLD_REACHED: u32 = 1;

fn settings(wanted: &Wanted, reachable: bool, patience_s: u32) -> ScaleSettings {
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let milli = |value: f64| (value.max(0.0) * 1000.0).round().min(f64::from(u32::MAX)) as u32;
    #[allow(clippy::cast_possible_truncation)]
    let burst_milli = (wanted.target_burst_capacity * 1000.0).round() as i64;
    ScaleSettings {
        metric: if wanted.metric == Measured::Rps { Metric::Rps } else { Metric::Concurrency },
        aggregation: match wanted.algorithm {
            Algorithm::Linear => Aggregation::Linear,
            Algorithm::WeightedExponential => Aggregation::WeightedExponential,
        },
        total_milli: milli(wanted.total),
        utilization_milli: milli(wanted.target_utilization),
        stable_window_s: wanted.window_s,
        panic_window_s: wanted.panic_window_s(),
        panic_threshold_milli: milli(wanted.panic_threshold_percentage / 100.0),
        up_rate_milli: milli(wanted.max_scale_up_rate),
        down_rate_milli: milli(wanted.max_scale_down_rate),
        activation_scale: wanted.activation,
        initial_scale: wanted.initial,
        min_scale: wanted.min,
        max_scale: wanted.max,
        reachable,
        burst_milli,
        down_delay_s: wanted.scale_down_delay_s,
        to_zero: wanted.scale_to_zero,
        retention_s: wanted.scale_to_zero_retention_s,
        activation_s_max: patience_s.saturating_add(30),
    }
}

/// RFC 3339 to Unix seconds.
pub(super) fn seconds(text: &str) -> Option<u32> {
    let time: jiff::Timestamp = text.parse().ok()?;
    u32::try_from(time.as_second()).ok()
}

/// Whether the start was reached once.
pub(super) fn is_reached(mark: Option<&Mark>, record: Option<&Revision>) -> bool {
    let Some(mark) = mark else { return false };
    let now = |r: &Revision| r.first_ready_s > 0 && (mark.threshold <= 1 || r.counts.ready >= mark.threshold);
    mark.reached || mark.threshold == 0 || record.is_some_and(now)
}

/// Whether its oldest sandbox has no node (upstream looks at one Pod as well).
pub(super) fn is_homeless(core: &Core, record: &Revision) -> bool {
    record.counts.ready == 0
        && record.members.first().is_some_and(|row| {
            let sandbox = core.world.sandboxes.get(*row);
            !sandbox.is_placed() && sandbox.phase() == Phase::Pending
        })
}

/// The live side of a Revision.
#[must_use]
pub fn live(core: &Core, config: &Config, document: &Document, revision: &Value) -> RevisionLive {
    let created = doc::text(revision, "/metadata/creationTimestamp");
    let mut live = RevisionLive::new(created);
    let mark = core.index.knative.marks.get(&document.serial);
    let record = core.world.revisions.get(&document.serial);
    live.initial_scale_reached = is_reached(mark, record);
    live.deadline_exceeded = !live.initial_scale_reached && mark.is_some_and(|m| m.deadline_s <= now_s());
    live.digests = Digests::Resolved(BTreeMap::new());
    let Some(record) = record else { return live };
    live.actual = record.counts.ready;
    live.ready = record.counts.ready;
    let was_up = record.first_ready_s > 0;
    live.wanted = record.desired;
    live.active = active(record, mark.map_or(1, |m| m.threshold), live.initial_scale_reached);
    // Nothing is measured before something was ready; what is only kept for a while is not wanted any more.
    let inactive = live.active == Some(false);
    live.desired = was_up.then_some(if inactive { 0 } else { record.desired });
    if !live.initial_scale_reached {
        live.failure = failure(core, config, record);
    }
    live.since = since(created, record, &live, mark);
    live
}

fn active(record: &Revision, threshold: u32, reached: bool) -> Option<bool> {
    let enough = if reached { 1 } else { threshold.max(1) };
    let up = record.counts.ready >= enough;
    match record.scale.as_ref().map(|s| s.activity()) {
        Some(Activity::Inactive | Activity::TimedOut) => Some(false),
        // The scaler's word comes with its next decision; that enough are ready is known now.
        Some(Activity::Activating) if !up => None,
        Some(Activity::Activating | Activity::Active) => Some(true),
        None if up => Some(true),
        None if record.desired == 0 => Some(false),
        None => None,
    }
}

fn failure(core: &Core, config: &Config, record: &Revision) -> Option<Failure> {
    let Some(failure) = &record.failure else {
        let nodes = core.world.nodes.iter().filter(|n| !n.dropped).count();
        let message = || format!("0/{nodes} nodes are available: {NO_ROOM}");
        return is_homeless(core, record).then(|| Failure::Unschedulable { message: message() });
    };
    let container = &failure.container;
    let ended = |state: &ContainerState| match state {
        ContainerState::Terminated { exit_code, message, .. } => {
            Some(Failure::Exit { code: *exit_code, message: message.clone() })
        }
        _ => None,
    };
    if let Some(exit) = ended(&container.state).or_else(|| container.last.as_ref().and_then(ended)) {
        return Some(exit);
    }
    let ContainerState::Waiting { reason, message } = &container.state else { return None };
    // Upstream asks the registry for the digest before it makes a Pod, so a missing image is known at once; images whose tags
    // are not resolved are found out by the node, and count when the deadline has passed.
    let pull = matches!(reason.as_str(), "ErrImagePull" | "ImagePullBackOff" | "InvalidImageName");
    if pull && is_resolved(&container.image, config) {
        let image = &container.image;
        return Some(Failure::Image {
            message: format!("Unable to fetch image {image:?}: failed to resolve image to digest: {message}"),
        });
    }
    Some(Failure::Waiting { reason: reason.clone(), message: message.clone() })
}

/// Whether upstream would resolve the tag of an image.
fn is_resolved(image: &str, config: &Config) -> bool {
    let host =
        image.split('/').next().filter(|first| image.contains('/') && (first.contains(['.', ':']) || *first == "localhost"));
    let registry = host.unwrap_or("index.docker.io");
    !image.contains("@sha256:") && !config.deployment.skip_tag_resolution.iter().any(|skipped| skipped == registry)
}

/// When conditions last changed, as far as records tell.
fn since(created: &str, record: &Revision, live: &RevisionLive, mark: Option<&Mark>) -> Since {
    let mut since = Since { at: created.to_owned(), by_type: BTreeMap::new() };
    let time = |seconds: u32| clock::rfc3339(u64::from(seconds)).max(created.to_owned());
    let turned = match (&record.failure, live.failure.is_some()) {
        _ if live.initial_scale_reached => {
            (record.first_ready_s > 0 && mark.is_some_and(|m| m.threshold > 0)).then_some(record.first_ready_s)
        }
        (Some(failure), true) => Some(failure.since_s),
        _ if live.deadline_exceeded => mark.map(|m| m.deadline_s),
        _ => None,
    };
    if let Some(at) = turned {
        for kind in ["Ready", "ResourcesAvailable", "ContainerHealthy"] {
            since.by_type.insert(kind.to_owned(), time(at));
        }
    }
    since.by_type.insert("Active".to_owned(), time(record.active_changed_s));
    since
}

/// Whether a number is that of a Revision with records.
pub(super) fn is_revision(core: &Core, serial: u32) -> bool {
    core.index.knative.marks.contains_key(&serial)
        && core.index.location(serial).is_some_and(|(resource, _)| resource == ids::REVISIONS)
}
