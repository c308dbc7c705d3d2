//! Which names a kind allows.
//!
//! Fed by `meta` and by the generic station through [`name_rule`]. Knows kinds by group and name only, never an object.

use crate::workload::syntax;
use std::net::IpAddr;

/// The form of a `metadata.name`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NameRule {
    /// A DNS-1123 subdomain: most kinds and every custom resource.
    Subdomain,
    /// A DNS-1123 label: namespaces, services.
    Label,
    /// A DNS-1035 label: starts with a letter.
    Label1035,
    /// Anything that can be one step of a URL: RBAC, core events, signing requests.
    PathSegment,
    /// The canonical text of an IP address.
    Address,
    /// No name at all: reviews and other requests that are never stored.
    Nameless,
}

/// The rule of a kind; kinds that are not built in have subdomains.
#[must_use]
pub fn name_rule(group: &str, kind: &str) -> NameRule {
    match (group, kind) {
        ("", "Namespace" | "Service") => NameRule::Label,
        ("", "Event" | "Binding" | "ComponentStatus")
        | ("events.k8s.io", "Event")
        | ("rbac.authorization.k8s.io", _)
        | ("certificates.k8s.io", "CertificateSigningRequest" | "ClusterTrustBundle")
        | ("apiregistration.k8s.io", "APIService")
        | ("policy", "Eviction") => NameRule::PathSegment,
        ("networking.k8s.io", "IPAddress") => NameRule::Address,
        ("authentication.k8s.io" | "authorization.k8s.io", _) => NameRule::Nameless,
        _ => NameRule::Subdomain,
    }
}

impl NameRule {
    /// Everything wrong with a name.
    #[must_use]
    pub fn faults(self, name: &str) -> Vec<String> {
        match self {
            NameRule::Subdomain => syntax::dns1123_subdomain_faults(name),
            NameRule::Label => syntax::dns1123_label_faults(name),
            NameRule::Label1035 => syntax::dns1035_label_faults(name),
            NameRule::PathSegment => syntax::path_segment(name),
            NameRule::Address => address_faults(name),
            NameRule::Nameless => Vec::new(),
        }
    }

    /// Everything wrong with the beginning of a name, to which a generated end will be added.
    #[must_use]
    pub fn prefix_faults(self, prefix: &str) -> Vec<String> {
        match self {
            // A trailing dash is fine where something will follow it.
            NameRule::Subdomain | NameRule::Label | NameRule::Label1035 => match prefix.strip_suffix('-') {
                Some(rest) if !rest.is_empty() => self.faults(&format!("{}a", rest.get(..rest.len() - 1).unwrap_or(""))),
                _ => self.faults(prefix),
            },
            NameRule::PathSegment => {
                let found = ["/", "%"].iter().filter(|part| prefix.contains(**part));
                found.map(|part| format!("may not contain '{part}'")).collect()
            }
            NameRule::Address | NameRule::Nameless => Vec::new(),
        }
    }
}

fn address_faults(name: &str) -> Vec<String> {
    match name.parse::<IpAddr>() {
        Ok(ip) if ip.to_string() == name => Vec::new(),
        Ok(_) => vec!["must be a canonical form IP address".to_owned()],
        Err(_) => vec!["must be a valid IP address".to_owned()],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_per_kind() {
        let cases = [
            ("", "ConfigMap", "a.b", true),
            ("", "Service", "1bad", true),
            ("", "Service", "a.b", false),
            ("", "Namespace", "a.b", false),
            ("rbac.authorization.k8s.io", "Role", "system:x", true),
            ("rbac.authorization.k8s.io", "Role", "a/b", false),
            ("networking.k8s.io", "IPAddress", "10.0.0.1", true),
            ("networking.k8s.io", "IPAddress", "10.0.0", false),
            ("example.com", "Gadget", "A", false),
        ];
        for (group, kind, name, good) in cases {
            assert_eq!(name_rule(group, kind).faults(name).is_empty(), good, "{kind} {name}");
        }
    }

    #[test]
    fn prefixes_may_end_in_a_dash() {
        assert!(NameRule::Subdomain.prefix_faults("gen-").is_empty());
        assert!(!NameRule::Subdomain.prefix_faults("Gen_").is_empty());
        assert!(!NameRule::Label.prefix_faults("-").is_empty());
    }
}
