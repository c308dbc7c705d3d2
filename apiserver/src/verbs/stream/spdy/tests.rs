//! A session and a client of it, over a pipe.

use super::*;
use std::time::Duration;
use tokio::io::DuplexStream;

struct Client {
    read: FramedRead<tokio::io::ReadHalf<DuplexStream>, Reading>,
    write: FramedWrite<tokio::io::WriteHalf<DuplexStream>, Writing>,
}

impl Client {
    fn connect() -> (Session, Client) {
        let (near, far) = tokio::io::duplex(4096);
        let (read, write) = tokio::io::split(far);
        (
            Session::new(near),
            Client { read: FramedRead::new(read, Reading::new()), write: FramedWrite::new(write, Writing::new()) },
        )
    }

    async fn say(&mut self, frame: Frame) {
        self.write.send(frame).await.unwrap();
    }

    async fn open(&mut self, stream: u32) {
        let headers = Headers(vec![("streamtype".into(), "data".into())]);
        self.say(Frame::Open { stream, headers, fin: false }).await;
    }

    async fn hear(&mut self) -> Frame {
        self.read.next().await.unwrap().unwrap()
    }
}

fn data(stream: u32, bytes: &'static [u8], fin: bool) -> Frame {
    Frame::Data { stream, bytes: Bytes::from_static(bytes), fin }
}

#[tokio::test]
async fn a_stream_lives_and_ends() {
    let (mut session, mut client) = Client::connect();
    client.open(1).await;
    let mut stream = session.opened().await.unwrap();
    assert_eq!((stream.id, stream.headers.get("streamtype")), (1, "data"));
    assert!(stream.accept().await);
    assert_eq!(client.hear().await, Frame::Reply { stream: 1, headers: Headers::default(), fin: false });

    client.say(data(1, b"hello", false)).await;
    client.say(data(1, b"", true)).await;
    assert!(matches!(stream.incoming.recv().await, Some(Said::Data(chunk)) if chunk.bytes().as_ref() == b"hello"));
    assert!(matches!(stream.incoming.recv().await, Some(Said::Fin)));

    assert!(stream.outlet.send(Bytes::from_static(b"world")).await);
    stream.outlet.finish().await;
    assert_eq!(client.hear().await, data(1, b"world", false));
    assert_eq!(client.hear().await, data(1, b"", true));

    client.say(Frame::Reset { stream: 1, reason: Reason::Cancel as u32 }).await;
    assert!(stream.incoming.recv().await.is_none());
}

#[tokio::test]
async fn large_answers_come_in_pieces() {
    let (mut session, mut client) = Client::connect();
    client.open(1).await;
    let stream = session.opened().await.unwrap();
    let sending = tokio::spawn(async move { stream.outlet.send(Bytes::from(vec![7; PIECE_BYTES_MAX + 1])).await });
    let mut got = 0;
    while got <= PIECE_BYTES_MAX {
        let Frame::Data { bytes, .. } = client.hear().await else { panic!("data") };
        got += bytes.len();
    }
    assert!(sending.await.unwrap());
}

#[tokio::test]
async fn pings_and_wrong_numbers() {
    let (mut session, mut client) = Client::connect();
    client.say(Frame::Ping(5)).await;
    assert_eq!(client.hear().await, Frame::Ping(5));
    client.open(3).await;
    let third = session.opened().await.unwrap();
    for wrong in [2, 1, 3] {
        client.open(wrong).await;
        assert_eq!(client.hear().await, Frame::Reset { stream: wrong, reason: Reason::ProtocolError as u32 });
    }
    third.refuse().await;
    assert_eq!(client.hear().await, Frame::Reset { stream: 3, reason: Reason::RefusedStream as u32 });
}

#[tokio::test]
async fn the_end_of_a_client_ends_its_streams() {
    for farewell in [true, false] {
        let (mut session, mut client) = Client::connect();
        client.open(1).await;
        let mut stream = session.opened().await.unwrap();
        if farewell {
            client.say(Frame::GoAway { last: 0 }).await;
            assert!(stream.incoming.recv().await.is_none());
        }
        drop(client);
        assert!(stream.incoming.recv().await.is_none());
        assert!(session.opened().await.is_none());
    }
}

#[tokio::test]
async fn the_end_of_a_session_is_heard() {
    let (mut session, mut client) = Client::connect();
    client.open(1).await;
    let stream = session.opened().await.unwrap();
    stream.outlet.finish().await;
    drop(stream);
    tokio::time::timeout(Duration::from_secs(2), session.end()).await.unwrap();
    assert_eq!(client.hear().await, data(1, b"", true));
    assert_eq!(client.hear().await, Frame::GoAway { last: 0 });
    assert!(client.read.next().await.is_none());
}
