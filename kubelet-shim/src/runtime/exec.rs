//! Runs one more process in a running container: for exec probes, hooks and `kubectl exec`.

use super::containerd::{Containerd, PROCESS_TYPE, RuntimeError};
use super::events::ExecWaits;
use super::fifo::{self, Pipes};
use containerd_client::services::v1::tasks_client::TasksClient;
use containerd_client::services::v1::{CloseIoRequest, DeleteProcessRequest, ExecProcessRequest, ResizePtyRequest, StartRequest};
use prost_types::Any;
use serde_json::{Value, json};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::net::unix::pipe::{Receiver, Sender};
use tokio::sync::oneshot;

/// Output of a probe or hook that is kept for its message, in bytes.
const OUTPUT_BYTES_MAX: usize = 10 << 10;
static NEXT: AtomicU64 = AtomicU64::new(1);

/// A command to run in a container.
pub struct Command<'a> {
    pub container: &'a str,
    /// `process` of the container's spec: user, environment, capabilities.
    pub process: &'a Value,
    pub argv: &'a [String],
    pub stdin: bool,
    pub tty: bool,
}

/// A running executed process; [`Exec::finish`] must be called when it ended.
pub struct Exec {
    runtime: Containerd,
    pub container: String,
    pub id: String,
    pub stdin: Option<Sender>,
    pub stdout: Receiver,
    pub stderr: Option<Receiver>,
    pub exit: oneshot::Receiver<u32>,
    waits: ExecWaits,
    _pipes: Pipes,
}

/// Starts a command. `fifo_dir` is where its pipes go.
pub async fn start(runtime: &Containerd, waits: &ExecWaits, fifo_dir: &Path, command: Command<'_>) -> Result<Exec, RuntimeError> {
    // Unique on containerd's side too if this agent is a successor of one that left executed processes behind.
    let id = format!("x{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
    let mut names = vec!["stdout"];
    if command.stdin {
        names.push("stdin");
    }
    if !command.tty {
        names.push("stderr");
    }
    let pipes = Pipes::make(fifo_dir.join(&id), &names, false)?;
    let path = |name: &str| if names.contains(&name) { pipes.path(name).to_string_lossy().into_owned() } else { String::new() };
    let (stdin, stdout, stderr) = (path("stdin"), path("stdout"), path("stderr"));
    let mut process = command.process.clone();
    process["args"] = json!(command.argv);
    process["terminal"] = json!(command.tty);
    let mut exec = Exec {
        stdout: fifo::reader(&pipes.path("stdout"))?,
        stderr: if command.tty { None } else { Some(fifo::reader(&pipes.path("stderr"))?) },
        stdin: if command.stdin { Some(fifo::writer(&pipes.path("stdin"))?) } else { None },
        exit: waits.expect(command.container, &id),
        runtime: runtime.clone(),
        container: command.container.to_owned(),
        waits: waits.clone(),
        id: id.clone(),
        _pipes: pipes,
    };
    let request = ExecProcessRequest {
        container_id: exec.container.clone(),
        stdin,
        stdout,
        stderr,
        terminal: command.tty,
        spec: Some(Any { type_url: PROCESS_TYPE.to_owned(), value: process.to_string().into_bytes() }),
        exec_id: id.clone(),
    };
    let mut tasks = TasksClient::new(runtime.channel());
    if let Err(status) = tasks.exec(runtime.request(request)).await {
        waits.forget(&exec.container, &exec.id);
        return Err(status.into());
    }
    let started = tasks.start(runtime.request(StartRequest { container_id: exec.container.clone(), exec_id: id })).await;
    if let Err(status) = started {
        exec.delete().await;
        return Err(status.into());
    }
    Ok(exec)
}

impl Exec {
    /// Removes the ended process. Returns once all its output is in the pipes.
    pub async fn delete(&mut self) {
        self.waits.forget(&self.container, &self.id);
        let request = DeleteProcessRequest { container_id: self.container.clone(), exec_id: self.id.clone() };
        TasksClient::new(self.runtime.channel()).delete_process(self.runtime.request(request)).await.ok();
    }

    /// Kills it, waits a moment for the end, and removes it.
    pub async fn abort(&mut self) {
        self.runtime.kill(&self.container, &self.id, 9, false).await.ok();
        tokio::time::timeout(Duration::from_secs(2), &mut self.exit).await.ok();
        self.delete().await;
    }
}

/// End of input for a container's main process (`exec` empty) or an executed one.
pub async fn close_stdin(runtime: &Containerd, container: &str, exec: &str) {
    let request = CloseIoRequest { container_id: container.to_owned(), exec_id: exec.to_owned(), stdin: true };
    TasksClient::new(runtime.channel()).close_io(runtime.request(request)).await.ok();
}

/// New size of a terminal, in characters.
pub async fn resize(runtime: &Containerd, container: &str, exec: &str, width: u16, height: u16) {
    let request = ResizePtyRequest {
        container_id: container.to_owned(),
        exec_id: exec.to_owned(),
        width: width.into(),
        height: height.into(),
    };
    TasksClient::new(runtime.channel()).resize_pty(runtime.request(request)).await.ok();
}

/// Runs a command to its end, at most `time_max`; its exit code and the start of its output. `None` if the time was up.
pub async fn run(
    runtime: &Containerd,
    waits: &ExecWaits,
    fifo_dir: &Path,
    command: Command<'_>,
    time_max: Duration,
) -> Result<Option<(u32, String)>, RuntimeError> {
    let mut exec = start(runtime, waits, fifo_dir, command).await?;
    let mut output = Vec::new();
    let ended = tokio::time::timeout(time_max, collect(&mut exec, &mut output)).await;
    match ended {
        Ok(code) => {
            exec.delete().await;
            rest(&exec.stdout, &mut output);
            if let Some(stderr) = &exec.stderr {
                rest(stderr, &mut output);
            }
            output.truncate(OUTPUT_BYTES_MAX);
            Ok(Some((code, String::from_utf8_lossy(&output).into_owned())))
        }
        Err(_) => {
            exec.abort().await;
            Ok(None)
        }
    }
}

// Reads on while the process runs: a full pipe would hold it.
async fn collect(exec: &mut Exec, output: &mut Vec<u8>) -> u32 {
    loop {
        let stderr = async {
            match &exec.stderr {
                Some(pipe) => pipe.readable().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            code = &mut exec.exit => return code.unwrap_or(137),
            _ = exec.stdout.readable() => drain(&exec.stdout, output),
            _ = stderr => if let Some(pipe) = &exec.stderr { drain(pipe, output) },
        }
    }
}

/// Takes what is in a pipe now; what goes beyond the bound is read and thrown away.
fn drain(pipe: &Receiver, output: &mut Vec<u8>) {
    let mut chunk = [0u8; 4096];
    while let Ok(count @ 1..) = pipe.try_read(&mut chunk) {
        keep(&chunk[..count], output);
    }
}

/// As [`drain`], after the end.
fn rest(pipe: &Receiver, output: &mut Vec<u8>) {
    let mut chunk = [0u8; 4096];
    while let count @ 1.. = fifo::read_now(pipe, &mut chunk) {
        keep(&chunk[..count], output);
    }
}

fn keep(bytes: &[u8], output: &mut Vec<u8>) {
    let room = OUTPUT_BYTES_MAX.saturating_sub(output.len());
    output.extend_from_slice(&bytes[..bytes.len().min(room)]);
}
