//! The definitions of the moment, compiled, and the kinds that follow from them.
//!
//! A definition is compiled when its spec changes, and the registry is rebuilt when a kind does; a change of a status alone does
//! neither.

use crate::clock;
use crate::registry::{Kind, Registry, SchemaRef, ids, resource_id};
use crate::status::Outcome;
use crate::store::body::{pack, unpack};
use crate::store::is_deleting;
use crate::verbs::house::House;
use crate::verbs::write::{self, put};
use bytes::Bytes;
use parking_lot::Mutex;
use serde_json::Value;
use skiff_custom::{Definition, Names, conditions};
use skiff_engine::command::Transaction;
use skiff_engine::record::{Document, Expect, ResourceId, Write};
use std::collections::BTreeMap;
use std::sync::Arc;

/// All definitions by name.
#[derive(Default)]
pub struct Definitions(Mutex<BTreeMap<String, Held>>);

/// What is kept of one.
struct Held {
    spec: Value,
    accepted: Names,
    served: bool,
    terminating: bool,
    definition: Arc<Definition>,
    kinds: Vec<Arc<Kind>>,
}

impl Definitions {
    /// Names that other definitions of a group hold.
    fn others(&self, group: &str, name: &str) -> Vec<Names> {
        let all = self.0.lock();
        all.iter()
            .filter(|(key, held)| *key != name && held.definition.group == group)
            .map(|(_, held)| held.accepted.clone())
            .collect()
    }

    /// Another definition whose resource has the same number.
    pub(super) fn with_number(&self, id: ResourceId, name: &str) -> Option<String> {
        let all = self.0.lock();
        let number = |held: &Held| resource_id(&held.definition.group, &held.definition.names.plural);
        all.iter().find(|(key, held)| *key != name && number(held) == id).map(|(key, _)| key.clone())
    }

    /// Takes a document in; says whether kinds have changed.
    fn put(&self, registry: &Registry, key: &str, document: &Value) -> bool {
        let mut all = self.0.lock();
        let accepted = Names::read(&document["status"]["acceptedNames"]);
        let (served, terminating) = (conditions::is_established(document), is_deleting(document));
        let before = all.get(key);
        let same_spec = before.filter(|held| held.spec == document["spec"]);
        if same_spec.is_some_and(|held| held.accepted == accepted && held.served == served && held.terminating == terminating) {
            return false;
        }
        let definition = match same_spec {
            Some(held) => held.definition.clone(),
            None => Arc::new(Definition::read(document)),
        };
        let kinds = if served { kinds_of(registry, &definition, &accepted, terminating) } else { Vec::new() };
        let held = Held { spec: document["spec"].clone(), accepted, served, terminating, definition, kinds };
        all.insert(key.to_owned(), held);
        true
    }

    fn remove(&self, key: &str) -> bool {
        self.0.lock().remove(key).is_some()
    }

    fn kinds(&self) -> Vec<Arc<Kind>> {
        self.0.lock().values().flat_map(|held| held.kinds.iter().cloned()).collect()
    }
}

/// The kinds of a definition. One whose resource is built in (Knative's own definitions) adds none.
fn kinds_of(registry: &Registry, definition: &Definition, names: &Names, terminating: bool) -> Vec<Arc<Kind>> {
    let id = resource_id(&definition.group, &definition.names.plural);
    if registry.built_in_of(id).is_some() {
        return Vec::new();
    }
    let kind = |version: &Arc<skiff_custom::Version>| Kind {
        id,
        resource: definition.resource(version, names),
        strategy: skiff_kinds::strategy::PLAIN,
        root: Some((SchemaRef::Custom(version.schema.clone()), version.root)),
        conversion: None,
        custom: Some(version.clone()),
        terminating,
    };
    definition.versions.iter().map(|version| Arc::new(kind(version))).collect()
}

/// Brings the registry up to date with a document that changed.
pub fn follow(registry: &Registry, resource: ResourceId, key: &str, after: Option<&Document>) {
    if resource != ids::CRDS {
        return;
    }
    let definitions = &registry.definitions;
    let changed = match after {
        Some(document) => definitions.put(registry, key, &unpack(&document.body)),
        None => definitions.remove(key),
    };
    if changed {
        registry.set_custom(definitions.kinds());
    }
}

/// Reads all definitions, at the start, and goes on with removals that a stop has interrupted.
pub fn load(house: &Arc<House>) {
    let all: Vec<(String, Value)> = {
        let core = house.store.read();
        core.world.documents.table(ids::CRDS).iter().map(|(key, d)| (key.to_string(), unpack(&d.body))).collect()
    };
    let definitions = &house.registry.definitions;
    for (key, document) in &all {
        definitions.put(&house.registry, key, document);
    }
    house.registry.set_custom(definitions.kinds());
    for (key, _) in all.iter().filter(|(_, document)| is_deleting(document)) {
        super::removal::begin(house, key);
    }
}

/// The status that upstream's controllers give a definition a moment after it is written. It is stored at once; the answer to
/// the request does not show it, as upstream's does not.
pub fn settle(house: &House, old: Option<&Value>, new: &Value, transaction: &mut Transaction) {
    let unchanged = old.is_some_and(|old| old.get("spec") == new.get("spec") && conditions::is_established(old));
    if unchanged {
        return;
    }
    let text = |pointer: &str| new.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let others = house.registry.definitions.others(text("/spec/group"), text("/metadata/name"));
    let mut settled = new.clone();
    conditions::settle(&mut settled, &others, &clock::now_rfc3339());
    if let Some(main) = transaction.writes.first_mut() {
        main.put = Some(put(ids::CRDS, &settled));
    }
}

/// Names have become free: definitions of the group that wait for theirs are looked at again.
///
/// # Errors
/// 503 while stopping.
pub(super) async fn reconsider(house: &House, kind: &Kind, group: &str) -> Outcome<()> {
    let waiting: Vec<(String, u64, Value)> = {
        let core = house.store.read();
        let all = core.world.documents.table(ids::CRDS).iter().map(|(key, d)| (key.to_string(), d.version, unpack(&d.body)));
        all.filter(|(_, _, document)| document["spec"]["group"] == group && conditions::has(document, "NamesAccepted", "False"))
            .collect()
    };
    for (key, version, mut document) in waiting {
        conditions::settle(&mut document, &house.registry.definitions.others(group, &key), &clock::now_rfc3339());
        let write = Write { resource: ids::CRDS, key, expect: Expect::Version(version), put: Some(put(ids::CRDS, &document)) };
        // If somebody else wrote in between, that write has settled it.
        write::commit(house, kind, Transaction { writes: vec![write] }).await?;
    }
    Ok(())
}

/// The body of a stored custom resource with the defaults that its schema has got since; `None` if that cannot be.
#[must_use]
pub fn refresh(registry: &Registry, resource: ResourceId, body: &[u8]) -> Option<Bytes> {
    let kinds = registry.kinds();
    if kinds.defaulted.is_empty() {
        return None;
    }
    let version = kinds.defaulted.get(&resource)?;
    let before = unpack(body);
    let mut object = before.clone();
    skiff_custom::default::apply(&version.tree, &mut object);
    (object != before).then(|| pack(&object, true).into())
}
