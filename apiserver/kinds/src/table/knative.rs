//! The rows of Knative Serving. Stock Knative brings them as CustomResourceDefinitions, so discovery shows them that way; the
//! order inside a group is the recorded one.

use super::{Resource, Storage};

const SERVING: [&str; 3] = ["all", "knative", "serving"];

fn row(
    group: &'static str,
    version: &'static str,
    kind: &'static str,
    plural: &'static str,
    categories: &[&'static str],
) -> Resource {
    Resource { custom: true, ..Resource::new(group, version, kind, plural).categories(categories).status() }
}

/// All Knative resources.
pub(super) fn knative() -> Vec<Resource> {
    let serving = |version, kind, plural| row("serving.knative.dev", version, kind, plural, &SERVING);
    let scaling =
        |kind, plural| row("autoscaling.internal.knative.dev", "v1alpha1", kind, plural, &["knative-internal", "autoscaling"]);
    let network =
        |kind, plural| row("networking.internal.knative.dev", "v1alpha1", kind, plural, &["knative-internal", "networking"]);
    let image = row("caching.internal.knative.dev", "v1alpha1", "Image", "images", &["knative-internal", "caching"]);
    vec![
        serving("v1", "Revision", "revisions").short(&["rev"]).hash("xNh7HB/KlHg="),
        serving("v1", "Service", "services").short(&["kservice", "ksvc"]).hash("vqppxVmf8h0="),
        serving("v1", "Configuration", "configurations").short(&["config", "cfg"]).hash("wVwjm9dp8dc="),
        serving("v1", "Route", "routes").short(&["rt"]).hash("Qa0xNJ0w1Ck="),
        serving("v1beta1", "DomainMapping", "domainmappings").short(&["dm"]).hash("dT1CyKoBohA="),
        scaling("PodAutoscaler", "podautoscalers").short(&["kpa", "pa"]).stored(Storage::Synthesised).hash("fTa7Odbmpzg="),
        scaling("Metric", "metrics").stored(Storage::Synthesised).hash("xDCj9rAxET0="),
        image.stored(Storage::Synthesised).hash("k5deu7Z8mLo="),
        network("Certificate", "certificates").short(&["kcert"]).hash("fx6O2wvUfqg="),
        network("Ingress", "ingresses").short(&["kingress", "king"]).stored(Storage::Synthesised).hash("drbglvN8wlc="),
        network("ServerlessService", "serverlessservices").short(&["sks"]).stored(Storage::Synthesised).hash("ICCS7kYXaTY="),
        network("ClusterDomainClaim", "clusterdomainclaims").cluster().short(&["cdc"]).hash("aL4uF68VmF4="),
    ]
}
