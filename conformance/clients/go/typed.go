package main

import (
	"context"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	authenticationv1 "k8s.io/api/authentication/v1"
	autoscalingv1 "k8s.io/api/autoscaling/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/kubernetes"
	corev1client "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/pager"
	"k8s.io/client-go/tools/record"
)

// A typed client that sends and takes protobuf, whatever is its default.
func (s *site) overProtobuf() *kubernetes.Clientset {
	config := rest.CopyConfig(s.config)
	config.ContentType = protobuf
	config.AcceptContentTypes = protobuf
	return must(kubernetes.NewForConfig(config))
}

func typedCrud(s *site) {
	maps := s.overProtobuf().CoreV1().ConfigMaps(s.namespace)
	body := &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{GenerateName: "a-", Labels: map[string]string{"set": "x"}},
		Data:       map[string]string{"k": "1"}, BinaryData: map[string][]byte{"raw": {0, 1, 255}},
	}
	made := must(maps.Create(s, body, metav1.CreateOptions{}))
	ensure(strings.HasPrefix(made.Name, "a-") && len(made.Name) == 7, "generated name %s", made.Name)
	same(must(maps.Get(s, made.Name, metav1.GetOptions{})), made)
	made.Data["k"] = "2"
	replaced := must(maps.Update(s, made, metav1.UpdateOptions{}))
	same(replaced.Data["k"], "2")
	refused[*corev1.ConfigMap](metav1.StatusReasonConflict)(maps.Update(s, made, metav1.UpdateOptions{}))
	listed := must(maps.List(s, metav1.ListOptions{LabelSelector: "set=x"}))
	same(len(listed.Items), 1)
	same(listed.Items[0].BinaryData, made.BinaryData)
	ok(maps.Delete(s, made.Name, metav1.DeleteOptions{}))
	gone(func() (*corev1.ConfigMap, error) { return maps.Get(s, made.Name, metav1.GetOptions{}) })
	ok(maps.DeleteCollection(s, metav1.DeleteOptions{}, metav1.ListOptions{LabelSelector: "set=x"}))
	for _, one := range s.wire.to("/configmaps") {
		ensure(one.got == protobuf, "%s %s was answered in %s", one.method, one.path, one.got)
		ensure(one.sent == "" || one.sent == protobuf, "%s %s was sent in %s", one.method, one.path, one.sent)
	}
	ensure(len(s.wire.to("/configmaps")) >= 3, "the requests were not seen: %v", s.wire.calls)
}

func tellingErrors(s *site) {
	client := s.overProtobuf().CoreV1()
	maps := client.ConfigMaps(s.namespace)
	_, err := maps.Get(s, "none", metav1.GetOptions{})
	ensure(apierrors.IsNotFound(err), "%v", err)
	s.configMap("a", nil)
	_, err = maps.Create(s, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "a"}}, metav1.CreateOptions{})
	ensure(apierrors.IsAlreadyExists(err), "%v", err)
	// Without retries: the answer asks for ten.
	err = client.RESTClient().Get().Namespace(s.namespace).Resource("configmaps").Param("resourceVersion", "99999999999").MaxRetries(0).Do(s).Error()
	ensure(apierrors.IsTimeout(err) && apierrors.HasStatusCause(err, metav1.CauseTypeResourceVersionTooLarge), "%v", err)
	_, err = maps.List(s, metav1.ListOptions{Continue: "nonsense"})
	ensure(apierrors.IsBadRequest(err), "%v", err)
	bad := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "P"}}
	status := refused[*corev1.Pod](metav1.StatusReasonInvalid)(client.Pods(s.namespace).Create(s, bad, metav1.CreateOptions{}))
	var fields []string
	for _, cause := range status.Details.Causes {
		fields = append(fields, cause.Field)
	}
	same(fields, []string{"metadata.name", "spec.containers"})
	err = maps.Delete(s, "a", *metav1.NewPreconditionDeleteOptions("00000000-0000-0000-0000-000000000000"))
	ensure(apierrors.IsConflict(err), "%v", err)
	_, err = client.Namespaces().Create(s, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "kube-system"}}, metav1.CreateOptions{})
	ensure(apierrors.IsAlreadyExists(err), "%v", err)
	_, err = client.Pods("none").Create(s, &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "p"}, Spec: podSpec()}, metav1.CreateOptions{})
	ensure(apierrors.IsNotFound(err), "%v", err)
}

func typedPatches(s *site) {
	s.deployment("web", 0)
	patch := func(kind types.PatchType, body string) (*appsv1.Deployment, error) {
		return s.overProtobuf().AppsV1().Deployments(s.namespace).Patch(s, "web", kind, []byte(body), metav1.PatchOptions{})
	}
	images := func(one *appsv1.Deployment) map[string]string {
		found := map[string]string{}
		for _, container := range one.Spec.Template.Spec.Containers {
			found[container.Name] = container.Image
		}
		return found
	}
	containers := func(list string) string { return `{"spec":{"template":{"spec":{"containers":` + list + `}}}}` }
	added := must(patch(types.StrategicMergePatchType, containers(`[{"name":"other","image":"dev.local/other:1"}]`)))
	same(images(added), map[string]string{"main": "dev.local/web:1", "other": "dev.local/other:1"})
	removed := must(patch(types.StrategicMergePatchType, containers(`[{"name":"main","$patch":"delete"}]`)))
	same(images(removed), map[string]string{"other": "dev.local/other:1"})
	replaced := must(patch(types.MergePatchType, containers(`[{"name":"main","image":"dev.local/web:2"}]`)))
	same(images(replaced), map[string]string{"main": "dev.local/web:2"})
	step := `[{"op":"test","path":"/spec/replicas","value":0},{"op":"replace","path":"/spec/replicas","value":1}]`
	same(*must(patch(types.JSONPatchType, step)).Spec.Replicas, 1)
	refused[*appsv1.Deployment](metav1.StatusReasonInvalid)(patch(types.JSONPatchType, step))
}

func pages(s *site) {
	for _, name := range []string{"a", "b", "c", "d", "e"} {
		s.configMap(name, map[string]string{"set": "x"})
	}
	var names []string
	pages := 0
	list := pager.New(func(ctx context.Context, options metav1.ListOptions) (runtime.Object, error) {
		pages++
		return s.client.CoreV1().ConfigMaps(s.namespace).List(ctx, options)
	})
	list.PageSize, list.PageBufferSize = 2, 0
	ok(list.EachListItem(s, metav1.ListOptions{LabelSelector: "set=x"}, func(one runtime.Object) error {
		names = append(names, one.(*corev1.ConfigMap).Name)
		return nil
	}))
	same(names, []string{"a", "b", "c", "d", "e"})
	same(pages, 3)
}

func watchOverProtobuf(s *site) {
	maps := s.overProtobuf().CoreV1().ConfigMaps(s.namespace)
	first := must(maps.List(s, metav1.ListOptions{}))
	stream := must(maps.Watch(s, metav1.ListOptions{ResourceVersion: first.ResourceVersion, LabelSelector: "set=x"}))
	defer stream.Stop()
	s.configMap("a", map[string]string{"set": "x"})
	must(maps.Patch(s, "a", types.MergePatchType, []byte(`{"data":{"k":"2"}}`), metav1.PatchOptions{}))
	must(maps.Patch(s, "a", types.MergePatchType, []byte(`{"metadata":{"labels":{"set":"y"}}}`), metav1.PatchOptions{}))
	for _, wanted := range []struct {
		kind  watch.EventType
		value string
	}{{watch.Added, "1"}, {watch.Modified, "2"}, {watch.Deleted, "2"}} {
		event, open := <-stream.ResultChan()
		ensure(open, "the watch ended before %v", wanted)
		same(event.Type, wanted.kind)
		same(event.Object.(*corev1.ConfigMap).Data["k"], wanted.value)
	}
	for _, one := range s.wire.to("/configmaps") {
		if one.query.Get("watch") != "" {
			same(one.got, protobuf+";stream=watch")
		}
	}
}

func scaleEvictDelete(s *site) {
	s.deployment("web", 2)
	client := s.overProtobuf()
	deployments, pods := client.AppsV1().Deployments(s.namespace), client.CoreV1().Pods(s.namespace)
	ready := func(count int32) {
		until(func() (*appsv1.Deployment, error) { return deployments.Get(s, "web", metav1.GetOptions{}) },
			func(one *appsv1.Deployment) bool {
				return one.Status.ReadyReplicas == count && one.Status.ObservedGeneration == one.Generation
			})
	}
	ready(2)
	scale := must(deployments.GetScale(s, "web", metav1.GetOptions{}))
	same(scale.Status.Selector, "app=web")
	scale.Spec.Replicas = 1
	same(must(deployments.UpdateScale(s, "web", scale, metav1.UpdateOptions{})).Spec.Replicas, 1)
	ready(1)
	refused[*autoscalingv1.Scale](metav1.StatusReasonConflict)(deployments.UpdateScale(s, "web", scale, metav1.UpdateOptions{}))
	all := until(func() (*corev1.PodList, error) { return pods.List(s, metav1.ListOptions{LabelSelector: "app=web"}) },
		func(list *corev1.PodList) bool { return len(list.Items) == 1 })
	evicted := all.Items[0]
	ok(pods.EvictV1(s, &policyv1.Eviction{ObjectMeta: metav1.ObjectMeta{Name: evicted.Name}}))
	gone(func() (*corev1.Pod, error) { return pods.Get(s, evicted.Name, metav1.GetOptions{}) })
	ready(1)
	foreground := metav1.DeletePropagationForeground
	ok(deployments.Delete(s, "web", metav1.DeleteOptions{PropagationPolicy: &foreground}))
	gone(func() (*appsv1.Deployment, error) { return deployments.Get(s, "web", metav1.GetOptions{}) })
	same(len(must(pods.List(s, metav1.ListOptions{LabelSelector: "app=web"})).Items), 0)
}

func serviceAccountToken(s *site) {
	core, rbac := s.client.CoreV1(), s.client.RbacV1()
	must(core.ServiceAccounts(s.namespace).Create(s, &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: "reader"}}, metav1.CreateOptions{}))
	must(rbac.RoleBindings(s.namespace).Create(s, &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: "view"},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "view"},
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Name: "reader", Namespace: s.namespace}},
	}, metav1.CreateOptions{}))
	seconds := int64(600)
	request := &authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{ExpirationSeconds: &seconds}}
	issued := must(core.ServiceAccounts(s.namespace).CreateToken(s, "reader", request, metav1.CreateOptions{}))
	config := rest.AnonymousClientConfig(s.config)
	config.BearerToken = issued.Status.Token
	reader := must(kubernetes.NewForConfig(config))
	review := must(reader.AuthenticationV1().SelfSubjectReviews().Create(s, &authenticationv1.SelfSubjectReview{}, metav1.CreateOptions{}))
	same(review.Status.UserInfo.Username, "system:serviceaccount:"+s.namespace+":reader")
	must(reader.CoreV1().ConfigMaps(s.namespace).List(s, metav1.ListOptions{}))
	_, err := reader.CoreV1().Secrets(s.namespace).List(s, metav1.ListOptions{})
	ensure(apierrors.IsForbidden(err), "%v", err)
	config.BearerToken = "nonsense"
	_, err = must(kubernetes.NewForConfig(config)).CoreV1().Nodes().List(s, metav1.ListOptions{})
	ensure(apierrors.IsUnauthorized(err), "%v", err)
}

// The recorder creates an Event and raises its count by a patch when the same happens again.
func eventRecorder(s *site) {
	about := s.configMap("a", nil)
	broadcaster := record.NewBroadcaster()
	defer broadcaster.Shutdown()
	sink := s.client.CoreV1().Events(s.namespace)
	broadcaster.StartRecordingToSink(&corev1client.EventSinkImpl{Interface: sink})
	recorder := broadcaster.NewRecorder(scheme, corev1.EventSource{Component: "suite"})
	read := func() (*corev1.EventList, error) {
		return sink.List(s, metav1.ListOptions{FieldSelector: "involvedObject.name=a,reason=Sailed"})
	}
	for count := int32(1); count <= 3; count++ {
		recorder.Event(about, corev1.EventTypeNormal, "Sailed", "went out")
		found := until(read, func(list *corev1.EventList) bool { return len(list.Items) == 1 && list.Items[0].Count == count })
		same(found.Items[0].InvolvedObject.UID, about.UID)
	}
}
