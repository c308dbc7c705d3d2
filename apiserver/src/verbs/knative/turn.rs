//! What a written ksvc, Configuration or Route leads to, as writes of the same transaction.
//!
//! Fed by the writes themselves and by `follow`, with the tables as they are. The rules are `skiff_knative::reconcile`; here
//! the documents that they look at are found, and nothing more is looked up than they need.

use crate::project::knative::{Depth, Picture, Sight, kind_of, reference_keys};
use crate::project::name;
use crate::registry::ids;
use crate::store::Core;
use crate::verbs::write::put;
use serde_json::Value;
use skiff_engine::command::Transaction;
use skiff_engine::record::{Expect, ResourceId, Write};
use skiff_knative::reconcile::{
    ChildWrite, Children, Context, collect, reconcile_configuration, reconcile_service, routing_updates, service_turn,
};
use skiff_knative::status::{Assigned, RevisionLive, RevisionState, Scene, latest};
use skiff_knative::{Kind, doc, keys};
use std::collections::{BTreeMap, BTreeSet};

/// Routes by name, as they are after the write.
type Routes = BTreeMap<String, Value>;

fn mint(now: &str, document: &mut Value) {
    let Some(meta) = document.get_mut("metadata").and_then(Value::as_object_mut) else { return };
    meta.insert("uid".into(), name::uid_text(name::new_uid()).into());
    meta.insert("creationTimestamp".into(), now.into());
    meta.sort_keys();
}

fn key_of(document: &Value) -> String {
    format!("{}/{}", doc::namespace(document), doc::name(document))
}

/// Everything that a ksvc leads to.
pub(super) fn service(sight: &Sight<'_>, now: &str, ksvc: &Value) -> Vec<ChildWrite> {
    let ctx = Context { config: &sight.config, now };
    let key = key_of(ksvc);
    let load = |resource| sight.load(resource, &key).map(|(found, _)| found);
    let existing = Children { configuration: load(ids::CONFIGURATIONS), route: load(ids::ROUTES) };
    let own = existing.configuration.as_ref().filter(|c| doc::controlled_by(c, ksvc));
    let mut picture = Picture::default();
    match own {
        Some(configuration) => {
            sight.add_configuration(&mut picture, configuration.clone(), Depth::Routed);
            sight.add_next(&mut picture, configuration);
        }
        None => sight.add_revision(&mut picture, &format!("{key}-00001")),
    }
    let named = doc::items(ksvc, "/spec/traffic").map(|target| doc::text(target, "/revisionName"));
    for revision in named.chain([doc::text(ksvc, "/spec/template/metadata/name")]).filter(|name| !name.is_empty()) {
        sight.add_revision(&mut picture, &format!("{}/{revision}", doc::namespace(ksvc)));
    }
    let drafts = reconcile_service(&ctx, ksvc, &existing);
    let draft = |kind: Kind| {
        drafts.iter().find_map(|w| match w {
            ChildWrite::Create(k, document) | ChildWrite::Update(k, document) if *k == kind => Some(document),
            _ => None,
        })
    };
    let route = draft(Kind::Route).or(existing.route.as_ref());
    let before = existing.route.as_ref().and_then(|old| assigned_before(sight, old, &picture));
    let now_assigned = route.and_then(|route| {
        let configuration = draft(Kind::Configuration).or(own);
        let scene = Scene { configurations: configuration.into_iter().collect(), revisions: picture.states() };
        sight.assign(route, &scene)
    });
    if let Some(old) = &existing.route {
        keep(sight, old, now_assigned.as_ref(), before.clone());
    }
    let in_force = now_assigned.or(before).map(|a| a.traffic);
    let routes = annotated(sight, own.into_iter().chain(picture.revisions.iter().map(|r| &r.document)), ksvc);
    let others: Vec<&Value> = routes.values().collect();
    let assigned = |route: &str| {
        if route == doc::name(ksvc) { in_force.clone() } else { routes.get(route).and_then(|r| assigned_now(sight, r)) }
    };
    let mut writes =
        service_turn(&ctx, ksvc, &existing, &picture.states(), &others, &assigned, &mut |_, document| mint(now, document));
    // Somebody else's Revisions were looked at for their names only; their routing is their Configuration's.
    writes.retain(|w| !matches!(w, ChildWrite::Update(Kind::Revision, d) if own.is_none_or(|c| !doc::controlled_by(d, c))));
    let changed = writes.iter().find_map(|w| match w {
        ChildWrite::Create(Kind::Route, d) | ChildWrite::Update(Kind::Route, d) => Some(d.clone()),
        _ => None,
    });
    if let Some(changed) = changed {
        elsewhere(sight, &ctx, existing.route.as_ref(), &changed, Some(&key), &mut writes);
    }
    writes
}

/// Everything that a Configuration leads to. A new one may have been named by Routes before it was there.
pub(super) fn configuration(sight: &Sight<'_>, now: &str, configuration: &Value, new: bool) -> Vec<ChildWrite> {
    let ctx = Context { config: &sight.config, now };
    let mut picture = Picture::default();
    sight.add_configuration(&mut picture, configuration.clone(), Depth::Routed);
    sight.add_next(&mut picture, configuration);
    let documents: Vec<&Value> = picture.revisions.iter().map(|r| &r.document).collect();
    let mut made = reconcile_configuration(&ctx, configuration, &documents);
    for write in &mut made {
        if let ChildWrite::Create(_, document) = write {
            mint(now, document);
        }
    }
    let mut routes = annotated(sight, std::iter::once(configuration).chain(documents), &Value::Null);
    if new {
        routes.extend(waiting(sight, configuration));
    }
    let born = RevisionLive::new(now);
    let fresh = made.iter().filter_map(ChildWrite::document).map(|document| RevisionState { document, live: &born });
    let scene = Scene { configurations: vec![configuration], revisions: picture.states().into_iter().chain(fresh).collect() };
    let assigned = |name: &str| routes.get(name).and_then(|r| assigned_now(sight, r));
    let updates = routing_updates(&ctx, &routes.values().collect::<Vec<_>>(), &scene, &assigned);
    let own = |w: &ChildWrite| !matches!(w, ChildWrite::Update(Kind::Revision, d) if !doc::controlled_by(d, configuration));
    let updates: Vec<ChildWrite> = updates.into_iter().filter(own).collect();
    merge(made, updates)
}

/// What a Route that was written by itself leads to.
pub(super) fn route(sight: &Sight<'_>, now: &str, old: Option<&Value>, new: &Value) -> Vec<ChildWrite> {
    let ctx = Context { config: &sight.config, now };
    if let Some(old) = old {
        let mut picture = Picture::default();
        sight.add_targets(&mut picture, old, Depth::Shown);
        let before = assigned_before(sight, old, &picture);
        sight.add_targets(&mut picture, new, Depth::Shown);
        keep(sight, old, sight.assign(new, &picture.scene()).as_ref(), before);
    }
    let mut writes = Vec::new();
    elsewhere(sight, &ctx, old, new, None, &mut writes);
    writes
}

/// Revisions of a Configuration that are collected.
pub(super) fn collected(sight: &Sight<'_>, now: &str, configuration: &Value) -> Vec<ChildWrite> {
    let uid = name::uid_of(doc::uid(configuration));
    let count = sight.core.world.documents.owned_by(uid).len();
    let gc = &sight.config.gc;
    if i64::try_from(count).unwrap_or(i64::MAX) <= gc.min_non_active.min(gc.max_non_active.unwrap_or(i64::MAX)) {
        return Vec::new();
    }
    let mut picture = Picture::default();
    sight.add_configuration(&mut picture, configuration.clone(), Depth::All);
    let ready = latest(configuration, &picture.scene()).ready;
    let own: Vec<&Value> =
        picture.revisions.iter().map(|r| &r.document).filter(|d| doc::controlled_by(d, configuration)).collect();
    collect(&Context { config: &sight.config, now }, &own, ready.as_deref())
}

/// The routing of everything that a changed Route led or leads to, but for one Configuration that is cared for already.
fn elsewhere(
    sight: &Sight<'_>,
    ctx: &Context<'_>,
    old: Option<&Value>,
    new: &Value,
    but: Option<&str>,
    writes: &mut Vec<ChildWrite>,
) {
    let namespace = doc::namespace(new);
    let mut touched = reference_keys(sight.core, new, namespace);
    touched.extend(old.into_iter().flat_map(|old| reference_keys(sight.core, old, namespace)));
    for key in touched.iter().filter(|key| Some(key.as_str()) != but) {
        let Some((configuration, _)) = sight.load(ids::CONFIGURATIONS, key) else { continue };
        writes.extend(routing(sight, ctx, Some(configuration), None, new));
    }
    // A Revision that was made by itself has no Configuration.
    let named = doc::items(new, "/spec/traffic").chain(old.into_iter().flat_map(|old| doc::items(old, "/spec/traffic")));
    let alone: BTreeSet<&str> = named.map(|target| doc::text(target, "/revisionName")).filter(|name| !name.is_empty()).collect();
    for name in alone {
        let key = format!("{namespace}/{name}");
        let found = sight.load(ids::REVISIONS, &key);
        if found.is_some_and(|(revision, _)| doc::label(&revision, keys::CONFIGURATION).is_none()) {
            writes.extend(routing(sight, ctx, None, Some(&key), new));
        }
    }
}

/// The routing state of a Configuration and its Revisions (or of one Revision) with a Route as it is now.
fn routing(
    sight: &Sight<'_>,
    ctx: &Context<'_>,
    configuration: Option<Value>,
    alone: Option<&str>,
    changed: &Value,
) -> Vec<ChildWrite> {
    let mut picture = Picture::default();
    if let Some(key) = alone {
        sight.add_revision(&mut picture, key);
    }
    if let Some(configuration) = &configuration {
        sight.add_configuration(&mut picture, configuration.clone(), Depth::Routed);
    }
    for target in doc::items(changed, "/spec/traffic") {
        sight.add_revision(&mut picture, &format!("{}/{}", doc::namespace(changed), doc::text(target, "/revisionName")));
    }
    let ours = |d: &Value| configuration.as_ref().map_or(alone == Some(key_of(d).as_str()), |c| doc::controlled_by(d, c));
    let documents = picture.revisions.iter().map(|r| &r.document).filter(|d| ours(d));
    let mut routes = annotated(sight, configuration.iter().chain(documents), &Value::Null);
    routes.insert(doc::name(changed).to_owned(), changed.clone());
    let assigned = |name: &str| routes.get(name).and_then(|r| assigned_now(sight, r));
    let updates = routing_updates(ctx, &routes.values().collect::<Vec<_>>(), &picture.scene(), &assigned);
    updates.into_iter().filter(|w| !matches!(w, ChildWrite::Update(Kind::Revision, d) if !ours(d))).collect()
}

/// The Routes that documents say are pointing at them, except one's own.
fn annotated<'a>(sight: &Sight<'_>, documents: impl Iterator<Item = &'a Value>, except: &Value) -> Routes {
    let mut found = Routes::new();
    for document in documents {
        for name in doc::annotation(document, keys::ROUTES).into_iter().flat_map(|names| names.split(',')) {
            if name == doc::name(except) || found.contains_key(name) {
                continue;
            }
            if let Some((route, _)) = sight.load(ids::ROUTES, &format!("{}/{name}", doc::namespace(document))) {
                found.insert(name.to_owned(), route);
            }
        }
    }
    found
}

/// Routes that name a Configuration which did not exist until now. The only place that looks through a namespace: nobody
/// has a note of what is not there.
fn waiting(sight: &Sight<'_>, configuration: &Value) -> Routes {
    let prefix = format!("{}/", doc::namespace(configuration));
    let needle = format!("\"configurationName\":{}", Value::from(doc::name(configuration)));
    let from = (std::ops::Bound::Included(prefix.as_str()), std::ops::Bound::Unbounded);
    let table =
        sight.core.world.documents.table(ids::ROUTES).range::<str, _>(from).take_while(|(key, _)| key.starts_with(&prefix));
    let named = table.filter(|(_, d)| d.body.windows(needle.len()).any(|part| part == needle.as_bytes()));
    named.map(|(key, d)| (key[prefix.len()..].to_owned(), crate::store::body::unpack(&d.body))).collect()
}

/// The traffic of a Route as it is now, or that it had before its problem.
fn assigned_now(sight: &Sight<'_>, route: &Value) -> Option<Value> {
    let mut picture = Picture::default();
    sight.add_targets(&mut picture, route, Depth::Shown);
    assigned_before(sight, route, &picture).map(|assigned| assigned.traffic)
}

fn assigned_before(sight: &Sight<'_>, route: &Value, picture: &Picture) -> Option<Assigned> {
    sight.assign(route, &picture.scene()).or_else(|| sight.route_live(route, Default::default()).assigned)
}

/// Remembers what a Route had while what it is to have now can't be given.
fn keep(sight: &Sight<'_>, route: &Value, now: Option<&Assigned>, before: Option<Assigned>) {
    if let Some(document) = sight.core.world.documents.get(ids::ROUTES, &key_of(route)) {
        sight.core.index.knative.remember(document.serial, before.filter(|_| now.is_none()));
    }
}

/// A Configuration goes: the Routes that lead to it keep what they gave.
pub(super) fn keep_routes(sight: &Sight<'_>, configuration: &Value) {
    for route in annotated(sight, std::iter::once(configuration), &Value::Null).values() {
        let mut picture = Picture::default();
        sight.add_targets(&mut picture, route, Depth::Shown);
        keep(sight, route, None, assigned_before(sight, route, &picture));
    }
}

/// Puts later updates into the earlier writes of the same documents.
fn merge(mut writes: Vec<ChildWrite>, updates: Vec<ChildWrite>) -> Vec<ChildWrite> {
    for update in updates {
        let same = |w: &&mut ChildWrite| match (w, &update) {
            (ChildWrite::Create(k, d) | ChildWrite::Update(k, d), ChildWrite::Update(kind, document)) => {
                k == kind && doc::name(d) == doc::name(document)
            }
            _ => false,
        };
        match (writes.iter_mut().find(same), update) {
            (Some(ChildWrite::Create(_, slot) | ChildWrite::Update(_, slot)), ChildWrite::Update(_, document)) => {
                *slot = document
            }
            (_, update) => writes.push(update),
        }
    }
    writes
}

fn resource_of(kind: Kind) -> Option<ResourceId> {
    [ids::KSERVICES, ids::CONFIGURATIONS, ids::REVISIONS, ids::ROUTES, ids::DOMAIN_MAPPINGS]
        .into_iter()
        .find(|r| kind_of(*r) == Some(kind))
}

/// Adds writes to a transaction: each expects what was there when it was made up. A write of the main document itself goes into
/// the main write.
pub(super) fn add(core: &Core, writes: Vec<ChildWrite>, transaction: &mut Transaction) {
    for write in writes {
        let (kind, key, document) = match &write {
            ChildWrite::Create(kind, document) | ChildWrite::Update(kind, document) => (*kind, key_of(document), Some(document)),
            ChildWrite::Delete { kind, namespace, name } => (*kind, format!("{namespace}/{name}"), None),
        };
        let Some(resource) = resource_of(kind) else { continue };
        let content = document.map(|document| put(resource, document));
        if let Some(main) = transaction.writes.iter_mut().find(|w| w.resource == resource && w.key == key) {
            main.put = content;
            continue;
        }
        let found = core.world.documents.get(resource, &key).map(|d| d.version);
        let expect = found.map_or(Expect::Absent, Expect::Version);
        transaction.writes.push(Write { resource, key, expect, put: content });
    }
}
