//! What an apply says when others own what it wants to change, and every other way in which it fails.
//!
//! Made by apply; knows no HTTP beyond the code a client sees.

use super::element::{Path, path_text};
use super::ledger::{Operation, Owner};
use crate::go_text::quoted;
use std::fmt;

/// One field that somebody else owns.
#[derive(Clone, Debug)]
pub struct Conflict {
    /// Who owns it.
    pub owner: Owner,
    /// The field.
    pub path: Path,
}

/// A cause in the details of the Status: reason `FieldManagerConflict`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cause {
    /// `conflict with "one" using v1`.
    pub message: String,
    /// `.data.x`.
    pub field: String,
}

/// All conflicts of one apply, sorted by owner.
#[derive(Clone, Debug)]
pub struct Conflicts(pub(crate) Vec<Conflict>);

impl Conflicts {
    /// One cause per field.
    #[must_use]
    pub fn causes(&self) -> Vec<Cause> {
        let cause =
            |one: &Conflict| Cause { message: format!("conflict with {}", owner_text(&one.owner)), field: path_text(&one.path) };
        self.0.iter().map(cause).collect()
    }
}

impl fmt::Display for Conflicts {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let [one] = self.0.as_slice() {
            let (owner, path) = (owner_text(&one.owner), path_text(&one.path));
            return write!(out, "Apply failed with 1 conflict: conflict with {owner}: {path}");
        }
        write!(out, "Apply failed with {} conflicts: ", self.0.len())?;
        let mut last: Option<&Owner> = None;
        for one in &self.0 {
            if !last.is_some_and(|owner| owner.is(&one.owner)) {
                let newline = if last.is_some() { "\n" } else { "" };
                write!(out, "{newline}conflicts with {}:", owner_text(&one.owner))?;
                last = Some(&one.owner);
            }
            write!(out, "\n- {}", path_text(&one.path))?;
        }
        Ok(())
    }
}

/// An owner as conflicts name it. An updater's time is no part of its identity, so it never shows.
fn owner_text(owner: &Owner) -> String {
    let mut out = quoted(&owner.name);
    if !owner.subresource.is_empty() {
        out.push_str(" with subresource ");
        out.push_str(&quoted(&owner.subresource));
    }
    if owner.operation == Operation::Update {
        out.push_str(" using ");
        out.push_str(&owner.api_version);
    }
    out
}

/// Why an apply failed; the text is the Status's message.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// 400 `BadRequest`: the body is not of the request's type.
    #[error("invalid object type: {0}")]
    WrongType(String),
    /// 400 `BadRequest`: ownership is the server's business.
    #[error("metadata.managedFields must be nil")]
    ManagedFieldsSent,
    /// 409 `Conflict` with causes.
    #[error("{0}")]
    Conflict(Conflicts),
    /// 500 without a reason: the body does not fit the schema.
    #[error("failed to create typed patch object ({object}): {complaints}")]
    Untyped {
        /// `namespace/name; group/version, Kind=K`.
        object: String,
        /// What does not fit.
        complaints: String,
    },
    /// 500 without a reason: the stored `managedFields` cannot be read.
    #[error("failed to decode managed fields: {0}")]
    Stored(String),
}

impl ApplyError {
    /// The HTTP code.
    #[must_use]
    pub fn code(&self) -> u16 {
        match self {
            ApplyError::WrongType(_) | ApplyError::ManagedFieldsSent => 400,
            ApplyError::Conflict(_) => 409,
            ApplyError::Untyped { .. } | ApplyError::Stored(_) => 500,
        }
    }

    /// The Status's reason; upstream has none for the 500s.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match self.code() {
            400 => "BadRequest",
            409 => "Conflict",
            _ => "",
        }
    }
}
