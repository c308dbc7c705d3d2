//! What `kubectl exec`, `logs`, `attach` and `port-forward` come down to.

use crate::world::{self, World};
use crate::{http_ready, logs, pod};
use serde_json::json;
use skiff_engine::wire::{Material, SandboxState, StreamExit, StreamRequest};
use std::time::Duration;

#[tokio::test(flavor = "multi_thread")]
async fn exec_logs_attach_and_forward() {
    needs_containerd!("exec_logs_attach_and_forward");
    let mut world = World::new().await;
    world.start_agent().await;
    let script = "echo one; echo two >&2; (while true; do echo tick; sleep 0.2; done) & exec httpd -f -p 8080 -h /www";
    world.control.template(1, pod(json!({"args": [script], "readinessProbe": http_ready()})), Material::default()).await;
    let key = world.control.create(1, 1).await;
    world.control.until_state(key, SandboxState::Ready).await;
    let control = &world.control;

    let (out, err, exit) = control.exec(key, &["sh", "-c", "echo out; echo err >&2; exit 7"], None, false).await;
    assert_eq!((out.as_str(), err.as_str()), ("out\n", "err\n"));
    assert!(matches!(exit, StreamExit::Code(7)), "{exit:?}");
    let (out, _, exit) = control.exec(key, &["cat"], Some("through stdin"), false).await;
    assert!(out == "through stdin" && matches!(exit, StreamExit::Code(0)), "{out:?} {exit:?}");
    let (out, _, _) = control.exec(key, &["sh", "-c", "test -t 1 && echo tty"], None, true).await;
    assert_eq!(out, "tty\r\n");
    let (_, _, exit) = control.exec(key, &["/no/such"], None, false).await;
    assert!(matches!(&exit, StreamExit::Failed(text) if text.contains("no such file")), "{exit:?}");
    let big = control.exec(key, &["sh", "-c", "head -c 3000000 /dev/zero"], None, false).await;
    assert_eq!(big.0.len(), 3_000_000);

    let text = control.log(logs(key)).await.unwrap();
    assert!(text.contains("one\n") && text.contains("two\n"), "{text:?}");
    let StreamRequest::Log { key, container, .. } = logs(key) else { unreachable!() };
    let following = StreamRequest::Log {
        key,
        container,
        follow: true,
        previous: false,
        tail_lines: Some(1),
        limit_bytes: Some(20),
        since_ns: None,
        timestamps: false,
    };
    assert_eq!(control.log(following).await.unwrap(), "tick\ntick\ntick\ntick\n");

    let request = StreamRequest::Forward { key, port: 8080 };
    let get = b"GET / HTTP/1.0\r\n\r\n".to_vec();
    let (answer, _, _) = world::converse(control.open(request).await, vec![skiff_engine::wire::StreamFrame::Stdin(get)]).await;
    assert!(answer.ends_with("hello\n"), "{answer:?}");
    let refused = world::converse(control.open(StreamRequest::Forward { key, port: 9 }).await, vec![]).await;
    assert!(matches!(refused.2, StreamExit::Failed(_)), "{:?}", refused.2);

    let attached = control.open(StreamRequest::Attach { key, container: "c".into(), stdin: false, tty: false }).await;
    let attached = tokio::spawn(world::converse(attached, vec![]));
    tokio::time::sleep(Duration::from_millis(700)).await;
    control.gone(key).await;
    let (out, _, _) = attached.await.unwrap();
    assert!(out.contains("tick\ntick\n"), "{out:?}");
    world.end().await;
}
