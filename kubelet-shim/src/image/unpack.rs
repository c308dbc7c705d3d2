//! Layers into snapshots: for each layer that has no snapshot yet, prepare, apply, commit.

use super::content::{self, leased, to_wire};
use super::document::{Config, Manifest, chain_ids};
use super::{ImageError, content::parse};
use crate::runtime::Containerd;
use containerd_client::services::v1::diff_client::DiffClient;
use containerd_client::services::v1::leases_client::LeasesClient;
use containerd_client::services::v1::snapshots::snapshots_client::SnapshotsClient;
use containerd_client::services::v1::snapshots::{
    CommitSnapshotRequest, PrepareSnapshotRequest, RemoveSnapshotRequest, StatSnapshotRequest,
};
use containerd_client::services::v1::{ApplyRequest, CreateRequest, DeleteRequest};
use containerd_client::tonic::Code;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};

static NEXT: AtomicU64 = AtomicU64::new(1);

fn unique(what: &str) -> String {
    format!("skiff-{what}-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

/// Protects new content for at most an hour, or until [`release`].
pub async fn lease(runtime: &Containerd) -> Result<String, ImageError> {
    let id = unique("lease");
    let expire = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(1);
    let labels = HashMap::from([("containerd.io/gc.expire".to_owned(), expire.to_string())]);
    LeasesClient::new(runtime.channel()).create(runtime.request(CreateRequest { id: id.clone(), labels })).await?;
    Ok(id)
}

pub async fn release(runtime: &Containerd, lease: &str) {
    let request = DeleteRequest { id: lease.to_owned(), sync: false };
    LeasesClient::new(runtime.channel()).delete(runtime.request(request)).await.ok();
}

pub async fn is_unpacked(runtime: &Containerd, chain: &str) -> Result<bool, ImageError> {
    let request = StatSnapshotRequest { snapshotter: runtime.snapshotter.clone(), key: chain.to_owned() };
    match SnapshotsClient::new(runtime.channel()).stat(runtime.request(request)).await {
        Ok(_) => Ok(true),
        Err(status) if status.code() == Code::NotFound => Ok(false),
        Err(status) => Err(status.into()),
    }
}

/// Unpacks what is missing; the config and the name of the topmost snapshot (empty for an image without layers).
pub async fn unpack(runtime: &Containerd, manifest: &Manifest) -> Result<(Config, String), ImageError> {
    let config: Config = parse(&content::read(runtime, &manifest.config.digest).await?, "image config")?;
    let chain = chain_ids(&config.rootfs.diff_ids);
    if chain.len() != manifest.layers.len() {
        return Err(ImageError::Unusable(format!("{} layers but {} diff ids", manifest.layers.len(), chain.len())));
    }
    let top = chain.last().cloned().unwrap_or_default();
    if top.is_empty() || is_unpacked(runtime, &top).await? {
        return Ok((config, top));
    }
    let lease = lease(runtime).await?;
    let done = layers(runtime, &lease, manifest, &chain).await;
    // The config keeps the snapshots alive once the lease is gone.
    let labelled = match done {
        Ok(()) => {
            let key = format!("containerd.io/gc.ref.snapshot.{}", runtime.snapshotter);
            content::label(runtime, &manifest.config.digest, &key, &top).await
        }
        Err(error) => Err(error),
    };
    release(runtime, &lease).await;
    labelled.map(|()| (config, top))
}

async fn layers(runtime: &Containerd, lease: &str, manifest: &Manifest, chain: &[String]) -> Result<(), ImageError> {
    let mut parent = String::new();
    for (layer, name) in manifest.layers.iter().zip(chain) {
        if !is_unpacked(runtime, name).await? {
            one_layer(runtime, lease, &to_wire(layer), &parent, name).await?;
        }
        parent.clone_from(name);
    }
    Ok(())
}

async fn one_layer(
    runtime: &Containerd,
    lease: &str,
    layer: &containerd_client::types::Descriptor,
    parent: &str,
    name: &str,
) -> Result<(), ImageError> {
    let mut snapshots = SnapshotsClient::new(runtime.channel());
    let key = unique("extract");
    let snapshotter = runtime.snapshotter.clone();
    let prepare = PrepareSnapshotRequest {
        snapshotter: snapshotter.clone(),
        key: key.clone(),
        parent: parent.to_owned(),
        labels: HashMap::new(),
    };
    let mounts = snapshots.prepare(leased(runtime.request(prepare), lease)?).await?.into_inner().mounts;
    let apply = ApplyRequest { diff: Some(layer.clone()), mounts, ..ApplyRequest::default() };
    let applied = DiffClient::new(runtime.channel()).apply(leased(runtime.request(apply), lease)?).await;
    let committed = match applied {
        Ok(_) => {
            let commit = CommitSnapshotRequest {
                snapshotter: snapshotter.clone(),
                name: name.to_owned(),
                key: key.clone(),
                ..CommitSnapshotRequest::default()
            };
            snapshots.commit(leased(runtime.request(commit), lease)?).await
        }
        Err(status) => Err(status),
    };
    match committed {
        Ok(_) => Ok(()),
        Err(status) => {
            snapshots.remove(runtime.request(RemoveSnapshotRequest { snapshotter, key })).await.ok();
            // Somebody else unpacked the same layer at the same time.
            if status.code() == Code::AlreadyExists { Ok(()) } else { Err(status.into()) }
        }
    }
}
