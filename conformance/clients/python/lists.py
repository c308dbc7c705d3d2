"""Lists: pages, selectors, versions, and the forms that this client has no types for."""

import json

from suite import case, refusal, restarting, same


def names(answer):
    return [one.metadata.name for one in answer.items]


@case
def pages_are_of_one_moment(site):
    for number in range(7):
        site.config_map(f"m-{number}", labels={"set": "x"})
    read = lambda **options: site.core.list_namespaced_config_map(site.namespace, **options)
    first = read(limit=3)
    # kube-root-ca.crt, which every namespace has, is first.
    same((names(first), first.metadata.remaining_item_count), (["kube-root-ca.crt", "m-0", "m-1"], 5))
    site.config_map("m-11")
    site.core.delete_namespaced_config_map("m-2", site.namespace)
    second = read(limit=3, _continue=first.metadata._continue)
    same((names(second), second.metadata.resource_version), (["m-2", "m-3", "m-4"], first.metadata.resource_version))
    third = read(limit=3, _continue=second.metadata._continue)
    same((names(third), third.metadata._continue), (["m-5", "m-6"], None))
    assert "m-11" in names(read()) and "m-2" not in names(read())
    # With a selector no count is given, but pages are as full.
    selected = read(limit=3, label_selector="set=x")
    same((names(selected), selected.metadata.remaining_item_count), (["m-0", "m-1", "m-3"], None))


@restarting
@case
def tokens_expire_honestly(site):
    site.config_map("a")
    read = lambda **options: site.core.list_namespaced_config_map(site.namespace, **options)
    refusal(lambda: read(limit=1, _continue="nonsense"), 400, "BadRequest")
    token = read(limit=1).metadata._continue
    refusal(lambda: read(limit=1, _continue=token, resource_version="5"), 400, "BadRequest")
    site.restart()
    status = refusal(lambda: read(limit=1, _continue=token), 410, "Expired")
    # The refusal carries a token that goes on behind the last name, with what is there now.
    same(names(read(limit=1, _continue=status["metadata"]["continue"])), ["kube-root-ca.crt"])


@case
def selectors(site):
    for name, labels in {"a": {"x": "1"}, "b": {"x": "2"}, "c": {"y": "1"}}.items():
        site.config_map(name, labels=labels)
    read = lambda **options: names(site.core.list_namespaced_config_map(site.namespace, **options))
    wanted = {"x": ["a", "b"], "x=1": ["a"], "x!=1,x": ["b"], "x in (1,2)": ["a", "b"], "x notin (1)": ["b", "c", "kube-root-ca.crt"],
              "!x": ["c", "kube-root-ca.crt"], "x>1": ["b"]}
    same({selector: read(label_selector=selector) for selector in wanted}, wanted)
    same(read(field_selector="metadata.name=b"), ["b"])
    refusal(lambda: read(label_selector="x in ("), 400, "BadRequest")
    status = refusal(lambda: read(field_selector="data.k=1"), 400, "BadRequest")
    same(status["message"], '"data.k" is not a known field selector: only "metadata.name", "metadata.namespace"')


@case
def versions(site):
    made = site.config_map("a")
    read = lambda **options: site.core.list_namespaced_config_map(site.namespace, **options)
    same(len(read(resource_version="0").items), 2)
    later = read(resource_version=made.metadata.resource_version, resource_version_match="NotOlderThan")
    assert "a" in names(later) and int(later.metadata.resource_version) >= int(made.metadata.resource_version)
    site.core.delete_namespaced_config_map("a", site.namespace)
    then = read(resource_version=made.metadata.resource_version, resource_version_match="Exact")
    same((names(then), then.metadata.resource_version), (["a", "kube-root-ca.crt"], made.metadata.resource_version))
    refusal(lambda: read(resource_version_match="Exact"), 422, "Invalid")
    refusal(lambda: read(resource_version="99999999999"), 504, "Timeout")


@case
def other_forms(site):
    site.config_map("a")
    path = f"/api/v1/namespaces/{site.namespace}/configmaps"

    def get(accept):
        request = site.api.param_serialize("GET", path, header_params={"Accept": accept}, auth_settings=["BearerToken"])
        answer = site.api.call_api(*request)
        return json.loads(answer.read())

    table = get("application/json;as=Table;v=v1;g=meta.k8s.io")
    same(([column["name"] for column in table["columnDefinitions"]], table["rows"][0]["cells"][:2]), (["Name", "Data", "Age"], ["a", 1]))
    partial = get("application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io")
    same((partial["kind"], set(partial["items"][0])), ("PartialObjectMetadataList", {"metadata", "kind", "apiVersion"}))
