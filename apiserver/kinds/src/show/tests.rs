#![allow(clippy::unwrap_used)]

use super::*;

/// 2026-11-24T08:30:00Z
const NOW: i64 = 1_795_509_000;

fn shown(group: &str, kind: &str, object: &Value) -> Value {
    cells(group, kind, &Tree::from(object), NOW).into()
}

#[test]
fn recorded_columns_pods_services_list_workloads_kn_tables() {
    let recorded: Vec<Value> = serde_json::from_str(include_str!("fixtures/columns.json")).unwrap();
    for step in recorded {
        let (group, kind) = (step["group"].as_str().unwrap(), step["kind"].as_str().unwrap());
        let columns: Value = columns(group, kind).iter().map(Column::to_json).collect();
        assert_eq!(columns, step["columns"], "{}", step["step"]);
    }
}

#[test]
fn every_row_has_a_cell_for_each_column() {
    for row in crate::table::resources() {
        let object = json!({"metadata": {"name": "x", "creationTimestamp": "2026-11-24T08:29:00Z"}});
        assert_eq!(
            cells(&row.group, &row.kind, &Tree::from(&object), NOW).len(),
            columns(&row.group, &row.kind).len(),
            "{} {}",
            row.group,
            row.kind
        );
    }
}

#[test]
fn crd_table() {
    let spec = [
        json!({"name": "Size", "type": "integer", "jsonPath": ".spec.size"}),
        json!({"name": "Phase", "type": "string", "jsonPath": ".status.phase"}),
    ];
    let custom = custom_columns(&spec);
    let recorded: Value = serde_json::from_str(include_str!("fixtures/crd-table.json")).unwrap();
    assert_eq!(custom.columns().iter().map(Column::to_json).collect::<Value>(), recorded);
    let object = json!({"metadata": {"name": "a"}, "spec": {"size": 3}, "status": {"phase": "Up"}});
    assert_eq!(custom.cells(&Tree::from(&object), NOW), [json!("a"), json!(3), json!("Up")]);
    assert_eq!(custom.cells(&Tree::from(&json!({"metadata": {"name": "a"}})), NOW), [json!("a"), Value::Null, Value::Null]);
}

#[test]
fn crd_default_and_typed_columns() {
    let object = json!({"metadata": {"name": "a", "creationTimestamp": "2026-11-24T08:29:00Z"}, "spec": {"f": 2.9, "l": [1, 2], "d": "soon"}});
    assert_eq!(custom_columns(&[]).cells(&Tree::from(&object), NOW), [json!("a"), json!("60s")]);
    let column = |kind: &str, path: &str| json!({"name": "X", "type": kind, "jsonPath": path});
    let spec = [
        column("integer", ".spec.f"),
        column("string", ".spec.l"),
        column("date", ".spec.d"),
        column("boolean", ".spec.f"),
        column("string", "]"),
    ];
    assert_eq!(
        custom_columns(&spec).cells(&Tree::from(&object), NOW),
        [json!("a"), json!(2), json!("[1,2]"), json!("<invalid>"), Value::Null, Value::Null]
    );
}

#[test]
fn kn_tables_cells() {
    let ready = json!([{"type": "Ready", "status": "True"}]);
    let service = json!({"metadata": {"name": "tab"}, "status": {"url": "http://tab.ns.example.com", "latestCreatedRevisionName": "tab-00001", "latestReadyRevisionName": "tab-00001", "conditions": ready}});
    assert_eq!(
        shown("serving.knative.dev", "Service", &service),
        json!(["tab", "http://tab.ns.example.com", "tab-00001", "tab-00001", "True", null])
    );
    let revision = json!({"metadata": {"name": "tab-00001", "labels": {"serving.knative.dev/configuration": "tab", "serving.knative.dev/configurationGeneration": "1"}},
        "status": {"conditions": ready, "actualReplicas": 1, "desiredReplicas": 1}});
    assert_eq!(shown("serving.knative.dev", "Revision", &revision), json!(["tab-00001", "tab", "1", "True", null, 1, 1]));
    let image = json!({"metadata": {"name": "i"}, "spec": {"image": ""}});
    assert_eq!(shown("caching.internal.knative.dev", "Image", &image), json!(["i", ""]));
}

#[test]
fn kn_zero_serverlessservices_table_zero() {
    let object = json!({"metadata": {"name": "zero-00001"}, "spec": {"mode": "Proxy", "numActivators": 2},
        "status": {"serviceName": "zero-00001", "privateServiceName": "zero-00001-private", "conditions": [{"type": "Other", "status": "True"}, {"type": "Ready", "status": "Unknown", "reason": "NoHealthyBackends"}]}});
    assert_eq!(
        shown("networking.internal.knative.dev", "ServerlessService", &object),
        json!(["zero-00001", "Proxy", 2, "zero-00001", "zero-00001-private", "Unknown", "NoHealthyBackends"])
    );
}

fn pod(status: &Value, spec: &Value) -> Vec<Value> {
    let object = json!({"metadata": {"name": "p", "creationTimestamp": "2026-11-24T08:29:00Z"}, "spec": spec, "status": status});
    cells("", "Pod", &Tree::from(&object), NOW)
}

#[test]
fn pods_table() {
    let status = json!({"phase": "Running", "podIP": "10.9.8.7", "podIPs": [{"ip": "10.9.8.7"}]});
    let cells = pod(&status, &json!({"containers": [{"name": "c"}]}));
    assert_eq!(Value::from(cells), json!(["p", "0/1", "Running", "0", "60s", "10.9.8.7", "<none>", "<none>", "<none>"]));
}

#[test]
fn pod_status_words() {
    let one = json!({"containers": [{"name": "c"}]});
    let state = |state: Value| json!({"phase": "Running", "containerStatuses": [{"name": "c", "ready": false, "restartCount": 0, "state": state}]});
    let word = |status: &Value, spec: &Value| pod(status, spec)[2].clone();
    assert_eq!(word(&state(json!({"waiting": {"reason": "CrashLoopBackOff"}})), &one), "CrashLoopBackOff");
    assert_eq!(word(&state(json!({"terminated": {"reason": "Completed", "exitCode": 0}})), &one), "Completed");
    assert_eq!(word(&state(json!({"terminated": {"exitCode": 3}})), &one), "ExitCode:3");
    assert_eq!(word(&state(json!({"terminated": {"exitCode": 137, "signal": 9}})), &one), "Signal:9");
    let two = json!({"phase": "Running", "conditions": [{"type": "Ready", "status": "False"}], "containerStatuses": [
        {"name": "a", "state": {"terminated": {"reason": "Completed", "exitCode": 0}}}, {"name": "b", "ready": true, "state": {"running": {}}}]});
    assert_eq!(word(&two, &one), "NotReady");
    let init = json!({"containers": [{"name": "c"}], "initContainers": [{"name": "i"}, {"name": "j"}]});
    let waits = json!({"phase": "Pending", "initContainerStatuses": [{"name": "i", "state": {"terminated": {"exitCode": 0}}}, {"name": "j", "state": {"waiting": {"reason": "PodInitializing"}}}]});
    assert_eq!(word(&waits, &init), "Init:1/2");
    let fails = json!({"phase": "Pending", "initContainerStatuses": [{"name": "i", "state": {"terminated": {"exitCode": 1, "reason": "Error"}}}]});
    assert_eq!(word(&fails, &init), "Init:Error");
    let gated =
        json!({"phase": "Pending", "conditions": [{"type": "PodScheduled", "status": "False", "reason": "SchedulingGated"}]});
    assert_eq!(word(&gated, &one), "SchedulingGated");
    let mut leaving =
        json!({"metadata": {"name": "p", "deletionTimestamp": "2026-11-24T08:29:30Z"}, "status": {"phase": "Running"}});
    assert_eq!(cells("", "Pod", &Tree::from(&leaving), NOW)[2], "Terminating");
    leaving["status"]["phase"] = "Succeeded".into();
    assert_eq!(cells("", "Pod", &Tree::from(&leaving), NOW)[2], "Succeeded");
    assert!(row_conditions("", "Pod", &Tree::from(&leaving)).is_some());
}

#[test]
fn pod_restarts_sidecars_and_gates() {
    let spec = json!({"containers": [{"name": "c"}], "initContainers": [{"name": "s", "restartPolicy": "Always"}], "readinessGates": [{"conditionType": "g"}, {"conditionType": "h"}]});
    let status = json!({"phase": "Running", "conditions": [{"type": "g", "status": "True"}, {"type": "Initialized", "status": "True"}],
        "initContainerStatuses": [{"name": "s", "started": true, "ready": true, "restartCount": 1, "state": {"running": {}}}],
        "containerStatuses": [{"name": "c", "ready": true, "restartCount": 2, "state": {"running": {}}, "lastState": {"terminated": {"finishedAt": "2026-11-24T08:25:00Z"}}}]});
    let cells = pod(&status, &spec);
    assert_eq!((&cells[1], &cells[3], &cells[8]), (&json!("2/2"), &json!("3 (5m ago)"), &json!("1/2")));
}

#[test]
fn services_table() {
    let object = json!({"metadata": {"name": "h"}, "spec": {"type": "ClusterIP", "clusterIP": "None", "clusterIPs": ["None"], "ports": [{"port": 80, "protocol": "TCP"}], "selector": {"b": "2", "a": "1"}}});
    assert_eq!(shown("", "Service", &object), json!(["h", "ClusterIP", "None", "<none>", "80/TCP", "<unknown>", "a=1,b=2"]));
    let object = json!({"metadata": {"name": "l"}, "spec": {"type": "LoadBalancer", "clusterIPs": ["10.0.0.1"], "ports": [{"port": 80, "nodePort": 30080, "protocol": "TCP"}, {"port": 53, "protocol": "UDP"}]}});
    let cells = cells("", "Service", &Tree::from(&object), NOW);
    assert_eq!((&cells[3], &cells[4], &cells[6]), (&json!("<pending>"), &json!("80:30080/TCP,53/UDP"), &json!("<none>")));
}

#[test]
fn workloads_deploy_get_table() {
    let object = json!({"metadata": {"name": "d"}, "spec": {"replicas": 0, "selector": {"matchLabels": {"app": "d"}, "matchExpressions": [{"key": "a", "operator": "In", "values": ["y", "x"]}]},
        "template": {"spec": {"containers": [{"name": "c", "image": "i:1"}, {"name": "e", "image": "j"}]}}}});
    assert_eq!(shown("apps", "Deployment", &object), json!(["d", "0/0", 0, 0, "<unknown>", "c,e", "i:1,j", "a in (x,y),app=d"]));
}

#[test]
fn list_table() {
    assert_eq!(shown("", "ConfigMap", &json!({"metadata": {"name": "c6"}, "data": {"a": "b"}}))[1], 1);
}

#[test]
fn trace_get_events_in_both_shapes() {
    let core = json!({"metadata": {"name": "e"}, "type": "Normal", "reason": "Scheduled", "message": "ok\n", "involvedObject": {"kind": "Pod", "name": "p"},
        "firstTimestamp": null, "lastTimestamp": null, "eventTime": "2026-11-24T08:29:54.000000Z", "source": {}, "reportingComponent": "default-scheduler", "reportingInstance": "h"});
    let wanted = json!(["6s", "Normal", "Scheduled", "pod/p", "", "default-scheduler, h", "ok", "6s", 1, "e"]);
    assert_eq!(shown("", "Event", &core), wanted);
    let newer = json!({"metadata": {"name": "e"}, "type": "Normal", "reason": "Scheduled", "note": "ok\n", "regarding": {"kind": "Pod", "name": "p"},
        "eventTime": "2026-11-24T08:29:54.000000Z", "reportingController": "default-scheduler", "reportingInstance": "h"});
    assert_eq!(shown("events.k8s.io", "Event", &newer), wanted);
}

#[test]
fn autoscaler_targets() {
    let metric =
        json!({"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 80}}});
    let object = json!({"metadata": {"name": "h"}, "spec": {"scaleTargetRef": {"kind": "Deployment", "name": "d"}, "maxReplicas": 3, "metrics": [metric, metric, metric]},
        "status": {"currentMetrics": [{"type": "Resource", "resource": {"name": "cpu", "current": {"averageUtilization": 12}}}]}});
    assert_eq!(shown("autoscaling", "HorizontalPodAutoscaler", &object)[2], "cpu: 12%/80%, cpu: <unknown>/80% + 1 more...");
    let old = json!({"metadata": {"name": "h"}, "spec": {"targetCPUUtilizationPercentage": 80}});
    assert_eq!(shown("autoscaling", "HorizontalPodAutoscaler", &old)[2], "cpu: <unknown>/80%");
}

#[test]
fn endpoints_are_abbreviated() {
    let addresses = json!([{"ip": "10.0.0.1"}, {"ip": "10.0.0.2"}, {"ip": "fd00::1"}, {"ip": "10.0.0.4"}]);
    let object = json!({"metadata": {"name": "e"}, "subsets": [{"addresses": addresses, "ports": [{"port": 80}]}]});
    assert_eq!(shown("", "Endpoints", &object)[1], "10.0.0.1:80,10.0.0.2:80,[fd00::1]:80 + 1 more...");
    assert_eq!(shown("discovery.k8s.io", "EndpointSlice", &json!({"metadata": {"name": "e"}}))[2], "<unset>");
}

#[test]
fn durations() {
    let wanted = [
        (-2, "<invalid>"),
        (-1, "0s"),
        (119, "119s"),
        (120, "2m"),
        (121, "2m1s"),
        (600, "10m"),
        (10_799, "179m"),
        (10_800, "3h"),
        (10_860, "3h1m"),
        (28_800, "8h"),
        (172_799, "47h"),
        (172_800, "2d"),
        (176_400, "2d1h"),
        (691_200, "8d"),
        (63_072_000, "2y"),
        (63_158_400, "2y1d"),
        (252_288_000, "8y"),
    ];
    for (seconds, text) in wanted {
        assert_eq!(human_duration(seconds), text, "{seconds}");
    }
}

#[test]
fn json_paths() {
    let object = json!({"a": {"b": [{"n": "x", "v": 1}, {"n": "y", "v": 2}, {"n": "z"}], "k.l": 7}});
    let tree = Tree::from(&object);
    let find = |path: &str| serde_json::to_value(jsonpath::Path::parse(path).unwrap().find(&tree)).unwrap();
    assert_eq!(find(".a.b[0].n"), json!(["x"]));
    assert_eq!(find("{.a.b[-1].n}"), json!(["z"]));
    assert_eq!(find(".a.b[*].v"), json!([1, 2]));
    assert_eq!(find(".a.b[0:2].n"), json!(["x", "y"]));
    assert_eq!(find(".a.b[0,2].n"), json!(["x", "z"]));
    assert_eq!(find(".a['k.l']"), json!([7]));
    assert_eq!(find(".a.k\\.l"), json!([7]));
    assert_eq!(find(".a.b[?(@.n==\"y\")].v"), json!([2]));
    assert_eq!(find(".a.b[?(@.v>=1)].n"), json!(["x", "y"]));
    assert_eq!(find(".a.b[?(@.v)].n"), json!(["x", "y"]));
    assert_eq!(find("..v"), json!([1, 2]));
    assert_eq!(find(".a.b[9]"), json!([]));
    assert_eq!(jsonpath::Path::parse(".a[?(@.x=="), None);
    assert_eq!(jsonpath::Path::parse(&"[?(@".repeat(1000)), None);
    assert!(jsonpath::Path::parse(&"..*".repeat(50)).unwrap().find(&tree).len() <= 10_000);
}

#[test]
fn list_field_unknown_and_kn_tables_field_selector_refused() {
    assert_eq!(
        unknown_field_label("", "ConfigMap", "spec.x"),
        "\"spec.x\" is not a known field selector: only \"metadata.name\", \"metadata.namespace\""
    );
    assert_eq!(
        unknown_field_label("serving.knative.dev", "Service", "spec.template"),
        "field label not supported: spec.template"
    );
    assert_eq!(unknown_field_label("", "Pod", "spec.x"), "field label not supported: spec.x");
}

#[test]
fn pods_get_field_selector_and_values() {
    let pod = json!({"metadata": {"name": "p", "namespace": "n"}, "spec": {"nodeName": "w"}, "status": {"phase": "Running"}});
    let value = |label: &str| field_value("", "Pod", &Tree::from(&pod), label);
    assert_eq!(value("status.phase").as_deref(), Some("Running"));
    assert_eq!(value("spec.host").as_deref(), Some("w"));
    assert_eq!(value("spec.hostNetwork").as_deref(), Some("false"));
    assert_eq!(value("spec.nothing"), None);
    assert_eq!(field_value("apps", "ReplicaSet", &Tree::Map(Vec::new()), "status.replicas").as_deref(), Some("0"));
    let event = json!({"regarding": {"name": "p"}, "reportingController": "c"});
    assert_eq!(field_value("", "Event", &Tree::from(&event), "involvedObject.name").as_deref(), Some("p"));
    assert_eq!(field_value("", "Event", &Tree::from(&event), "source").as_deref(), Some("c"));
    let custom = json!({"metadata": {"name": "a"}, "spec": {"n": 3}});
    assert_eq!(custom_field_value(&Tree::from(&custom), true, &[".spec.n"], "spec.n").as_deref(), Some("3"));
    assert_eq!(custom_field_value(&Tree::from(&custom), true, &[".spec.n"], "spec.m"), None);
}
