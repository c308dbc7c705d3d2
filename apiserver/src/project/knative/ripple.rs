//! Which views a change touches: their entries in the journals, so that watchers of Deployments, ReplicaSets, Services and the
//! rest hear of what nobody stores.
//!
//! Fed by `store/core.rs` with each event of a turn. A view is rendered only when somebody watches, except one that goes: it is
//! kept as it last was.

use super::views::{self, INGRESSES, OF_REVISION, SCALED};
use crate::registry::ids;
use crate::store::{Core, View};
use skiff_engine::record::{Document, ResourceId};
use std::collections::BTreeSet;

/// A Revision or a Route came, changed or went.
pub fn of_document(
    core: &mut Core,
    version: u64,
    (resource, key): (ResourceId, &str),
    before: Option<&Document>,
    after: Option<&Document>,
) {
    let viewed: &[ResourceId] = match resource {
        ids::REVISIONS => &OF_REVISION,
        ids::ROUTES => &[ids::SERVICES, INGRESSES],
        _ => return,
    };
    for shown in viewed {
        let keys = |core: &Core, document: Option<&Document>| -> BTreeSet<String> {
            let Some(document) = document else { return BTreeSet::new() };
            let keys = match resource {
                ids::REVISIONS => views::keys_of(core, *shown, key, document),
                _ => views::keys_of_route(*shown, key, document),
            };
            // Where a document has the name, it is what is shown.
            keys.into_iter().filter(|key| core.world.documents.get(*shown, key).is_none()).collect()
        };
        let (old, new) = (keys(core, before), keys(core, after));
        for view in new.union(&old) {
            let exists = new.contains(view);
            let was = before.filter(|_| old.contains(view)).map(|document| match exists {
                true => View::Derived,
                false => frozen(core, resource, *shown, view, document),
            });
            core.push(*shown, version, view, was, exists.then_some(View::Derived));
        }
    }
}

fn frozen(core: &Core, resource: ResourceId, shown: ResourceId, key: &str, document: &Document) -> View {
    let body = match resource {
        ids::REVISIONS => views::render_of_revision(core, shown, key, document),
        _ => views::render_of_route(core, shown, key, document),
    };
    body.map_or(View::Derived, View::Frozen)
}

/// A Revision's counters changed; `endpoints` also what of it can be reached.
pub fn of_revision(core: &mut Core, version: u64, serial: u32, endpoints: bool) {
    let Some((ids::REVISIONS, key)) = core.index.location(serial) else { return };
    let Some(document) = core.world.documents.get(ids::REVISIONS, &key).cloned() else { return };
    for shown in SCALED {
        same(core, version, shown, &key, &document);
    }
    if endpoints {
        same(core, version, ids::ENDPOINTS, &key, &document);
        slices(core, version, &key, &document);
    }
}

fn same(core: &mut Core, version: u64, shown: ResourceId, key: &str, document: &Document) {
    for view in views::keys_of(core, shown, key, document) {
        if core.world.documents.get(shown, &view).is_none() {
            core.push(shown, version, &view, Some(View::Derived), Some(View::Derived));
        }
    }
}

/// Slices come and go with the number of sandboxes.
fn slices(core: &mut Core, version: u64, key: &str, document: &Document) {
    let new = views::slice_count(core, document);
    let old = core.index.knative.put_slices(document.serial, new);
    for n in 0..old.max(new) {
        let view = views::slice_key(key, document, n);
        let was = (n < old).then(|| match n < new {
            true => View::Derived,
            false => frozen(core, ids::REVISIONS, ids::ENDPOINT_SLICES, &view, document),
        });
        core.push(ids::ENDPOINT_SLICES, version, &view, was, (n < new).then_some(View::Derived));
    }
}
