//! The rows of the named built-in groups, one function per family.

use super::{Resource, Storage, Verbs};

fn row(group: &'static str, version: &'static str, kind: &'static str, plural: &'static str) -> Resource {
    Resource::new(group, version, kind, plural)
}

/// What upstream says when a Job is deleted without a policy.
const JOB_PODS_STAY: &str = "child pods are preserved by default when jobs are deleted; set propagationPolicy=Background to remove them or set propagationPolicy=Orphan to suppress this warning";

/// A kind that only answers POST.
fn review(group: &'static str, kind: &'static str, plural: &'static str) -> Resource {
    row(group, "v1", kind, plural).cluster().verbs(Verbs::CREATE).stored(Storage::Virtual)
}

/// Workloads, their autoscaling and their disruption budgets.
pub(super) fn workloads() -> Vec<Resource> {
    let hpa = |version| {
        row("autoscaling", version, "HorizontalPodAutoscaler", "horizontalpodautoscalers")
            .short(&["hpa"])
            .categories(&["all"])
            .status()
            .idle()
    };
    vec![
        row("apps", "v1", "ControllerRevision", "controllerrevisions").hash("85nkx63pcBU="),
        row("apps", "v1", "DaemonSet", "daemonsets").short(&["ds"]).categories(&["all"]).status().idle().hash("dd7pWHUlMKQ="),
        row("apps", "v1", "Deployment", "deployments").short(&["deploy"]).categories(&["all"]).scale().status().hash("8aSe+NMegvE="),
        row("apps", "v1", "ReplicaSet", "replicasets")
            .short(&["rs"])
            .categories(&["all"])
            .stored(Storage::Synthesised)
            .scale()
            .status()
            .hash("P1RzHs8/mWQ="),
        row("apps", "v1", "StatefulSet", "statefulsets").short(&["sts"]).categories(&["all"]).scale().status().idle().hash("H+vl74LkKdo="),
        hpa("v2").hash("qwQve8ut294="),
        hpa("v1")
            .secondary()
            .converts("stored as v2: targetCPUUtilizationPercentage is the one Resource metric `cpu`; other metrics and the behaviour travel in annotations")
            .hash("qwQve8ut294="),
        row("batch", "v1", "CronJob", "cronjobs").short(&["cj"]).categories(&["all"]).status().idle().hash("sd5LIXh4Fjs="),
        row("batch", "v1", "Job", "jobs").categories(&["all"]).status().idle().orphaning(JOB_PODS_STAY).hash("mudhfqk/qZY="),
        row("policy", "v1", "PodDisruptionBudget", "poddisruptionbudgets").short(&["pdb"]).status().idle().hash("EVWiDmWqyJw="),
    ]
}

/// Who may do what, and what is checked on the way in.
pub(super) fn policy() -> Vec<Resource> {
    let admission =
        |kind, plural| row("admissionregistration.k8s.io", "v1", kind, plural).cluster().categories(&["api-extensions"]);
    vec![
        admission("MutatingWebhookConfiguration", "mutatingwebhookconfigurations").hash("Sqi0GUgDaX0="),
        admission("MutatingAdmissionPolicy", "mutatingadmissionpolicies").hash("LYmCf+UMVdg="),
        admission("MutatingAdmissionPolicyBinding", "mutatingadmissionpolicybindings").hash("90V5FRZZ3Zg="),
        admission("ValidatingAdmissionPolicy", "validatingadmissionpolicies").status().hash("6OxvlMmQ6is="),
        admission("ValidatingAdmissionPolicyBinding", "validatingadmissionpolicybindings").hash("v9715VZqakg="),
        admission("ValidatingWebhookConfiguration", "validatingwebhookconfigurations").hash("B0wHjQmsGNk="),
        review("authentication.k8s.io", "SelfSubjectReview", "selfsubjectreviews"),
        review("authentication.k8s.io", "TokenReview", "tokenreviews"),
        Resource { namespaced: true, ..review("authorization.k8s.io", "LocalSubjectAccessReview", "localsubjectaccessreviews") },
        review("authorization.k8s.io", "SelfSubjectAccessReview", "selfsubjectaccessreviews"),
        review("authorization.k8s.io", "SelfSubjectRulesReview", "selfsubjectrulesreviews"),
        review("authorization.k8s.io", "SubjectAccessReview", "subjectaccessreviews"),
        row("certificates.k8s.io", "v1", "CertificateSigningRequest", "certificatesigningrequests")
            .cluster()
            .short(&["csr"])
            .sub("approval", Verbs::EDIT)
            .status()
            .hash("95fRKMXA+00="),
        row("rbac.authorization.k8s.io", "v1", "ClusterRoleBinding", "clusterrolebindings").cluster().hash("48tpQ8gZHFc="),
        row("rbac.authorization.k8s.io", "v1", "ClusterRole", "clusterroles").cluster().hash("bYE5ZWDrJ44="),
        row("rbac.authorization.k8s.io", "v1", "RoleBinding", "rolebindings").hash("eGsCzGH6b1g="),
        row("rbac.authorization.k8s.io", "v1", "Role", "roles").hash("7FuwZcIIItM="),
    ]
}

/// Everything else: extension, network, storage, scheduling, node, events.
pub(super) fn infrastructure() -> Vec<Resource> {
    vec![
        row("apiextensions.k8s.io", "v1", "CustomResourceDefinition", "customresourcedefinitions")
            .cluster()
            .short(&["crd", "crds"])
            .categories(&["api-extensions"])
            .status()
            .hash("M5uH+AlWATY="),
        row("apiregistration.k8s.io", "v1", "APIService", "apiservices").cluster().categories(&["api-extensions"]).status().idle().hash("InPBPD7+PqM="),
        row("coordination.k8s.io", "v1", "Lease", "leases").stored(Storage::Ephemeral).hash("gqkMMb/YqFM="),
        row("discovery.k8s.io", "v1", "EndpointSlice", "endpointslices").stored(Storage::Synthesised).hash("qgS0xkrxYAI="),
        row("events.k8s.io", "v1", "Event", "events")
            .short(&["ev"])
            .stored(Storage::Ephemeral)
            .converts("the objects of core/v1 events: regarding is involvedObject, note is message, deprecated* are the core fields, reportingController is reportingComponent")
            .hash("@/v1/Event@"),
        row("flowcontrol.apiserver.k8s.io", "v1", "FlowSchema", "flowschemas").cluster().status().hash("GJVAJZSZBIw="),
        row("flowcontrol.apiserver.k8s.io", "v1", "PriorityLevelConfiguration", "prioritylevelconfigurations").cluster().status().hash("Kir5PVfvNeI="),
        row("metrics.k8s.io", "v1beta1", "NodeMetrics", "nodes").cluster().verbs(Verbs::READ).stored(Storage::Synthesised),
        row("metrics.k8s.io", "v1beta1", "PodMetrics", "pods").verbs(Verbs::READ).stored(Storage::Synthesised),
        row("networking.k8s.io", "v1", "IngressClass", "ingressclasses").cluster().hash("l/iqIbDgFyQ="),
        row("networking.k8s.io", "v1", "Ingress", "ingresses").short(&["ing"]).status().idle().hash("39NQlfNR+bo="),
        row("networking.k8s.io", "v1", "IPAddress", "ipaddresses").cluster().short(&["ip"]).hash("3f/plJFChNE="),
        row("networking.k8s.io", "v1", "NetworkPolicy", "networkpolicies").short(&["netpol"]).idle().hash("YpfwF18m1G8="),
        row("networking.k8s.io", "v1", "ServiceCIDR", "servicecidrs").cluster().status().hash("gNLvruQhW2g="),
        row("node.k8s.io", "v1", "RuntimeClass", "runtimeclasses").cluster().hash("WQTu1GL3T2Q="),
        row("scheduling.k8s.io", "v1", "PriorityClass", "priorityclasses").cluster().short(&["pc"]).hash("1QwjyaZjj3Y="),
        row("storage.k8s.io", "v1", "CSIDriver", "csidrivers").cluster().hash("hL6j/rwBV5w="),
        row("storage.k8s.io", "v1", "CSINode", "csinodes").cluster().hash("Pe62DkZtjuo="),
        row("storage.k8s.io", "v1", "CSIStorageCapacity", "csistoragecapacities").hash("xeVl+2Ly1kE="),
        row("storage.k8s.io", "v1", "StorageClass", "storageclasses").cluster().short(&["sc"]).hash("K+m6uJwbjGY="),
        row("storage.k8s.io", "v1", "VolumeAttachment", "volumeattachments").cluster().status().idle().hash("tJx/ezt6UDU="),
        row("storage.k8s.io", "v1", "VolumeAttributesClass", "volumeattributesclasses").cluster().short(&["vac"]).hash("tIjydgKBC5w="),
    ]
}
