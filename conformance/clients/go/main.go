// Client-go and controller-runtime against a running server: suite-go KUBECONFIG [--restart] [WORD...]
//
// One line a case and a count at the end; exits with 1 if a case failed. With words, only the cases whose names hold one of them.
// With --restart some cases ask for a restart of the server on standard output and wait for a line on standard input.
package main

import (
	"flag"
	"fmt"
	"os"
	"strings"

	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/klog/v2"
	ctrl "sigs.k8s.io/controller-runtime"
)

// In the order in which they run. Each is in the file that its kind of client gives the name.
var cases = []struct {
	name string
	body func(*site)
	kind kind
}{
	{"typed_crud_over_protobuf", typedCrud, calm},
	{"every_kind_reads_the_same_in_both_encodings", bothEncodings, calm},
	{"errors_that_clients_tell_apart", tellingErrors, calm},
	{"typed_patches", typedPatches, calm},
	{"pager", pages, calm},
	{"watch_over_protobuf", watchOverProtobuf, calm},
	{"scale_evict_and_delete", scaleEvictDelete, calm},
	{"service_account_token", serviceAccountToken, calm},
	{"event_recorder", eventRecorder, calm},
	{"shared_informers_with_watch_list", sharedInformers, calm},
	{"metadata_informer", metadataInformer, calm},
	{"discovery_and_rest_mapper", discoveryAndMapper, calm},
	{"openapi_of_every_group", openapi, calm},
	{"dynamic_client_and_custom_resources", dynamicClient, calm},
	{"dynamic_informer_of_knative_services", dynamicInformer, calm},
	{"apply_configurations", applyConfigurations, calm},
	{"leader_election", leaderElection, calm},
	{"logs", logs, calm},
	{"exec_over_websocket", execOverWebSocket, calm},
	{"exec_over_spdy", execOverSpdy, calm},
	{"port_forward_is_refused_by_fake_nodes", portForward, calm},
	{"controller_runtime_manager", controllerRuntime, calm},
	{"retry_watcher_across_a_restart", retryWatcher, restarts},
	{"informers_across_a_restart", informersAcross, restarts},
	{"leader_across_a_restart", leaderAcross, restarts},
}

type kind int

const (
	calm     kind = iota
	restarts      // Only with --restart, which says that somebody will.
)

func main() {
	if len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, "usage: suite-go KUBECONFIG [--restart] [WORD...]")
		os.Exit(2)
	}
	quiet()
	config, err := clientcmd.BuildConfigFromFlags("", os.Args[1])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	// A suite is no load: the client's own limit would only slow it down.
	config.QPS, config.Burst = -1, -1
	var words []string
	restarted := false
	for _, option := range os.Args[2:] {
		if option == "--restart" {
			restarted = true
		} else {
			words = append(words, option)
		}
	}
	held, tried := 0, 0
	for _, one := range cases {
		if !chosen(one.name, words) {
			continue
		}
		if one.kind == restarts && !restarted {
			fmt.Printf("SKIPPED %s: needs --restart\n", one.name)
			continue
		}
		tried++
		if why := run(config, one.name, one.body); why == "" {
			held++
			fmt.Println("ok", one.name)
		} else {
			fmt.Printf("FAIL %s: %s\n", one.name, strings.ReplaceAll(why, "\n", " "))
		}
	}
	fmt.Printf("go: %d of %d cases hold\n", held, tried)
	if held != tried || tried == 0 {
		os.Exit(1)
	}
}

func chosen(name string, words []string) bool {
	for _, word := range words {
		if strings.Contains(name, word) {
			return true
		}
	}
	return len(words) == 0
}

// The clients log what cases provoke, and everything that a restart breaks.
func quiet() {
	flags := flag.NewFlagSet("klog", flag.ContinueOnError)
	klog.InitFlags(flags)
	_ = flags.Set("logtostderr", "false")
	_ = flags.Set("stderrthreshold", "FATAL")
	klog.SetOutput(discard{})
	ctrl.SetLogger(klog.Background())
}

type discard struct{}

func (discard) Write(bytes []byte) (int, error) { return len(bytes), nil }
