//! Services, endpoints, ingresses and the rest of the network.

use super::column::{AGE, Column, NAME, text, wide};
use super::read::{age, cell, cell_or, int, joined, list, name, present, some_of, text as read};
use super::selector::{labels, shown};
use super::{Printer, read as values};
use serde_json::Value;
use skiff_schema::Tree;
use std::collections::BTreeSet;

/// Upstream names three endpoints, ports or hosts and counts the rest.
const SHOWN: usize = 3;

static SERVICE: [Column; 7] = [
    NAME,
    text(
        "Type",
        "type determines how the Service is exposed. Defaults to ClusterIP. Valid options are ExternalName, ClusterIP, NodePort, and LoadBalancer. \"ClusterIP\" allocates a cluster-internal IP address for load-balancing to endpoints. Endpoints are determined by the selector or if that is not specified, by manual construction of an Endpoints object or EndpointSlice objects. If clusterIP is \"None\", no virtual IP is allocated and the endpoints are published as a set of endpoints rather than a virtual IP. \"NodePort\" builds on ClusterIP and allocates a port on every node which routes to the same endpoints as the clusterIP. \"LoadBalancer\" builds on NodePort and creates an external load-balancer (if supported in the current cloud) which routes to the same endpoints as the clusterIP. \"ExternalName\" aliases this service to the specified externalName. Several other fields do not apply to ExternalName services. More info: https://kubernetes.io/docs/concepts/services-networking/service/#publishing-services-service-types",
    ),
    text(
        "Cluster-IP",
        "clusterIP is the IP address of the service and is usually assigned randomly. If an address is specified manually, is in-range (as per system configuration), and is not in use, it will be allocated to the service; otherwise creation of the service will fail. This field may not be changed through updates unless the type field is also being changed to ExternalName (which requires this field to be blank) or the type field is being changed from ExternalName (in which case this field may optionally be specified, as describe above).  Valid values are \"None\", empty string (\"\"), or a valid IP address. Setting this to \"None\" makes a \"headless service\" (no virtual IP), which is useful when direct endpoint connections are preferred and proxying is not required.  Only applies to types ClusterIP, NodePort, and LoadBalancer. If this field is specified when creating a Service of type ExternalName, creation will fail. This field will be wiped when updating a Service to type ExternalName. More info: https://kubernetes.io/docs/concepts/services-networking/service/#virtual-ips-and-service-proxies",
    ),
    text(
        "External-IP",
        "externalIPs is a list of IP addresses for which nodes in the cluster will also accept traffic for this service.  These IPs are not managed by Kubernetes.  The user is responsible for ensuring that traffic arrives at a node with this IP.  A common example is external load-balancers that are not part of the Kubernetes system.",
    ),
    text(
        "Port(s)",
        "The list of ports that are exposed by this service. More info: https://kubernetes.io/docs/concepts/services-networking/service/#virtual-ips-and-service-proxies",
    ),
    AGE,
    wide(
        "Selector",
        "Route service traffic to pods with label keys and values matching this selector. If empty or not present, the service is assumed to have an external process managing its endpoints, which Kubernetes will not modify. Only applies to types ClusterIP, NodePort, and LoadBalancer. Ignored if type is ExternalName. More info: https://kubernetes.io/docs/concepts/services-networking/service/",
    ),
];

static ENDPOINTS: [Column; 3] = [
    NAME,
    text(
        "Endpoints",
        "The set of all endpoints is the union of all subsets. Addresses are placed into subsets according to the IPs they share. A single address with multiple ports, some of which are ready and some of which are not (because they come from different containers) will result in the address being displayed in different subsets for the different ports. No address will appear in both Addresses and NotReadyAddresses in the same subset. Sets of addresses and ports that comprise a service.",
    ),
    AGE,
];

static ENDPOINT_SLICE: [Column; 5] = [
    NAME,
    text(
        "AddressType",
        "addressType specifies the type of address carried by this EndpointSlice. All addresses in this slice must be the same type. This field is immutable after creation. The following address types are currently supported: * IPv4: Represents an IPv4 Address. * IPv6: Represents an IPv6 Address. * FQDN: Represents a Fully Qualified Domain Name. (Deprecated) The EndpointSlice controller only generates, and kube-proxy only processes, slices of addressType \"IPv4\" and \"IPv6\". No semantics are defined for the \"FQDN\" type.",
    ),
    text(
        "Ports",
        "ports specifies the list of network ports exposed by each endpoint in this slice. Each port must have a unique name. Each slice may include a maximum of 100 ports. Services always have at least 1 port, so EndpointSlices generated by the EndpointSlice controller will likewise always have at least 1 port. EndpointSlices used for other purposes may have an empty ports list.",
    ),
    text(
        "Endpoints",
        "endpoints is a list of unique endpoints in this slice. Each slice may include a maximum of 1000 endpoints.",
    ),
    AGE,
];

static INGRESS: [Column; 6] = [
    NAME,
    text("Class", "The name of the IngressClass resource that should be used for additional configuration"),
    text("Hosts", "Hosts that incoming requests are matched against before the ingress rule"),
    text("Address", "Address is a list containing ingress points for the load-balancer"),
    text("Ports", "Ports of TLS configurations that open"),
    AGE,
];

static INGRESS_CLASS: [Column; 4] = [
    NAME,
    text("Controller", "Controller that is responsible for handling this class"),
    text("Parameters", "A reference to a resource with additional parameters"),
    AGE,
];

static NETWORK_POLICY: [Column; 3] = [
    NAME,
    text(
        "Pod-Selector",
        "podSelector selects the pods to which this NetworkPolicy object applies. The array of rules is applied to any pods selected by this field. An empty selector matches all pods in the policy's namespace. Multiple network policies can select the same set of pods. In this case, the ingress rules for each are combined additively. This field is optional. If it is not specified, it defaults to an empty selector.",
    ),
    AGE,
];

static SERVICE_CIDR: [Column; 3] = [
    NAME,
    text(
        "CIDRs",
        "CIDRs defines the IP blocks in CIDR notation (e.g. \"192.168.0.0/24\" or \"2001:db8::/64\") from which to assign service cluster IPs. Max of two CIDRs is allowed, one of each IP family. This field is immutable.",
    ),
    AGE,
];

static IP_ADDRESS: [Column; 2] = [
    NAME,
    text(
        "ParentRef",
        "ParentRef references the resource that an IPAddress is attached to. An IPAddress must reference a parent object.",
    ),
];

pub(super) fn core_printer(kind: &str) -> Option<Printer> {
    match kind {
        "Service" => Some((&SERVICE, service)),
        "Endpoints" => Some((&ENDPOINTS, endpoints)),
        _ => None,
    }
}

pub(super) fn printer(kind: &str) -> Option<Printer> {
    match kind {
        "EndpointSlice" => Some((&ENDPOINT_SLICE, endpoint_slice)),
        "Ingress" => Some((&INGRESS, ingress)),
        "IngressClass" => Some((&INGRESS_CLASS, ingress_class)),
        "NetworkPolicy" => Some((&NETWORK_POLICY, network_policy)),
        "ServiceCIDR" => Some((&SERVICE_CIDR, service_cidr)),
        "IPAddress" => Some((&IP_ADDRESS, ip_address)),
        _ => None,
    }
}

fn service(object: &Tree, now: i64) -> Vec<Value> {
    let ports: Vec<String> = list(object, "/spec/ports").iter().map(service_port).collect();
    let ports = if ports.is_empty() { "<none>".to_owned() } else { ports.join(",") };
    vec![
        name(object),
        cell(object, "/spec/type"),
        cell_or(object, "/spec/clusterIPs/0", "<none>"),
        external_ip(object).into(),
        ports.into(),
        age(object, now),
        labels(object.pointer("/spec/selector")).into(),
    ]
}

fn service_port(port: &Tree) -> String {
    let (number, protocol) = (int(port, "/port"), read(port, "/protocol"));
    match int(port, "/nodePort") {
        node_port if node_port > 0 => format!("{number}:{node_port}/{protocol}"),
        _ => format!("{number}/{protocol}"),
    }
}

fn external_ip(object: &Tree) -> String {
    let external = joined(list(object, "/spec/externalIPs"), "", ",");
    match read(object, "/spec/type") {
        "ClusterIP" | "NodePort" if external.is_empty() => "<none>".to_owned(),
        "ClusterIP" | "NodePort" => external,
        "LoadBalancer" => match (balancer(object), external) {
            (balancer, external) if balancer.is_empty() && external.is_empty() => "<pending>".to_owned(),
            (balancer, external) if external.is_empty() => balancer,
            (balancer, external) if balancer.is_empty() => external,
            (balancer, external) => format!("{balancer},{external}"),
        },
        "ExternalName" => read(object, "/spec/externalName").to_owned(),
        _ => "<unknown>".to_owned(),
    }
}

/// Addresses or host names of a load balancer, sorted, each once.
fn balancer(object: &Tree) -> String {
    let points = list(object, "/status/loadBalancer/ingress").iter();
    let points: BTreeSet<&str> =
        points.map(|p| values::text_or(p, "/ip", read(p, "/hostname"))).filter(|p| !p.is_empty()).collect();
    points.into_iter().collect::<Vec<_>>().join(",")
}

fn endpoints(object: &Tree, now: i64) -> Vec<Value> {
    vec![name(object), subsets(object).into(), age(object, now)]
}

fn subsets(object: &Tree) -> String {
    let subsets = list(object, "/subsets");
    if subsets.is_empty() {
        return "<none>".to_owned();
    }
    let mut texts = Vec::new();
    for subset in subsets {
        let addresses = list(subset, "/addresses").iter().map(|a| read(a, "/ip"));
        let ports = list(subset, "/ports");
        if ports.is_empty() {
            texts.extend(addresses.map(str::to_owned));
            continue;
        }
        for port in ports {
            let number = int(port, "/port");
            texts.extend(addresses.clone().map(|ip| host_port(ip, number)));
        }
    }
    some_of(&texts, SHOWN)
}

/// `10.0.0.1:80`, with brackets around an IPv6 address.
fn host_port(ip: &str, port: i64) -> String {
    if ip.contains(':') { format!("[{ip}]:{port}") } else { format!("{ip}:{port}") }
}

fn endpoint_slice(object: &Tree, now: i64) -> Vec<Value> {
    let unset = |texts: Vec<String>| {
        let text = some_of(&texts, SHOWN);
        Value::from(if text.is_empty() { "<unset>".to_owned() } else { text })
    };
    let ports = list(object, "/ports").iter().map(|p| match p.get("port").and_then(Tree::as_i64) {
        Some(number) => number.to_string(),
        None => p.get("name").and_then(Tree::as_str).unwrap_or("*").to_owned(),
    });
    let addresses = list(object, "/endpoints").iter().flat_map(|e| list(e, "/addresses")).filter_map(Tree::as_str);
    vec![
        name(object),
        cell(object, "/addressType"),
        unset(ports.collect()),
        unset(addresses.map(str::to_owned).collect()),
        age(object, now),
    ]
}

fn ingress(object: &Tree, now: i64) -> Vec<Value> {
    vec![
        name(object),
        cell_or(object, "/spec/ingressClassName", "<none>"),
        hosts(list(object, "/spec/rules")).into(),
        balancer(object).into(),
        if list(object, "/spec/tls").is_empty() { "80" } else { "80, 443" }.into(),
        age(object, now),
    ]
}

fn hosts(rules: &[Tree]) -> String {
    let hosts: Vec<&str> = rules.iter().map(|r| read(r, "/host")).filter(|h| !h.is_empty()).take(SHOWN).collect();
    if hosts.is_empty() {
        return "*".to_owned();
    }
    // Upstream notices that there are more only when it meets a rule after the third host, and counts rules, not hosts.
    let mut seen = 0;
    let full = rules.iter().any(|r| {
        let more = seen == SHOWN;
        seen += usize::from(!read(r, "/host").is_empty());
        more
    });
    if full { format!("{} + {} more...", hosts.join(","), rules.len() - SHOWN) } else { hosts.join(",") }
}

fn ingress_class(object: &Tree, now: i64) -> Vec<Value> {
    let parameters = if present(object, "/spec/parameters") {
        let kind = read(object, "/spec/parameters/kind");
        let target = read(object, "/spec/parameters/name");
        match object.pointer("/spec/parameters/apiGroup").and_then(Tree::as_str) {
            Some(group) => format!("{kind}.{group}/{target}"),
            None => format!("{kind}/{target}"),
        }
    } else {
        "<none>".to_owned()
    };
    vec![name(object), cell(object, "/spec/controller"), parameters.into(), age(object, now)]
}

fn network_policy(object: &Tree, now: i64) -> Vec<Value> {
    vec![name(object), shown(object.pointer("/spec/podSelector")).into(), age(object, now)]
}

fn service_cidr(object: &Tree, now: i64) -> Vec<Value> {
    vec![name(object), joined(list(object, "/spec/cidrs"), "", ",").into(), age(object, now)]
}

fn ip_address(object: &Tree, _now: i64) -> Vec<Value> {
    let part = |field: &str| read(object, &format!("/spec/parentRef/{field}"));
    let parent = if present(object, "/spec/parentRef") {
        let group = part("group");
        let resource = if group.is_empty() { part("resource").to_owned() } else { format!("{}.{group}", part("resource")) };
        let namespace = if part("namespace").is_empty() { String::new() } else { format!("/{}", part("namespace")) };
        format!("{}{namespace}/{}", resource.to_lowercase(), part("name"))
    } else {
        "<none>".to_owned()
    };
    vec![name(object), parent.into()]
}
