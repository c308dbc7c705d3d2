//! `skiff supervised`: the step between the supervisor's fork and a child's program.
//!
//! It asks the kernel to end the child when the supervisor dies (also by SIGKILL), then becomes the program. The wish
//! outlives `exec`, so it works for programs that know nothing of it, such as containerd.

use crate::args::Supervised;
use anyhow::{Context, bail};
use nix::sys::prctl;
use nix::sys::signal::Signal;
use nix::unistd::{Pid, execvp, getppid};
use std::ffi::CString;
use std::os::unix::ffi::OsStrExt;

/// Does not return unless it fails.
pub fn become_child(args: &Supervised) -> anyhow::Result<()> {
    prctl::set_pdeathsig(Signal::SIGTERM).context("parent-death signal")?;
    // The parent may have died before the wish was made.
    if getppid() != Pid::from_raw(args.parent) {
        bail!("the supervisor is gone");
    }
    let words = args.command.iter().map(|word| CString::new(word.as_bytes())).collect::<Result<Vec<_>, _>>()?;
    let Some(program) = words.first() else { bail!("no program") };
    execvp(program, &words).with_context(|| format!("cannot run {}", program.to_string_lossy()))?;
    Ok(())
}
