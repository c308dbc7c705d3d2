//! The files that a pod finds in `/etc`: hosts, hostname, resolv.conf.

use crate::env::{Facts, hostname};
use crate::pod::Pod;
use crate::runtime::oci::Bind;
use crate::settings::Settings;
use std::io;
use std::path::Path;

/// Writes them below `dir/etc`.
pub fn write(pod: &Pod, facts: &Facts, settings: &Settings, dir: &Path) -> io::Result<()> {
    let etc = dir.join("etc");
    std::fs::create_dir_all(&etc)?;
    let hostname = hostname(pod, &facts.name);
    std::fs::write(etc.join("hosts"), hosts(pod, facts, settings, &hostname))?;
    std::fs::write(etc.join("hostname"), format!("{hostname}\n"))?;
    let node = std::fs::read_to_string("/etc/resolv.conf").unwrap_or_default();
    std::fs::write(etc.join("resolv.conf"), resolv_conf(pod, settings, &node))
}

/// Their bind mounts, except where the container mounts something itself.
pub fn binds(dir: &Path, taken: &[Bind], read_only: bool) -> Vec<Bind> {
    ["hosts", "hostname", "resolv.conf"]
        .iter()
        .map(|name| Bind {
            source: dir.join("etc").join(name).to_string_lossy().into_owned(),
            target: format!("/etc/{name}"),
            read_only,
        })
        .filter(|bind| !taken.iter().any(|t| t.target == bind.target))
        .collect()
}

fn hosts(pod: &Pod, facts: &Facts, settings: &Settings, hostname: &str) -> String {
    let mut text = "# Kubernetes-managed hosts file.\n127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n\
        fe00::\tip6-localnet\nfe00::\tip6-mcastprefix\nfe00::1\tip6-allnodes\nfe00::2\tip6-allrouters\n"
        .to_owned();
    let spec = &pod.spec;
    if spec.subdomain.is_empty() {
        text.push_str(&format!("{}\t{hostname}\n", facts.address));
    } else {
        let namespace = &pod.metadata.namespace;
        let full = format!("{hostname}.{}.{namespace}.svc.{}", spec.subdomain, settings.cluster_domain);
        text.push_str(&format!("{}\t{full}\t{hostname}\n", facts.address));
    }
    if !spec.host_aliases.is_empty() {
        text.push_str("\n# Entries added by HostAliases.\n");
    }
    for alias in &spec.host_aliases {
        text.push_str(&format!("{}\t{}\n", alias.ip, alias.hostnames.join("\t")));
    }
    text
}

fn resolv_conf(pod: &Pod, settings: &Settings, node: &str) -> String {
    let spec = &pod.spec;
    let policy = spec.dns_policy.as_str();
    let cluster_first = policy == "ClusterFirstWithHostNet" || (matches!(policy, "ClusterFirst" | "") && !spec.host_network);
    let (mut servers, mut searches, mut options) = (Vec::new(), Vec::new(), Vec::new());
    match settings.cluster_dns {
        _ if policy == "None" => {}
        Some(dns) if cluster_first => {
            let domain = &settings.cluster_domain;
            servers.push(dns.to_string());
            searches = vec![format!("{}.svc.{domain}", pod.metadata.namespace), format!("svc.{domain}"), domain.clone()];
            options.push("ndots:5".to_owned());
        }
        _ => {
            for line in node.lines() {
                let mut words = line.split_whitespace();
                match words.next() {
                    Some("nameserver") => servers.extend(words.next().map(str::to_owned)),
                    Some("search") => searches = words.map(str::to_owned).collect(),
                    Some("options") => options = words.map(str::to_owned).collect(),
                    _ => {}
                }
            }
        }
    }
    let config = &spec.dns_config;
    servers.extend(config.nameservers.iter().cloned());
    searches.extend(config.searches.iter().cloned());
    for option in &config.options {
        options.retain(|o| o.split(':').next() != Some(&option.name));
        options.push(option.value.as_ref().map_or_else(|| option.name.clone(), |v| format!("{}:{v}", option.name)));
    }
    let mut text = String::new();
    if !searches.is_empty() {
        text.push_str(&format!("search {}\n", searches.join(" ")));
    }
    // The C library reads no more than three.
    servers.iter().take(3).for_each(|s| text.push_str(&format!("nameserver {s}\n")));
    if !options.is_empty() {
        text.push_str(&format!("options {}\n", options.join(" ")));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resolver_by_policy() {
        let tls = crate::settings::NodeTls { ca_pem: vec![], cert_pem: vec![], key_pem: vec![] };
        let mut settings = Settings::new("n", ([127, 0, 0, 1], 1).into(), tls, Path::new("/x"));
        settings.cluster_dns = Some([10, 96, 0, 10].into());
        let pod =
            |spec: &str| Pod::read(format!(r#"{{"metadata":{{"namespace":"ns"}},"spec":{spec}}}"#).as_bytes()).expect("pod");
        let node = "search lan\nnameserver 1.1.1.1\n";
        assert_eq!(
            resolv_conf(&pod("{}"), &settings, node),
            "search ns.svc.cluster.local svc.cluster.local cluster.local\nnameserver 10.96.0.10\noptions ndots:5\n"
        );
        assert_eq!(resolv_conf(&pod(r#"{"dnsPolicy":"Default"}"#), &settings, node), "search lan\nnameserver 1.1.1.1\n");
        let own = r#"{"dnsPolicy":"None","dnsConfig":{"nameservers":["9.9.9.9"],"options":[{"name":"ndots","value":"2"}]}}"#;
        assert_eq!(resolv_conf(&pod(own), &settings, node), "nameserver 9.9.9.9\noptions ndots:2\n");
    }
}
