//! Replays the writes of the recorded exchanges against the two webhooks: each step by its id, the refusal or the stored spec,
//! and the warnings.

use serde_json::Value;
use skiff_knative::{Config, Kind, Operation, Request, admit, gotype};

const GROUPS: [(&str, &str); 3] = [
    ("kn-validation", include_str!("exchanges/kn-validation.json")),
    ("kn-validation-internal", include_str!("exchanges/kn-validation-internal.json")),
    ("kn-defaults", include_str!("exchanges/kn-defaults.json")),
];

fn kind(plural: &str) -> Kind {
    match plural {
        "services" => Kind::Service,
        "configurations" => Kind::Configuration,
        "revisions" => Kind::Revision,
        "routes" => Kind::Route,
        "domainmappings" => Kind::DomainMapping,
        "podautoscalers" => Kind::PodAutoscaler,
        "serverlessservices" => Kind::ServerlessService,
        "ingresses" => Kind::Ingress,
        "metrics" => Kind::Metric,
        _ => Kind::ClusterDomainClaim,
    }
}

fn config() -> Config {
    let mut config = Config::default();
    config.autoscaler.allow_zero_initial_scale = true;
    config
}

fn replay(step: &Value) -> Result<(), String> {
    let kind = kind(step["kind"].as_str().unwrap_or(""));
    let mut object = step["body"].clone();
    object["metadata"]["namespace"] = "ns1".into();
    let mut warnings: Vec<String> =
        gotype::prune(kind, &mut object).iter().map(|path| format!("unknown field {path:?}")).collect();
    let request = Request { kind, operation: Operation::Create, user: "admin" };
    let outcome = admit(&request, &config(), &mut object);
    let (status, message, more) = match &outcome {
        Ok(admitted) => (201, None, admitted.warnings.clone()),
        Err(refusal) => (i64::from(refusal.code), Some(refusal.message.clone()), refusal.warnings.clone()),
    };
    warnings.extend(more);
    let header: Vec<String> = warnings.iter().map(|text| format!("299 - {text:?}")).collect();
    let same = |what: &str, got: &Value, want: &Value| {
        if got == want { Ok(()) } else { Err(format!("{what}:\n  got  {got}\n  want {want}")) }
    };
    same("status", &status.into(), &step["status"]).map_err(|e| format!("{e} {message:?}"))?;
    same("message", &message.clone().map_or(Value::Null, Value::String), &step["message"])?;
    same("warning", &header.join(", ").into(), &step["warning"])?;
    if message.is_none() {
        same("spec", &object["spec"], &step["spec"])?;
        same("annotations", &object["metadata"]["annotations"], &step["annotations"])?;
    }
    Ok(())
}

#[test]
fn recorded_writes() {
    let mut wrong = Vec::new();
    let mut count = 0;
    for (group, text) in GROUPS {
        let steps: Vec<Value> = serde_json::from_str(text).expect("recorded steps are JSON");
        for step in &steps {
            count += 1;
            if let Err(why) = replay(step) {
                wrong.push(format!("{group}/{}: {why}", step["id"]));
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {count} steps differ:\n{}", wrong.len(), wrong.join("\n"));
}

/// The fill-ins of a changed `config-defaults`, and that a later write without the change keeps them.
#[test]
fn kn_config_create_with_defaults() {
    let pairs = [
        ("revision-timeout-seconds", "200"),
        ("container-concurrency", "5"),
        ("revision-cpu-request", "250m"),
        ("container-name-template", "c-{{.Name}}"),
    ];
    let data = pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    let changed = Config::from_config_maps(&[("config-defaults".to_owned(), data)].into());
    let mut object = serde_json::json!({
        "apiVersion": "serving.knative.dev/v1", "kind": "Service", "metadata": {"name": "cd"},
        "spec": {"template": {"spec": {"containers": [{"image": "dev.local/hello:1"}]}}},
    });
    let create = Request { kind: Kind::Service, operation: Operation::Create, user: "admin" };
    admit(&create, &changed, &mut object).expect("taken");
    let want = serde_json::json!({"containerConcurrency": 5, "containers": [{
        "image": "dev.local/hello:1", "name": "c-cd", "readinessProbe": {"successThreshold": 1, "tcpSocket": {"port": 0}},
        "resources": {"requests": {"cpu": "250m"}},
    }], "enableServiceLinks": false, "timeoutSeconds": 200});
    assert_eq!(object["spec"]["template"]["spec"], want);
    let stored = object.clone();
    let update = Request { kind: Kind::Service, operation: Operation::Update(&stored), user: "other" };
    admit(&update, &config(), &mut object).expect("taken");
    assert_eq!(object, stored);
}
