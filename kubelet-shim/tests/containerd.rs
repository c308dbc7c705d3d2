//! The agent against a real containerd and runc: each test boots a private containerd and a control plane that only speaks
//! the wire. Needs root, containerd, runc and busybox-static; skips by name where they are missing.
#![allow(missing_docs, clippy::unwrap_used)]

// Before the modules, as they use it.
macro_rules! needs_containerd {
    ($name:literal) => {
        if let Some(why) = world::missing() {
            println!("SKIPPED {}: {why}", $name);
            return;
        }
    };
}

mod cases;
mod world;

use serde_json::{Value, json};
use skiff_engine::wire::{ContainerState, Material, SandboxState, StreamExit, StreamRequest};
use std::time::{Duration, Instant};
use world::World;

fn pod(container: Value) -> Value {
    let mut container = container;
    let defaults = json!({"name": "c", "image": "localhost/box:1"});
    for (key, value) in defaults.as_object().unwrap() {
        if container.get(key).is_none() {
            container[key] = value.clone();
        }
    }
    json!({"metadata": {"name": "x", "namespace": "ns", "labels": {"app": "a"}}, "spec": {"containers": [container], "terminationGracePeriodSeconds": 2}})
}

fn http_ready() -> Value {
    json!({"httpGet": {"path": "/", "port": 8080}})
}

fn logs(key: skiff_engine::wire::SandboxKey) -> StreamRequest {
    StreamRequest::Log {
        key,
        container: "c".into(),
        follow: false,
        previous: false,
        tail_lines: None,
        limit_bytes: None,
        since_ns: None,
        timestamps: false,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_container_becomes_ready_and_goes_without_a_trace() {
    needs_containerd!("a_container_becomes_ready_and_goes_without_a_trace");
    let mut world = World::new().await;
    world.start_agent().await;
    let (facts, _) = world.control.session().await;
    assert!(facts.images.iter().any(|(name, bytes)| name == "localhost/box:1" && *bytes > 1 << 20), "{:?}", facts.images);
    world.control.template(1, pod(json!({"readinessProbe": http_ready()})), Material::default()).await;
    let before = Instant::now();
    let key = world.control.create(1, 1).await;
    let report = world.control.until_state(key, SandboxState::Ready).await;
    println!("ready after {:?}: {:?}", before.elapsed(), report.stages);
    assert!(report.stages.is_some_and(|s| s.created_us > 0 && s.ready_us > 0));
    let address = std::net::Ipv4Addr::from(world.network + 3);
    let page = tokio::net::TcpStream::connect((address, 8080)).await;
    assert!(page.is_ok(), "the pod answers at its slot's address");
    world.control.gone(key).await;
    let mut left = world.leftovers();
    // The pool's two namespaces are no leftovers, but they must be all.
    left.retain(|l| !l.contains("/netns/sk") && !l.contains("/brif/sk"));
    left.retain(|l| !l.contains("node/netns"));
    assert!(left.is_empty(), "{left:#?}");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn cold_starts_are_quick() {
    needs_containerd!("cold_starts_are_quick");
    let mut world = World::new().await;
    world.start_agent().await;
    world.control.template(1, pod(json!({"readinessProbe": http_ready()})), Material::default()).await;
    let mut took = Vec::new();
    for seq in 0..10 {
        let before = Instant::now();
        let key = world.control.create(1, seq).await;
        let report = world.control.until_state(key, SandboxState::Ready).await;
        took.push(before.elapsed());
        println!("{:?} {:?}", before.elapsed(), report.stages);
        world.control.delete(key, 0).await;
        world.control.until_state(key, SandboxState::Gone).await;
    }
    took.sort();
    // Far above what an idle machine needs (about 40 ms), as this one is shared.
    assert!(took[0] < Duration::from_millis(500), "{took:?}");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_loop_backs_off() {
    needs_containerd!("a_crash_loop_backs_off");
    let mut world = World::new().await;
    world.start_agent().await;
    let container = json!({"args": ["echo attempt; echo why > /dev/termination-log; exit 3"]});
    world.control.template(1, pod(container), Material::default()).await;
    let key = world.control.create(1, 1).await;
    let message = world.control.until_waiting(key, "CrashLoopBackOff").await;
    let uid = world.control.uid(key);
    assert_eq!(message, format!("back-off 10s restarting failed container=c pod=pod-1-1_ns({uid})"));
    let report = world.control.until("two ends", key, |r| r.containers.first().is_some_and(|c| c.restarts == 1)).await;
    match &report.containers[0].last {
        Some(ContainerState::Terminated { exit_code: 3, reason, message, .. }) => {
            assert_eq!((reason.as_str(), message.as_str()), ("Error", "why\n"));
        }
        other => panic!("{other:?}"),
    }
    let StreamRequest::Log { key, container, .. } = logs(key) else { unreachable!() };
    let previous = StreamRequest::Log {
        key,
        container,
        follow: false,
        previous: true,
        tail_lines: None,
        limit_bytes: None,
        since_ns: None,
        timestamps: false,
    };
    assert_eq!(world.control.log(previous).await.unwrap(), "attempt\n");
    world.control.gone(key).await;

    // A process that is killed comes back at once, the first time.
    world.control.template(2, pod(json!({"readinessProbe": http_ready()})), Material::default()).await;
    let key = world.control.create(2, 2).await;
    world.control.until_state(key, SandboxState::Ready).await;
    let (out, _, _) = world.control.exec(key, &["cat", "/proc/1/cmdline"], None, false).await;
    assert!(out.starts_with("httpd"), "{out:?}");
    kill_httpd(world.network + 4);
    let back = world
        .control
        .until("the restart", key, |r| r.state == SandboxState::Ready && r.containers.first().is_some_and(|c| c.restarts == 1))
        .await;
    assert!(
        matches!(&back.containers[0].last, Some(ContainerState::Terminated { exit_code: 137, reason, .. }) if reason == "Error"),
        "{back:?}"
    );
    world.control.gone(key).await;
    world.end().await;
}

/// `kill -9` of the httpd that listens in the namespace of this address, from outside.
fn kill_httpd(address: u32) {
    let address = std::net::Ipv4Addr::from(address).to_string();
    for process in std::fs::read_dir("/proc").unwrap().flatten() {
        let dir = process.path();
        let is_httpd = std::fs::read(dir.join("cmdline")).is_ok_and(|c| c.starts_with(b"httpd"));
        if is_httpd && std::fs::read_to_string(dir.join("net/fib_trie")).is_ok_and(|t| t.contains(&address)) {
            let pid = process.file_name().to_string_lossy().parse().unwrap();
            nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), nix::sys::signal::Signal::SIGKILL).unwrap();
            return;
        }
    }
    panic!("no httpd at {address}");
}

#[tokio::test(flavor = "multi_thread")]
async fn failures_have_upstreams_reasons() {
    needs_containerd!("failures_have_upstreams_reasons");
    let mut world = World::new().await;
    world.start_agent().await;
    let control = &world.control;
    let cases = [
        (
            1,
            json!({"image": "localhost/none:1"}),
            "ErrImagePull",
            "failed to pull image \"localhost/none:1\": not found on this node",
        ),
        (
            2,
            json!({"image": "localhost/none:1", "imagePullPolicy": "Never"}),
            "ErrImageNeverPull",
            "is not present with pull policy of Never",
        ),
        (
            3,
            json!({"env": [{"name": "A", "valueFrom": {"configMapKeyRef": {"name": "cm", "key": "k"}}}]}),
            "CreateContainerConfigError",
            "configmap \"cm\" not found",
        ),
        (4, json!({"command": ["/no/such"]}), "StartError", "exec: \"/no/such\": stat /no/such: no such file or directory"),
        (
            5,
            json!({"resources": {"limits": {"memory": "16Mi"}}, "args": ["x=$(head -c 200000000 /dev/zero | cat -v); echo $x"]}),
            "OOMKilled",
            "",
        ),
    ];
    let mut keys = Vec::new();
    for (revision, container, wanted, message) in &cases {
        let mut pod = pod(container.clone());
        if *revision >= 4 {
            pod["spec"]["restartPolicy"] = json!("Never");
        }
        control.template(*revision, pod, Material::default()).await;
        let key = control.create(*revision, *revision).await;
        let got = control.until_waiting(key, wanted).await;
        assert!(got.contains(message), "{wanted}: {got}");
        keys.push(key);
    }
    let report = control.until_state(keys[3], SandboxState::Failed).await;
    assert!(matches!(report.containers[0].state, ContainerState::Terminated { exit_code: 128, .. }), "{report:?}");
    assert_eq!(control.until_waiting(keys[0], "ImagePullBackOff").await, "Back-off pulling image \"localhost/none:1\"");
    assert!(control.log(logs(keys[0])).await.unwrap_err().contains("waiting to start"));

    // What was missing comes: the sandbox goes on at once.
    let material = Material { config_maps: vec![("cm".into(), vec![("k".into(), b"v".to_vec())])], ..Material::default() };
    control.template(3, pod(cases[2].1.clone()), material).await;
    control.until_state(keys[2], SandboxState::Ready).await;
    let image = world.path().join("image");
    let settings = &world.settings;
    skiff_kubelet::image::import(&settings.containerd_socket, &settings.namespace, &image, Some("localhost/none:1"))
        .await
        .unwrap();
    control.until_image("localhost/none:1").await;
    control.until_state(keys[0], SandboxState::Ready).await;
    for key in keys {
        control.gone(key).await;
    }
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_and_init_containers_run_to_their_end() {
    needs_containerd!("jobs_and_init_containers_run_to_their_end");
    let mut world = World::new().await;
    world.start_agent().await;
    let mut job =
        pod(json!({"args": ["cat /shared/word; cat /etc/hosts /etc/hostname; id -u; env; touch /x && echo writable; exit 0"],
        "workingDir": "/shared", "securityContext": {"runAsUser": 101, "readOnlyRootFilesystem": true},
        "env": [{"name": "WHO", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}, {"name": "HI", "value": "hi $(WHO)"}],
        "volumeMounts": [{"name": "shared", "mountPath": "/shared"}]}));
    job["spec"]["restartPolicy"] = json!("Never");
    job["spec"]["volumes"] = json!([{"name": "shared", "emptyDir": {"medium": "Memory"}}]);
    job["spec"]["initContainers"] = json!([{"name": "i", "image": "localhost/box:1", "args": ["echo from-init > /shared/word"],
        "volumeMounts": [{"name": "shared", "mountPath": "/shared"}]}]);
    world.control.template(1, job, Material::default()).await;
    let key = world.control.create(1, 1).await;
    let report = world.control.until_state(key, SandboxState::Succeeded).await;
    assert_eq!(report.containers.len(), 2);
    assert!(
        report
            .containers
            .iter()
            .all(|c| matches!(&c.state, ContainerState::Terminated { exit_code: 0, reason, .. } if reason == "Completed"))
    );
    let log = world.control.log(logs(key)).await.unwrap();
    for line in ["from-init\n", "\tpod-1-1\n", "\n101\n", "HI=hi pod-1-1\n", "FROM=image\n"] {
        assert!(log.contains(line), "{line:?} in {log}");
    }
    assert!(!log.contains("writable"), "the root filesystem is read-only");
    world.control.gone(key).await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn volumes_are_refreshed_and_liveness_kills() {
    needs_containerd!("volumes_are_refreshed_and_liveness_kills");
    let mut world = World::new().await;
    world.start_agent().await;
    let mut pod = pod(
        json!({"livenessProbe": {"exec": {"command": ["cat", "/tmp/alive"]}, "periodSeconds": 1, "failureThreshold": 1, "initialDelaySeconds": 1},
        "args": ["touch /tmp/alive; exec httpd -f -p 8080 -h /www"],
        "startupProbe": {"tcpSocket": {"port": 8080}, "periodSeconds": 1, "failureThreshold": 30},
        "volumeMounts": [{"name": "cm", "mountPath": "/cm"}, {"name": "token", "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount", "readOnly": true}]}),
    );
    pod["spec"]["volumes"] = json!([{"name": "cm", "configMap": {"name": "cm"}},
        {"name": "token", "projected": {"sources": [{"serviceAccountToken": {"path": "token"}}]}}]);
    let material = |value: &str| Material {
        config_maps: vec![("cm".into(), vec![("k".into(), value.as_bytes().to_vec())])],
        service_account: vec![("token".into(), b"a-token".to_vec())],
        ..Material::default()
    };
    let control = &world.control;
    control.template(1, pod.clone(), material("1")).await;
    let key = control.create(1, 1).await;
    control.until_state(key, SandboxState::Ready).await;
    let cat = "cat /cm/k /var/run/secrets/kubernetes.io/serviceaccount/token; touch /cm/x || echo read-only";
    assert_eq!(control.exec(key, &["sh", "-c", cat], None, false).await.0, "1a-tokenread-only\n");
    control.template(1, pod, material("2")).await;
    for _ in 0..50 {
        tokio::time::sleep(Duration::from_millis(20)).await;
        if control.exec(key, &["cat", "/cm/k"], None, false).await.0 == "2" {
            break;
        }
    }
    assert_eq!(control.exec(key, &["cat", "/cm/k"], None, false).await.0, "2");
    control.exec(key, &["sh", "-c", "rm /tmp/alive || busybox rm /tmp/alive"], None, false).await;
    control.until("the liveness restart", key, |r| r.containers.first().is_some_and(|c| c.restarts == 1)).await;
    control.until_state(key, SandboxState::Ready).await;
    control.gone(key).await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_restarts_when_the_agent_or_containerd_does() {
    needs_containerd!("nothing_restarts_when_the_agent_or_containerd_does");
    let mut world = World::new().await;
    world.start_agent().await;
    world.control.template(1, pod(json!({"readinessProbe": http_ready()})), Material::default()).await;
    let (kept, dies) = (world.control.create(1, 1).await, world.control.create(1, 2).await);
    world.control.until_state(kept, SandboxState::Ready).await;
    world.control.until_state(dies, SandboxState::Ready).await;
    world.control.exec(kept, &["touch", "/tmp/same"], None, false).await;

    world.stop_agent().await;
    kill_httpd(world.network + 4);
    world.start_agent().await;
    let (_, sandboxes) = world.control.session().await;
    assert_eq!(sandboxes.len(), 2, "{sandboxes:?}");
    assert!(sandboxes.iter().any(|s| s.key == kept && s.state == SandboxState::Ready && s.slot == 3), "{sandboxes:?}");
    world
        .control
        .until("the one that died is restarted", dies, |r| {
            r.state == SandboxState::Ready && r.containers.first().is_some_and(|c| c.restarts == 1)
        })
        .await;
    let (_, _, exit) = world.control.exec(kept, &["test", "-f", "/tmp/same"], None, false).await;
    assert!(matches!(exit, StreamExit::Code(0)), "it is the same container: {exit:?}");

    world.kill_containerd();
    world.boot_containerd().await;
    let mut exit = StreamExit::Failed(String::new());
    for _ in 0..50 {
        (_, _, exit) = world.control.exec(kept, &["test", "-f", "/tmp/same"], None, false).await;
        if matches!(exit, StreamExit::Code(0)) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(matches!(exit, StreamExit::Code(0)), "after a restart of containerd: {exit:?}");
    kill_httpd(world.network + 3);
    world
        .control
        .until("an end after containerd's restart", kept, |r| r.containers.first().is_some_and(|c| c.restarts == 1))
        .await;
    world.control.gone(kept).await;
    world.control.gone(dies).await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_at_once_and_stale_orders() {
    needs_containerd!("many_at_once_and_stale_orders");
    let mut world = World::new().await;
    world.start_agent().await;
    let control = &world.control;
    control.template(1, pod(json!({"readinessProbe": http_ready()})), Material::default()).await;
    let before = Instant::now();
    let mut keys = Vec::new();
    for seq in 0..20 {
        keys.push(control.create(1, seq).await);
    }
    for key in &keys {
        control.until_state(*key, SandboxState::Ready).await;
    }
    println!("20 ready after {:?}", before.elapsed());
    // Said again, nothing changes; an older generation is refused.
    control.create(1, 0).await;
    let stale = skiff_engine::wire::Delete { key: keys[0], generation: 0, grace_seconds: 0 };
    control.order(skiff_engine::wire::Order::Delete(vec![stale])).await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(!control.states(keys[0]).contains(&SandboxState::Gone));
    for key in &keys {
        control.delete(*key, 0).await;
    }
    for key in &keys {
        control.until_state(*key, SandboxState::Gone).await;
    }
    control.create(1, 0).await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(control.states(keys[0]).last(), Some(&SandboxState::Gone), "a buried key stays buried");
    world.end().await;
}
