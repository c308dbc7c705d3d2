//! Bytes of a body to a value: size, compression, media type, nesting, JSON, YAML and protobuf. Errors in upstream's words.

use super::tape;
use crate::admit::limits::Seat;
use crate::status::{Outcome, Refusal};
use ::bytes::{Bytes, BytesMut};
use axum::body::Body;
use http::{HeaderMap, Request, header};
use http_body_util::BodyExt;
use serde_json::Value;
use std::io::Read as _;
use std::sync::Arc;
use std::time::Duration;

/// Largest body in bytes, as it comes and as it is once inflated (upstream's 3 MiB).
pub const BODY_BYTES_MAX: u64 = 3 << 20;
/// Longest time a client may take to send a body, seconds; then 408.
pub const BODY_SECONDS_MAX: u64 = 30;
/// Bytes of a body that is too large which are read and dropped, so that a client over HTTP/1 comes to read its refusal.
const DROPPED_BYTES_MAX: u64 = 16 << 20;
/// How long they are waited for, seconds.
const DROPPED_SECONDS_MAX: u64 = 5;
/// Levels that a document may nest. Below what serde_json reads (128), because `managedFields` repeat the document's nesting a
/// few levels further down, and a stored body must be readable.
pub const DEPTH_MAX: usize = skiff_patch::json::DEPTH_MAX;

/// What a request body is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Media {
    /// JSON.
    Json,
    /// YAML.
    Yaml,
    /// Kubernetes protobuf.
    Protobuf,
}

/// The media type of an object body.
///
/// # Errors
/// 415.
pub fn media(content_type: Option<&str>) -> Outcome<Media> {
    match content_type.unwrap_or("application/json").split(';').next().unwrap_or_default().trim() {
        "application/json" | "" => Ok(Media::Json),
        "application/yaml" => Ok(Media::Yaml),
        "application/vnd.kubernetes.protobuf" => Ok(Media::Protobuf),
        _ => Err(Refusal::media_type(
            "the body of the request was in an unknown format - accepted media types include: application/json, application/yaml, application/vnd.kubernetes.protobuf",
        )),
    }
}

/// Reads a body whole, within its bounds, and inflates it if it is compressed.
///
/// # Errors
/// 413 above [`BODY_BYTES_MAX`], 408 if the client is too slow, 400 if it breaks off, 415 for an unknown coding, 429 if the
/// user's requests hold too much already.
pub async fn read(request: Request<Body>) -> Outcome<Bytes> {
    let seat = request.extensions().get::<Arc<Seat>>().cloned();
    let zipped = is_zipped(request.headers())?;
    let mut body = request.into_body();
    let bytes = match tokio::time::timeout(Duration::from_secs(BODY_SECONDS_MAX), receive(&mut body, seat.as_deref())).await {
        Err(_) => return Err(Refusal::new(408, "Timeout", "the request body was not received in time")),
        Ok(Ok(bytes)) => bytes,
        Ok(Err(refusal)) => {
            let _ = tokio::time::timeout(Duration::from_secs(DROPPED_SECONDS_MAX), drop_rest(&mut body)).await;
            return Err(refusal);
        }
    };
    if zipped { inflate(&bytes, seat.as_deref()) } else { Ok(bytes) }
}

async fn receive(body: &mut Body, seat: Option<&Seat>) -> Outcome<Bytes> {
    let too_large = || Err(Refusal::too_large(BODY_BYTES_MAX));
    let announced = http_body::Body::size_hint(body).lower();
    if announced > BODY_BYTES_MAX {
        return too_large();
    }
    // No more is set aside than has been seen: an announcement alone must not cost memory.
    let mut whole = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| Refusal::bad_request(format!("reading the body: {error}")))?;
        let Some(data) = frame.data_ref() else { continue };
        if (whole.len() + data.len()) as u64 > BODY_BYTES_MAX {
            return too_large();
        }
        seat.map_or(Ok(()), |seat| seat.hold(data.len()))?;
        whole.extend_from_slice(data);
    }
    Ok(whole.freeze())
}

async fn drop_rest(body: &mut Body) {
    let mut dropped = 0;
    while let Some(Ok(frame)) = body.frame().await {
        dropped += frame.data_ref().map_or(0, |data| data.len() as u64);
        if dropped > DROPPED_BYTES_MAX {
            return;
        }
    }
}

/// Whether a body is compressed.
///
/// # Errors
/// 415 for a coding that is not gzip.
fn is_zipped(headers: &HeaderMap) -> Outcome<bool> {
    match headers.get(header::CONTENT_ENCODING).map(|value| value.as_bytes().to_ascii_lowercase()) {
        None => Ok(false),
        Some(coding) => match coding.as_slice() {
            b"" | b"identity" => Ok(false),
            b"gzip" | b"x-gzip" => Ok(true),
            other => Err(Refusal::media_type(format!(
                "the body of the request was in an unknown content encoding {:?} - accepted: gzip, identity",
                String::from_utf8_lossy(other)
            ))),
        },
    }
}

/// Inflates, and stops at the bound: what a small body may become is the sender's choice, what it costs is ours.
fn inflate(bytes: &[u8], seat: Option<&Seat>) -> Outcome<Bytes> {
    let mut inflated = Vec::new();
    flate2::read::MultiGzDecoder::new(bytes)
        .take(BODY_BYTES_MAX + 1)
        .read_to_end(&mut inflated)
        .map_err(|error| Refusal::bad_request(format!("the body is no gzip: {error}")))?;
    if inflated.len() as u64 > BODY_BYTES_MAX {
        return Err(Refusal::too_large(BODY_BYTES_MAX));
    }
    seat.map_or(Ok(()), |seat| seat.hold(inflated.len()))?;
    Ok(inflated.into())
}

/// A document that nests too deep is refused before anything walks it.
///
/// # Errors
/// 400 with the Go decoder's text.
fn shallow(value: Value) -> Outcome<Value> {
    if skiff_patch::json::nests_within(&value, DEPTH_MAX) { Ok(value) } else { Err(Refusal::bad_request("exceeded max depth")) }
}

/// Parses an object body. `type_name` is what upstream puts into its message.
///
/// # Errors
/// 400 with upstream's text.
pub fn parse(media: Media, bytes: &[u8]) -> Outcome<Value> {
    match media {
        Media::Json => json(bytes),
        Media::Yaml => yaml(bytes),
        Media::Protobuf => {
            skiff_proto::decode_object(bytes, 64).map_err(|e| Refusal::bad_request(e.to_string())).and_then(shallow)
        }
    }
}

/// Parses JSON: through simd-json, and what it does not take through serde_json, for the error's place and text.
///
/// # Errors
/// The Go decoder's text, as far as it can be known.
pub fn json(bytes: &[u8]) -> Outcome<Value> {
    if let Some(value) = tape::parse(bytes) {
        return shallow(value);
    }
    serde_json::from_slice(bytes).map_err(|error| Refusal::bad_request(json_error(bytes, &error))).and_then(shallow)
}

/// Go's words for a JSON error, from serde_json's place of it.
#[must_use]
pub fn json_error(bytes: &[u8], error: &serde_json::Error) -> String {
    if error.is_eof() {
        return "unexpected end of JSON input".into();
    }
    if error.to_string().starts_with("recursion limit") {
        return "exceeded max depth".into();
    }
    let lines: Vec<&[u8]> = bytes.split(|b| *b == b'\n').collect();
    let line = lines.get(error.line().saturating_sub(1)).copied().unwrap_or_default();
    let bad = line.get(error.column().saturating_sub(1)).copied().unwrap_or(b'?');
    let text = error.to_string();
    let place = if text.starts_with("key must be a string") {
        "looking for beginning of object key string"
    } else if text.starts_with("expected value") {
        "looking for beginning of value"
    } else if text.starts_with("expected `,` or `}`") {
        "after object key:value pair"
    } else if text.starts_with("expected `,` or `]`") {
        "after array element"
    } else if text.starts_with("expected `:`") {
        "after object key"
    } else if text.starts_with("trailing characters") {
        "after top-level value"
    } else {
        "in literal"
    };
    format!("invalid character {} {place}", quoted(bad))
}

/// A byte as Go's decoder quotes it.
fn quoted(byte: u8) -> String {
    match byte {
        b'\'' => "'\\''".into(),
        b'\\' => "'\\\\'".into(),
        b'\n' => "'\\n'".into(),
        b'\r' => "'\\r'".into(),
        b'\t' => "'\\t'".into(),
        0..0x20 | 0x7f => format!("'\\x{byte:02x}'"),
        0x80..=0xa0 | 0xad => format!("'\\u{byte:04x}'"),
        other => format!("'{}'", other as char),
    }
}

/// Parses YAML (of which JSON is a part).
///
/// # Errors
/// 400.
pub fn yaml(bytes: &[u8]) -> Outcome<Value> {
    if bytes.first() == Some(&b'{')
        && let Ok(value) = json(bytes)
    {
        return shallow(value);
    }
    let text = std::str::from_utf8(bytes).map_err(|e| Refusal::bad_request(format!("error converting YAML to JSON: {e}")))?;
    // Of duplicate keys the last wins, as in Go's decoder; who must know of them asks `yaml_duplicate`.
    let options = serde_saphyr::options! { duplicate_keys: serde_saphyr::DuplicateKeyPolicy::LastWins };
    serde_saphyr::from_str_with_options(text, options)
        .map_err(|e| Refusal::bad_request(format!("error converting YAML to JSON: yaml: {e}")))
        .and_then(shallow)
}

/// The first key that is twice in a mapping, in the words of Go's strict decoder.
#[must_use]
pub fn yaml_duplicate(bytes: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(bytes).ok()?;
    let options = serde_saphyr::options! { with_snippet: false, duplicate_keys: serde_saphyr::DuplicateKeyPolicy::Error };
    match serde_saphyr::from_str_with_options::<Value>(text, options) {
        Err(serde_saphyr::Error::DuplicateMappingKey { key, location }) => {
            let key = key.unwrap_or_default();
            let place = format!("line {}: key {key:?} already set in map", location.line());
            Some(format!("yaml: unmarshal errors:\n  {place}"))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_duplicate_keys_the_last_wins_and_the_line_is_known() {
        let text = b"\nspec:\n  foo: a\n  foo: b\n";
        assert_eq!(yaml(text).unwrap(), serde_json::json!({"spec": {"foo": "b"}}));
        let said = yaml_duplicate(text).unwrap();
        assert_eq!(said, "yaml: unmarshal errors:\n  line 4: key \"foo\" already set in map");
        assert_eq!(yaml_duplicate(b"a: 1\nb: 1\n"), None);
    }
}
