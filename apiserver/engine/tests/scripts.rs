//! Scripts: a line is a time in seconds and a command; the transcript is what followed, one line for each sandbox, order and
//! status that changed. `SKIFF_BLESS=1` writes the transcripts anew; the difference is what to review.
//!
//! ```text
//! 0  node n1 cpu=4000            a node joins (memory, pods)
//! 0  auto 1                      nodes do what they are told, after so many seconds; `auto off`: only on command
//! 0  deploy web v1 wanted=3      a rolling function and its current revision (surge, unavailable, recreate, paused, deadline, cpu)
//! 0  fixed set wanted=3 · pod p · scale fn initial=1 (min, max, target, window)
//! 9  traffic fn 5                concurrency from now on, said each second; `cold fn 1`: requests wait
//! 9  ready v1#1 · gone v1#1 · fail v1#1 · waits v1#1 CrashLoopBackOff     what a node says
//! 9  delete v1#1 · force v1#1 · drop web · drop-revision v1
//! 9  break n1 · join n1 · reboot n1 · drop-node n1 · cordon n1 · uncordon n1
//! 9  gateway joined · gateway left · restart · wait
//! ```

mod stage;
mod support;

use stage::Player;
use std::path::{Path, PathBuf};

fn transcript(script: &str) -> String {
    let mut player = Player::default();
    for line in script.lines().filter(|line| !line.starts_with('#') && !line.trim().is_empty()) {
        player.play(line);
    }
    player.transcript
}

fn play(path: &Path) -> Result<(), String> {
    let script = std::fs::read_to_string(path).map_err(|error| error.to_string())?;
    let golden = path.with_extension("golden");
    let said = transcript(&script);
    if std::env::var_os("SKIFF_BLESS").is_some() {
        return std::fs::write(golden, said).map_err(|error| error.to_string());
    }
    let expected = std::fs::read_to_string(golden).unwrap_or_default();
    let differs = expected.lines().zip(said.lines()).position(|(a, b)| a != b);
    if expected == said {
        return Ok(());
    }
    let at = differs.unwrap_or(expected.lines().count().min(said.lines().count()));
    let line = |text: &str| text.lines().nth(at).unwrap_or("(end)").to_owned();
    Err(format!("{}:{}\n  expected {}\n  but      {}", path.display(), at + 1, line(&expected), line(&said)))
}

#[test]
fn transcripts_are_as_reviewed() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/scripts");
    let mut scripts: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().filter_map(|entry| Some(entry.ok()?.path())).collect();
    scripts.retain(|path| path.extension().is_some_and(|ending| ending == "txt"));
    scripts.sort();
    assert!(scripts.len() >= 15, "scripts are missing");
    let wrong: Vec<String> = scripts.iter().filter_map(|path| play(path).err()).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
