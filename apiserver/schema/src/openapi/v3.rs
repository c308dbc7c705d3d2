//! The v3 document of one group version.

use serde_json::{Map, Value, json};

use super::operations::{self, Body, Operation, Parameter};
use super::schemas::{Components, Dialect, gvk_object};
use super::{Describe, ResourceDoc};

/// The v3 document of a group version with these resources, which may come from several schemas.
#[must_use]
pub fn v3_document<'a>(release: &str, resources: &'a [ResourceDoc<'a>], describe: Option<Describe<'a>>) -> Value {
    let mut components = Components::new(Dialect::V3, describe);
    let paths = operations::render(resources, parameter, |operation, doc| render(operation, doc, &mut components));
    json!({
        "openapi": "3.0.0",
        "info": {"title": "Kubernetes", "version": release},
        "paths": paths,
        "components": {
            "schemas": components.finish(),
            "securitySchemes": {
                "BearerToken": {"description": "Bearer Token authentication", "type": "apiKey", "name": "authorization", "in": "header"},
            },
        },
    })
}

fn parameter(parameter: &Parameter, path: &str) -> Value {
    let schema = json!({"type": parameter.kind, "uniqueItems": true});
    let in_path = path.contains(&format!("{{{}}}", parameter.name));
    let mut value = json!({
        "name": parameter.name,
        "in": if in_path { "path" } else { "query" },
        "description": parameter.about,
        "schema": schema,
    });
    if in_path {
        value["required"] = true.into();
    }
    value
}

fn render<'a>(operation: &Operation, doc: &ResourceDoc<'a>, components: &mut Components<'a>) -> Value {
    let mut value = json!({
        "tags": [operations::tag(&doc.gvk)],
        "description": operation.about,
        "operationId": operation.id,
    });
    if !operation.query.is_empty() {
        value["parameters"] = operation.query.iter().map(|p| parameter(p, "")).collect();
    }
    let types: Vec<&str> = match operation.body {
        Body::Patch => operations::patch_types(doc.custom),
        _ => vec!["*/*"],
    };
    if let Some(schema) = body_schema(&operation.body, doc, components) {
        value["requestBody"] = json!({"content": content(&types, &schema)});
        if operation.body != Body::DeleteOptions {
            value["requestBody"]["required"] = true.into();
        }
    }
    let mut responses = Map::new();
    let answer = body_schema(&operation.answer, doc, components);
    for code in operation.codes {
        let mut response = json!({"description": match *code { "201" => "Created", "202" => "Accepted", _ => "OK" }});
        if let Some(schema) = &answer {
            let mut types = operations::object_types(doc.custom).to_vec();
            if operation.action == "list" {
                types.extend(["application/json;stream=watch", "application/vnd.kubernetes.protobuf;stream=watch"]);
            }
            response["content"] = content(&types, schema);
        } else if operation.answer == Body::Text {
            response["content"] = content(&["*/*"], &json!({"type": "string"}));
        }
        responses.insert((*code).to_owned(), response);
    }
    responses.insert("401".to_owned(), json!({"description": "Unauthorized"}));
    value["responses"] = Value::Object(responses);
    value["x-kubernetes-action"] = operation.action.into();
    value["x-kubernetes-group-version-kind"] = gvk_object(&operation.gvk);
    value
}

fn content(types: &[&str], schema: &Value) -> Value {
    types.iter().map(|kind| ((*kind).to_owned(), json!({"schema": schema}))).collect::<Map<_, _>>().into()
}

/// The schema of a body, for either version; none for text and for nothing.
pub(super) fn body_schema<'a>(body: &Body, doc: &ResourceDoc<'a>, components: &mut Components<'a>) -> Option<Value> {
    Some(match body {
        Body::Nothing | Body::Text => return None,
        Body::Object => components.resource(doc),
        Body::Other(gvk) => components.kind(gvk),
        Body::List => components.list(doc),
        Body::Status => components.meta("Status"),
        Body::DeleteOptions => components.meta("DeleteOptions"),
        Body::Patch => components.meta("Patch"),
    })
}
