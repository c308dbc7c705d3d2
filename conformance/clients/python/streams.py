"""Logs, exec and what else is no plain request. On fake nodes a log is one line and exec says its command."""

from kubernetes import watch
from kubernetes.stream import stream
from kubernetes.client.exceptions import ApiException

from suite import case, refusal, same


@case
def logs(site):
    site.pod("one")
    text = site.core.read_namespaced_pod_log("one", site.namespace)
    assert text.strip(), "an empty log"
    lines = list(watch.Watch().stream(site.core.read_namespaced_pod_log, "one", site.namespace))
    same("\n".join(lines).strip(), text.strip())
    status = refusal(lambda: site.core.read_namespaced_pod_log("one", site.namespace, container="none"), 400, "BadRequest")
    same(status["message"], "container none is not valid for pod one")


@case
def exec_over_websocket(site):
    site.pod("one")
    run = lambda **options: stream(
        site.core.connect_get_namespaced_pod_exec, "one", site.namespace, command=["echo", "hello"],
        stdout=True, stderr=True, stdin=False, tty=False, **options)
    assert "hello" in run(), "the command's output"
    session = run(_preload_content=False)
    session.run_forever(timeout=30)
    assert "hello" in session.read_stdout()
    same(session.returncode, 0)
    session.close()
    try:
        run(container="none")
    except ApiException as refused:
        assert "400" in str(refused) and "container" in str(refused), refused
    else:
        raise AssertionError("exec in a container that there is not")
