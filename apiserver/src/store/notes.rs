//! What the house itself must know after a restart and no client declares: numbers of nodes, and which Revisions have started.
//!
//! Documents of hidden resources: they go through the log like all others, but no kind and no path shows them. A node's number
//! is in the addresses of what it runs, so it is noted when the node first joins and stays, even without its Node object, until
//! no other number is left.

use super::Core;
use super::body::unpack;
use crate::project::name;
use crate::registry::resource_id;
use serde_json::{Value, json};
use skiff_engine::record::{Expect, Put, ResourceId, Write};

/// Numbers of nodes, by name. No group of an API has a slash, so no kind can have this number but by chance.
const NODE_NUMBERS: ResourceId = resource_id("house/skiff", "nodenumbers");
/// Revisions whose start was reached once, by key; owned by them.
const STARTS: ResourceId = resource_id("house/skiff", "starts");

fn write(resource: ResourceId, key: &str, owners: Vec<u128>, content: &Value) -> Write {
    let body = super::body::pack(content, true).into();
    Write { resource, key: key.into(), expect: Expect::Any, put: Some(Put { uid: name::new_uid(), owners, body }) }
}

fn gone(resource: ResourceId, key: &str) -> Write {
    Write { resource, key: key.into(), expect: Expect::Any, put: None }
}

fn number_in(body: &[u8]) -> Option<u16> {
    unpack(body).get("number").and_then(Value::as_u64).and_then(|n| u16::try_from(n).ok())
}

impl Core {
    /// Gives nodes the numbers that they had in earlier runs, before anything else gets one.
    pub(super) fn restore_node_numbers(&mut self, now_ms: u64) {
        let table = self.world.documents.table(NODE_NUMBERS);
        let numbers: Vec<(String, u16)> =
            table.iter().filter_map(|(name, note)| Some((name.to_string(), number_in(&note.body)?))).collect();
        for (name, number) in numbers {
            if !self.world.keep_number(&name, number, now_ms) {
                tracing::warn!(%name, number, "a node's number is another's now; it gets a new one when it joins");
            }
        }
    }

    /// The writes that keep a node's number; none if it is kept already.
    #[must_use]
    pub fn note_node_number(&self, name: &str, number: u16) -> Vec<Write> {
        let table = self.world.documents.table(NODE_NUMBERS);
        if table.get(name).is_some_and(|note| number_in(&note.body) == Some(number)) {
            return Vec::new();
        }
        // The number was a dropped node's if none was left.
        let others = table.iter().filter(|(other, note)| ***other != *name && number_in(&note.body) == Some(number));
        let mut writes: Vec<Write> = others.map(|(other, _)| gone(NODE_NUMBERS, other)).collect();
        writes.push(write(NODE_NUMBERS, name, Vec::new(), &json!({"number": number})));
        writes
    }

    /// Whether the start of the Revision with this identity was noted.
    #[must_use]
    pub fn is_start_noted(&self, key: &str, uid: u128) -> bool {
        self.world.documents.get(STARTS, key).is_some_and(|note| note.owners.contains(&uid))
    }

    /// Whether there is a note of a start under this key, whosever it is.
    #[must_use]
    pub fn has_start_note(&self, key: &str) -> bool {
        self.world.documents.get(STARTS, key).is_some()
    }

    /// The write that notes the start of a Revision, or drops the note of one that is gone (`uid` is `None`).
    #[must_use]
    pub fn note_start(key: &str, uid: Option<u128>) -> Write {
        match uid {
            Some(uid) => write(STARTS, key, vec![uid], &json!({})),
            None => gone(STARTS, key),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry::{Registry, ids};
    use crate::store::{Applier, Store};
    use crate::verbs::companion::write_new;
    use skiff_durable::Machine;
    use skiff_engine::command::{Batch, Transaction};
    use std::sync::Arc;

    fn commit(store: &Store, writes: Vec<Write>) {
        let batch = Batch { floor: 0, ceiling: 0, transactions: vec![Transaction { writes }] };
        assert!(store.apply(&batch).iter().all(Result::is_ok));
    }

    fn join(store: &Store, name: &str) -> u16 {
        let number = store.turn(|world, turn| world.node_number(name, turn.now_ms)).unwrap();
        let node = json!({"metadata": {"name": name, "uid": name::uid_text(name::new_uid())}});
        let mut writes = store.read().note_node_number(name, number);
        writes.push(write_new(ids::NODES, &node));
        commit(store, writes);
        number
    }

    fn restarted(store: Arc<Store>) -> Arc<Store> {
        let (next, _queue) = Store::new(Arc::new(Registry::new()), 1);
        Applier(next.clone()).restore(&Applier(store).snapshot()).unwrap();
        next.begin(crate::clock::now_ms(), 0);
        next
    }

    fn numbers(store: &Store, names: &[&str]) -> Vec<Option<u16>> {
        names.iter().map(|name| store.read().world.node_names.get(*name).copied()).collect()
    }

    #[test]
    fn a_deleted_node_moves_no_other_and_its_number_is_not_given_again() {
        let (store, _queue) = Store::new(Arc::new(Registry::new()), 1);
        store.begin(crate::clock::now_ms(), 0);
        // By name they would come in another order.
        assert_eq!(["c", "b", "a"].map(|name| join(&store, name)), [0, 1, 2]);
        for gone in ["b", "a"] {
            commit(&store, vec![Write { resource: ids::NODES, key: gone.into(), expect: Expect::Present, put: None }]);
        }
        let store = restarted(store);
        assert_eq!(numbers(&store, &["c", "b", "a"]), [Some(0), Some(1), Some(2)]);
        assert_eq!(join(&store, "d"), 3, "the last one's sandboxes may still run");
        assert_eq!(join(&store, "b"), 1, "a name that comes back has its number");
        let store = restarted(store);
        assert_eq!(numbers(&store, &["c", "b", "a", "d"]), [Some(0), Some(1), Some(2), Some(3)]);
        let core = store.read();
        let dropped: Vec<bool> = core.world.nodes.iter().map(|n| n.dropped).collect();
        assert_eq!(dropped, [false, false, true, false]);
    }

    #[test]
    fn a_number_that_goes_to_another_name_is_noted_once() {
        let (store, _queue) = Store::new(Arc::new(Registry::new()), 1);
        store.begin(crate::clock::now_ms(), 0);
        join(&store, "a");
        assert!(store.read().note_node_number("a", 0).is_empty());
        let writes = store.read().note_node_number("b", 0);
        commit(&store, writes);
        assert_eq!(store.read().world.documents.table(NODE_NUMBERS).keys().map(|k| &**k).collect::<Vec<_>>(), ["b"]);
    }
}
