//! Starts one container: image, configuration, snapshot, container, task. Runs beside the actor.

use super::hook;
use crate::env::{self, ConfigError, Facts};
use crate::log;
use crate::node::{Live, Node, Revision};
use crate::pod::Container;
use crate::runtime::RuntimeError;
use crate::runtime::containerd::{LABEL_KEY, LABEL_NAME, LABEL_NODE, LABEL_UID, NewContainer, Stdio};
use crate::runtime::fifo::{self, Pipes};
use crate::runtime::images::ImageInfo;
use crate::runtime::oci::{self, Bind};
use crate::runtime::users::User;
use crate::volume::{self, etc};
use containerd_client::types::Mount;
use skiff_engine::wire::SandboxKey;
use std::collections::HashMap;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

/// What is to be started.
pub struct Job {
    pub node: Arc<Node>,
    pub revision: Arc<Revision>,
    pub key: SandboxKey,
    pub index: usize,
    pub attempt: u32,
    pub id: String,
    pub facts: Facts,
    pub netns: Option<PathBuf>,
    pub places: Arc<HashMap<String, PathBuf>>,
    pub dir: PathBuf,
}

/// A started container.
pub struct Started {
    pub image: Arc<ImageInfo>,
    pub live: Live,
    pub created: Instant,
    pub started: Instant,
    pub started_ms: u64,
}

/// Why it was not started, in upstream's distinctions.
#[derive(Debug)]
pub enum StartFailure {
    /// `ErrImageNeverPull`.
    NeverPull(String),
    /// `ErrImagePull`.
    Pull(String),
    /// `CreateContainerConfigError`.
    Config(String),
    /// `CreateContainerError`.
    Create(String),
    /// The runtime could not run the command: ends with code 128, `StartError`.
    Run(String),
}

impl From<ConfigError> for StartFailure {
    fn from(error: ConfigError) -> Self {
        StartFailure::Config(error.to_string())
    }
}

fn create_failed(error: impl ToString) -> StartFailure {
    StartFailure::Create(error.to_string())
}

/// What a container is called in logs and files.
pub fn container(revision: &Revision, index: usize) -> Option<&Container> {
    revision.pod.containers().nth(index).map(|(_, c)| c)
}

/// Directory of a container's pipes.
pub fn pipes_dir(node: &Node, id: &str) -> PathBuf {
    node.settings.fifo_dir().join(&id[..id.len().min(24)])
}

/// File of the termination message.
pub fn message_file(dir: &Path, name: &str, attempt: u32) -> PathBuf {
    dir.join("messages").join(format!("{name}-{attempt}"))
}

impl Job {
    /// The whole way. What was made is removed again if it fails.
    pub async fn run(self) -> Result<Started, StartFailure> {
        let _turn = self.node.starts.acquire().await;
        let container = container(&self.revision, self.index).ok_or_else(|| create_failed("no such container"))?;
        let image = self.image(container).await?;
        let result = self.make(container, image).await;
        if result.is_err() {
            self.node.runtime.purge(&self.id).await.ok();
            std::fs::remove_dir_all(pipes_dir(&self.node, &self.id)).ok();
        }
        result
    }

    async fn image(&self, container: &Container) -> Result<Arc<ImageInfo>, StartFailure> {
        let name = &container.image;
        match self.node.images.find(&self.node.runtime, name).await {
            Ok(Some(image)) => Ok(image),
            Ok(None) if container.image_pull_policy == "Never" => {
                Err(StartFailure::NeverPull(format!("Container image \"{name}\" is not present with pull policy of Never")))
            }
            Ok(None) => Err(StartFailure::Pull(format!(
                "failed to pull image \"{name}\": not found on this node, and there is no registry to pull from"
            ))),
            Err(error) => Err(StartFailure::Pull(format!("failed to pull image \"{name}\": {error}"))),
        }
    }

    async fn make(&self, container: &Container, image: Arc<ImageInfo>) -> Result<Started, StartFailure> {
        let (node, pod) = (&self.node, &self.revision.pod);
        let env = env::environment(pod, container, &image.config, &self.revision.material, &self.facts)?;
        let argv = env::argv(container, &image.config, &env)?;
        let binds = self.binds(container, &env)?;
        let wanted = wanted_user(container, pod, &image);
        let (io, output) = self.pipes(container)?;
        // The user of an image seen before is known, and then the two calls, each a disk write, can go together.
        let known = image.known_user(&wanted);
        let spec = |user: &User| {
            check_user(container, pod, user)?;
            Ok::<_, StartFailure>(self.spec(container, &image, &argv, &env, user, &binds))
        };
        let (mounts, spec) = match known {
            Some(user) => {
                let spec = spec(&user)?;
                let (mounts, made) =
                    tokio::join!(node.runtime.prepare(&self.id, &image.chain), self.container(&image, container, &spec));
                made.map_err(create_failed)?;
                (mounts.map_err(create_failed)?, spec)
            }
            None => {
                let mounts: Vec<Mount> = node.runtime.prepare(&self.id, &image.chain).await.map_err(create_failed)?;
                let user = image.user(&wanted, &mounts).map_err(create_failed)?;
                let spec = spec(&user)?;
                self.container(&image, container, &spec).await.map_err(create_failed)?;
                (mounts, spec)
            }
        };
        node.runtime
            .create_task(&self.id, mounts, &io)
            .await
            .map_err(|e| run_failed("failed to create containerd task: ", &e))?;
        let created = Instant::now();
        node.runtime
            .start_task(&self.id)
            .await
            .map_err(|e| run_failed(&format!("failed to start containerd task \"{}\": ", container.name), &e))?;
        let started = Instant::now();
        let live = Live {
            id: self.id.clone(),
            attempt: self.attempt,
            process: Arc::new(spec["process"].clone()),
            output,
            stdin: container.stdin.then(|| PathBuf::from(&io.stdin)),
            stop_signal: super::stop::signal(container, &image),
        };
        let started = Started { image, live, created, started, started_ms: super::now_ms() };
        self.post_start(container, &started).await;
        Ok(started)
    }

    // A failed hook kills the container; its end is then dealt with like any other.
    async fn post_start(&self, container: &Container, started: &Started) {
        let Some(handler) = &container.lifecycle.post_start else { return };
        let checker = hook::checker(&self.node, self.facts.address, container, &started.live);
        if let Err(message) = hook::run(&checker, handler, hook::TIME_MAX).await {
            tracing::warn!(container = %container.name, %message, "PostStartHook failed");
            self.node.runtime.kill(&self.id, "", 9, true).await.ok();
        }
    }

    fn pipes(&self, container: &Container) -> Result<(Stdio, log::Output), StartFailure> {
        let mut names = vec!["stdout"];
        if !container.tty {
            names.push("stderr");
        }
        if container.stdin {
            names.push("stdin");
        }
        let pipes = Pipes::make(pipes_dir(&self.node, &self.id), &names, true).map_err(create_failed)?;
        let path =
            |name: &str| if names.contains(&name) { pipes.path(name).to_string_lossy().into_owned() } else { String::new() };
        let io = Stdio { stdin: path("stdin"), stdout: path("stdout"), stderr: path("stderr"), terminal: container.tty };
        let output = open_output(&self.node, &self.revision, &self.facts, container, &io, self.attempt).map_err(create_failed)?;
        Ok((io, output))
    }

    fn binds(&self, container: &Container, env: &[(String, String)]) -> Result<Vec<Bind>, StartFailure> {
        let mut binds = volume::binds(container, &self.places, &self.revision.pod, env)?;
        binds.extend(etc::binds(&self.dir, &binds, container.security_context.read_only_root_filesystem));
        let file = message_file(&self.dir, &container.name, self.attempt);
        let made = || {
            std::fs::create_dir_all(file.parent().unwrap_or(&self.dir))?;
            std::fs::File::create(&file)?;
            std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o666))
        };
        made().map_err(create_failed)?;
        let path = &container.termination_message_path;
        let target = if path.is_empty() { "/dev/termination-log" } else { path };
        binds.push(Bind { source: file.to_string_lossy().into_owned(), target: target.to_owned(), read_only: false });
        Ok(binds)
    }

    fn spec(
        &self,
        container: &Container,
        image: &ImageInfo,
        argv: &[String],
        env: &[(String, String)],
        user: &User,
        binds: &[Bind],
    ) -> serde_json::Value {
        let pod = &self.revision.pod;
        oci::spec(&oci::Parts {
            id: &self.id,
            pod,
            container,
            argv,
            env,
            user,
            working_dir: if container.working_dir.is_empty() { &image.config.working_dir } else { &container.working_dir },
            hostname: &env::hostname(pod, &self.facts.name),
            binds,
            netns: self.netns.as_deref(),
            allowed: self.node.allowed,
        })
    }

    async fn container(&self, image: &ImageInfo, container: &Container, spec: &serde_json::Value) -> Result<(), RuntimeError> {
        let labels = [
            (LABEL_NODE, self.node.settings.node_name.clone()),
            (LABEL_KEY, format!("{}/{}", self.key.revision, self.key.seq)),
            (LABEL_UID, self.facts.uid.clone()),
            (LABEL_NAME, container.name.clone()),
        ];
        let new = NewContainer {
            id: self.id.clone(),
            image: image.name.clone(),
            labels: labels.into_iter().map(|(k, v)| (k.to_owned(), v)).collect(),
            spec: spec.to_string().into_bytes(),
        };
        self.node.runtime.create_container(new).await
    }
}

/// Opens the reading ends and starts the log of an attempt.
pub fn open_output(
    node: &Node,
    revision: &Revision,
    facts: &Facts,
    container: &Container,
    io: &Stdio,
    attempt: u32,
) -> std::io::Result<log::Output> {
    let dir = node.settings.log_dir(&revision.pod.metadata.namespace, &facts.name, &facts.uid, &container.name);
    if let Some(old) = attempt.checked_sub(2) {
        log::remove(&dir, old);
    }
    let stderr = if io.stderr.is_empty() { None } else { Some(fifo::reader(Path::new(&io.stderr))?) };
    log::start(fifo::reader(Path::new(&io.stdout))?, stderr, &dir, attempt)
}

// Whether containerd is away or the command cannot be run: only the latter is the container's own end.
fn run_failed(what: &str, error: &RuntimeError) -> StartFailure {
    match error {
        RuntimeError::Call(status) if status.message().contains("OCI runtime") || status.message().contains("exec") => {
            StartFailure::Run(format!("{what}{error}"))
        }
        _ => StartFailure::Create(format!("{what}{error}")),
    }
}

fn wanted_user(container: &Container, pod: &crate::pod::Pod, image: &ImageInfo) -> String {
    let (own, all) = (&container.security_context, &pod.spec.security_context);
    let group = own.run_as_group.or(all.run_as_group);
    let user = own.run_as_user.or(all.run_as_user).map_or_else(|| image.config.user.clone(), |uid| uid.to_string());
    match group {
        Some(group) => format!("{}:{group}", user.split(':').next().unwrap_or_default()),
        None => user,
    }
}

fn check_user(container: &Container, pod: &crate::pod::Pod, user: &User) -> Result<(), StartFailure> {
    let non_root = container.security_context.run_as_non_root.or(pod.spec.security_context.run_as_non_root);
    if non_root == Some(true) && user.uid == 0 {
        return Err(StartFailure::Config("container has runAsNonRoot and image will run as root".to_owned()));
    }
    Ok(())
}
