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

# One server of its own and the tests that a focus names; in a subshell, so that its end stops the server.
run() ( # folder of its output, focus
    mkdir -p "$1"
    data=$(mktemp -d)
    stop() {
        [ -z "${server:-}" ] || { kill "$server" 2>/dev/null && wait "$server"; } || true
        rm -rf "$data"
    }
    trap stop EXIT
    read -r api gateway < <(free_ports 2)
    "$skiff" up --data-dir "$data" --api-address "127.0.0.1:$api" --gateway-address "127.0.0.1:$gateway" --nodes fake:2 \
        >"$1/skiff.log" 2>&1 &
    server=$!
    for _ in $(seq 150); do
        grep -q '^Skiff is up' "$1/skiff.log" && break
        kill -0 "$server" 2>/dev/null || break
        sleep 0.2
    done
    grep -q '^Skiff is up' "$1/skiff.log" || { cat "$1/skiff.log" >&2; echo "conformance: skiff up did not come up" >&2; exit 1; }
    # A failed test is for the report to judge, not for the shell.
    PATH=$built:$PATH "$built/e2e.test" --kubeconfig="$data/admin.kubeconfig" --provider=skeleton --report-dir="$1" \
        --dump-logs-on-failure=false --ginkgo.no-color --ginkgo.v --ginkgo.focus="$2" >"$1/e2e.log" 2>&1 &
    suite=$!
    # One line a finished test, as it finishes: its name is the last that was begun.
    tail -n +1 -F --pid=$suite "$1/e2e.log" 2>/dev/null | awk '/^\[sig-/ { name = $0 } /^• / { print $0, name; fflush() }' || true
    wait $suite || true
)

build
rm -rf "$out" && mkdir -p "$out"
results() { python3 "$here/kubernetes/results.py" "$@"; }
began=$(date +%s)
if [ -n "${FOCUS:-}" ]; then
    run "$out" "$FOCUS"
    exit
fi
echo "running class $class; raw output in $out"
slow_tests=$([ -z "${SLOW:-}" ] || results select "$list" --slow)
if [ -n "$slow_tests" ]; then
    # These mostly wait, so they do it beside the others.
    run "$out/slow" "$slow_tests" &
    slow=$!
fi
run "$out" "$(results select "$list")"
[ -z "$slow_tests" ] || wait $slow
results write "$list" --junit "$out/junit_01.xml" ${SLOW:+"$out/slow/junit_01.xml"} --seconds $(($(date +%s) - began)) \
    --server "$("$skiff" --version) of $(git -C "$here" rev-parse --short HEAD 2>/dev/null || echo 'no commit')" \
    --suite "$(sed -n 's|^require ||p' "$here/kubernetes/go.mod")" --results "$here/RESULTS.md" ${SLOW:+--slow}
