//! The few programs that `kubectl exec` and exec probes want in an image without a shell, chosen by the name that the
//! binary is called by, or by its first argument (`hello cat /etc/hostname`). Must not know HTTP.

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

/// Every applet's name: also the links in the sample image's `/bin`.
const NAMES: [&str; 8] = ["cat", "echo", "env", "false", "hostname", "ls", "sleep", "true"];

/// Runs the applet that is called; `None` if none is.
pub fn run(arguments: &mut dyn Iterator<Item = String>) -> Option<ExitCode> {
    let called = arguments.next().unwrap_or_default();
    let called = Path::new(&called).file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let name = if NAMES.contains(&called.as_str()) { called } else { arguments.next()? };
    let rest: Vec<String> = arguments.collect();
    let done = match name.as_str() {
        "cat" => rest.iter().try_for_each(|path| cat(path)),
        "echo" => print(&format!("{}\n", rest.join(" "))),
        "env" => std::env::vars().try_for_each(|(name, value)| print(&format!("{name}={value}\n"))),
        "hostname" => cat("/proc/sys/kernel/hostname"),
        "ls" => rest.first().map_or_else(|| list("."), |path| list(path)),
        "sleep" => sleep(&rest),
        "true" => Ok(()),
        "false" => return Some(ExitCode::FAILURE),
        _ => {
            eprintln!("{name}: not one of {}", NAMES.join(", "));
            return Some(ExitCode::from(127));
        }
    };
    Some(match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{name}: {error}");
            ExitCode::FAILURE
        }
    })
}

fn print(text: &str) -> std::io::Result<()> {
    std::io::stdout().write_all(text.as_bytes())
}

fn cat(path: &str) -> std::io::Result<()> {
    let named = |error: std::io::Error| std::io::Error::other(format!("{path}: {error}"));
    std::io::copy(&mut std::fs::File::open(path).map_err(named)?, &mut std::io::stdout().lock()).map_err(named).map(drop)
}

fn list(path: &str) -> std::io::Result<()> {
    let entries = std::fs::read_dir(path).map_err(|error| std::io::Error::other(format!("{path}: {error}")))?;
    let mut names = entries.map(|entry| Ok(entry?.file_name())).collect::<std::io::Result<Vec<_>>>()?;
    names.sort();
    names.iter().try_for_each(|name| print(&format!("{}\n", name.to_string_lossy())))
}

fn sleep(rest: &[String]) -> std::io::Result<()> {
    let seconds = rest.first().and_then(|text| text.trim_end_matches('s').parse::<f64>().ok());
    let seconds = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    std::thread::sleep(seconds.ok_or_else(|| std::io::Error::other("wants a number of seconds"))?);
    Ok(())
}
