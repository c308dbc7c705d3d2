//! What a request to `exec`, `attach` or `portforward` wants, checked; the words of every 400 that needs no protocol.
//!
//! Fed by the request's options and the Pod. Must not know how the client will speak.

use super::console::Deed;
use crate::status::{Outcome, Refusal};
use crate::verbs::ask::Ask;
use crate::verbs::pods::{Placed, container};
use serde_json::Value;
use skiff_engine::wire::{SandboxKey, StreamRequest};

/// Which streams of a process a client wants.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wants {
    /// It will send input.
    pub stdin: bool,
    /// It wants output.
    pub stdout: bool,
    /// It wants errors apart; never with a terminal.
    pub stderr: bool,
    /// Through a terminal.
    pub tty: bool,
}

/// `exec` or `attach`.
#[derive(Clone, Debug)]
pub struct ConsoleJob {
    /// For the node.
    pub request: StreamRequest,
    /// For the client.
    pub wants: Wants,
    /// For the words at the end.
    pub deed: Deed,
}

/// `portforward`.
#[derive(Clone, Debug)]
pub struct ForwardJob {
    /// Where.
    pub key: SandboxKey,
    /// Pod name, for messages.
    pub pod: String,
    /// Pod uid, for messages.
    pub uid: String,
    /// Values of `ports`, which only the old WebSocket form has.
    pub ports: Vec<String>,
}

/// What is wanted.
#[derive(Clone, Debug)]
pub enum Job {
    /// A process's streams.
    Console(ConsoleJob),
    /// Connections.
    Forward(ForwardJob),
}

impl Job {
    /// Checks a request.
    ///
    /// # Errors
    /// 400 for a container that the Pod has not, for no command, for no stream at all.
    pub fn of(ask: &Ask, placed: &Placed) -> Outcome<Job> {
        if ask.address.subresource == "portforward" {
            let uid = placed.pod.pointer("/metadata/uid").and_then(Value::as_str).unwrap_or_default().to_owned();
            let ports = ask.query.all("ports").map(str::to_owned).collect();
            return Ok(Job::Forward(ForwardJob { key: placed.key, pod: ask.address.name.clone(), uid, ports }));
        }
        let container = container(ask, &placed.pod)?;
        let flag = |name: &str| ask.query.flag(name);
        let tty = flag("tty")?;
        let wants = Wants { stdin: flag("stdin")?, stdout: flag("stdout")?, stderr: flag("stderr")? && !tty, tty };
        if !(wants.stdin || wants.stdout || wants.stderr) {
            return Err(Refusal::bad_request("you must specify at least 1 of stdin, stdout, stderr"));
        }
        let (key, stdin) = (placed.key, wants.stdin);
        if ask.address.subresource == "attach" {
            let request = StreamRequest::Attach { key, container, stdin, tty };
            return Ok(Job::Console(ConsoleJob { request, wants, deed: Deed::Attach }));
        }
        let command: Vec<String> = ask.query.all("command").map(str::to_owned).collect();
        if command.is_empty() {
            return Err(Refusal::bad_request("you must specify at least one command for the container"));
        }
        let request = StreamRequest::Exec { key, container, command, stdin, tty };
        Ok(Job::Console(ConsoleJob { request, wants, deed: Deed::Exec }))
    }
}
