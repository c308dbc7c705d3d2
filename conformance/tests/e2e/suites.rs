//! Official clients of other languages against fake nodes: the programs in `clients/`, each with named cases of its own.
//!
//! A program prints a line a case and ends with 1 if one failed. Between them it may ask for a restart of the server.

use crate::clients::find;
use crate::durability::kill_and_wait;
use anyhow::{Context, Result, ensure};
use skiff_conformance::server::{Nodes, Server};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::process::Command;

/// How long a program may be silent: its slowest case, on a machine that is busy with others.
const SILENCE_MAX: Duration = Duration::from_secs(180);
/// What a program says when it wants the server restarted; it goes on after a line on its standard input.
const RESTART: &str = "restart the server, then press Enter";

#[tokio::test]
async fn python() -> Result<()> {
    play("suite-python").await
}

#[tokio::test]
async fn javascript() -> Result<()> {
    play("suite-javascript").await
}

#[tokio::test]
async fn go() -> Result<()> {
    play("suite-go").await
}

#[tokio::test]
async fn helm() -> Result<()> {
    play("suite-helm").await
}

async fn play(name: &str) -> Result<()> {
    let Some(program) = find(name, &format!("suites::{name}")) else { return Ok(()) };
    let server = Server::start(Nodes::Fake(2)).await?;
    run(&program, &server).await?;
    server.stop().await?;
    Ok(())
}

/// Runs a program's cases; what it says becomes the test's output.
async fn run(program: &Path, server: &Server) -> Result<()> {
    let mut child = Command::new(program)
        .arg(server.kubeconfig())
        .arg("--restart")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .with_context(|| program.display().to_string())?;
    let mut stdin = child.stdin.take().context("no stdin")?;
    let mut lines = BufReader::new(child.stdout.take().context("no stdout")?).lines();
    let mut stderr = child.stderr.take().context("no stderr")?;
    let complaints = tokio::spawn(async move {
        let mut text = String::new();
        stderr.read_to_string(&mut text).await.map(|_| text)
    });
    let mut failed = Vec::new();
    while let Some(line) = tokio::time::timeout(SILENCE_MAX, lines.next_line()).await.context("the program hangs")?? {
        println!("{line}");
        if line == RESTART {
            kill_and_wait(server).await?;
            stdin.write_all(b"\n").await?;
        }
        if line.starts_with("FAIL ") {
            failed.push(line);
        }
    }
    let status = child.wait().await?;
    let complaints = complaints.await??;
    ensure!(status.success() && failed.is_empty(), "{status}\n{}\n{complaints}", failed.join("\n"));
    Ok(())
}
