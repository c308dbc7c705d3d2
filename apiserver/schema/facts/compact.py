#!/usr/bin/env python3
"""Makes facts/types.txt, the table that src/facts.rs loads.

compact.py SCHEMA_FACTS MIRRORS > types.txt

SCHEMA_FACTS is the published swagger of Kubernetes 1.36 without its prose; MIRRORS a folder of git repositories
(kubernetes+api/repo, kubernetes+apimachinery/repo, kubernetes+apiextensions-apiserver/repo,
kubernetes+kube-aggregator/repo, knative+serving/repo) from which the Go side is read: which fields are pointers, which
are dropped when empty, and what their Go types are called, because decoding errors say so.

The table: `T name [shape] [gvk…]` opens a type, `F name type flags…` is a field of it. Types: s string, b bool, i int32,
l int64, d double, y bytes, q quantity, o int-or-string, t time, u micro time, v duration, * anything, [X list of X,
{X map of X, @N type number N, & an anonymous object that follows as `O … E`.
"""
import json, re, subprocess, sys
import yaml

FACTS, MIRRORS = sys.argv[1], sys.argv[2]
KUBE, KNATIVE = "v0.36.3", "release-1.15"
META = "io.k8s.apimachinery.pkg.apis.meta.v1."
SCALARS = {
    "io.k8s.apimachinery.pkg.api.resource.Quantity": "q", META + "Time": "t", META + "MicroTime": "u",
    "io.k8s.apimachinery.pkg.util.intstr.IntOrString": "o", META + "Duration": "v",
}
ANY = {"io.k8s.apimachinery.pkg.runtime.RawExtension", META + "FieldsV1", META + "Patch"} | {
    "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1." + n
    for n in ("JSON", "JSONSchemaPropsOrArray", "JSONSchemaPropsOrBool", "JSONSchemaPropsOrStringArray")}
# What the published schema has and the stripped facts do not: defaults that server-side apply needs for list keys.
DEFAULTS = {("io.k8s.api.core.v1.ContainerPort", "protocol"): '"TCP"', ("io.k8s.api.core.v1.ServicePort", "protocol"): '"TCP"'}


def git(repo, *args):
    done = subprocess.run(["git", "-C", f"{MIRRORS}/{repo}/repo", *args], capture_output=True, text=True)
    return done.stdout if done.returncode == 0 else ""


class Go:
    """The structs of Go packages: {package/Struct: [(json, type, pointer, omit, via)]} with embedded ones flattened."""

    def __init__(self):
        self.raw, self.basic = {}, {}

    def package(self, repo, rev, folder):
        short = folder.rsplit("/", 1)[-1]
        for path in git(repo, "ls-tree", "--name-only", rev, folder + "/").split():
            if path.endswith(".go") and "_test" not in path and "zz_" not in path and ".pb." not in path:
                self.source(folder, git(repo, "show", f"{rev}:{path}"))

    def source(self, folder, text):
        imports = dict(re.findall(r'^\s*(\w+) "([^"]+)"', text, re.M))
        for path in re.findall(r'^\s*"([^"]+)"', text, re.M):
            imports[path.rsplit("/", 1)[-1]] = path
        for name, base in re.findall(r"^(?:type |\t)(\w+) (string|bool|int32|int64|\[\]\w+|map\[\w+\][\w.]+)\s*(?://.*)?$", text, re.M):
            self.basic[(folder, name)] = base
        for name, body in re.findall(r"^type (\w+) struct \{\n(.*?)^\}", text, re.M | re.S):
            fields = []
            for line in body.split("\n"):
                m = re.match(r'^\s*(?:(\w+)\s+)?(\S+)\s+`.*?json:"([^"]*)"', line)
                if m:
                    fields.append((m[1], m[2], m[3]))
            self.raw[(folder, name)] = (fields, imports)

    def resolve(self, folder, imports, typ):
        """(folder, name) of a named type, or None for built-in ones."""
        if "." in typ:
            alias, name = typ.split(".", 1)
            return imports.get(alias, alias), name
        return (folder, typ)

    def find(self, folder, name):
        for key in ((folder, name), *((f, n) for f, n in self.raw if n == name and (folder.endswith(f) or f.endswith(folder)))):
            if key in self.raw:
                return key
        return None

    def text(self, folder, typ):
        """A type as reflect prints it."""
        m = re.match(r"^(\*|\[\]|map\[[^\]]*\])(.*)$", typ)
        if m:
            key = m[1]
            if key.startswith("map[") and key[4:-1] not in ("string",):
                key = "map[" + self.text(folder, key[4:-1]) + "]"
            return key + self.text(folder, m[2])
        if typ == "byte":
            return "uint8"
        if "." in typ:
            alias, name = typ.split(".", 1)
            known = {"metav1": "v1", "corev1": "v1", "resourceapi": "resource", "duckv1": "v1", "net": "networking"}
            return known.get(alias, alias if not alias.endswith("v1") else "v1") + "." + name
        if typ[0].islower():
            return typ
        return folder.rsplit("/", 1)[-1] + "." + typ

    def fields(self, folder, name, via=()):
        key = self.find(folder, name)
        if key is None:
            return {}
        folder = key[0]
        fields, imports = self.raw[key]
        out = {}
        for field, typ, tag in fields:
            json_name, *options = tag.split(",")
            if json_name == "-":
                continue
            if not json_name:  # embedded
                where = self.resolve(folder, imports, typ.lstrip("*"))
                embedded = typ.lstrip("*").rsplit(".", 1)[-1]
                for k, v in self.fields(*where, via=(*via, field or embedded)).items():
                    out.setdefault(k, v)
                continue
            out[json_name] = {
                "text": self.text(folder, typ.lstrip("*")), "pointer": typ.startswith("*"), "omit": "omitempty" in options or "omitzero" in options,
                "zero": "omitzero" in options, "via": ".".join(via), "where": self.resolve(folder, imports, re.sub(r"^(\*|\[\]|map\[\w+\])+", "", typ)),
            }
        return out


def load_go():
    go = Go()
    for group in git("kubernetes+api", "ls-tree", "-d", "--name-only", KUBE).split():
        for version in git("kubernetes+api", "ls-tree", "-d", "--name-only", KUBE, group + "/").split():
            go.package("kubernetes+api", KUBE, version)
    for repo, rev, folder in (
        ("kubernetes+apimachinery", KUBE, "pkg/apis/meta/v1"), ("kubernetes+apimachinery", KUBE, "pkg/version"),
        ("kubernetes+apiextensions-apiserver", KUBE, "pkg/apis/apiextensions/v1"), ("kubernetes+kube-aggregator", "v0.36.2", "pkg/apis/apiregistration/v1"),
        ("knative+serving", KNATIVE, "pkg/apis/serving/v1"), ("knative+serving", KNATIVE, "pkg/apis/serving/v1beta1"),
        ("knative+serving", KNATIVE, "pkg/apis/autoscaling/v1alpha1"), ("knative+serving", KNATIVE, "vendor/knative.dev/pkg/apis/duck/v1"),
        ("knative+serving", KNATIVE, "vendor/knative.dev/networking/pkg/apis/networking/v1alpha1"),
    ):
        go.package(repo, rev, folder)
    return go


def folder_of(definition):
    stem = definition.rsplit(".", 1)[0]
    for prefix, folder in (("io.k8s.api.", ""), ("io.k8s.apimachinery.", ""), ("io.k8s.apiextensions-apiserver.", ""), ("io.k8s.kube-aggregator.", "")):
        if stem.startswith(prefix):
            return folder + stem[len(prefix):].replace(".", "/")
    return stem


class Table:
    def __init__(self, definitions, go):
        self.definitions, self.go, self.lines = definitions, go, []
        self.number = {n: i for i, n in enumerate(sorted(definitions))}

    def expression(self, node):
        if "$ref" in node:
            name = node["$ref"].rsplit("/", 1)[-1]
            return SCALARS.get(name) or f"@{self.number[name]}"
        kind, form = node.get("type"), node.get("format", "")
        if kind == "array":
            return "[" + self.expression(node["items"])
        if kind == "object" and "additionalProperties" in node:
            return "{" + self.expression(node["additionalProperties"])
        return {"string": "y" if form == "byte" else "t" if form == "date-time" else "s", "boolean": "b", "number": "d",
                "integer": "i" if form == "int32" else "l"}.get(kind, "*")

    def derived(self, node):
        """The Go type that src/model.rs derives by itself."""
        if "$ref" in node:
            return ".".join(node["$ref"].rsplit(".", 2)[-2:])
        kind, form = node.get("type"), node.get("format", "")
        if kind == "array":
            return "[]" + self.derived(node["items"])
        if kind == "object" and "additionalProperties" in node:
            return "map[string]" + self.derived(node["additionalProperties"])
        return {"string": "[]uint8" if form == "byte" else "string", "boolean": "bool", "number": "float64", "integer": form or "int64"}.get(kind, "")

    def flags(self, owner, name, node, go, required):
        out = ["r"] if required else []
        if go:
            out += ["p"] * go["pointer"] + ["k"] * (not go["omit"]) + ["z"] * go["zero"]
            if go["text"] != self.derived(node):
                out.append("g:" + go["text"])
            if go["via"] and owner.startswith("dev.knative"):
                out.append("v:" + go["via"])
        if node.get("x-kubernetes-list-type"):
            out.append("L" + {"atomic": "a", "set": "s", "map": "m:" + ",".join(node.get("x-kubernetes-list-map-keys", []))}[node["x-kubernetes-list-type"]])
        ref = self.definitions.get(node.get("$ref", "").rsplit("/", 1)[-1], {})
        map_type = node.get("x-kubernetes-map-type") or ref.get("x-kubernetes-map-type")
        if map_type == "atomic":
            out.append("A")
        elif map_type:
            out.append("G")
        strategy = node.get("x-kubernetes-patch-strategy", "")
        out += ["P"] * ("merge" in strategy) + ["R"] * ("retainKeys" in strategy)
        if node.get("x-kubernetes-patch-merge-key"):
            out.append("K:" + node["x-kubernetes-patch-merge-key"])
        if (owner, name) in DEFAULTS:
            out.append("D:" + DEFAULTS[owner, name])
        return out

    def definition(self, name):
        d = self.definitions[name]
        shape = SCALARS.get(name) or ("*" if name in ANY else "o")
        marks = ["=" + shape] if name in SCALARS or name in ANY else []
        if d.get("x-kubernetes-map-type") == "atomic":
            marks.append("A")
        if "x-kubernetes-unions" in d:
            marks.append("U:" + json.dumps(d["x-kubernetes-unions"], separators=(",", ":")))
        for g in d.get("x-kubernetes-group-version-kind", []):
            marks.append(f"K:{g['group']}/{g['version']}/{g['kind']}")
        self.lines.append(" ".join(["T", name, *marks]))
        if marks and marks[0].startswith("="):
            return
        go = self.go.fields(folder_of(name), name.rsplit(".", 1)[-1])
        for field, node in d.get("properties", {}).items():
            flags = self.flags(name, field, node, go.get(field), field in d.get("required", []))
            self.lines.append(" ".join(["F", field, self.expression(node), *flags]))

    # Knative: the published CRD says which fields there are, the Go structs what they are called.

    def crd(self, path):
        text = git("knative+serving", "show", f"{KNATIVE}:{path}")
        if text.startswith("../"):
            path = re.sub(r"^(\.\./)+", "", text.strip())
            text = git("knative+serving", "show", f"{KNATIVE}:{path}")
        crd = yaml.safe_load(text)
        group, names = crd["spec"]["group"], crd["spec"]["names"]
        for version in crd["spec"]["versions"]:
            if version["name"] not in ("v1", "v1beta1", "v1alpha1") or (names["kind"] == "DomainMapping" and version["name"] != "v1beta1"):
                continue
            name = ".".join([*reversed(group.split(".")), version["name"], names["kind"]])
            folder = next(f for f, n in self.go.raw if n == names["kind"] and f.endswith(version["name"]) and ("knative" in f or "serving" in f or f == "pkg/apis/autoscaling/v1alpha1"))
            self.lines.append(f"T {name} K:{group}/{version['name']}/{names['kind']} C")
            self.object(name, version["schema"]["openAPIV3Schema"], folder, names["kind"], root=True)

    def object(self, owner, schema, folder, struct, root=False):
        go = self.go.fields(folder, struct)
        for field, node in schema.get("properties", {}).items():
            known = go.get(field)
            if root and field == "metadata":
                self.lines.append(f"F metadata @{self.number[META + 'ObjectMeta']} k z")
                continue
            expression, inner = self.custom(node, known)
            flags = [f for f in self.flags(owner, field, node, known, field in schema.get("required", [])) if not f.startswith("g:")]
            if known:
                flags.append("g:" + known["text"])
            if "default" in node:
                flags.append("D:" + json.dumps(node["default"], separators=(",", ":")))
            self.lines.append(" ".join(["F", field, expression, *flags]))
            if inner is not None:
                where = known["where"] if known else ("", "")
                self.lines.append("O" + (" +" if inner.get("x-kubernetes-preserve-unknown-fields") else ""))
                self.object(owner, inner, *where)
                self.lines.append("E")

    def custom(self, node, known):
        kind = node.get("type")
        text = known["text"] if known else ""
        if node.get("x-kubernetes-int-or-string"):
            return ("o" if "IntOrString" in text else "q"), None
        if kind == "array":
            inner, obj = self.custom(node["items"], known)
            return "[" + inner, obj
        if kind == "object" and "additionalProperties" in node:
            inner, obj = self.custom(node["additionalProperties"], known)
            return "{" + inner, obj
        if kind == "object" and ("properties" in node or known):
            if "properties" not in node and not node.get("x-kubernetes-preserve-unknown-fields"):
                return ("&", {"properties": {}})
            return "&", node
        if kind == "string" and node.get("format") == "date-time":
            return "t", None
        if kind is None or kind == "object":
            return "*", None
        form = node.get("format", "")
        return {"string": "s", "boolean": "b", "number": "d", "integer": "i" if form == "int32" else "l"}[kind], None


def main():
    definitions = json.load(open(FACTS))["definitions"]
    table = Table(definitions, load_go())
    for name in sorted(definitions):
        table.definition(name)
    base = "config/core/300-resources/"
    for crd in ("service", "configuration", "revision", "route", "domain-mapping", "podautoscaler", "metric", "ingress", "serverlessservice", "domain-claim", "certificate"):
        table.crd(f"{base}{crd}.yaml")
    print("\n".join(table.lines))


main()
