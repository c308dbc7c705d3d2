//! Real containers: what kubectl shows of them, what failing images look like, and what outlives a killed agent.
//!
//! Needs root and containerd; one server at a time, because each checks that no network link is left behind.

use crate::clients::{find, skip};
use crate::transcript::Stage;
use anyhow::{Context, Result, ensure};
use nix::sys::signal::Signal;
use serde_json::{Value, json};
use skiff_conformance::server::{Answer, Nodes, Server, Session};
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::sync::{Mutex, MutexGuard};

pub const SAMPLE: &str = "skiff.local/hello:latest";
pub const PODS: &str = "/api/v1/namespaces/default/pods";
const PATIENCE: Duration = Duration::from_secs(60);

/// Keeps other tests off this machine's containers; `None`, said on standard error, where there can be none.
pub async fn alone(test: &str) -> Option<MutexGuard<'static, ()>> {
    static ALONE: Mutex<()> = Mutex::const_new(());
    let installed =
        std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()).any(|folder| folder.join("containerd").is_file());
    if !nix::unistd::geteuid().is_root() || !installed {
        skip(test, "real containers need root and an installed containerd");
        return None;
    }
    Some(ALONE.lock().await)
}

/// A pod of the sample image; `with` goes into its container.
pub fn pod(name: &str, with: &Value) -> Value {
    let mut container = json!({"name": "c", "image": SAMPLE});
    if let (Some(fields), Some(more)) = (container.as_object_mut(), with.as_object()) {
        fields.extend(more.clone());
    }
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": {"containers": [container]}})
}

/// The first container's status.
fn container(answer: &Answer) -> &Value {
    &answer.body["status"]["containerStatuses"][0]
}

/// Creates a pod and waits until its container's status is as wanted.
async fn until(session: &Session, name: &str, test: impl Fn(&Value) -> bool) -> Result<Answer> {
    session.until(&format!("{PODS}/{name}"), PATIENCE, |answer| test(container(answer))).await
}

#[tokio::test]
async fn a_deployment_from_creation_to_deletion() -> Result<()> {
    let test = "containerd/deployment.txt";
    let Some(_alone) = alone(test).await else { return Ok(()) };
    let Some(kubectl) = find("kubectl-1.37", test) else { return Ok(()) };
    let server = Server::start(Nodes::Containerd).await?;
    let stage = Stage::new(&[("kubectl", &kubectl)], "1.37", &server.kubeconfig(), &server.gateway())?;
    stage.play(test).await?;
    server.stop().await?;
    Ok(())
}

#[tokio::test]
async fn failing_images_say_why_and_disturb_nobody() -> Result<()> {
    let Some(_alone) = alone("containerd::failing_images").await else { return Ok(()) };
    let server = Server::start(Nodes::Containerd).await?;
    let session = server.session()?;
    session.create(PODS, &pod("healthy", &json!({}))).await?;
    until(&session, "healthy", |status| status["ready"] == true).await?;

    session.create(PODS, &pod("unknown", &json!({"image": "skiff.local/none:1"}))).await?;
    session.create(PODS, &pod("missing", &json!({"command": ["/nope"]}))).await?;
    session.create(PODS, &pod("exits", &json!({"command": ["/bin/false"]}))).await?;
    session.create(PODS, &pod("greedy", &json!({"resources": {"limits": {"memory": "32Mi"}}}))).await?;

    until(&session, "unknown", |status| status["state"]["waiting"]["reason"] == "ErrImagePull").await?;
    let waits = until(&session, "unknown", |status| status["state"]["waiting"]["reason"] == "ImagePullBackOff").await?;
    let message = container(&waits)["state"]["waiting"]["message"].as_str().unwrap_or_default().to_owned();
    assert!(message.starts_with("Back-off pulling image \"skiff.local/none:1\""), "{message}");
    assert_eq!(waits.at("/status/phase"), "Pending");
    assert_eq!(container(&waits)["containerID"], Value::Null, "there is no container");

    let missing = until(&session, "missing", |status| status["lastState"]["terminated"]["reason"] == "StartError").await?;
    let ended = &container(&missing)["lastState"]["terminated"];
    assert_eq!(ended["exitCode"], 128);
    assert_eq!(ended["startedAt"], "1970-01-01T00:00:00Z");
    assert_eq!(container(&missing)["imageID"], SAMPLE);
    assert!(ended["message"].as_str().is_some_and(|message| message.contains("/nope")), "{ended}");

    let exits = until(&session, "exits", |status| status["state"]["waiting"]["reason"] == "CrashLoopBackOff").await?;
    let ended = &container(&exits)["lastState"]["terminated"];
    assert_eq!((&ended["exitCode"], &ended["reason"]), (&json!(1), &json!("Error")));

    let greedy = until(&session, "greedy", |status| status["ready"] == true).await?;
    let url = format!("http://{}:8080/?bloat=512", greedy.at("/status/podIP"));
    curl(&url, "").await.ok();
    let killed = until(&session, "greedy", |status| status["lastState"]["terminated"]["reason"] == "OOMKilled").await?;
    assert_eq!(container(&killed)["lastState"]["terminated"]["exitCode"], 137);
    until(&session, "greedy", |status| status["ready"] == true && status["restartCount"] == 1).await?;

    let healthy = session.get(&format!("{PODS}/healthy")).await?;
    assert_eq!((&container(&healthy)["restartCount"], &container(&healthy)["ready"]), (&json!(0), &json!(true)));
    events(&session, "unknown", &["Scheduled", "Pulling", "Failed", "BackOff"]).await?;
    events(&session, "exits", &["Scheduled", "Pulled", "Created", "Started", "BackOff"]).await?;
    server.stop().await?;
    Ok(())
}

/// The reasons of a pod's events, at least these.
async fn events(session: &Session, pod: &str, wanted: &[&str]) -> Result<()> {
    let path = format!("/api/v1/namespaces/default/events?fieldSelector=involvedObject.name%3D{pod}");
    let has = |answer: &Answer| wanted.iter().all(|reason| answer.items().iter().any(|event| event["reason"] == *reason));
    session.until(&path, PATIENCE, has).await.with_context(|| format!("events of {pod}: wanted {wanted:?}"))?;
    Ok(())
}

/// Status and body of a GET; a host of its own if not empty.
async fn curl(url: &str, host: &str) -> Result<(u16, String, bool)> {
    let mut command = tokio::process::Command::new("curl");
    command.args(["-s", "-m", "60", "-i", url]);
    if !host.is_empty() {
        command.arg("-H").arg(format!("Host: {host}"));
    }
    let output = command.output().await.context("curl")?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let (head, body) = text.split_once("\r\n\r\n").with_context(|| format!("no answer from {url} {host}"))?;
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).context("no status")?;
    Ok((status, body.to_owned(), head.to_ascii_lowercase().contains("server-timing:")))
}

/// Container ids and restarts of all pods.
async fn containers(session: &Session) -> Result<BTreeMap<String, (String, u64)>> {
    let list = session.get(PODS).await?;
    let one = |pod: &Value| {
        let status = &pod["status"]["containerStatuses"][0];
        let id = status["containerID"].as_str().unwrap_or_default().to_owned();
        (pod["metadata"]["name"].as_str().unwrap_or_default().to_owned(), (id, status["restartCount"].as_u64().unwrap_or(99)))
    };
    Ok(list.items().iter().map(one).collect())
}

#[tokio::test]
async fn running_sandboxes_outlive_a_killed_agent_and_a_killed_containerd() -> Result<()> {
    let Some(_alone) = alone("containerd::killed_agents").await else { return Ok(()) };
    let server = Server::start(Nodes::Containerd).await?;
    let session = server.session()?;
    session.create("/apis/apps/v1/namespaces/default/deployments", &deployment("web", 3)).await?;
    let path = "/apis/apps/v1/namespaces/default/deployments/web";
    let ready = |answer: &Answer| answer.body["status"]["readyReplicas"] == 3;
    session.until(path, PATIENCE, ready).await?;
    let before = containers(&session).await?;
    ensure!(before.len() == 3 && before.values().all(|(id, _)| id.starts_with("containerd://")), "{before:?}");
    for role in ["kubelet", "containerd"] {
        let killed = server.role(role)?;
        killed.signal(Signal::SIGKILL);
        let deadline = tokio::time::Instant::now() + PATIENCE;
        while server.role(role).map_or(true, |now| now.pid == killed.pid) {
            ensure!(tokio::time::Instant::now() < deadline, "{role} was not started again");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        // The new one must be able to work, not only to live.
        session.create(PODS, &pod(&format!("after-{role}"), &json!({}))).await?;
        until(&session, &format!("after-{role}"), |status| status["ready"] == true).await?;
        session.until(path, PATIENCE, ready).await?;
        let mut now = containers(&session).await?;
        now.retain(|name, _| name.starts_with("web-"));
        assert_eq!(now, before, "after kill -9 of {role}");
    }
    server.stop().await?;
    Ok(())
}

fn deployment(name: &str, replicas: u32) -> Value {
    let labels = json!({"app": name});
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name},
        "spec": {"replicas": replicas, "selector": {"matchLabels": labels}, "template": {
            "metadata": {"labels": labels}, "spec": {"containers": [{"name": "c", "image": SAMPLE}]},
        }},
    })
}

fn service(revision: &str, target: &str, traffic: &Value) -> Value {
    json!({
        "apiVersion": "serving.knative.dev/v1", "kind": "Service", "metadata": {"name": "hello"},
        "spec": {"template": {
            "metadata": {"name": revision, "annotations": {"autoscaling.knative.dev/window": "6s"}},
            "spec": {"containers": [{"image": SAMPLE, "env": [{"name": "TARGET", "value": target}]}]},
        }, "traffic": traffic},
    })
}

const SERVICE: &str = "/apis/serving.knative.dev/v1/namespaces/default/services/hello";

async fn settled(session: &Session) -> Result<()> {
    let ready = |answer: &Answer| {
        let conditions = answer.body["status"]["conditions"].as_array().cloned().unwrap_or_default();
        let current = answer.body["status"]["observedGeneration"] == answer.body["metadata"]["generation"];
        current && conditions.iter().any(|one| one["type"] == "Ready" && one["status"] == "True")
    };
    session.until(SERVICE, PATIENCE, ready).await.map(drop)
}

#[tokio::test]
async fn a_knative_service_wakes_sleeps_wakes_and_splits() -> Result<()> {
    let Some(_alone) = alone("containerd::a_knative_service").await else { return Ok(()) };
    let server = Server::start(Nodes::Containerd).await?;
    let session = server.session()?;
    let url = format!("http://{}/", server.gateway());
    let latest = json!([{"latestRevision": true, "percent": 100}]);
    session.create("/apis/serving.knative.dev/v1/namespaces/default/services", &service("hello-one", "one", &latest)).await?;
    settled(&session).await?;
    for _ in 0..2 {
        session.until(PODS, Duration::from_secs(90), |pods| pods.status == 200 && pods.items().is_empty()).await?;
        assert_eq!(curl(&url, "hello.default.localhost").await?, (200, "Hello one!\n".to_owned(), true), "a cold request");
        assert_eq!(curl(&url, "hello.default.localhost").await?, (200, "Hello one!\n".to_owned(), false), "a warm request");
    }
    let half = json!([{"revisionName": "hello-one", "percent": 50}, {"revisionName": "hello-two", "percent": 50}]);
    let patch = service("hello-two", "two", &half).to_string();
    let answer = session.send("PATCH", SERVICE, "application/merge-patch+json", patch.into()).await?;
    ensure!(answer.status == 200, "{}", answer.text);
    settled(&session).await?;
    let mut twos = 0;
    for _ in 0..100 {
        let (status, body, _) = curl(&url, "hello.default.localhost").await?;
        ensure!(status == 200, "{status} {body}");
        twos += u32::from(body == "Hello two!\n");
    }
    // Of 100 fair coins, fewer than 25 or more than 75 come once in three million runs.
    assert!((25..=75).contains(&twos), "{twos} of 100 requests went to the second revision");
    server.stop().await?;
    Ok(())
}

#[tokio::test]
async fn streams_with_every_kubectl() -> Result<()> {
    let test = "containerd::streams";
    let Some(_alone) = alone(test).await else { return Ok(()) };
    let server = Server::start(Nodes::Containerd).await?;
    let session = server.session()?;
    session.create(PODS, &pod("web", &json!({}))).await?;
    until(&session, "web", |status| status["ready"] == true).await?;
    let port = skiff_conformance::server::free_port()?;
    let ask = format!("curl -s --retry 20 --retry-delay 1 --retry-connrefused http://127.0.0.1:{port}/");
    let forward = format!("kubectl port-forward pod/web {port}:8080 >/dev/null & {ask} && {ask}; kill $!");
    for version in ["1.37", "1.27"] {
        let Some(kubectl) = find(&format!("kubectl-{version}"), test) else { continue };
        let stage = Stage::new(&[("kubectl", &kubectl)], version, &server.kubeconfig(), &server.gateway())?;
        for (line, wanted) in [
            ("timeout 3 kubectl logs -f web; echo $?", "hello: listening on port 8080\n124\n"),
            (
                "kubectl exec web -- /nope 2>&1 | grep -o 'exec: \"/nope\": .* directory'",
                "exec: \"/nope\": stat /nope: no such file or directory\n",
            ),
            ("script -qec 'kubectl exec -it web -- echo from a terminal' /dev/null", "from a terminal\r\n"),
            (forward.as_str(), "Hello World!\nHello World!\n"),
        ] {
            let (exit, said) = stage.run(line).await?;
            ensure!(said == wanted, "{version}: {line}: exit {exit}: {said:?}");
        }
    }
    server.stop().await?;
    Ok(())
}

#[tokio::test]
async fn two_servers_on_one_machine() -> Result<()> {
    let Some(_alone) = alone("containerd::two_servers").await else { return Ok(()) };
    let (mut servers, mut addresses) = (Vec::new(), Vec::new());
    for _ in 0..2 {
        let server = Server::start(Nodes::Containerd).await?;
        let session = server.session()?;
        servers.push(server);
        session.create(PODS, &pod("web", &json!({}))).await?;
        addresses.push(until(&session, "web", |status| status["ready"] == true).await?.at("/status/podIP").to_owned());
        // Until its spare namespaces are made: they are among the links that the next one begins with.
        tokio::time::sleep(Duration::from_secs(2)).await;
    }
    assert_ne!(addresses[0], addresses[1]);
    for address in &addresses {
        assert_eq!(curl(&format!("http://{address}:8080/"), "").await?.1, "Hello World!\n", "{address}");
    }
    // The last one first: each compares the machine's links with those that it began with.
    while let Some(server) = servers.pop() {
        server.stop().await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_service_address_answers_from_a_pod() -> Result<()> {
    let test = "containerd::a_service_address";
    let Some(_alone) = alone(test).await else { return Ok(()) };
    let Some(kubectl) = find("kubectl-1.37", test) else { return Ok(()) };
    if !std::path::Path::new("/bin/busybox").is_file() {
        skip(test, "no /bin/busybox (Debian: busybox-static) to put into an image");
        return Ok(());
    }
    let server = Server::start(Nodes::Containerd).await?;
    let session = server.session()?;
    let import = tokio::process::Command::new(skiff_conformance::server::binary()?)
        .args(["image", "import", "/bin/busybox", "--name", "test.local/busybox:1", "--data-dir"])
        .arg(server.data())
        .output()
        .await?;
    ensure!(import.status.success(), "{}", String::from_utf8_lossy(&import.stderr));
    session.create("/apis/apps/v1/namespaces/default/deployments", &deployment("web", 2)).await?;
    let spec = json!({"selector": {"app": "web"}, "ports": [{"port": 80, "targetPort": 8080}]});
    let web = json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"}, "spec": spec});
    let address = session.create("/api/v1/namespaces/default/services", &web).await?.at("/spec/clusterIP").to_owned();
    session
        .until("/apis/apps/v1/namespaces/default/deployments/web", PATIENCE, |web| web.body["status"]["readyReplicas"] == 2)
        .await?;
    let sleep = json!({"image": "test.local/busybox:1", "command": ["/busybox", "sleep", "600"]});
    session.create(PODS, &pod("client", &sleep)).await?;
    until(&session, "client", |status| status["ready"] == true).await?;
    let stage = Stage::new(&[("kubectl", &kubectl)], "1.37", &server.kubeconfig(), &server.gateway())?;
    // Not wget: a static busybox looks names up in ways that fail in an image without libraries.
    let ask = format!("printf 'GET / HTTP/1.0\\r\\n\\r\\n' | /busybox nc -w 10 {address} 80");
    let (exit, said) = stage.run(&format!("kubectl exec client -- /busybox sh -c \"{ask}\"")).await?;
    ensure!(exit == 0 && said.ends_with("Hello World!\n"), "exit {exit}: {said}");
    server.stop().await?;
    Ok(())
}
