//! Recorded answers of a stock server (the step id is in the test's name): bodies in, objects or causes out.
#![allow(clippy::unwrap_used)]

use super::*;
use serde_json::json;

/// Defaults, prepares and checks as a POST does.
fn create(group: &str, kind: &str, mut object: Value) -> (Value, Vec<(String, String)>) {
    let s = strategy(group, kind).unwrap();
    (s.default)(&mut object);
    (s.prepare_create)(&mut object);
    let causes = (s.validate)(&object).iter().map(|f| (f.field.clone(), f.body())).collect();
    (object, causes)
}

fn causes(group: &str, kind: &str, object: Value) -> Vec<(String, String)> {
    let mut found = create(group, kind, object).1;
    found.sort();
    found
}

fn want(rows: &[(&str, &str)]) -> Vec<(String, String)> {
    let mut rows: Vec<(String, String)> = rows.iter().map(|(f, m)| ((*f).to_owned(), (*m).to_owned())).collect();
    rows.sort();
    rows
}

fn pod(spec: Value) -> Value {
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "bad"}, "spec": spec})
}

#[test]
fn pods_create_and_rich() {
    let (mut p, c) = create(
        "",
        "Pod",
        json!({"metadata": {"name": "rich"}, "spec": {"schedulerName": "nobody",
        "containers": [{"name": "c", "image": "reg.example/img", "ports": [{"containerPort": 8080}],
            "env": [{"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
                    {"name": "B", "valueFrom": {"configMapKeyRef": {"name": "m", "key": "k"}}}],
            "readinessProbe": {"httpGet": {"path": "/", "port": 8080}},
            "resources": {"requests": {"cpu": "100m"}, "limits": {"cpu": "1", "memory": "128Mi"}},
            "volumeMounts": [{"name": "v", "mountPath": "/v"}]}],
        "volumes": [{"name": "v", "emptyDir": {}}, {"name": "s", "secret": {"secretName": "x"}}],
        "terminationGracePeriodSeconds": 5, "automountServiceAccountToken": false}}),
    );
    assert_eq!(c, []);
    admit_pod(&mut p, "abcde", true, None);
    assert_eq!(p["metadata"]["generation"], 1);
    assert_eq!(p["status"], json!({"phase": "Pending", "qosClass": "Burstable"}));
    assert_eq!(
        p["spec"],
        json!({"volumes": [{"name": "v", "emptyDir": {}}, {"name": "s", "secret": {"secretName": "x", "defaultMode": 420}}],
        "containers": [{"name": "c", "image": "reg.example/img", "ports": [{"containerPort": 8080, "protocol": "TCP"}],
            "env": [{"name": "A", "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.name"}}},
                    {"name": "B", "valueFrom": {"configMapKeyRef": {"name": "m", "key": "k"}}}],
            "resources": {"limits": {"cpu": "1", "memory": "128Mi"}, "requests": {"cpu": "100m", "memory": "128Mi"}},
            "volumeMounts": [{"name": "v", "mountPath": "/v"}],
            "readinessProbe": {"httpGet": {"path": "/", "port": 8080, "scheme": "HTTP"}, "timeoutSeconds": 1, "periodSeconds": 10,
                "successThreshold": 1, "failureThreshold": 3},
            "terminationMessagePath": "/dev/termination-log", "terminationMessagePolicy": "File", "imagePullPolicy": "Always"}],
        "restartPolicy": "Always", "terminationGracePeriodSeconds": 5, "dnsPolicy": "ClusterFirst", "serviceAccountName": "default",
        "serviceAccount": "default", "automountServiceAccountToken": false, "securityContext": {}, "schedulerName": "nobody",
        "tolerations": [{"key": "node.kubernetes.io/not-ready", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300},
            {"key": "node.kubernetes.io/unreachable", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300}],
        "priority": 0, "enableServiceLinks": true, "preemptionPolicy": "PreemptLowerPriority"})
    );
}

/// A step, the spec of its pod, and the causes of the refusal.
type Row = (&'static str, Value, &'static [(&'static str, &'static str)]);

#[test]
fn pods_invalid() {
    let rows: [Row; 4] = [
        ("invalid-no-containers", json!({"containers": []}), &[("spec.containers", "Required value")]),
        (
            "invalid-many",
            json!({"containers": [{"name": "C_", "image": ""}, {"name": "c", "image": "i", "ports": [{"containerPort": 99999}],
            "resources": {"requests": {"cpu": "2"}, "limits": {"cpu": "1"}}}], "restartPolicy": "Sometimes"}),
            &[
                ("spec.containers[0].image", "Required value"),
                (
                    "spec.containers[0].name",
                    "Invalid value: \"C_\": a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')",
                ),
                ("spec.containers[1].ports[0].containerPort", "Invalid value: 99999: must be between 1 and 65535, inclusive"),
                ("spec.containers[1].resources.requests", "Invalid value: \"2\": must be less than or equal to cpu limit of 1"),
                (
                    "spec.restartPolicy",
                    "Unsupported value: \"Sometimes\": supported values: \"Always\", \"OnFailure\", \"Never\"",
                ),
            ],
        ),
        (
            "invalid-duplicate-name",
            json!({"containers": [{"name": "c", "image": "i"}, {"name": "c", "image": "i"}]}),
            &[("spec.containers[1].name", "Duplicate value: \"c\"")],
        ),
        (
            "invalid-volume-mount",
            json!({"containers": [{"name": "c", "image": "i", "volumeMounts": [{"name": "none", "mountPath": "/x"}]}]}),
            &[("spec.containers[0].volumeMounts[0].name", "Not found: \"none\"")],
        ),
    ];
    for (id, spec, rows) in rows {
        assert_eq!(causes("", "Pod", pod(spec)), want(rows), "{id}");
    }
}

fn living_pod() -> Value {
    let mut p = pod(json!({"schedulerName": "nobody", "containers": [{"name": "c", "image": "img:2"}]}));
    let s = strategy("", "Pod").unwrap();
    (s.default)(&mut p);
    admit_pod(&mut p, "abcde", true, None);
    (s.prepare_create)(&mut p);
    p
}

#[test]
fn pods_change_image() {
    let old = living_pod();
    let mut new = old.clone();
    new["spec"]["containers"][0]["image"] = "img:3".into();
    let s = strategy("", "Pod").unwrap();
    assert_eq!((s.validate_update)(&new, &old), []);
    (s.prepare_update)(&mut new, &old);
    assert_eq!(new["metadata"]["generation"], 2);
    let mut same = old.clone();
    same["metadata"]["labels"] = json!({"a": "b"});
    (s.prepare_update)(&mut same, &old);
    assert_eq!(same["metadata"]["generation"], 1);
}

#[test]
fn pods_change_forbidden() {
    let old = living_pod();
    let mut new = old.clone();
    new["spec"]["restartPolicy"] = "Never".into();
    let faults = (strategy("", "Pod").unwrap().validate_update)(&new, &old);
    let got: Vec<(String, String)> = faults.iter().map(|f| (f.field.clone(), f.body())).collect();
    assert_eq!(
        got,
        want(&[(
            "spec",
            "Forbidden: pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)\n@@ -133,7 +133,7 @@\n   }\n  ],\n  \"EphemeralContainers\": null,\n- \"RestartPolicy\": \"Always\",\n+ \"RestartPolicy\": \"Never\",\n  \"TerminationGracePeriodSeconds\": 30,\n  \"ActiveDeadlineSeconds\": null,\n  \"DNSPolicy\": \"ClusterFirst\",\n"
        )])
    );
}

#[test]
fn pods_ephemeral_and_status() {
    let old = living_pod();
    let mut new = old.clone();
    new["spec"]["ephemeralContainers"] = json!([{"name": "dbg", "image": "busybox"}]);
    (strategy("", "Pod").unwrap().default)(&mut new);
    assert_eq!(validate_ephemeral_update(&new, &old), []);
    let gone: Vec<String> = validate_ephemeral_update(&old, &new).iter().map(ToString::to_string).collect();
    assert_eq!(gone, ["spec.ephemeralContainers: Forbidden: existing ephemeral containers \"dbg\" may not be removed\n"]);
    let mut running = old.clone();
    running["status"] = json!({"phase": "Running", "qosClass": "BestEffort", "podIP": "10.9.8.7", "podIPs": [{"ip": "10.9.8.7"}],
        "conditions": [{"type": "Ready", "status": "True"}]});
    assert_eq!(validate_status_update("", "Pod", &running, &old), []);
    running["status"]["qosClass"] = "Burstable".into();
    assert_eq!(validate_status_update("", "Pod", &running, &old).len(), 1);
}

fn deployment(spec: Value) -> Value {
    json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "d"}, "spec": spec})
}

fn template_of(label: &str) -> Value {
    json!({"metadata": {"labels": {"app": label}}, "spec": {"containers": [{"name": "c", "image": "img:1"}]}})
}

#[test]
fn workloads_deploy() {
    let (d, c) = create(
        "apps",
        "Deployment",
        deployment(
            json!({"replicas": 0, "paused": true, "selector": {"matchLabels": {"app": "d"}}, "template": template_of("d")}),
        ),
    );
    assert_eq!(c, []);
    assert_eq!(d["metadata"]["generation"], 1);
    assert_eq!(
        d["spec"],
        json!({"replicas": 0, "selector": {"matchLabels": {"app": "d"}}, "template": {"metadata": {"labels": {"app": "d"}},
        "spec": {"containers": [{"name": "c", "image": "img:1", "resources": {}, "terminationMessagePath": "/dev/termination-log",
            "terminationMessagePolicy": "File", "imagePullPolicy": "IfNotPresent"}], "restartPolicy": "Always",
            "terminationGracePeriodSeconds": 30, "dnsPolicy": "ClusterFirst", "securityContext": {}, "schedulerName": "default-scheduler"}},
        "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": "25%", "maxSurge": "25%"}},
        "revisionHistoryLimit": 10, "paused": true, "progressDeadlineSeconds": 600})
    );
}

#[test]
fn workloads_deploy_refused() {
    let mismatch =
        ("spec.template.metadata.labels", "Invalid value: {\"app\":\"x\"}: `selector` does not match template `labels`");
    assert_eq!(
        causes("apps", "Deployment", deployment(json!({"template": template_of("x")}))),
        want(&[("spec.selector", "Required value"), mismatch])
    );
    assert_eq!(
        causes(
            "apps",
            "Deployment",
            deployment(json!({"selector": {"matchLabels": {"app": "y"}}, "template": template_of("x")}))
        ),
        want(&[mismatch])
    );
    assert_eq!(
        causes(
            "apps",
            "Deployment",
            deployment(json!({"selector": {"matchLabels": {"app": "x"}}, "template": template_of("x"),
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 0, "maxUnavailable": 0}}}))
        ),
        want(&[("spec.strategy.rollingUpdate.maxUnavailable", "Invalid value: 0: may not be 0 when `maxSurge` is 0")])
    );
}

#[test]
fn workloads_deploy_changes() {
    let (old, _) = create(
        "apps",
        "Deployment",
        deployment(json!({"selector": {"matchLabels": {"app": "d"}}, "template": template_of("d")})),
    );
    let s = strategy("apps", "Deployment").unwrap();
    let mut new = old.clone();
    new["spec"]["selector"] = json!({"matchLabels": {"app": "e"}});
    new["spec"]["template"]["metadata"]["labels"] = json!({"app": "e"});
    let got: Vec<String> = (s.validate_update)(&new, &old).iter().map(ToString::to_string).collect();
    assert_eq!(got, ["spec.selector: Invalid value: {\"matchLabels\":{\"app\":\"e\"}}: field is immutable"]);
    for (path, value, generation) in [
        ("/spec/minReadySeconds", json!(3), 2),
        ("/metadata/labels", json!({"q": "1"}), 1),
        ("/metadata/annotations", json!({"q": "1"}), 2),
    ] {
        let mut new = old.clone();
        let (parent, key) = path.rsplit_once('/').unwrap();
        new.pointer_mut(parent).unwrap().as_object_mut().unwrap().insert(key.to_owned(), value);
        (s.prepare_update)(&mut new, &old);
        assert_eq!(new["metadata"]["generation"], generation, "{path}");
    }
}

#[test]
fn workloads_rs_sts_ds() {
    let body =
        || json!({"metadata": {"name": "x"}, "spec": {"selector": {"matchLabels": {"app": "t"}}, "template": template_of("t")}});
    let (rs, c) = create("apps", "ReplicaSet", body());
    assert_eq!((c, &rs["spec"]["replicas"]), (vec![], &json!(1)));
    let (sts, c) = create("apps", "StatefulSet", body());
    assert_eq!(c, []);
    assert_eq!(sts["spec"]["updateStrategy"], json!({"type": "RollingUpdate", "rollingUpdate": {"partition": 0}}));
    assert_eq!(sts["spec"]["persistentVolumeClaimRetentionPolicy"], json!({"whenDeleted": "Retain", "whenScaled": "Retain"}));
    let mut other = sts.clone();
    other["spec"]["serviceName"] = "z".into();
    assert_eq!((strategy("apps", "StatefulSet").unwrap().validate_update)(&other, &sts).len(), 1);
    let (ds, c) = create("apps", "DaemonSet", body());
    assert_eq!(c, []);
    assert_eq!(ds["metadata"]["annotations"], json!({"deprecated.daemonset.template.generation": "1"}));
    assert_eq!(
        ds["spec"]["updateStrategy"],
        json!({"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 1, "maxSurge": 0}})
    );
    let mut changed = ds.clone();
    changed["spec"]["template"]["metadata"]["annotations"] = json!({"a": "b"});
    (strategy("apps", "DaemonSet").unwrap().prepare_update)(&mut changed, &ds);
    assert_eq!(changed["metadata"]["annotations"]["deprecated.daemonset.template.generation"], "2");
}

#[test]
fn workloads_job() {
    let (j, c) = create(
        "batch",
        "Job",
        json!({"metadata": {"name": "j", "uid": "u1"}, "spec": {"suspend": true,
        "template": {"spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": "i"}]}}}}),
    );
    assert_eq!(c, []);
    let labels = json!({"batch.kubernetes.io/controller-uid": "u1", "batch.kubernetes.io/job-name": "j", "controller-uid": "u1", "job-name": "j"});
    assert_eq!(j["metadata"]["labels"], labels);
    assert_eq!(j["spec"]["template"]["metadata"]["labels"], labels);
    let mut rest = j["spec"].clone();
    rest.as_object_mut().unwrap().remove("template");
    assert_eq!(
        rest,
        json!({"parallelism": 1, "completions": 1, "backoffLimit": 6, "selector": {"matchLabels": {"batch.kubernetes.io/controller-uid": "u1"}},
        "manualSelector": false, "completionMode": "NonIndexed", "suspend": true, "podReplacementPolicy": "TerminatingOrFailed"})
    );
    let bad = json!({"metadata": {"name": "jb", "uid": "u"}, "spec": {"template": {"spec": {"containers": [{"name": "c", "image": "i"}]}}}});
    assert_eq!(
        causes("batch", "Job", bad),
        want(&[("spec.template.spec.restartPolicy", "Required value: valid values: \"OnFailure\", \"Never\"")])
    );
    let mut new = j.clone();
    new["spec"]["completions"] = 2.into();
    let got = (strategy("batch", "Job").unwrap().validate_update)(&new, &j);
    assert_eq!(
        got.iter().map(ToString::to_string).collect::<Vec<_>>(),
        ["spec.completions: Invalid value: 2: field is immutable"]
    );
}

#[test]
fn workloads_cronjob() {
    let body = |schedule: &str| {
        json!({"metadata": {"name": "cj"}, "spec": {"suspend": true, "schedule": schedule, "jobTemplate": {"spec":
        {"template": {"spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": "i"}]}}}}}})
    };
    let (cj, c) = create("batch", "CronJob", body("*/5 * * * *"));
    assert_eq!(c, []);
    assert_eq!(cj["spec"]["concurrencyPolicy"], "Allow");
    assert_eq!((&cj["spec"]["successfulJobsHistoryLimit"], &cj["spec"]["failedJobsHistoryLimit"]), (&json!(3), &json!(1)));
    assert_eq!(cj["spec"]["jobTemplate"]["spec"].as_object().unwrap().len(), 1);
    assert_eq!(
        causes("batch", "CronJob", body("every day")),
        want(&[("spec.schedule", "Invalid value: \"every day\": expected exactly 5 fields, found 2: [every day]")])
    );
}
