//! What an image's name makes of a fake sandbox: `nopull`, `exits`, `neverready`, `completes`, or all is well.
//!
//! Fed with the Pod of a template. The convention is that of the recorded exchanges with Knative's fake nodes, which knew
//! nothing that `completes` (ends at once with code 0, as a hook or a test of Helm does). Must not know the wire's orders or any time but the one it is handed.

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
    Completes,
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
    restart: Restart,
}

/// What becomes of a container that has ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Restart {
    #[default]
    Always,
    OnFailure,
    Never,
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
        _ if image.contains("completes") => Role::Completes,
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
        let restart = match spec.restart_policy.as_str() {
            "Never" => Restart::Never,
            "OnFailure" => Restart::OnFailure,
            _ => Restart::Always,
        };
        Ok(Self { containers: containers.collect(), restart })
    }

    /// The state that a started sandbox comes to, and stays in.
    pub(super) fn state(&self) -> SandboxState {
        let has = |role| self.containers.iter().any(|c| c.role == role);
        if has(Role::NoPull) {
            return SandboxState::Creating;
        }
        let mut main = self.containers.iter().filter(|c| !c.init).peekable();
        let ended = self.restart != Restart::Always && main.peek().is_some() && main.all(|c| c.role == Role::Completes);
        match has(Role::Exits) {
            true if self.restart == Restart::Never => SandboxState::Failed,
            false if ended => SandboxState::Succeeded,
            false if !self.containers.iter().any(|c| c.unready()) => SandboxState::Ready,
            _ => SandboxState::Running,
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
            Role::Exits if self.restart == Restart::Never => (ended(EXIT, "Error", since_ms), None, 0),
            Role::Exits => (backs_off(&container.name), Some(ended(EXIT, "Error", since_ms)), 1),
            Role::Completes if !container.init && self.restart == Restart::Always => {
                (backs_off(&container.name), Some(ended((0, ""), "Completed", since_ms)), 1)
            }
            Role::Completes => (ended((0, ""), "Completed", since_ms), None, 0),
            _ if container.init => (ended((0, ""), "Completed", since_ms), None, 0),
            Role::Well | Role::NeverReady => (running, None, 0),
        };
        ContainerReport {
            name: container.name.clone(),
            init: container.init,
            ready: !container.unready(),
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

impl Container {
    /// Whether it keeps its Pod from being ready. An init container that completes has done what it should.
    fn unready(&self) -> bool {
        match self.role {
            Role::Well => false,
            Role::Completes => !self.init,
            Role::NoPull | Role::Exits | Role::NeverReady => true,
        }
    }
}

fn backs_off(name: &str) -> ContainerState {
    let message = format!("back-off 10s restarting failed container={name}");
    ContainerState::Waiting { reason: "CrashLoopBackOff".to_owned(), message }
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
    fn what_completes_succeeds_unless_it_is_restarted() {
        let of = |policy: &str, second: &str| {
            let pod = format!(
                r#"{{"spec":{{"restartPolicy":"{policy}","initContainers":[{{"name":"i","image":"completes"}}],
                    "containers":[{{"name":"a","image":"x/completes:1"}},{{"name":"b","image":"{second}"}}]}}}}"#
            );
            Behaviour::of(pod.as_bytes()).expect("pod")
        };
        assert_eq!(of("Never", "completes").state(), SandboxState::Succeeded);
        assert_eq!(of("OnFailure", "completes").state(), SandboxState::Succeeded);
        assert_eq!(of("Never", "plain").state(), SandboxState::Running, "one still runs");
        assert_eq!(of("Never", "exits").state(), SandboxState::Failed);
        let again = of("Always", "completes");
        assert_eq!(again.state(), SandboxState::Running);
        let reports = again.containers(7);
        assert!(matches!(&reports[0].state, ContainerState::Terminated { exit_code: 0, .. }), "an init container is done");
        assert!(matches!(&reports[1].state, ContainerState::Waiting { reason, .. } if reason == "CrashLoopBackOff"));
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
