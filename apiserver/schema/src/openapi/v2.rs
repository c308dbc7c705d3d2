//! The v2 document (Swagger 2.0) of everything that is served.

use serde_json::{Map, Value, json};

use super::operations::{self, Body, Operation, Parameter};
use super::schemas::{Components, Dialect, gvk_object};
use super::v3::body_schema;
use super::{Describe, ResourceDoc};

/// The v2 document of all resources of all groups.
#[must_use]
pub fn v2_document<'a>(release: &str, resources: &'a [ResourceDoc<'a>], describe: Option<Describe<'a>>) -> Value {
    let mut components = Components::new(Dialect::V2, describe);
    let paths = operations::render(resources, parameter, |operation, doc| render(operation, doc, &mut components));
    json!({
        "swagger": "2.0",
        "info": {"title": "Kubernetes", "version": release},
        "paths": paths,
        "definitions": components.finish(),
        "securityDefinitions": {
            "BearerToken": {"description": "Bearer Token authentication", "type": "apiKey", "name": "authorization", "in": "header"},
        },
        "security": [{"BearerToken": []}],
    })
}

fn parameter(parameter: &Parameter, path: &str) -> Value {
    let in_path = path.contains(&format!("{{{}}}", parameter.name));
    let mut value = json!({
        "uniqueItems": true,
        "type": parameter.kind,
        "description": parameter.about,
        "name": parameter.name,
        "in": if in_path { "path" } else { "query" },
    });
    if in_path {
        value["required"] = true.into();
    }
    value
}

fn render<'a>(operation: &Operation, doc: &ResourceDoc<'a>, components: &mut Components<'a>) -> Value {
    let consumes: Vec<&str> = match operation.body {
        Body::Patch => operations::patch_types(doc.custom),
        _ => vec!["*/*"],
    };
    let mut produces = operations::object_types(doc.custom).to_vec();
    if operation.action == "list" {
        produces.extend(["application/json;stream=watch", "application/vnd.kubernetes.protobuf;stream=watch"]);
    }
    if operation.answer == Body::Text {
        produces = vec!["*/*"];
    }
    let mut parameters: Vec<Value> = Vec::new();
    if let Some(schema) = body_schema(&operation.body, doc, components) {
        let required = operation.body != Body::DeleteOptions;
        let mut body = json!({"name": "body", "in": "body", "schema": schema});
        if required {
            body["required"] = true.into();
        }
        parameters.push(body);
    }
    parameters.extend(operation.query.iter().map(|p| parameter(p, "")));
    let answer = match operation.answer {
        Body::Text => Some(json!({"type": "string"})),
        _ => body_schema(&operation.answer, doc, components),
    };
    let mut responses = Map::new();
    for code in operation.codes {
        let mut response = json!({"description": match *code { "201" => "Created", "202" => "Accepted", _ => "OK" }});
        if let Some(schema) = &answer {
            response["schema"] = schema.clone();
        }
        responses.insert((*code).to_owned(), response);
    }
    responses.insert("401".to_owned(), json!({"description": "Unauthorized"}));
    let mut value = json!({
        "description": operation.about,
        "consumes": consumes,
        "produces": produces,
        "schemes": ["https"],
        "tags": [operations::tag(&doc.gvk)],
        "operationId": operation.id,
        "responses": responses,
        "x-kubernetes-action": operation.action,
        "x-kubernetes-group-version-kind": gvk_object(&operation.gvk),
    });
    if !parameters.is_empty() {
        value["parameters"] = parameters.into();
    }
    value
}
