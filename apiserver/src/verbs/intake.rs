//! A body to an object of its kind: parsed, typed, pruned, with upstream's words for everything that is wrong with it.

use super::ask::{Ask, FieldValidation};
use crate::decode::bytes::{self, Media};
use crate::registry::Kind;
use crate::status::{Outcome, Refusal};
use serde_json::Value;
use skiff_schema::check;

/// Parses a body and checks that it is of the kind asked for.
///
/// # Errors
/// 400, 415.
pub fn object(ask: &Ask, body: &[u8], validation: FieldValidation) -> Outcome<Value> {
    let media = bytes::media(ask.content_type.as_deref())?;
    let mut value = parse(ask, media, body)?;
    type_of(ask, &mut value)?;
    let raw = matches!(media, Media::Json).then_some(body);
    typed(ask, &ask.kind, &mut value, raw, validation)?;
    if matches!(media, Media::Yaml)
        && validation != FieldValidation::Ignore
        && let Some(text) = bytes::yaml_duplicate(body)
    {
        if validation == FieldValidation::Strict {
            return Err(Refusal::bad_request(format!("strict decoding error: {text}")));
        }
        ask.warn(text.replace('\n', " "));
    }
    Ok(value)
}

fn parse(ask: &Ask, media: Media, body: &[u8]) -> Outcome<Value> {
    let kind = ask.kind.kind();
    let shown = || {
        if body.is_empty() { "<empty>".to_owned() } else { String::from_utf8_lossy(&body[..body.len().min(1024)]).into_owned() }
    };
    let unrecognized = |why: &str| {
        Refusal::bad_request(format!(
            "the object provided is unrecognized (must be of type {kind}): couldn't get version/kind; json parse error: {why} ({})",
            shown()
        ))
    };
    match media {
        Media::Json => bytes::json(body).map_err(|e| unrecognized(&e.message)),
        Media::Yaml if body.is_empty() => Err(unrecognized("unexpected end of JSON input")),
        Media::Yaml | Media::Protobuf => bytes::parse(media, body),
    }
}

/// Kind and version of the body must be those of the path; missing ones are filled in.
fn type_of(ask: &Ask, value: &mut Value) -> Outcome<()> {
    let r = &ask.kind.resource;
    let want = r.api_version();
    let Some(map) = value.as_object_mut() else {
        let kind = ask.kind.kind();
        let what = skiff_patch::go_text::json_kind(value);
        return Err(Refusal::bad_request(format!(
            "the object provided is unrecognized (must be of type {kind}): couldn't get version/kind; json parse error: json: cannot unmarshal {what} into Go value of type struct {{ APIVersion string \"json:\\\"apiVersion,omitempty\\\"\"; Kind string \"json:\\\"kind,omitempty\\\"\" }}"
        )));
    };
    let text =
        |map: &serde_json::Map<String, Value>, key: &str| map.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let (kind, version) = (text(map, "kind"), text(map, "apiVersion"));
    // Knative's mutating webhook answers with the kind that it is registered for, whatever was sent.
    let mutated = skiff_knative::Kind::of(ask.kind.group(), ask.kind.kind()).is_some();
    let kind = if kind.is_empty() || mutated { r.kind.to_string() } else { kind };
    let version = if version.is_empty() { want.clone() } else { version };
    if r.custom && (kind != *r.kind || version != want) {
        if kind != *r.kind {
            return Err(Refusal::bad_request(format!(
                "the kind in the data ({kind}) does not match the expected kind ({})",
                r.kind
            )));
        }
        return Err(Refusal::bad_request(format!(
            "the API version in the data ({version}) does not match the expected API version ({want})"
        )));
    }
    if kind != *r.kind || version != want {
        let short = version.rsplit('/').next().unwrap_or_default();
        let known = skiff_kinds::table::resources().iter().any(|o| o.kind == kind && o.api_version() == version);
        let why = if known {
            let package = if r.group.is_empty() { "core" } else { r.group.split('.').next().unwrap_or_default() };
            format!("converting ({}.{kind}) to ({package}.{}): unknown conversion", go_package(&version), r.kind)
        } else {
            format!(
                "no kind {kind:?} is registered for version {version:?} in scheme \"k8s.io/apimachinery/pkg/runtime/scheme.go:110\""
            )
        };
        let short = if known { short } else { version.as_str() };
        return Err(Refusal::bad_request(check_text(&kind, short, &r.kind, &why)));
    }
    map.insert("kind".into(), kind.into());
    map.insert("apiVersion".into(), version.into());
    Ok(())
}

fn go_package(api_version: &str) -> &str {
    api_version.rsplit('/').next().unwrap_or_default()
}

fn check_text(kind: &str, version: &str, want: &str, why: &str) -> String {
    format!("{kind} in version {version:?} cannot be handled as a {want}: {why}")
}

/// Types and unknown fields, as `fieldValidation` says.
///
/// # Errors
/// 400 with the Go decoder's text.
pub fn typed(ask: &Ask, kind: &Kind, value: &mut Value, raw: Option<&[u8]>, validation: FieldValidation) -> Outcome<()> {
    let Some((schema, root)) = kind.schema() else { return Ok(()) };
    if let Some(version) = &kind.custom {
        return crate::custom::decode(ask, kind, version, value, raw, validation);
    }
    if kind.resource.custom {
        return Ok(()); // Knative's and custom resources have decoders of their own.
    }
    let name = kind.kind();
    let version = &*kind.resource.version;
    let problems: Vec<String> = match raw {
        Some(raw) if validation != FieldValidation::Ignore => {
            let found = skiff_schema::check::strict_problems(schema, root, raw);
            check::admit_built_in(schema, root, name, value)
                .map_err(|e| Refusal::bad_request(e.cannot_be_handled(name, version)))?;
            found
        }
        _ => check::admit_built_in(schema, root, name, value)
            .map_err(|e| Refusal::bad_request(e.cannot_be_handled(name, version)))?
            .iter()
            .map(ToString::to_string)
            .collect(),
    };
    report(ask, name, version, &problems, validation)
}

/// Unknown fields become warnings or a refusal.
///
/// # Errors
/// 400 for `Strict`.
pub fn report(ask: &Ask, kind: &str, version: &str, problems: &[String], validation: FieldValidation) -> Outcome<()> {
    match validation {
        _ if problems.is_empty() => Ok(()),
        FieldValidation::Ignore => Ok(()),
        FieldValidation::Warn => {
            problems.iter().for_each(|p| ask.warn(p.clone()));
            Ok(())
        }
        FieldValidation::Strict => {
            let why = check::strict_error(problems);
            Err(Refusal::bad_request(check::cannot_be_handled(kind, version, &why)))
        }
    }
}
