#!/usr/bin/env python3
"""Writes golden/table anew from a stock control plane, or compares a running server with it.

    record.py record PROGRAMS [FILE …]      PROGRAMS: the bin folder that build.sh made; each file and version on a fresh cluster
    record.py check SKIFF [FILE …]          SKIFF: the binary; prints what differs, in the form of golden/table/differences.txt

A development tool: `make test` does the comparison itself, in tests/e2e/table.rs, and the two must agree on what is normalised.
VERSIONS=1.27,1.37 limits the clients.
"""

import concurrent.futures
import difflib
import os
import re
import subprocess
import sys
import tempfile
import time

from cluster import Cluster, free_port

HERE = os.path.dirname(os.path.abspath(__file__))
GOLDEN = os.path.join(HERE, "..", "golden")
TABLE = os.path.join(GOLDEN, "table")
CLIENTS = os.path.join(os.environ.get("CARGO_TARGET_DIR", os.path.join(HERE, "..", "..", "target")), "clients")
VERSIONS = os.environ.get("VERSIONS", "1.27,1.30,1.33,1.37").split(",")
PATIENCE = 120

RULES = [
    (re.compile(r"\b[A-Z][a-z]{2}, [0-9]{1,2} [A-Z][a-z]{2} [0-9]{4} [0-9:]{8} [+-][0-9]{4}"), "<time>"),
    (re.compile(r"\b[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}(\.[0-9]+)?(Z|\+00:00)"), "<time>"),
    (re.compile(r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b"), "<uid>"),
    (re.compile(r"\b[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9:]{8} \+0000 UTC"), "<time>"),
    (re.compile(r'((resourceVersion|Resource Version)\\?"?[:=] *\\?"?)[0-9]+'), r"\1<version>"),
    (re.compile(r"\bfake-[0-9]+\b"), "<node>"),
    (re.compile(r"\b127\.0\.0\.1:[0-9]+"), "<server>"),
    (re.compile(r"^[EWI][0-9]{4} [0-9:]{8}\.[0-9]+ +[0-9]+ ([a-z_]+\.go):[0-9]+\]"), r"<log> \1]"),
]
WORD = re.compile(r"[A-Za-z0-9_.-]+")
AGE = re.compile(r"([0-9]+[hdy])?([0-9]+[hms])?[0-9]+[smhdy]")
LONG_MINUTES = re.compile(r"[0-9]{2,}m")
ADDRESS = re.compile(r"[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}")
RELEASE = re.compile(r"v1\.[0-9]+\.[0-9]+")
RANDOM = re.compile(r"[bcdfghjklmnpqrstvwxz2456789]{5}")
HASH = re.compile(r"[456789bcdf]{8,10}")


def word(match):
    text = match.group(0)
    inner = text.rstrip(".-")
    rest = text[len(inner):]
    # `100m` is a quantity: an age of so many minutes is nothing that a test sees.
    if AGE.fullmatch(inner) and not LONG_MINUTES.fullmatch(inner):
        return "<age>" + rest
    if ADDRESS.fullmatch(inner):
        return "<ip>" + rest
    if RELEASE.fullmatch(inner):
        return "<release>" + rest
    pieces = inner.split("-")
    if len(pieces) > 1 and RANDOM.fullmatch(pieces[-1]):
        pieces[-1] = "<id>"
    return "-".join("<hash>" if HASH.fullmatch(piece) else piece for piece in pieces) + rest


def line(text):
    """What differs from run to run named, and one space between words; the indentation stays."""
    text = text.expandtabs()
    indent = len(text) - len(text.lstrip())
    for pattern, replacement in RULES:
        text = pattern.sub(replacement, text)
    return " " * indent + " ".join(WORD.sub(word, text).split())


def lines(text):
    # A client's own reflector says when a watch was short, which is a matter of time.
    return [one for one in map(line, text.splitlines()) if one.strip() and not one.startswith("<log> reflector.go]")]


def binary(version):
    for path in (os.path.join(CLIENTS, f"kubectl-{version}"), f"/usr/lib/google-cloud-sdk/bin/kubectl.{version}"):
        if os.path.exists(path):
            return os.path.realpath(path)
    raise SystemExit(f"no kubectl {version}")


def scenes(path):
    """Each command, with what is written for it: (versions or None, text)."""
    head, found = [], []
    for text in open(path).read().splitlines():
        if text.startswith("$ "):
            found.append((text[2:], []))
        elif found:
            found[-1][1].append(text)
        else:
            head.append(text)
    return head, found


def tagged(text):
    match = re.match(r"\[(1\.[\d.,]+)\] (.*)", text)
    return (match.group(1).split(","), match.group(2)) if match else (None, text)


def wanted(written, version):
    out, exit_status = [], 0
    for text in written:
        only, text = tagged(text)
        if only and version not in only:
            continue
        if text.startswith("# exit "):
            exit_status = int(text[7:])
        elif not text.startswith("# "):
            out.append(line(text))
    return exit_status, out


def play(commands, version, kubeconfig):
    with tempfile.TemporaryDirectory() as home:
        os.symlink(binary(version), os.path.join(home, "kubectl"))
        environment = {
            "PATH": home + ":" + os.environ["PATH"], "HOME": home, "KUBECONFIG": kubeconfig, "GATEWAY": "",
            "TZ": "UTC", "LANG": "C.UTF-8",
        }
        out = []
        for command in commands:
            before = time.monotonic()
            try:
                done = subprocess.run(
                    ["sh", "-c", "exec 2>&1\n" + command], cwd=os.path.join(GOLDEN, "manifests"), env=environment,
                    stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, timeout=PATIENCE, check=False,
                )
                out.append((done.returncode, lines(done.stdout.decode("utf-8", "replace"))))
            except subprocess.TimeoutExpired:
                out.append((-1, ["no end"]))
            took = time.monotonic() - before
            if took > 8:
                print(f"  {took:.0f} s: [{version}] {command}", flush=True)
        return out


def merged(results):
    """What the versions printed, as one list of lines, those of some versions marked."""
    rows = []
    for version, (status, printed) in results.items():
        now = printed + ([f"# exit {status}"] if status else [])
        matcher = difflib.SequenceMatcher(a=[text for _, text in rows], b=now, autojunk=False)
        after = []
        for tag, a0, a1, b0, b1 in matcher.get_opcodes():
            if tag == "equal":
                after += [(who | {version}, text) for who, text in rows[a0:a1]]
            else:
                after += rows[a0:a1] + [({version}, text) for text in now[b0:b1]]
        rows = after
    everyone = set(results)
    return [text if who == everyone else f"[{','.join(sorted(who))}] {text}" for who, text in rows]


def record(programs, files):
    for file in files:
        head, found = scenes(os.path.join(TABLE, file))
        results = {}

        def one(version):
            cluster = Cluster(programs).start()
            try:
                return play([command for command, _ in found], version, cluster.kubeconfig)
            finally:
                cluster.stop()

        with concurrent.futures.ThreadPoolExecutor(int(os.environ.get("JOBS", "2"))) as pool:
            for version, result in zip(VERSIONS, pool.map(one, VERSIONS)):
                results[version] = result
        with open(os.path.join(TABLE, file), "w") as out:
            for text in head:
                out.write(text + "\n")
            for index, (command, written) in enumerate(found):
                out.write(f"$ {command}\n")
                for text in merged({version: results[version][index] for version in VERSIONS}):
                    out.write(text + "\n")
                # A remark stands before the next command.
                for text in written:
                    if text.startswith("# ") and not text.startswith("# exit "):
                        out.write(text + "\n")
        print("recorded", file, flush=True)


def check(skiff, files):
    held = differ = 0

    def one(job):
        file, version = job
        with tempfile.TemporaryDirectory(prefix="check-") as folder:
            log = open(os.path.join(folder, "log"), "w")
            server = subprocess.Popen(
                [skiff, "up", "--data-dir", folder + "/data", "--api-address", f"127.0.0.1:{free_port()}", "--gateway-address",
                 f"127.0.0.1:{free_port()}", "--nodes", "fake:2"], stdout=log, stderr=log)
            try:
                kubeconfig = folder + "/data/admin.kubeconfig"
                for _ in range(300):
                    ready = os.path.exists(kubeconfig) and subprocess.run(
                        [binary("1.33"), "--kubeconfig", kubeconfig, "get", "nodes", "-o", "name"], capture_output=True, check=False)
                    if ready and ready.stdout.count(b"node/") == 2:
                        break
                    time.sleep(0.1)
                _, found = scenes(os.path.join(TABLE, file))
                return found, play([command for command, _ in found], version, kubeconfig)
            finally:
                server.terminate()
                server.wait()

    jobs = [(file, version) for file in files for version in VERSIONS]
    seen = {}
    with concurrent.futures.ThreadPoolExecutor(int(os.environ.get("JOBS", "2"))) as pool:
        for (file, version), (found, got) in zip(jobs, pool.map(one, jobs)):
            for index, ((command, written), (status, printed)) in enumerate(zip(found, got)):
                exit_status, want = wanted(written, version)
                want, printed = want + [f"# exit {exit_status}"], printed + [f"# exit {status}"]
                if want == printed:
                    held += 1
                    continue
                differ += 1
                rows = []
                for tag, a0, a1, b0, b1 in difflib.SequenceMatcher(a=want, b=printed, autojunk=False).get_opcodes():
                    if tag != "equal":
                        rows += ["- " + text for text in want[a0:a1]] + ["+ " + text for text in printed[b0:b1]]
                seen.setdefault((file, index, command), {}).setdefault("\n".join(rows), []).append(version)
    for (file, _, command), by in seen.items():
        for rows, versions in by.items():
            print(f"{file} [{','.join(versions)}] $ {command}\n{rows}\n")
    print(f"{held} held, {differ} differ")


def main():
    mode, subject, *files = sys.argv[1:]
    files = files or sorted(name for name in os.listdir(TABLE) if name.endswith(".txt") and name != "differences.txt")
    (record if mode == "record" else check)(subject, files)


main()
