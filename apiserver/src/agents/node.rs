//! A node's session: its first word joins it, its reports are commands, and orders go out in batches.

use super::session::{Frames, Sink, split};
use super::{Agents, NodeNotes, NodeSession, POD_PREFIX, SERVICE_NETWORK, SERVICE_PREFIX, material};
use crate::verbs::house::House;
use hyper::upgrade::Upgraded;
use parking_lot::Mutex;
use skiff_engine::Order;
use skiff_engine::command::Join;
use skiff_engine::wire::{self, Report};
use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::Notify;

/// Sandboxes in one Create frame.
const BATCH_MAX: usize = 512;
/// Quiet time after which the node is asked whether it is there.
const PING_EVERY: Duration = Duration::from_secs(10);
/// A node that says nothing for so long has its session ended.
const SILENCE_MAX: Duration = Duration::from_secs(35);

impl Agents {
    /// Serves a node until its connection ends. `name` is what its certificate says.
    pub async fn serve_node(self: Arc<Self>, house: Arc<House>, upgraded: Upgraded, name: String) {
        let (mut frames, sink) = split(upgraded);
        let first = tokio::time::timeout(SILENCE_MAX, frames.next::<Report>()).await;
        let Ok(Ok(Some(Report::Full(facts, sandboxes)))) = first else {
            tracing::warn!(node = name, "the first word of a node's session was not its full report");
            return;
        };
        if facts.name != name {
            tracing::warn!(node = name, said = facts.name, "a node's name differs from its certificate's");
            return;
        }
        let session = self.session_number();
        if let Err(refusal) = material::ensure_node(&house, &facts).await {
            tracing::warn!(node = name, message = refusal.message, "the Node object could not be written");
        }
        let join = Join { session, facts, sandboxes };
        let number = self.join(&house, session, &name, join);
        let Some((number, notes)) = number else {
            tracing::warn!(node = name, "no number is left for another node");
            return;
        };
        tracing::info!(node = name, number, "node joined");
        let out = self.clone().send(house.clone(), notes, sink, number);
        let inward = receive(&house, &mut frames, number, &name);
        tokio::select! {
            result = out => if let Err(error) = result { tracing::warn!(node = name, %error, "node session"); },
            () = inward => {}
        }
        self.nodes.lock().retain(|n, s| *n != number || s.session != session);
        house.store.turn(|world, turn| world.lose_node(turn, number, session));
        tracing::info!(node = name, "node session ended");
    }

    fn join(&self, house: &House, session: u64, name: &str, join: Join) -> Option<(u16, Arc<NodeSession>)> {
        // The notes are registered before the turn, so that its orders find them.
        let number = house.store.turn(|world, turn| world.node_number(name, turn.now_ms))?;
        let services = house.store.read().index.services.keys().cloned().collect();
        let notes = NodeNotes { services, ..NodeNotes::default() };
        let entry = Arc::new(NodeSession { session, notes: Mutex::new(notes), wake: Notify::new() });
        self.nodes.lock().insert(number, entry.clone());
        house.store.turn(|world, turn| world.join_node(turn, join))?;
        entry.wake.notify_one();
        Some((number, entry))
    }

    async fn send<W: AsyncWrite + Unpin>(
        self: Arc<Self>,
        house: Arc<House>,
        session: Arc<NodeSession>,
        mut sink: Sink<W>,
        number: u16,
    ) -> std::io::Result<()> {
        let (epoch, pod_network) = {
            let core = house.store.read();
            (core.first_version, core.pod_network(number))
        };
        let welcome = wire::Order::Welcome {
            epoch,
            node: number,
            pod_network,
            pod_prefix: POD_PREFIX,
            service_network: SERVICE_NETWORK,
            service_prefix: SERVICE_PREFIX,
        };
        sink.put(&welcome).await?;
        sink.flush().await?;
        let mut known = HashSet::new();
        let mut opened = self.streams.subscribe(number);
        loop {
            let notes = std::mem::take(&mut *session.notes.lock());
            if notes.orders.is_empty() && notes.services.is_empty() {
                tokio::select! {
                    () = session.wake.notified() => {}
                    request = opened.recv() => if let Some((stream, request)) = request {
                        sink.put(&wire::Order::Open { stream, request }).await?;
                        sink.flush().await?;
                    },
                    () = tokio::time::sleep(PING_EVERY) => {
                        sink.put(&wire::Order::Ping).await?;
                        sink.flush().await?;
                    }
                }
                continue;
            }
            self.send_orders(&house, &mut sink, &notes.orders, &mut known).await?;
            for key in &notes.services {
                // The look at the tables ends before the wire is awaited.
                let rule = material::service_rule(&house.store.read(), key);
                if let Some(rule) = rule {
                    sink.put(&wire::Order::Service(rule)).await?;
                }
            }
            sink.flush().await?;
        }
    }

    async fn send_orders<W: AsyncWrite + Unpin>(
        &self,
        house: &House,
        sink: &mut Sink<W>,
        orders: &[Order],
        known: &mut HashSet<u32>,
    ) -> std::io::Result<()> {
        let mut creates: Vec<wire::Create> = Vec::new();
        let mut deletes: Vec<wire::Delete> = Vec::new();
        let decided_ms = crate::clock::now_ms();
        for order in orders {
            match *order {
                Order::Create { key, generation, slot } => {
                    if !deletes.is_empty() {
                        sink.put(&wire::Order::Delete(std::mem::take(&mut deletes))).await?;
                    }
                    let Some((create, template)) =
                        material::create(house, key, generation, slot, decided_ms, known.contains(&key.revision))
                    else {
                        continue;
                    };
                    if let Some(template) = template {
                        known.insert(key.revision);
                        sink.put(&wire::Order::Template(template)).await?;
                    }
                    creates.push(create);
                    self.ordered(key.revision);
                    if creates.len() >= BATCH_MAX {
                        sink.put(&wire::Order::Create(std::mem::take(&mut creates))).await?;
                    }
                }
                Order::Delete { key, generation, grace_s } => {
                    if !creates.is_empty() {
                        sink.put(&wire::Order::Create(std::mem::take(&mut creates))).await?;
                    }
                    deletes.push(wire::Delete { key, generation, grace_seconds: grace_s });
                }
            }
        }
        if !creates.is_empty() {
            sink.put(&wire::Order::Create(creates)).await?;
        }
        if !deletes.is_empty() {
            sink.put(&wire::Order::Delete(deletes)).await?;
        }
        Ok(())
    }
}

async fn receive<R: AsyncRead + Unpin>(house: &House, frames: &mut Frames<R>, number: u16, name: &str) {
    loop {
        let report = match tokio::time::timeout(SILENCE_MAX, frames.next::<Report>()).await {
            Err(_) => {
                tracing::warn!(node = name, "node is silent");
                return;
            }
            Ok(Err(error)) => {
                tracing::warn!(node = name, %error, "node session");
                return;
            }
            Ok(Ok(None)) => return,
            Ok(Ok(Some(report))) => report,
        };
        match report {
            Report::Sandboxes(reports) => {
                house.metrics.reports.inc_by(reports.len() as u64);
                house.store.turn(|world, turn| {
                    world.hear_node(number, turn.now_ms);
                    for report in &reports {
                        world.report_sandbox(turn, number, report);
                    }
                });
                crate::observe::events::of_reports(house, name, &reports);
            }
            Report::Images(images) => house.store.turn(|world, turn| world.set_images(turn, number, images)),
            Report::Beat => {
                house.store.turn(|world, turn| world.hear_node(number, turn.now_ms));
                material::renew_lease(house, name);
            }
            Report::Full(..) => tracing::warn!(node = name, "a second full report in one session is ignored"),
        }
    }
}
