package main

import (
	"context"
	"strconv"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"
	"sigs.k8s.io/controller-runtime/pkg/metrics/server"
)

const (
	shipyard  = "shipyard.skiff.dev"
	finalizer = "skiff.dev/scuttle"
)

var boatKind = schema.GroupVersionKind{Group: shipyard, Version: "v1", Kind: "Boat"}

// Keeps a ConfigMap for each boat, says so in the boat's status, and has its say when a boat goes.
type shipwright struct{ client.Client }

func (r *shipwright) Reconcile(ctx context.Context, request ctrl.Request) (ctrl.Result, error) {
	one := &unstructured.Unstructured{}
	one.SetGroupVersionKind(boatKind)
	if err := r.Get(ctx, request.NamespacedName, one); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	if !one.GetDeletionTimestamp().IsZero() {
		if controllerutil.RemoveFinalizer(one, finalizer) {
			return ctrl.Result{}, r.Update(ctx, one)
		}
		return ctrl.Result{}, nil
	}
	if controllerutil.AddFinalizer(one, finalizer) {
		if err := r.Update(ctx, one); err != nil {
			return ctrl.Result{}, err
		}
	}
	oars, _, _ := unstructured.NestedInt64(one.Object, "spec", "oars")
	owned := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: one.GetName() + "-oars", Namespace: one.GetNamespace()}}
	_, err := controllerutil.CreateOrUpdate(ctx, r, owned, func() error {
		owned.Data = map[string]string{"oars": strconv.FormatInt(oars, 10)}
		return controllerutil.SetControllerReference(one, owned, r.Scheme())
	})
	if err != nil {
		return ctrl.Result{}, err
	}
	before := one.DeepCopy()
	if err := unstructured.SetNestedField(one.Object, oars, "status", "afloat"); err != nil {
		return ctrl.Result{}, err
	}
	return ctrl.Result{}, r.Status().Patch(ctx, one, client.MergeFrom(before))
}

func controllerRuntime(s *site) {
	remove := s.define(shipyard)
	defer remove()
	manager := must(ctrl.NewManager(s.config, ctrl.Options{
		Scheme: scheme, Metrics: server.Options{BindAddress: "0"},
		Cache:          cache.Options{DefaultNamespaces: map[string]cache.Config{s.namespace: {}}},
		LeaderElection: true, LeaderElectionID: "shipwright", LeaderElectionNamespace: s.namespace, LeaderElectionReleaseOnCancel: true,
	}))
	kind := &unstructured.Unstructured{}
	kind.SetGroupVersionKind(boatKind)
	ok(ctrl.NewControllerManagedBy(manager).For(kind).Owns(&corev1.ConfigMap{}).Complete(&shipwright{manager.GetClient()}))
	ctx, stop := context.WithCancel(s)
	ended := make(chan error, 1)
	go func() { ended <- manager.Start(ctx) }()
	boats := s.dynamic.Resource(boatKind.GroupVersion().WithResource("boats")).Namespace(s.namespace)
	maps := s.client.CoreV1().ConfigMaps(s.namespace)
	afloat := func(oars int64) *unstructured.Unstructured {
		return until(func() (*unstructured.Unstructured, error) { return boats.Get(s, "dinghy", metav1.GetOptions{}) },
			func(one *unstructured.Unstructured) bool {
				found, _, _ := unstructured.NestedInt64(one.Object, "status", "afloat")
				return found == oars
			})
	}
	read := func() (*corev1.ConfigMap, error) { return maps.Get(s, "dinghy-oars", metav1.GetOptions{}) }
	must(boats.Create(s, boat(shipyard, "dinghy", 2), metav1.CreateOptions{}))
	made := afloat(2)
	same(made.GetFinalizers(), []string{finalizer})
	first := must(read())
	owner := metav1.GetControllerOf(first)
	ensure(owner != nil && owner.UID == made.GetUID(), "the owner is %+v", owner)
	must(boats.Patch(s, "dinghy", types.MergePatchType, []byte(`{"spec":{"oars":4}}`), metav1.PatchOptions{}))
	afloat(4)
	same(must(read()).Data["oars"], "4")
	// What it owns comes back when somebody deletes it.
	ok(maps.Delete(s, "dinghy-oars", metav1.DeleteOptions{}))
	until(read, func(again *corev1.ConfigMap) bool { return again.UID != first.UID })
	// A deletion waits for the finalizer, then takes along what is owned.
	ok(boats.Delete(s, "dinghy", metav1.DeleteOptions{}))
	gone(func() (*unstructured.Unstructured, error) { return boats.Get(s, "dinghy", metav1.GetOptions{}) })
	gone(read)
	stop()
	ok(<-ended)
}
