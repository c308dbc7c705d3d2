//! CertificateSigningRequest.
//!
//! Fed through the strategy table. Who asks (`spec.username` …) is written by the caller before validation; what is inside
//! the request is not parsed here beyond its PEM frame.

use super::at::{At, Faults, same};
use super::fill::made;
use super::lifecycle::{drop_status, fresh_status, hold_status};
use super::rule;
use crate::field::FieldError;
use crate::strategy::Strategy;
use crate::workload::syntax;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

pub(super) const REQUEST: Strategy = Strategy {
    default: |object| {
        made(object, "spec");
        made(object, "status");
    },
    validate,
    validate_update: |new, old| {
        let mut out = Faults::new();
        let (now, before) = (At::root(new), At::root(old));
        if !same(now.get("spec").raw(), before.get("spec").raw()) {
            // Not reached through the main resource, where the old spec is put back.
            rule::immutable(&mut out, &now.get("spec"), &before.get("spec"));
        }
        out
    },
    prepare_create: |object| {
        drop_status(object);
        fresh_status(object, json!({}));
    },
    prepare_update: |new, old| {
        hold_status(new, old);
        // A request cannot be changed once made: upstream silently keeps it.
        if let (Some(map), Some(spec)) = (new.as_object_mut(), old.get("spec")) {
            map.insert("spec".into(), spec.clone());
        }
    },
};

const USAGES: &[&str] = &[
    "any",
    "cert sign",
    "client auth",
    "code signing",
    "content commitment",
    "crl sign",
    "data encipherment",
    "decipher only",
    "digital signature",
    "email protection",
    "encipher only",
    "ipsec end system",
    "ipsec tunnel",
    "ipsec user",
    "key agreement",
    "key encipherment",
    "microsoft sgc",
    "netscape sgc",
    "ocsp signing",
    "s/mime",
    "server auth",
    "signing",
    "timestamping",
];
const SECONDS_MIN: i64 = 600;

fn validate(object: &Value) -> Vec<FieldError> {
    let mut out = Faults::new();
    let spec = At::root(object).get("spec");
    let request = spec.get("request");
    let text = STANDARD.decode(request.text()).ok().and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or_default();
    if !text.contains("-----BEGIN CERTIFICATE REQUEST-----") {
        out.push(request.invalid_text("PEM block type must be CERTIFICATE REQUEST"));
    }
    let usages = spec.get("usages");
    if usages.is_empty() {
        out.push(usages.required(""));
    }
    let mut seen = Vec::new();
    for usage in usages.items() {
        rule::optional_choice(&mut out, &usage, USAGES);
        if seen.contains(&usage.text()) {
            out.push(usage.duplicate());
        }
        seen.push(usage.text());
    }
    let signer = spec.get("signerName");
    if signer.text() == "kubernetes.io/legacy-unknown" {
        out.push(signer.invalid("the legacy signerName is not allowed via this API version"));
    } else {
        signer_name(&mut out, &signer);
    }
    let seconds = spec.get("expirationSeconds");
    if seconds.int().is_some_and(|n| n < SECONDS_MIN) {
        out.push(seconds.invalid("may not specify a duration less than 600 seconds (10 minutes)"));
    }
    out
}

/// `domain/path`, the path's steps being subdomains.
pub(super) fn signer_name(out: &mut Faults, at: &At) {
    if !rule::present(out, at) {
        return;
    }
    let steps: Vec<&str> = at.text().split('/').collect();
    let [domain, path] = steps.as_slice() else {
        out.push(at.invalid("must be a fully qualified domain and path of the form 'example.com/signer-name'"));
        return;
    };
    if path.is_empty() {
        out.push(at.invalid("must be a fully qualified domain and path of the form 'example.com/signer-name'"));
        return;
    }
    let faults = syntax::dns1123_subdomain_faults(domain);
    if faults.is_empty() && domain.split('.').count() < 2 {
        out.push(at.invalid("should be a domain with at least two segments separated by dots"));
    }
    rule::each(out, at, faults);
    for label in path.split('.') {
        rule::each(out, at, syntax::dns1123_label_faults(label));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_framed_and_named() {
        let request = STANDARD.encode("-----BEGIN CERTIFICATE REQUEST-----\nAA==\n-----END CERTIFICATE REQUEST-----\n");
        let csr = |signer: &str| json!({"spec": {"request": request, "usages": ["client auth"], "signerName": signer}});
        assert_eq!(validate(&csr("kubernetes.io/kube-apiserver-client")), []);
        assert_eq!(validate(&csr("odd"))[0].field, "spec.signerName");
        assert_eq!(validate(&json!({"spec": {}})).len(), 3);
    }
}
