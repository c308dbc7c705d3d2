"""Cases by name, each in a namespace of its own, and what they have in common."""

import json
import logging
import sys
import time
import traceback

import urllib3
from kubernetes import client, config
from kubernetes.client.exceptions import ApiException

PATIENCE = 60  # Seconds until something that takes a moment counts as not happening.
RESTART = "restart the server, then press Enter"
_cases = []
_restarting = set()


class Site:
    """Where a case works: a namespace that only it knows, and an admin's connection."""

    def __init__(self, name):
        self.api = client.ApiClient()
        self.core = client.CoreV1Api(self.api)
        self.apps = client.AppsV1Api(self.api)
        self.custom = client.CustomObjectsApi(self.api)
        self.namespace = name

    def restart(self):
        """Asks whoever runs this to restart the server, and waits until that has happened."""
        print(RESTART, flush=True)
        assert sys.stdin.readline(), "nobody answers"
        self.api.rest_client.pool_manager.clear()  # Its connections went with the old server.

    def config_map(self, name, data=None, **metadata):
        """Creates a ConfigMap."""
        body = {"metadata": {"name": name, **metadata}, "data": data or {"k": "1"}}
        return self.core.create_namespaced_config_map(self.namespace, body)

    def deployment(self, name, replicas=1, image="dev.local/web:1"):
        """Creates a Deployment."""
        body = {
            "metadata": {"name": name},
            "spec": {
                "replicas": replicas,
                "selector": {"matchLabels": {"app": name}},
                "template": {
                    "metadata": {"labels": {"app": name}},
                    "spec": {"containers": [{"name": "main", "image": image}]},
                },
            },
        }
        return self.apps.create_namespaced_deployment(self.namespace, body)

    def pod(self, name, image="dev.local/web:1", **spec):
        """Creates a Pod and waits until it runs."""
        body = {"metadata": {"name": name}, "spec": {"containers": [{"name": "main", "image": image}], **spec}}
        self.core.create_namespaced_pod(self.namespace, body)
        return until(lambda: self.core.read_namespaced_pod(name, self.namespace), lambda pod: pod.status.phase == "Running")


def case(function):
    """Makes a function a case; its name is the case's."""
    _cases.append(function)
    return function


def restarting(function):
    """Marks a case that restarts the server: only with --restart, which says that somebody will."""
    _restarting.add(function)
    return function


def same(found, wanted):
    """Fails unless both are equal."""
    assert found == wanted, f"found {found!r}, wanted {wanted!r}"


def until(read, test, patience=PATIENCE):
    """Reads until the test holds, and gives what was read."""
    deadline = time.monotonic() + patience
    while True:
        found = read()
        if test(found):
            return found
        assert time.monotonic() < deadline, f"not as wanted after {patience} s: {found}"
        time.sleep(0.05)


def refusal(call, code, reason):
    """The Status of a call that must be refused."""
    try:
        answer = call()
    except ApiException as refused:
        same(refused.status, code)
        status = json.loads(refused.body)
        same((status["kind"], status["apiVersion"], status["status"]), ("Status", "v1", "Failure"))
        same((status["code"], status.get("reason")), (code, reason))
        return status
    raise AssertionError(f"not refused: {answer}")


def gone(read):
    """Waits until a read answers 404."""

    def absent():
        try:
            read()
        except ApiException as refused:
            if refused.status != 404:
                raise
            return True
        return False

    until(absent, bool)


def why(error):
    """One line of what went wrong, with the place in the case."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if "/clients/python/" in frame.filename]
    places = " < ".join(f"{frame.filename.rsplit('/', 1)[-1]}:{frame.lineno}" for frame in reversed(frames[1:]))
    body = error.body if isinstance(error, ApiException) and error.body else ""
    return f"{type(error).__name__} {error} {body} ({places})".replace("\n", " ")


def run(kubeconfig, options):
    """Runs the cases and says how many failed."""
    words = [option for option in options if not option.startswith("--")]
    config.load_kube_config(kubeconfig)
    logging.disable(logging.CRITICAL)  # The client logs what cases provoke.
    urllib3.util.Retry.DEFAULT = urllib3.util.Retry(0)  # A retry would hide a broken connection.
    chosen = [one for one in _cases if not words or any(word in one.__name__ for word in words)]
    core, failed = client.CoreV1Api(), 0
    if "--restart" not in options:
        for one in _restarting.intersection(chosen):
            print(f"SKIPPED {one.__name__}: needs --restart")
        chosen = [one for one in chosen if one not in _restarting]
    for one in chosen:
        site = Site("python-" + one.__name__.replace("_", "-"))
        core.create_namespace({"metadata": {"name": site.namespace}})
        try:
            one(site)
            print("ok", one.__name__, flush=True)
        except Exception as error:  # A case may fail in any way; the others still run.
            failed += 1
            print(f"FAIL {one.__name__}: {why(error)}", flush=True)
        core.delete_namespace(site.namespace)
    print(f"python: {len(chosen) - failed} of {len(chosen)} cases hold")
    return 1 if failed or not chosen else 0
