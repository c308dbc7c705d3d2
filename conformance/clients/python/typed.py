"""The typed client: built-in kinds, patches, subresources, deletion, refusals."""

import json

from kubernetes import client, utils

from suite import case, gone, refusal, same, until


@case
def version_and_groups(site):
    same(client.VersionApi().get_code().major, "1")
    names = {group.name for group in client.ApisApi().get_api_versions().groups}
    wanted = {"apps", "batch", "coordination.k8s.io", "rbac.authorization.k8s.io", "serving.knative.dev"}
    assert wanted <= names, sorted(wanted - names)
    resources = {resource.name for resource in client.AppsV1Api().get_api_resources().resources}
    assert {"deployments", "deployments/scale", "deployments/status"} <= resources, resources


@case
def typed_crud(site):
    made = site.config_map("a", {"k": "1"}, labels={"set": "x"}, finalizers=["skiff.dev/wait"])
    assert made.metadata.uid and made.metadata.resource_version and made.metadata.creation_timestamp
    read = site.core.read_namespaced_config_map("a", site.namespace)
    same(read, made)
    read.data["k"] = "2"
    replaced = site.core.replace_namespaced_config_map("a", site.namespace, read)
    assert int(replaced.metadata.resource_version) > int(made.metadata.resource_version)
    status = refusal(lambda: site.core.replace_namespaced_config_map("a", site.namespace, made), 409, "Conflict")
    assert "the object has been modified" in status["message"], status
    # The same again changes nothing, its version included.
    again = site.core.replace_namespaced_config_map("a", site.namespace, replaced)
    same(again.metadata.resource_version, replaced.metadata.resource_version)
    site.core.delete_namespaced_config_map("a", site.namespace)
    waiting = site.core.read_namespaced_config_map("a", site.namespace)
    assert waiting.metadata.deletion_timestamp, "a finalizer holds it"
    waiting.metadata.finalizers = None
    site.core.replace_namespaced_config_map("a", site.namespace, waiting)
    gone(lambda: site.core.read_namespaced_config_map("a", site.namespace))


@case
def binary_data_survives(site):
    secret = {"metadata": {"name": "s"}, "stringData": {"word": "pass"}, "data": {"raw": "AAH/"}}
    made = site.core.create_namespaced_secret(site.namespace, secret)
    same((made.type, made.data, made.string_data), ("Opaque", {"word": "cGFzcw==", "raw": "AAH/"}, None))
    body = client.V1ConfigMap(metadata=client.V1ObjectMeta(generate_name="bin-"), binary_data={"raw": "AAH/"})
    named = site.core.create_namespaced_config_map(site.namespace, body)
    same((len(named.metadata.name), named.binary_data), (len("bin-") + 5, {"raw": "AAH/"}))


@case
def typed_patches(site):
    site.deployment("web", replicas=0)
    patch = lambda body, kind, **options: site.apps.patch_namespaced_deployment(
        "web", site.namespace, body, _content_type=kind, **options)
    containers = lambda answer: [(one.name, one.image) for one in answer.spec.template.spec.containers]
    template = lambda *containers: {"spec": {"template": {"spec": {"containers": list(containers)}}}}
    main, other = {"name": "main", "image": "dev.local/web:2"}, {"name": "other", "image": "dev.local/other:1"}
    # Strategic: containers merge by name.
    answer = patch(template(main, other), "application/strategic-merge-patch+json")
    same(sorted(containers(answer)), [("main", "dev.local/web:2"), ("other", "dev.local/other:1")])
    removed = {"name": "other", "$patch": "delete"}
    same(containers(patch(template(removed), "application/strategic-merge-patch+json")), [("main", "dev.local/web:2")])
    # Merge: a list is replaced, null removes.
    same(containers(patch(template(other), "application/merge-patch+json")), [("other", "dev.local/other:1")])
    annotated = {"metadata": {"annotations": {"a": "1", "b": "2"}}}
    patch(annotated, "application/merge-patch+json")
    kept = patch({"metadata": {"annotations": {"a": None}}}, "application/merge-patch+json").metadata.annotations
    same({name: kept.get(name) for name in "ab"}, {"a": None, "b": "2"})
    # JSON: a list of operations, of which a failed test undoes all.
    steps = [{"op": "test", "path": "/spec/replicas", "value": 0}, {"op": "replace", "path": "/spec/replicas", "value": 2}]
    same(patch(steps, "application/json-patch+json").spec.replicas, 2)
    refusal(lambda: patch(steps, "application/json-patch+json"), 422, "Invalid")
    # The client's own choice for a dictionary is a strategic patch too.
    same(site.apps.patch_namespaced_deployment("web", site.namespace, {"spec": {"replicas": 0}}).spec.replicas, 0)


@case
def typed_apply(site):
    body = lambda value: {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": {"k": value}}
    apply = lambda owner, value, **options: site.core.patch_namespaced_config_map(
        "a", site.namespace, body(value), field_manager=owner, _content_type="application/apply-patch+yaml", **options)
    fields = apply("one", "1").metadata.managed_fields
    same([(entry.manager, entry.operation, entry.fields_v1) for entry in fields], [("one", "Apply", {"f:data": {"f:k": {}}})])
    status = refusal(lambda: apply("two", "2"), 409, "Conflict")
    same([cause["field"] for cause in status["details"]["causes"]], [".data.k"])
    assert 'conflict with "one"' in status["message"], status
    same(apply("two", "2", force=True).data, {"k": "2"})


@case
def scale_and_status(site):
    site.deployment("web", replicas=2)
    ready = lambda count: until(lambda: site.apps.read_namespaced_deployment_status("web", site.namespace),
                                lambda one: one.status.ready_replicas == count)
    assert ready(2).status.observed_generation == 1
    scale = site.apps.read_namespaced_deployment_scale("web", site.namespace)
    same((scale.spec.replicas, scale.status.selector), (2, "app=web"))
    scale.spec.replicas = 3
    same(site.apps.replace_namespaced_deployment_scale("web", site.namespace, scale).spec.replicas, 3)
    ready(3)
    site.apps.patch_namespaced_deployment_scale("web", site.namespace, {"spec": {"replicas": 1}})
    ready(1)
    pods = site.core.list_namespaced_pod(site.namespace, label_selector="app=web", field_selector="status.phase=Running").items
    owner = pods[0].metadata.owner_references[0]
    sets = site.apps.list_namespaced_replica_set(site.namespace, label_selector="app=web").items
    same((owner.kind, owner.controller, owner.uid), ("ReplicaSet", True, sets[0].metadata.uid))


@case
def deletions(site):
    refused = lambda **options: refusal(
        lambda: site.core.delete_namespaced_config_map("a", site.namespace, **options), 409, "Conflict")
    made = site.config_map("a")
    refused(body=client.V1DeleteOptions(preconditions=client.V1Preconditions(uid="00000000-0000-0000-0000-000000000000")))
    site.core.delete_namespaced_config_map("a", site.namespace, dry_run="All")
    same(site.core.read_namespaced_config_map("a", site.namespace).metadata.uid, made.metadata.uid)
    answer = site.core.delete_namespaced_config_map("a", site.namespace)
    same((answer["status"], answer["details"]), ("Success", {"name": "a", "kind": "configmaps", "uid": made.metadata.uid}))
    for number in range(4):
        site.config_map(f"m-{number}", labels={"half": str(number % 2)})
    site.core.delete_collection_namespaced_config_map(site.namespace, label_selector="half=1")
    left = site.core.list_namespaced_config_map(site.namespace, label_selector="half").items
    same([one.metadata.name for one in left], ["m-0", "m-2"])
    # What a Deployment owns goes with it, or stays as an orphan.
    for policy, wanted in (("Orphan", 1), ("Foreground", 0)):
        site.deployment(policy.lower())
        sets = lambda: site.apps.list_namespaced_replica_set(site.namespace, label_selector=f"app={policy.lower()}").items
        until(sets, lambda found: len(found) == 1)
        site.apps.delete_namespaced_deployment(policy.lower(), site.namespace, propagation_policy=policy)
        gone(lambda: site.apps.read_namespaced_deployment(policy.lower(), site.namespace))
        owners = [one.metadata.owner_references for one in until(sets, lambda found: len(found) == wanted)]
        same(owners, [None] * wanted)


@case
def evictions(site):
    site.pod("one")
    evict = lambda name: site.core.create_namespaced_pod_eviction(name, site.namespace, {"metadata": {"name": name}})
    evict("one")
    gone(lambda: site.core.read_namespaced_pod("one", site.namespace))
    refusal(lambda: evict("one"), 404, "NotFound")


@case
def refusals_say_why(site):
    status = refusal(lambda: site.core.read_namespaced_pod("none", site.namespace), 404, "NotFound")
    same((status["message"], status["details"]), ('pods "none" not found', {"name": "none", "kind": "pods"}))
    site.config_map("a")
    status = refusal(lambda: site.config_map("a"), 409, "AlreadyExists")
    same(status["message"], 'configmaps "a" already exists')
    pod = {"metadata": {"name": "P"}, "spec": {"containers": []}}
    status = refusal(lambda: site.core.create_namespaced_pod(site.namespace, pod), 422, "Invalid")
    fields = [cause["field"] for cause in status["details"]["causes"]]
    same(fields, ["metadata.name", "spec.containers"])


@case
def malformed_bodies(site):
    """What the typed client would not send, past its models."""

    def post(body, **query):
        path = f"/api/v1/namespaces/{site.namespace}/configmaps"
        request = site.api.param_serialize("POST", path, body=body, query_params=list(query.items()), auth_settings=["BearerToken"])
        answer = site.api.call_api(*request)
        return answer.status, json.loads(answer.read()).get("message", "")

    code, message = post({"data": "text"})
    assert code == 400 and "cannot unmarshal string into Go struct field ConfigMap.data" in message, message
    red = {"metadata": {"name": "c"}, "colour": "red"}
    code, message = post(red, fieldValidation="Strict")
    assert code == 400 and 'strict decoding error: unknown field "colour"' in message, message
    same(post(red), (201, ""))
    code, message = post({"kind": "Secret", "apiVersion": "v1", "metadata": {"name": "d"}})
    assert code == 400 and "Secret" in message, message


@case
def tokens_and_permissions(site):
    """A service account's token is let in, and only as far as its role goes."""
    site.core.create_namespaced_service_account(site.namespace, {"metadata": {"name": "reader"}})
    rules = [{"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get", "list"]}]
    rbac = client.RbacAuthorizationV1Api()
    rbac.create_namespaced_role(site.namespace, {"metadata": {"name": "read"}, "rules": rules})
    rbac.create_namespaced_role_binding(site.namespace, {
        "metadata": {"name": "read"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "read"},
        "subjects": [{"kind": "ServiceAccount", "name": "reader", "namespace": site.namespace}],
    })
    request = client.AuthenticationV1TokenRequest(spec=client.V1TokenRequestSpec(audiences=[], expiration_seconds=600))
    token = site.core.create_namespaced_service_account_token("reader", site.namespace, request).status.token
    admin = client.Configuration.get_default_copy()
    settings = client.Configuration(host=admin.host, api_key={"authorization": f"Bearer {token}"})
    settings.ssl_ca_cert = admin.ssl_ca_cert
    reader = client.ApiClient(settings)
    user = f"system:serviceaccount:{site.namespace}:reader"
    review = client.AuthenticationV1Api(reader).create_self_subject_review({})
    same(review.status.user_info.username, user)
    client.CoreV1Api(reader).list_namespaced_config_map(site.namespace)
    status = refusal(lambda: client.CoreV1Api(reader).list_namespaced_secret(site.namespace), 403, "Forbidden")
    wanted = f'secrets is forbidden: User "{user}" cannot list resource "secrets" in API group "" in the namespace "{site.namespace}"'
    same(status["message"], wanted)
    attributes = {"namespace": site.namespace, "verb": "list", "resource": "secrets"}
    asked = client.AuthorizationV1Api(reader).create_self_subject_access_review({"spec": {"resourceAttributes": attributes}})
    same(asked.status.allowed, False)
    settings.api_key = {"authorization": "Bearer nonsense"}
    refusal(lambda: client.CoreV1Api(client.ApiClient(settings)).list_node(), 401, "Unauthorized")


@case
def from_yaml(site):
    """The client's own `create_from_dict` and apply, over several kinds at once."""
    objects = {"apiVersion": "v1", "kind": "List", "items": [
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}},
        {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "b"}, "spec": {"ports": [{"port": 80}]}},
        {"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": {"name": "c"}, "spec": {
            "defaultBackend": {"service": {"name": "b", "port": {"number": 80}}}}},
        {"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": "d"}, "spec": {
            "minAvailable": 1, "selector": {"matchLabels": {"app": "b"}}}},
        {"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": {"name": "e"}, "spec": {
            "maxReplicas": 2, "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "b"}}},
    ]}
    utils.create_from_dict(site.api, objects, namespace=site.namespace)
    same(len(site.core.read_namespaced_service("b", site.namespace).spec.cluster_ips), 1)
    try:
        utils.create_from_dict(site.api, objects, namespace=site.namespace)
    except utils.FailToCreateError as error:
        same([json.loads(one.body)["reason"] for one in error.api_exceptions], ["AlreadyExists"] * 5)
    else:
        raise AssertionError("created twice")
