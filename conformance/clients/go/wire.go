package main

import (
	"net/http"
	"net/url"
	"strings"
	"sync"
)

const protobuf = "application/vnd.kubernetes.protobuf"

// What went over the wire, so that a case can tell which way a client really took.
type wire struct {
	lock  sync.Mutex
	calls []call
}

type call struct {
	method, path string
	query        url.Values
	sent, got    string // Content types; without a body nothing was sent.
	code         int
}

func (w *wire) around(next http.RoundTripper) http.RoundTripper {
	return roundTripper(func(request *http.Request) (*http.Response, error) {
		answer, err := next.RoundTrip(request)
		if err != nil {
			return answer, err
		}
		one := call{method: request.Method, path: request.URL.Path, query: request.URL.Query(), code: answer.StatusCode}
		if request.Body != nil {
			one.sent = request.Header.Get("Content-Type")
		}
		one.got = answer.Header.Get("Content-Type")
		w.lock.Lock()
		defer w.lock.Unlock()
		w.calls = append(w.calls, one)
		return answer, nil
	})
}

// The calls so far whose path ends so.
func (w *wire) to(suffix string) []call {
	w.lock.Lock()
	defer w.lock.Unlock()
	var found []call
	for _, one := range w.calls {
		if strings.HasSuffix(one.path, suffix) {
			found = append(found, one)
		}
	}
	return found
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(request *http.Request) (*http.Response, error) { return f(request) }
