//! `skiff up`: the whole system on one machine, from one command to a clean end.
//!
//! ```text
//! preflight ─► certificates ─► containerd ─► sample image ─► apiserver ─► gateway ─► nodes ─► (first request) ─► until a signal
//!                                                                                                                 │
//!              containerd ◄─ nothing left behind ◄─ sandboxes removed ◄─ apiserver, gateway, nodes ended ◄────────┘
//! ```
//!
//! Fed by the command line and by signals. Rooms: `preflight` (what must be so), `leftovers` (of a run that was killed),
//! `child` (a process that is started again), `house` (all children, readiness, the end), `containerd`, `sample`, `first`
//! (the first request), `logs`, `say`. Must not know what its children do, only when they are ready.

mod child;
mod containerd;
mod first;
mod house;
mod leftovers;
mod logs;
mod preflight;
mod sample;
mod say;
mod stop;
mod sweep;

use crate::args::{Apiserver, FakeNodes, Gateway, Kubelet, Nodes, PairFiles, Up};
use crate::https::Api;
use crate::identity;
use crate::layout::Layout;
use anyhow::Context;
use house::House;
use say::Say;
use skiff_access::Ca;
use std::net::{SocketAddr, TcpListener};
use stop::Stop;

/// Name of the sample's image.
pub const SAMPLE_IMAGE: &str = "skiff.local/hello:latest";
/// containerd's namespace, as with every kubelet.
const NAMESPACE: &str = "k8s.io";
/// The only gateway that `up` starts.
const GATEWAY: &str = "gateway-0";
/// Seconds that requests under way have after Ctrl-C.
const DRAIN_S: u32 = 5;

/// Runs until a signal.
pub async fn run(args: Box<Up>) -> anyhow::Result<()> {
    // Children are kept by tasks of this one thread.
    tokio::task::LocalSet::new().run_until(supervise(&args)).await
}

async fn supervise(args: &Up) -> anyhow::Result<()> {
    let mut stop = Stop::listen()?;
    let say = Say::new();
    preflight::machine(args)?;
    let layout = Layout::make(&args.data_dir)?;
    let _lock = layout.lock()?;
    leftovers::end(&layout, &say).await;
    preflight::ports(args)?;
    let mut house = House::new(layout, say);
    let started = tokio::select! {
        started = start(args, &mut house) => started,
        () = stop.asked() => Ok(()),
    };
    let running = started.is_ok() && !stop.is_asked();
    if running {
        house.watch_logs_until(stop.asked()).await;
    }
    house.say.blank();
    let ended = house.end().await;
    started.and(ended)
}

async fn start(args: &Up, house: &mut House) -> anyhow::Result<()> {
    let ca = identity::authority(&house.layout)?;
    identity::serving(&house.layout, &ca, args.api_address, &[])?;
    identity::gateway(&house.layout, &ca, GATEWAY)?;
    let api = identity::reachable(args.api_address);
    let client = Api::of(&house.layout, api)?;
    let (child, argv) = match args.nodes {
        Nodes::Containerd => {
            let kubelet = kubelet(args, house, api, &ca)?;
            // Known before anything runs, so that also a start that fails half-way leaves nothing behind.
            house.remove_at_end(crate::role::kubelet::settings(&kubelet)?);
            containerd::start(house).await?;
            sample::import(args, house).await?;
            ("kubelet", kubelet.argv())
        }
        Nodes::Fake(number) => ("fake-nodes", fleet(args, house, api, number).argv()),
    };
    start_apiserver(args, house, &client).await?;
    let admin = start_gateway(args, house, api).await?;
    house.start_role(child, argv);
    house.wait_for_nodes(&client, child, args.nodes.number()).await?;
    if args.try_it {
        first::deploy_and_ask(args, house, &client).await?;
    }
    say_what_next(args, house, admin);
    Ok(())
}

async fn start_apiserver(args: &Up, house: &mut House, client: &Api) -> anyhow::Result<()> {
    let apiserver = Apiserver {
        data_dir: house.layout.root().to_owned(),
        api_address: args.api_address,
        domain: args.domain.clone(),
        san: Vec::new(),
    };
    house.start_role("apiserver", apiserver.argv());
    house.wait_for_api(client).await?;
    house.say.step("apiserver", &format!("serves https://{}", identity::reachable(args.api_address)));
    Ok(())
}

async fn start_gateway(args: &Up, house: &mut House, api: SocketAddr) -> anyhow::Result<SocketAddr> {
    let admin = match args.gateway_admin_address {
        // Taken and let go again: nobody else asks for ports of this machine's loopback in the moment between.
        address if address.port() == 0 => TcpListener::bind(address)
            .and_then(|listener| listener.local_addr())
            .with_context(|| format!("cannot listen on {address}: choose another with --gateway-admin-address"))?,
        address => address,
    };
    let gateway = Gateway {
        name: GATEWAY.to_owned(),
        listen: args.gateway_address,
        api,
        pair: pair(&house.layout, &format!("gateway-{GATEWAY}")),
        server_timing: args.server_timing,
        admin_address: Some(admin),
        drain_seconds: DRAIN_S,
    };
    house.start_role("gateway", gateway.argv());
    let admin = identity::reachable(admin);
    house.wait_for_gateway(admin).await?;
    house.say.step("gateway", &format!("serves http://{}, metrics at http://{admin}/metrics", args.gateway_address));
    Ok(admin)
}

fn kubelet(args: &Up, house: &House, api: SocketAddr, ca: &Ca) -> anyhow::Result<Kubelet> {
    let node_name = preflight::node_name(args)?;
    identity::node(&house.layout, ca, &node_name)?;
    Ok(Kubelet {
        pair: pair(&house.layout, &format!("node-{node_name}")),
        node_name,
        api,
        dir: house.layout.at("node"),
        containerd_socket: house.layout.socket(),
        namespace: NAMESPACE.to_owned(),
        node_address: None,
        bridge: house.layout.bridge(),
        runtime_binary: args.runtime_binary.clone(),
        pods_max: args.pods_max,
        remove_everything: false,
    })
}

fn fleet(args: &Up, house: &House, api: SocketAddr, nodes: u32) -> FakeNodes {
    FakeNodes {
        data_dir: house.layout.root().to_owned(),
        api,
        nodes,
        serve: SocketAddr::from(([127, 0, 0, 1], 0)),
        fleet: args.fleet.clone(),
    }
}

fn pair(layout: &Layout, stem: &str) -> PairFiles {
    PairFiles { ca: layout.at("ca.crt"), cert: layout.pki(stem, "crt"), key: layout.pki(stem, "key") }
}

fn say_what_next(args: &Up, house: &House, admin: SocketAddr) {
    let kubeconfig = house.layout.at("admin.kubeconfig");
    let (port, domain) = (args.gateway_address.port(), &args.domain);
    house.say.text(&format!(
        "\nSkiff is up; Ctrl-C stops it. Logs: {logs}\n\nIn another terminal:\n\n  \
           export KUBECONFIG={kubeconfig}\n  \
           kubectl get nodes,pods -A -o wide\n  \
           kubectl create deployment web --image={SAMPLE_IMAGE} --replicas=3\n  \
           kubectl rollout status deployment/web\n  \
           kubectl logs deploy/web\n  \
           kubectl exec deploy/web -- env\n  \
           kn service create greet --image={SAMPLE_IMAGE} --env TARGET=you\n  \
           curl -i http://greet.default.{domain}:{port}\n  \
           curl -s http://{admin}/metrics\n",
        logs = house.layout.at("logs").display(),
        kubeconfig = kubeconfig.display(),
    ));
}
