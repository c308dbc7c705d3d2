//! What this machine is: for the node's status. Read once, from `/proc` and `/etc`.

use crate::settings::Settings;
use skiff_engine::wire::NodeFacts;

fn text(path: &str) -> String {
    std::fs::read_to_string(path).unwrap_or_default().trim().to_owned()
}

/// The facts, without images.
pub fn of_this_machine(settings: &Settings, containerd: &str) -> NodeFacts {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let cores = u32::try_from(cores).unwrap_or(1);
    let meminfo = text("/proc/meminfo");
    let total_kib =
        meminfo.lines().find_map(|l| l.strip_prefix("MemTotal:")).and_then(|l| l.split_whitespace().next()?.parse::<u64>().ok());
    let release = text("/etc/os-release");
    let pretty = release.lines().find_map(|l| l.strip_prefix("PRETTY_NAME=")).unwrap_or("Linux").trim_matches('"').to_owned();
    let info = [
        ("kernelVersion", text("/proc/sys/kernel/osrelease")),
        ("osImage", pretty),
        ("containerRuntimeVersion", format!("containerd://{}", containerd.trim_start_matches('v'))),
        ("machineID", text("/etc/machine-id")),
        ("systemUUID", text("/etc/machine-id")),
        ("bootID", text("/proc/sys/kernel/random/boot_id")),
        ("architecture", crate::image::architecture().to_owned()),
        ("operatingSystem", "linux".to_owned()),
        ("kubeletVersion", "v1.36.3".to_owned()),
        ("kubeProxyVersion", String::new()),
    ];
    NodeFacts {
        name: settings.node_name.clone(),
        address: u32::from(settings.node_address),
        cpu_milli: settings.cpu_milli.unwrap_or(cores * 1000),
        memory_mib: settings.memory_mib.unwrap_or_else(|| u32::try_from(total_kib.unwrap_or(0) / 1024).unwrap_or(u32::MAX)),
        pods_max: settings.pods_max,
        info: info.into_iter().map(|(k, v)| (k.to_owned(), v)).collect(),
        images: Vec::new(),
        serve_at: None,
    }
}
