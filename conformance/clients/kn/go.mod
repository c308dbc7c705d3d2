module skiff.local/clients/kn

go 1.22

require knative.dev/client v0.41.0
