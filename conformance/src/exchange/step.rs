//! One step: fills in variables, sends the request on a connection of its own, reads the answer, saves variables.
//! Fed by a group's replay; does not compare.

use super::normal::{Names, normal};
use super::{Replay, Step, pattern};
use crate::link::{Lines, whole};
use anyhow::{Context, Result};
use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HOST, USER_AGENT, WARNING};
use http::{HeaderMap, HeaderName, HeaderValue, Request};
use http_body_util::Full;
use serde_json::{Map, Value, json};
use std::collections::HashMap;
use std::time::Duration;

/// What earlier steps saved.
pub type Variables = HashMap<String, Value>;

/// Kinds whose status a controller of a stock server writes a moment after the answer: left out of answers to writes.
const SETTLES: [&str; 11] = [
    "Deployment",
    "ReplicaSet",
    "StatefulSet",
    "DaemonSet",
    "Job",
    "CronJob",
    "HorizontalPodAutoscaler",
    "PodDisruptionBudget",
    "ResourceQuota",
    "PersistentVolumeClaim",
    "PersistentVolume",
];

/// Sends one step and gives `{status, type, warning?, body | events | text}`, normalised and picked.
///
/// # Errors
/// No answer, or a watch line that is no JSON.
pub async fn run_step(with: &Replay, step: &Step, variables: &mut Variables) -> Result<Value> {
    let patience = Duration::from_secs_f64(step.timeout.unwrap_or(10.0));
    let request = request(with, step, variables)?;
    let mut sender = tokio::time::timeout(patience, with.target.http1()).await.context("no connection in time")??;
    let answer = tokio::time::timeout(patience, sender.send_request(request)).await.context("no answer in time")??;

    let mut got = Map::new();
    got.insert("status".to_owned(), json!(answer.status().as_u16()));
    let kind = joined(answer.headers(), &CONTENT_TYPE).unwrap_or_default();
    got.insert("type".to_owned(), json!(kind.split(";charset").next().unwrap_or_default()));
    if let Some(warning) = joined(answer.headers(), &WARNING) {
        got.insert("warning".to_owned(), Value::String(warning));
    }
    let raw = if let Some(lines) = step.read {
        let events = Value::Array(events(Lines::new(answer), lines, patience).await?);
        got.insert("events".to_owned(), events.clone());
        events
    } else {
        body(step, &whole(answer, patience).await?, &mut got)
    };
    for (name, pointer) in &step.save {
        let found = pointer.as_str().and_then(|pointer| at(&raw, pointer));
        variables.insert(name.clone(), found.cloned().unwrap_or_else(|| json!("unsaved")));
    }
    let namespace = variables.get("ns").and_then(Value::as_str).unwrap_or_default().to_owned();
    let names = Names { domain: &with.domain, namespace: &namespace };
    for key in ["body", "events"] {
        if let Some(value) = got.get_mut(key) {
            *value = normal(value, names)?;
        }
    }
    if let (Some(pointers), Some(body)) = (&step.pick, got.get_mut("body")) {
        *body = pointers
            .iter()
            .map(|pointer| (pointer.clone(), at(body, pointer).cloned().unwrap_or_else(|| json!("<absent>"))))
            .collect();
    }
    let settle = if step.method == "GET" { Duration::ZERO } else { with.pause };
    tokio::time::sleep(settle.max(Duration::from_secs_f64(step.pause))).await;
    Ok(Value::Object(got))
}

fn request(with: &Replay, step: &Step, variables: &Variables) -> Result<Request<Full<Bytes>>> {
    let mut headers = HeaderMap::new();
    headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
    headers.insert(USER_AGENT, HeaderValue::from_static("exchanges/1"));
    headers.insert(HOST, HeaderValue::from_str(&with.target.authority)?);
    for (name, value) in &step.headers {
        let value = fill(value.as_str().unwrap_or_default(), variables);
        headers.insert(HeaderName::from_bytes(name.as_bytes())?, HeaderValue::from_str(&value)?);
    }
    let mut body = match (&step.body, &step.text) {
        (Some(body), _) => Some(fill(&serde_json::to_string(body)?, variables)),
        (None, Some(text)) => Some(fill(text, variables)),
        (None, None) => None,
    };
    if body.is_some() {
        headers.entry(CONTENT_TYPE).or_insert(HeaderValue::from_static("application/json"));
    }
    if let Some((text, times)) = &step.repeat {
        body = Some(text.repeat(*times));
    }
    let bearer = match step.bearer.as_deref() {
        Some("nobody") => String::new(),
        Some(name) => variables.get(name).map_or_else(|| with.token.clone(), text_of),
        None => with.token.clone(),
    };
    if !bearer.is_empty() {
        headers.insert(AUTHORIZATION, HeaderValue::from_str(&format!("Bearer {bearer}"))?);
    }
    let mut request = Request::builder()
        .method(step.method.as_str())
        .uri(fill(&step.path, variables))
        .body(Full::new(Bytes::from(body.unwrap_or_default())))?;
    *request.headers_mut() = headers;
    Ok(request)
}

/// The values of a header, as one.
fn joined(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    let values: Vec<_> = headers.get_all(name).iter().map(|value| String::from_utf8_lossy(value.as_bytes())).collect();
    (!values.is_empty()).then(|| values.join(", "))
}

async fn events(mut lines: Lines, wanted: usize, patience: Duration) -> Result<Vec<Value>> {
    let mut events = Vec::with_capacity(wanted);
    while events.len() < wanted {
        // Silence ends a watch that has said everything; what was read until then is the answer.
        let Ok(Some(line)) = lines.next(patience).await else { break };
        events.push(serde_json::from_slice(&line).with_context(|| String::from_utf8_lossy(&line).into_owned())?);
    }
    Ok(events)
}

/// Puts `body` or `text` into the answer and gives what variables are saved from.
fn body(step: &Step, bytes: &[u8], got: &mut Map<String, Value>) -> Value {
    let Ok(mut body) = serde_json::from_slice::<Value>(bytes) else {
        let text: String = String::from_utf8_lossy(bytes).chars().take(2000).collect();
        got.insert("text".to_owned(), Value::String(text));
        return Value::Null;
    };
    let write = !matches!(step.method.as_str(), "GET" | "DELETE") && !step.path.contains("/status");
    if write
        && body.get("kind").and_then(Value::as_str).is_some_and(|kind| SETTLES.contains(&kind))
        && let Some(fields) = body.as_object_mut()
    {
        fields.shift_remove("status");
    }
    got.insert("body".to_owned(), body.clone());
    body
}

/// A pointer of the group files: like RFC 6901, but `/` at both ends is ignored and `~0` is not known.
fn at<'a>(document: &'a Value, pointer: &str) -> Option<&'a Value> {
    pointer.trim_matches('/').split('/').try_fold(document, |found, part| match found {
        Value::Array(items) => items.get(part.parse::<usize>().ok()?),
        Value::Object(fields) => fields.get(&part.replace("~1", "/")),
        _ => None,
    })
}

/// Replaces `$name` by what was saved under it; an unknown name stays, since patches have directives that look the same.
fn fill(text: &str, variables: &Variables) -> String {
    pattern::replace(text, |rest| {
        let name = rest.strip_prefix('$').filter(|name| name.starts_with(|first: char| first.is_ascii_lowercase()))?;
        let length = pattern::run(name, |byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
        let value = variables.get(&name[..length]).map_or_else(|| format!("${}", &name[..length]), text_of);
        Some((length + 1, value))
    })
}

fn text_of(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::{Variables, at, fill};
    use serde_json::json;

    #[test]
    fn known_names_are_filled_and_directives_kept() {
        let variables = Variables::from([("ns".to_owned(), json!("x-1")), ("n".to_owned(), json!(7))]);
        assert_eq!(fill("/a/$ns?x=$n&y=$patch$Big", &variables), "/a/x-1?x=7&y=$patch$Big");
    }

    #[test]
    fn pointers_reach_into_lists_and_slashed_keys() {
        let document = json!({"items": [{"a/b": 1}]});
        assert_eq!(at(&document, "/items/0/a~1b"), Some(&json!(1)));
        assert_eq!(at(&document, "/items/1/a"), None);
    }
}
