//! Service addresses, through nftables.

use crate::world::{self, World};
use crate::{http_ready, pod};
use serde_json::json;
use skiff_engine::wire::{Material, Order, SandboxState, ServicePort, ServiceRule};
use std::time::Duration;

#[tokio::test(flavor = "multi_thread")]
async fn services_are_reached_from_node_and_pods() {
    needs_containerd!("services_are_reached_from_node_and_pods");
    if std::process::Command::new("nft").arg("--version").output().is_err() {
        println!("SKIPPED services_are_reached_from_node_and_pods: nft is not installed");
        return;
    }
    let mut world = World::new().await;
    world.start_agent().await;
    let control = &world.control;
    control.template(1, pod(json!({"readinessProbe": http_ready()})), Material::default()).await;
    let keys = [control.create(1, 1).await, control.create(1, 2).await];
    for key in keys {
        control.until_state(key, SandboxState::Ready).await;
    }
    let cluster_ip = u32::from(std::net::Ipv4Addr::new(10, 96, (world.network >> 8 & 0xff) as u8, 7));
    let endpoints = vec![(world.network + 3, 8080), (world.network + 4, 8080)];
    let port = ServicePort { port: 80, node_port: 0, udp: false, endpoints };
    control.order(Order::Service(ServiceRule { cluster_ip, ports: vec![port] })).await;
    let address = std::net::Ipv4Addr::from(cluster_ip);
    let mut page = String::new();
    for _ in 0..50 {
        let fetching = tokio::time::timeout(Duration::from_millis(200), fetch(address));
        page = fetching.await.map_or_else(|e| e.to_string(), |got| got.unwrap_or_else(|e| e.to_string()));
        if page.ends_with("hello\n") {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    // The answer is read, not just the connection seen: what is routed elsewhere may be answered by a proxy.
    assert!(page.ends_with("hello\n"), "from the node: {page}");
    let get = format!("busybox timeout 5 busybox wget -qO- http://{address}/");
    for key in keys.into_iter().cycle().take(20) {
        let (out, err, _) = control.exec(key, &["sh", "-c", &get], None, false).await;
        assert!(out == "hello\n", "from a pod: {out:?} {err:?}");
    }
    world.end().await;
}

async fn fetch(address: std::net::Ipv4Addr) -> std::io::Result<String> {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let mut stream = tokio::net::TcpStream::connect((address, 80)).await?;
    stream.write_all(b"GET / HTTP/1.0\r\n\r\n").await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    Ok(answer)
}
