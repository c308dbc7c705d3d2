//! A process under the supervisor: started, started again when it dies, ended when told.
//!
//! Fed by `house`. Each child has a process group of its own, so that Ctrl-C reaches the supervisor only and the order of the
//! end stays in its hands. Must not know what the child does.

use super::say::Say;
use crate::layout::Layout;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::cell::Cell;
use std::ffi::OsString;
use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::ExitStatusExt;
use std::process::{ExitStatus, Stdio};
use std::rc::Rc;
use std::time::{Duration, Instant};
use tokio::process::Command;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// First and longest pause before a dead child is started again.
const PAUSE: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(5));
/// A child that lived so long has earned a quick restart.
const HEALTHY: Duration = Duration::from_secs(20);

/// How a child is started.
pub struct Plan {
    /// Its name, of which its log and process id files are called.
    pub name: &'static str,
    /// Program and arguments.
    pub command: Vec<OsString>,
    /// Environment that it gets on top of the supervisor's.
    pub environment: Vec<(&'static str, OsString)>,
    /// Time from SIGTERM to SIGKILL.
    pub grace: Duration,
}

/// A child that is kept alive.
pub struct Child {
    /// Its name.
    pub name: &'static str,
    starts: Rc<Cell<u32>>,
    stop: watch::Sender<bool>,
    keeper: JoinHandle<()>,
}

impl Child {
    /// Starts it and keeps it alive. Must be called on a [`tokio::task::LocalSet`].
    pub fn keep(plan: Plan, layout: &Layout, say: &Rc<Say>) -> Self {
        let (stop, told) = watch::channel(false);
        let starts = Rc::new(Cell::new(0));
        let name = plan.name;
        let keeper = Keeper { plan, layout: layout.clone(), say: say.clone(), starts: starts.clone() };
        let keeper = tokio::task::spawn_local(keeper.run(told));
        Self { name, starts, stop, keeper }
    }

    /// How often it was started, or tried to.
    pub fn starts(&self) -> u32 {
        self.starts.get()
    }

    /// Ends it: SIGTERM, then SIGKILL.
    pub async fn end(self) {
        self.stop.send_replace(true);
        // The keeper cannot panic in a way that would leave a child behind: the child is killed with the keeper.
        let _ = self.keeper.await;
    }
}

struct Keeper {
    plan: Plan,
    layout: Layout,
    say: Rc<Say>,
    starts: Rc<Cell<u32>>,
}

impl Keeper {
    async fn run(self, mut told: watch::Receiver<bool>) {
        let mut pause = PAUSE.0;
        loop {
            self.starts.set(self.starts.get() + 1);
            let born = Instant::now();
            let died = match self.spawn() {
                Ok(mut process) => {
                    self.note(&process);
                    tokio::select! {
                        status = process.wait() => status.map_or_else(|error| error.to_string(), how_it_ended),
                        _ = told.wait_for(|told| *told) => {
                            self.end(&mut process).await;
                            break;
                        }
                    }
                }
                Err(error) => format!("cannot be started: {error}"),
            };
            if born.elapsed() >= HEALTHY {
                pause = PAUSE.0;
            }
            self.say.step(self.plan.name, &format!("{died}; starting it again in {} ms", pause.as_millis()));
            tokio::select! {
                () = tokio::time::sleep(pause) => pause = (pause * 2).min(PAUSE.1),
                _ = told.wait_for(|told| *told) => break,
            }
        }
        std::fs::remove_file(self.layout.pid(self.plan.name)).ok();
    }

    fn spawn(&self) -> std::io::Result<tokio::process::Child> {
        let open = OpenOptions::new().create(true).append(true).mode(0o600).open(self.layout.log(self.plan.name))?;
        let log = Stdio::from(open.try_clone()?);
        Command::new(std::env::current_exe()?)
            .args(["supervised", "--parent", &std::process::id().to_string(), "--"])
            .args(&self.plan.command)
            .envs(self.plan.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(log)
            .stderr(Stdio::from(open))
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
    }

    /// Writes down who it is, for a supervisor that comes after this one was killed.
    fn note(&self, process: &tokio::process::Child) {
        if let Some(note) = process.id().and_then(super::leftovers::note) {
            // Without the note only that cleaning up would be missing.
            let _ = crate::layout::write_private(&self.layout.pid(self.plan.name), note.as_bytes());
        }
    }

    async fn end(&self, process: &mut tokio::process::Child) {
        let pid = process.id().and_then(|pid| i32::try_from(pid).ok()).map(Pid::from_raw);
        if let Some(pid) = pid {
            let _ = kill(pid, Signal::SIGTERM);
        }
        if tokio::time::timeout(self.plan.grace, process.wait()).await.is_err() {
            self.say.step(self.plan.name, &format!("does not end within {:?}: killed", self.plan.grace));
            let _ = process.kill().await;
        }
    }
}

fn how_it_ended(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (_, Some(signal)) => {
            let name = Signal::try_from(signal).map_or_else(|_| signal.to_string(), |signal| signal.to_string());
            format!("was ended by {name}")
        }
        (code, None) => format!("ended with code {}", code.unwrap_or_default()),
    }
}
