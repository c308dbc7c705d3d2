//! What the supervisor says on standard output: one line per step, with the time since the start.
//!
//! Fed by all rooms of `up`. A reader that is gone (a closed pipe) must not stop the system, so failures to write are
//! ignored.

use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

/// A pause after which a waiting step says that it still waits.
pub const PATIENCE: Duration = Duration::from_secs(2);

/// The voice.
pub struct Say {
    start: Instant,
    bold: bool,
}

impl Say {
    /// Its clock starts now.
    pub fn new() -> Self {
        Self { start: Instant::now(), bold: std::io::stdout().is_terminal() }
    }

    /// Something was done, or is still to be waited for.
    pub fn step(&self, what: &str, text: &str) {
        let seconds = self.start.elapsed().as_secs_f64();
        let what = if self.bold { format!("\x1b[1m{what:<11}\x1b[0m") } else { format!("{what:<11}") };
        self.text(&format!("[{seconds:7.2} s] {what} {text}"));
    }

    /// Lines as they are.
    pub fn text(&self, text: &str) {
        let mut out = std::io::stdout().lock();
        let _ = writeln!(out, "{text}").and_then(|()| out.flush());
    }

    /// Ends the line that the terminal has begun with its `^C`.
    pub fn blank(&self) {
        if self.bold {
            self.text("");
        }
    }
}
