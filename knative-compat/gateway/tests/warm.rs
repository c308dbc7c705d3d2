//! Requests for which a sandbox is ready.

#![allow(clippy::unwrap_used)]

mod support;

use skiff_engine::wire::{HostRoute, Route};
use support::{app, client};

#[tokio::test]
async fn hosts_are_matched_without_case_and_port_and_unknown_ones_are_404() {
    let mut stage = support::stage().await;
    stage.route(|_| {}, &[app::named("one").await]).await;
    for host in ["hello.example", "Hello.Example:8080", "hello.example."] {
        assert_eq!(client::get(stage.address, host).await.text, "one");
    }
    let unknown = client::get(stage.address, "nobody.example").await;
    assert_eq!((unknown.status.as_u16(), unknown.text.as_str()), (404, ""));
    stage.session.send(Route::DropHost { host: "hello.example".into() }).await;
    stage.session.settle().await;
    assert_eq!(client::get(stage.address, "hello.example").await.status.as_u16(), 404);
}

#[tokio::test]
async fn the_application_sees_what_it_is_promised_and_nothing_of_ours() {
    let mut stage = support::stage().await;
    stage.route(|_| {}, &[app::mirror().await]).await;
    let sent = [
        ("x-forwarded-for", "192.0.2.7"),
        ("knative-serving-revision", "evil"),
        ("knative-serving-tag", "blue"),
        ("connection", "x-hop"),
        ("x-hop", "1"),
        ("x-mine", "kept"),
    ];
    let answer = client::get_with(stage.address, "hello.example", &sent).await;
    for line in [
        "host: hello.example",
        "x-forwarded-for: 192.0.2.7, 127.0.0.1",
        "x-forwarded-proto: http",
        "forwarded: for=192.0.2.7;host=hello.example;proto=http, for=127.0.0.1",
        "k-proxy-request: activator",
        "x-mine: kept",
    ] {
        assert!(answer.text.lines().any(|seen| seen == line), "{line} in\n{}", answer.text);
    }
    assert!(answer.text.contains("x-request-id: "));
    for gone in ["knative-serving", "x-hop"] {
        assert!(!answer.text.contains(gone), "{gone} in\n{}", answer.text);
    }
    assert!(answer.headers.get("server-timing").is_none(), "warm requests have no breakdown");
}

#[tokio::test]
async fn traffic_is_split_by_weight_and_by_tag() {
    let mut stage = support::stage().await;
    stage.route(|_| {}, &[app::named("one").await]).await;
    stage.session.send(Route::Revision(support::revision(2))).await;
    stage.session.send(support::endpoints(2, &[app::named("two").await])).await;
    let tags = vec![("blue".to_owned(), 2)];
    let host = HostRoute { tags, ..support::host("hello.example", &[(1, 50), (2, 50)]) };
    stage.session.send(Route::Host(host)).await;
    stage.session.settle().await;
    let texts = client::keep_alive(stage.address, "hello.example", 400).await;
    let ones = texts.iter().filter(|text| *text == "one").count();
    assert!((150..=250).contains(&ones), "{ones} of 400");
    for _ in 0..10 {
        let tagged = client::get_with(stage.address, "hello.example", &[("knative-serving-tag", "blue")]).await;
        assert_eq!(tagged.text, "two");
    }
}

#[tokio::test]
async fn warm_requests_go_on_while_the_control_plane_is_away_and_what_it_forgot_is_swept() {
    let mut stage = support::stage().await;
    let one = app::named("one").await;
    stage.route(|_| {}, &[one]).await;
    stage.session.send(Route::Host(support::host("old.example", &[(1, 100)]))).await;
    stage.session.settle().await;
    drop(stage.session);
    for _ in 0..20 {
        assert_eq!(client::get(stage.address, "hello.example").await.text, "one");
    }
    stage.session = stage.control.accept().await;
    stage.session.send(Route::Welcome { epoch: 1 }).await;
    stage.session.settle().await;
    assert_eq!(client::get(stage.address, "old.example").await.text, "one", "until all has been said");
    stage.route(|_| {}, &[one]).await;
    assert_eq!(client::get(stage.address, "hello.example").await.text, "one");
    assert_eq!(client::get(stage.address, "old.example").await.status.as_u16(), 404);
}

#[tokio::test]
async fn who_waits_when_a_session_begins_is_reported_again() {
    let mut stage = support::stage().await;
    stage.route(|_| {}, &[]).await;
    let user = tokio::spawn(client::get(stage.address, "hello.example"));
    assert_eq!(stage.session.cold().await, (1, 1));
    drop(stage.session);
    stage.session = stage.control.accept().await;
    assert_eq!(stage.session.cold().await, (1, 1));
    stage.route(|_| {}, &[app::named("one").await]).await;
    assert_eq!(user.await.unwrap().text, "one");
}

#[tokio::test]
async fn a_leader_of_an_older_epoch_is_refused() {
    let mut stage = support::stage().await;
    stage.session.send(Route::Welcome { epoch: 5 }).await;
    stage.session.settle().await;
    drop(stage.session);
    let mut stale = stage.control.accept().await;
    stale.send(Route::Welcome { epoch: 4 }).await;
    // It comes back with a new session.
    let mut session = stage.control.accept().await;
    session.send(Route::Welcome { epoch: 5 }).await;
    session.settle().await;
}

#[tokio::test]
async fn a_sandbox_that_refuses_connections_is_passed_over() {
    let mut stage = support::stage().await;
    // A port that was free a moment ago.
    let dead = tokio::net::TcpListener::bind(support::any_port()).await.unwrap().local_addr().unwrap();
    stage.route(|_| {}, &[dead, app::named("one").await]).await;
    for _ in 0..20 {
        assert_eq!(client::get(stage.address, "hello.example").await.text, "one");
    }
    stage.session.send(support::endpoints(1, &[dead])).await;
    stage.session.settle().await;
    let answer = client::get(stage.address, "hello.example").await;
    assert_eq!(answer.status.as_u16(), 502);
    assert!(answer.text.starts_with("dial tcp 127.0.0.1:"), "{}", answer.text);
}

#[tokio::test]
async fn probes_are_answered_here() {
    let mut stage = support::stage().await;
    stage.route(|_| {}, &[app::named("one").await]).await;
    let probe = async |host, value| {
        let answer = client::get_with(stage.address, host, &[("k-network-probe", value), ("k-network-hash", "h")]).await;
        (answer.status.as_u16(), answer.text, answer.headers.get("k-network-hash").is_some())
    };
    assert_eq!(probe("any", "activator").await, (200, "activator".into(), false));
    assert_eq!(probe("hello.example", "queue").await, (200, "queue".into(), false));
    assert_eq!(probe("any", "probe").await, (200, String::new(), true));
    assert_eq!(probe("any", "x").await, (400, "unexpected probe header value: \"x\"\n".into(), false));
    let kubelet = client::get_with(stage.address, "any", &[("user-agent", "kube-probe/1.36")]).await;
    assert_eq!(kubelet.status.as_u16(), 200);
}

#[tokio::test]
async fn cluster_local_hosts_are_unknown_outside_and_redirects_are_obeyed() {
    let mut stage = support::stage_with(|settings| settings.inside = vec![([10, 0, 0, 0].into(), 8)]).await;
    stage.route(|_| {}, &[app::named("one").await]).await;
    let local = HostRoute { cluster_local: true, ..support::host("in.example", &[(1, 100)]) };
    let secure = HostRoute { redirect_https: true, ..support::host("tls.example", &[(1, 100)]) };
    stage.session.send(Route::Host(local)).await;
    stage.session.send(Route::Host(secure)).await;
    stage.session.settle().await;
    assert_eq!(client::get(stage.address, "in.example").await.status.as_u16(), 404);
    let moved = client::get(stage.address, "tls.example:8080").await;
    assert_eq!(moved.status.as_u16(), 301);
    assert_eq!(moved.headers["location"], "https://tls.example/");
}

#[tokio::test]
async fn operators_see_health_and_metrics() {
    let mut stage = support::stage().await;
    assert_eq!(client::whole(client::send(stage.admin, client::request("x", "/readyz")).await).await.status, 503);
    stage.route(|_| {}, &[app::named("one").await]).await;
    assert_eq!(client::whole(client::send(stage.admin, client::request("x", "/readyz")).await).await.status, 200);
    client::get(stage.address, "hello.example").await;
    let metrics = client::whole(client::send(stage.admin, client::request("x", "/metrics")).await).await.text;
    for line in [
        "activator_request_count{namespace_name=\"default\",response_code_class=\"2xx\",revision_name=\"hello-00001\"} 1",
        "skiff_gateway_hosts 1",
        "skiff_gateway_session_up 1",
    ] {
        assert!(metrics.lines().any(|seen| seen == line), "{line} in\n{metrics}");
    }
}
