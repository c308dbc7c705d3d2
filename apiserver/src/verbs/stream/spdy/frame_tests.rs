//! Frames there and back, and against bytes that another implementation wrote.

use super::*;

fn headers(pairs: &[(&str, &str)]) -> Headers {
    Headers(pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
}

fn all(reading: &mut Reading, bytes: &[u8]) -> Vec<Frame> {
    let mut buffer = BytesMut::from(bytes);
    let mut frames = Vec::new();
    while let Some(frame) = reading.decode(&mut buffer).unwrap() {
        frames.push(frame);
    }
    assert!(buffer.is_empty());
    frames
}

#[test]
fn there_and_back() {
    let frames = vec![
        Frame::Open { stream: 1, headers: headers(&[("streamtype", "stdin")]), fin: false },
        Frame::Reply { stream: 1, headers: Headers::default(), fin: false },
        Frame::Data { stream: 1, bytes: Bytes::from_static(b"hello"), fin: false },
        Frame::Open { stream: 3, headers: headers(&[("streamtype", "stdout"), ("a", "")]), fin: true },
        Frame::Data { stream: 3, bytes: Bytes::new(), fin: true },
        Frame::Reset { stream: 3, reason: Reason::Cancel as u32 },
        Frame::Ping(7),
        Frame::GoAway { last: 3 },
    ];
    let (mut writing, mut bytes) = (Writing::new(), BytesMut::new());
    for frame in &frames {
        writing.encode(frame.clone(), &mut bytes).unwrap();
    }
    assert_eq!(all(&mut Reading::new(), &bytes), frames);
    // A byte at a time, as a slow network would bring them.
    let (mut reading, mut buffer, mut slowly) = (Reading::new(), BytesMut::new(), Vec::new());
    for byte in &bytes {
        buffer.put_u8(*byte);
        slowly.extend(reading.decode(&mut buffer).unwrap());
    }
    assert_eq!(slowly, frames);
}

/// Written by github.com/moby/spdystream v0.5.1, which client-go uses.
#[test]
fn bytes_of_client_go() {
    let wire = concat!(
        "800300010000003d0000000100000000000078f9e3c6a7c202253a703a2b294a4dcc851625aca9a0808614cb45a024cc6461c0c0c0c0590489c4",
        "4c50e2663400000000ffff",
        "800300010000001a00000003000000000000826a25a406d56850299508000000ffff",
        "00000003010000026869",
        "8003000600000004000000018003000300000008000000030000000580030007000000080000000300000000",
    );
    let frames = all(&mut Reading::new(), &hex::decode(wire).unwrap());
    let types: Vec<&Frame> = frames.iter().collect();
    let [Frame::Open { stream: 1, headers: error, fin: false }, Frame::Open { stream: 3, headers: data, fin: false }, rest @ ..] =
        types.as_slice()
    else {
        panic!("{frames:?}")
    };
    assert_eq!((error.get("streamtype"), error.get("port"), error.get("requestid")), ("error", "80", "0"));
    assert_eq!((data.get("streamtype"), data.get("port"), data.get("requestid")), ("data", "80", "0"));
    let wanted = [
        Frame::Data { stream: 3, bytes: Bytes::from_static(b"hi"), fin: true },
        Frame::Ping(1),
        Frame::Reset { stream: 3, reason: 5 },
        Frame::GoAway { last: 3 },
    ];
    assert!(rest.iter().copied().eq(wanted.iter()));
}

#[test]
fn what_is_refused() {
    let refused = |bytes: &[u8]| Reading::new().decode(&mut BytesMut::from(bytes)).is_err();
    assert!(refused(&[0, 0, 0, 1, 0, 0x10, 0, 1]), "more than a mebibyte");
    assert!(refused(&[0x80, 2, 0, 6, 0, 0, 0, 4, 0, 0, 0, 1]), "another version");
    assert!(refused(&[0x80, 3, 0, 6, 0, 0, 0, 2, 0, 0]), "too short");
    assert!(refused(&[0x80, 3, 0, 1, 0, 0, 0, 12, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1, 2]), "no headers");
}
