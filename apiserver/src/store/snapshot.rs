//! All durable documents as bytes, and back. Only documents: sandboxes have no way in.

use super::Core;
use serde::{Deserialize, Serialize};
use skiff_engine::record::{Document, ResourceId};
use std::sync::Arc;

#[derive(Serialize, Deserialize)]
struct Snapshot {
    version: u64,
    ceiling: u64,
    serial: u32,
    documents: Vec<(ResourceId, String, Arc<Document>)>,
}

/// Everything that must last.
pub(super) fn take(core: &Core) -> Vec<u8> {
    let mut documents = Vec::new();
    for (resource, table) in core.world.documents.tables() {
        if core.is_ephemeral(resource) {
            continue;
        }
        documents.extend(table.iter().map(|(key, document)| (resource, key.to_string(), document.clone())));
    }
    let snapshot = Snapshot { version: core.world.version, ceiling: core.ceiling, serial: core.world.last_serial(), documents };
    postcard::to_allocvec(&snapshot).unwrap_or_default()
}

/// Replaces the documents.
pub(super) fn put(core: &mut Core, bytes: &[u8]) -> Result<(), String> {
    let snapshot: Snapshot = postcard::from_bytes(bytes).map_err(|e| format!("snapshot: {e}"))?;
    core.clear_documents();
    core.world.raise_version(snapshot.version);
    core.world.raise_serial(snapshot.serial);
    core.ceiling = core.ceiling.max(snapshot.ceiling);
    for (resource, key, document) in snapshot.documents {
        core.restore_document(resource, &key, document);
    }
    Ok(())
}
