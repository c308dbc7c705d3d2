//! A container's environment and command line: image, service and pod variables, references, `$(VAR)`. Pure: fed with the
//! pod, its material and its addresses; knows no runtime.

use crate::image::ImageConfig;
use crate::pod::{Container, Env, Pod, ResourceFieldRef, nano_units, quantity};
use serde_json::Value;
use skiff_engine::wire::Material;
use std::net::Ipv4Addr;

/// Why a container cannot be configured; upstream's texts, reported as `CreateContainerConfigError`.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum ConfigError {
    #[error("configmap \"{0}\" not found")]
    NoConfigMap(String),
    #[error("secret \"{0}\" not found")]
    NoSecret(String),
    #[error("couldn't find key {key} in ConfigMap {namespace}/{name}")]
    NoConfigKey { namespace: String, name: String, key: String },
    #[error("couldn't find key {key} in Secret {namespace}/{name}")]
    NoSecretKey { namespace: String, name: String, key: String },
    #[error("unsupported fieldPath: {0}")]
    Field(String),
    #[error("unsupported container resource: {0}")]
    Resource(String),
    #[error("{0}")]
    Other(String),
}

/// Facts of one sandbox that its pod's fields speak of.
#[derive(Clone, Debug)]
pub struct Facts {
    pub name: String,
    pub uid: String,
    pub address: Ipv4Addr,
    pub node_name: String,
    pub node_address: Ipv4Addr,
    /// What `limits.cpu` (thousandths) means without a limit.
    pub node_cpu_milli: u64,
    /// What `limits.memory` (bytes) means without a limit.
    pub node_memory: u64,
}

/// Entries of a ConfigMap or Secret.
pub type Entries = Vec<(String, Vec<u8>)>;

pub fn config_map<'a>(material: &'a Material, name: &str) -> Option<&'a Entries> {
    material.config_maps.iter().find(|(n, _)| n == name).map(|(_, e)| e)
}

pub fn secret<'a>(material: &'a Material, name: &str) -> Option<&'a Entries> {
    material.secrets.iter().find(|(n, _)| n == name).map(|(_, e)| e)
}

fn text_of(entries: &Entries, key: &str) -> Option<String> {
    entries.iter().find(|(k, _)| k == key).map(|(_, v)| String::from_utf8_lossy(v).into_owned())
}

/// The whole environment, in order, each name once with its last value.
pub fn environment(
    pod: &Pod,
    container: &Container,
    image: &ImageConfig,
    material: &Material,
    facts: &Facts,
) -> Result<Vec<(String, String)>, ConfigError> {
    let mut env: Vec<(String, String)> = Vec::new();
    for line in image.env.iter().flatten() {
        if let Some((name, value)) = line.split_once('=') {
            set(&mut env, name, value.to_owned());
        }
    }
    if !env.iter().any(|(name, _)| name == "PATH") {
        set(&mut env, "PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin".to_owned());
    }
    set(&mut env, "HOSTNAME", hostname(pod, &facts.name));
    // References see what the pod gave, not what the image holds, as upstream expands before the image is known.
    let mut own: Vec<(String, String)> = material.service_env.clone();
    for source in &container.env_from {
        env_from(&mut own, source, material)?;
    }
    for variable in &container.env {
        if let Some(value) = value_of(pod, container, variable, material, facts, &own)? {
            set(&mut own, &variable.name, value);
        }
    }
    for (name, value) in own {
        set(&mut env, &name, value);
    }
    Ok(env)
}

fn set(env: &mut Vec<(String, String)>, name: &str, value: String) {
    match env.iter_mut().find(|(n, _)| n == name) {
        Some(entry) => entry.1 = value,
        None => env.push((name.to_owned(), value)),
    }
}

fn env_from(env: &mut Vec<(String, String)>, source: &crate::pod::EnvFrom, material: &Material) -> Result<(), ConfigError> {
    let entries = if let Some(from) = &source.config_map_ref {
        match config_map(material, &from.name) {
            None if !from.optional => return Err(ConfigError::NoConfigMap(from.name.clone())),
            found => found,
        }
    } else if let Some(from) = &source.secret_ref {
        match secret(material, &from.name) {
            None if !from.optional => return Err(ConfigError::NoSecret(from.name.clone())),
            found => found,
        }
    } else {
        None
    };
    for (key, value) in entries.into_iter().flatten() {
        set(env, &format!("{}{key}", source.prefix), String::from_utf8_lossy(value).into_owned());
    }
    Ok(())
}

fn value_of(
    pod: &Pod,
    container: &Container,
    variable: &Env,
    material: &Material,
    facts: &Facts,
    visible: &[(String, String)],
) -> Result<Option<String>, ConfigError> {
    let Some(from) = &variable.value_from else {
        return Ok(Some(expand(&variable.value, visible)));
    };
    let namespace = || pod.metadata.namespace.clone();
    if let Some(r) = &from.config_map_key_ref {
        let Some(entries) = config_map(material, &r.name) else {
            return if r.optional { Ok(None) } else { Err(ConfigError::NoConfigMap(r.name.clone())) };
        };
        return match text_of(entries, &r.key) {
            None if !r.optional => {
                Err(ConfigError::NoConfigKey { namespace: namespace(), name: r.name.clone(), key: r.key.clone() })
            }
            found => Ok(found),
        };
    }
    if let Some(r) = &from.secret_key_ref {
        let Some(entries) = secret(material, &r.name) else {
            return if r.optional { Ok(None) } else { Err(ConfigError::NoSecret(r.name.clone())) };
        };
        return match text_of(entries, &r.key) {
            None if !r.optional => {
                Err(ConfigError::NoSecretKey { namespace: namespace(), name: r.name.clone(), key: r.key.clone() })
            }
            found => Ok(found),
        };
    }
    if let Some(r) = &from.field_ref {
        return field(pod, facts, &r.field_path).map(Some);
    }
    if let Some(r) = &from.resource_field_ref {
        return resource(pod, Some(container), facts, r).map(Some);
    }
    Ok(Some(String::new()))
}

/// The hostname inside a pod.
pub fn hostname(pod: &Pod, name: &str) -> String {
    let full = if pod.spec.hostname.is_empty() { name } else { &pod.spec.hostname };
    // Linux's bound is 64 bytes; upstream cuts at 63 and drops what must not end a name.
    full.chars().take(63).collect::<String>().trim_end_matches(['-', '.']).to_owned()
}

/// A field of the pod, as `fieldRef` names it.
pub fn field(pod: &Pod, facts: &Facts, path: &str) -> Result<String, ConfigError> {
    let meta = &pod.metadata;
    if let Some(rest) = path.strip_prefix("metadata.labels['").and_then(|r| r.strip_suffix("']")) {
        return Ok(meta.labels.get(rest).cloned().unwrap_or_default());
    }
    if let Some(rest) = path.strip_prefix("metadata.annotations['").and_then(|r| r.strip_suffix("']")) {
        return Ok(meta.annotations.get(rest).cloned().unwrap_or_default());
    }
    let quoted = |map: &std::collections::BTreeMap<String, String>| {
        map.iter().map(|(k, v)| format!("{k}={}", Value::from(v.as_str()))).collect::<Vec<_>>().join("\n")
    };
    Ok(match path {
        "metadata.name" => facts.name.clone(),
        "metadata.namespace" => meta.namespace.clone(),
        "metadata.uid" => facts.uid.clone(),
        "metadata.labels" => quoted(&meta.labels),
        "metadata.annotations" => quoted(&meta.annotations),
        "spec.nodeName" => facts.node_name.clone(),
        "spec.serviceAccountName" => pod.spec.service_account_name.clone(),
        "status.podIP" | "status.podIPs" => facts.address.to_string(),
        "status.hostIP" | "status.hostIPs" => facts.node_address.to_string(),
        other => return Err(ConfigError::Field(other.to_owned())),
    })
}

/// A resource of a container, divided and rounded up as `resourceFieldRef` wants.
pub fn resource(pod: &Pod, own: Option<&Container>, facts: &Facts, wanted: &ResourceFieldRef) -> Result<String, ConfigError> {
    let named = pod.containers().map(|(_, c)| c).find(|c| c.name == wanted.container_name);
    let chosen = if wanted.container_name.is_empty() { own } else { named };
    let Some(container) = chosen else {
        return Err(ConfigError::Other(format!("container {} not found", wanted.container_name)));
    };
    let (list, name) = wanted.resource.split_once('.').ok_or_else(|| ConfigError::Resource(wanted.resource.clone()))?;
    let table = match list {
        "limits" => &container.resources.limits,
        "requests" => &container.resources.requests,
        _ => return Err(ConfigError::Resource(wanted.resource.clone())),
    };
    let node = if name == "cpu" { facts.node_cpu_milli } else { facts.node_memory };
    let amount = match table.get(name).and_then(|v| quantity(name, v)) {
        Some(amount) => amount,
        None if list == "limits" && (name == "cpu" || name == "memory") => node,
        None => 0,
    };
    let divisor = match &wanted.divisor {
        Value::String(s) => s.clone(),
        Value::Number(n) => n.to_string(),
        _ => "1".to_owned(),
    };
    let nano = u128::from(amount) * if name == "cpu" { 1_000_000 } else { 1_000_000_000 };
    let by = nano_units(&divisor).filter(|d| *d > 0).unwrap_or(1_000_000_000);
    Ok(nano.div_ceil(by).to_string())
}

/// Replaces `$(NAME)` by its value; `$$` is one `$`; an unknown name stays as it is written.
pub fn expand(text: &str, env: &[(String, String)]) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix('$') {
            out.push('$');
            rest = after;
        } else if let Some((name, after)) = rest.strip_prefix('(').and_then(|r| r.split_once(')')) {
            match env.iter().rev().find(|(n, _)| n == name) {
                Some((_, value)) => out.push_str(value),
                None => {
                    out.push_str("$(");
                    out.push_str(name);
                    out.push(')');
                }
            }
            rest = after;
        } else {
            out.push('$');
        }
    }
    out.push_str(rest);
    out
}

/// argv: `command` replaces the image's entrypoint and, unless there are `args`, drops its cmd.
pub fn argv(container: &Container, image: &ImageConfig, env: &[(String, String)]) -> Result<Vec<String>, ConfigError> {
    let expanded = |list: &[String]| list.iter().map(|s| expand(s, env)).collect::<Vec<_>>();
    let mut argv =
        if container.command.is_empty() { image.entrypoint.clone().unwrap_or_default() } else { expanded(&container.command) };
    if !container.args.is_empty() {
        argv.extend(expanded(&container.args));
    } else if container.command.is_empty() {
        argv.extend(image.cmd.clone().unwrap_or_default());
    }
    if argv.is_empty() {
        return Err(ConfigError::Other("no command specified".to_owned()));
    }
    Ok(argv)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts() -> Facts {
        Facts {
            name: "pod-1".into(),
            uid: "u".into(),
            address: Ipv4Addr::new(10, 1, 0, 9),
            node_name: "n".into(),
            node_address: Ipv4Addr::LOCALHOST,
            node_cpu_milli: 2000,
            node_memory: 4 << 30,
        }
    }

    fn pod(container: &str) -> Pod {
        Pod::read(
            format!(r#"{{"metadata":{{"namespace":"ns","labels":{{"a":"b"}}}},"spec":{{"containers":[{container}]}}}}"#)
                .as_bytes(),
        )
        .expect("pod")
    }

    fn env_of(container: &str, material: &Material) -> Result<Vec<(String, String)>, ConfigError> {
        let pod = pod(container);
        let image = ImageConfig { env: Some(vec!["PATH=/bin".into(), "X=image".into()]), ..ImageConfig::default() };
        environment(&pod, &pod.spec.containers[0], &image, material, &facts())
    }

    #[test]
    fn expansion() {
        let env = [("A".to_owned(), "1".to_owned()), ("B".to_owned(), "2".to_owned())];
        for (text, want) in
            [("$(A)-$(B)", "1-2"), ("$$(A)", "$(A)"), ("$(C)", "$(C)"), ("$A $", "$A $"), ("$$$(A)", "$1"), ("$(A", "$(A")]
        {
            assert_eq!(expand(text, &env), want, "{text}");
        }
    }

    #[test]
    fn sources_in_order() {
        let material = Material {
            config_maps: vec![("cm".into(), vec![("K".into(), b"v".to_vec())])],
            secrets: vec![("s".into(), vec![("P".into(), b"w".to_vec())])],
            service_env: vec![("KUBERNETES_SERVICE_HOST".into(), "10.96.0.1".into())],
            ..Material::default()
        };
        let env = env_of(
            r#"{"name":"c","envFrom":[{"prefix":"P_","configMapRef":{"name":"cm"}}],"resources":{"limits":{"memory":"64Mi"}},
            "env":[{"name":"X","value":"$(P_K)$(X)"},{"name":"S","valueFrom":{"secretKeyRef":{"name":"s","key":"P"}}},
            {"name":"IP","valueFrom":{"fieldRef":{"fieldPath":"status.podIP"}}},
            {"name":"L","valueFrom":{"fieldRef":{"fieldPath":"metadata.labels['a']"}}},
            {"name":"M","valueFrom":{"resourceFieldRef":{"resource":"limits.memory","divisor":"1Mi"}}},
            {"name":"C","valueFrom":{"resourceFieldRef":{"resource":"limits.cpu"}}},
            {"name":"N","valueFrom":{"configMapKeyRef":{"name":"no","key":"k","optional":true}}}]}"#,
            &material,
        )
        .expect("environment");
        let get = |name: &str| env.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str());
        assert_eq!(get("X"), Some("v$(X)"), "the image's X is not visible to references");
        assert_eq!((get("S"), get("IP"), get("L")), (Some("w"), Some("10.1.0.9"), Some("b")));
        assert_eq!((get("M"), get("C"), get("N")), (Some("64"), Some("2"), None));
        assert_eq!((get("PATH"), get("HOSTNAME")), (Some("/bin"), Some("pod-1")));
    }

    #[test]
    fn what_is_missing_is_named() {
        let material = Material { config_maps: vec![("cm".into(), vec![])], ..Material::default() };
        let error = |container: &str| env_of(container, &material).expect_err("missing").to_string();
        assert_eq!(error(r#"{"envFrom":[{"secretRef":{"name":"s"}}]}"#), "secret \"s\" not found");
        assert_eq!(
            error(r#"{"env":[{"name":"A","valueFrom":{"configMapKeyRef":{"name":"cm","key":"k"}}}]}"#),
            "couldn't find key k in ConfigMap ns/cm"
        );
    }

    #[test]
    fn command_and_args() {
        let image = ImageConfig { entrypoint: Some(vec!["/e".into()]), cmd: Some(vec!["c".into()]), ..ImageConfig::default() };
        let argv_of = |container: &str| argv(&pod(container).spec.containers[0], &image, &[("A".into(), "1".into())]);
        assert_eq!(argv_of("{}"), Ok(vec!["/e".into(), "c".into()]));
        assert_eq!(argv_of(r#"{"args":["$(A)"]}"#), Ok(vec!["/e".into(), "1".into()]));
        assert_eq!(argv_of(r#"{"command":["/x"]}"#), Ok(vec!["/x".into()]));
        assert!(argv(&pod("{}").spec.containers[0], &ImageConfig::default(), &[]).is_err());
    }
}
