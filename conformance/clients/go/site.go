package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"reflect"
	"runtime"
	"runtime/debug"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
)

// Until something that takes a moment counts as not happening.
const patience = 60 * time.Second

const restart = "restart the server, then press Enter"

var answers = bufio.NewScanner(os.Stdin)

// Where a case works: a namespace that only it knows, and an admin's connections, of which every request is written down.
type site struct {
	context.Context
	config    *rest.Config
	wire      *wire
	client    *kubernetes.Clientset
	dynamic   *dynamic.DynamicClient
	namespace string
}

// What ends a case before its time.
type failure struct{ text string }

// Runs a case in a new namespace and says what is wrong; nothing if it holds.
func run(config *rest.Config, name string, body func(*site)) (why string) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	defer func() {
		switch found := recover().(type) {
		case nil:
		case failure:
			why = found.text
		default:
			why = fmt.Sprintf("%v at %s", found, debug.Stack())
		}
	}()
	s := &site{Context: ctx, wire: &wire{}, namespace: "go-" + strings.ReplaceAll(name, "_", "-")}
	s.config = rest.CopyConfig(config)
	s.config.Wrap(s.wire.around)
	s.client = must(kubernetes.NewForConfig(s.config))
	s.dynamic = must(dynamic.NewForConfig(s.config))
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: s.namespace}}
	must(s.client.CoreV1().Namespaces().Create(ctx, namespace, metav1.CreateOptions{}))
	defer func() {
		_ = s.client.CoreV1().Namespaces().Delete(context.Background(), s.namespace, metav1.DeleteOptions{})
	}()
	body(s)
	return ""
}

// Asks whoever runs this to restart the server, and waits until that has happened.
func (s *site) restart() {
	fmt.Println(restart)
	ensure(answers.Scan(), "nobody answers")
}

func (s *site) configMap(name string, labels map[string]string) *corev1.ConfigMap {
	body := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: labels}, Data: map[string]string{"k": "1"}}
	return must(s.client.CoreV1().ConfigMaps(s.namespace).Create(s, body, metav1.CreateOptions{}))
}

func (s *site) deployment(name string, replicas int32) *appsv1.Deployment {
	return must(s.client.AppsV1().Deployments(s.namespace).Create(s, deployment(name, replicas), metav1.CreateOptions{}))
}

func deployment(name string, replicas int32) *appsv1.Deployment {
	labels := map[string]string{"app": name}
	return &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: appsv1.DeploymentSpec{
			Replicas: &replicas,
			Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels}, Spec: podSpec()},
		},
	}
}

func podSpec() corev1.PodSpec {
	return corev1.PodSpec{Containers: []corev1.Container{{Name: "main", Image: "dev.local/web:1"}}}
}

// A Pod that runs.
func (s *site) pod(name string) {
	body := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: podSpec()}
	pods := s.client.CoreV1().Pods(s.namespace)
	must(pods.Create(s, body, metav1.CreateOptions{}))
	until(func() (*corev1.Pod, error) { return pods.Get(s, name, metav1.GetOptions{}) },
		func(pod *corev1.Pod) bool { return pod.Status.Phase == corev1.PodRunning })
}

// What a call gave; its error ends the case.
func must[T any](value T, err error) T {
	if err != nil {
		panic(failure{fmt.Sprintf("%v (%s)", err, place())})
	}
	return value
}

func ok(err error) { must(0, err) }

func ensure(holds bool, format string, arguments ...any) {
	if !holds {
		panic(failure{fmt.Sprintf(format, arguments...) + " (" + place() + ")"})
	}
}

func same[T any](found, wanted T) {
	ensure(reflect.DeepEqual(found, wanted), "found %+v, wanted %+v", found, wanted)
}

// Reads until the test holds, and gives what was read.
func until[T any](read func() (T, error), test func(T) bool) T {
	deadline := time.Now().Add(patience)
	for {
		found, err := read()
		if err == nil && test(found) {
			return found
		}
		ensure(time.Now().Before(deadline), "not as wanted after %v: %+v, %v", patience, found, err)
		time.Sleep(20 * time.Millisecond)
	}
}

// Waits until a read answers 404.
func gone[T any](read func() (T, error)) {
	until(func() (bool, error) {
		_, err := read()
		if apierrors.IsNotFound(err) {
			return true, nil
		}
		return false, err
	}, func(absent bool) bool { return absent })
}

// The Status of a call that must be refused for a reason.
func refused[T any](reason metav1.StatusReason) func(T, error) metav1.Status {
	return func(answer T, err error) metav1.Status {
		ensure(err != nil, "not refused: %+v", answer)
		var status apierrors.APIStatus
		ensure(errors.As(err, &status), "no Status: %v", err)
		same(status.Status().Reason, reason)
		return status.Status()
	}
}

// The line of the case, above what is in this file.
func place() string {
	for depth := 1; depth < 12; depth++ {
		_, file, line, known := runtime.Caller(depth)
		if known && !strings.HasSuffix(file, "/site.go") {
			return fmt.Sprintf("%s:%d", file[strings.LastIndex(file, "/")+1:], line)
		}
	}
	return "?"
}
