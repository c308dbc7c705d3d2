//! What changed: the only thing that leaves a turn. Everything outside (watch lines, orders, routes) is a function of events.

use crate::record::{Document, Overlay, ResourceId, Sandbox};
use crate::wire::SandboxKey;
use alloc::{boxed::Box, sync::Arc};

/// A sandbox as it was at one moment.
#[derive(Clone, Debug)]
pub struct SandboxAt {
    /// The row.
    pub sandbox: Sandbox,
    /// `resourceVersion` at that moment.
    pub version: u64,
    /// The rare part.
    pub overlay: Option<Arc<Overlay>>,
}

/// One change, at one version.
#[derive(Clone, Debug)]
pub enum Event {
    /// A document was written or removed.
    Document {
        /// Which table.
        resource: ResourceId,
        /// Key in it.
        key: Box<str>,
        /// What was there.
        before: Option<Arc<Document>>,
        /// What is there now; after a removal the version is in the event.
        after: Option<Arc<Document>>,
    },
    /// A sandbox appeared, moved or went.
    Sandbox {
        /// What it was.
        before: Option<SandboxAt>,
        /// What it is.
        after: Option<SandboxAt>,
    },
    /// Counters or conditions of a function changed.
    Function {
        /// Its number.
        serial: u32,
    },
    /// Counters of a revision changed.
    Revision {
        /// Its number.
        serial: u32,
        /// The set of ready sandboxes changed, not only a number.
        endpoints: bool,
    },
    /// A node's readiness or facts changed.
    Node {
        /// Its number.
        number: u16,
    },
    /// A sandbox's life in words, for Events: nothing else depends on it.
    Said(Said),
}

/// What is worth an Event object.
#[derive(Clone, Debug)]
pub enum Said {
    /// A sandbox was given to a node.
    Placed(SandboxKey),
    /// No node has room for it.
    NoRoom(SandboxKey),
    /// A revision's desired number changed.
    Scaled {
        /// The revision.
        revision: u32,
        /// Before.
        from: u32,
        /// Now.
        to: u32,
    },
    /// A sandbox was made for a revision that asks for several.
    Made(SandboxKey),
    /// A sandbox was told to stop.
    Stopped(SandboxKey),
}

/// What a node is told; names and contents are added outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Create and start.
    Create {
        /// Who.
        key: SandboxKey,
        /// Generation.
        generation: u32,
        /// Slot.
        slot: u16,
    },
    /// Stop and remove.
    Delete {
        /// Who.
        key: SandboxKey,
        /// Generation.
        generation: u32,
        /// Seconds.
        grace_s: u32,
    },
}

/// What a turn leaves behind.
#[derive(Default)]
pub struct Outcome {
    /// Events in order, each with its version (several may share one).
    pub events: alloc::vec::Vec<(u64, Event)>,
    /// Orders in order, by node.
    pub orders: alloc::vec::Vec<(u16, Order)>,
}
