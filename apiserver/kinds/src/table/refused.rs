//! What upstream has and Skiff does not serve, by name, for the README and for whoever asks why. Only data.

/// A resource that is not served: its path answers 404 as an unknown resource does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refused {
    /// API group.
    pub group: &'static str,
    /// The version that is refused; `*` for all.
    pub version: &'static str,
    /// Resource name; `*` for all of the group.
    pub plural: &'static str,
    /// Why, in a sentence for people.
    pub why: &'static str,
}

const fn no(group: &'static str, plural: &'static str, why: &'static str) -> Refused {
    Refused { group, version: "*", plural, why }
}

const fn beta(group: &'static str, plural: &'static str) -> Refused {
    Refused { group, version: "v1beta1", plural, why: "v1 is served; the beta version is off by default upstream" }
}

const DEVICES: &str = "dynamic resource allocation needs a scheduler and drivers for devices; sandboxes have none";
const OPTIONAL: &str = "off by default upstream (alpha or beta) and used by no client we serve";
const MEMBERS: &str = "internal to a fleet of kube-apiservers; Skiff's members agree through raft";
const EVENTING: &str = "Knative Eventing is another product; kn says so when it meets the 404";
const ADAPTER: &str = "a metrics adapter serves it, and there is no aggregation layer here that would reach one";

/// Every resource of upstream's default and optional API, and of Knative's clients, that is not served.
pub const REFUSED: &[Refused] = &[
    no("certificates.k8s.io", "clustertrustbundles", OPTIONAL),
    no("certificates.k8s.io", "podcertificaterequests", OPTIONAL),
    no("coordination.k8s.io", "leasecandidates", MEMBERS),
    no("internal.apiserver.k8s.io", "storageversions", MEMBERS),
    beta("networking.k8s.io", "ipaddresses"),
    beta("networking.k8s.io", "servicecidrs"),
    beta("storage.k8s.io", "volumeattributesclasses"),
    no("resource.k8s.io", "deviceclasses", DEVICES),
    no("resource.k8s.io", "devicetaintrules", DEVICES),
    no("resource.k8s.io", "resourceclaims", DEVICES),
    no("resource.k8s.io", "resourceclaimtemplates", DEVICES),
    no("resource.k8s.io", "resourcepoolstatusrequests", DEVICES),
    no("resource.k8s.io", "resourceslices", DEVICES),
    no("scheduling.k8s.io", "podgroups", OPTIONAL),
    no("scheduling.k8s.io", "workloads", OPTIONAL),
    no("storagemigration.k8s.io", "storageversionmigrations", "objects are stored in one version; there is nothing to migrate"),
    no("custom.metrics.k8s.io", "*", ADAPTER),
    no("external.metrics.k8s.io", "*", ADAPTER),
    no("eventing.knative.dev", "brokers", EVENTING),
    no("eventing.knative.dev", "triggers", EVENTING),
    no("messaging.knative.dev", "channels", EVENTING),
    no("messaging.knative.dev", "subscriptions", EVENTING),
    no("sources.knative.dev", "*", EVENTING),
];
