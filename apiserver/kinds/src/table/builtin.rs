//! The rows of the core group.

use super::{Resource, Storage, Verbs};

fn row(kind: &'static str, plural: &'static str) -> Resource {
    Resource::new("", "v1", kind, plural)
}

/// All resources of `/api/v1`.
pub(super) fn core() -> Vec<Resource> {
    vec![
        row("Binding", "bindings").verbs(Verbs::CREATE).stored(Storage::Virtual),
        row("ComponentStatus", "componentstatuses").cluster().short(&["cs"]).verbs(Verbs::READ).stored(Storage::Synthesised),
        row("ConfigMap", "configmaps").short(&["cm"]).hash("qFsyl6wFWjQ="),
        row("Endpoints", "endpoints").short(&["ep"]).stored(Storage::Synthesised).hash("fWeeMqaN/OA="),
        row("Event", "events").short(&["ev"]).stored(Storage::Ephemeral).hash("r2yiGXH7wu8="),
        row("LimitRange", "limitranges").short(&["limits"]).hash("EBKMFVe6cwo="),
        row("Namespace", "namespaces")
            .cluster()
            .short(&["ns"])
            .verbs(Verbs::ONE_BY_ONE)
            .sub("finalize", Verbs::UPDATE)
            .status()
            .hash("Q3oi5N2YM8M="),
        row("Node", "nodes")
            .cluster()
            .short(&["no"])
            .sub_kind("proxy", Verbs::PROXY, "NodeProxyOptions")
            .status()
            .hash("XwShjMxG9Fs="),
        row("PersistentVolumeClaim", "persistentvolumeclaims").short(&["pvc"]).status().idle().hash("QWTyNDq0dC4="),
        row("PersistentVolume", "persistentvolumes").cluster().short(&["pv"]).status().idle().hash("HN/zwEC+JgM="),
        pods(),
        row("PodTemplate", "podtemplates").hash("LIXB2x4IFpk="),
        row("ReplicationController", "replicationcontrollers")
            .short(&["rc"])
            .categories(&["all"])
            .orphaning("")
            .scale()
            .status()
            .hash("Jond2If31h0="),
        row("ResourceQuota", "resourcequotas").short(&["quota"]).status().idle().hash("8uhSgffRX6w="),
        row("Secret", "secrets").hash("S6u1pOWzb84="),
        row("ServiceAccount", "serviceaccounts")
            .short(&["sa"])
            .sub_foreign("token", Verbs::CREATE, "authentication.k8s.io", "v1", "TokenRequest")
            .hash("pbx9ZvyFpBE="),
        row("Service", "services")
            .short(&["svc"])
            .categories(&["all"])
            .sub_kind("proxy", Verbs::PROXY, "ServiceProxyOptions")
            .status()
            .hash("0/CO1lhkEBI="),
    ]
}

/// Pods: most are derived from a revision and a slot; a pod that a client creates is a document.
fn pods() -> Resource {
    row("Pod", "pods")
        .short(&["po"])
        .categories(&["all"])
        .stored(Storage::Synthesised)
        .sub_kind("attach", Verbs::CONNECT, "PodAttachOptions")
        .sub_kind("binding", Verbs::CREATE, "Binding")
        .sub("ephemeralcontainers", Verbs::EDIT)
        .sub_foreign("eviction", Verbs::CREATE, "policy", "v1", "Eviction")
        .sub_kind("exec", Verbs::CONNECT, "PodExecOptions")
        .sub("log", Verbs::GET)
        .sub_kind("portforward", Verbs::CONNECT, "PodPortForwardOptions")
        .sub_kind("proxy", Verbs::PROXY, "PodProxyOptions")
        .sub("resize", Verbs::EDIT)
        .status()
        .hash("xPOwRZ+Yhw8=")
}
