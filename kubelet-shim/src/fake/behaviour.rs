//! What an image's name makes of a fake sandbox: `nopull`, `exits`, `neverready`, or all is well.
//!
//! Fed with the Pod of a template. The convention is that of the recorded exchanges with Knative's fake nodes. Must not
//! know the wire's orders or any time but the one it is handed.

use serde::Deserialize;
use skiff_engine::wire::{ContainerReport, ContainerState, SandboxState};

/// Exit code and last words of an image that `exits`.
const EXIT: (i32, &str) = (5, "boom");

/// How one container behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    Well,
    NoPull,
    Exits,
    NeverReady,
}

#[derive(Clone, Debug)]
struct Container {
    name: String,
    image: String,
    init: bool,
    role: Role,
}

/// How all sandboxes of a revision behave.
#[derive(Clone, Debug, Default)]
pub(super) struct Behaviour {
    containers: Vec<Container>,
    never_restarts: bool,
}

#[derive(Deserialize)]
struct Pod {
    #[serde(default)]
    spec: Spec,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Spec {
    containers: Vec<Named>,
    init_containers: Vec<Named>,
    restart_policy: String,
}

#[derive(Deserialize)]
struct Named {
    #[serde(default)]
    name: String,
    #[serde(default)]
    image: String,
}

fn role_of(image: &str) -> Role {
    match image {
        _ if image.contains("nopull") => Role::NoPull,
        _ if image.contains("exits") => Role::Exits,
        _ if image.contains("neverready") => Role::NeverReady,
        _ => Role::Well,
    }
}

impl Behaviour {
    /// Reads a template's Pod.
    ///
    /// # Errors
    /// When it is no Pod.
    pub(super) fn of(pod: &[u8]) -> Result<Self, serde_json::Error> {
        let spec = serde_json::from_slice::<Pod>(pod)?.spec;
        let read = |init: bool| move |c: Named| Container { role: role_of(&c.image), name: c.name, image: c.image, init };
        let containers = spec.init_containers.into_iter().map(read(true)).chain(spec.containers.into_iter().map(read(false)));
        Ok(Self { containers: containers.collect(), never_restarts: spec.restart_policy == "Never" })
    }

    /// The state that a started sandbox comes to, and stays in.
    pub(super) fn state(&self) -> SandboxState {
        let has = |role| self.containers.iter().any(|c| c.role == role);
        if has(Role::NoPull) {
            return SandboxState::Creating;
        }
        match (has(Role::Exits), has(Role::NeverReady)) {
            (true, _) if self.never_restarts => SandboxState::Failed,
            (true, _) | (_, true) => SandboxState::Running,
            _ => SandboxState::Ready,
        }
    }

    /// Each container, if anything is worth saying of them.
    pub(super) fn containers(&self, since_ms: u64) -> Vec<ContainerReport> {
        if self.containers.iter().all(|c| c.role == Role::Well) {
            return Vec::new();
        }
        self.containers.iter().map(|container| self.report(container, since_ms)).collect()
    }

    fn report(&self, container: &Container, since_ms: u64) -> ContainerReport {
        let running = ContainerState::Running { started_ms: since_ms };
        let (state, last, restarts) = match container.role {
            Role::NoPull => {
                let message = format!("Back-off pulling image \"{}\"", container.image);
                (ContainerState::Waiting { reason: "ImagePullBackOff".to_owned(), message }, None, 0)
            }
            Role::Exits if self.never_restarts => (ended(EXIT, "Error", since_ms), None, 0),
            Role::Exits => {
                let message = format!("back-off 10s restarting failed container={}", container.name);
                let waiting = ContainerState::Waiting { reason: "CrashLoopBackOff".to_owned(), message };
                (waiting, Some(ended(EXIT, "Error", since_ms)), 1)
            }
            _ if container.init => (ended((0, ""), "Completed", since_ms), None, 0),
            Role::Well | Role::NeverReady => (running, None, 0),
        };
        ContainerReport {
            name: container.name.clone(),
            init: container.init,
            ready: container.role == Role::Well,
            started: matches!(container.role, Role::Well | Role::NeverReady),
            restarts,
            state,
            last,
            container_id: String::new(),
            image: container.image.clone(),
            image_id: String::new(),
        }
    }
}

fn ended((exit_code, message): (i32, &str), reason: &str, at_ms: u64) -> ContainerState {
    ContainerState::Terminated {
        exit_code,
        signal: 0,
        reason: reason.to_owned(),
        message: message.to_owned(),
        started_ms: at_ms,
        finished_ms: at_ms,
        container_id: String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(image: &str) -> Behaviour {
        let pod = format!(r#"{{"spec":{{"containers":[{{"name":"a","image":"{image}"}},{{"name":"b","image":"plain"}}]}}}}"#);
        Behaviour::of(pod.as_bytes()).expect("pod")
    }

    #[test]
    fn the_name_decides() {
        assert_eq!(of("dev.local/web:1").state(), SandboxState::Ready);
        assert!(of("dev.local/web:1").containers(7).is_empty(), "nothing is worth saying");
        assert_eq!(of("dev.local/nopull:1").state(), SandboxState::Creating);
        assert_eq!(of("dev.local/neverready:1").state(), SandboxState::Running);
        assert_eq!(of("dev.local/exits:1").state(), SandboxState::Running);
    }

    #[test]
    fn a_crash_says_its_last_words() {
        let reports = of("dev.local/exits:1").containers(7);
        assert!(matches!(&reports[0].state, ContainerState::Waiting { reason, .. } if reason == "CrashLoopBackOff"));
        let last = reports[0].last.as_ref().expect("last state");
        assert!(matches!(last, ContainerState::Terminated { exit_code: 5, message, .. } if message == "boom"));
        assert!(reports[1].ready && matches!(reports[1].state, ContainerState::Running { started_ms: 7 }));
    }

    #[test]
    fn an_absent_image_says_which() {
        let reports = of("dev.local/nopull:1").containers(7);
        let ContainerState::Waiting { reason, message } = &reports[0].state else { panic!("waits") };
        assert_eq!((reason.as_str(), message.as_str()), ("ImagePullBackOff", "Back-off pulling image \"dev.local/nopull:1\""));
    }
}
