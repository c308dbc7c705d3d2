//! Which revisions of a Configuration are collected (`config-gc`).

use super::{ChildWrite, Context};
use crate::duration::SECOND;
use crate::kind::Kind;
use crate::{doc, keys};
use jiff::Timestamp;
use serde_json::Value;

/// The revisions to delete: those out of use that are older than the map retains, as long as enough stay; then the oldest ones
/// above the most that may stay. `revisions` are those of one Configuration, `latest_ready` is its latest ready one.
#[must_use]
pub fn collect(ctx: &Context<'_>, revisions: &[&Value], latest_ready: Option<&str>) -> Vec<ChildWrite> {
    let gc = &ctx.config.gc;
    let Ok(now) = ctx.now.parse::<Timestamp>() else { return Vec::new() };
    let mut idle: Vec<(Timestamp, &Value)> =
        revisions.iter().filter(|r| !in_use(r, latest_ready)).map(|r| (last_active(r).unwrap_or(now), *r)).collect();
    idle.sort_by_key(|(time, revision)| (*time, doc::name(revision).to_owned()));
    let least = usize::try_from(gc.min_non_active).unwrap_or(usize::MAX);
    let mut left = idle.len();
    let mut gone = Vec::new();
    let mut kept = Vec::new();
    for (active, revision) in idle {
        if left > least && stale(ctx, now, active, revision) {
            left -= 1;
            gone.push(revision);
        } else {
            kept.push(revision);
        }
    }
    let most = gc.max_non_active.and_then(|most| usize::try_from(most).ok()).unwrap_or(usize::MAX);
    gone.extend(kept.into_iter().take(left.saturating_sub(most)));
    let delete = |revision: &Value| ChildWrite::Delete {
        kind: Kind::Revision,
        namespace: doc::namespace(revision).to_owned(),
        name: doc::name(revision).to_owned(),
    };
    gone.into_iter().map(delete).collect()
}

fn in_use(revision: &Value, latest_ready: Option<&str>) -> bool {
    let kept = doc::annotation(revision, keys::NO_GC).is_some_and(|word| word.eq_ignore_ascii_case("true"));
    kept || latest_ready == Some(doc::name(revision)) || doc::label(revision, keys::ROUTING_STATE) != Some("reserve")
}

fn created(revision: &Value) -> Option<Timestamp> {
    doc::text(revision, "/metadata/creationTimestamp").parse().ok()
}

fn last_active(revision: &Value) -> Option<Timestamp> {
    doc::annotation(revision, keys::ROUTING_STATE_MODIFIED).and_then(|text| text.parse().ok()).or_else(|| created(revision))
}

fn stale(ctx: &Context<'_>, now: Timestamp, active: Timestamp, revision: &Value) -> bool {
    let gc = &ctx.config.gc;
    let past = |since: Timestamp, retain: Option<i64>| {
        retain.is_none_or(|retain| now.as_second().saturating_sub(since.as_second()) > retain / SECOND)
    };
    let some_rule = gc.retain_since_create.is_some() || gc.retain_since_active.is_some();
    some_rule && past(created(revision).unwrap_or(now), gc.retain_since_create) && past(active, gc.retain_since_active)
}
