//! Clients of each protocol against the whole room, with a node that echoes.

use super::console::Deed;
use super::forward;
use super::job::{ConsoleJob, ForwardJob, Job, Wants};
use super::side::{Dial, Side};
use super::spdy::Headers;
use super::spdy::frame::{Frame, Reading, Writing};
use super::*;
use bytes::{Bytes, BytesMut};
use futures::{SinkExt, StreamExt};
use hyper_util::rt::TokioIo;
use skiff_engine::wire::{SandboxKey, StreamExit, StreamFrame, StreamRequest};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Message, protocol::CloseFrame};
use tokio_tungstenite::{WebSocketStream, client_async};
use tokio_util::codec::{Decoder, Encoder};

const KEY: SandboxKey = SandboxKey { revision: 1, seq: 2 };

/// A node on which every process is `cat` with exit code 3, and every port but 81 echoes.
fn echo() -> Dial {
    Arc::new(|request| {
        Box::pin(async move {
            if let StreamRequest::Exec { command, .. } = &request
                && command.first().is_some_and(|c| c == "unreachable")
            {
                return None;
            }
            let (to, mut input) = mpsc::channel(4);
            let (output, from) = mpsc::channel(4);
            tokio::spawn(async move {
                if matches!(request, StreamRequest::Forward { port: 81, .. }) {
                    return output.send(StreamFrame::Exit(StreamExit::Failed("refused".into()))).await;
                }
                while let Some(frame) = input.recv().await {
                    match frame {
                        StreamFrame::Stdin(bytes) | StreamFrame::Stdout(bytes) if bytes.is_empty() => break,
                        StreamFrame::Stdin(bytes) | StreamFrame::Stdout(bytes) => output.send(StreamFrame::Stdout(bytes)).await?,
                        StreamFrame::Resize { width, height } => {
                            output.send(StreamFrame::Stdout(format!("{width}x{height}").into_bytes())).await?;
                        }
                        _ => {}
                    }
                }
                output.send(StreamFrame::Exit(StreamExit::Code(3))).await
            });
            Some(Side::over(from, to))
        })
    })
}

fn exec(command: &str, tty: bool) -> Job {
    let wants = Wants { stdin: true, stdout: true, stderr: !tty, tty };
    let request = StreamRequest::Exec { key: KEY, container: "c".into(), command: vec![command.into()], stdin: true, tty };
    Job::Console(ConsoleJob { request, wants, deed: Deed::Exec })
}

fn forwarding(ports: &[&str]) -> Job {
    let ports = ports.iter().map(|p| (*p).to_owned()).collect();
    Job::Forward(ForwardJob { key: KEY, pod: "p".into(), uid: "u".into(), ports })
}

/// A connection to a server that serves one job.
fn serve(job: Job) -> DuplexStream {
    let (near, far) = tokio::io::duplex(64 << 10);
    tokio::spawn(async move {
        let service = hyper::service::service_fn(move |request: Request<hyper::body::Incoming>| {
            let job = job.clone();
            async move {
                let answer = begin(job, echo(), request.map(Body::new)).await;
                Ok::<_, std::convert::Infallible>(answer.unwrap_or_else(|refusal| {
                    Response::builder().status(refusal.code).body(Body::from(refusal.message)).unwrap()
                }))
            }
        });
        let server = hyper::server::conn::http1::Builder::new();
        server.serve_connection(TokioIo::new(near), service).with_upgrades().await
    });
    far
}

type Socket = WebSocketStream<DuplexStream>;

async fn websocket(job: Job, protocol: &str) -> Socket {
    let mut request = "ws://x/".into_client_request().unwrap();
    request.headers_mut().insert("sec-websocket-protocol", protocol.parse().unwrap());
    let (socket, response) = client_async(request, serve(job)).await.unwrap();
    assert_eq!(response.headers()["sec-websocket-protocol"], protocol);
    socket
}

async fn next(socket: &mut Socket) -> Message {
    tokio::time::timeout(Duration::from_secs(5), socket.next()).await.unwrap().unwrap().unwrap()
}

async fn bytes(socket: &mut Socket) -> Bytes {
    next(socket).await.into_data()
}

fn closed_well(message: Message) -> bool {
    matches!(message, Message::Close(Some(CloseFrame { code, .. })) if u16::from(code) == 1000)
}

#[tokio::test]
async fn exec_in_websocket() {
    let mut socket = websocket(exec("cat", true), "v5.channel.k8s.io").await;
    assert_eq!(bytes(&mut socket).await.as_ref(), b"\x01");
    socket.send(Message::binary(&b"\x00hello"[..])).await.unwrap();
    assert_eq!(bytes(&mut socket).await.as_ref(), b"\x01hello");
    socket.send(Message::binary(&b"\x04{\"Width\":80,\"Height\":24}"[..])).await.unwrap();
    assert_eq!(bytes(&mut socket).await.as_ref(), b"\x0180x24");
    socket.send(Message::binary(&b"\xff\x00"[..])).await.unwrap();
    let status = bytes(&mut socket).await;
    assert!(status.starts_with(b"\x03{\"metadata\":{},\"status\":\"Failure\""), "{status:?}");
    assert!(status.ends_with(b"\"details\":{\"causes\":[{\"reason\":\"ExitCode\",\"message\":\"3\"}]}}"), "{status:?}");
    assert!(closed_well(next(&mut socket).await));
}

#[tokio::test]
async fn exec_in_base64_without_a_node() {
    let mut socket = websocket(exec("unreachable", false), "base64.channel.k8s.io").await;
    assert_eq!(next(&mut socket).await, Message::text("1"));
    let said = super::channel::Form::Base64
        .unwrap(axum::extract::ws::Message::Text(next(&mut socket).await.into_text().unwrap().as_str().into()));
    let words = "Internal error occurred: error dialing backend: the node does not answer";
    assert_eq!(said, Some((3, Bytes::from_static(words.as_bytes()))));
    assert!(closed_well(next(&mut socket).await));
}

/// Frames of a client, over whatever carries its bytes.
struct Frames {
    reading: Reading,
    writing: Writing,
    unread: BytesMut,
}

impl Frames {
    fn new() -> Frames {
        Frames { reading: Reading::new(), writing: Writing::new(), unread: BytesMut::new() }
    }

    fn packed(&mut self, frames: Vec<Frame>) -> BytesMut {
        let mut bytes = BytesMut::new();
        for frame in frames {
            self.writing.encode(frame, &mut bytes).unwrap();
        }
        bytes
    }
}

fn open(stream: u32, headers: &[(&str, &str)]) -> Frame {
    let headers = Headers(headers.iter().map(|(n, v)| ((*n).into(), (*v).into())).collect());
    Frame::Open { stream, headers, fin: false }
}

fn data(stream: u32, text: &'static str, fin: bool) -> Frame {
    Frame::Data { stream, bytes: Bytes::from_static(text.as_bytes()), fin }
}

fn reply(stream: u32) -> Frame {
    Frame::Reply { stream, headers: Headers::default(), fin: false }
}

async fn spdy_upgraded(job: Job, protocol: &str) -> DuplexStream {
    let mut io = serve(job);
    let head = format!(
        "POST /x HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\nX-Stream-Protocol-Version: nothing\r\n\
         X-Stream-Protocol-Version: {protocol}\r\nContent-Length: 0\r\n\r\n"
    );
    io.write_all(head.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\n") {
        answer.push(io.read_u8().await.unwrap());
    }
    let answer = String::from_utf8(answer).unwrap().to_lowercase();
    assert!(answer.starts_with("http/1.1 101"), "{answer}");
    assert!(answer.contains(&format!("x-stream-protocol-version: {protocol}\r\n")), "{answer}");
    assert!(answer.contains("upgrade: spdy/3.1\r\n"), "{answer}");
    io
}

async fn hear(io: &mut DuplexStream, frames: &mut Frames) -> Frame {
    loop {
        if let Some(frame) = frames.reading.decode(&mut frames.unread).unwrap() {
            return frame;
        }
        let read = tokio::time::timeout(Duration::from_secs(5), io.read_buf(&mut frames.unread)).await.unwrap().unwrap();
        assert!(read > 0, "the connection ended");
    }
}

#[tokio::test]
async fn exec_in_spdy() {
    let mut io = spdy_upgraded(exec("cat", true), "v4.channel.k8s.io").await;
    let mut frames = Frames::new();
    let kinds = ["error", "stdin", "stdout", "resize"];
    let opens = kinds.iter().zip([1, 3, 5, 7]).map(|(kind, stream)| open(stream, &[("streamType", kind)])).collect();
    let packed = frames.packed(opens);
    io.write_all(&packed).await.unwrap();
    for stream in [1, 3, 5, 7] {
        assert_eq!(hear(&mut io, &mut frames).await, reply(stream));
    }
    let packed = frames.packed(vec![data(1, "", true), data(3, "hello", false)]);
    io.write_all(&packed).await.unwrap();
    assert_eq!(hear(&mut io, &mut frames).await, data(5, "hello", false));
    let packed = frames.packed(vec![data(7, "{\"Width\":80,\"Height\":24}\n", false)]);
    io.write_all(&packed).await.unwrap();
    assert_eq!(hear(&mut io, &mut frames).await, data(5, "80x24", false));
    let packed = frames.packed(vec![data(3, "", true)]);
    io.write_all(&packed).await.unwrap();
    let Frame::Data { stream: 1, bytes, fin: false } = hear(&mut io, &mut frames).await else { panic!("a status") };
    assert!(bytes.starts_with(b"{\"metadata\":{},\"status\":\"Failure\""), "{bytes:?}");
    for stream in [1, 5, 3, 7] {
        assert_eq!(hear(&mut io, &mut frames).await, data(stream, "", true));
    }
    let packed = frames.packed(vec![Frame::GoAway { last: 0 }]);
    io.write_all(&packed).await.unwrap();
    assert_eq!(hear(&mut io, &mut frames).await, Frame::GoAway { last: 0 });
}

fn pair(error: u32, port: &str) -> Vec<Frame> {
    let id = error.to_string();
    let with = |stream, kind| open(stream, &[("streamType", kind), ("port", port), ("requestID", &id)]);
    vec![with(error, "error"), data(error, "", true), with(error + 2, "data")]
}

#[tokio::test]
async fn forward_in_spdy() {
    let mut io = spdy_upgraded(forwarding(&[]), forward::spdy::PROTOCOL).await;
    let mut frames = Frames::new();
    let mut sent = pair(1, "80");
    sent.extend([data(3, "ping", false), data(3, "", true)]);
    let packed = frames.packed(sent);
    io.write_all(&packed).await.unwrap();
    for expected in [reply(1), reply(3), data(3, "ping", false), data(1, "", true), data(3, "", true)] {
        assert_eq!(hear(&mut io, &mut frames).await, expected);
    }
    let packed = frames.packed(pair(5, "81"));
    io.write_all(&packed).await.unwrap();
    let words = "error forwarding port 81 to pod p, uid u: refused";
    for expected in [reply(5), reply(7), data(5, words, false), data(5, "", true), data(7, "", true)] {
        assert_eq!(hear(&mut io, &mut frames).await, expected);
    }
    let packed = frames.packed(vec![open(9, &[("streamType", "data"), ("port", "0")])]);
    io.write_all(&packed).await.unwrap();
    assert!(matches!(hear(&mut io, &mut frames).await, Frame::Reset { stream: 9, .. }));
}

#[tokio::test]
async fn forward_in_a_tunnel() {
    let mut socket = websocket(forwarding(&[]), TUNNELS[0]).await;
    let mut frames = Frames::new();
    let mut sent = pair(1, "80");
    sent.extend([data(3, "ping", false), data(3, "", true)]);
    // Borders of messages mean nothing.
    for piece in frames.packed(sent).chunks(7) {
        socket.send(Message::binary(piece.to_vec())).await.unwrap();
    }
    for expected in [reply(1), reply(3), data(3, "ping", false), data(1, "", true), data(3, "", true)] {
        let frame = loop {
            if let Some(frame) = frames.reading.decode(&mut frames.unread).unwrap() {
                break frame;
            }
            frames.unread.extend_from_slice(&bytes(&mut socket).await);
        };
        assert_eq!(frame, expected);
    }
    socket.close(None).await.unwrap();
    while let Some(Ok(_)) = socket.next().await {}
}

#[tokio::test]
async fn forward_in_websocket_channels() {
    let mut socket = websocket(forwarding(&["80", "81"]), "v4.channel.k8s.io").await;
    let mut heard = vec![];
    for _ in 0..5 {
        heard.push(bytes(&mut socket).await);
    }
    heard.sort();
    assert_eq!(heard[..3], [&b"\x00\x50\x00"[..], b"\x01\x50\x00", b"\x02\x51\x00"]);
    assert_eq!(heard[3..], [&b"\x03\x51\x00"[..], b"\x03error forwarding port 81 to pod p, uid u: refused"]);
    socket.send(Message::binary(&b"\x00ping"[..])).await.unwrap();
    assert_eq!(bytes(&mut socket).await.as_ref(), b"\x00ping");
    socket.close(None).await.unwrap();
    while let Some(Ok(_)) = socket.next().await {}
}

#[tokio::test]
async fn refusals() {
    let refused = async |job: Job, headers: &[(&str, &str)]| {
        let mut request = Request::builder();
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        match begin(job, echo(), request.body(Body::empty()).unwrap()).await {
            Ok(response) => response.status().as_u16(),
            Err(refusal) => refusal.code,
        }
    };
    assert_eq!(refused(exec("cat", false), &[]).await, 400);
    let upgrade = |to| [("connection", "Upgrade"), ("upgrade", to)];
    assert_eq!(refused(exec("cat", false), &upgrade("SPDY/3.1")).await, 400);
    let spdy = [upgrade("SPDY/3.1").as_slice(), &[("x-stream-protocol-version", "v9")]].concat();
    assert_eq!(refused(exec("cat", false), &spdy).await, 403);
    let socket = [upgrade("websocket").as_slice(), &[("sec-websocket-protocol", "v9")]].concat();
    assert_eq!(refused(exec("cat", false), &socket).await, 400);
    assert_eq!(refused(forwarding(&[]), &upgrade("websocket")).await, 400);
}
