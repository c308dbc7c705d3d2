//! When each function's endpoint became ready, as a watch on EndpointSlices saw it.
//! Fed by one watch; read by `creations`. Functions are numbered: `f-0`, `f-1`, …

use super::functions::NAMESPACE;
use super::pool::Pool;
use anyhow::{Result, ensure};
use serde::Deserialize;
use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// Name of a numbered function.
pub fn name(i: usize) -> String {
    format!("f-{i}")
}

/// What the watch saw until now.
pub struct Slices {
    base: Instant,
    ready: Vec<AtomicBool>,
    /// Nanoseconds after `base` of the first readiness since the last reset; 0 is none.
    since: Vec<AtomicU64>,
    now_ready: AtomicUsize,
    broken: AtomicBool,
}

#[derive(Deserialize)]
struct Event<'a> {
    #[serde(rename = "type", borrow)]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    object: Slice<'a>,
}

#[derive(Deserialize)]
struct Slice<'a> {
    #[serde(borrow)]
    metadata: Metadata<'a>,
    #[serde(default)]
    endpoints: Option<Vec<Endpoint>>,
}

#[derive(Deserialize)]
struct Metadata<'a> {
    #[serde(borrow, default)]
    labels: Labels<'a>,
}

#[derive(Deserialize, Default)]
struct Labels<'a> {
    #[serde(rename = "kubernetes.io/service-name", borrow, default)]
    service: Cow<'a, str>,
}

#[derive(Deserialize)]
struct Endpoint {
    #[serde(default)]
    conditions: Conditions,
}

#[derive(Deserialize, Default)]
struct Conditions {
    #[serde(default)]
    ready: Option<bool>,
}

impl Slices {
    /// Watches the namespace for `count` functions, in a task of its own.
    ///
    /// # Errors
    /// The watch is refused.
    pub async fn watch(pool: &Pool, count: usize) -> Result<Arc<Self>> {
        let path = format!("/apis/discovery.k8s.io/v1/namespaces/{NAMESPACE}/endpointslices?watch=true");
        let mut lines = pool.watch(&path).await?;
        let slices = Arc::new(Slices {
            base: Instant::now(),
            ready: (0..count).map(|_| AtomicBool::new(false)).collect(),
            since: (0..count).map(|_| AtomicU64::new(0)).collect(),
            now_ready: AtomicUsize::new(0),
            broken: AtomicBool::new(false),
        });
        let seen = slices.clone();
        tokio::spawn(async move {
            while let Ok(Some(line)) = lines.next(Duration::from_secs(3600)).await {
                seen.see(&line);
            }
            seen.broken.store(true, Ordering::Relaxed);
        });
        Ok(slices)
    }

    fn see(&self, line: &[u8]) {
        let at = Instant::now();
        // Bookmarks and errors have no labels; they are no function's.
        let Ok(event) = serde_json::from_slice::<Event>(line) else { return };
        let number = event.object.metadata.labels.service.strip_prefix("f-").and_then(|number| number.parse::<usize>().ok());
        let Some(i) = number.filter(|i| *i < self.ready.len()) else { return };
        let endpoints = event.object.endpoints.unwrap_or_default();
        let ready = event.kind != "DELETED" && endpoints.iter().any(|endpoint| endpoint.conditions.ready == Some(true));
        if self.ready[i].swap(ready, Ordering::Relaxed) == ready {
            return;
        }
        if ready {
            let nanos = u64::try_from(at.duration_since(self.base).as_nanos()).unwrap_or(u64::MAX);
            self.since[i].store(nanos, Ordering::Relaxed);
            self.now_ready.fetch_add(1, Ordering::Relaxed);
        } else {
            self.now_ready.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// When function `i` became ready, if it is.
    pub fn ready_at(&self, i: usize) -> Option<Instant> {
        let nanos = self.since[i].load(Ordering::Relaxed);
        self.ready[i].load(Ordering::Relaxed).then(|| self.base + Duration::from_nanos(nanos))
    }

    /// Waits until this many functions are ready.
    ///
    /// # Errors
    /// They are not within `patience`, or the watch broke.
    pub async fn settle(&self, wanted: usize, patience: Duration) -> Result<()> {
        let deadline = Instant::now() + patience;
        loop {
            let ready = self.now_ready.load(Ordering::Relaxed);
            if ready == wanted {
                return Ok(());
            }
            ensure!(!self.broken.load(Ordering::Relaxed), "the watch on EndpointSlices ended");
            ensure!(Instant::now() < deadline, "{ready} functions ready, wanted {wanted}, after {patience:?}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}
