//! `config-features`: which parts of a pod a user may set.

use super::Data;

/// The state of a feature.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Flag {
    /// On.
    Enabled,
    /// Taken, but not on by itself.
    Allowed,
    /// Refused.
    #[default]
    Disabled,
    /// `secure-pod-defaults` only: secure except for the user.
    AllowRootBounded,
}

impl Flag {
    /// Not disabled.
    #[must_use]
    pub fn taken(self) -> bool {
        self != Self::Disabled
    }

    /// Enabled.
    #[must_use]
    pub fn on(self) -> bool {
        self == Self::Enabled
    }
}

macro_rules! features {
    ($($(#[$doc:meta])* $name:ident = $key:literal, $default:ident;)*) => {
        /// `config-features`.
        #[derive(Clone, Debug, PartialEq, Eq)]
        #[allow(missing_docs)]
        pub struct Features { $($(#[$doc])* pub $name: Flag,)* }

        impl Default for Features {
            fn default() -> Self { Self { $($name: Flag::$default,)* } }
        }

        impl Features {
            /// Reads the map; words that are no state leave the default.
            pub(super) fn read(data: &Data) -> Self {
                let mut out = Self::default();
                $(if let Some(flag) = data.get($key).and_then(|text| flag(text)) { out.$name = flag; })*
                out
            }
        }
    };
}

features! {
    multi_container = "multi-container", Enabled;
    multi_container_probing = "multi-container-probing", Disabled;
    affinity = "kubernetes.podspec-affinity", Disabled;
    topology_spread = "kubernetes.podspec-topologyspreadconstraints", Disabled;
    host_aliases = "kubernetes.podspec-hostaliases", Disabled;
    node_selector = "kubernetes.podspec-nodeselector", Disabled;
    tolerations = "kubernetes.podspec-tolerations", Disabled;
    field_ref = "kubernetes.podspec-fieldref", Disabled;
    runtime_class_name = "kubernetes.podspec-runtimeclassname", Disabled;
    dns_policy = "kubernetes.podspec-dnspolicy", Disabled;
    dns_config = "kubernetes.podspec-dnsconfig", Disabled;
    security_context = "kubernetes.podspec-securitycontext", Disabled;
    share_process_namespace = "kubernetes.podspec-shareprocessnamespace", Disabled;
    priority_class_name = "kubernetes.podspec-priorityclassname", Disabled;
    scheduler_name = "kubernetes.podspec-schedulername", Disabled;
    init_containers = "kubernetes.podspec-init-containers", Disabled;
    empty_dir = "kubernetes.podspec-volumes-emptydir", Enabled;
    claim = "kubernetes.podspec-persistent-volume-claim", Disabled;
    claim_write = "kubernetes.podspec-persistent-volume-write", Disabled;
    add_capabilities = "kubernetes.containerspec-addcapabilities", Disabled;
    tag_header_routing = "tag-header-based-routing", Disabled;
    autodetect_http2 = "autodetect-http2", Disabled;
    secure_pod_defaults = "secure-pod-defaults", Disabled;
}

fn flag(text: &str) -> Option<Flag> {
    [
        ("enabled", Flag::Enabled),
        ("allowed", Flag::Allowed),
        ("disabled", Flag::Disabled),
        ("allowrootbounded", Flag::AllowRootBounded),
    ]
    .into_iter()
    .find(|(word, _)| text.trim().eq_ignore_ascii_case(word))
    .map(|(_, flag)| flag)
}
