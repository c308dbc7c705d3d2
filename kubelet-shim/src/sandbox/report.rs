//! A sandbox in the words of the wire. Pure.

use super::Setup;
use crate::ledger::Entry;
use crate::node::Revision;
use crate::plan::{End, Instance, Stage, outcome};
use crate::pod::Role;
use crate::restart::go_seconds;
use skiff_engine::wire::{ContainerReport, ContainerState, SandboxReport, SandboxState};

/// The state that follows from the containers.
pub fn state(entry: &Entry) -> SandboxState {
    match outcome(&entry.containers) {
        Some(true) => return SandboxState::Succeeded,
        Some(false) => return SandboxState::Failed,
        None => {}
    }
    let mut mains = entry.containers.iter().filter(|c| c.role() == Role::Main).peekable();
    let began = |c: &Instance| c.attempt > 0 || matches!(c.stage, Stage::Running { .. } | Stage::Ended { .. });
    if mains.peek().is_none() || !mains.all(began) {
        return SandboxState::Creating;
    }
    let serving = entry.containers.iter().filter(|c| c.role() != Role::Init).all(Instance::is_ready);
    if serving && entry.deleting.is_none() { SandboxState::Ready } else { SandboxState::Running }
}

/// The report, without stages. `setup` is set while the sandbox itself is not set up.
pub(super) fn of(entry: &Entry, revision: &Revision, setup: Option<&Setup>) -> SandboxReport {
    let state = state(entry);
    SandboxReport {
        key: entry.create.key,
        generation: entry.create.generation,
        state,
        at_ms: entry.state_ms,
        containers: if is_plain(entry, state, setup) {
            Vec::new()
        } else {
            entry.containers.iter().map(|c| container(c, entry, revision, setup)).collect()
        },
        stages: None,
        slot: entry.create.slot,
        created_s: entry.created_s,
    }
}

// "All started at `at_ms`, never restarted", or nothing to say yet.
fn is_plain(entry: &Entry, state: SandboxState, setup: Option<&Setup>) -> bool {
    if matches!(setup, Some(Setup::Failed { .. })) {
        return false;
    }
    let untouched = |c: &Instance| c.role() == Role::Main && c.attempt == 0;
    match state {
        SandboxState::Creating => {
            entry.containers.iter().all(|c| untouched(c) && matches!(c.stage, Stage::Idle | Stage::Starting))
        }
        SandboxState::Ready => entry.containers.iter().all(untouched),
        SandboxState::Running => {
            entry.containers.iter().all(|c| untouched(c) && matches!(c.stage, Stage::Running { ready: false, .. }))
        }
        _ => false,
    }
}

fn container(c: &Instance, entry: &Entry, revision: &Revision, setup: Option<&Setup>) -> ContainerReport {
    ContainerReport {
        name: c.name.clone(),
        init: c.role() != Role::Main,
        ready: match (&c.stage, c.role()) {
            (Stage::Ended { end, .. }, Role::Init) => end.code == 0,
            _ => c.is_ready(),
        },
        started: matches!(c.stage, Stage::Running { started: true, .. }),
        restarts: c.attempt,
        state: container_state(c, entry, revision, setup),
        last: last(c),
        container_id: shown_id(c),
        image: c.image.clone(),
        image_id: c.image_id.clone(),
    }
}

// The name is given before there is a container: until it has started or failed to, nobody else finds it.
fn shown_id(c: &Instance) -> String {
    let id = match (&c.stage, &c.last) {
        (Stage::Running { .. } | Stage::Ended { .. }, _) => &c.container_id,
        (_, Some(end)) => &end.container_id,
        _ => return String::new(),
    };
    if id.is_empty() { String::new() } else { format!("containerd://{id}") }
}

fn last(c: &Instance) -> Option<ContainerState> {
    match &c.stage {
        // Waiting to be restarted: its last state is the end that it waits after.
        Stage::Ended { end, retry_ms: Some(_), .. } => Some(terminated(end)),
        _ => c.last.as_ref().map(terminated),
    }
}

fn waiting(reason: &str, message: &str) -> ContainerState {
    ContainerState::Waiting { reason: reason.to_owned(), message: message.to_owned() }
}

fn container_state(c: &Instance, entry: &Entry, revision: &Revision, setup: Option<&Setup>) -> ContainerState {
    match &c.stage {
        Stage::Idle | Stage::Starting => {
            let blocked = c.role() == Role::Main && entry.containers.iter().any(|i| i.role() == Role::Init && !is_done(i));
            match setup {
                Some(Setup::Failed { message, .. }) if !blocked => waiting("ContainerCreating", message),
                _ if blocked => waiting("PodInitializing", ""),
                _ => waiting("ContainerCreating", ""),
            }
        }
        Stage::Running { started_ms, .. } => ContainerState::Running { started_ms: *started_ms },
        Stage::Held { reason, message, .. } => waiting(reason, message),
        Stage::Ended { end, retry_ms: Some(_), delay_s } if *delay_s > 0 => {
            let pod = format!("{}_{}({})", entry.create.name, revision.pod.metadata.namespace, entry.create.uid);
            let text = format!("back-off {} restarting failed container={} pod={pod}", go_seconds(*delay_s), c.name);
            let _ = end;
            waiting("CrashLoopBackOff", &text)
        }
        Stage::Ended { end, .. } => terminated(end),
    }
}

fn is_done(c: &Instance) -> bool {
    matches!(&c.stage, Stage::Ended { end, .. } if end.code == 0)
}

fn terminated(end: &End) -> ContainerState {
    ContainerState::Terminated {
        exit_code: end.code,
        signal: end.signal,
        reason: end.reason.clone(),
        message: end.message.clone(),
        started_ms: end.started_ms,
        finished_ms: end.finished_ms,
        container_id: if end.container_id.is_empty() { String::new() } else { format!("containerd://{}", end.container_id) },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pod::Pod;
    use crate::restart::Policy;
    use skiff_engine::wire::{Create, Material, SandboxKey};

    fn entry(roles: &[Role]) -> Entry {
        let key = SandboxKey { revision: 1, seq: 1 };
        Entry {
            create: Create { key, generation: 1, slot: 2, name: "p".into(), uid: "u".into(), decided_ms: 0 },
            containers: roles.iter().map(|r| Instance::new("c", *r, "i")).collect(),
            network: None,
            state: SandboxState::Creating,
            state_ms: 0,
            created_s: 0,
            deleting: None,
        }
    }

    fn revision() -> Revision {
        let pod = Pod::read(br#"{"metadata":{"namespace":"ns"}}"#).expect("pod");
        Revision { pod, material: Material::default() }
    }

    #[test]
    fn plain_sandboxes_say_nothing_of_containers() {
        let mut entry = entry(&[Role::Main]);
        assert!(of(&entry, &revision(), None).containers.is_empty());
        entry.containers[0].stage = Stage::Running { started_ms: 1, started: true, ready: false };
        let report = of(&entry, &revision(), None);
        assert_eq!((report.state, report.containers.len()), (SandboxState::Running, 0));
        entry.containers[0].stage = Stage::Running { started_ms: 1, started: true, ready: true };
        assert_eq!(of(&entry, &revision(), None).state, SandboxState::Ready);
    }

    #[test]
    fn crash_loop_in_upstreams_words() {
        let mut entry = entry(&[Role::Main]);
        let end = End { code: 1, reason: "Error".into(), started_ms: 1, finished_ms: 2, ..End::default() };
        entry.containers[0].ended(Policy::Always, end.clone());
        entry.containers[0].ended(Policy::Always, end);
        let report = of(&entry, &revision(), None);
        assert_eq!(report.state, SandboxState::Running);
        match &report.containers[0].state {
            ContainerState::Waiting { reason, message } => {
                assert_eq!(reason, "CrashLoopBackOff");
                assert_eq!(message, "back-off 10s restarting failed container=c pod=p_ns(u)");
            }
            other => panic!("{other:?}"),
        }
        assert!(matches!(&report.containers[0].last, Some(ContainerState::Terminated { exit_code: 1, .. })));
    }

    #[test]
    fn init_containers_hold_the_rest() {
        let entry = entry(&[Role::Init, Role::Main]);
        let report = of(&entry, &revision(), None);
        let reasons: Vec<_> = report
            .containers
            .iter()
            .map(|c| match &c.state {
                ContainerState::Waiting { reason, .. } => reason.as_str(),
                _ => "",
            })
            .collect();
        assert_eq!(reasons, ["ContainerCreating", "PodInitializing"]);
    }
}
