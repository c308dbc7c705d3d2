//! Reads who a client is off the certificate it presented.
//!
//! Fed by the TLS layer, which has already verified the certificate against the authority; nothing is verified here.

use crate::user::User;
use x509_parser::prelude::{FromDer as _, X509Certificate};

/// Kubernetes' attribute for a user's uid.
const UID_OID: &str = "1.3.6.1.4.1.57683.2";

/// The user a verified client certificate names: its CN, in every O as a group and in `system:authenticated`.
/// None where the certificate is unreadable or has no CN.
#[must_use]
pub fn user_of_certificate(der: &[u8]) -> Option<User> {
    let (_, certificate) = X509Certificate::from_der(der).ok()?;
    let subject = certificate.subject();
    let name = subject.iter_common_name().last()?.as_str().ok()?;
    if name.is_empty() {
        return None;
    }
    let groups = subject.iter_organization().filter_map(|o| o.as_str().ok()).map(str::to_owned).collect();
    let uid = subject
        .iter_attributes()
        .find(|attribute| attribute.attr_type().to_id_string() == UID_OID)
        .and_then(|attribute| attribute.as_str().ok())
        .unwrap_or_default();
    Some(User { name: name.into(), uid: uid.into(), groups, extra: Vec::new() }.with_authenticated_group())
}
