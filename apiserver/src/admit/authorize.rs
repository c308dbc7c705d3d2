//! May this user do this? RBAC on the parsed request that will be executed, not on its path.

use crate::decode::Address;
use crate::status::{About, Outcome, Refusal};
use crate::verbs::house::House;
use skiff_access::{Attributes, User};

/// The API verb of a request (api-surface.md 1.1).
#[must_use]
pub fn verb(method: &http::Method, address: &Address, watch: bool) -> &'static str {
    let named = !address.name.is_empty();
    match (method.as_str(), named) {
        ("POST", _) => "create",
        ("GET" | "HEAD", _) if watch => "watch",
        ("GET" | "HEAD", true) => match address.subresource.as_str() {
            // A stream is something that is made, whatever the method (CVE lesson: users.md).
            "exec" | "attach" | "portforward" => "create",
            _ => "get",
        },
        ("GET" | "HEAD", false) => "list",
        ("PUT", _) => "update",
        ("PATCH", _) => "patch",
        ("DELETE", true) => "delete",
        ("DELETE", false) => "deletecollection",
        _ => "",
    }
}

/// Checks a request to the resource tree.
///
/// # Errors
/// 403 with upstream's text.
pub fn resource(house: &House, user: &User, verb: &str, address: &Address, field_name: Option<&str>) -> Outcome<()> {
    let name = if address.name.is_empty() { field_name.unwrap_or_default() } else { &address.name };
    // The Namespace of a path is also the namespace of the request for itself.
    let own = address.resource == "namespaces" && address.group.is_empty() && address.namespace.is_empty();
    let asked = Attributes {
        user,
        verb,
        group: &address.group,
        resource: &address.resource,
        subresource: &address.subresource,
        name,
        namespace: if own { &address.name } else { &address.namespace },
        path: None,
    };
    if house.roles.read().authorize(&asked).allowed {
        return Ok(());
    }
    let about = About::new(&address.group, &address.resource, name);
    Err(Refusal::forbidden(&about, skiff_access::forbidden_text(&asked)))
}

/// Checks a request outside of the resource tree.
///
/// # Errors
/// 403.
pub fn path(house: &House, user: &User, method: &http::Method, path: &str) -> Outcome<()> {
    let verb = method.as_str().to_ascii_lowercase();
    let asked =
        Attributes { user, verb: &verb, group: "", resource: "", subresource: "", name: "", namespace: "", path: Some(path) };
    if house.roles.read().authorize(&asked).allowed {
        return Ok(());
    }
    Err(Refusal::forbidden(&About::default(), skiff_access::forbidden_text(&asked)))
}
