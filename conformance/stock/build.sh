#!/bin/sh
# Builds a stock control plane 1.36.3 and etcd from their Go modules into FOLDER/bin (about 10 CPU minutes, once): what the goldens
# of golden/table are recorded from. Not a part of the tests: those compare with what is written down.
set -eu
out=${1:?usage: build.sh FOLDER}
version=1.36.3 staging=v0.36.3 etcd=v3.6.15
mkdir -p "$out/bin" "$out/kubernetes" "$out/etcd"
out=$(cd "$out" && pwd)
export CGO_ENABLED=0 GOFLAGS=-mod=mod

cd "$out/kubernetes"
go mod download "k8s.io/kubernetes@v$version"
upstream=$(go env GOMODCACHE)/k8s.io/kubernetes@v$version
cp "$upstream/go.sum" go.sum && chmod u+w go.sum
# Its own go.mod, with the staging folders, which a module does not carry, replaced by what is published of them.
{
    printf 'module stock\n\ngo 1.26\n\nrequire k8s.io/kubernetes v%s\n\n' "$version"
    sed -n '/^require (/,/^)/p' "$upstream/go.mod" | sed -E "s#(k8s.io/[a-z-]+) v0\.0\.0( //.*)?\$#\1 $staging#"
    echo 'replace ('
    sed -n '/^replace (/,/^)/p' "$upstream/go.mod" | grep -oE 'k8s.io/[a-z-]+ =>' | awk -v v="$staging" '{print "\t" $1 " => " $1 " " v}'
    echo ')'
} >go.mod
flags=
for pair in gitVersion=v$version gitMajor=1 gitMinor=36 gitTreeState=clean gitCommit=0000000000000000000000000000000000000000 buildDate=2026-07-14T00:00:00Z; do
    flags="$flags -X k8s.io/component-base/version.$pair"
done
for program in kube-apiserver kube-controller-manager kube-scheduler; do
    nice -n 10 go build -ldflags "$flags" -o "$out/bin/$program" "k8s.io/kubernetes/cmd/$program"
done

cd "$out/etcd"
printf 'module stock-etcd\n\ngo 1.26\n\nrequire go.etcd.io/etcd/server/v3 %s\n' "$etcd" >go.mod
printf 'package main\n\nimport (\n\t"os"\n\n\t"go.etcd.io/etcd/server/v3/etcdmain"\n)\n\nfunc main() { etcdmain.Main(os.Args) }\n' >main.go
nice -n 10 go build -o "$out/bin/etcd" .
