"""A stock control plane on loopback with two nodes that only say so, in a folder of its own; for record.py.

The nodes do what Skiff's fake ones do: a pod that is bound to one is running and ready at once, fails by its image's name, and is
gone when it is deleted. Nothing here knows Skiff.
"""

import http.client
import json
import os
import shutil
import socket
import ssl
import subprocess
import tempfile
import threading
import time

TOKEN = "stock-admin"


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


class Cluster:
    def __init__(self, programs):
        self.programs = programs
        self.folder = tempfile.mkdtemp(prefix="stock-", dir="/tmp")
        self.children = []
        self.stopping = threading.Event()
        self.port = free_port()
        self.kubeconfig = os.path.join(self.folder, "kubeconfig")

    def path(self, name):
        return os.path.join(self.folder, name)

    def run(self, program, *arguments):
        log = open(self.path(program + ".log"), "w")
        command = [os.path.join(self.programs, program), *arguments]
        self.children.append(subprocess.Popen(command, stdout=log, stderr=log, cwd=self.folder))

    def start(self):
        subprocess.run(["openssl", "genrsa", "-out", self.path("sa.key"), "2048"], check=True, capture_output=True)
        with open(self.path("tokens.csv"), "w") as file:
            file.write(f"{TOKEN},kubernetes-admin,admin,system:masters\n")
        with open(self.kubeconfig, "w") as file:
            json.dump(self.config(), file)
        etcd, peer = free_port(), free_port()
        self.run(
            "etcd", "--data-dir", self.path("etcd"), "--listen-client-urls", f"http://127.0.0.1:{etcd}",
            "--advertise-client-urls", f"http://127.0.0.1:{etcd}", "--listen-peer-urls", f"http://127.0.0.1:{peer}",
            "--initial-advertise-peer-urls", f"http://127.0.0.1:{peer}", "--initial-cluster", f"default=http://127.0.0.1:{peer}",
            "--unsafe-no-fsync",
        )
        self.run(
            "kube-apiserver", f"--etcd-servers=http://127.0.0.1:{etcd}", f"--secure-port={self.port}", "--bind-address=127.0.0.1",
            f"--cert-dir={self.path('certs')}", f"--token-auth-file={self.path('tokens.csv')}", "--authorization-mode=Node,RBAC",
            "--service-cluster-ip-range=10.96.0.0/16", "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-account-key-file={self.path('sa.key')}", f"--service-account-signing-key-file={self.path('sa.key')}",
            "--advertise-address=192.0.2.1",
        )
        self.wait("/readyz", 90)
        self.run(
            "kube-controller-manager", f"--kubeconfig={self.kubeconfig}", "--leader-elect=false", "--secure-port=0",
            f"--service-account-private-key-file={self.path('sa.key')}", f"--root-ca-file={self.path('certs/apiserver.crt')}",
            "--kube-api-qps=500", "--kube-api-burst=1000", f"--cert-dir={self.path('certs')}", "--controllers=*",
        )
        self.run(
            "kube-scheduler", f"--kubeconfig={self.kubeconfig}", "--leader-elect=false", "--secure-port=0",
            "--kube-api-qps=500", "--kube-api-burst=1000",
        )
        for name in ("fake-0", "fake-1"):
            self.node(name)
        threading.Thread(target=self.kubelet, daemon=True).start()
        self.wait("/api/v1/namespaces/default/serviceaccounts/default", 60)
        self.wait("/api/v1/namespaces/default/configmaps/kube-root-ca.crt", 60)
        return self

    def config(self):
        # The names of Skiff's own file: kubectl prints some of them.
        return {
            "apiVersion": "v1", "kind": "Config", "current-context": "skiff",
            "clusters": [{"name": "skiff", "cluster": {"server": f"https://127.0.0.1:{self.port}", "insecure-skip-tls-verify": True}}],
            "users": [{"name": "skiff-admin", "user": {"token": TOKEN}}],
            "contexts": [{"name": "skiff", "context": {"cluster": "skiff", "user": "skiff-admin"}}],
        }

    def connection(self, timeout=30):
        context = ssl._create_unverified_context()
        return http.client.HTTPSConnection("127.0.0.1", self.port, context=context, timeout=timeout)

    def ask(self, method, path, body=None, kind="application/json"):
        connection = self.connection()
        headers = {"Authorization": "Bearer " + TOKEN, "Content-Type": kind}
        connection.request(method, path, None if body is None else json.dumps(body), headers)
        answer = connection.getresponse()
        text = answer.read()
        connection.close()
        return answer.status, text

    def wait(self, path, seconds):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            try:
                if self.ask("GET", path)[0] == 200:
                    return
            except OSError:
                pass
            time.sleep(0.1)
        raise SystemExit(f"{path} is not there after {seconds} s; see {self.folder}")

    def node(self, name):
        self.ask("POST", "/api/v1/nodes", {"metadata": {"name": name, "labels": {"kubernetes.io/hostname": name}}})
        size = {"cpu": "64", "memory": "256Gi", "pods": "1000", "ephemeral-storage": "100Gi"}
        condition = {"type": "Ready", "status": "True", "reason": "KubeletReady", "message": "says so", "lastHeartbeatTime": now()}
        status = {
            "capacity": size, "allocatable": size, "conditions": [dict(condition, lastTransitionTime=now())],
            "addresses": [{"type": "InternalIP", "address": "10.0.0.1"}, {"type": "Hostname", "address": name}],
            "nodeInfo": {"kubeletVersion": "v1.36.3", "osImage": "none", "kernelVersion": "0", "containerRuntimeVersion": "fake://1"},
        }
        self.ask("PATCH", f"/api/v1/nodes/{name}/status", {"status": status}, "application/strategic-merge-patch+json")
        lease = {"metadata": {"name": name, "namespace": "kube-node-lease"}, "spec": {"holderIdentity": name, "leaseDurationSeconds": 3600}}
        self.ask("POST", "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases", lease)
        threading.Thread(target=self.renew, args=(name,), daemon=True).start()

    def renew(self, name):
        while not self.stopping.wait(5):
            try:
                path = f"/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/{name}"
                self.ask("PATCH", path, {"spec": {"renewTime": now(micro=True)}}, "application/merge-patch+json")
            except OSError:
                return

    def kubelet(self):
        while not self.stopping.is_set():
            try:
                connection = self.connection(timeout=3600)
                connection.request("GET", "/api/v1/pods?watch=true", headers={"Authorization": "Bearer " + TOKEN})
                for line in connection.getresponse():
                    self.react(json.loads(line)["object"])
            except (OSError, ValueError, KeyError, http.client.HTTPException):
                time.sleep(0.2)

    def react(self, pod):
        meta, node = pod["metadata"], pod.get("spec", {}).get("nodeName")
        if not node:
            return
        path = f"/api/v1/namespaces/{meta['namespace']}/pods/{meta['name']}"
        if meta.get("deletionTimestamp"):
            self.ask("DELETE", path, {"gracePeriodSeconds": 0, "preconditions": {"uid": meta["uid"]}})
        elif pod["status"]["phase"] == "Pending" and "containerStatuses" not in pod["status"]:
            self.ask("PATCH", path + "/status", {"status": self.status(pod)}, "application/strategic-merge-patch+json")

    def status(self, pod):
        self.last = getattr(self, "last", 2) + 1
        address = f"10.64.{self.last // 250}.{self.last % 250 + 1}"
        failing = any("nopull" in one["image"] for one in pod["spec"]["containers"])
        ready = "False" if failing else "True"
        kinds = {"PodReadyToStartContainers": "True", "Initialized": "True", "Ready": ready, "ContainersReady": ready, "PodScheduled": "True"}
        state = {"running": {"startedAt": now()}}
        if failing:
            state = {"waiting": {"reason": "ImagePullBackOff", "message": "Back-off pulling image"}}
        return {
            "phase": "Pending" if failing else "Running", "startTime": now(), "hostIP": "10.0.0.1", "hostIPs": [{"ip": "10.0.0.1"}],
            "podIP": address, "podIPs": [{"ip": address}],
            "conditions": [{"type": kind, "status": value, "lastTransitionTime": now()} for kind, value in kinds.items()],
            "containerStatuses": [
                {"name": one["name"], "image": one["image"], "imageID": one["image"], "ready": not failing, "started": not failing,
                 "restartCount": 0, "containerID": f"fake://{pod['metadata']['uid']}-{one['name']}", "state": state}
                for one in pod["spec"]["containers"]
            ],
        }

    def stop(self):
        self.stopping.set()
        for child in reversed(self.children):
            child.kill()
            child.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


def now(micro=False):
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime()) + (".000000Z" if micro else "Z")
