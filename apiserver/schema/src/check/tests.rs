use serde_json::json;

use super::*;
use crate::facts::built_in;
use crate::gvk::Gvk;

fn admit(group: &str, version: &str, kind: &str, mut value: Value) -> (Value, Result<Vec<String>, String>) {
    let built = built_in();
    let root = built.kind(&Gvk::new(group, version, kind)).unwrap();
    let result = admit_built_in(&built.schema, root, kind, &mut value);
    let result = result.map(|u| u.iter().map(ToString::to_string).collect()).map_err(|e| e.cannot_be_handled(kind, version));
    (value, result)
}

fn refusal(kind: &str, value: Value) -> String {
    admit("", "v1", kind, value).1.unwrap_err()
}

#[test]
fn says_what_the_exchanges_say() {
    let config_map = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "t"}, "data": {"k": 1}});
    assert_eq!(
        refusal("ConfigMap", config_map),
        "ConfigMap in version \"v1\" cannot be handled as a ConfigMap: json: cannot unmarshal number into Go struct field \
         ConfigMap.data of type string"
    );
    assert_eq!(
        refusal("ConfigMap", json!({"metadata": {"name": true}})),
        "ConfigMap in version \"v1\" cannot be handled as a ConfigMap: json: cannot unmarshal bool into Go struct field \
         ObjectMeta.metadata.name of type string"
    );
    let pod = json!({"spec": {"containers": [{"name": 1, "resources": {"requests": {"cpu": "much"}}}]}});
    assert_eq!(
        refusal("Pod", pod),
        "Pod in version \"v1\" cannot be handled as a Pod: quantities must match the regular expression \
         '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"
    );
}

#[test]
fn names_go_types_at_every_depth() {
    let tail = |value| refusal("Pod", value).split_once("unmarshal ").unwrap().1.to_owned();
    assert_eq!(
        tail(json!({"spec": {"containers": "x"}})),
        "string into Go struct field PodSpec.spec.containers of type []v1.Container"
    );
    assert_eq!(
        tail(json!({"spec": {"containers": ["x"]}})),
        "string into Go struct field PodSpec.spec.containers of type v1.Container"
    );
    assert_eq!(
        tail(json!({"spec": {"containers": [{"name": 1}]}})),
        "number into Go struct field Container.spec.containers.name of type string"
    );
    assert_eq!(
        tail(json!({"spec": {"restartPolicy": 1}})),
        "number into Go struct field PodSpec.spec.restartPolicy of type v1.RestartPolicy"
    );
    assert_eq!(tail(json!({"spec": {"priority": 1.5}})), "number 1.5 into Go struct field PodSpec.spec.priority of type int32");
    assert_eq!(
        tail(json!({"spec": {"priority": 4_294_967_296_i64}})),
        "number 4294967296 into Go struct field PodSpec.spec.priority of type int32"
    );
    assert_eq!(tail(json!({"spec": []})), "array into Go struct field Pod.spec of type v1.PodSpec");
    assert_eq!(tail(json!([])), "array into Go value of type v1.Pod");
    assert_eq!(
        tail(json!({"metadata": {"labels": []}})),
        "array into Go struct field ObjectMeta.metadata.labels of type map[string]string"
    );
}

#[test]
fn reports_and_prunes_unknown_fields_in_document_order() {
    let (value, unknown) = admit(
        "",
        "v1",
        "Pod",
        json!({"zeta": 1, "spec": {"containers": [{"name": "a"}, {"bogus": {"x": 1}, "name": "b"}], "foo": null}, "alpha": {}}),
    );
    let expected =
        ["zeta", "spec.containers[1].bogus", "spec.foo", "alpha"].map(|path| format!("unknown field {path:?}")).to_vec();
    assert_eq!(unknown, Ok(expected.clone()));
    assert_eq!(value, json!({"spec": {"containers": [{"name": "a"}, {"name": "b"}]}}));
    assert_eq!(
        strict_error(&expected[..2]),
        r#"strict decoding error: unknown field "zeta", unknown field "spec.containers[1].bogus""#
    );
}

#[test]
fn writes_leaves_as_go_does() {
    let given = json!({
        "metadata": {"name": "p", "creationTimestamp": "2026-01-01T01:00:00.5+01:00", "labels": {}, "annotations": {"a": null}, "generation": 0},
        "spec": {"containers": [{
            "name": "c", "image": "", "command": [], "stdin": false, "env": [null],
            "resources": {"limits": {"cpu": 0.5, "memory": "1024Mi", "gpu": 2}}, "ports": [{"containerPort": 80, "hostPort": 0}],
        }], "nodeName": null, "terminationGracePeriodSeconds": 0, "securityContext": {}},
    });
    let (value, unknown) = admit("", "v1", "Pod", given);
    assert_eq!(unknown, Ok(Vec::new()));
    let written = json!({
        "metadata": {"name": "p", "creationTimestamp": "2026-01-01T00:00:00Z", "annotations": {"a": ""}},
        "spec": {"containers": [{
            "name": "c", "env": [{}], "resources": {"limits": {"cpu": "500m", "memory": "1Gi", "gpu": "2"}}, "ports": [{"containerPort": 80}],
        }], "terminationGracePeriodSeconds": 0, "securityContext": {}},
    });
    assert_eq!(value, written);
}

#[test]
fn completes_as_go_prints() {
    let built = built_in();
    let root = built.kind(&Gvk::new("", "v1", "Event")).unwrap();
    let mut event = json!({"metadata": {"name": "e"}, "involvedObject": {}});
    complete(&built.schema, root, &mut event);
    let printed = json!({
        "metadata": {"name": "e"}, "involvedObject": {}, "source": {}, "firstTimestamp": null, "lastTimestamp": null,
        "eventTime": null, "reportingComponent": "", "reportingInstance": "",
    });
    assert_eq!(event, printed);
    let root = built.kind(&Gvk::new("", "v1", "Service")).unwrap();
    let mut service = json!({"spec": {"type": "ClusterIP"}});
    complete(&built.schema, root, &mut service);
    assert_eq!(service["status"], json!({"loadBalancer": {}}));
}

#[test]
fn knative_is_pruned_as_a_crd_and_decoded_by_go() {
    let built = built_in();
    let root = built.kind(&Gvk::new("serving.knative.dev", "v1", "Service")).unwrap();
    let mut service = json!({"apiVersion": "serving.knative.dev/v1", "kind": "Service", "metadata": {"name": "a", "bogus": 1}, "spec": {
        "template": {"metadata": {"creationTimestamp": null, "labels": {"a": "b"}}, "spec": {"hostNetwork": true, "containers": [
            {"image": "i", "tty": true, "stdin": true, "lifecycle": {}, "ports": [{"containerPort": 8080, "hostPort": 80}],
             "securityContext": {"privileged": true}}], "volumes": [{"name": "v", "hostPath": {"path": "/"}}], "bogus": 1}},
        "traffic": [{"percent": 100, "latestRevision": true}], "bogus": 1}});
    let paths = prune_custom(&built.schema, root, &mut service);
    let pod = "spec.template.spec";
    let expected = [
        "bogus",
        "containers[0].lifecycle",
        "containers[0].ports[0].hostPort",
        "containers[0].securityContext.privileged",
        "containers[0].stdin",
        "containers[0].tty",
        "hostNetwork",
        "volumes[0].hostPath",
    ];
    let mut wanted = vec!["metadata.bogus".to_owned(), "spec.bogus".to_owned()];
    wanted.extend(expected.map(|path| format!("{pod}.{path}")));
    assert_eq!(paths, wanted);
    assert_eq!(admit_custom(&built.schema, root, "Service", &mut service), Ok(()));

    let mut wrong = json!({"spec": {"traffic": [{"percent": "all"}]}});
    assert_eq!(
        admit_custom(&built.schema, root, "Service", &mut wrong).unwrap_err().to_string(),
        "json: cannot unmarshal string into Go struct field TrafficTarget.spec.RouteSpec.traffic.percent of type int64"
    );
    let mut wrong = json!({"spec": {"template": {"spec": {"timeoutSeconds": "soon"}}}});
    assert_eq!(
        admit_custom(&built.schema, root, "Service", &mut wrong).unwrap_err().to_string(),
        "json: cannot unmarshal string into Go struct field RevisionSpec.spec.ConfigurationSpec.template.spec.timeoutSeconds of type int64"
    );
    let root = built.kind(&Gvk::new("autoscaling.internal.knative.dev", "v1alpha1", "Metric")).unwrap();
    let mut wrong = json!({"spec": {"stableWindow": "1m"}});
    assert_eq!(
        admit_custom(&built.schema, root, "Metric", &mut wrong).unwrap_err().to_string(),
        "json: cannot unmarshal string into Go struct field MetricSpec.spec.stableWindow of type time.Duration"
    );
}

#[test]
fn bytes_show_duplicates() {
    let body = br#"{"apiVersion":"v1","data":{"a":"1","a":"2","\u0061":"3"},"list":[{"k":1},{"k":1,"k":2}],"data":{}}"#;
    assert_eq!(
        duplicate_fields(body),
        [r#"duplicate field "data.a""#, r#"duplicate field "list[1].k""#, r#"duplicate field "data""#]
    );
    let built = built_in();
    let root = built.kind(&Gvk::new("", "v1", "ConfigMap")).unwrap();
    assert_eq!(
        strict_problems(&built.schema, root, body),
        [r#"duplicate field "data.a""#, r#"unknown field "list""#, r#"duplicate field "data""#]
    );
    let many: String = (0..100_000).map(|n| format!("\"k{n}\":0,")).collect();
    assert_eq!(duplicate_fields(format!("{{{many}\"k5\":1}}").as_bytes()), [r#"duplicate field "k5""#]);
    for broken in ["", "{", "{\"a", "{\"a\\", "[1,", "{\"a\":}", "]", "{,}", &"[".repeat(100_000)] {
        assert!(duplicate_fields(broken.as_bytes()).is_empty());
    }
}

#[test]
fn refuses_hostile_nesting() {
    let built = built_in();
    let gvk = Gvk::new("apiextensions.k8s.io", "v1", "CustomResourceDefinition");
    let root = built.kind(&gvk).unwrap();
    let mut schema = json!({});
    for _ in 0..400 {
        schema = json!({"properties": {"a": schema}});
    }
    let mut crd = json!({"spec": {"versions": [{"schema": {"openAPIV3Schema": schema}}]}});
    let error = admit_built_in(&built.schema, root, "CustomResourceDefinition", &mut crd).unwrap_err();
    assert_eq!(error.to_string(), "exceeded max depth");
}
