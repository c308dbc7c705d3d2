//! `skiff apiserver`: certificates, then the control plane.

use crate::args::Apiserver;
use crate::identity;
use crate::layout::Layout;
use skiff_apiserver::Settings;

/// Runs until a signal.
pub async fn run(args: Apiserver) -> anyhow::Result<()> {
    let stop = super::stop_signal()?;
    let layout = Layout::make(&args.data_dir)?;
    let ca = identity::authority(&layout)?;
    identity::serving(&layout, &ca, args.api_address, &args.san)?;
    let settings = Settings { data_dir: layout.root().to_owned(), api_address: args.api_address, domain: args.domain };
    skiff_apiserver::run(settings, stop).await
}
