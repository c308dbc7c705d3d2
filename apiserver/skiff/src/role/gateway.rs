//! `skiff gateway`: the data plane.

use crate::args::Gateway;
use skiff_gateway::{AgentTls, Settings};

/// Runs until a signal.
pub async fn run(args: Gateway) -> anyhow::Result<()> {
    let stop = super::stop_signal()?;
    let pems = super::read_pair(&args.pair)?;
    let tls = AgentTls { ca_pem: pems.ca, cert_pem: pems.cert, key_pem: pems.key };
    let settings = Settings {
        server_timing: args.server_timing,
        admin: args.admin_address,
        drain_s_max: args.drain_seconds,
        ..Settings::new(args.name, args.listen, args.api, tls)
    };
    skiff_gateway::run(settings, stop).await
}
