package main

import (
	"context"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/leaderelection"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
)

// One that wants to lead until its context ends.
type candidate struct {
	leads, ended chan struct{}
	cancel       context.CancelFunc
}

func (s *site) candidate(name string, lease, renew, retry time.Duration) *candidate {
	ctx, cancel := context.WithCancel(s)
	one := &candidate{leads: make(chan struct{}), ended: make(chan struct{}), cancel: cancel}
	lock := must(resourcelock.New(resourcelock.LeasesResourceLock, s.namespace, "lock",
		s.client.CoreV1(), s.client.CoordinationV1(), resourcelock.ResourceLockConfig{Identity: name}))
	elector := must(leaderelection.NewLeaderElector(leaderelection.LeaderElectionConfig{
		Lock: lock, LeaseDuration: lease, RenewDeadline: renew, RetryPeriod: retry, ReleaseOnCancel: true,
		Callbacks: leaderelection.LeaderCallbacks{
			OnStartedLeading: func(context.Context) { close(one.leads) },
			OnStoppedLeading: func() {},
		},
	}))
	go func() {
		defer close(one.ended)
		elector.Run(ctx)
	}()
	return one
}

func within(happens <-chan struct{}, patience time.Duration) bool {
	select {
	case <-happens:
		return true
	case <-time.After(patience):
		return false
	}
}

func (s *site) holder() string {
	lease := must(s.client.CoordinationV1().Leases(s.namespace).Get(s, "lock", metav1.GetOptions{}))
	if lease.Spec.HolderIdentity == nil {
		return ""
	}
	return *lease.Spec.HolderIdentity
}

func leaderElection(s *site) {
	first := s.candidate("first", 3*time.Second, 2*time.Second, 200*time.Millisecond)
	ensure(within(first.leads, patience), "nobody leads")
	same(s.holder(), "first")
	second := s.candidate("second", 3*time.Second, 2*time.Second, 200*time.Millisecond)
	ensure(!within(second.leads, 4*time.Second), "two lead at once")
	first.cancel()
	ensure(within(second.leads, patience), "nobody takes over")
	same(s.holder(), "second")
	lease := must(s.client.CoordinationV1().Leases(s.namespace).Get(s, "lock", metav1.GetOptions{}))
	ensure(*lease.Spec.LeaseTransitions >= 1, "no transition was counted: %+v", lease.Spec)
	second.cancel()
	ensure(within(second.ended, patience), "it does not end")
}

// A leader outlives a restart that is shorter than its lease: the Lease is still its own afterwards.
func leaderAcross(s *site) {
	leader := s.candidate("first", 60*time.Second, 45*time.Second, 200*time.Millisecond)
	ensure(within(leader.leads, patience), "nobody leads")
	before := must(s.client.CoordinationV1().Leases(s.namespace).Get(s, "lock", metav1.GetOptions{}))
	s.restart()
	renewed := until(func() (*metav1.MicroTime, error) {
		lease, err := s.client.CoordinationV1().Leases(s.namespace).Get(s, "lock", metav1.GetOptions{})
		if err != nil {
			return nil, err
		}
		return lease.Spec.RenewTime, nil
	}, func(at *metav1.MicroTime) bool { return at != nil && at.After(before.Spec.RenewTime.Time) })
	ensure(renewed != nil && !within(leader.ended, time.Second), "it lost its lease")
	same(s.holder(), "first")
	leader.cancel()
	ensure(within(leader.ended, patience), "it does not end")
}
