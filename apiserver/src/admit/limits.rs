//! How much at once: seats per user, and bytes that the server holds for a user, so that one user can take neither the
//! server's time nor its memory from the others. Fed by the listener; knows users by name only.

use crate::status::{Outcome, Refusal};
use dashmap::DashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

/// Requests that one user may have under way (of watches only the beginning counts); beyond, 429 with Retry-After.
pub const SEATS_PER_USER_MAX: u32 = 600;
/// Bytes held for one user's requests: bodies that came in, answers that wait for their length. Beyond, 429 with Retry-After.
pub const HELD_BYTES_PER_USER_MAX: u64 = 256 << 20;
/// Users that are remembered without a request under way.
const USERS_MAX: usize = 10_000;

/// Who has how many.
#[derive(Default)]
pub struct Seats {
    users: DashMap<String, Arc<Share>>,
}

/// What one user has.
#[derive(Default)]
struct Share {
    seats: AtomicU32,
    held_bytes: AtomicU64,
}

/// A seat; given back, with all bytes that it holds, when dropped.
pub struct Seat {
    share: Arc<Share>,
    held_bytes: AtomicU64,
}

impl Seats {
    /// Takes a seat.
    ///
    /// # Errors
    /// 429.
    pub fn take(&self, user: &str) -> Outcome<Seat> {
        let known = self.users.get(user).map(|share| share.clone());
        let share = known.unwrap_or_else(|| {
            if self.users.len() >= USERS_MAX {
                self.users.retain(|_, share| Arc::strong_count(share) > 1);
            }
            self.users.entry(user.to_owned()).or_default().clone()
        });
        if share.seats.fetch_add(1, Ordering::Relaxed) >= SEATS_PER_USER_MAX {
            share.seats.fetch_sub(1, Ordering::Relaxed);
            return Err(Refusal::too_many());
        }
        Ok(Seat { share, held_bytes: AtomicU64::new(0) })
    }
}

impl Seat {
    /// Holds memory for this request.
    ///
    /// # Errors
    /// 429 if the user's requests together hold too much.
    pub fn hold(&self, bytes: usize) -> Outcome<()> {
        let bytes = bytes as u64;
        if self.share.held_bytes.fetch_add(bytes, Ordering::Relaxed) + bytes > HELD_BYTES_PER_USER_MAX {
            self.share.held_bytes.fetch_sub(bytes, Ordering::Relaxed);
            return Err(Refusal::too_many());
        }
        self.held_bytes.fetch_add(bytes, Ordering::Relaxed);
        Ok(())
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.share.held_bytes.fetch_sub(*self.held_bytes.get_mut(), Ordering::Relaxed);
        self.share.seats.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seats_and_bytes_are_per_user_and_come_back() {
        let seats = Seats::default();
        let mut taken: Vec<Seat> = (0..SEATS_PER_USER_MAX).map(|_| seats.take("a").unwrap()).collect();
        let refused = seats.take("a").err().unwrap();
        assert_eq!((refused.code, refused.retry_after_s), (429, Some(1)));
        assert!(seats.take("b").is_ok());
        taken.pop();
        let seat = seats.take("a").unwrap();
        let half = usize::try_from(HELD_BYTES_PER_USER_MAX / 2).unwrap();
        assert!(seat.hold(half).is_ok() && taken[0].hold(half).is_ok());
        assert_eq!(taken[1].hold(1).err().map(|r| r.code), Some(429));
        drop(seat);
        assert!(taken[1].hold(half).is_ok());
    }
}
