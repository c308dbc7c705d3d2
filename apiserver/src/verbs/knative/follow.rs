//! Turns that no write asks for: a Revision became ready and traffic left another, a child was deleted or edited by hand, old
//! Revisions are to be collected. Fed by `project::knative` at the end of a turn.

use super::turn;
use crate::clock;
use crate::project::knative::Sight;
use crate::registry::ids;
use crate::store::Core;
use crate::verbs::house::House;
use futures::StreamExt as _;
use skiff_engine::command::Transaction;
use skiff_engine::record::{Expect, Put, ResourceId, Write};
use skiff_knative::reconcile::ChildWrite;
use std::sync::Arc;
use std::time::Duration;

/// Turns under way at once; the log takes them as one entry.
const TURNS_MAX: usize = 64;
/// Pause before a turn that lost a race is taken again.
const AGAIN_AFTER: Duration = Duration::from_millis(20);

/// Runs until the store is closed.
pub async fn follow(house: Arc<House>) {
    remember_all(&house);
    let wake = house.store.read().index.knative.wake();
    loop {
        let batch = house.store.read().index.knative.take_unsettled();
        if batch.is_empty() {
            wake.notified().await;
            continue;
        }
        futures::stream::iter(batch).for_each_concurrent(TURNS_MAX, |(resource, key)| settle(&house, resource, key)).await;
    }
}

/// What an earlier run did not come to: Configurations with several Revisions may have traffic that has moved on.
fn remember_all(house: &House) {
    let core = house.store.read();
    for (key, document) in core.world.documents.table(ids::CONFIGURATIONS) {
        if core.world.documents.owned_by(document.uid).len() > 1 {
            core.index.knative.unsettle(ids::CONFIGURATIONS, key);
        }
    }
}

async fn settle(house: &House, resource: ResourceId, key: Box<str>) {
    let Some(transaction) = plan(&house.store.read(), resource, &key) else { return };
    match house.store.commit(transaction).await {
        Ok(Ok(_)) => {}
        Ok(Err(clash)) => {
            tracing::debug!(%key, write = clash.key, "somebody else was faster; the turn is taken again");
            tokio::time::sleep(AGAIN_AFTER).await;
            house.store.read().index.knative.unsettle(resource, &key);
        }
        Err(_) => tracing::debug!(%key, "the server is stopping; the next start finds it"),
    }
}

/// A Revision has started, or one that had is gone.
fn note_start(core: &Core, key: &str) -> Option<Transaction> {
    let write = match core.world.documents.get(ids::REVISIONS, key) {
        Some(document) if core.is_start_noted(key, document.uid) => return None,
        Some(document) => Core::note_start(key, Some(document.uid)),
        None => Core::note_start(key, None),
    };
    Some(Transaction { writes: vec![write] })
}

/// The writes of a turn; `None` if there is nothing to do.
pub(super) fn plan(core: &Core, resource: ResourceId, key: &str) -> Option<Transaction> {
    if resource == ids::REVISIONS {
        return note_start(core, key);
    }
    let sight = Sight::new(core);
    let (object, version) = sight.load(resource, key)?;
    if crate::store::is_deleting(&object) {
        return None;
    }
    let now = clock::now_rfc3339();
    let writes = match resource {
        ids::KSERVICES => turn::service(&sight, &now, &object),
        ids::CONFIGURATIONS => {
            let mut writes = turn::configuration(&sight, &now, &object, false);
            writes.extend(turn::collected(&sight, &now, &object));
            writes
        }
        _ => Vec::new(),
    };
    if writes.is_empty() {
        return None;
    }
    let mut transaction = Transaction { writes: Vec::new() };
    if writes.iter().any(|w| matches!(w, ChildWrite::Create(..))) {
        // A child must not be made for a parent that went meanwhile: the parent is written as it is, if it still is.
        let document = core.world.documents.get(resource, key)?;
        let put = Put { uid: document.uid, owners: document.owners.clone(), body: document.body.clone() };
        transaction.writes.push(Write { resource, key: key.to_owned(), expect: Expect::Version(version), put: Some(put) });
    }
    turn::add(core, writes, &mut transaction);
    Some(transaction)
}
