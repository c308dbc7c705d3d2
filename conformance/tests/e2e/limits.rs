//! Each bound on what one client may ask of the server: what is beyond is refused in upstream's words, memory stays flat, and
//! another user is not disturbed.

use crate::neighbour::{exchange, head, undisturbed};
use anyhow::{Context, Result, ensure};
use flate2::Compression;
use flate2::write::GzEncoder;
use futures::StreamExt;
use futures::future::{join_all, try_join_all};
use serde_json::{Value, json};
use skiff_conformance::server::{Nodes, Server, Session};
use std::io::Write;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const MAPS: &str = "/api/v1/namespaces/default/configmaps";
const JSON: &str = "Content-Type: application/json";
const TOO_LARGE: &str = "Request entity too large: limit is 3145728";

fn ensure_says(answer: &str, status: &str, text: &str) -> Result<()> {
    let shown: String = answer.chars().take(600).collect();
    ensure!(answer.starts_with(&format!("HTTP/1.1 {status}")) && answer.contains(text), "wanted {status} {text:?}: {shown}");
    Ok(())
}

async fn post(session: &Session, lines: &[&str], body: &[u8]) -> Result<String> {
    let length = format!("Content-Length: {}", body.len());
    let lines: Vec<&str> = lines.iter().copied().chain([length.as_str()]).collect();
    exchange(session, &[head("POST", MAPS, &session.token, &lines).as_bytes(), body]).await
}

fn config_map(name: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {"k": "v"}})
}

#[tokio::test]
async fn a_body_beyond_three_mebibytes_is_refused() -> Result<()> {
    let server = Server::start(Nodes::Fake(1)).await?;
    let session = server.session()?;
    undisturbed(&server, 200, async {
        let body = vec![b' '; 4 << 20];
        // With a length, and in chunks that never say how many come.
        let announced = (0..16).map(|_| post(&session, &[JSON], &body));
        for answer in try_join_all(announced).await? {
            ensure_says(&answer, "413", TOO_LARGE)?;
        }
        let head = head("POST", MAPS, &session.token, &[JSON, "Transfer-Encoding: chunked"]);
        let chunk = [format!("{:x}\r\n", 64 << 10).as_bytes(), &[b' '; 64 << 10], b"\r\n"].concat();
        let parts: Vec<&[u8]> = std::iter::once(head.as_bytes()).chain(std::iter::repeat_n(chunk.as_slice(), 64)).collect();
        for answer in try_join_all((0..16).map(|_| exchange(&session, &parts))).await? {
            ensure_says(&answer, "413", TOO_LARGE)?;
        }
        Ok(())
    })
    .await?;
    server.stop().await?;
    Ok(())
}

#[tokio::test]
async fn a_document_that_nests_without_end_is_refused() -> Result<()> {
    let server = Server::start(Nodes::Fake(1)).await?;
    let session = server.session()?;
    session.create(MAPS, &config_map("deep")).await?;
    undisturbed(&server, 200, async {
        let levels = 200_000;
        let start = r#"{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"x"},"data":"#;
        let nested = format!("{start}{}{}}}", r#"{"a":"#.repeat(levels), "}".repeat(levels));
        ensure_says(&post(&session, &[JSON], nested.as_bytes()).await?, "400", "exceeded max depth")?;
        let yaml = format!("apiVersion: v1\nkind: ConfigMap\ndata: {}{}\n", "[".repeat(levels), "]".repeat(levels));
        ensure_says(&post(&session, &["Content-Type: application/yaml"], yaml.as_bytes()).await?, "400", "BadRequest")?;
        // Aliases of aliases: a few hundred bytes that stand for 10^9 items.
        let mut bomb = String::from("apiVersion: v1\nkind: ConfigMap\na0: &a0 [x]\n");
        for i in 1..10 {
            bomb.push_str(&format!("a{i}: &a{i} [{}]\n", vec![format!("*a{}", i - 1); 10].join(",")));
        }
        ensure_says(&post(&session, &["Content-Type: application/yaml"], bomb.as_bytes()).await?, "400", "BadRequest")?;
        // Each copy of a JSON patch goes to the deepest place and so doubles the depth.
        let mut patch = vec![json!({"op": "add", "path": "/data/a", "value": {}})];
        patch.extend(
            (0..18).map(|i| json!({"op": "copy", "from": "/data/a", "path": format!("/data{}", "/a".repeat((1 << i) + 1))})),
        );
        let kind = "application/json-patch+json";
        let answer = session.send("PATCH", &format!("{MAPS}/deep"), kind, Value::from(patch).to_string().into()).await?;
        ensure!(answer.status == 422, "{} {}", answer.status, answer.text);
        Ok(())
    })
    .await?;
    let there = session.get(&format!("{MAPS}/deep")).await?;
    assert_eq!((there.status, there.at("/data/k")), (200, "v"));
    server.stop().await?;
    Ok(())
}

#[tokio::test]
async fn a_json_patch_of_too_many_operations_is_refused() -> Result<()> {
    let server = Server::start(Nodes::Fake(1)).await?;
    let session = server.session()?;
    session.create(MAPS, &config_map("patched")).await?;
    let patch = |count: usize| Value::from(vec![json!({"op": "test", "path": "/data/k", "value": "v"}); count]).to_string();
    let (path, kind) = (format!("{MAPS}/patched"), "application/json-patch+json");
    undisturbed(&server, 200, async {
        for answer in try_join_all((0..8).map(|_| session.send("PATCH", &path, kind, patch(10_001).into()))).await? {
            let text = "Request entity too large: The allowed maximum operations in a JSON patch is 10000, got 10001";
            assert_eq!((answer.status, answer.at("/reason"), answer.at("/message")), (413, "RequestEntityTooLarge", text));
        }
        let most = session.send("PATCH", &path, kind, patch(10_000).into()).await?;
        ensure!(most.status == 200, "{} {}", most.status, most.text);
        Ok(())
    })
    .await?;
    server.stop().await?;
    Ok(())
}

fn zipped(bytes: &[u8]) -> Result<Vec<u8>> {
    let mut zip = GzEncoder::new(Vec::new(), Compression::best());
    zip.write_all(bytes)?;
    Ok(zip.finish()?)
}

#[tokio::test]
async fn a_compressed_body_is_bounded_by_what_it_becomes() -> Result<()> {
    let server = Server::start(Nodes::Fake(1)).await?;
    let session = server.session()?;
    let bomb = zipped(&vec![b' '; 256 << 20])?;
    ensure!(bomb.len() < 1 << 20, "a bomb of {} bytes would be refused for its own size", bomb.len());
    undisturbed(&server, 200, async {
        let gzip = [JSON, "Content-Encoding: gzip"];
        for answer in try_join_all((0..16).map(|_| post(&session, &gzip, &bomb))).await? {
            ensure_says(&answer, "413", TOO_LARGE)?;
        }
        let small = zipped(config_map("zipped").to_string().as_bytes())?;
        ensure_says(&post(&session, &gzip, &small).await?, "201", "\"k\":\"v\"")?;
        ensure_says(&post(&session, &gzip, b"no gzip at all").await?, "400", "BadRequest")?;
        ensure_says(&post(&session, &[JSON, "Content-Encoding: br"], b"x").await?, "415", "UnsupportedMediaType")
    })
    .await?;
    server.stop().await?;
    Ok(())
}

#[tokio::test]
async fn headers_beyond_their_bound_are_refused() -> Result<()> {
    let server = Server::start(Nodes::Fake(1)).await?;
    let session = server.session()?;
    undisturbed(&server, 200, async {
        let line = format!("X-Long: {}", "x".repeat(200 << 10));
        let request = head("GET", MAPS, &session.token, &[&line]);
        let parts = [request.as_bytes()];
        for answer in try_join_all((0..32).map(|_| exchange(&session, &parts))).await? {
            ensure_says(&answer, "431", "")?;
        }
        // The same over HTTP/2, in many small ones.
        let mut sender = session.target.http2().await?;
        let mut request = session.target.request("GET", MAPS, &session.token, "", bytes::Bytes::new())?;
        for i in 0..70 {
            let name: http::HeaderName = format!("x-long-{i}").parse()?;
            request.headers_mut().insert(name, "y".repeat(1000).parse()?);
        }
        match sender.send_request(request).await {
            Ok(answer) => ensure!(answer.status() == 431, "{}", answer.status()),
            // Where they take more frames than a head may have, the connection is given up instead.
            Err(error) => ensure!(format!("{error:?}").contains("ENHANCE_YOUR_CALM"), "{error:?}"),
        }
        Ok(())
    })
    .await?;
    server.stop().await?;
    Ok(())
}

/// Waits for the other side to end a connection; gives what it said.
async fn until_cut(mut stream: impl tokio::io::AsyncRead + Unpin, start: Instant) -> Result<(String, Duration)> {
    let mut said = Vec::new();
    let read = tokio::time::timeout(Duration::from_secs(90), stream.read_to_end(&mut said)).await.context("never cut")?;
    drop(read); // cut with or without TLS's goodbye
    Ok((String::from_utf8_lossy(&said).into_owned(), start.elapsed()))
}

#[tokio::test]
async fn slow_senders_are_cut() -> Result<()> {
    let server = Server::start(Nodes::Fake(1)).await?;
    let session = server.session()?;
    let start = Instant::now();
    undisturbed(&server, 200, async {
        let silent = join_all((0..50).map(|_| async {
            // Not even a TLS hello.
            until_cut(TcpStream::connect(&session.target.authority).await?, start).await
        }));
        let half_a_head = join_all((0..50).map(|_| async {
            let (from, mut to) = tokio::io::split(session.target.stream(b"http/1.1").await?);
            to.write_all(b"GET /api HTTP/1.1\r\nHost: skiff\r\nX-Slow: ").await?;
            // Another letter every second does not buy more time.
            let drip = async {
                while to.write_all(b"x").await.is_ok() && to.flush().await.is_ok() {
                    tokio::time::sleep(Duration::from_secs(1)).await;
                }
                std::future::pending::<()>().await;
            };
            tokio::select! { cut = until_cut(from, start) => cut, () = drip => unreachable!() }
        }));
        let half_a_body = join_all((0..50).map(|_| async {
            let mut stream = session.target.stream(b"http/1.1").await?;
            stream.write_all(head("POST", MAPS, &session.token, &[JSON, "Content-Length: 100"]).as_bytes()).await?;
            stream.write_all(b"{\"apiVersion\"").await?;
            stream.flush().await?;
            until_cut(stream, start).await
        }));
        let (silent, heads, bodies) = tokio::join!(silent, half_a_head, half_a_body);
        for (who, cuts, seconds, says) in
            [("silent", silent, 10, ""), ("head", heads, 32, ""), ("body", bodies, 30, "HTTP/1.1 408")]
        {
            for cut in cuts {
                let (said, after) = cut.context(who)?;
                ensure!(said.starts_with(says), "{who}: {said}");
                ensure!(after.as_secs() < seconds + 30, "{who}: cut only after {after:?}");
            }
        }
        Ok(())
    })
    .await?;
    server.stop().await?;
    Ok(())
}

#[tokio::test]
async fn a_user_has_so_many_seats_and_others_have_theirs() -> Result<()> {
    const SEATS: usize = 600;
    let server = Server::start(Nodes::Fake(1)).await?;
    let session = server.session()?;
    undisturbed(&server, 400, async {
        // Requests that stay under way because their bodies do not come.
        let request = head("POST", MAPS, &session.token, &[JSON, "Content-Length: 100"]);
        let open = (0..SEATS + 20).map(|_| async {
            let mut stream = session.target.stream(b"http/1.1").await?;
            stream.write_all(request.as_bytes()).await?;
            stream.flush().await?;
            anyhow::Ok(stream)
        });
        let opened = Instant::now();
        let held: Vec<_> = futures::stream::iter(open).buffer_unordered(32).collect().await;
        ensure!(held.iter().all(Result::is_ok), "a connection was refused, where a request is to be");
        ensure!(opened.elapsed() < Duration::from_secs(25), "too slow to hold them all at once: {:?}", opened.elapsed());
        let deadline = Instant::now() + Duration::from_secs(5);
        let refused = loop {
            let answer = exchange(&session, &[head("GET", MAPS, &session.token, &[]).as_bytes()]).await?;
            if answer.starts_with("HTTP/1.1 429") {
                break answer;
            }
            ensure!(Instant::now() < deadline, "not refused: {answer}");
        };
        ensure_says(&refused, "429", "Too many requests, please try again later.")?;
        ensure!(refused.to_lowercase().contains("\r\nretry-after: 1\r\n"), "{refused}");
        drop(held);
        session.until(MAPS, Duration::from_secs(20), |answer| answer.status == 200).await?;
        Ok(())
    })
    .await?;
    server.stop().await?;
    Ok(())
}
