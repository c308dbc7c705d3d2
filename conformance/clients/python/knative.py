"""Knative's kinds, which this client knows only as custom objects."""

from kubernetes import watch

from suite import case, gone, refusal, same, until

GROUP = ("serving.knative.dev", "v1")


def service(image="dev.local/web:1", **annotations):
    template = {"metadata": {"annotations": annotations}, "spec": {"containers": [{"image": image}]}}
    return {"apiVersion": "serving.knative.dev/v1", "kind": "Service", "metadata": {"name": "hello"}, "spec": {"template": template}}


def ready(one):
    conditions = {found["type"]: found["status"] for found in one.get("status", {}).get("conditions", [])}
    return conditions.get("Ready") == "True" and one["status"]["observedGeneration"] == one["metadata"]["generation"]


@case
def knative_services(site):
    where = (*GROUP, site.namespace)
    site.custom.create_namespaced_custom_object(*where, "services", service())
    read = lambda: site.custom.get_namespaced_custom_object(*where, "services", "hello")
    first = until(read, ready)
    same(first["status"]["url"].split("://")[1].split(".")[:2], ["hello", site.namespace])
    listed = lambda plural: site.custom.list_namespaced_custom_object(*where, plural)["items"]
    same([one["metadata"]["name"] for one in listed("revisions")], ["hello-00001"])
    same([len(listed("configurations")), len(listed("routes"))], [1, 1])
    body = {"spec": {"template": {"spec": {"containers": [{"image": "dev.local/web:2"}]}}}}
    site.custom.patch_namespaced_custom_object(*where, "services", "hello", body, _content_type="application/merge-patch+json")
    second = until(read, ready)
    same(second["status"]["latestReadyRevisionName"], "hello-00002")
    traffic = [{"revisionName": "hello-00001", "percent": 30, "tag": "old"}, {"latestRevision": True, "percent": 70}]
    site.custom.patch_namespaced_custom_object(
        *where, "services", "hello", {"spec": {"traffic": traffic}}, _content_type="application/merge-patch+json")
    split = until(read, ready)["status"]["traffic"]
    same([(one["revisionName"], one["percent"]) for one in split], [("hello-00001", 30), ("hello-00002", 70)])
    site.custom.delete_namespaced_custom_object(*where, "services", "hello")
    gone(read)
    for plural in ("configurations", "routes", "revisions"):
        until(lambda: listed(plural), lambda found: found == [])


@case
def knative_refusals(site):
    body = service(**{"autoscaling.knative.dev/min-scale": "-1"})
    create = lambda body: site.custom.create_namespaced_custom_object(*GROUP, site.namespace, "services", body)
    status = refusal(lambda: create(body), 400, "BadRequest")
    assert "admission webhook" in status["message"] and "min-scale" in status["message"], status
    refusal(lambda: site.custom.get_namespaced_custom_object(*GROUP, site.namespace, "services", "hello"), 404, "NotFound")


@case
def knative_watch(site):
    stream, kinds, last = watch.Watch(), [], None
    site.custom.create_namespaced_custom_object(*GROUP, site.namespace, "services", service())
    for event in stream.stream(site.custom.list_namespaced_custom_object, *GROUP, site.namespace, "services", timeout_seconds=60):
        kinds.append(event["type"])
        last = event["object"]
        if ready(last):
            stream.stop()
    assert kinds[0] == "ADDED" and ready(last), (kinds, last)
