#!/usr/bin/env python3
"""Makes table/messages.txt, the table that src/table.rs loads.

compact.py PROTO_FIELDS TYPES > messages.txt

PROTO_FIELDS lists every field of the generated.proto files (message, field, number, type, label); TYPES is the table of
skiff-schema, which says what the fields are called in JSON and which types are kinds. Only messages that a kind reaches
are kept.

The table: `M name` opens a message, named as its type is published; `number name type` is a field of it. Types: s string,
b bool, i int32, l int64, d double, y bytes, q quantity, o int-or-string, t time, u micro time, v duration, r raw JSON in
a RawExtension, w an object in a RawExtension, j raw JSON of a type of its own, x a list of strings in a message of its
own, @N message number N, A@N B@N S@N a schema or a list, a boolean, a list of strings; before it [ for repeated, { for a
map, ~ for a struct that JSON does not nest. A trailing ? marks a pointer and ! a value where skiff-schema
knows no Go side.
"""
import sys

META = "apimachinery.pkg.apis.meta.v1."
LEAVES = {
    "string": "s", "bool": "b", "int32": "i", "int64": "l", "double": "d", "bytes": "y",
    "apimachinery.pkg.api.resource.Quantity": "q", "apimachinery.pkg.util.intstr.IntOrString": "o", META + "Time": "t",
    META + "MicroTime": "u", META + "Duration": "v", "apimachinery.pkg.runtime.RawExtension": "r", META + "FieldsV1": "j",
    META + "Verbs": "x",
}
# Go names its protobuf fields after the struct field where the generator was not told otherwise.
NAMES = {
    "uID": "uid", "aPIGroup": "apiGroup", "Webhooks": "webhooks", "Expression": "expression", "Name": "name",
    "xKubernetesPreserveUnknownFields": "x-kubernetes-preserve-unknown-fields",
    "xKubernetesEmbeddedResource": "x-kubernetes-embedded-resource", "xKubernetesIntOrString": "x-kubernetes-int-or-string",
    "xKubernetesListMapKeys": "x-kubernetes-list-map-keys", "xKubernetesListType": "x-kubernetes-list-type",
    "xKubernetesMapType": "x-kubernetes-map-type", "xKubernetesValidations": "x-kubernetes-validations",
}
CRD = "apiextensions_apiserver.pkg.apis.apiextensions.v1."
SCHEMA_NAMES = {"schema": "$schema", "ref": "$ref"}
UNIONS = {"JSONSchemaPropsOrArray": "A", "JSONSchemaPropsOrBool": "B", "JSONSchemaPropsOrStringArray": "S"}
# Kinds that clients send or ask for and that no published schema describes, and which of their fields are pointers.
EXTRA = [META + name for name in (
    "PartialObjectMetadata", "PartialObjectMetadataList", "ListOptions", "GetOptions", "CreateOptions", "UpdateOptions",
    "PatchOptions")] + ["apimachinery.pkg.apis.meta.v1beta1.PartialObjectMetadataList", "api.core.v1.List"]
POINTERS = {("ListOptions", "timeoutSeconds"), ("ListOptions", "sendInitialEvents"), ("PatchOptions", "force")}
OBJECTS = {(META + "WatchEvent", "object"), ("api.core.v1.List", "items")}


def published(message):
    head, dot, rest = message.partition(".")
    return "io.k8s." + head.replace("_", "-") + dot + rest


def read_types(path):
    fields, kinds, at, depth = {}, set(), None, 0
    for line in open(path):
        words = line.split()
        if words[0] == "T":
            at, depth = fields.setdefault(words[1], set()), 0
            if any(word.startswith("K:") for word in words):
                kinds.add(words[1])
        elif words[0] in "OE":
            depth += 1 if words[0] == "O" else -1
        elif depth == 0:
            at.add(words[1])
    return fields, kinds


def read_messages(path):
    messages = {}
    for line in open(path).readlines()[1:]:
        message, field, number, type_, label = line.rstrip("\n").split("\t")
        messages.setdefault(message, []).append((int(number), field, type_, label))
    return messages


MESSAGES = read_messages(sys.argv[1])
TYPES, KINDS = read_types(sys.argv[2])


def resolve(message, type_):
    """The full name of a type as a message refers to it."""
    type_ = type_.lstrip(".")
    if type_ in MESSAGES or type_ in LEAVES:
        return type_
    # A message without fields is missing from the list, but its type is published.
    near = message.rpartition(".")[0] + "." + type_
    return near if near in MESSAGES or published(near) in TYPES else type_


def field(message, name, type_, label):
    """JSON name, prefix, resolved type."""
    prefix = {"repeated": "[", "map": "{", "optional": ""}[label]
    if label == "map":
        type_ = type_[len("map<string, "):-1]
    full = resolve(message, type_)
    if message == CRD + "JSONSchemaProps":
        name = SCHEMA_NAMES.get(name, name)
    name = NAMES.get(name, name)
    known = TYPES.get(published(message))
    if known is not None and name not in known:
        assert full in MESSAGES and not prefix, (message, name, full)
        prefix = "~"
    return name, prefix, full


def code(message, name, full, numbers):
    short = full.rpartition(".")[2]
    if (message, name) in OBJECTS:
        return "w"
    if full in LEAVES:
        return LEAVES[full]
    if short == "ExtraValue":
        return "x"
    if full == CRD + "JSON":
        return "j"
    if short in UNIONS:
        return f"{UNIONS[short]}@{numbers[CRD + 'JSONSchemaProps']}"
    return f"@{numbers[full]}"


def reached():
    todo = [m for m in MESSAGES if published(m) in KINDS] + EXTRA
    found = set()
    while todo:
        message = todo.pop()
        if message in found:
            continue
        found.add(message)
        for _, name, type_, label in MESSAGES.get(message, []):
            _, _, full = field(message, name, type_, label)
            if full not in LEAVES and full.rpartition(".")[2] not in ("ExtraValue", "JSON", *UNIONS):
                todo.append(full)
    return sorted(found)


order = reached()
numbers = {message: index for index, message in enumerate(order)}
for message in order:
    print("M", published(message))
    for number, name, type_, label in sorted(MESSAGES.get(message, [])):
        name, prefix, full = field(message, name, type_, label)
        go = ""
        if message in EXTRA and not prefix:
            go = "?" if (message.rpartition(".")[2], name) in POINTERS else "!"
        print(f"{number} {name} {prefix}{code(message, name, full, numbers)}{go}")
