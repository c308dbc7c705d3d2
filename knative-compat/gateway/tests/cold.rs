//! Requests for which no sandbox is ready, or none has room.

#![allow(clippy::unwrap_used)]

mod support;

use skiff_engine::wire::{Load, Route};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use support::app::{self, Crowd};
use support::client;
use tokio::task::JoinSet;

#[tokio::test]
async fn the_session_is_opened_as_the_wire_says() {
    let stage = support::stage().await;
    let head = stage.session.head.to_ascii_lowercase();
    for line in ["get /skiff/v1/agents/gateway http/1.1", "upgrade: skiff-agent", "skiff-wire: 1"] {
        assert!(head.contains(line), "{head}");
    }
}

#[tokio::test]
async fn a_burst_waits_is_reported_and_is_served_when_a_sandbox_comes() {
    let mut stage = support::stage().await;
    stage.route(|_| {}, &[]).await;
    let mut users = JoinSet::new();
    for _ in 0..300 {
        users.spawn(client::get(stage.address, "hello.example"));
    }
    // The edge first, then growth.
    assert_eq!(stage.session.cold().await, (1, 1));
    let mut reports = 1;
    let mut last = 1;
    while last < 300 {
        let (_, waiting) = stage.session.cold().await;
        assert!(waiting > last, "{waiting} after {last}");
        (last, reports) = (waiting, reports + 1);
    }
    assert!(reports < 300, "growth is coalesced");
    stage.session.send(Route::Progress { revision: 1, decided_us: 10, ordered_us: 20 }).await;
    let app = app::named("one").await;
    stage.session.send(support::endpoints(1, &[app])).await;
    let mut timings = 0;
    while let Some(answer) = users.join_next().await {
        let answer = answer.unwrap();
        assert_eq!((answer.status.as_u16(), answer.text.as_str()), (200, "one"));
        let timing = answer.headers.get("server-timing").map(|value| value.to_str().unwrap().to_owned());
        if let Some(timing) = timing {
            assert!(timing.starts_with("queued;dur=") && timing.contains("decided;dur=0.010"), "{timing}");
            timings += 1;
        }
    }
    assert_eq!(timings, 300);
    let (key, stages) = stage
        .session
        .until(|load| match load {
            Load::Served { revision: 1, key, stages_us } => Some((*key, stages_us.clone())),
            _ => None,
        })
        .await;
    assert_eq!((key.revision, key.seq), (1, 0));
    let names: Vec<&str> = stages.iter().map(|(name, _)| name.as_str()).collect();
    let all = ["queued", "decided", "ordered", "network", "created", "started", "ready", "forwarded"];
    assert_eq!(names, all);
    assert_eq!(stages[1..7].iter().map(|(_, us)| *us).collect::<Vec<_>>(), [10, 20, 1, 2, 3, 4]);
}

#[tokio::test]
async fn samples_count_the_waiting_and_end_with_one_zero() {
    let mut stage = support::stage().await;
    stage.route(|_| {}, &[]).await;
    let user = tokio::spawn(client::get(stage.address, "hello.example"));
    let sample = |load: &Load| match load {
        Load::Samples(samples) => samples.iter().find(|sample| sample.revision == 1).copied(),
        _ => None,
    };
    let first = stage.session.until(sample).await;
    assert!(first.concurrency_milli > 0 && first.rps_milli > 0, "{first:?}");
    stage.session.send(support::endpoints(1, &[app::named("one").await])).await;
    assert_eq!(user.await.unwrap().text, "one");
    let mut zeros = 0;
    let listen = async {
        loop {
            let next = stage.session.until(sample).await;
            zeros += u32::from(next.concurrency_milli == 0 && next.rps_milli == 0);
        }
    };
    let _: Result<(), _> = tokio::time::timeout(Duration::from_millis(4_500), listen).await;
    assert_eq!(zeros, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_hard_limit_holds() {
    let mut stage = support::stage().await;
    let crowds: Vec<Arc<Crowd>> = (0..3).map(|_| Arc::default()).collect();
    let mut apps = Vec::new();
    for crowd in &crowds {
        apps.push(crowd.serve(Duration::from_millis(5)).await);
    }
    stage.route(|route| route.concurrency_max = 2, &apps).await;
    let mut users = JoinSet::new();
    for _ in 0..200 {
        users.spawn(client::get(stage.address, "hello.example"));
    }
    while let Some(answer) = users.join_next().await {
        assert_eq!(answer.unwrap().text, "done");
    }
    let served: usize = crowds.iter().map(|crowd| crowd.served.load(Ordering::SeqCst)).sum();
    assert_eq!(served, 200);
    for crowd in &crowds {
        let most = crowd.most.load(Ordering::SeqCst);
        assert!((1..=2).contains(&most), "{most} at a time");
    }
}

#[tokio::test]
async fn who_came_first_is_served_first() {
    let mut stage = support::stage().await;
    stage.route(|route| route.concurrency_max = 1, &[]).await;
    let mut users = JoinSet::new();
    for number in 1..=5_u32 {
        let address = stage.address;
        users.spawn(async move { client::get_with(address, "hello.example", &[("x-number", &number.to_string())]).await.status });
        // It is in the queue once it is reported.
        assert_eq!(stage.session.cold().await, (1, number));
    }
    let order: Arc<Mutex<Vec<String>>> = Arc::default();
    let seen = order.clone();
    let app = app::serve(move |request| {
        seen.lock().unwrap().push(request.headers()["x-number"].to_str().unwrap().to_owned());
        async { http::Response::new(app::text("done")) }
    })
    .await;
    stage.session.send(support::endpoints(1, &[app])).await;
    while let Some(status) = users.join_next().await {
        assert_eq!(status.unwrap().as_u16(), 200);
    }
    assert_eq!(*order.lock().unwrap(), ["1", "2", "3", "4", "5"]);
}

#[tokio::test]
async fn more_than_may_wait_are_refused_at_once() {
    let mut stage = support::stage().await;
    stage.route(|route| route.queue_max = 5, &[]).await;
    let mut users = JoinSet::new();
    for _ in 0..20 {
        users.spawn(client::get(stage.address, "hello.example"));
    }
    for _ in 0..15 {
        let refused = users.join_next().await.unwrap().unwrap();
        assert_eq!((refused.status.as_u16(), refused.text.as_str()), (503, "pending request queue full\n"));
    }
    stage.session.send(support::endpoints(1, &[app::named("one").await])).await;
    for _ in 0..5 {
        assert_eq!(users.join_next().await.unwrap().unwrap().text, "one");
    }
}

#[tokio::test]
async fn waiting_ends_with_the_timeout() {
    let mut stage = support::stage().await;
    stage.route(|route| route.timeout_s = 1, &[]).await;
    let answer = client::get(stage.address, "hello.example").await;
    assert_eq!((answer.status.as_u16(), answer.text.as_str()), (504, "activator request timeout"));
    // Its place in the queue is free again.
    stage.session.send(support::endpoints(1, &[app::named("one").await])).await;
    assert_eq!(client::get(stage.address, "hello.example").await.text, "one");
}

#[tokio::test]
async fn who_leaves_does_not_take_a_place() {
    let mut stage = support::stage().await;
    stage.route(|route| route.concurrency_max = 1, &[]).await;
    let leaving = tokio::spawn(client::get(stage.address, "hello.example"));
    assert_eq!(stage.session.cold().await, (1, 1));
    leaving.abort();
    let staying = tokio::spawn(client::get(stage.address, "hello.example"));
    stage.session.cold().await;
    stage.session.send(support::endpoints(1, &[app::named("one").await])).await;
    assert_eq!(staying.await.unwrap().text, "one");
    assert_eq!(client::get(stage.address, "hello.example").await.text, "one");
}

#[tokio::test]
async fn a_revision_that_cannot_start_is_told_to_those_who_wait_and_to_those_who_come() {
    let mut stage = support::stage().await;
    stage.route(|_| {}, &[]).await;
    let user = tokio::spawn(client::get(stage.address, "hello.example"));
    stage.session.cold().await;
    let message = "ImagePullBackOff: no such image".to_owned();
    stage.session.send(Route::Failing { revision: 1, message }).await;
    let told = user.await.unwrap();
    assert_eq!((told.status.as_u16(), told.text.as_str()), (503, "ImagePullBackOff: no such image\n"));
    assert_eq!(client::get(stage.address, "hello.example").await.status.as_u16(), 503);
    stage.session.send(Route::Failing { revision: 1, message: String::new() }).await;
    stage.session.send(support::endpoints(1, &[app::named("one").await])).await;
    stage.session.settle().await;
    assert_eq!(client::get(stage.address, "hello.example").await.text, "one");
}

#[tokio::test]
async fn a_dropped_revision_lets_nobody_wait() {
    let mut stage = support::stage().await;
    stage.route(|_| {}, &[]).await;
    let user = tokio::spawn(client::get(stage.address, "hello.example"));
    stage.session.cold().await;
    stage.session.send(Route::DropRevision { revision: 1 }).await;
    let told = user.await.unwrap();
    let text = "Error getting active endpoint: revision.serving.knative.dev \"hello-00001\" not found\n";
    assert_eq!((told.status.as_u16(), told.text.as_str()), (404, text));
}
