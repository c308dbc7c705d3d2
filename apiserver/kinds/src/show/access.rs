//! Who may do what and what checks it: bindings, signing requests, webhooks, admission policies, API services.

use super::Printer;
use super::column::{AGE, Column, NAME, int, text, wide};
use super::read::{age, cell, cell_or, count, list, name, present, text as read};
use super::selector::selector_text;
use super::time::human_duration;
use serde_json::Value;
use skiff_schema::Tree;

static ROLE_BINDING: [Column; 6] = [
    NAME,
    text(
        "Role",
        "RoleRef can reference a Role in the current namespace or a ClusterRole in the global namespace. If the RoleRef cannot be resolved, the Authorizer must return an error. This field is immutable.",
    ),
    AGE,
    wide("Users", "Users in the roleBinding"),
    wide("Groups", "Groups in the roleBinding"),
    wide("ServiceAccounts", "ServiceAccounts in the roleBinding"),
];

static CLUSTER_ROLE_BINDING: [Column; 6] = [
    NAME,
    text(
        "Role",
        "RoleRef can only reference a ClusterRole in the global namespace. If the RoleRef cannot be resolved, the Authorizer must return an error. This field is immutable.",
    ),
    AGE,
    wide("Users", "Users in the clusterRoleBinding"),
    wide("Groups", "Groups in the clusterRoleBinding"),
    wide("ServiceAccounts", "ServiceAccounts in the clusterRoleBinding"),
];

static SIGNING_REQUEST: [Column; 6] = [
    NAME,
    AGE,
    text(
        "SignerName",
        "signerName indicates the requested signer, and is a qualified name.\n\nList/watch requests for CertificateSigningRequests can filter on this field using a \"spec.signerName=NAME\" fieldSelector.\n\nWell-known Kubernetes signers are:\n 1. \"kubernetes.io/kube-apiserver-client\": issues client certificates that can be used to authenticate to kube-apiserver.\n  Requests for this signer are never auto-approved by kube-controller-manager, can be issued by the \"csrsigning\" controller in kube-controller-manager.\n 2. \"kubernetes.io/kube-apiserver-client-kubelet\": issues client certificates that kubelets use to authenticate to kube-apiserver.\n  Requests for this signer can be auto-approved by the \"csrapproving\" controller in kube-controller-manager, and can be issued by the \"csrsigning\" controller in kube-controller-manager.\n 3. \"kubernetes.io/kubelet-serving\" issues serving certificates that kubelets use to serve TLS endpoints, which kube-apiserver can connect to securely.\n  Requests for this signer are never auto-approved by kube-controller-manager, and can be issued by the \"csrsigning\" controller in kube-controller-manager.\n\nMore details are available at https://k8s.io/docs/reference/access-authn-authz/certificate-signing-requests/#kubernetes-signers\n\nCustom signerNames can also be specified. The signer defines:\n 1. Trust distribution: how trust (CA bundles) are distributed.\n 2. Permitted subjects: and behavior when a disallowed subject is requested.\n 3. Required, permitted, or forbidden x509 extensions in the request (including whether subjectAltNames are allowed, which types, restrictions on allowed values) and behavior when a disallowed extension is requested.\n 4. Required, permitted, or forbidden key usages / extended key usages.\n 5. Expiration/certificate lifetime: whether it is fixed by the signer, configurable by the admin.\n 6. Whether or not requests for CA certificates are allowed.",
    ),
    text(
        "Requestor",
        "request contains an x509 certificate signing request encoded in a \"CERTIFICATE REQUEST\" PEM block. When serialized as JSON or YAML, the data is additionally base64-encoded.",
    ),
    text(
        "RequestedDuration",
        "expirationSeconds is the requested duration of validity of the issued certificate. The certificate signer may issue a certificate with a different validity duration so a client must check the delta between the notBefore and and notAfter fields in the issued certificate to determine the actual duration.\n\nThe v1.22+ in-tree implementations of the well-known Kubernetes signers will honor this field as long as the requested duration is not greater than the maximum duration they will honor per the --cluster-signing-duration CLI flag to the Kubernetes controller manager.\n\nCertificate signers may not honor this field for various reasons:\n\n  1. Old signer that is unaware of the field (such as the in-tree\n     implementations prior to v1.22)\n  2. Signer whose configured maximum is shorter than the requested duration\n  3. Signer whose configured minimum is longer than the requested duration\n\nThe minimum valid value for expirationSeconds is 600, i.e. 10 minutes.",
    ),
    text("Condition", "conditions applied to the request. Known conditions are \"Approved\", \"Denied\", and \"Failed\"."),
];

static WEBHOOKS: [Column; 3] =
    [NAME, int("Webhooks", "Webhooks indicates the number of webhooks registered in this configuration"), AGE];

static POLICY: [Column; 4] = [
    NAME,
    int("Validations", "Validations indicates the number of validation rules defined in this configuration"),
    text("ParamKind", "ParamKind specifies the kind of resources used to parameterize this policy"),
    AGE,
];

static POLICY_BINDING: [Column; 4] = [
    NAME,
    text("PolicyName", "PolicyName indicates the policy definition which the policy binding binded to"),
    text("ParamRef", "ParamRef indicates the param resource which sets the configration param"),
    AGE,
];

static MUTATING_POLICY: [Column; 4] = [
    NAME,
    int("Mutations", "Mutation indicates the number of mutations rules defined in this configuration"),
    text("ParamKind", "ParamKind specifies the kind of resources used to parameterize this policy"),
    AGE,
];

static MUTATING_POLICY_BINDING: [Column; 4] = [
    NAME,
    text("PolicyName", "PolicyName indicates the policy definition which the policy binding binded to"),
    text("ParamRef", "ParamRef indicates the param resource which sets the configuration param"),
    AGE,
];

static API_SERVICE: [Column; 4] = [
    NAME,
    text("Service", "The reference to the service that hosts this API endpoint."),
    text("Available", "Whether this service is available."),
    AGE,
];

pub(super) fn printer(group: &str, kind: &str) -> Option<Printer> {
    match (group, kind) {
        ("rbac.authorization.k8s.io", "RoleBinding") => Some((&ROLE_BINDING, binding)),
        ("rbac.authorization.k8s.io", "ClusterRoleBinding") => Some((&CLUSTER_ROLE_BINDING, binding)),
        ("certificates.k8s.io", "CertificateSigningRequest") => Some((&SIGNING_REQUEST, signing_request)),
        ("admissionregistration.k8s.io", "MutatingWebhookConfiguration" | "ValidatingWebhookConfiguration") => {
            Some((&WEBHOOKS, webhooks))
        }
        ("admissionregistration.k8s.io", "MutatingAdmissionPolicy") => Some((&MUTATING_POLICY, mutating_policy)),
        ("admissionregistration.k8s.io", "MutatingAdmissionPolicyBinding") => Some((&MUTATING_POLICY_BINDING, policy_binding)),
        ("admissionregistration.k8s.io", "ValidatingAdmissionPolicy") => Some((&POLICY, policy)),
        ("admissionregistration.k8s.io", "ValidatingAdmissionPolicyBinding") => Some((&POLICY_BINDING, policy_binding)),
        ("apiregistration.k8s.io", "APIService") => Some((&API_SERVICE, api_service)),
        _ => None,
    }
}

fn binding(object: &Tree, now: i64) -> Vec<Value> {
    let subjects = |kind: &str| {
        let chosen = list(object, "/subjects").iter().filter(|s| read(s, "/kind") == kind);
        let names = chosen.map(|s| match kind {
            "ServiceAccount" => format!("{}/{}", read(s, "/namespace"), read(s, "/name")),
            _ => read(s, "/name").to_owned(),
        });
        Value::from(names.collect::<Vec<_>>().join(", "))
    };
    let role = format!("{}/{}", read(object, "/roleRef/kind"), read(object, "/roleRef/name"));
    vec![name(object), role.into(), age(object, now), subjects("User"), subjects("Group"), subjects("ServiceAccount")]
}

fn signing_request(object: &Tree, now: i64) -> Vec<Value> {
    let duration = match object.pointer("/spec/expirationSeconds").and_then(Tree::as_i64) {
        Some(seconds) => human_duration(seconds),
        None => "<none>".to_owned(),
    };
    vec![
        name(object),
        age(object, now),
        cell_or(object, "/spec/signerName", "<none>"),
        cell(object, "/spec/username"),
        duration.into(),
        signing_state(object).into(),
    ]
}

/// Denied before approved before pending; then whether it failed and whether a certificate is there.
fn signing_state(object: &Tree) -> String {
    let has = |kind: &str| list(object, "/status/conditions").iter().any(|c| read(c, "/type") == kind);
    let mut state = if has("Denied") {
        "Denied"
    } else if has("Approved") {
        "Approved"
    } else {
        "Pending"
    }
    .to_owned();
    if has("Failed") {
        state.push_str(",Failed");
    }
    if !read(object, "/status/certificate").is_empty() {
        state.push_str(",Issued");
    }
    state
}

fn webhooks(object: &Tree, now: i64) -> Vec<Value> {
    vec![name(object), count(object, "/webhooks").into(), age(object, now)]
}

fn policy(object: &Tree, now: i64) -> Vec<Value> {
    policy_row(object, "/spec/validations", now)
}

fn mutating_policy(object: &Tree, now: i64) -> Vec<Value> {
    policy_row(object, "/spec/mutations", now)
}

fn policy_row(object: &Tree, rules: &str, now: i64) -> Vec<Value> {
    let parameters = if present(object, "/spec/paramKind") {
        format!("{}/{}", read(object, "/spec/paramKind/apiVersion"), read(object, "/spec/paramKind/kind"))
    } else {
        "<unset>".to_owned()
    };
    vec![name(object), count(object, rules).into(), parameters.into(), age(object, now)]
}

fn policy_binding(object: &Tree, now: i64) -> Vec<Value> {
    let target = read(object, "/spec/paramRef/name");
    let parameter = match (target, read(object, "/spec/paramRef/namespace")) {
        ("", _) if present(object, "/spec/paramRef/selector") => {
            selector_text(object.pointer("/spec/paramRef/selector")).unwrap_or_default()
        }
        ("", _) => "<unset>".to_owned(),
        (target, "") => format!("*/{target}"),
        (target, namespace) => format!("{namespace}/{target}"),
    };
    vec![name(object), cell(object, "/spec/policyName"), parameter.into(), age(object, now)]
}

fn api_service(object: &Tree, now: i64) -> Vec<Value> {
    let service = if present(object, "/spec/service") {
        format!("{}/{}", read(object, "/spec/service/namespace"), read(object, "/spec/service/name"))
    } else {
        "Local".to_owned()
    };
    let available = list(object, "/status/conditions").iter().find(|c| read(c, "/type") == "Available");
    let available = match available.map(|c| (read(c, "/status"), read(c, "/reason"))) {
        None => "Unknown".to_owned(),
        Some(("True", _)) => "True".to_owned(),
        Some((status, reason)) => format!("{status} ({reason})"),
    };
    vec![name(object), service.into(), available.into(), age(object, now)]
}
