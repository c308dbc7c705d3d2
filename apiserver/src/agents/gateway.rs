//! A gateway's session: routes, revisions and endpoints out, cold requests and load in.

use super::Agents;
use crate::verbs::house::House;
use hyper::upgrade::Upgraded;
use std::sync::Arc;

impl Agents {
    /// Serves a gateway until its connection ends.
    pub async fn serve_gateway(self: Arc<Self>, _house: Arc<House>, _upgraded: Upgraded, _name: String) {}
}
