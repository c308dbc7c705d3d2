//! What every namespace has without being asked: the ServiceAccount `default` and the certificate of the authority. Made with the
//! namespace; made again when somebody deletes or changes them, as upstream's controllers do.
//!
//! Fed by the events of each turn. Waits hold names of namespaces only, so there are never more than namespaces.

use crate::clock;
use crate::project::name;
use crate::registry::ids;
use crate::store::body::unpack;
use crate::store::is_deleting;
use crate::verbs::companion::write_new;
use crate::verbs::house::House;
use crate::verbs::write::put;
use parking_lot::Mutex;
use serde_json::{Value, json};
use skiff_engine::command::Transaction;
use skiff_engine::record::{Document, Expect, ResourceId, Write};
use std::collections::BTreeSet;
use std::sync::Arc;
use tokio::sync::Notify;

const ACCOUNT: &str = "default";
const AUTHORITY: &str = "kube-root-ca.crt";

/// Namespaces that may lack something.
#[derive(Default)]
pub struct Given {
    pending: Mutex<BTreeSet<Box<str>>>,
    wake: Notify,
}

impl Given {
    /// Looks at a document that changed.
    pub fn follow(&self, house: &House, resource: ResourceId, key: &str, after: Option<&Document>) {
        let Some((namespace, name)) = key.split_once('/') else { return };
        let lacks = match (resource, name, after) {
            (ids::SERVICE_ACCOUNTS, ACCOUNT, after) => after.is_none(),
            (ids::CONFIG_MAPS, AUTHORITY, Some(document)) => !is_authority(&unpack(&document.body), &house.ca_pem),
            (ids::CONFIG_MAPS, AUTHORITY, None) => true,
            _ => false,
        };
        if lacks {
            self.pending.lock().insert(namespace.into());
            self.wake.notify_one();
        }
    }
}

/// Gives back what was taken, until the store is closed.
pub async fn run(house: Arc<House>) {
    loop {
        house.given.wake.notified().await;
        let batch = std::mem::take(&mut *house.given.pending.lock());
        for namespace in batch {
            let writes = missing(&house, &namespace);
            if writes.is_empty() {
                continue;
            }
            match house.store.commit(Transaction { writes }).await {
                Ok(Ok(_)) => {}
                // Somebody wrote in between; if something is still missing, that write has said so.
                Ok(Err(clash)) => tracing::debug!(%namespace, write = clash.key, "somebody else was faster"),
                Err(_) => return,
            }
        }
    }
}

/// What a new namespace is given.
pub fn with_namespace(house: &House, namespace: &str) -> [Write; 2] {
    [write_new(ids::SERVICE_ACCOUNTS, &account(namespace)), write_new(ids::CONFIG_MAPS, &authority(namespace, &house.ca_pem))]
}

/// What a namespace lacks, unless it is going.
fn missing(house: &House, namespace: &str) -> Vec<Write> {
    let core = house.store.read();
    let documents = &core.world.documents;
    if documents.get(ids::NAMESPACES, namespace).is_none_or(|d| is_deleting(&unpack(&d.body))) {
        return Vec::new();
    }
    let mut writes = Vec::new();
    let new = |resource, object: &Value| Write { expect: Expect::Absent, ..write_new(resource, object) };
    if documents.get(ids::SERVICE_ACCOUNTS, &format!("{namespace}/{ACCOUNT}")).is_none() {
        writes.push(new(ids::SERVICE_ACCOUNTS, &account(namespace)));
    }
    let key = format!("{namespace}/{AUTHORITY}");
    let wanted = authority(namespace, &house.ca_pem);
    match documents.get(ids::CONFIG_MAPS, &key) {
        None => writes.push(new(ids::CONFIG_MAPS, &wanted)),
        Some(document) => {
            let mut object = unpack(&document.body);
            if !is_authority(&object, &house.ca_pem) {
                object["data"] = wanted["data"].clone();
                let put = Some(put(ids::CONFIG_MAPS, &object));
                writes.push(Write { resource: ids::CONFIG_MAPS, key, expect: Expect::Version(document.version), put });
            }
        }
    }
    writes
}

fn is_authority(object: &Value, ca_pem: &str) -> bool {
    object.get("data") == Some(&json!({"ca.crt": ca_pem}))
}

fn meta(namespace: &str, name: &str) -> Value {
    json!({"name": name, "namespace": namespace, "uid": name::uid_text(name::new_uid()), "creationTimestamp": clock::now_rfc3339()})
}

fn account(namespace: &str) -> Value {
    json!({"metadata": meta(namespace, ACCOUNT)})
}

fn authority(namespace: &str, ca_pem: &str) -> Value {
    let mut authority = json!({"metadata": meta(namespace, AUTHORITY), "data": {"ca.crt": ca_pem}});
    authority["metadata"]["annotations"] = json!({"kubernetes.io/description":
        "Contains a CA bundle that can be used to verify the kube-apiserver when using internal endpoints such as the internal service IP or kubernetes.default.svc. No other usage is guaranteed across distributions of Kubernetes clusters."});
    authority
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_authority_is_known_by_its_data_alone() {
        let mut object = authority("ns", "PEM");
        object["metadata"]["labels"] = json!({"own": "label"});
        assert!(is_authority(&object, "PEM"));
        object["data"]["more"] = "x".into();
        assert!(!is_authority(&object, "PEM"));
        assert!(!is_authority(&json!({"data": {"ca.crt": ""}}), "PEM"));
        assert!(!is_authority(&json!({}), "PEM"));
    }
}
