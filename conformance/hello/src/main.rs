//! The sample function: a small HTTP/1.1 server with nothing but the standard library, linked statically, so that an image
//! of it holds one file.
//!
//! It answers as Knative's `helloworld-go` does, and has a few doors for tests: a slow answer, a large one, an end. Called
//! by the name of one of its applets (`env`, `cat`, …) it is that program instead, for `kubectl exec` in an image without a
//! shell.

mod applet;
mod request;
mod respond;
mod terminate;

use std::io::{BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::process::ExitCode;
use std::time::Duration;

/// Port without `PORT` in the environment.
const PORT: u16 = 8080;
/// An idle connection is closed after so long.
const IDLE_MAX: Duration = Duration::from_secs(300);
/// Memory for a connection's thread; a thousand of them must fit into a small container.
const STACK_BYTES: usize = 128 << 10;

fn main() -> ExitCode {
    terminate::at_once();
    if let Some(code) = applet::run(&mut std::env::args()) {
        return code;
    }
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("hello: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> std::io::Result<()> {
    let port = std::env::var("PORT").ok().and_then(|port| port.parse().ok()).unwrap_or(PORT);
    let listener = TcpListener::bind(("0.0.0.0", port))?;
    println!("hello: listening on port {port}");
    for stream in listener.incoming() {
        let Ok(stream) = stream else { continue };
        let thread = std::thread::Builder::new().stack_size(STACK_BYTES);
        // A connection that gets no thread is closed, which its client may try again.
        if let Err(error) = thread.spawn(move || converse(stream)) {
            eprintln!("hello: no thread for a connection: {error}");
        }
    }
    Ok(())
}

/// One connection: requests in turn, until either side has enough.
fn converse(stream: TcpStream) {
    stream.set_nodelay(true).ok();
    stream.set_read_timeout(Some(IDLE_MAX)).ok();
    let Ok(mut out) = stream.try_clone() else { return };
    let mut input = BufReader::with_capacity(4096, stream);
    loop {
        let request = match request::read(&mut input, &mut out) {
            Ok(Some(request)) => request,
            Ok(None) | Err(request::Unreadable::Gone) => return,
            Err(request::Unreadable::Malformed(why)) => {
                out.write_all(&respond::page(400, &format!("{why}\n"), false)).ok();
                return;
            }
        };
        let (bytes, end) = respond::to(&request);
        if out.write_all(&bytes).is_err() {
            return;
        }
        if let Some(code) = end {
            out.flush().ok();
            #[expect(clippy::disallowed_methods, reason = "ending the process, whatever it does, is what was asked for")]
            std::process::exit(code);
        }
        if !request.keep_alive {
            return;
        }
    }
}
