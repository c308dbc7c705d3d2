//! Subresources of Pods that are neither objects nor upgrades: log, eviction, binding.

use super::ask::Ask;
use super::house::House;
use super::reply::{self, Reply};
use super::update::live;
use crate::admit::policies::{Pass, Written};
use crate::registry::ids;
use crate::status::{Outcome, Refusal};
use axum::body::Body;
use http::Response;
use serde_json::Value;
use skiff_engine::wire::{SandboxKey, StreamRequest};
use std::sync::Arc;

/// A Pod's sandbox: who and where.
pub struct Placed {
    /// Identity.
    pub key: SandboxKey,
    /// Node, if it has one.
    pub node: Option<u16>,
    /// The Pod.
    pub pod: Value,
}

/// Finds the sandbox behind a Pod.
///
/// # Errors
/// 404.
pub fn placed(house: &House, ask: &Ask) -> Outcome<Placed> {
    let found = live(house, ask).ok_or_else(|| Refusal::not_found(&ask.about()))?;
    let core = house.store.read();
    let at = match core.item(ids::PODS, &ask.address.key()).map(|item| item.view) {
        Some(crate::store::View::Pod(_, at)) => Some(at),
        Some(crate::store::View::OwnPod(_, at)) => at,
        _ => None,
    };
    let key = at.as_ref().map_or(SandboxKey { revision: 0, seq: 0 }, |a| a.sandbox.key());
    let node = at.filter(|a| a.sandbox.is_placed()).map(|a| a.sandbox.node());
    Ok(Placed { key, node, pod: found.value })
}

/// The container that a request means: the named one, or the only one, or the default.
///
/// # Errors
/// 400 with upstream's text.
pub fn container(ask: &Ask, pod: &Value) -> Outcome<String> {
    let all = |field: &str| -> Vec<String> {
        let list = pod.pointer(&format!("/spec/{field}")).and_then(Value::as_array);
        list.into_iter().flatten().filter_map(|c| c.get("name")?.as_str().map(str::to_owned)).collect()
    };
    let (containers, init, debug) = (all("containers"), all("initContainers"), all("ephemeralContainers"));
    let asked = ask.query.text("container");
    let pod_name = &ask.address.name;
    if !asked.is_empty() {
        let known = containers.iter().chain(&init).chain(&debug).any(|c| c == asked);
        return if known {
            Ok(asked.to_owned())
        } else {
            Err(Refusal::bad_request(format!("container {asked} is not valid for pod {pod_name}")))
        };
    }
    let default = pod
        .pointer("/metadata/annotations")
        .and_then(|a| a.get("kubectl.kubernetes.io/default-container"))
        .and_then(Value::as_str);
    if let Some(default) = default.filter(|d| containers.iter().any(|c| c == d)) {
        return Ok(default.to_owned());
    }
    match containers.as_slice() {
        [] => Err(Refusal::bad_request(format!("pod {pod_name} does not have any containers"))),
        [only] => Ok(only.clone()),
        _ => {
            let mut text =
                format!("a container name must be specified for pod {pod_name}, choose one of: [{}]", containers.join(" "));
            if !init.is_empty() {
                text.push_str(&format!(" or one of the init containers: [{}]", init.join(" ")));
            }
            if !debug.is_empty() {
                text.push_str(&format!(" or one of the debug containers: [{}]", debug.join(" ")));
            }
            Err(Refusal::bad_request(text))
        }
    }
}

/// GET of a log: the node's bytes, as they come.
///
/// # Errors
/// 400, 404; 500 if the node does not answer.
pub async fn log(house: &Arc<House>, ask: &Ask) -> Outcome<Response<Body>> {
    let placed = placed(house, ask)?;
    let container = container(ask, &placed.pod)?;
    let plain = |code: u16| Response::builder().status(code);
    let Some(node) = placed.node else {
        return plain(204).body(Body::empty()).map_err(Refusal::internal);
    };
    waiting(ask, &placed.pod, &container)?;
    let number = |name: &str| ask.query.number(name);
    let since_ns = match (number("sinceSeconds")?, ask.query.text("sinceTime")) {
        (Some(seconds), _) => {
            Some((crate::clock::now_ms().saturating_sub(u64::try_from(seconds).unwrap_or(0) * 1000)) * 1_000_000)
        }
        (None, "") => None,
        (None, text) => {
            let time: jiff::Timestamp = text.parse().map_err(|_| Refusal::bad_request(format!("parsing time {text:?}")))?;
            u64::try_from(time.as_nanosecond()).ok()
        }
    };
    let request = StreamRequest::Log {
        key: placed.key,
        container,
        follow: ask.query.flag("follow")?,
        previous: ask.query.flag("previous")?,
        tail_lines: number("tailLines")?.and_then(|n| u64::try_from(n).ok()),
        limit_bytes: number("limitBytes")?.and_then(|n| u64::try_from(n).ok()),
        since_ns,
        timestamps: ask.query.flag("timestamps")?,
    };
    let Some(upgraded) = house.agents.streams.open(node, request).await else {
        return Err(Refusal::internal("the node does not answer"));
    };
    let (sender, receiver) = tokio::sync::mpsc::channel::<bytes::Bytes>(16);
    tokio::spawn(crate::agents::copy_raw(upgraded, sender));
    let stream = tokio_stream::wrappers::ReceiverStream::new(receiver);
    let body = Body::from_stream(futures::StreamExt::map(stream, Ok::<_, std::convert::Infallible>));
    plain(200).header("content-type", "text/plain").body(body).map_err(Refusal::internal)
}

/// A container that has never run has no log.
fn waiting(ask: &Ask, pod: &Value, container: &str) -> Outcome<()> {
    let statuses = ["containerStatuses", "initContainerStatuses"];
    let all = statuses.iter().filter_map(|f| pod.pointer(&format!("/status/{f}"))?.as_array());
    let Some(status) = all.flatten().find(|c| c.get("name").and_then(Value::as_str) == Some(container)) else { return Ok(()) };
    let reason = status.pointer("/state/waiting/reason").and_then(Value::as_str);
    let ended_before = status.pointer("/lastState/terminated").is_some();
    match reason {
        Some(reason) if !ended_before => {
            let about = match reason {
                "ErrImagePull" | "ImagePullBackOff" | "ErrImageNeverPull" => "trying and failing to pull image".to_owned(),
                other => other.to_owned(),
            };
            Err(Refusal::bad_request(format!(
                "container {container:?} in pod {:?} is waiting to start: {about}",
                ask.address.name
            )))
        }
        _ => Ok(()),
    }
}

/// POST of an Eviction.
///
/// # Errors
/// 404, 409.
pub async fn evict(house: &Arc<House>, ask: &Ask, body: &[u8]) -> Outcome<Reply> {
    let object = crate::decode::bytes::parse(crate::decode::bytes::media(ask.content_type.as_deref())?, body)?;
    let pass = Pass::create(house, ask, &ask.address.name, false).of_kind("policy", "v1", "Eviction");
    pass.validate(Written { new: Some(&object), old: None })?;
    let options = object.get("deleteOptions").cloned().unwrap_or_default();
    let bytes = if options.is_object() { serde_json::to_vec(&options).unwrap_or_default() } else { Vec::new() };
    let mut inner = ask.about_object(&ask.address.namespace, &ask.address.name);
    inner.address.subresource = String::new();
    inner.content_type = None;
    super::delete::evict(house, &inner, &bytes).await?;
    Ok(reply::success(201, None))
}

/// POST of a Binding: a Pod of its own is given to a node by its scheduler.
///
/// # Errors
/// 404, 409.
pub async fn bind(house: &House, ask: &Ask, body: &[u8]) -> Outcome<Reply> {
    let object = crate::decode::bytes::parse(crate::decode::bytes::media(ask.content_type.as_deref())?, body)?;
    let node = object.pointer("/target/name").and_then(Value::as_str).unwrap_or_default().to_owned();
    let name = if ask.address.subresource.is_empty() {
        object.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default().to_owned()
    } else {
        ask.address.name.clone()
    };
    Pass::create(house, ask, &name, false).of_kind("", "v1", "Binding").validate(Written { new: Some(&object), old: None })?;
    let kinds = house.registry.kinds();
    let Some(pods) = kinds.of_id(ids::PODS).cloned() else { return Err(Refusal::no_resource()) };
    let mut inner = ask.about_object(&ask.address.namespace, &name);
    inner.kind = pods;
    inner.address.resource = "pods".into();
    inner.address.subresource = String::new();
    for _ in 0..5 {
        let found = live(house, &inner).ok_or_else(|| Refusal::not_found(&inner.about()))?;
        let bound = found.value.pointer("/spec/nodeName").and_then(Value::as_str).unwrap_or_default();
        if !bound.is_empty() {
            return Err(Refusal::conflict(&inner.about(), format!("pod {name} is already assigned to node {bound:?}")));
        }
        let Some(stored) = found.stored else { return Err(Refusal::method()) };
        let mut new = found.value.clone();
        new["spec"]["nodeName"] = node.clone().into();
        if super::write::commit_change(house, &inner.kind, &found.value, &new, stored).await?.is_some() {
            return Ok(reply::success(201, None));
        }
    }
    Err(Refusal::modified(&inner.about()))
}
