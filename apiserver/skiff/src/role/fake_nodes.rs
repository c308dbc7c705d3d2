//! `skiff fake-nodes`: a fleet that only pretends. Its nodes' certificates are signed on the spot, not kept.

use crate::args::FakeNodes;
use crate::identity;
use crate::layout::Layout;
use crate::up::SAMPLE_IMAGE;
use skiff_kubelet::NodeTls;
use skiff_kubelet::fake::{self, FleetSettings};
use std::sync::Arc;

/// Runs until a signal.
pub async fn run(args: FakeNodes) -> anyhow::Result<()> {
    let stop = super::stop_signal()?;
    let ca = identity::existing_authority(&Layout::find(&args.data_dir)?)?;
    let identity = move |name: &str| {
        let pair = identity::sign_node(&ca, name)?;
        let (cert_pem, key_pem) = (pair.cert_pem.into_bytes(), pair.key_pem.into_bytes());
        Ok(NodeTls { ca_pem: ca.pem().as_bytes().to_vec(), cert_pem, key_pem })
    };
    let settings = FleetSettings {
        pods_max: args.fleet.fake_pods_max,
        cpu_milli: args.fleet.fake_cpu_milli,
        memory_mib: args.fleet.fake_memory_mib,
        ready_after_ms: args.fleet.fake_ready_after_ms,
        serve: Some(args.serve),
        images: vec![(SAMPLE_IMAGE.to_owned(), 0)],
        ..FleetSettings::new(args.nodes, args.api, Arc::new(identity))
    };
    fake::run(settings, stop).await
}
