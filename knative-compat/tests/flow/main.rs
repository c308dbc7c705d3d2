//! Replays whole recorded groups against an in-memory namespace: writes go through `admit` and the reconcilers, a fake node makes
//! every revision ready unless its image says otherwise, and each recorded read is compared by the fields it picked.

mod namespace;

use namespace::Namespace;
use serde_json::Value;

fn compare(namespace: &Namespace, step: &Value) -> Vec<String> {
    let found = namespace.read(step["plural"].as_str().unwrap_or(""), step["name"].as_str().unwrap_or(""));
    let Some(object) = found else {
        return if step["status"] == 404 { Vec::new() } else { vec!["is not there".into()] };
    };
    if step["status"] == 404 {
        return vec!["is there".into()];
    }
    let object = namespace::normal(&object);
    let differs = |(pointer, want): (&String, &Value)| {
        let got = object.pointer(pointer).cloned().unwrap_or_else(|| "<absent>".into());
        (got != *want).then(|| format!("{pointer}\n    got  {got}\n    want {want}"))
    };
    step["want"].as_object().into_iter().flatten().filter_map(differs).collect()
}

fn replay(text: &str, known: &[(&str, &str)]) {
    let steps: Vec<Value> = serde_json::from_str(text).expect("recorded steps are JSON");
    let mut namespace = Namespace::default();
    let mut wrong = Vec::new();
    for step in &steps {
        let id = step["id"].as_str().unwrap_or("");
        let mut differences = match step["method"].as_str().unwrap_or("") {
            // A list of what is left: the single reads before it say the same.
            "GET" if step["name"].is_null() => Vec::new(),
            "GET" => {
                namespace.pass_time(id);
                compare(&namespace, step)
            }
            _ => namespace.write(step).err().into_iter().collect(),
        };
        differences.retain(|text| !known.iter().any(|(step, part)| *step == id && text.contains(part)));
        wrong.extend(differences.into_iter().map(|text| format!("{id}: {text}")));
    }
    assert!(wrong.is_empty(), "{} differences:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn kn_service() {
    replay(include_str!("../exchanges/kn-service.json"), &[]);
}

#[test]
fn kn_traffic() {
    replay(include_str!("../exchanges/kn-traffic.json"), &[]);
}

#[test]
fn kn_errors() {
    replay(include_str!("../exchanges/kn-errors.json"), &[]);
}

#[test]
fn kn_configuration_route() {
    replay(include_str!("../exchanges/kn-configuration-route.json"), &[]);
}

#[test]
fn kn_scale() {
    // How often upstream's spec went to and fro before it settled cannot be known.
    let known =
        [("serverlessservice-min-scale", "/metadata/generation"), ("serverlessservice-min-scale", "\"observedGeneration\":4")];
    replay(include_str!("../exchanges/kn-scale.json"), &known);
}

#[test]
fn kn_zero() {
    replay(include_str!("../exchanges/kn-zero.json"), &[]);
}

#[test]
fn kn_service_write() {
    replay(include_str!("../exchanges/kn-service-write.json"), &[]);
}
