package main

import (
	"encoding/json"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/discovery/cached/memory"
	"k8s.io/client-go/restmapper"
)

func discoveryAndMapper(s *site) {
	client := must(discovery.NewDiscoveryClientForConfig(s.config))
	groups, lists, err := client.ServerGroupsAndResources()
	ok(err)
	ensure(len(groups) > 15 && len(lists) >= len(groups), "%d groups, %d lists", len(groups), len(lists))
	for _, one := range s.wire.to("/apis") {
		ensure(strings.Contains(one.got, "as=APIGroupDiscoveryList"), "discovery is not aggregated: %s", one.got)
	}
	preferred := must(client.ServerPreferredResources())
	ensure(len(preferred) >= len(groups), "%d preferred lists of %d groups", len(preferred), len(groups))
	same(must(client.ServerVersion()).Major, "1")
	mapper := restmapper.NewDeferredDiscoveryRESTMapper(memory.NewMemCacheClient(client))
	mapping := must(mapper.RESTMapping(schema.GroupKind{Group: "apps", Kind: "Deployment"}))
	same(mapping.Resource, schema.GroupVersionResource{Group: "apps", Version: "v1", Resource: "deployments"})
	short := restmapper.NewShortcutExpander(mapper, memory.NewMemCacheClient(client), nil)
	same(must(short.ResourceFor(schema.GroupVersionResource{Resource: "ksvc"})), knativeServices)
	same(must(short.KindFor(schema.GroupVersionResource{Resource: "po"})).Kind, "Pod")
}

// Every document that a client may want, in both forms.
func openapi(s *site) {
	client := must(discovery.NewDiscoveryClientForConfig(s.config))
	paths := must(client.OpenAPIV3().Paths())
	for _, wanted := range []string{"api/v1", "apis/apps/v1", "apis/serving.knative.dev/v1", "apis/apiextensions.k8s.io/v1"} {
		_, there := paths[wanted]
		ensure(there, "no document of %s", wanted)
	}
	for path, document := range paths {
		var found struct {
			OpenAPI    string
			Paths      map[string]any
			Components struct{ Schemas map[string]any }
		}
		ok(json.Unmarshal(must(document.Schema("application/json")), &found))
		ensure(strings.HasPrefix(found.OpenAPI, "3.0") && len(found.Paths) > 0, "%s: version %q, %d paths", path, found.OpenAPI, len(found.Paths))
	}
	var second struct {
		Swagger     string
		Definitions map[string]any
	}
	ok(json.Unmarshal(must(client.RESTClient().Get().AbsPath("/openapi/v2").SetHeader("Accept", "application/json").DoRaw(s)), &second))
	ensure(second.Swagger == "2.0" && len(second.Definitions) > 300, "version %q, %d definitions", second.Swagger, len(second.Definitions))
}

const boatGroup = "go.skiff.dev"

var (
	boats       = schema.GroupVersionResource{Group: boatGroup, Version: "v1", Resource: "boats"}
	definitions = schema.GroupVersionResource{Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions"}
)

// A definition of boats, which have oars and a status.
func boatDefinition(group string) *unstructured.Unstructured {
	text := `{"apiVersion":"apiextensions.k8s.io/v1","kind":"CustomResourceDefinition","metadata":{"name":"boats.GROUP"},"spec":{
		"group":"GROUP","scope":"Namespaced","names":{"plural":"boats","singular":"boat","kind":"Boat","listKind":"BoatList"},
		"versions":[{"name":"v1","served":true,"storage":true,"subresources":{"status":{}},
			"selectableFields":[{"jsonPath":".spec.colour"}],
			"schema":{"openAPIV3Schema":{"type":"object","properties":{
				"spec":{"type":"object","required":["oars"],
					"x-kubernetes-validations":[{"rule":"self.oars % 2 == 0","message":"oars come in pairs"}],
					"properties":{"oars":{"type":"integer"},"colour":{"type":"string","default":"white"}}},
				"status":{"type":"object","properties":{"afloat":{"type":"integer"}}}}}}}]}}`
	object := &unstructured.Unstructured{}
	ok(object.UnmarshalJSON([]byte(strings.ReplaceAll(text, "GROUP", group))))
	return object
}

// Creates the definition, waits until it is served, and gives what removes it again.
func (s *site) define(group string) func() {
	client := s.dynamic.Resource(definitions)
	must(client.Create(s, boatDefinition(group), metav1.CreateOptions{}))
	name := "boats." + group
	until(func() (string, error) {
		found, err := client.Get(s, name, metav1.GetOptions{})
		if err != nil {
			return "", err
		}
		return condition(found, "Established"), nil
	}, func(status string) bool { return status == "True" })
	return func() {
		ok(client.Delete(s, name, metav1.DeleteOptions{}))
		gone(func() (*unstructured.Unstructured, error) { return client.Get(s, name, metav1.GetOptions{}) })
	}
}

func boat(group, name string, oars int64) *unstructured.Unstructured {
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": group + "/v1", "kind": "Boat", "metadata": map[string]any{"name": name}, "spec": map[string]any{"oars": oars},
	}}
}

func dynamicClient(s *site) {
	mapper := restmapper.NewDeferredDiscoveryRESTMapper(memory.NewMemCacheClient(s.client.Discovery()))
	must(mapper.RESTMapping(schema.GroupKind{Group: "apps", Kind: "Deployment"}))
	remove := s.define(boatGroup)
	defer remove()
	// The mapper's cache is older than the definition.
	mapper.Reset()
	mapping := must(mapper.RESTMapping(schema.GroupKind{Group: boatGroup, Kind: "Boat"}))
	same(mapping.Resource, boats)
	client := s.dynamic.Resource(mapping.Resource).Namespace(s.namespace)
	made := must(client.Create(s, boat(boatGroup, "a", 2), metav1.CreateOptions{}))
	same(made.Object["spec"], any(map[string]any{"oars": int64(2), "colour": "white"}))
	same(made.GetGeneration(), 1)
	_, err := client.Create(s, boat(boatGroup, "odd", 3), metav1.CreateOptions{})
	ensure(apierrors.IsInvalid(err) && strings.Contains(err.Error(), "oars come in pairs"), "%v", err)
	patched := must(client.Patch(s, "a", types.MergePatchType, []byte(`{"spec":{"oars":4,"colour":"red"}}`), metav1.PatchOptions{}))
	same(patched.GetGeneration(), 2)
	_, err = client.Patch(s, "a", types.StrategicMergePatchType, []byte(`{}`), metav1.PatchOptions{})
	ensure(apierrors.IsUnsupportedMediaType(err), "%v", err)
	status := `{"status":{"afloat":1},"spec":{"oars":8}}`
	patched = must(client.Patch(s, "a", types.MergePatchType, []byte(status), metav1.PatchOptions{}, "status"))
	oars, _, _ := unstructured.NestedInt64(patched.Object, "spec", "oars")
	afloat, _, _ := unstructured.NestedInt64(patched.Object, "status", "afloat")
	same([]int64{oars, afloat, patched.GetGeneration()}, []int64{4, 1, 2})
	_, err = client.Update(s, made, metav1.UpdateOptions{})
	ensure(apierrors.IsConflict(err), "%v", err)
	must(client.Create(s, boat(boatGroup, "b", 2), metav1.CreateOptions{}))
	red := must(client.List(s, metav1.ListOptions{FieldSelector: "spec.colour=red"}))
	same(len(red.Items), 1)
	applied := must(client.Apply(s, "c", boat(boatGroup, "c", 6), metav1.ApplyOptions{FieldManager: "one"}))
	same(applied.GetManagedFields()[0].Manager, "one")
	_, err = client.Apply(s, "c", boat(boatGroup, "c", 8), metav1.ApplyOptions{FieldManager: "two"})
	ensure(apierrors.IsConflict(err), "%v", err)
	must(client.Apply(s, "c", boat(boatGroup, "c", 8), metav1.ApplyOptions{FieldManager: "two", Force: true}))
	ok(client.DeleteCollection(s, metav1.DeleteOptions{}, metav1.ListOptions{}))
	same(len(must(client.List(s, metav1.ListOptions{})).Items), 0)
}
