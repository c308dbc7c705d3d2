package main

import (
	"sort"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	applyapps "k8s.io/client-go/applyconfigurations/apps/v1"
	applycore "k8s.io/client-go/applyconfigurations/core/v1"
	applymeta "k8s.io/client-go/applyconfigurations/meta/v1"
)

func applyConfigurations(s *site) {
	labels := map[string]string{"app": "web"}
	container := func(name, image string) *applycore.ContainerApplyConfiguration {
		return applycore.Container().WithName(name).WithImage(image)
	}
	web := func(containers ...*applycore.ContainerApplyConfiguration) *applyapps.DeploymentApplyConfiguration {
		pod := applycore.PodTemplateSpec().WithLabels(labels).WithSpec(applycore.PodSpec().WithContainers(containers...))
		selector := applymeta.LabelSelector().WithMatchLabels(labels)
		return applyapps.Deployment("web", s.namespace).WithSpec(applyapps.DeploymentSpec().WithSelector(selector).WithTemplate(pod))
	}
	client := s.client.AppsV1().Deployments(s.namespace)
	apply := func(owner string, force bool, what *applyapps.DeploymentApplyConfiguration) (*appsv1.Deployment, error) {
		return client.Apply(s, what, metav1.ApplyOptions{FieldManager: owner, Force: force})
	}
	made := must(apply("one", false, web(container("main", "dev.local/web:1")).WithAnnotations(map[string]string{"by": "one"})))
	same(*made.Spec.Replicas, 1)
	// What was applied, and nothing else, comes back out of the managed fields.
	extracted := must(applyapps.ExtractDeployment(made, "one"))
	ensure(extracted.Spec.Replicas == nil && *extracted.Spec.Template.Spec.Containers[0].Image == "dev.local/web:1", "%+v", extracted.Spec)
	again := must(apply("one", false, extracted))
	same(again.ResourceVersion >= made.ResourceVersion, true)
	same(again.Generation, made.Generation)
	// Another owner's container joins the list; the same container's image is contested.
	both := must(apply("two", false, web(container("side", "dev.local/side:1"))))
	var names []string
	for _, one := range both.Spec.Template.Spec.Containers {
		names = append(names, one.Name)
	}
	sort.Strings(names)
	same(names, []string{"main", "side"})
	status := refused[*appsv1.Deployment](metav1.StatusReasonConflict)(apply("two", false, web(container("main", "dev.local/web:2"))))
	same(status.Details.Causes[0].Field, `.spec.template.spec.containers[name="main"].image`)
	taken := must(apply("two", true, web(container("main", "dev.local/web:2"))))
	// Its own container, which it applied no more, is gone.
	same([]string{taken.Spec.Template.Spec.Containers[0].Image}, []string{"dev.local/web:2"})
	same(len(taken.Spec.Template.Spec.Containers), 1)
	// Through the scale subresource the replicas get an owner of their own.
	scale := must(client.GetScale(s, "web", metav1.GetOptions{}))
	scale.Spec.Replicas = 2
	scale.ResourceVersion = "" // The Pods' readiness may change the Deployment meanwhile.
	must(client.UpdateScale(s, "web", scale, metav1.UpdateOptions{FieldManager: "scaler"}))
	contested := web(container("main", "dev.local/web:2"))
	contested.Spec.WithReplicas(5)
	status = refused[*appsv1.Deployment](metav1.StatusReasonConflict)(apply("two", false, contested))
	same(status.Details.Causes[0].Field, ".spec.replicas")

	maps := s.client.CoreV1().ConfigMaps(s.namespace)
	one := applycore.ConfigMap("a", s.namespace).WithData(map[string]string{"k": "1"})
	must(maps.Apply(s, one, metav1.ApplyOptions{FieldManager: "one"}))
	dry := must(maps.Apply(s, one.WithData(map[string]string{"k": "2"}), metav1.ApplyOptions{FieldManager: "one", DryRun: []string{metav1.DryRunAll}}))
	same(dry.Data["k"], "2")
	same(must(maps.Get(s, "a", metav1.GetOptions{})).Data["k"], "1")
	refused[*corev1.ConfigMap](metav1.StatusReasonInvalid)(maps.Apply(s, one, metav1.ApplyOptions{FieldManager: "one\n"}))
}
