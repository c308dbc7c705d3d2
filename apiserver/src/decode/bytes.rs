//! Bytes of a body to a value: media type, size, nesting, JSON, YAML and protobuf. Errors in upstream's words.

use super::tape;
use crate::status::{Outcome, Refusal};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde_json::Value;

/// Largest body in bytes (upstream's 3 MiB).
pub const BODY_BYTES_MAX: u64 = 3 << 20;
/// Longest time a client may take to send a body, seconds; then 408.
pub const BODY_SECONDS_MAX: u64 = 30;

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

/// Reads a body whole, within its bounds.
///
/// # Errors
/// 413 above [`BODY_BYTES_MAX`], 408 if the client is too slow, 400 if it breaks off.
pub async fn read<B>(body: B) -> Outcome<bytes::Bytes>
where
    B: http_body::Body<Data = bytes::Bytes>,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let limited = Limited::new(body, BODY_BYTES_MAX as usize);
    let wait = std::time::Duration::from_secs(BODY_SECONDS_MAX);
    match tokio::time::timeout(wait, Box::pin(limited).collect()).await {
        Err(_) => Err(Refusal::new(408, "Timeout", "the request body was not received in time")),
        Ok(Ok(collected)) => Ok(collected.to_bytes()),
        Ok(Err(error)) if error.downcast_ref::<LengthLimitError>().is_some() => Err(Refusal::too_large(BODY_BYTES_MAX)),
        Ok(Err(error)) => Err(Refusal::bad_request(format!("reading the body: {error}"))),
    }
}

/// Parses an object body. `type_name` is what upstream puts into its message.
///
/// # Errors
/// 400 with upstream's text.
pub fn parse(media: Media, bytes: &[u8]) -> Outcome<Value> {
    match media {
        Media::Json => json(bytes),
        Media::Yaml => yaml(bytes),
        Media::Protobuf => skiff_proto::decode_object(bytes, 64).map_err(|e| Refusal::bad_request(e.to_string())),
    }
}

/// Parses JSON: through simd-json, and what it does not take through serde_json, for the error's place and text.
///
/// # Errors
/// The Go decoder's text, as far as it can be known.
pub fn json(bytes: &[u8]) -> Outcome<Value> {
    if let Some(value) = tape::parse(bytes) {
        return Ok(value);
    }
    serde_json::from_slice(bytes).map_err(|error| Refusal::bad_request(json_error(bytes, &error)))
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
        return Ok(value);
    }
    let text = std::str::from_utf8(bytes).map_err(|e| Refusal::bad_request(format!("error converting YAML to JSON: {e}")))?;
    // Of duplicate keys the last wins, as in Go's decoder; who must know of them asks `yaml_duplicate`.
    let options = serde_saphyr::options! { duplicate_keys: serde_saphyr::DuplicateKeyPolicy::LastWins };
    serde_saphyr::from_str_with_options(text, options)
        .map_err(|e| Refusal::bad_request(format!("error converting YAML to JSON: yaml: {e}")))
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
