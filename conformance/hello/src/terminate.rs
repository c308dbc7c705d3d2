//! SIGTERM ends the process at once. The kernel drops signals with a default action that are sent to process 1 of a PID
//! namespace, so without this every deletion of a container would last its whole grace period.

#![expect(unsafe_code, reason = "the standard library has no signals, and this crate has no dependencies")]

const SIGTERM: i32 = 15;
/// What a shell says of a process that SIGTERM ended.
const ENDED: i32 = 128 + SIGTERM;

unsafe extern "C" {
    fn signal(number: i32, handler: extern "C" fn(i32)) -> usize;
    fn _exit(code: i32) -> !;
}

extern "C" fn end(_: i32) {
    // SAFETY: `_exit` is async-signal-safe, takes any code and touches nothing of ours.
    unsafe { _exit(ENDED) }
}

/// From now on SIGTERM ends the process.
pub fn at_once() {
    // SAFETY: the handler has C's calling convention and does nothing but an async-signal-safe call. The old handler, the
    // only other effect, is the default one and of no interest.
    unsafe { signal(SIGTERM, end) };
}
