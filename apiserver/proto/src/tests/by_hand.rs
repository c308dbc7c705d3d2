//! Documents as clients write them, and the table against the published types. Knows nothing that Go made.

use serde_json::{Value, json};

use super::round;
use crate::table::{Kind, Shape, table};
use crate::{ProtoError, decode_object, encode_object, has_kind, watch_frame};

fn pod() -> Value {
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {
            "name": "web-0", "namespace": "default", "uid": "3e7a", "generation": 2,
            "creationTimestamp": "2026-01-02T03:04:05Z", "labels": {"app": "web", "tier": ""},
            "managedFields": [{"manager": "kubectl", "operation": "Update", "apiVersion": "v1", "time": "2026-01-02T03:04:05Z",
                "fieldsType": "FieldsV1", "fieldsV1": {"f:spec": {"f:containers": {}}}}]
        },
        "spec": {
            "volumes": [
                {"name": "scratch", "emptyDir": {}},
                {"name": "config", "configMap": {"name": "web", "items": [{"key": "a", "path": "b"}], "defaultMode": 0, "optional": false}},
                {"name": "token", "projected": {"sources": [{"serviceAccountToken": {"path": "token", "expirationSeconds": 3607}},
                    {"secret": {"name": "s"}}]}}
            ],
            "containers": [{
                "name": "web", "image": "web:1", "ports": [{"containerPort": 8080, "protocol": "TCP"}],
                "env": [{"name": "EMPTY"},
                    {"name": "REF", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k", "optional": true}}},
                    {"name": "CPU", "valueFrom": {"resourceFieldRef": {"resource": "limits.cpu", "divisor": "0"}}}],
                "envFrom": [{"configMapRef": {"name": "c"}}],
                "resources": {"limits": {"cpu": "500m", "memory": "128Mi"}},
                "livenessProbe": {"httpGet": {"path": "/", "port": "http"}, "terminationGracePeriodSeconds": 0},
                "readinessProbe": {"tcpSocket": {"port": 8080}, "periodSeconds": 3},
                "lifecycle": {"preStop": {"sleep": {"seconds": 5}}},
                "securityContext": {"runAsUser": 0, "privileged": false, "capabilities": {"drop": ["ALL"]}}
            }],
            "ephemeralContainers": [{"name": "debug", "image": "busybox", "stdin": true, "targetContainerName": "web"}],
            "automountServiceAccountToken": false, "securityContext": {}, "enableServiceLinks": true, "priority": -5,
            "tolerations": [{"operator": "Exists", "tolerationSeconds": 0}]
        },
        "status": {"phase": "Running", "podIPs": [{"ip": "10.0.0.7"}], "startTime": "2026-01-02T03:04:06Z"}
    })
}

#[test]
fn what_clients_send_comes_back() {
    let meta = json!({"name": "x", "namespace": "y"});
    for value in [
        pod(),
        json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": meta, "spec": {
            "replicas": 0, "selector": {"matchLabels": {"app": "x"}}, "template": {"spec": {"containers": [{"name": "c"}]}},
            "strategy": {"rollingUpdate": {"maxUnavailable": "25%", "maxSurge": 0}}, "progressDeadlineSeconds": 0, "paused": true}}),
        json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "n"}, "spec": {"finalizers": ["kubernetes"]}}),
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": {"a": "", "b": "2"}, "binaryData": {"e": "", "z": "AAEC/w=="},
            "immutable": false}),
        json!({"apiVersion": "v1", "kind": "Secret", "metadata": meta, "data": {"k": "dg=="}, "stringData": {"p": "q"}, "type": "Opaque"}),
        json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": meta, "secrets": [{"name": "t"}], "automountServiceAccountToken": false}),
        json!({"apiVersion": "v1", "kind": "Service", "metadata": meta, "spec": {"ports": [{"port": 80, "targetPort": "http"},
            {"port": 81, "targetPort": 8081}], "sessionAffinityConfig": {"clientIP": {"timeoutSeconds": 0}}}}),
        json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": "r"},
            "rules": [{"verbs": ["*"], "apiGroups": ["", "apps"], "resources": ["pods"]}], "aggregationRule": {}}),
        json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": meta,
            "subjects": [{"kind": "User", "name": "u"}], "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "r"}}),
        json!({"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": meta, "spec": {"holderIdentity": "",
            "leaseDurationSeconds": 15, "acquireTime": "2026-01-02T03:04:05.000006Z", "renewTime": "1969-12-31T23:59:59.500000Z"}}),
        json!({"apiVersion": "v1", "kind": "Event", "metadata": meta, "involvedObject": {"kind": "Pod", "apiVersion": "v1"}, "reason": "R",
            "source": {"component": "c"}, "firstTimestamp": "2026-01-02T03:04:05Z", "count": 3, "eventTime": "2026-01-02T03:04:05.123456Z"}),
        json!({"apiVersion": "apps/v1", "kind": "DeleteOptions", "gracePeriodSeconds": 0, "preconditions": {"uid": "u"}, "orphanDependents": false,
            "propagationPolicy": "Background", "dryRun": ["All"]}),
        json!({"apiVersion": "example.com/v7", "kind": "DeleteOptions", "gracePeriodSeconds": 30}),
        json!({"apiVersion": "autoscaling/v1", "kind": "Scale", "metadata": meta, "spec": {"replicas": 3}, "status": {"replicas": 1, "selector": "a=b"}}),
        json!({"apiVersion": "policy/v1", "kind": "Eviction", "metadata": meta, "deleteOptions": {}}),
        json!({"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"audiences": ["a"], "expirationSeconds": 600,
            "boundObjectRef": {"kind": "Pod", "apiVersion": "v1", "name": "p", "uid": "u"}}}),
        json!({"apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview", "spec": {"token": "t"}, "status": {"authenticated": true,
            "user": {"username": "u", "extra": {"k": ["a", ""]}}}}),
        json!({"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": meta, "spec": {"podSelector": {"matchLabels": {"a": "b"}},
            "ingress": [{"from": [{"namespaceSelector": {}}]}]}}),
        json!({"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": meta, "spec": {"rules": [{"host": "h",
            "http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": {"service": {"name": "s", "port": {"number": 80}}}}]}}]}}),
        json!({"apiVersion": "apps/v1", "kind": "ControllerRevision", "metadata": meta, "data": {"spec": {"x": null}}, "revision": 4}),
        json!({"apiVersion": "v1", "kind": "PodList", "metadata": {"resourceVersion": "7"}, "items": [{"metadata": {"name": "a"}}, {"metadata": {"name": "b"}}]}),
        json!({"apiVersion": "v1", "kind": "Status", "status": "Failure", "reason": "NotFound", "code": 404, "details": {"name": "x",
            "causes": [{"reason": "r", "message": "m", "field": "f"}]}}),
        json!({"apiVersion": "v1", "kind": "List", "items": [pod(), {"apiVersion": "x.y/v1", "kind": "Z", "spec": 1}]}),
        json!({"apiVersion": "v1", "kind": "WatchEvent", "type": "ADDED", "object": pod()}),
        json!({"apiVersion": "meta.k8s.io/v1", "kind": "PartialObjectMetadataList", "metadata": {"resourceVersion": "7"}, "items": [{"metadata": {"name": "a"}}]}),
    ] {
        assert_eq!(round(&value), value);
    }
}

#[test]
fn schemas_keep_their_unions() {
    let value = json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": "a.b"}, "spec": {
    "group": "b", "names": {"plural": "a", "kind": "A"}, "scope": "Cluster", "versions": [{"name": "v1", "served": true, "storage": true,
    "schema": {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": true, "properties": {
        "list": {"type": "array", "items": {"type": "string", "default": "x", "enum": ["x", null, 3]}, "minItems": 0},
        "tuple": {"items": [{"type": "string"}, {}]},
        "open": {"additionalProperties": true}, "shut": {"additionalProperties": false, "maximum": 0, "minimum": 1.5},
        "typed": {"additionalProperties": {"$ref": "#/x"}}, "needs": {"dependencies": {"a": ["b"], "c": {"type": "object"}}}
    }}}}]}});
    assert_eq!(round(&value), value);
}

#[test]
fn empty_values_stay_only_where_go_has_a_pointer() {
    let written = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "", "creationTimestamp": null}, "status": {},
        "spec": {"hostNetwork": false, "hostUsers": false, "nodeName": "", "activeDeadlineSeconds": 0, "priorityClassName": "", "containers": []}});
    let kept = json!({"apiVersion": "v1", "kind": "Pod", "spec": {"hostUsers": false, "activeDeadlineSeconds": 0}});
    let (mut ours, bytes) = (round(&written), encode_object(&written).unwrap());
    assert_eq!(bytes, encode_object(&kept).unwrap());
    ours.sort_all_objects();
    let mut sorted = kept;
    sorted.sort_all_objects();
    assert_eq!(ours, sorted);
    // A struct that the schema requires is there even without content.
    let review = json!({"apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview", "spec": {}});
    assert_eq!(round(&review), review);
}

#[test]
fn values_that_do_not_fit_are_named() {
    let encode = |spec: Value| encode_object(&json!({"apiVersion": "apps/v1", "kind": "Deployment", "spec": spec})).unwrap_err();
    assert_eq!(encode(json!({"replicas": "3"})).to_string(), "invalid value for field replicas: expected a whole number");
    assert!(matches!(encode(json!({"replicas": 3_000_000_000_u32})), ProtoError::Value { field: "replicas", .. }));
    assert!(matches!(encode(json!({"selector": []})), ProtoError::Value { field: "selector", .. }));
    assert!(matches!(encode(json!({"template": {"metadata": {"labels": ["a"]}}})), ProtoError::Value { field: "labels", .. }));
    let unknown = encode_object(&json!({"apiVersion": "serving.knative.dev/v1", "kind": "Route"})).unwrap_err().to_string();
    assert!(unknown.starts_with("no kind \"Route\" is registered for version \"serving.knative.dev/v1\""), "{unknown}");
    assert!(matches!(encode_object(&json!({"apiVersion": "v1"})), Err(ProtoError::NoKind { .. })));
    assert!(matches!(encode_object(&json!("x")), Err(ProtoError::NoKind { .. })));
}

#[test]
fn every_kind_has_an_empty_object() {
    let mut kinds = 0;
    for (version, kind) in table().kinds() {
        let value = json!({"apiVersion": version, "kind": kind});
        let back = round(&value);
        assert_eq!((&back["apiVersion"], &back["kind"]), (&value["apiVersion"], &value["kind"]));
        assert!(has_kind(version, kind));
        kinds += 1;
    }
    assert!(kinds > 250);
    assert!(!has_kind("serving.knative.dev/v1", "Service") && !has_kind("meta.k8s.io/v1", "Table") && !has_kind("", ""));
}

#[test]
fn the_table_agrees_with_the_published_types() {
    let built = skiff_schema::built_in();
    let mut fields = 0;
    for message in table().messages() {
        fields += message.fields.len();
        let Some(node) = built.named(message.name()) else { continue };
        for field in message.fields.iter().filter(|field| field.shape != Shape::Embedded) {
            assert!(built.schema.field(node, field.name).is_some(), "{} {}", message.name(), field.name);
        }
        assert!(message.fields.iter().all(|f| f.shape != Shape::Embedded || matches!(f.kind, Kind::Message(_))));
    }
    let lines = include_str!("../../table/messages.txt").lines().filter(|line| !line.starts_with("M ")).count();
    assert_eq!(fields, lines, "every line of the table is understood");
}

#[test]
fn frames_are_watch_events() {
    let object = encode_object(&pod()).unwrap();
    let frame = watch_frame("MODIFIED", &object);
    let (length, body) = frame.split_at(4);
    assert_eq!(u32::from_be_bytes(length.try_into().unwrap()) as usize, body.len());
    // The same event as an object: its message is what the frame holds.
    let event = encode_object(&json!({"apiVersion": "v1", "kind": "WatchEvent", "type": "MODIFIED", "object": pod()})).unwrap();
    assert!(event.windows(body.len()).any(|window| window == body));
    assert_eq!(watch_frame("", b""), [0, 0, 0, 6, 0x0a, 0, 0x12, 2, 0x0a, 0]);
    assert!(decode_object(&object, 100).is_ok());
}
