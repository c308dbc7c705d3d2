//! One gRPC connection to containerd and the calls for containers, snapshots and tasks. Works with containerd 1.6 and 2.x:
//! only services that both have are used. The connection re-dials by itself after a restart of containerd.

use containerd_client::services::v1::container::Runtime;
use containerd_client::services::v1::containers_client::ContainersClient;
use containerd_client::services::v1::snapshots::snapshots_client::SnapshotsClient;
use containerd_client::services::v1::snapshots::{PrepareSnapshotRequest, RemoveSnapshotRequest};
use containerd_client::services::v1::tasks_client::TasksClient;
use containerd_client::services::v1::version_client::VersionClient;
use containerd_client::services::v1::{
    Container, CreateContainerRequest, CreateTaskRequest, DeleteContainerRequest, DeleteTaskRequest, GetContainerRequest,
    KillRequest, ListContainersRequest, ListTasksRequest, StartRequest,
};
use containerd_client::types::Mount;
use containerd_client::types::v1::Process;
use prost_types::Any;
use std::collections::HashMap;
use std::path::Path;
use std::time::Duration;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::transport::Channel;
use tonic::{Code, Request, Status};

/// Label that every container of ours carries: the node that made it.
pub const LABEL_NODE: &str = "skiff.dev/node";
/// Label: `REVISION/SEQ`.
pub const LABEL_KEY: &str = "skiff.dev/key";
/// Label: pod uid.
pub const LABEL_UID: &str = "skiff.dev/uid";
/// Label: container name in the pod.
pub const LABEL_NAME: &str = "skiff.dev/container";
/// Type of an OCI process document in `Any`.
pub const PROCESS_TYPE: &str = "types.containerd.io/opencontainers/runtime-spec/1/Process";
const SPEC_TYPE: &str = "types.containerd.io/opencontainers/runtime-spec/1/Spec";
/// A call that takes longer is given up; the slowest healthy one (task create under 100 concurrent starts) takes seconds.
const CALL_TIME_MAX: Duration = Duration::from_secs(120);

/// Why containerd did not do it.
#[derive(Debug, thiserror::Error)]
pub enum RuntimeError {
    /// Refused or failed; the text is containerd's.
    #[error("{}", .0.message())]
    Call(#[source] Box<Status>),
    /// No connection.
    #[error("containerd is not reachable: {0}")]
    Connect(#[from] tonic::transport::Error),
    /// An answer that makes no sense.
    #[error("{0}")]
    Answer(String),
    /// Files or fifos beside containerd.
    #[error("{0}")]
    Files(#[from] std::io::Error),
}

impl From<Status> for RuntimeError {
    fn from(status: Status) -> Self {
        RuntimeError::Call(Box::new(status))
    }
}

impl RuntimeError {
    /// The thing does not exist (any more).
    pub fn is_absent(&self) -> bool {
        matches!(self, RuntimeError::Call(s) if s.code() == Code::NotFound)
    }

    /// The thing exists already.
    pub fn is_present(&self) -> bool {
        matches!(self, RuntimeError::Call(s) if s.code() == Code::AlreadyExists)
    }
}

/// Treats "it is not there" as done, for removals.
pub fn gone_is_fine(result: Result<(), RuntimeError>) -> Result<(), RuntimeError> {
    match result {
        Err(error) if error.is_absent() => Ok(()),
        other => other,
    }
}

/// What a container is made of.
pub struct NewContainer {
    pub id: String,
    pub image: String,
    pub labels: HashMap<String, String>,
    pub spec: Vec<u8>,
}

/// Paths of a task's fifos; empty for none.
#[derive(Clone, Debug, Default)]
pub struct Stdio {
    pub stdin: String,
    pub stdout: String,
    pub stderr: String,
    pub terminal: bool,
}

/// The connection. Cheap to clone.
#[derive(Clone)]
pub struct Containerd {
    channel: Channel,
    namespace: MetadataValue<Ascii>,
    pub snapshotter: String,
    runtime: String,
    options: Option<Any>,
}

impl Containerd {
    /// Connects once; afterwards the channel re-dials by itself.
    pub async fn connect(
        socket: &Path,
        namespace: &str,
        snapshotter: &str,
        runtime: &str,
        binary: Option<&str>,
    ) -> Result<Containerd, RuntimeError> {
        let namespace =
            namespace.parse().map_err(|_| RuntimeError::Answer(format!("not a containerd namespace: {namespace:?}")))?;
        Ok(Containerd {
            channel: containerd_client::connect(socket).await?,
            namespace,
            snapshotter: snapshotter.to_owned(),
            runtime: runtime.to_owned(),
            options: binary.map(runc_options),
        })
    }

    pub fn channel(&self) -> Channel {
        self.channel.clone()
    }

    /// A request in our namespace, with the bound on its time.
    pub fn request<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        request.metadata_mut().insert("containerd-namespace", self.namespace.clone());
        request.set_timeout(CALL_TIME_MAX);
        request
    }

    /// As [`Containerd::request`], for a call that stays open.
    pub fn long_request<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        request.metadata_mut().insert("containerd-namespace", self.namespace.clone());
        request
    }

    pub fn namespace(&self) -> &str {
        self.namespace.to_str().unwrap_or_default()
    }

    /// `1.6.20` and the like.
    pub async fn version(&self) -> Result<String, RuntimeError> {
        Ok(VersionClient::new(self.channel()).version(self.request(())).await?.into_inner().version)
    }

    fn tasks(&self) -> TasksClient<Channel> {
        TasksClient::new(self.channel())
    }

    fn containers(&self) -> ContainersClient<Channel> {
        ContainersClient::new(self.channel()).max_decoding_message_size(64 << 20)
    }

    fn snapshots(&self) -> SnapshotsClient<Channel> {
        SnapshotsClient::new(self.channel())
    }

    /// Prepares a writable layer over `parent` (a chain id, or empty). The label keeps it from the garbage collector until
    /// its container refers to it.
    pub async fn prepare(&self, key: &str, parent: &str) -> Result<Vec<Mount>, RuntimeError> {
        let labels = HashMap::from([("containerd.io/gc.root".to_owned(), jiff::Timestamp::now().to_string())]);
        let request = PrepareSnapshotRequest {
            snapshotter: self.snapshotter.clone(),
            key: key.to_owned(),
            parent: parent.to_owned(),
            labels,
        };
        Ok(self.snapshots().prepare(self.request(request)).await?.into_inner().mounts)
    }

    pub async fn remove_snapshot(&self, key: &str) -> Result<(), RuntimeError> {
        let request = RemoveSnapshotRequest { snapshotter: self.snapshotter.clone(), key: key.to_owned() };
        gone_is_fine(self.snapshots().remove(self.request(request)).await.map(|_| ()).map_err(Into::into))
    }

    pub async fn create_container(&self, new: NewContainer) -> Result<(), RuntimeError> {
        let container = Container {
            snapshot_key: new.id.clone(),
            id: new.id,
            labels: new.labels,
            image: new.image,
            runtime: Some(Runtime { name: self.runtime.clone(), options: self.options.clone() }),
            spec: Some(Any { type_url: SPEC_TYPE.to_owned(), value: new.spec }),
            snapshotter: self.snapshotter.clone(),
            ..Container::default()
        };
        self.containers().create(self.request(CreateContainerRequest { container: Some(container) })).await?;
        Ok(())
    }

    /// The `process` part of a container's spec.
    pub async fn process_of(&self, id: &str) -> Result<serde_json::Value, RuntimeError> {
        let answer = self.containers().get(self.request(GetContainerRequest { id: id.to_owned() })).await?.into_inner();
        let spec = answer.container.and_then(|c| c.spec).map(|any| any.value).unwrap_or_default();
        let mut spec: serde_json::Value =
            serde_json::from_slice(&spec).map_err(|e| RuntimeError::Answer(format!("spec of {id}: {e}")))?;
        Ok(spec["process"].take())
    }

    /// Ids and labels of all containers that this node made.
    pub async fn own_containers(&self, node: &str) -> Result<Vec<(String, HashMap<String, String>)>, RuntimeError> {
        let filters = vec![format!("labels.\"{LABEL_NODE}\"==\"{node}\"")];
        let answer = self.containers().list(self.request(ListContainersRequest { filters })).await?.into_inner();
        Ok(answer.containers.into_iter().map(|c| (c.id, c.labels)).collect())
    }

    pub async fn delete_container(&self, id: &str) -> Result<(), RuntimeError> {
        let request = self.request(DeleteContainerRequest { id: id.to_owned() });
        gone_is_fine(self.containers().delete(request).await.map(|_| ()).map_err(Into::into))
    }

    /// Creates the task; the process waits for [`Containerd::start_task`].
    pub async fn create_task(&self, id: &str, rootfs: Vec<Mount>, io: &Stdio) -> Result<u32, RuntimeError> {
        let request = CreateTaskRequest {
            container_id: id.to_owned(),
            rootfs,
            stdin: io.stdin.clone(),
            stdout: io.stdout.clone(),
            stderr: io.stderr.clone(),
            terminal: io.terminal,
            options: self.options.clone(),
            ..CreateTaskRequest::default()
        };
        Ok(self.tasks().create(self.request(request)).await?.into_inner().pid)
    }

    pub async fn start_task(&self, id: &str) -> Result<(), RuntimeError> {
        let request = StartRequest { container_id: id.to_owned(), exec_id: String::new() };
        self.tasks().start(self.request(request)).await?;
        Ok(())
    }

    /// Sends a signal; `all` reaches every process of the container.
    pub async fn kill(&self, id: &str, exec: &str, signal: u32, all: bool) -> Result<(), RuntimeError> {
        let request = KillRequest { container_id: id.to_owned(), exec_id: exec.to_owned(), signal, all };
        gone_is_fine(self.tasks().kill(self.request(request)).await.map(|_| ()).map_err(Into::into))
    }

    /// Removes an ended task; returns once its output has been copied to the fifos.
    pub async fn delete_task(&self, id: &str) -> Result<(), RuntimeError> {
        let request = self.request(DeleteTaskRequest { container_id: id.to_owned() });
        gone_is_fine(self.tasks().delete(request).await.map(|_| ()).map_err(Into::into))
    }

    /// All tasks of the containerd namespace.
    pub async fn list_tasks(&self) -> Result<Vec<Process>, RuntimeError> {
        Ok(self.tasks().list(self.request(ListTasksRequest::default())).await?.into_inner().tasks)
    }

    /// Kills and removes a container in whatever state it is, with its task and its snapshot.
    pub async fn purge(&self, id: &str) -> Result<(), RuntimeError> {
        self.kill(id, "", 9, true).await.ok();
        for pause_ms in [0, 5, 20, 50, 100, 200, 400, 800, 1600] {
            tokio::time::sleep(Duration::from_millis(pause_ms)).await;
            if self.delete_task(id).await.is_ok() {
                break;
            }
        }
        self.delete_container(id).await?;
        self.remove_snapshot(id).await
    }
}

/// `containerd.runc.v1.Options{binary_name}`; that message is not in the client crate, and one string field needs no more.
fn runc_options(binary: &str) -> Any {
    let mut value = vec![0x32]; // field 6, length-delimited
    let mut length = binary.len();
    while length >= 0x80 {
        value.push(u8::try_from(length & 0x7f).unwrap_or(0) | 0x80);
        length >>= 7;
    }
    value.push(u8::try_from(length).unwrap_or(0));
    value.extend_from_slice(binary.as_bytes());
    Any { type_url: "containerd.runc.v1.Options".to_owned(), value }
}

/// Unix milliseconds of a protobuf time.
pub fn unix_ms(time: Option<prost_types::Timestamp>) -> u64 {
    time.and_then(|t| {
        let seconds = u64::try_from(t.seconds).ok()?;
        Some(seconds * 1000 + u64::try_from(t.nanos).ok()? / 1_000_000)
    })
    .unwrap_or(0)
}
