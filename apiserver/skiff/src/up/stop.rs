//! The wish to stop: SIGINT, SIGTERM, or the terminal's end (SIGHUP).

use anyhow::Context;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Hears the signals from its making on, also between polls.
pub struct Stop {
    signals: [Signal; 3],
    asked: bool,
}

impl Stop {
    /// From now on these signals do not end the process by themselves.
    pub fn listen() -> anyhow::Result<Self> {
        let hear = |kind| signal(kind).context("signals cannot be caught");
        let signals = [hear(SignalKind::interrupt())?, hear(SignalKind::terminate())?, hear(SignalKind::hangup())?];
        Ok(Self { signals, asked: false })
    }

    /// Ends at the first signal; at once if there was one.
    pub async fn asked(&mut self) {
        if self.asked {
            return;
        }
        let [interrupt, terminate, hangup] = &mut self.signals;
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hangup.recv() => {}
        }
        self.asked = true;
    }

    /// Whether a signal was heard.
    pub fn is_asked(&self) -> bool {
        self.asked
    }
}
