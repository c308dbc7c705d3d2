//! exec, attach and port-forward: an upgraded connection of a client joined with a side stream of a node.

use super::ask::Ask;
use super::house::House;
use crate::status::{Outcome, Refusal};
use axum::body::Body;
use http::{Request, Response};
use std::sync::Arc;

/// Upgrades a request to `exec`, `attach` or `portforward`.
///
/// # Errors
/// 400 for a request that is no upgrade, 404 for an unknown Pod or container.
pub async fn upgrade(_house: Arc<House>, ask: Arc<Ask>, _request: Request<Body>) -> Outcome<Response<Body>> {
    Err(Refusal::unsupported(format!("pods/{}", ask.address.subresource)))
}
