//! Rules on one container: its names, environment, image, port, mounts and security; and what differs between the serving
//! container, a sidecar and an init container.

use super::{Faults, pod, probe, volume};
use crate::config::{Config, Features};
use crate::doc;
use serde_json::Value;

/// What a container is there for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Serving,
    Sidecar,
    Init,
}

const RESERVED_PORTS: [i64; 6] = [8012, 8013, 8022, 9090, 9091, 8008];

/// The container that requests go to.
pub(super) fn serving(config: &Config, spec: &Value, container: &Value, all: &[&Value]) -> Faults {
    let port = all.iter().rev().find_map(|c| c.pointer("/ports/0")).unwrap_or(&Value::Null);
    let name = match doc::text(port, "/name") {
        "" => "http",
        given => given,
    };
    let mut out = Faults::none();
    if let Some(given) = container.get("livenessProbe") {
        out.also(probe::any(given, Some(name)).via("livenessProbe"));
    }
    if let Some(given) = container.get("readinessProbe") {
        out.also(probe::readiness(given, Some(name)).via("readinessProbe"));
    }
    out.and(every(&config.features, spec, container, Part::Serving))
}

/// A container beside it: probes only where the feature allows them.
pub(super) fn sidecar(config: &Config, spec: &Value, container: &Value) -> Faults {
    let mut out = Faults::none();
    for key in ["livenessProbe", "readinessProbe"] {
        let Some(given) = container.get(key) else { continue };
        out.also(match (config.features.multi_container_probing.on(), key) {
            (false, _) => probe::none_allowed(given).via(key),
            (true, "livenessProbe") => probe::any(given, None).via(key),
            (true, _) => probe::readiness(given, None).via(key),
        });
    }
    out.and(every(&config.features, spec, container, Part::Sidecar))
}

/// A container that runs before the others.
pub(super) fn init(features: &Features, spec: &Value, container: &Value) -> Faults {
    let mut out = Faults::none();
    for key in ["livenessProbe", "readinessProbe", "startupProbe", "lifecycle"] {
        if container.get(key).is_some() {
            out.also(Faults::generic("field not allowed in an init container", &[key]));
        }
    }
    out.and(every(features, spec, container, Part::Init))
}

fn every(features: &Features, spec: &Value, container: &Value, part: Part) -> Faults {
    let mut out = fields(container);
    let name = doc::text(container, "/name");
    if name == "queue-proxy" {
        out.also(Faults::generic(format!("{name:?} is a reserved container name"), &["name"]));
    }
    for (i, variable) in doc::items(container, "/env").enumerate() {
        out.also(environment(features, variable, part).via_index("env", i));
    }
    for source in doc::items(container, "/envFrom") {
        out.also(env_from(source).via("envFrom"));
    }
    out.also(image(doc::text(container, "/image")));
    for (i, port) in doc::items(container, "/ports").enumerate() {
        if i == 0 || part == Part::Init {
            out.also(self::port(port, part).via("ports"));
        }
    }
    if let Some(context) = container.get("securityContext") {
        out.also(security(features, context).via("securityContext"));
    }
    let policy = doc::text(container, "/terminationMessagePolicy");
    if !["", "File", "FallbackToLogsOnError"].contains(&policy) {
        out.also(Faults::invalid(policy, "terminationMessagePolicy"));
    }
    out.and(volume::mounts(spec, container))
}

/// Fields that an init container, whose schema is open, could carry into here.
fn fields(container: &Value) -> Faults {
    let never = ["lifecycle", "stdin", "stdinOnce", "tty", "volumeDevices"];
    let refused: Vec<&str> = never.into_iter().filter(|key| container.get(key).is_some_and(|v| !v.is_null())).collect();
    let mut out = if refused.is_empty() { Faults::none() } else { Faults::disallowed(&refused) };
    if doc::items(container, "/resources/claims").next().is_some() {
        out.also(Faults::disallowed(&["resources.claims"]));
    }
    out
}

fn environment(features: &Features, variable: &Value, part: Part) -> Faults {
    let name = doc::text(variable, "/name");
    let reserved = ["K_SERVICE", "K_CONFIGURATION", "K_REVISION"].contains(&name) || name == "PORT" && part == Part::Serving;
    let mut out = match name {
        "" => Faults::missing(&["name"]),
        _ if reserved => Faults::generic(format!("{name:?} is a reserved environment variable"), &["name"]),
        _ => Faults::none(),
    };
    if !features.field_ref.taken() {
        let given = |key: &&str| variable.pointer(&format!("/valueFrom/{key}")).is_some();
        let refused: Vec<&str> = ["fieldRef", "resourceFieldRef"].into_iter().filter(given).collect();
        if !refused.is_empty() {
            out.also(Faults::disallowed(&refused).via("valueFrom"));
        }
    }
    out
}

fn env_from(source: &Value) -> Faults {
    let kinds = ["configMapRef", "secretRef"];
    match kinds.iter().filter(|key| source.get(key).is_some()).count() {
        0 => Faults::neither(&kinds),
        1 => Faults::none(),
        _ => Faults::both(&kinds),
    }
}

fn image(text: &str) -> Faults {
    if text.is_empty() {
        return Faults::missing(&["image"]);
    }
    match reference_error(text) {
        None => Faults::none(),
        Some(why) => {
            Faults::generic("Failed to parse image reference", &["image"]).details(format!("image: {text:?}, error: {why}"))
        }
    }
}

/// Why a text is no image reference, in the words of go-containerregistry.
fn reference_error(text: &str) -> Option<String> {
    let whole = || Some(format!("could not parse reference: {text}"));
    let (name, digest) = text.split_once('@').map_or((text, None), |(name, digest)| (name, Some(digest)));
    if let Some(digest) = digest {
        let hex = digest.strip_prefix("sha256:").unwrap_or("");
        if hex.len() != 64 || !hex.chars().all(|c| c.is_ascii_digit() || ('a'..='f').contains(&c)) {
            return whole();
        }
    }
    let slash = name.rfind('/').map_or(0, |at| at + 1);
    let (repository, tag) =
        name[slash..].rfind(':').map_or((name, None), |at| (&name[..slash + at], Some(&name[slash + at + 1..])));
    let tag_fine =
        tag.is_none_or(|t| !t.is_empty() && t.len() <= 127 && t.chars().all(|c| c.is_ascii_alphanumeric() || "_-.".contains(c)));
    let (host, path) = match repository.split_once('/') {
        Some((first, rest)) if first.contains(['.', ':']) || first == "localhost" => (first, rest),
        _ => ("", repository),
    };
    let host_fine = host.chars().all(|c| c.is_ascii_alphanumeric() || ".-:[]".contains(c));
    let path_fine = (1..=255).contains(&path.len())
        && path.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "_-./".contains(c));
    if tag_fine && host_fine && path_fine { None } else { whole() }
}

fn port(port: &Value, part: Part) -> Faults {
    let number = doc::int(port, "/containerPort").unwrap_or(0);
    let mut out = Faults::none();
    if RESERVED_PORTS.contains(&number) {
        let text = format!("{number} is a reserved port");
        out.also(Faults::invalid(&text, "containerPort").details(format!("{text}, please use a different value")));
    }
    if !(0..=65535).contains(&number) {
        out.also(Faults::out_of_bounds(number, 0, 65535, "containerPort"));
    }
    if part == Part::Init {
        return out;
    }
    let (protocol, name) = (doc::text(port, "/protocol"), doc::text(port, "/name"));
    if !["", "TCP"].contains(&protocol) {
        out.also(Faults::invalid(protocol, "protocol"));
    }
    if !["", "h2c", "http1"].contains(&name) {
        let text = format!("Port name {name} is not allowed");
        out.also(Faults::generic(text, &[""]).details("Name must be empty, or one of: 'h2c', 'http1'"));
    }
    out
}

fn security(features: &Features, context: &Value) -> Faults {
    let never = ["privileged", "seLinuxOptions", "windowsOptions", "procMount", "appArmorProfile"];
    let refused: Vec<&str> = never.into_iter().filter(|key| context.get(key).is_some_and(|v| !v.is_null())).collect();
    let mut out = if refused.is_empty() { Faults::none() } else { Faults::disallowed(&refused) };
    let added: Vec<&str> = doc::items(context, "/capabilities/add").filter_map(Value::as_str).collect();
    let low_port = features.secure_pod_defaults.on() && added == ["NET_BIND_SERVICE"];
    if !added.is_empty() && !features.add_capabilities.on() && !low_port {
        out.also(Faults::disallowed(&["capabilities.add"]));
    }
    out.and(pod::identity(context, "runAsUser")).and(pod::identity(context, "runAsGroup"))
}

#[cfg(test)]
mod tests {
    use super::reference_error;

    #[test]
    fn image_references() {
        for good in [
            "dev.local/hello:1",
            "nginx",
            "127.0.0.1:1/x/app:1",
            "ghcr.io/x/app@sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        ] {
            assert_eq!(reference_error(good), None, "{good}");
        }
        for bad in ["Upper/Case", "a b", "x:", "x@sha256:1"] {
            assert_eq!(reference_error(bad).as_deref(), Some(format!("could not parse reference: {bad}").as_str()));
        }
    }
}
