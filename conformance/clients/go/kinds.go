package main

import (
	"context"
	"errors"
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	batchv1 "k8s.io/api/batch/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/client-go/kubernetes"
	kubescheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
)

var scheme = kubescheme.Scheme

// The calls that every typed client has.
type calls[T runtime.Object] interface {
	Create(context.Context, T, metav1.CreateOptions) (T, error)
	Get(context.Context, string, metav1.GetOptions) (T, error)
	Delete(context.Context, string, metav1.DeleteOptions) error
}

// Writes an object in one encoding, reads it in both, and the other way round.
func exchange[T interface {
	runtime.Object
	metav1.Object
}](s *site, object T, of func(*kubernetes.Clientset) calls[T]) {
	config := rest.CopyConfig(s.config)
	config.ContentType, config.AcceptContentTypes = runtime.ContentTypeJSON, runtime.ContentTypeJSON
	inJSON, inProtobuf := of(must(kubernetes.NewForConfig(config))), of(s.overProtobuf())
	var written [2]map[string]any
	for i, writer := range []calls[T]{inJSON, inProtobuf} {
		object.SetName(fmt.Sprintf("n-%d", i))
		must(writer.Create(s, object.DeepCopyObject().(T), metav1.CreateOptions{}))
		// A controller may write between the two reads.
		both := until(func() ([2]T, error) {
			a, err := inJSON.Get(s, object.GetName(), metav1.GetOptions{})
			b, other := inProtobuf.Get(s, object.GetName(), metav1.GetOptions{})
			return [2]T{a, b}, errors.Join(err, other)
		}, func(both [2]T) bool { return both[0].GetResourceVersion() == both[1].GetResourceVersion() })
		ensure(equality.Semantic.DeepEqual(both[0], both[1]), "%T: in JSON %+v, in protobuf %+v", object, both[0], both[1])
		ok(writer.Delete(s, object.GetName(), metav1.DeleteOptions{}))
		written[i] = wishes(both[1])
	}
	same(written[0], written[1])
}

// An object without what the server chooses anew for each one.
func wishes(object runtime.Object) map[string]any {
	content := must(runtime.DefaultUnstructuredConverter.ToUnstructured(object))
	delete(content, "status")
	for _, field := range []string{"name", "uid", "resourceVersion", "creationTimestamp", "managedFields"} {
		unstructured.RemoveNestedField(content, "metadata", field)
	}
	switch object.(type) {
	case *corev1.Service:
		unstructured.RemoveNestedField(content, "spec", "clusterIP")
		unstructured.RemoveNestedField(content, "spec", "clusterIPs")
	case *batchv1.Job:
		unstructured.RemoveNestedField(content, "spec", "selector")
		unstructured.RemoveNestedField(content, "spec", "template", "metadata", "labels")
	}
	return content
}

func bothEncodings(s *site) {
	quantity := corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("100m"), corev1.ResourceMemory: resource.MustParse("64Mi")}
	labels := map[string]string{"app": "x"}
	selector := &metav1.LabelSelector{MatchLabels: labels, MatchExpressions: []metav1.LabelSelectorRequirement{
		{Key: "tier", Operator: metav1.LabelSelectorOpNotIn, Values: []string{"a", "b"}}}}
	port := intstr.FromString("http")
	no := false
	spec := corev1.PodSpec{
		AutomountServiceAccountToken: &no, // Its volume's name ends at random.
		InitContainers:               []corev1.Container{{Name: "first", Image: "dev.local/first:1", Command: []string{"true"}}},
		Containers: []corev1.Container{{
			Name: "main", Image: "dev.local/web:1", Ports: []corev1.ContainerPort{{Name: "http", ContainerPort: 8080}},
			Env:            []corev1.EnvVar{{Name: "NODE", ValueFrom: &corev1.EnvVarSource{FieldRef: &corev1.ObjectFieldSelector{FieldPath: "spec.nodeName"}}}},
			Resources:      corev1.ResourceRequirements{Requests: quantity, Limits: quantity},
			ReadinessProbe: &corev1.Probe{ProbeHandler: corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{Path: "/", Port: port}}},
			VolumeMounts:   []corev1.VolumeMount{{Name: "data", MountPath: "/data"}},
		}},
		Volumes:     []corev1.Volume{{Name: "data", VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}}},
		Tolerations: []corev1.Toleration{{Key: "k", Operator: corev1.TolerationOpExists, Effect: corev1.TaintEffectNoSchedule}},
	}
	template := corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels}, Spec: spec}
	once := template
	once.Spec.RestartPolicy = corev1.RestartPolicyNever
	job := batchv1.JobSpec{Template: once}
	three, class, percent := int32(3), "c", int32(80)
	backend := networkingv1.IngressBackend{Service: &networkingv1.IngressServiceBackend{Name: "web", Port: networkingv1.ServiceBackendPort{Number: 80}}}
	prefix := networkingv1.PathTypePrefix
	meta := metav1.ObjectMeta{Annotations: map[string]string{"note": "ü"}, Labels: labels}

	exchange(s, &corev1.ConfigMap{ObjectMeta: meta, Data: map[string]string{"k": "v"}, BinaryData: map[string][]byte{"raw": {0, 255}}},
		func(c *kubernetes.Clientset) calls[*corev1.ConfigMap] { return c.CoreV1().ConfigMaps(s.namespace) })
	exchange(s, &corev1.Secret{ObjectMeta: meta, StringData: map[string]string{"k": "v"}},
		func(c *kubernetes.Clientset) calls[*corev1.Secret] { return c.CoreV1().Secrets(s.namespace) })
	exchange(s, &corev1.Service{ObjectMeta: meta, Spec: corev1.ServiceSpec{Selector: labels, Ports: []corev1.ServicePort{{Name: "http", Port: 80, TargetPort: port}}}},
		func(c *kubernetes.Clientset) calls[*corev1.Service] { return c.CoreV1().Services(s.namespace) })
	exchange(s, &corev1.PersistentVolumeClaim{ObjectMeta: meta, Spec: corev1.PersistentVolumeClaimSpec{
		AccessModes: []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce},
		Resources:   corev1.VolumeResourceRequirements{Requests: corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("1Gi")}}}},
		func(c *kubernetes.Clientset) calls[*corev1.PersistentVolumeClaim] {
			return c.CoreV1().PersistentVolumeClaims(s.namespace)
		})
	exchange(s, &corev1.LimitRange{ObjectMeta: meta, Spec: corev1.LimitRangeSpec{Limits: []corev1.LimitRangeItem{{Type: corev1.LimitTypePod, Max: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("64")}}}}},
		func(c *kubernetes.Clientset) calls[*corev1.LimitRange] { return c.CoreV1().LimitRanges(s.namespace) })
	exchange(s, &corev1.PodTemplate{ObjectMeta: meta, Template: template},
		func(c *kubernetes.Clientset) calls[*corev1.PodTemplate] { return c.CoreV1().PodTemplates(s.namespace) })
	exchange(s, &appsv1.Deployment{ObjectMeta: meta, Spec: appsv1.DeploymentSpec{Replicas: new(int32), Selector: &metav1.LabelSelector{MatchLabels: labels}, Template: template}},
		func(c *kubernetes.Clientset) calls[*appsv1.Deployment] { return c.AppsV1().Deployments(s.namespace) })
	exchange(s, &appsv1.StatefulSet{ObjectMeta: meta, Spec: appsv1.StatefulSetSpec{ServiceName: "web", Replicas: &three, Selector: &metav1.LabelSelector{MatchLabels: labels}, Template: template}},
		func(c *kubernetes.Clientset) calls[*appsv1.StatefulSet] { return c.AppsV1().StatefulSets(s.namespace) })
	exchange(s, &appsv1.DaemonSet{ObjectMeta: meta, Spec: appsv1.DaemonSetSpec{Selector: &metav1.LabelSelector{MatchLabels: labels}, Template: template}},
		func(c *kubernetes.Clientset) calls[*appsv1.DaemonSet] { return c.AppsV1().DaemonSets(s.namespace) })
	exchange(s, &batchv1.Job{ObjectMeta: meta, Spec: job},
		func(c *kubernetes.Clientset) calls[*batchv1.Job] { return c.BatchV1().Jobs(s.namespace) })
	exchange(s, &batchv1.CronJob{ObjectMeta: meta, Spec: batchv1.CronJobSpec{Schedule: "*/5 * * * *", JobTemplate: batchv1.JobTemplateSpec{Spec: job}}},
		func(c *kubernetes.Clientset) calls[*batchv1.CronJob] { return c.BatchV1().CronJobs(s.namespace) })
	exchange(s, &autoscalingv2.HorizontalPodAutoscaler{ObjectMeta: meta, Spec: autoscalingv2.HorizontalPodAutoscalerSpec{
		MaxReplicas: 3, ScaleTargetRef: autoscalingv2.CrossVersionObjectReference{APIVersion: "apps/v1", Kind: "Deployment", Name: "web"},
		Metrics: []autoscalingv2.MetricSpec{{Type: autoscalingv2.ResourceMetricSourceType, Resource: &autoscalingv2.ResourceMetricSource{
			Name: corev1.ResourceCPU, Target: autoscalingv2.MetricTarget{Type: autoscalingv2.UtilizationMetricType, AverageUtilization: &percent}}}}}},
		func(c *kubernetes.Clientset) calls[*autoscalingv2.HorizontalPodAutoscaler] {
			return c.AutoscalingV2().HorizontalPodAutoscalers(s.namespace)
		})
	exchange(s, &networkingv1.Ingress{ObjectMeta: meta, Spec: networkingv1.IngressSpec{IngressClassName: &class, DefaultBackend: &backend, Rules: []networkingv1.IngressRule{{
		Host: "x.example.com", IngressRuleValue: networkingv1.IngressRuleValue{HTTP: &networkingv1.HTTPIngressRuleValue{Paths: []networkingv1.HTTPIngressPath{{Path: "/", PathType: &prefix, Backend: backend}}}}}}}},
		func(c *kubernetes.Clientset) calls[*networkingv1.Ingress] {
			return c.NetworkingV1().Ingresses(s.namespace)
		})
	exchange(s, &networkingv1.NetworkPolicy{ObjectMeta: meta, Spec: networkingv1.NetworkPolicySpec{PodSelector: *selector, Ingress: []networkingv1.NetworkPolicyIngressRule{{
		From: []networkingv1.NetworkPolicyPeer{{IPBlock: &networkingv1.IPBlock{CIDR: "10.0.0.0/8"}}}, Ports: []networkingv1.NetworkPolicyPort{{Port: &port}}}}}},
		func(c *kubernetes.Clientset) calls[*networkingv1.NetworkPolicy] {
			return c.NetworkingV1().NetworkPolicies(s.namespace)
		})
	exchange(s, &policyv1.PodDisruptionBudget{ObjectMeta: meta, Spec: policyv1.PodDisruptionBudgetSpec{Selector: selector, MinAvailable: &intstr.IntOrString{Type: intstr.String, StrVal: "50%"}}},
		func(c *kubernetes.Clientset) calls[*policyv1.PodDisruptionBudget] {
			return c.PolicyV1().PodDisruptionBudgets(s.namespace)
		})
	exchange(s, &rbacv1.Role{ObjectMeta: meta, Rules: []rbacv1.PolicyRule{{APIGroups: []string{""}, Resources: []string{"pods"}, Verbs: []string{"get"}}}},
		func(c *kubernetes.Clientset) calls[*rbacv1.Role] { return c.RbacV1().Roles(s.namespace) })
	now := metav1.NowMicro()
	exchange(s, &coordinationv1.Lease{ObjectMeta: meta, Spec: coordinationv1.LeaseSpec{HolderIdentity: &class, RenewTime: &now, LeaseDurationSeconds: &three}},
		func(c *kubernetes.Clientset) calls[*coordinationv1.Lease] {
			return c.CoordinationV1().Leases(s.namespace)
		})
	spec.SchedulingGates = []corev1.PodSchedulingGate{{Name: "skiff.dev/hold"}}
	exchange(s, &corev1.Pod{ObjectMeta: meta, Spec: spec},
		func(c *kubernetes.Clientset) calls[*corev1.Pod] { return c.CoreV1().Pods(s.namespace) })
}
