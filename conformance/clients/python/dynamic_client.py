"""The dynamic client: discovery, every verb and patch type, server-side apply, on built-in kinds and on custom resources."""

import os
import tempfile

from kubernetes.client.exceptions import ApiException
from kubernetes.dynamic import DynamicClient
from kubernetes.dynamic.exceptions import ConflictError, NotFoundError, ResourceNotFoundError, UnprocessibleEntityError
from kubernetes.watch import Watch

from suite import case, gone, same, until


def connect(site):
    """A client with a discovery cache of its own: the default one is a file that all runs share."""
    file = os.path.join(tempfile.mkdtemp(prefix="skiff-python-"), "discovery.json")
    dynamic = DynamicClient(site.api, cache_file=file)
    return dynamic


def raised(kind, call):
    """The error of a call that must be refused."""
    try:
        answer = call()
    except kind as error:
        return error
    raise AssertionError(f"not refused: {answer}")


@case
def discovery(site):
    dynamic = connect(site)
    maps = dynamic.resources.get(api_version="v1", kind="ConfigMap")
    same((maps.name, maps.namespaced, maps.short_names), ("configmaps", True, ["cm"]))
    assert {"create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"} <= set(maps.verbs), maps.verbs
    deployments = dynamic.resources.get(api_version="apps/v1", kind="Deployment")
    assert {"scale", "status"} <= set(deployments.subresources), deployments.subresources
    services = {found.group for found in dynamic.resources.search(kind="Service")}
    same(services, {"", "serving.knative.dev"})
    raised(ResourceNotFoundError, lambda: dynamic.resources.get(api_version="v1", kind="Boat"))
    same(dynamic.version["kubernetes"]["major"], "1")


def exercise(resource, namespace, body, field, values, patches):
    """Creates, reads, lists, patches in every way that the kind knows, replaces and deletes."""
    read = lambda one: one.to_dict()["spec" if "spec" in body else "data"][field]
    part = lambda value: {"spec" if "spec" in body else "data": {field: value}}
    name = body["metadata"]["name"]
    made = resource.create(body=body, namespace=namespace)
    same((made.kind, made.metadata.namespace, read(made)), (body["kind"], namespace, values[0]))
    same(resource.get(name=name, namespace=namespace).metadata.uid, made.metadata.uid)
    same([one.metadata.name for one in resource.get(namespace=namespace, label_selector="set=x").items], [name])
    raised(ConflictError, lambda: resource.create(body=body, namespace=namespace))
    for patch in patches:
        same(read(resource.patch(name=name, namespace=namespace, body=part(values[1]), content_type=patch)), values[1])
        step = [{"op": "replace", "path": f"/{'spec' if 'spec' in body else 'data'}/{field}", "value": values[0]}]
        back = resource.patch(name=name, namespace=namespace, body=step, content_type="application/json-patch+json")
        same(read(back), values[0])
    stale = resource.get(name=name, namespace=namespace).to_dict()
    newer = {**stale, **part(values[1])}
    same(read(resource.replace(body=newer, namespace=namespace)), values[1])
    raised(ConflictError, lambda: resource.replace(body=stale, namespace=namespace))
    resource.delete(name=name, namespace=namespace)
    raised(NotFoundError, lambda: resource.get(name=name, namespace=namespace))


@case
def built_in_resources(site):
    dynamic = connect(site)
    both = ("application/strategic-merge-patch+json", "application/merge-patch+json")
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "labels": {"set": "x"}}, "data": {"k": "1"}}
    exercise(dynamic.resources.get(api_version="v1", kind="ConfigMap"), site.namespace, body, "k", ("1", "2"), both)
    body = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "a", "labels": {"set": "x"}}, "spec": {
        "replicas": 0, "selector": {"matchLabels": {"app": "a"}}, "template": {
            "metadata": {"labels": {"app": "a"}}, "spec": {"containers": [{"name": "c", "image": "dev.local/web:1"}]}}}}
    deployments = dynamic.resources.get(api_version="apps/v1", kind="Deployment")
    made = deployments.create(body=body, namespace=site.namespace)
    scaled = deployments.scale.patch(name="a", namespace=site.namespace, body={"spec": {"replicas": 1}},
                                     content_type="application/merge-patch+json")
    same((made.spec.replicas, scaled.kind, scaled.spec.replicas), (0, "Scale", 1))
    until(lambda: deployments.get(name="a", namespace=site.namespace), lambda one: one.status.readyReplicas == 1)


def boats(group, **schema):
    """A definition of boats, which have oars."""
    spec = {"type": "object", "required": ["oars"], "properties": {
        "oars": {"type": "integer", "minimum": 0}, "sail": {"type": "string", "default": "none"},
        "crew": {"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"], "items": {
            "type": "object", "required": ["name"], "properties": {"name": {"type": "string"}, "rank": {"type": "string"}}}}},
        "x-kubernetes-validations": [{"rule": "self.oars % 2 == 0", "message": "oars come in pairs"}]}
    status = {"type": "object", "properties": {"afloat": {"type": "boolean"}}}
    return {
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": f"boats.{group}"},
        "spec": {"group": group, "scope": "Namespaced", "names": {"plural": "boats", "singular": "boat", "kind": "Boat", "listKind": "BoatList"},
                 "versions": [{"name": "v1", "served": True, "storage": True,
                               "subresources": {"status": {}, "scale": {"specReplicasPath": ".spec.oars", "statusReplicasPath": ".status.oars"}},
                               "schema": {"openAPIV3Schema": {"type": "object", "properties": {"spec": spec, "status": status}}}}]},
    }


@case
def custom_resources(site):
    dynamic = connect(site)
    group = "python.skiff.dev"
    definitions = dynamic.resources.get(api_version="apiextensions.k8s.io/v1", kind="CustomResourceDefinition")
    definitions.create(body=boats(group))
    try:
        state = lambda: {one.type: one.status for one in definitions.get(name=f"boats.{group}").status.conditions or []}
        until(state, lambda found: found.get("Established") == "True")
        resource = dynamic.resources.get(api_version=f"{group}/v1", kind="Boat")
        metadata = {"name": "a", "labels": {"set": "x"}}
        body = lambda spec: {"apiVersion": f"{group}/v1", "kind": "Boat", "metadata": metadata, "spec": spec}
        exercise(resource, site.namespace, body({"oars": 2}), "oars", (2, 4), ("application/merge-patch+json",))
        made = resource.create(body=body({"oars": 2, "colour": "red"}), namespace=site.namespace).to_dict()
        same(made["spec"], {"oars": 2, "sail": "none"})
        for spec, words in (({"oars": 3}, "oars come in pairs"), ({"oars": -2}, "should be greater than or equal to 0"), ({}, "Required value")):
            metadata["name"] = "b"
            error = raised(UnprocessibleEntityError, lambda: resource.create(body=body(spec), namespace=site.namespace))
            assert words in error.summary(), error.summary()
        status = {"metadata": {"name": "a"}, "status": {"afloat": True}, "spec": {"oars": 8}}
        patched = resource.status.patch(body=status, name="a", namespace=site.namespace, content_type="application/merge-patch+json")
        same((patched.spec.oars, patched.status.afloat), (2, True))
        same(resource.scale.get(name="a", namespace=site.namespace).spec.replicas, 2)
        raised(ApiException, lambda: resource.patch(
            name="a", namespace=site.namespace, body={"spec": {"oars": 2}}, content_type="application/strategic-merge-patch+json"))
        applied = apply(resource, site, {"oars": 2, "crew": [{"name": "ann", "rank": "mate"}]}, "one")
        same([one.name for one in applied.spec.crew], ["ann"])
        applied = apply(resource, site, {"oars": 2, "crew": [{"name": "bob"}]}, "two")
        same([one.name for one in applied.spec.crew], ["ann", "bob"])
        applied = apply(resource, site, {"oars": 2}, "one")
        same([one.name for one in applied.spec.crew], ["bob"])
    finally:
        definitions.delete(name=f"boats.{group}")
    gone(lambda: definitions.get(name=f"boats.{group}"))
    gone(lambda: resource.get(namespace=site.namespace))


def apply(resource, site, spec, owner):
    body = {"apiVersion": resource.group_version, "kind": resource.kind, "metadata": {"name": "c"}, "spec": spec}
    return resource.server_side_apply(body=body, name="c", namespace=site.namespace, field_manager=owner)


@case
def server_side_apply(site):
    maps = connect(site).resources.get(api_version="v1", kind="ConfigMap")

    def apply_map(owner, data, **options):
        body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": data}
        return maps.server_side_apply(body=body, namespace=site.namespace, field_manager=owner, **options)

    same(apply_map("one", {"k": "1", "l": "1"}).metadata.managedFields[0].manager, "one")
    error = raised(ConflictError, lambda: apply_map("two", {"k": "2"}))
    assert 'conflict with \\"one\\"' in error.body.decode() if isinstance(error.body, bytes) else 'conflict with \\"one\\"' in error.body, error.body
    same(apply_map("two", {"k": "2"}, force_conflicts=True).data.to_dict(), {"k": "2", "l": "1"})
    # The first owner gives up the rest.
    same(apply_map("one", {}).data.to_dict(), {"k": "2"})


@case
def dynamic_watch(site):
    maps = connect(site).resources.get(api_version="v1", kind="ConfigMap")
    site.config_map("a")
    stream, found = Watch(), []
    for event in maps.watch(namespace=site.namespace, name="a", timeout=30, watcher=stream):
        found.append((event["type"], event["object"].metadata.name, event["object"].data.k))
        if len(found) == 1:
            site.config_map("b")
            maps.patch(name="a", namespace=site.namespace, body={"data": {"k": "2"}})
        if len(found) == 2:
            maps.delete(name="a", namespace=site.namespace)
        if len(found) == 3:
            stream.stop()
    same(found, [("ADDED", "a", "1"), ("MODIFIED", "a", "2"), ("DELETED", "a", "2")])
