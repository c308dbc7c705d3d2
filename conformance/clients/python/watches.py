"""watch.Watch and the informer on top of it: events, resuming, expiry, bookmarks."""

import threading

from kubernetes import watch
from kubernetes.client.exceptions import ApiException
from kubernetes.informer import informer

from suite import case, restarting, same, until


def said(event):
    """An event in short."""
    body = event["raw_object"]
    return event["type"], body["metadata"]["name"], body.get("data", {}).get("k")


def patch(site, name, value):
    return site.core.patch_namespaced_config_map(name, site.namespace, {"data": {"k": value}})


@case
def events_in_order(site):
    version = site.core.list_namespaced_config_map(site.namespace).metadata.resource_version
    steps = [lambda: site.config_map("b"), lambda: patch(site, "a", "2"),
             lambda: site.core.delete_namespaced_config_map("a", site.namespace), lambda: None]
    site.config_map("a")
    stream, found = watch.Watch(), []
    for event in stream.stream(site.core.list_namespaced_config_map, site.namespace, resource_version=version, timeout_seconds=30):
        found.append(said(event))
        steps[len(found) - 1]()
        if len(found) == len(steps):
            stream.stop()
    same(found, [("ADDED", "a", "1"), ("ADDED", "b", "1"), ("MODIFIED", "a", "2"), ("DELETED", "a", "2")])


@case
def first_what_is_there(site):
    """Without a version a watch begins with what exists."""
    site.config_map("a", labels={"set": "x"})
    stream, found = watch.Watch(), []
    for event in stream.stream(site.core.list_namespaced_config_map, site.namespace, label_selector="set=x", timeout_seconds=30):
        found.append(said(event))
        if len(found) == 1:
            # Out of the selection and back again.
            site.core.patch_namespaced_config_map("a", site.namespace, {"metadata": {"labels": {"set": "y"}}})
            site.core.patch_namespaced_config_map("a", site.namespace, {"metadata": {"labels": {"set": "x"}}, "data": {"k": "2"}})
        if len(found) == 3:
            stream.stop()
    same(found, [("ADDED", "a", "1"), ("DELETED", "a", "1"), ("ADDED", "a", "2")])


@case
def resumes_where_it_was(site):
    """The server ends a watch in time; the next one goes on without a gap or a repetition."""
    version = site.core.list_namespaced_config_map(site.namespace).metadata.resource_version
    stream, found = watch.Watch(), []
    read = lambda: found.extend(said(event) for event in stream.stream(
        site.core.list_namespaced_config_map, site.namespace, resource_version=stream.resource_version or version, timeout_seconds=1))
    site.config_map("a")
    read()
    patch(site, "a", "2")
    patch(site, "a", "3")
    read()
    read()
    same(found, [("ADDED", "a", "1"), ("MODIFIED", "a", "2"), ("MODIFIED", "a", "3")])


@restarting
@case
def too_old_is_gone(site):
    """Versions from before a restart are refused, never silently skipped over."""
    version = site.config_map("a").metadata.resource_version
    site.restart()
    site.config_map("b")
    read = lambda **options: list(watch.Watch().stream(
        site.core.list_namespaced_config_map, site.namespace, resource_version=version, **options))
    for options in ({"timeout_seconds": 10}, {}):  # With a timeout the client does not try again.
        try:
            found = read(**options)
        except ApiException as error:
            same(error.status, 410)
            assert error.reason.startswith(f"Expired: too old resource version: {version} ("), error.reason
        else:
            raise AssertionError(f"not refused: {found}")


@case
def bookmarks(site):
    """A streamed list ends with the bookmark that says so."""
    site.config_map("a")
    stream, found = watch.Watch(), []
    for event in stream.stream(site.core.list_namespaced_config_map, site.namespace, send_initial_events=True, allow_watch_bookmarks=True,
                               resource_version_match="NotOlderThan", timeout_seconds=30):
        if event["type"] == "BOOKMARK":
            same(event["raw_object"]["metadata"]["annotations"], {"k8s.io/initial-events-end": "true"})
            assert int(stream.resource_version) > 0
            break
        found.append(said(event))
    same(found, [("ADDED", "a", "1"), ("ADDED", "kube-root-ca.crt", None)])


@case
def pods_until_ready(site):
    site.deployment("web", replicas=2)
    stream, ready = watch.Watch(), {}
    for event in stream.stream(site.core.list_namespaced_pod, site.namespace, label_selector="app=web", timeout_seconds=60):
        pod = event["object"]
        conditions = {one.type: one.status for one in pod.status.conditions or []}
        ready[pod.metadata.name] = conditions.get("Ready")
        if list(ready.values()) == ["True", "True"]:
            stream.stop()
    same(list(ready.values()), ["True", "True"])


@case
def shared_informer(site):
    events, lock = [], threading.Lock()

    def heard(kind):
        def handler(one):
            with lock:
                events.append((kind, one.metadata.name, one.data["k"]))

        return handler

    site.config_map("a", labels={"set": "x"})
    follower = informer.SharedInformer(site.core.list_namespaced_config_map, namespace=site.namespace, label_selector="set=x")
    for kind in ("ADDED", "MODIFIED", "DELETED"):
        follower.add_event_handler(kind, heard(kind))
    follower.start()
    try:
        wait = lambda count: until(lambda: list(events), lambda found: len(found) >= count)
        wait(1)
        site.config_map("b", labels={"set": "x"})
        wait(2)
        patch(site, "b", "2")
        wait(3)
        site.core.delete_namespaced_config_map("a", site.namespace)
        same(wait(4), [("ADDED", "a", "1"), ("ADDED", "b", "1"), ("MODIFIED", "b", "2"), ("DELETED", "a", "1")])
        same(sorted(follower.cache.list_keys()), [f"{site.namespace}/b"])
    finally:
        follower.stop()
