//! The parts of a Pod that a node acts on, read from the template's JSON. Fed by `Order::Template`; knows no runtime.
//! Fields that only other rooms care about (affinity, tolerations, …) are not read.

use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;

/// The template could not be read.
#[derive(Debug, thiserror::Error)]
#[error("pod template is not readable: {0}")]
pub struct PodError(#[from] serde_json::Error);

macro_rules! part {
    ($(#[$doc:meta])* $name:ident { $($(#[$meta:meta])* $field:ident : $kind:ty),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Debug, Default, Deserialize)]
        #[serde(rename_all = "camelCase", default)]
        pub struct $name { $($(#[$meta])* pub $field: $kind),* }
    };
}

part!(Pod { metadata: Metadata, spec: Spec });
part!(Metadata { name: String, namespace: String, uid: String, labels: BTreeMap<String, String>, annotations: BTreeMap<String, String> });
part!(Spec {
    containers: Vec<Container>,
    init_containers: Vec<Container>,
    volumes: Vec<Value>,
    restart_policy: String,
    termination_grace_period_seconds: Option<u32>,
    host_network: bool,
    #[serde(rename = "hostPID")] host_pid: bool,
    #[serde(rename = "hostIPC")] host_ipc: bool,
    share_process_namespace: bool,
    hostname: String,
    subdomain: String,
    dns_policy: String,
    dns_config: DnsConfig,
    host_aliases: Vec<HostAlias>,
    security_context: Security,
    service_account_name: String,
    node_name: String,
});
part!(DnsConfig { nameservers: Vec<String>, searches: Vec<String>, options: Vec<Pair> });
part!(Pair { name: String, value: Option<String> });
part!(HostAlias { ip: String, hostnames: Vec<String> });
part!(Security {
    run_as_user: Option<u32>,
    run_as_group: Option<u32>,
    run_as_non_root: Option<bool>,
    supplemental_groups: Vec<u32>,
    fs_group: Option<u32>,
    privileged: bool,
    read_only_root_filesystem: bool,
    allow_privilege_escalation: Option<bool>,
    capabilities: Capabilities,
    sysctls: Vec<Pair>,
    proc_mount: String,
    seccomp_profile: Profile,
});
part!(Profile { r#type: String });
part!(Capabilities { add: Vec<String>, drop: Vec<String> });
part!(Container {
    name: String,
    image: String,
    command: Vec<String>,
    args: Vec<String>,
    working_dir: String,
    ports: Vec<Port>,
    env: Vec<Env>,
    env_from: Vec<EnvFrom>,
    resources: Resources,
    volume_mounts: Vec<VolumeMount>,
    liveness_probe: Option<Probe>,
    readiness_probe: Option<Probe>,
    startup_probe: Option<Probe>,
    lifecycle: Lifecycle,
    termination_message_path: String,
    termination_message_policy: String,
    image_pull_policy: String,
    security_context: Security,
    restart_policy: String,
    stdin: bool,
    stdin_once: bool,
    tty: bool,
});
part!(Port { name: String, container_port: u16, protocol: String });
part!(Env { name: String, value: String, value_from: Option<ValueFrom> });
part!(ValueFrom {
    config_map_key_ref: Option<KeyRef>,
    secret_key_ref: Option<KeyRef>,
    field_ref: Option<FieldRef>,
    resource_field_ref: Option<ResourceFieldRef>,
});
part!(KeyRef { name: String, key: String, optional: bool });
part!(FieldRef { field_path: String });
part!(ResourceFieldRef { container_name: String, resource: String, divisor: Value });
part!(EnvFrom { prefix: String, config_map_ref: Option<ObjectRef>, secret_ref: Option<ObjectRef> });
part!(ObjectRef { name: String, optional: bool });
part!(Resources { limits: BTreeMap<String, Value>, requests: BTreeMap<String, Value> });
part!(VolumeMount { name: String, mount_path: String, sub_path: String, sub_path_expr: String, read_only: bool });
part!(Lifecycle { post_start: Option<Handler>, pre_stop: Option<Handler>, stop_signal: String });
part!(Handler { exec: Option<ExecAction>, http_get: Option<HttpGet>, tcp_socket: Option<TcpSocket>, sleep: Option<Sleep>, grpc: Option<Grpc> });
part!(ExecAction { command: Vec<String> });
part!(HttpGet { path: String, port: Value, host: String, scheme: String, http_headers: Vec<Pair> });
part!(TcpSocket { port: Value, host: String });
part!(Grpc { port: u16, service: String });
part!(Sleep { seconds: u32 });

/// A probe with upstream's defaults filled in.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Probe {
    #[serde(flatten)]
    pub action: Handler,
    pub initial_delay_seconds: u32,
    pub period_seconds: u32,
    pub timeout_seconds: u32,
    pub success_threshold: u32,
    pub failure_threshold: u32,
    pub termination_grace_period_seconds: Option<u32>,
}

impl Default for Probe {
    fn default() -> Self {
        Probe {
            action: Handler::default(),
            initial_delay_seconds: 0,
            period_seconds: 10,
            timeout_seconds: 1,
            success_threshold: 1,
            failure_threshold: 3,
            termination_grace_period_seconds: None,
        }
    }
}

/// What a container is for in its pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Runs to its end before the next one.
    Init,
    /// An init container with `restartPolicy: Always`: started in order, then stays.
    Sidecar,
    /// From `containers`.
    Main,
}

impl Pod {
    /// Reads a template. Nulls count as absent, as they do upstream.
    pub fn read(json: &[u8]) -> Result<Pod, PodError> {
        let mut value: Value = serde_json::from_slice(json)?;
        drop_nulls(&mut value);
        Ok(serde_json::from_value(value)?)
    }

    /// Init containers, then main containers, with their roles.
    pub fn containers(&self) -> impl Iterator<Item = (Role, &Container)> {
        let init =
            self.spec.init_containers.iter().map(|c| (if c.restart_policy == "Always" { Role::Sidecar } else { Role::Init }, c));
        init.chain(self.spec.containers.iter().map(|c| (Role::Main, c)))
    }

    /// What the pod asks for and this node cannot give, by field name.
    pub fn unsupported(&self) -> Option<&'static str> {
        let profile = |s: &Security| s.seccomp_profile.r#type == "Localhost";
        if self.spec.share_process_namespace {
            Some("spec.shareProcessNamespace")
        } else if self.spec.host_ipc {
            Some("spec.hostIPC")
        } else if profile(&self.spec.security_context) || self.containers().any(|(_, c)| profile(&c.security_context)) {
            Some("securityContext.seccompProfile.type Localhost")
        } else {
            None
        }
    }

    /// Seconds between the stop signal and the kill where nobody says otherwise.
    pub fn grace_seconds(&self) -> u32 {
        self.spec.termination_grace_period_seconds.unwrap_or(30)
    }
}

impl Container {
    /// A port given by number or by the name of one of the container's ports.
    pub fn port(&self, port: &Value) -> Option<u16> {
        match port {
            Value::Number(n) => n.as_u64().and_then(|n| u16::try_from(n).ok()),
            Value::String(s) => s.parse().ok().or_else(|| self.ports.iter().find(|p| p.name == *s).map(|p| p.container_port)),
            _ => None,
        }
    }

    pub fn limit(&self, resource: &str) -> Option<u64> {
        self.resources.limits.get(resource).and_then(|v| quantity(resource, v))
    }

    pub fn request(&self, resource: &str) -> Option<u64> {
        self.resources.requests.get(resource).and_then(|v| quantity(resource, v))
    }
}

fn drop_nulls(value: &mut Value) {
    match value {
        Value::Object(map) => {
            map.retain(|_, v| !v.is_null());
            map.values_mut().for_each(drop_nulls);
        }
        Value::Array(list) => list.iter_mut().for_each(drop_nulls),
        _ => {}
    }
}

/// A quantity: thousandths for `cpu`, else whole units (bytes), rounded up. `None` if it is not a quantity.
pub fn quantity(resource: &str, value: &Value) -> Option<u64> {
    let text = match value {
        Value::String(s) => s.clone(),
        Value::Number(n) => n.to_string(),
        _ => return None,
    };
    let nano = nano_units(&text)?;
    let unit = if resource == "cpu" { 1_000_000 } else { 1_000_000_000 };
    u64::try_from(nano.div_ceil(unit)).ok()
}

/// Billionths of the unit that a quantity names; bounded by `u128`, so no exponent overflows silently.
pub fn nano_units(text: &str) -> Option<u128> {
    let split = text.find(|c: char| !(c.is_ascii_digit() || c == '.' || c == '+')).unwrap_or(text.len());
    let (number, suffix) = text.split_at(split);
    let scale: u128 = match suffix {
        "n" => 1,
        "u" => 1_000,
        "m" => 1_000_000,
        "" => 1_000_000_000,
        "k" => 1_000_000_000_000,
        "M" => 10u128.pow(15),
        "G" => 10u128.pow(18),
        "T" => 10u128.pow(21),
        "P" => 10u128.pow(24),
        "E" => 10u128.pow(27),
        "Ki" => 1_000_000_000 << 10,
        "Mi" => 1_000_000_000 << 20,
        "Gi" => 1_000_000_000 << 30,
        "Ti" => 1_000_000_000 << 40,
        "Pi" => 1_000_000_000 << 50,
        "Ei" => 1_000_000_000 << 60,
        exponent if exponent.starts_with(['e', 'E']) => {
            let power: u32 = exponent[1..].parse().ok().filter(|p| *p <= 18)?;
            1_000_000_000 * 10u128.pow(power)
        }
        _ => return None,
    };
    let (whole, fraction) = number.trim_start_matches('+').split_once('.').unwrap_or((number, ""));
    let whole: u128 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    let mut total = whole.checked_mul(scale)?;
    if !fraction.is_empty() {
        let digits: String = fraction.chars().take(9).collect();
        let part: u128 = digits.parse().ok()?;
        total = total.checked_add(part.checked_mul(scale)? / 10u128.pow(u32::try_from(digits.len()).ok()?))?;
    }
    Some(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities() {
        for (resource, text, want) in [
            ("cpu", "100m", 100),
            ("cpu", "1", 1000),
            ("cpu", "0.5", 500),
            ("cpu", "1.5", 1500),
            ("memory", "128Mi", 128 << 20),
            ("memory", "1e3", 1000),
            ("memory", "1.5Gi", 3 << 29),
            ("memory", "100k", 100_000),
        ] {
            assert_eq!(quantity(resource, &Value::from(text)), Some(want), "{text}");
        }
        assert_eq!(quantity("cpu", &Value::from(2)), Some(2000));
        assert_eq!(quantity("cpu", &Value::from("x")), None);
    }

    #[test]
    fn nulls_are_absent_and_probe_defaults_hold() {
        let pod = Pod::read(
            br#"{"spec":{"containers":[{"name":"c","command":null,"ports":[{"name":"web","containerPort":80}],
            "readinessProbe":{"httpGet":{"port":"web"}}}],"initContainers":[{"name":"s","restartPolicy":"Always"}]}}"#,
        )
        .expect("readable");
        let roles: Vec<_> = pod.containers().map(|(role, c)| (role, c.name.as_str())).collect();
        assert_eq!(roles, [(Role::Sidecar, "s"), (Role::Main, "c")]);
        let container = &pod.spec.containers[0];
        let probe = container.readiness_probe.as_ref().expect("probe");
        assert_eq!((probe.period_seconds, probe.failure_threshold), (10, 3));
        assert_eq!(container.port(&probe.action.http_get.as_ref().expect("http").port), Some(80));
    }
}
