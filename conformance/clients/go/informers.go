package main

import (
	"fmt"
	"sort"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic/dynamicinformer"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/metadata/metadatainformer"
	"k8s.io/client-go/tools/cache"
)

// What an informer's handlers heard, in order.
type diary struct {
	lock  sync.Mutex
	lines []string
}

func (d *diary) write(verb string, object any) {
	if tombstone, lost := object.(cache.DeletedFinalStateUnknown); lost {
		object = tombstone.Obj
	}
	value := ""
	if one, known := object.(*corev1.ConfigMap); known {
		value = "=" + one.Data["k"]
	}
	d.lock.Lock()
	defer d.lock.Unlock()
	d.lines = append(d.lines, fmt.Sprintf("%s %s%s", verb, must(meta.Accessor(object)).GetName(), value))
}

func (d *diary) read() []string {
	d.lock.Lock()
	defer d.lock.Unlock()
	return append([]string{}, d.lines...)
}

func (d *diary) hears(count int) []string {
	return until(func() ([]string, error) { return d.read(), nil }, func(lines []string) bool { return len(lines) >= count })
}

func (d *diary) follow(informer cache.SharedIndexInformer) {
	must(informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    func(object any) { d.write("add", object) },
		UpdateFunc: func(_, object any) { d.write("update", object) },
		DeleteFunc: func(object any) { d.write("delete", object) },
	}))
}

// The informer must have asked for a streamed list, and never for an ordinary one.
func (s *site) streamed(resource string) {
	streams := 0
	for _, one := range s.wire.to("/" + resource) {
		if one.method != "GET" {
			continue
		}
		ensure(one.query.Get("watch") != "", "an ordinary list of %s: %v", resource, one.query)
		if one.query.Get("sendInitialEvents") == "true" {
			ensure(one.code == 200, "the streamed list was answered with %d", one.code)
			streams++
		}
	}
	ensure(streams == 1, "%d streamed lists of %s, wanted one", streams, resource)
}

func sharedInformers(s *site) {
	x := map[string]string{"set": "x"}
	s.configMap("a", x)
	factory := informers.NewSharedInformerFactoryWithOptions(s.client, 0, informers.WithNamespace(s.namespace),
		informers.WithTweakListOptions(func(options *metav1.ListOptions) { options.LabelSelector = "set=x" }))
	maps := factory.Core().V1().ConfigMaps()
	said := &diary{}
	said.follow(maps.Informer())
	pods := informers.NewSharedInformerFactoryWithOptions(s.client, 0, informers.WithNamespace(s.namespace))
	podLister, setLister := pods.Core().V1().Pods().Lister(), pods.Apps().V1().ReplicaSets().Lister()
	for _, one := range []informers.SharedInformerFactory{factory, pods} {
		one.Start(s.Done())
		for kind, synced := range one.WaitForCacheSync(s.Done()) {
			ensure(synced, "%v did not sync", kind)
		}
	}
	said.hears(1)
	s.configMap("b", x)
	said.hears(2)
	patch := func(name, body string) {
		must(s.client.CoreV1().ConfigMaps(s.namespace).Patch(s, name, types.MergePatchType, []byte(body), metav1.PatchOptions{}))
	}
	patch("b", `{"data":{"k":"2"}}`)
	said.hears(3)
	ok(s.client.CoreV1().ConfigMaps(s.namespace).Delete(s, "a", metav1.DeleteOptions{}))
	said.hears(4)
	patch("b", `{"metadata":{"labels":{"set":"y"}}}`)
	same(said.hears(5), []string{"add a=1", "add b=1", "update b=2", "delete a=1", "delete b=2"})
	same(len(must(maps.Lister().List(labels.Everything()))), 0)
	s.deployment("web", 3)
	owned := func() ([]*corev1.Pod, error) { return podLister.List(labels.SelectorFromSet(labels.Set{"app": "web"})) }
	until(owned, func(found []*corev1.Pod) bool {
		running := 0
		for _, pod := range found {
			if pod.Status.Phase == corev1.PodRunning && pod.Spec.NodeName != "" {
				running++
			}
		}
		return running == 3
	})
	same(len(must(setLister.List(labels.Everything()))), 1)
	ok(s.client.AppsV1().Deployments(s.namespace).Delete(s, "web", metav1.DeleteOptions{}))
	until(owned, func(found []*corev1.Pod) bool { return len(found) == 0 })
	for _, resource := range []string{"pods", "replicasets"} {
		s.streamed(resource)
	}
	// The patches above went to a ConfigMap's own path, the creations were no GET.
	s.streamed("configmaps")
}

func metadataInformer(s *site) {
	s.configMap("a", map[string]string{"set": "x"})
	client := must(metadata.NewForConfig(s.config))
	factory := metadatainformer.NewFilteredSharedInformerFactory(client, 0, s.namespace, nil)
	informer := factory.ForResource(corev1.SchemeGroupVersion.WithResource("configmaps"))
	said := &diary{}
	said.follow(informer.Informer())
	factory.Start(s.Done())
	factory.WaitForCacheSync(s.Done())
	lines := said.hears(2)
	sort.Strings(lines)
	same(lines, []string{"add a", "add kube-root-ca.crt"})
	found := must(informer.Lister().ByNamespace(s.namespace).Get("a")).(*metav1.PartialObjectMetadata)
	same(found.Labels, map[string]string{"set": "x"})
	ok(client.Resource(corev1.SchemeGroupVersion.WithResource("configmaps")).Namespace(s.namespace).Delete(s, "a", metav1.DeleteOptions{}))
	same(said.hears(3)[2], "delete a")
	s.streamed("configmaps")
}

var knativeServices = schema.GroupVersionResource{Group: "serving.knative.dev", Version: "v1", Resource: "services"}

func dynamicInformer(s *site) {
	factory := dynamicinformer.NewFilteredDynamicSharedInformerFactory(s.dynamic, 0, s.namespace, nil)
	informer := factory.ForResource(knativeServices)
	said := &diary{}
	said.follow(informer.Informer())
	factory.Start(s.Done())
	factory.WaitForCacheSync(s.Done())
	container := map[string]any{"image": "dev.local/web:1"}
	template := map[string]any{"spec": map[string]any{"containers": []any{container}}}
	service := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "serving.knative.dev/v1", "kind": "Service", "metadata": map[string]any{"name": "hello"},
		"spec": map[string]any{"template": template},
	}}
	client := s.dynamic.Resource(knativeServices).Namespace(s.namespace)
	must(client.Create(s, service, metav1.CreateOptions{}))
	until(func() (bool, error) {
		found, err := informer.Lister().ByNamespace(s.namespace).Get("hello")
		if err != nil {
			return false, err
		}
		return condition(found.(*unstructured.Unstructured), "Ready") == "True", nil
	}, func(ready bool) bool { return ready })
	ok(client.Delete(s, "hello", metav1.DeleteOptions{}))
	lines := until(func() ([]string, error) { return said.read(), nil },
		func(lines []string) bool { return lines[len(lines)-1] == "delete hello" })
	same(lines[0], "add hello")
	s.streamed("services")
}

// The status of a condition of any object.
func condition(object *unstructured.Unstructured, kind string) string {
	all, _, _ := unstructured.NestedSlice(object.Object, "status", "conditions")
	for _, one := range all {
		if entry, known := one.(map[string]any); known && entry["type"] == kind {
			return fmt.Sprint(entry["status"])
		}
	}
	return ""
}

// Informers follow on their own, whatever happened while the server was away: nothing is missed, nothing is left over.
func informersAcross(s *site) {
	x := map[string]string{"set": "x"}
	s.configMap("a", x)
	s.configMap("b", x)
	factory := informers.NewSharedInformerFactoryWithOptions(s.client, 0, informers.WithNamespace(s.namespace),
		informers.WithTweakListOptions(func(options *metav1.ListOptions) { options.LabelSelector = "set=x" }))
	maps := factory.Core().V1().ConfigMaps()
	said := &diary{}
	said.follow(maps.Informer())
	factory.Start(s.Done())
	factory.WaitForCacheSync(s.Done())
	said.hears(2)
	s.restart()
	ok(s.client.CoreV1().ConfigMaps(s.namespace).Delete(s, "a", metav1.DeleteOptions{}))
	must(s.client.CoreV1().ConfigMaps(s.namespace).Patch(s, "b", types.MergePatchType, []byte(`{"data":{"k":"2"}}`), metav1.PatchOptions{}))
	s.configMap("c", x)
	until(func() (string, error) {
		found, err := maps.Lister().List(labels.Everything())
		var names []string
		for _, one := range found {
			names = append(names, one.Name+"="+one.Data["k"])
		}
		sort.Strings(names)
		return strings.Join(names, ","), err
	}, func(found string) bool { return found == "b=2,c=1" })
	// Between the restart and the resumption an object may be heard of again unchanged, but never lost.
	time.Sleep(100 * time.Millisecond)
	heard := map[string]bool{}
	for _, line := range said.read() {
		heard[line] = true
	}
	for _, line := range []string{"add a=1", "add b=1", "delete a=1", "update b=2", "add c=1"} {
		ensure(heard[line], "%q was not heard: %v", line, said.read())
	}
}
