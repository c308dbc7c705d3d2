//! Recorded exchanges with a stock API server, replayed: the semantics of `exchanges.py`, so that a group file means the same
//! to both.
//!
//! Fed by group files and a server's address; the test of each group and the `exchanges` program read the outcome. Knows no
//! kind: a group says everything.

mod differences;
mod normal;
mod pattern;
mod step;

pub use differences::differences;
pub use normal::{Names, dumps, normal};
pub use step::{Variables, run_step};

use crate::link::Target;
use anyhow::{Context, Result};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value, json};
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// One file.
#[derive(Clone, Debug, Deserialize)]
pub struct Group {
    /// Its name; also part of its namespace's.
    pub group: String,
    /// Whether it gets a namespace of its own, made before and deleted after.
    #[serde(default = "yes")]
    pub namespaced: bool,
    /// In order.
    pub steps: Vec<Step>,
    /// Run after the last step, without a check.
    #[serde(default)]
    pub after: Vec<Step>,
}

/// One request, and what stock answered.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Step {
    /// Unique in its group.
    #[serde(default)]
    pub id: String,
    /// HTTP method.
    pub method: String,
    /// Path and query, with `$variables`.
    pub path: String,
    /// Besides the usual ones; replaces those of the same name.
    #[serde(default)]
    pub headers: Map<String, Value>,
    /// Sent as JSON.
    #[serde(default, deserialize_with = "present")]
    pub body: Option<Value>,
    /// Sent as it is.
    pub text: Option<String>,
    /// Sent this many times over, in place of `body` and `text`.
    pub repeat: Option<(String, usize)>,
    /// Name of a saved bearer token, or `nobody` for none.
    #[serde(rename = "as")]
    pub bearer: Option<String>,
    /// Read this many lines of a watch, then hang up.
    pub read: Option<usize>,
    /// Seconds without a byte until the step gives up.
    pub timeout: Option<f64>,
    /// Variable to JSON pointer of the answer.
    #[serde(default)]
    pub save: Map<String, Value>,
    /// Compare these pointers of the answer only.
    pub pick: Option<Vec<String>>,
    /// Seconds to wait after the step.
    #[serde(default)]
    pub pause: f64,
    /// The same status is enough.
    #[serde(default)]
    pub loose: bool,
    /// What stock answered, normalised.
    #[serde(default)]
    pub want: Value,
}

fn yes() -> bool {
    true
}

/// A `null` body is a body.
fn present<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(from).map(Some)
}

/// How to replay.
#[derive(Clone, Debug)]
pub struct Replay {
    /// The API server.
    pub target: Target,
    /// Sent with every step that does not say `as`.
    pub token: String,
    /// Waited after every write, for a server whose controllers need time.
    pub pause: Duration,
    /// The server's default domain, where the Knative groups have `example.com`.
    pub domain: String,
}

/// A step that was replayed.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Its id.
    pub id: String,
    /// `METHOD path`, as in the file.
    pub request: String,
    /// One line each; none if it held.
    pub differences: Vec<String>,
}

impl Group {
    /// Reads a group file.
    ///
    /// # Errors
    /// No such file, or no group in it.
    pub fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read(path).with_context(|| path.display().to_string())?;
        serde_json::from_slice(&text).with_context(|| path.display().to_string())
    }
}

/// Replays all steps of a group, in a namespace of its own if it wants one.
///
/// # Errors
/// The namespace could be neither made nor deleted for want of an answer; a step without an answer is a difference.
pub async fn replay(group: &Group, with: &Replay) -> Result<Vec<Outcome>> {
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    let namespace = format!("x-{}-{}", group.group, seconds % 100_000);
    let mut variables = Variables::new();
    variables.insert("ns".to_owned(), Value::String(namespace.clone()));
    if group.namespaced {
        make_namespace(&namespace, with).await?;
    }
    let mut outcomes = Vec::with_capacity(group.steps.len());
    for step in &group.steps {
        let got = match run_step(with, step, &mut variables).await {
            Ok(got) => got,
            Err(error) => json!({"status": 0, "error": format!("{error:#}")}),
        };
        let mut found = differences(&step.want, &got);
        if step.loose && got["status"] == step.want["status"] {
            found.clear();
        }
        let request = format!("{} {}", step.method, step.path);
        outcomes.push(Outcome { id: step.id.clone(), request, differences: found });
    }
    for step in &group.after {
        run_step(with, step, &mut variables).await?;
    }
    if group.namespaced {
        let step = simple("DELETE", format!("/api/v1/namespaces/{namespace}"), None);
        run_step(with, &step, &mut Variables::new()).await?;
    }
    Ok(outcomes)
}

async fn make_namespace(name: &str, with: &Replay) -> Result<()> {
    let body = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}});
    run_step(with, &simple("POST", "/api/v1/namespaces".to_owned(), Some(body)), &mut Variables::new()).await?;
    // Pods are refused until the account is there; groups with pods count on it.
    let account = simple("GET", format!("/api/v1/namespaces/{name}/serviceaccounts/default"), None);
    for _ in 0..50 {
        if run_step(with, &account, &mut Variables::new()).await?["status"] == 200 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    Ok(())
}

fn simple(method: &str, path: String, body: Option<Value>) -> Step {
    Step { method: method.to_owned(), path, body, ..Step::default() }
}
