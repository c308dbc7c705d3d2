#!/bin/bash
# Runs one class of upstream's own conformance tests, unmodified, against a Skiff of its own: `conformance/kubernetes.sh A`.
# What the class is: kubernetes/class-A.txt. Which of its tests may fail, and why: kubernetes/class-A-known.tsv. The result goes
# to conformance/RESULTS.md; a failure that is not in that list is the exit code. Without Go nothing can be built: SKIPPED.
#
#   SLOW=1       also the tests marked [Slow] (one waits ten minutes for a token to expire)
#   FOCUS=REGEX  only these tests; nothing is written to RESULTS.md
#   SKIFF_BIN    the server to try (default: target/release/skiff)
#   OUT          where raw output goes (default: target/conformance/A)
set -eu -o pipefail
here=$(cd "$(dirname "$0")" && pwd)
class=${1:-A}
list=$here/kubernetes/class-$class.txt
target=${CARGO_TARGET_DIR:-$here/../target}
skiff=${SKIFF_BIN:-$target/release/skiff}
built=$target/clients/kubernetes
out=${OUT:-$target/conformance/$class}

[ -f "$list" ] || { echo "conformance: no list of class $class ($list)" >&2; exit 1; }
[ -x "$skiff" ] || { echo "conformance: no server at $skiff (make build)" >&2; exit 1; }

# The suite and the kubectl that it calls, from one module, so that they are of one version.
build() {
    [ -x "$built/e2e.test" ] && [ -x "$built/kubectl" ] && return 0
    command -v go >/dev/null || { echo "SKIPPED conformance class $class: no Go (1.26 or newer) to build upstream's suite with"; exit 0; }
    echo "building upstream's conformance suite (the first time takes 6 minutes of CPU and a gigabyte of modules)"
    mkdir -p "$built"
    cp "$here/kubernetes/go.mod" "$built/go.mod"
    (
        cd "$built"
        version=$(sed -n 's|^require k8s.io/kubernetes ||p' go.mod)
        minor=${version#v1.}
        stamp=k8s.io/component-base/version
        export CGO_ENABLED=0 GOFLAGS=-mod=mod
        ldflags="-s -w -X $stamp.gitVersion=$version -X $stamp.gitMajor=1 -X $stamp.gitMinor=${minor%%.*}"
        go test -c -vet=off -ldflags "$ldflags" -o e2e.test k8s.io/kubernetes/test/e2e &&
            go build -ldflags "$ldflags" -o kubectl k8s.io/kubernetes/cmd/kubectl
    ) 2>"$built/build.log" || { tail -n 5 "$built/build.log" >&2; echo "conformance: the suite did not build ($built/build.log)" >&2; exit 1; }
}

free_ports() { # how many
    python3 -c 'import socket, sys
held = [socket.create_server(("127.0.0.1", 0)) for _ in range(int(sys.argv[1]))]
print(*(s.getsockname()[1] for s in held))' "$1"
}

stop() {
    [ -z "${server:-}" ] || { kill "$server" 2>/dev/null && wait "$server"; } || true
    rm -rf "$data"
}

start() {
    read -r api gateway < <(free_ports 2)
    trap stop EXIT
    "$skiff" up --data-dir "$data" --api-address "127.0.0.1:$api" --gateway-address "127.0.0.1:$gateway" --nodes fake:2 \
        >"$out/skiff.log" 2>&1 &
    server=$!
    for _ in $(seq 150); do
        grep -q '^Skiff is up' "$out/skiff.log" && return 0
        kill -0 "$server" 2>/dev/null || break
        sleep 0.2
    done
    cat "$out/skiff.log" >&2
    echo "conformance: skiff up did not come up" >&2
    exit 1
}

build
rm -rf "$out" && mkdir -p "$out"
data=$(mktemp -d)
python3 "$here/kubernetes/results.py" select "$list" ${SLOW:+--slow} >"$out/focus"
start
echo "running class $class; raw output in $out"
began=$(date +%s)
# A failed test is for the report to judge, not for the shell.
PATH=$built:$PATH "$built/e2e.test" --kubeconfig="$data/admin.kubeconfig" --provider=skeleton --report-dir="$out" \
    --dump-logs-on-failure=false --ginkgo.no-color --ginkgo.v --ginkgo.focus="${FOCUS:-$(cat "$out/focus")}" >"$out/e2e.log" 2>&1 &
suite=$!
# One line a finished test, as it finishes: its name is the last that was begun.
tail -n +1 -F --pid=$suite "$out/e2e.log" 2>/dev/null | awk '/^\[sig-/ { name = $0 } /^• / { print $0, name; fflush() }' || true
wait $suite || true
[ -z "${FOCUS:-}" ] || exit 0
python3 "$here/kubernetes/results.py" write "$list" --junit "$out/junit_01.xml" --seconds $(($(date +%s) - began)) \
    --server "$("$skiff" --version) of $(git -C "$here" rev-parse --short HEAD 2>/dev/null || echo 'no commit')" \
    --suite "$(sed -n 's|^require ||p' "$here/kubernetes/go.mod")" --results "$here/RESULTS.md" ${SLOW:+--slow}
