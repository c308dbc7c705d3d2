//! The built-in admission plugins whose effects clients see: LimitRanger, ServiceAccount, Priority, default tolerations,
//! addresses of Services, immutable namespaces, and who asks for a certificate.

use crate::project::name;
use crate::registry::ids;
use crate::status::{Outcome, Refusal};
use crate::store::body::unpack;
use crate::verbs::ask::Ask;
use crate::verbs::house::House;
use serde_json::Value;
use skiff_kinds::{object, workload};

/// Runs the plugins over a new or changed object.
///
/// # Errors
/// 403 with the plugin's text, 422 for a taken address.
pub fn run(house: &House, ask: &Ask, new: &mut Value, old: Option<&Value>, _dry: bool) -> Outcome<()> {
    match ask.kind.id {
        ids::PODS => match old {
            None => pod(house, ask, new),
            Some(old) => {
                workload::admit_changed_pod(new, old);
                Ok(())
            }
        },
        ids::SERVICES => service(house, new, old),
        ids::NAMESPACES if old.is_none() => {
            let label = new.pointer("/metadata/name").cloned().unwrap_or_default();
            if !new["metadata"]["labels"].is_object() {
                new["metadata"]["labels"] = serde_json::json!({});
            }
            new["metadata"]["labels"]["kubernetes.io/metadata.name"] = label;
            Ok(())
        }
        _ if old.is_none() && (ask.kind.group(), ask.kind.kind()) == ("certificates.k8s.io", "CertificateSigningRequest") => {
            requester(ask, new);
            Ok(())
        }
        _ => Ok(()),
    }
}

/// Who asks for a certificate: never what the body says.
fn requester(ask: &Ask, new: &mut Value) {
    let Some(spec) = new.get_mut("spec").and_then(Value::as_object_mut) else { return };
    let user = &ask.user;
    for field in ["username", "uid", "groups", "extra"] {
        spec.shift_remove(field);
    }
    spec.insert("username".into(), user.name.clone().into());
    if !user.uid.is_empty() {
        spec.insert("uid".into(), user.uid.clone().into());
    }
    if !user.groups.is_empty() {
        spec.insert("groups".into(), user.groups.clone().into());
    }
    if !user.extra.is_empty() {
        let extra: serde_json::Map<String, Value> =
            user.extra.iter().map(|(key, values)| (key.clone(), values.clone().into())).collect();
        spec.insert("extra".into(), extra.into());
    }
}

fn pod(house: &House, ask: &Ask, pod: &mut Value) -> Outcome<()> {
    let namespace = ask.address.namespace.as_str();
    let taken = pod.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default().to_owned();
    let about = ask.kind.about(&taken);
    let core = house.store.read();
    let prefix = format!("{namespace}/");
    let ranges = core.world.documents.table(ids::LIMIT_RANGES);
    for (_, document) in ranges
        .range::<str, _>((std::ops::Bound::Included(prefix.as_str()), std::ops::Bound::Unbounded))
        .take_while(|(k, _)| k.starts_with(&prefix))
    {
        let errors = object::apply_limit_range(&unpack(&document.body), pod);
        if !errors.is_empty() {
            let texts: Vec<&str> = errors.iter().map(|e| e.detail.as_str()).collect();
            let text = if texts.len() == 1 { texts[0].to_owned() } else { format!("[{}]", texts.join(", ")) };
            return Err(Refusal::forbidden(&about, text));
        }
    }
    let account = pod.pointer("/spec/serviceAccountName").and_then(Value::as_str).unwrap_or("default").to_owned();
    let Some(document) = core.world.documents.get(ids::SERVICE_ACCOUNTS, &format!("{namespace}/{account}")) else {
        let text = format!("error looking up service account {namespace}/{account}: serviceaccount {account:?} not found");
        return Err(Refusal::forbidden(&about, text));
    };
    let account = unpack(&document.body);
    let own = pod.pointer("/spec/automountServiceAccountToken").and_then(Value::as_bool);
    let automount = own.or(account.get("automountServiceAccountToken").and_then(Value::as_bool)).unwrap_or(true);
    let priority = match pod.pointer("/spec/priorityClassName").and_then(Value::as_str).filter(|c| !c.is_empty()) {
        None => default_class(&core),
        Some(class) => {
            let Some(found) = core.world.documents.get(ids::PRIORITY_CLASSES, class) else {
                return Err(Refusal::forbidden(&about, format!("no PriorityClass with name {class} was found")));
            };
            Some(class_value(&unpack(&found.body)))
        }
    };
    let suffix = name::letters(rand::random(), 5);
    workload::admit_pod(pod, &suffix, automount, priority.as_ref().map(|(value, policy)| (*value, policy.as_str())));
    let secrets = account.get("imagePullSecrets").cloned().filter(|s| s.as_array().is_some_and(|a| !a.is_empty()));
    if let (Some(secrets), None) = (secrets, pod.pointer("/spec/imagePullSecrets")) {
        pod["spec"]["imagePullSecrets"] = secrets;
    }
    Ok(())
}

fn class_value(class: &Value) -> (i64, String) {
    let policy = class.get("preemptionPolicy").and_then(Value::as_str).unwrap_or("PreemptLowerPriority");
    (class.get("value").and_then(Value::as_i64).unwrap_or(0), policy.to_owned())
}

fn default_class(core: &crate::store::Core) -> Option<(i64, String)> {
    let classes = core.world.documents.table(ids::PRIORITY_CLASSES).values().map(|d| unpack(&d.body));
    classes.filter(|c| c.get("globalDefault").and_then(Value::as_bool) == Some(true)).map(|c| class_value(&c)).max()
}

/// Gives a Service its address and ports, and refuses taken ones.
fn service(house: &House, new: &mut Value, old: Option<&Value>) -> Outcome<()> {
    if let Some(old) = old {
        for field in ["clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy"] {
            // A PUT without them keeps what was allocated.
            let external = new.pointer("/spec/type").and_then(Value::as_str) == Some("ExternalName");
            if !external
                && new["spec"].get(field).is_none_or(|v| v.is_null() || v == "")
                && let Some(value) = old["spec"].get(field)
            {
                new["spec"][field] = value.clone();
            }
        }
        keep_node_ports(new, old);
    }
    object::settle_addresses(new);
    let core = house.store.read();
    let addresses = &core.index.addresses;
    let own = crate::verbs::write::key_of_namespaced(new);
    if object::needs_cluster_ip(new) {
        let network = crate::agents::SERVICE_NETWORK;
        let span = (1u32 << (32 - u32::from(crate::agents::SERVICE_PREFIX))) - 2;
        let start = rand::random::<u32>() % span;
        let free = (0..span).map(|i| network + 1 + (start + i) % span).find(|ip| addresses.holder(*ip).is_none());
        let Some(address) = free else { return Err(Refusal::internal("failed to allocate IP: range is full")) };
        new["spec"]["clusterIP"] = crate::project::pod::ipv4(address).into();
        object::settle_addresses(new);
    } else if let Some(asked) = new.pointer("/spec/clusterIP").and_then(Value::as_str)
        && let Ok(address) = asked.parse::<std::net::Ipv4Addr>()
        && addresses.holder(address.into()).is_some_and(|holder| holder != own)
    {
        let detail = format!("failed to allocate IP {asked}: provided IP is already allocated");
        let error = skiff_kinds::FieldError::invalid("spec.clusterIPs", serde_json::json!([asked]), detail);
        let taken = new.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default();
        return Err(Refusal::invalid("", "Service", taken, &[error]));
    }
    node_ports(new, addresses, &own)
}

fn keep_node_ports(new: &mut Value, old: &Value) {
    let kind = new.pointer("/spec/type").and_then(Value::as_str).unwrap_or_default();
    if !matches!(kind, "NodePort" | "LoadBalancer") {
        return;
    }
    let before = old.pointer("/spec/ports").and_then(Value::as_array).cloned().unwrap_or_default();
    for port in new.pointer_mut("/spec/ports").and_then(Value::as_array_mut).into_iter().flatten() {
        let same = |o: &&Value| o.get("port") == port.get("port") && o.get("protocol") == port.get("protocol");
        if port.get("nodePort").is_none_or(|p| p.as_u64() == Some(0))
            && let Some(kept) = before.iter().find(same).and_then(|o| o.get("nodePort"))
        {
            port["nodePort"] = kept.clone();
        }
    }
}

/// Node ports that clients may have, as upstream's default range.
const NODE_PORTS: std::ops::Range<u16> = 30_000..32_768;

fn node_ports(new: &mut Value, addresses: &crate::store::Addresses, own: &str) -> Outcome<()> {
    let list = new.pointer("/spec/ports").and_then(Value::as_array).cloned().unwrap_or_default();
    for (index, port) in list.iter().enumerate() {
        let Some(asked) = port.get("nodePort").and_then(Value::as_u64).and_then(|n| u16::try_from(n).ok()).filter(|n| *n > 0)
        else {
            continue;
        };
        let refused = |why: &str| {
            let error = skiff_kinds::FieldError::invalid(format!("spec.ports[{index}].nodePort"), asked, why);
            let taken = new.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default();
            Refusal::invalid("", "Service", taken, &[error])
        };
        if !NODE_PORTS.contains(&asked) {
            let last = NODE_PORTS.end - 1;
            let range = format!("The range of valid ports is {}-{last}", NODE_PORTS.start);
            return Err(refused(&format!("provided port is not in the valid range. {range}")));
        }
        if addresses.port_holder(asked).is_some_and(|holder| holder != own) {
            return Err(refused("provided port is already allocated"));
        }
    }
    let mut given = Vec::new();
    for index in object::node_ports_needed(new) {
        let span = NODE_PORTS.end - NODE_PORTS.start;
        let start = rand::random::<u16>() % span;
        let free = (0..span).map(|i| NODE_PORTS.start + (start + i) % span);
        let Some(port) = free.into_iter().find(|p| addresses.port_holder(*p).is_none() && !given.contains(p)) else {
            return Err(Refusal::internal("failed to allocate a nodePort: range is full"));
        };
        given.push(port);
        new["spec"]["ports"][index]["nodePort"] = port.into();
    }
    Ok(())
}
