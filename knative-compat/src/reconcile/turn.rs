//! The whole turn after a write of a ksvc: children, revision, routing state, in one go over documents in memory.

use super::{ChildWrite, Children, Context, reconcile_configuration, reconcile_service, routing_updates};
use crate::doc;
use crate::kind::Kind;
use crate::status::{RevisionLive, RevisionState, Scene, latest};
use serde_json::Value;

/// Gives a new document what storage gives it (uid, creation time), before others refer to it.
pub type Mint<'a> = &'a mut dyn FnMut(Kind, &mut Value);

/// Everything that a written ksvc leads to, in the order in which it is to be written; documents that are written twice appear
/// once, in their last form. `revisions` are those of the namespace, `routes` its other routes, `assigned` the traffic a route
/// has now. The ksvc itself must have its uid and namespace.
pub fn service_turn(
    ctx: &Context<'_>,
    ksvc: &Value,
    existing: &Children,
    revisions: &[RevisionState<'_>],
    routes: &[&Value],
    assigned: &dyn Fn(&str) -> Option<Value>,
    mint: Mint<'_>,
) -> Vec<ChildWrite> {
    let mut writes: Vec<ChildWrite> = Vec::new();
    for mut write in reconcile_service(ctx, ksvc, existing) {
        if let ChildWrite::Create(kind, document) = &mut write {
            mint(*kind, document);
        }
        writes.push(write);
    }
    let current = |kind: Kind, stored: Option<&Value>, writes: &[ChildWrite]| {
        let written = writes.iter().rev().find_map(|w| match w {
            ChildWrite::Create(k, document) | ChildWrite::Update(k, document) if *k == kind => Some(document.clone()),
            _ => None,
        });
        written.or_else(|| stored.cloned()).filter(|document| doc::controlled_by(document, ksvc))
    };
    let configuration = current(Kind::Configuration, existing.configuration.as_ref(), &writes);
    let mut made: Vec<Value> = Vec::new();
    if let Some(configuration) = &configuration {
        let documents: Vec<&Value> = revisions.iter().map(|r| r.document).collect();
        for mut write in reconcile_configuration(ctx, configuration, &documents) {
            if let ChildWrite::Create(kind, document) = &mut write {
                mint(*kind, document);
                made.push(document.clone());
            }
            writes.push(write);
        }
    }
    let born = RevisionLive::new(ctx.now);
    let scene = Scene {
        configurations: configuration.iter().collect(),
        revisions: revisions.iter().copied().chain(made.iter().map(|document| RevisionState { document, live: &born })).collect(),
    };
    if configuration.as_ref().is_some_and(|c| latest(c, &scene).conflict.is_some()) {
        // Traffic is not moved to a revision that could not be made.
        writes.retain(|w| !matches!(w, ChildWrite::Update(Kind::Route, _)));
    }
    let route = current(Kind::Route, existing.route.as_ref(), &writes);
    let all: Vec<&Value> = routes.iter().copied().filter(|r| doc::name(r) != doc::name(ksvc)).chain(route.as_ref()).collect();
    let updates = routing_updates(ctx, &all, &scene, assigned);
    merge(writes, updates)
}

/// Puts later updates into the earlier writes of the same documents.
fn merge(mut writes: Vec<ChildWrite>, updates: Vec<ChildWrite>) -> Vec<ChildWrite> {
    for update in updates {
        let ChildWrite::Update(kind, document) = update else {
            writes.push(update);
            continue;
        };
        let same = |w: &&mut ChildWrite| match w {
            ChildWrite::Create(k, d) | ChildWrite::Update(k, d) => *k == kind && doc::name(d) == doc::name(&document),
            ChildWrite::Delete { .. } => false,
        };
        match writes.iter_mut().find(same) {
            Some(ChildWrite::Create(_, slot) | ChildWrite::Update(_, slot)) => *slot = document,
            _ => writes.push(ChildWrite::Update(kind, document)),
        }
    }
    writes
}
