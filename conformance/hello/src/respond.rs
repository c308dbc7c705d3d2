//! A request to its answer. Must not know sockets.
//!
//! | Path | Answer |
//! |---|---|
//! | `/healthz` | `ok` |
//! | `/env` | the environment, a variable per line |
//! | `/exit?code=N` | says goodbye and ends the process |
//! | any other | `Hello World!`, or `Hello $TARGET!`; after `?sleep=MS`, having touched `?bloat=MIB`, `?size=BYTES` of filler |

use crate::request::Request;
use std::fmt::Write;
use std::time::Duration;

/// Longest `sleep`.
const SLEEP_MS_MAX: u64 = 600_000;
/// Largest `bloat`, and what it is without a number.
const BLOAT_MIB_MAX: u64 = 1 << 16;
const BLOAT_MIB: u64 = 64;
/// Largest `size`.
const SIZE_BYTES_MAX: u64 = 64 << 20;

/// The answer, and the code to end with if that was asked.
pub fn to(request: &Request) -> (Vec<u8>, Option<i32>) {
    let (text, end) = match request.path.as_str() {
        "/healthz" => ("ok".to_owned(), None),
        "/env" => (environment(), None),
        "/exit" => {
            let code = request.number("code").and_then(|code| i32::try_from(code).ok()).unwrap_or(0);
            ("bye\n".to_owned(), Some(code))
        }
        _ => (hello(request), None),
    };
    let mut bytes = page(200, &text, request.keep_alive && end.is_none());
    if request.method == "HEAD" {
        bytes.truncate(bytes.len() - text.len());
    }
    (bytes, end)
}

fn hello(request: &Request) -> String {
    if let Some(ms) = request.number("sleep") {
        std::thread::sleep(Duration::from_millis(ms.min(SLEEP_MS_MAX)));
    }
    if request.has("bloat") {
        bloat(request.number("bloat").unwrap_or(BLOAT_MIB).min(BLOAT_MIB_MAX));
    }
    let target = std::env::var("TARGET").unwrap_or_else(|_| "World".to_owned());
    let mut text = format!("Hello {target}!\n");
    if let Some(size) = request.number("size") {
        text.push_str(&"x".repeat(usize::try_from(size.min(SIZE_BYTES_MAX)).unwrap_or(0)));
    }
    text
}

/// Takes memory and touches every page of it, for as long as the request lasts.
fn bloat(mib: u64) {
    let size = usize::try_from(mib << 20).unwrap_or(usize::MAX);
    let mut memory = Vec::<u8>::new();
    if memory.try_reserve_exact(size).is_ok() {
        // Zeroes might be handed out without being backed by anything.
        memory.resize(size, 1);
        std::hint::black_box(&memory);
    }
}

fn environment() -> String {
    let mut pairs: Vec<_> = std::env::vars_os().collect();
    pairs.sort();
    pairs.iter().fold(String::new(), |mut text, (name, value)| {
        writeln!(text, "{}={}", name.to_string_lossy(), value.to_string_lossy()).ok();
        text
    })
}

/// A whole answer.
pub fn page(status: u16, text: &str, keep_alive: bool) -> Vec<u8> {
    let reason = if status == 200 { "OK" } else { "Bad Request" };
    let connection = if keep_alive { "keep-alive" } else { "close" };
    let length = text.len();
    format!(
        "HTTP/1.1 {status} {reason}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: {length}\r\n\
         Connection: {connection}\r\n\r\n{text}"
    )
    .into_bytes()
}
