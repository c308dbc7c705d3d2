"""Helm's whole life of a release, against a running server: suite-helm KUBECONFIG

One line a step and a count at the end; exits with 1 if a step failed. The steps build on one another. HELM and KUBECTL name the programs.
Images are those of fake nodes: `completes` ends well, `exits` badly, `neverready` never gets ready.
"""

import json
import os
import subprocess
import sys
import tempfile
import time

CHART = os.path.join(os.path.dirname(os.path.abspath(__file__)), "chart")
NAMESPACE, RELEASE = "helm-suite", "fleet"
KINDS = {
    "ServiceAccount", "Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding", "ConfigMap", "Secret", "Deployment", "Service",
    "HorizontalPodAutoscaler", "PodDisruptionBudget", "Ingress", "Boat",
}
OF_CLUSTER = {"ClusterRole", "ClusterRoleBinding"}
_home = tempfile.TemporaryDirectory(prefix="skiff-helm-")
_environment = {
    "PATH": os.environ["PATH"], "HOME": _home.name, "KUBECONFIG": os.path.abspath(sys.argv[1]), "HELM_NAMESPACE": NAMESPACE,
}


def same(found, wanted):
    """Fails unless both are equal."""
    assert found == wanted, f"found {found!r}, wanted {wanted!r}"


def run(program, *arguments, fails=""):
    """What a program prints. It must succeed, or fail with these words."""
    done = subprocess.run([os.environ[program], *arguments], env=_environment, capture_output=True, text=True, timeout=240)
    if fails:
        assert done.returncode != 0, f"{arguments} did not fail: {done.stdout}"
        assert fails in done.stderr, f"{arguments} failed with {done.stderr!r}, wanted {fails!r}"
    else:
        assert done.returncode == 0, f"{arguments} ended with {done.returncode}: {done.stderr} {done.stdout}"
    return done.stdout


def helm(*arguments, fails=""):
    return run("HELM", *arguments, fails=fails)


def kubectl(*arguments):
    return run("KUBECTL", "--namespace", NAMESPACE, *arguments)


def read(kind, name=RELEASE):
    """An object, or None."""
    text = kubectl("get", kind, name, "--ignore-not-found", "--output", "json")
    return json.loads(text) if text else None


def revision():
    return json.loads(helm("status", RELEASE, "--output", "json"))["version"]


def ran(event):
    """How the hooks of an event ended last."""
    hooks = json.loads(helm("status", RELEASE, "--output", "json"))["hooks"]
    return [hook["last_run"]["phase"] for hook in hooks if event in hook["events"]]


def upgrade(*settings, fails=""):
    given = [part for setting in settings for part in (("--set", setting) if "=" in setting and not setting.startswith("-") else (setting,))]
    return helm("upgrade", RELEASE, CHART, "--reset-then-reuse-values", *given, fails=fails)


def lint():
    helm("lint", "--strict", CHART)


def dry_run():
    """Rendered with what the server says, and sent nowhere. (Before an installation Helm itself fails at what is in crds/.)"""
    before = read("configmap")
    out = upgrade("--dry-run=server", "message=dry")
    assert before["data"]["system"] in out and "message: \"dry\"" in out, out
    same((revision(), read("configmap")), (1, before))


def install():
    out = helm("install", RELEASE, CHART, "--create-namespace", "--wait", "--timeout", "90s")
    assert "STATUS: deployed" in out and "2 boats of fleet say one." in out, out
    same(ran("pre-install"), ["Succeeded"])
    same(read("pod", "fleet-pre-install"), None)
    same(read("deployment")["status"]["readyReplicas"], 2)


def every_kind_is_there():
    for kind in KINDS:
        found = read(kind, f"{NAMESPACE}-{RELEASE}" if kind in OF_CLUSTER else RELEASE)
        same((kind, found["metadata"]["annotations"]["meta.helm.sh/release-name"]), (kind, RELEASE))
    same(read("boat")["spec"], {"oars": 2, "sail": "none"})
    kubectl("wait", "--for=condition=Ready", "ksvc/fleet-function", "--timeout=60s")
    data = read("configmap")["data"]
    same(data["system"], read("namespace", "kube-system")["metadata"]["uid"])
    same(data["version"], json.loads(kubectl("version", "--output", "json"))["serverVersion"]["gitVersion"])


def list_and_get():
    listed = json.loads(helm("list", "--output", "json"))
    same([(one["name"], one["revision"], one["status"], one["chart"]) for one in listed], [(RELEASE, "1", "deployed", "fleet-0.1.0")])
    assert RELEASE in helm("list", "--all-namespaces", "--short").split()
    manifest = helm("get", "manifest", RELEASE)
    assert all(f"kind: {kind}\n" in manifest for kind in KINDS), manifest
    assert "helm.sh/hook: pre-install" in helm("get", "hooks", RELEASE)
    assert "2 boats" in helm("get", "notes", RELEASE)
    same(json.loads(helm("get", "values", RELEASE, "--all", "--output", "json"))["message"], "one")
    # What was stored can be applied: the server finds no difference.
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        file.write(manifest)
        file.flush()
        changed = [line for line in kubectl("apply", "--server-side", "--force-conflicts", "--dry-run=server", "--filename", file.name).splitlines()
                   if "serverside-applied" not in line]
    same(changed, [])


def names_and_owners_are_kept_apart():
    helm("install", RELEASE, CHART, fails="cannot re-use a name that is still in use")
    helm("install", "other", CHART, "--set", "image=x", "--name-template", RELEASE, fails="cannot set --name-template and also specify a name")
    kubectl("create", "configmap", "strange")
    helm("install", "strange", CHART, fails='ConfigMap "strange" in namespace "helm-suite" exists and cannot be imported')
    kubectl("delete", "configmap", "strange")


def test():
    out = helm("test", RELEASE, "--logs")
    assert "Phase:          Succeeded" in out and "POD LOGS: fleet-test" in out, out
    same(read("pod", "fleet-test")["status"]["phase"], "Succeeded")


def upgrade_in_place():
    """A change is rolled out, what the chart has no more goes, what others wrote stays."""
    kubectl("annotate", "deployment", RELEASE, "by=hand")
    kubectl("scale", "deployment", RELEASE, "--replicas=1")
    before = read("service")
    upgrade("--wait", "--atomic", "--timeout=90s", "replicas=3", "message=two", "ingress=false")
    found = read("deployment")
    same((found["spec"]["replicas"], found["status"]["readyReplicas"], found["metadata"]["annotations"]["by"]), (3, 3, "hand"))
    same((read("configmap")["data"]["message"], read("ingress"), read("boat")["spec"]["oars"]), ("two", None, 3))
    after = read("service")
    same((after["metadata"]["uid"], after["spec"]), (before["metadata"]["uid"], before["spec"]))
    same(ran("post-upgrade"), ["Succeeded"])
    same(len(json.loads(kubectl("get", "revisions", "--output", "json"))["items"]), 2)


def upgrade_that_changes_nothing():
    before = read("deployment")["metadata"]["generation"]
    upgrade("--wait", "--timeout=90s")
    same((revision(), read("deployment")["metadata"]["generation"]), (3, before))


def atomic_upgrade_that_fails():
    """The new Pods never get ready: all is put back."""
    upgrade("--wait", "--atomic", "--timeout=6s", "image=dev.local/neverready:1", "message=three", fails="has been rolled back due to atomic being set")
    same(read("deployment")["spec"]["template"]["spec"]["containers"][0]["image"], "dev.local/web:1")
    same((read("configmap")["data"]["message"], read("deployment")["status"]["readyReplicas"]), ("two", 3))


def hook_that_fails():
    upgrade("hook=dev.local/exits:1", fails="post-upgrade hooks failed")
    same(ran("post-upgrade"), ["Failed"])
    same(read("pod", "fleet-post-upgrade")["status"]["phase"], "Failed")


def test_that_fails():
    upgrade("hook=dev.local/completes:1", "test=dev.local/exits:1")
    helm("test", RELEASE, fails="pod fleet-test failed")
    upgrade("test=dev.local/completes:1")
    helm("test", RELEASE)


def rollback():
    helm("rollback", RELEASE, "1", "--wait", "--timeout", "90s")
    found = read("deployment")
    same((found["spec"]["replicas"], found["status"]["readyReplicas"]), (2, 2))
    same((read("configmap")["data"]["message"], read("boat")["spec"]["oars"]), ("one", 2))
    assert read("ingress"), "the Ingress is not back"


def history():
    found = json.loads(helm("history", RELEASE, "--output", "json"))
    same([(one["revision"], one["status"]) for one in found], [
        (1, "superseded"), (2, "superseded"), (3, "superseded"), (4, "failed"), (5, "superseded"), (6, "failed"), (7, "superseded"),
        (8, "superseded"), (9, "deployed"),
    ])
    assert found[4]["description"] == "Rollback to 3" and found[8]["description"] == "Rollback to 1", found
    stored = json.loads(kubectl("get", "secrets", "--selector", "owner=helm", "--output", "json"))["items"]
    same({one["type"] for one in stored}, {"helm.sh/release.v1"})
    same(len(stored), 9)


def uninstall():
    kubectl("delete", "pod", "fleet-test")  # Helm leaves a test's Pod behind.
    out = helm("uninstall", RELEASE, "--wait", "--timeout", "90s")
    assert 'release "fleet" uninstalled' in out, out
    same(json.loads(helm("list", "--all", "--output", "json")), [])


def nothing_is_left():
    """Of all that can be listed, only what every namespace has."""
    resources = kubectl("api-resources", "--verbs=list", "--namespaced", "--output=name").split()
    watched = [one for one in resources if one.split(".")[0] not in ("events", "pods") or one == "pods"]
    deadline = time.monotonic() + 30
    while True:
        left = kubectl("get", ",".join(watched), "--output=name", "--ignore-not-found").split()
        if sorted(left) == ["configmap/kube-root-ca.crt", "serviceaccount/default"]:
            break
        assert time.monotonic() < deadline, left
        time.sleep(0.5)
    same(kubectl("get", "clusterroles,clusterrolebindings", "--selector", "app.kubernetes.io/instance=fleet", "--output=name"), "")
    # Helm never removes what came from crds/.
    kubectl("delete", "crd", "boats.helm.skiff.dev")
    kubectl("delete", "namespace", NAMESPACE)


STEPS = [
    lint, install, every_kind_is_there, list_and_get, dry_run, names_and_owners_are_kept_apart, test, upgrade_in_place,
    upgrade_that_changes_nothing, atomic_upgrade_that_fails, hook_that_fails, test_that_fails, rollback, history, uninstall, nothing_is_left,
]


def main():
    failed = 0
    for step in STEPS:
        try:
            step()
            print("ok", step.__name__, flush=True)
        except Exception as error:  # A step may fail in any way; the others still run.
            failed += 1
            print(f"FAIL {step.__name__}: {error}".replace("\n", " "), flush=True)
    print(f"helm: {len(STEPS) - failed} of {len(STEPS)} steps hold")
    return 1 if failed else 0


sys.exit(main())
