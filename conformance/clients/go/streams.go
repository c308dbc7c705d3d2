package main

import (
	"bytes"
	"io"
	"net/http"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/util/httpstream"
	kubescheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/portforward"
	"k8s.io/client-go/tools/remotecommand"
	"k8s.io/client-go/transport/spdy"
)

func logs(s *site) {
	s.pod("one")
	stream := must(s.client.CoreV1().Pods(s.namespace).GetLogs("one", &corev1.PodLogOptions{Follow: true}).Stream(s))
	defer stream.Close()
	ensure(strings.TrimSpace(string(must(io.ReadAll(stream)))) != "", "an empty log")
	_, err := s.client.CoreV1().Pods(s.namespace).GetLogs("one", &corev1.PodLogOptions{Container: "none"}).Stream(s)
	ensure(apierrors.IsBadRequest(err) && strings.Contains(err.Error(), "container none is not valid for pod one"), "%v", err)
}

func (s *site) exec(container string, command ...string) *rest.Request {
	options := &corev1.PodExecOptions{Container: container, Command: command, Stdout: true, Stderr: true}
	return s.client.CoreV1().RESTClient().Post().Resource("pods").Namespace(s.namespace).Name("one").SubResource("exec").
		VersionedParams(options, kubescheme.ParameterCodec)
}

// A fake node says the command that it was given.
func (s *site) speaks(executor func(*rest.Request) (remotecommand.Executor, error)) {
	s.pod("one")
	var out, err bytes.Buffer
	streams := remotecommand.StreamOptions{Stdout: &out, Stderr: &err}
	ok(must(executor(s.exec("main", "echo", "hello"))).StreamWithContext(s, streams))
	ensure(strings.Contains(out.String(), "hello") && err.Len() == 0, "out %q, err %q", out.String(), err.String())
	refusal := must(executor(s.exec("none", "true"))).StreamWithContext(s, streams)
	ensure(refusal != nil && strings.Contains(refusal.Error(), "container"), "%v", refusal)
}

func execOverWebSocket(s *site) {
	s.speaks(func(request *rest.Request) (remotecommand.Executor, error) {
		return remotecommand.NewWebSocketExecutor(s.config, http.MethodGet, request.URL().String())
	})
}

func execOverSpdy(s *site) {
	s.speaks(func(request *rest.Request) (remotecommand.Executor, error) {
		return remotecommand.NewSPDYExecutor(s.config, http.MethodPost, request.URL())
	})
}

// There is nothing behind a fake node's ports: the connection is made, and its use refused by name.
func portForward(s *site) {
	s.pod("one")
	request := s.client.CoreV1().RESTClient().Post().Resource("pods").Namespace(s.namespace).Name("one").SubResource("portforward")
	transport, upgrader, err := spdy.RoundTripperFor(s.config)
	ok(err)
	dialers := map[string]httpstream.Dialer{
		"websocket": must(portforward.NewSPDYOverWebsocketDialer(request.URL(), s.config)),
		"spdy":      spdy.NewDialer(upgrader, &http.Client{Transport: transport}, http.MethodPost, request.URL()),
	}
	for name, dialer := range dialers {
		connection, _, err := dialer.Dial(portforward.PortForwardProtocolV1Name)
		ok(err)
		header := http.Header{}
		header.Set(corev1.StreamType, corev1.StreamTypeError)
		header.Set(corev1.PortHeader, "8080")
		header.Set(corev1.PortForwardRequestIDHeader, "1")
		complaint := must(connection.CreateStream(header))
		header.Set(corev1.StreamType, corev1.StreamTypeData)
		must(connection.CreateStream(header))
		said := string(must(io.ReadAll(complaint)))
		ensure(strings.Contains(said, "fake node"), "%s: %q", name, said)
		connection.Close()
	}
}
