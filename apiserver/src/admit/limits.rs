//! How much at once: seats per user, so that one user cannot take the server from the others.

use crate::status::{Outcome, Refusal};
use dashmap::DashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// Requests that one user may have under way (watches excluded); beyond, 429 with Retry-After.
pub const SEATS_PER_USER_MAX: u32 = 600;

/// Seats in use.
#[derive(Default)]
pub struct Seats {
    users: DashMap<String, Arc<AtomicU32>>,
}

/// A seat; given back when dropped.
pub struct Seat(Arc<AtomicU32>);

impl Seats {
    /// Takes a seat.
    ///
    /// # Errors
    /// 429.
    pub fn take(&self, user: &str) -> Outcome<Seat> {
        let count = match self.users.get(user) {
            Some(count) => count.clone(),
            None => self.users.entry(user.to_owned()).or_default().clone(),
        };
        if count.fetch_add(1, Ordering::Relaxed) >= SEATS_PER_USER_MAX {
            count.fetch_sub(1, Ordering::Relaxed);
            return Err(Refusal::too_many());
        }
        Ok(Seat(count))
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
