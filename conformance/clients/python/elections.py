"""Leader election, as the client does it: on a Lease and on a ConfigMap's annotation."""

import threading

from kubernetes import client
from kubernetes.leaderelection import electionconfig, leaderelection
from kubernetes.leaderelection.resourcelock.configmaplock import ConfigMapLock
from kubernetes.leaderelection.resourcelock.leaselock import LeaseLock

from suite import PATIENCE, case, same, until


class Candidate:
    """One that wants to lead; loses its lock, and so its leadership, when told to."""

    def __init__(self, lock):
        self.leads, self.lost = threading.Event(), threading.Event()
        self.failing = threading.Event()
        settings = electionconfig.Config(
            lock, lease_duration=3, renew_deadline=2, retry_period=1, onstarted_leading=self.lead, onstopped_leading=self.lost.set)
        threading.Thread(target=leaderelection.LeaderElection(settings).run, daemon=True).start()

    def lead(self):
        self.leads.set()
        if self.failing.wait(PATIENCE):
            raise RuntimeError("told to give up")


def contest(lock, holder):
    first = Candidate(lock("first"))
    assert first.leads.wait(PATIENCE), "nobody leads"
    same(holder(), "first")
    second = Candidate(lock("second"))
    assert not second.leads.wait(4), "two lead at once"
    first.failing.set()
    assert first.lost.wait(PATIENCE) and second.leads.wait(PATIENCE), "nobody takes over"
    until(holder, lambda name: name == "second")
    second.failing.set()
    assert second.lost.wait(PATIENCE)


@case
def on_a_lease(site):
    leases = client.CoordinationV1Api()
    read = lambda: leases.read_namespaced_lease("lock", site.namespace).spec
    contest(lambda name: LeaseLock("lock", site.namespace, name), lambda: read().holder_identity)
    assert read().renew_time >= read().acquire_time


@case
def on_a_config_map(site):
    def holder():
        found = site.core.read_namespaced_config_map("lock", site.namespace).metadata.annotations
        return next(name for name in ("first", "second") if name in found["control-plane.alpha.kubernetes.io/leader"])

    contest(lambda name: ConfigMapLock("lock", site.namespace, name), holder)
