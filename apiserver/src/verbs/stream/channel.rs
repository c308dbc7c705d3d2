//! Channels in WebSocket messages: the first byte of each says which. The codec, and nothing of what the channels are for.
//!
//! Fed by the WebSocket forms of a console and of a port-forward.

use axum::extract::ws::{CloseFrame, Message, close_code};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;

/// How bytes look in a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Channel number and bytes, in a binary message.
    Binary,
    /// Channel digit and base64, in a text message.
    Base64,
}

impl Form {
    /// Bytes of a channel as a message.
    #[must_use]
    pub fn wrap(self, channel: u8, data: &[u8]) -> Message {
        match self {
            Form::Binary => {
                let mut frame = Vec::with_capacity(data.len() + 1);
                frame.push(channel);
                frame.extend_from_slice(data);
                Message::Binary(frame.into())
            }
            Form::Base64 => {
                let mut text = String::with_capacity(data.len().div_ceil(3) * 4 + 1);
                text.push(char::from(b'0'.wrapping_add(channel)));
                STANDARD.encode_string(data, &mut text);
                Message::Text(text.into())
            }
        }
    }

    /// Channel and bytes of a message; `None` for one that carries neither. As upstream, text is taken for binary and the
    /// other way round.
    #[must_use]
    pub fn unwrap(self, message: Message) -> Option<(u8, Bytes)> {
        let mut bytes: Bytes = match message {
            Message::Binary(bytes) => bytes,
            Message::Text(text) => text.into(),
            _ => return None,
        };
        if bytes.is_empty() {
            return None;
        }
        let channel = bytes.split_to(1)[0];
        match self {
            Form::Binary => Some((channel, bytes)),
            Form::Base64 => Some((channel.wrapping_sub(b'0'), STANDARD.decode(&bytes).ok()?.into())),
        }
    }
}

/// A close frame that clients take for a good end.
#[must_use]
pub fn goodbye() -> Message {
    Message::Close(Some(CloseFrame { code: close_code::NORMAL, reason: "".into() }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_there_and_back() {
        for form in [Form::Binary, Form::Base64] {
            for data in [&b""[..], b"x", b"\x00\xff binary", b"four"] {
                assert_eq!(form.unwrap(form.wrap(3, data)), Some((3, Bytes::copy_from_slice(data))));
            }
        }
        assert_eq!(Form::Binary.wrap(1, b"hi"), Message::Binary(Bytes::from_static(b"\x01hi")));
        assert_eq!(Form::Base64.wrap(1, b"\n"), Message::Text("1Cg==".into()));
    }

    #[test]
    fn what_is_no_channel() {
        assert_eq!(Form::Binary.unwrap(Message::Binary(Bytes::new())), None);
        assert_eq!(Form::Base64.unwrap(Message::Text("0*".into())), None);
        assert_eq!(Form::Binary.unwrap(Message::Ping(Bytes::from_static(b"\x01"))), None);
    }
}
