//! The actor's loop: hear, plan, act, report.

use super::finish::Ending;
use super::start::{self, Job, StartFailure, Started};
use super::{Sandbox, Setup, Signal, container_id, hook, now_ms, report};
use crate::plan::{self, End, Stage};
use crate::pod::Role;
use crate::probe::{self, Change, Kind};
use crate::volume;
use skiff_engine::wire::{SandboxState, Stages};
use std::time::{Duration, Instant};

/// Milliseconds after which a failed look for an image counts as back-off.
const FLIP_MS: u64 = 1000;
/// Milliseconds until a container that could not be configured is tried again; a new template does it at once.
const CONFIG_RETRY_MS: u64 = 10_000;

impl Sandbox {
    /// Lives until it has been deleted.
    pub(super) async fn run(mut self) {
        loop {
            let wake_ms = self.act().await;
            self.publish();
            if self.entry.deleting.is_some() && self.is_quiet() {
                break;
            }
            let pause = wake_ms.map(|at| Duration::from_millis(at.saturating_sub(now_ms()).max(1)));
            let alarm = async {
                match pause {
                    Some(pause) => tokio::time::sleep(pause).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                signal = self.inbox.recv() => if let Some(signal) = signal { self.hear(signal) },
                () = alarm => self.flip(),
            }
        }
        self.clean_up().await;
    }

    fn is_quiet(&self) -> bool {
        self.exiting.is_empty() && self.entry.containers.iter().all(plan::Instance::is_quiet)
    }

    /// Does what is due; when to look again.
    async fn act(&mut self) -> Option<u64> {
        if let Some(grace) = self.entry.deleting {
            self.stop_all(grace);
            return None;
        }
        match &self.setup {
            Setup::Done => {}
            Setup::Failed { retry_ms, .. } if *retry_ms > now_ms() => return Some(*retry_ms),
            _ => {
                self.set_up().await;
                if let Setup::Failed { retry_ms, .. } = &self.setup {
                    return Some(*retry_ms);
                }
            }
        }
        let plan = plan::next(&self.entry.containers, now_ms());
        for index in plan.start {
            self.start(index);
        }
        if plan.outcome.is_some() {
            self.stop_all(self.revision.pod.grace_seconds());
        }
        match (plan.wake_ms, self.flip_ms) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        }
    }

    // Main containers first; sidecars serve them to the end.
    fn stop_all(&mut self, grace_seconds: u32) {
        let running = |role: fn(Role) -> bool| {
            self.entry
                .containers
                .iter()
                .enumerate()
                .filter(|(_, c)| c.is_running() && role(c.role()))
                .map(|(i, _)| i)
                .collect::<Vec<_>>()
        };
        let mut indices = running(|role| role != Role::Sidecar);
        if indices.is_empty() {
            indices = running(|role| role == Role::Sidecar);
        }
        for index in indices {
            self.stop(index, grace_seconds);
        }
    }

    fn start(&mut self, index: usize) {
        let uid = self.entry.create.uid.clone();
        let instance = &mut self.entry.containers[index];
        if let Stage::Ended { end, .. } = &instance.stage {
            instance.last = Some(end.clone());
            instance.attempt += 1;
        }
        instance.stage = Stage::Starting;
        instance.container_id = container_id(&uid, &instance.name, instance.attempt);
        let (id, attempt) = (instance.container_id.clone(), instance.attempt);
        self.node.containers.lock().insert(id.clone(), self.mail.clone());
        let job = Job {
            node: self.node.clone(),
            revision: self.revision.clone(),
            key: self.entry.create.key,
            index,
            attempt,
            id,
            facts: self.facts(),
            netns: self.entry.network.as_ref().map(|(netns, _)| netns.clone()),
            places: self.places.clone(),
            dir: self.dir(),
        };
        let mail = self.mail.clone();
        tokio::spawn(async move {
            let result = Box::new(job.run().await);
            mail.send(Signal::Started { index, result }).await.ok();
        });
    }

    fn hear(&mut self, signal: Signal) {
        match signal {
            Signal::Exit { id, code, at_ms } => self.exit(&id, code, at_ms),
            Signal::Oom { id } => drop(self.oomed.insert(id)),
            Signal::Started { index, result } => match *result {
                Ok(started) => self.started(index, started),
                Err(failure) => self.not_started(index, failure),
            },
            Signal::Ended { id, end } => self.ended(&id, end),
            Signal::Probe { id, change } => self.probed(&id, change),
            Signal::Delete { generation, grace_seconds } => {
                self.entry.create.generation = self.entry.create.generation.max(generation);
                let grace = self.entry.deleting.map_or(grace_seconds, |before| before.min(grace_seconds));
                self.entry.deleting = Some(grace);
            }
            Signal::Template(revision) => {
                self.revision = revision;
                self.try_now(|reason| reason == "CreateContainerConfigError");
                match self.setup {
                    Setup::Done => {
                        if let Err(message) = self.refresh_files() {
                            tracing::warn!(pod = %self.entry.create.name, %message, "volumes are not refreshed");
                        }
                    }
                    _ => self.setup = Setup::Todo,
                }
            }
            Signal::Images => self.try_now(|reason| matches!(reason, "ErrImagePull" | "ImagePullBackOff" | "ErrImageNeverPull")),
        }
    }

    fn try_now(&mut self, is_cause: impl Fn(&str) -> bool) {
        for instance in &mut self.entry.containers {
            if let Stage::Held { reason, retry_ms, .. } = &mut instance.stage
                && is_cause(reason)
            {
                *retry_ms = 0;
            }
        }
    }

    fn started(&mut self, index: usize, started: Started) {
        let Started { image, live, created, started, started_ms } = started;
        self.timing.created = Some(self.timing.created.map_or(created, |t| t.max(created)));
        self.timing.started = Some(self.timing.started.map_or(started, |t| t.max(started)));
        self.entry.containers[index].image_id.clone_from(&image.reference);
        self.entry.containers[index].pull = Default::default();
        let id = live.id.clone();
        self.running(index, live, started_ms, None);
        if let Some((code, at_ms)) = self.early.remove(&id) {
            self.exit(&id, code, at_ms);
        }
    }

    /// The process runs: it can be talked to and is probed. `known` is what was known of (started, ready) before.
    pub(super) fn running(&mut self, index: usize, live: crate::node::Live, started_ms: u64, known: Option<(bool, bool)>) {
        let Some(container) = start::container(&self.revision, index).cloned() else { return };
        let (has_startup, has_readiness) = (container.startup_probe.is_some(), container.readiness_probe.is_some());
        let (started, ready) = known.unwrap_or((!has_startup, !has_startup && !has_readiness));
        let instance = &mut self.entry.containers[index];
        instance.stage = Stage::Running { started_ms, started, ready };
        let key = (self.entry.create.key, instance.name.clone());
        self.node.live.lock().insert(key, live.clone());
        let checker = hook::checker(&self.node, self.address(), &container, &live);
        let wanted = [
            (container.startup_probe.filter(|_| !started), Kind::Startup),
            (container.readiness_probe.filter(|_| started), Kind::Readiness),
            (container.liveness_probe.filter(|_| started), Kind::Liveness),
        ];
        for (probe, kind) in wanted {
            if let Some(probe) = probe {
                self.probe(&live.id, checker.clone(), probe, kind);
            }
        }
    }

    fn probe(&mut self, id: &str, checker: probe::Checker, probe: crate::pod::Probe, kind: Kind) {
        let (mail, id) = (self.mail.clone(), id.to_owned());
        let owner = id.clone();
        let task = tokio::spawn(async move {
            probe::run(&checker, &probe, kind, |change| {
                let (mail, id) = (mail.clone(), id.clone());
                async move { drop(mail.send(Signal::Probe { id, change }).await) }
            })
            .await;
        });
        self.probes.entry(owner).or_default().push(task.abort_handle());
    }

    fn probed(&mut self, id: &str, change: Change) {
        let Some(index) = self.index_of(id) else { return };
        let Stage::Running { started_ms, started, ready } = self.entry.containers[index].stage else { return };
        match change {
            Change::Started => {
                let live =
                    self.node.live.lock().get(&(self.entry.create.key, self.entry.containers[index].name.clone())).cloned();
                let has_readiness = start::container(&self.revision, index).is_some_and(|c| c.readiness_probe.is_some());
                if let Some(live) = live {
                    self.running(index, live, started_ms, Some((true, !has_readiness)));
                }
            }
            Change::Ready(now) if now != ready && !self.exiting.contains(id) => {
                self.entry.containers[index].stage = Stage::Running { started_ms, started, ready: now };
            }
            Change::Ready(_) => {}
            Change::Unhealthy { message, grace_seconds } => {
                tracing::info!(container = %self.entry.containers[index].name, %message, "unhealthy, killed");
                self.stop(index, grace_seconds.unwrap_or_else(|| self.revision.pod.grace_seconds()));
            }
        }
    }

    fn not_started(&mut self, index: usize, failure: StartFailure) {
        let now = now_ms();
        let policy = self.policy();
        let instance = &mut self.entry.containers[index];
        self.node.containers.lock().remove(&instance.container_id);
        self.early.remove(&instance.container_id);
        let held = |reason: &str, message: String, retry_ms: u64| Stage::Held { reason: reason.to_owned(), message, retry_ms };
        match failure {
            StartFailure::Pull(message) => {
                let wait = instance.pull.missed();
                instance.stage = held("ErrImagePull", message, now + u64::from(wait) * 1000);
                self.flip_ms = Some(now + FLIP_MS);
            }
            StartFailure::NeverPull(message) => {
                instance.stage = held("ErrImageNeverPull", message, now + u64::from(instance.pull.missed()) * 1000);
            }
            StartFailure::Config(message) => {
                instance.stage = held("CreateContainerConfigError", message, now + CONFIG_RETRY_MS);
            }
            StartFailure::Create(message) => {
                let wait = u64::from(instance.crash.after(0)) * 1000;
                instance.stage = held("CreateContainerError", message, now + wait.max(1000));
            }
            StartFailure::Run(message) => {
                let id = instance.container_id.clone();
                let reason = "StartError".to_owned();
                let end = End { code: 128, reason, message, started_ms: 0, finished_ms: now, container_id: id, signal: 0 };
                instance.ended_unstarted(policy, end);
            }
        }
    }

    fn flip(&mut self) {
        if self.flip_ms.is_none_or(|at| at > now_ms()) {
            return;
        }
        self.flip_ms = None;
        for instance in &mut self.entry.containers {
            if let Stage::Held { reason, message, .. } = &mut instance.stage
                && reason == "ErrImagePull"
            {
                *reason = "ImagePullBackOff".to_owned();
                *message = format!("Back-off pulling image \"{}\"", instance.image);
            }
        }
    }

    fn exit(&mut self, id: &str, code: u32, at_ms: u64) {
        let Some(index) = self.index_of(id) else { return };
        let Stage::Running { started_ms, started, .. } = self.entry.containers[index].stage else {
            if self.entry.containers[index].stage == Stage::Starting {
                self.early.insert(id.to_owned(), (code, at_ms));
            }
            return;
        };
        if !self.exiting.insert(id.to_owned()) {
            return;
        }
        self.silence(id);
        let instance = &mut self.entry.containers[index];
        instance.stage = Stage::Running { started_ms, started, ready: false };
        let live = self.node.live.lock().remove(&(self.entry.create.key, instance.name.clone()));
        let Some(container) = start::container(&self.revision, index).cloned() else { return };
        let ending = Ending {
            node: self.node.clone(),
            container,
            id: id.to_owned(),
            attempt: instance.attempt,
            dir: self.dir(),
            output: live.map(|l| l.output),
            oomed: self.oomed.remove(id),
            code,
            started_ms,
            finished_ms: if at_ms == 0 { now_ms() } else { at_ms },
        };
        let (mail, id) = (self.mail.clone(), id.to_owned());
        tokio::spawn(async move {
            let end = ending.finish().await;
            mail.send(Signal::Ended { id, end }).await.ok();
        });
    }

    // Nobody probes or stops it any more.
    fn silence(&mut self, id: &str) {
        for task in self.probes.remove(id).into_iter().flatten() {
            task.abort();
        }
        if let Some((task, _)) = self.stopping.remove(id) {
            task.abort();
        }
    }

    fn ended(&mut self, id: &str, mut end: End) {
        self.exiting.remove(id);
        self.node.containers.lock().remove(id);
        let Some(index) = self.index_of(id) else { return };
        if self.oomed.remove(id) {
            end.reason = "OOMKilled".to_owned();
        }
        let policy = self.policy();
        self.entry.containers[index].ended(policy, end);
    }

    /// Writes down and reports what is new.
    fn publish(&mut self) {
        let state = report::state(&self.entry);
        if state != self.entry.state {
            self.entry.state = state;
            self.entry.state_ms = now_ms();
        }
        let entry = postcard::to_allocvec(&self.entry).unwrap_or_default();
        if entry != self.saved {
            self.node.save(&self.entry);
            self.saved = entry;
        }
        let mut report = report::of(&self.entry, &self.revision, Some(&self.setup));
        let bytes = postcard::to_allocvec(&report).unwrap_or_default();
        if bytes == self.reported {
            return;
        }
        self.reported = bytes;
        *self.handle.latest.lock() = report.clone();
        if state == SandboxState::Ready && !self.timing.sent {
            self.timing.sent = true;
            report.stages = self.stages();
        }
        self.node.outbox.put(report);
    }

    fn stages(&self) -> Option<Stages> {
        let us = |from: Instant, to: Instant| u32::try_from(to.saturating_duration_since(from).as_micros()).unwrap_or(u32::MAX);
        let t = &self.timing;
        let (network, created, started) = (t.network?, t.created?, t.started?);
        Some(Stages {
            network_us: us(t.ordered, network),
            created_us: us(network, created),
            started_us: us(created, started),
            ready_us: us(started, Instant::now()),
        })
    }

    async fn clean_up(mut self) {
        let ids: Vec<_> = self.entry.containers.iter().map(|c| c.container_id.clone()).filter(|id| !id.is_empty()).collect();
        for id in ids {
            self.silence(&id);
            self.node.containers.lock().remove(&id);
        }
        if let Some(attached) = self.attached() {
            self.node.network.detach(attached).await;
        }
        let (dir, create) = (self.dir(), &self.entry.create);
        let logs = self.node.settings.log_dir(&self.revision.pod.metadata.namespace, &create.name, &create.uid, "");
        let removed = tokio::task::spawn_blocking(move || {
            volume::tear_down(&dir);
            std::fs::remove_dir_all(logs).ok();
        });
        removed.await.ok();
        self.node.bury(create.key, create.generation);
    }
}
