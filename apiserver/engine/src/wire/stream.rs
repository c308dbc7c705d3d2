//! Side streams of a node, on which it serves logs, exec, attach and port-forward. Layout only; see [`super`].

use super::SandboxKey;
use alloc::{string::String, vec::Vec};
use serde::{Deserialize, Serialize};

/// What a side stream carries. Frames on an exec, attach or port-forward stream are [`StreamFrame`]; a log stream is raw bytes.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum StreamRequest {
    /// Container log in the kubelet's terms.
    Log {
        /// Whose.
        key: SandboxKey,
        /// Container name.
        container: String,
        /// Keep following.
        follow: bool,
        /// Of the previous instance.
        previous: bool,
        /// Only the last lines; `None` for all.
        tail_lines: Option<u64>,
        /// Stop after so many bytes.
        limit_bytes: Option<u64>,
        /// Only lines at or after this Unix time in nanoseconds.
        since_ns: Option<u64>,
        /// Prefix each line with its RFC 3339 time in nanoseconds.
        timestamps: bool,
    },
    /// Run a command.
    Exec {
        /// Where.
        key: SandboxKey,
        /// Container name.
        container: String,
        /// argv.
        command: Vec<String>,
        /// Whether stdin will be sent.
        stdin: bool,
        /// Allocate a terminal.
        tty: bool,
    },
    /// Join the running main process's output (and input, where the container has stdin).
    Attach {
        /// Where.
        key: SandboxKey,
        /// Container name.
        container: String,
        /// Whether stdin will be sent.
        stdin: bool,
        /// The container has a terminal.
        tty: bool,
    },
    /// One TCP connection into the sandbox's network namespace; data frames only.
    Forward {
        /// Where.
        key: SandboxKey,
        /// Port in the sandbox.
        port: u16,
    },
}

/// A frame of an exec, attach or forward side stream, length-prefixed like all others.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum StreamFrame {
    /// Client to process. Empty means end of input.
    Stdin(Vec<u8>),
    /// Process to client (and both directions of a forward).
    Stdout(Vec<u8>),
    /// Process to client.
    Stderr(Vec<u8>),
    /// The terminal's new size.
    Resize {
        /// Columns.
        width: u16,
        /// Rows.
        height: u16,
    },
    /// Last frame: how it ended.
    Exit(StreamExit),
}

/// The end of a side stream.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum StreamExit {
    /// The process ended with this code.
    Code(i32),
    /// It could not be done; the text is for the client (`container not found ("x")`).
    Failed(String),
}
