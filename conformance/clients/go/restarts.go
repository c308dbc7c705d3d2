package main

import (
	"context"
	"fmt"
	"net/http"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/tools/cache"
	watchtools "k8s.io/client-go/tools/watch"
)

// A RetryWatcher follows through ends of its watch. Its version from before a restart cannot be resumed from: it says so once,
// as an event, and a new one from a new list goes on. Nothing that was written is missed.
func retryWatcher(s *site) {
	maps := s.client.CoreV1().ConfigMaps(s.namespace)
	selector, second := "set=x", int64(1)
	watching := &cache.ListWatch{WatchFuncWithContext: func(ctx context.Context, options metav1.ListOptions) (watch.Interface, error) {
		// So short that the watch ends again and again on its own.
		options.LabelSelector, options.TimeoutSeconds = selector, &second
		return maps.Watch(ctx, options)
	}}
	start := func() (*watchtools.RetryWatcher, []corev1.ConfigMap) {
		list := must(maps.List(s, metav1.ListOptions{LabelSelector: selector}))
		return must(watchtools.NewRetryWatcherWithContext(s, list.ResourceVersion, watching)), list.Items
	}
	watcher, _ := start()
	s.configMap("a", map[string]string{"set": "x"})
	same(next(watcher), "ADDED a=1")
	for value := 2; value <= 4; value++ {
		// Each in a watch of its own.
		before := s.watches()
		until(func() (int, error) { return s.watches(), nil }, func(count int) bool { return count > before })
		must(maps.Patch(s, "a", types.MergePatchType, fmt.Appendf(nil, `{"data":{"k":"%d"}}`, value), metav1.PatchOptions{}))
		same(next(watcher), fmt.Sprintf("MODIFIED a=%d", value))
	}
	s.restart()
	s.configMap("b", map[string]string{"set": "x"})
	event, open := <-watcher.ResultChan()
	ensure(open && event.Type == watch.Error, "found %+v", event)
	err := apierrors.FromObject(event.Object)
	ensure(apierrors.IsResourceExpired(err) && err.(apierrors.APIStatus).Status().Code == http.StatusGone, "%v", err)
	_, open = <-watcher.ResultChan()
	ensure(!open, "it goes on after 410")
	// What its user does then.
	watcher, there := start()
	defer watcher.Stop()
	same([]string{there[0].Name + "=" + there[0].Data["k"], there[1].Name}, []string{"a=4", "b"})
	s.configMap("c", map[string]string{"set": "x"})
	same(next(watcher), "ADDED c=1")
}

// How many watches have been opened.
func (s *site) watches() int {
	count := 0
	for _, one := range s.wire.to("/configmaps") {
		if one.query.Get("watch") != "" {
			count++
		}
	}
	return count
}

func next(watcher *watchtools.RetryWatcher) string {
	event, open := <-watcher.ResultChan()
	ensure(open, "the watch ended")
	one, known := event.Object.(*corev1.ConfigMap)
	ensure(known, "found %+v", event)
	return fmt.Sprintf("%s %s=%s", event.Type, one.Name, one.Data["k"])
}
