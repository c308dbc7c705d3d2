//! What a ServiceAccount token says, and whom that makes its bearer.
//!
//! Fed by the issuing and the verifying side alike. Must not know of signatures.

use crate::user::{SERVICE_ACCOUNT_PREFIX, User, service_account_groups, split_service_account};
use serde_json::{Map, Value, json};

/// The claims of a ServiceAccount token.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Claims {
    /// Who issued it.
    pub issuer: String,
    /// Whom it may be shown to.
    pub audiences: Vec<String>,
    /// The ServiceAccount's namespace.
    pub namespace: String,
    /// The ServiceAccount's name.
    pub name: String,
    /// The ServiceAccount's uid.
    pub uid: String,
    /// When it ends, in seconds since 1970.
    pub expires_s: i64,
    /// When it was issued.
    pub issued_s: i64,
    /// When it begins.
    pub not_before_s: i64,
    /// The token's own id.
    pub jti: String,
    /// Name and uid of the pod it is bound to.
    pub pod: Option<(String, String)>,
    /// Name and uid of the node it is bound to, or its pod runs on.
    pub node: Option<(String, String)>,
    /// Name and uid of the secret it is bound to.
    pub secret: Option<(String, String)>,
    /// From when on its use is worth a warning, being past the lifetime asked for.
    pub warn_after_s: Option<i64>,
}

impl Claims {
    /// The user the bearer is, `system:authenticated` included.
    #[must_use]
    pub fn user(&self) -> User {
        let mut extra = Vec::new();
        let mut add = |key: &str, value: String| {
            extra.push((format!("authentication.kubernetes.io/{key}"), vec![value]));
        };
        if !self.jti.is_empty() {
            add("credential-id", format!("JTI={}", self.jti));
        }
        for (kind, bound) in [("node", &self.node), ("pod", &self.pod)] {
            let Some((name, uid)) = bound else { continue };
            add(&format!("{kind}-name"), name.clone());
            if !uid.is_empty() {
                add(&format!("{kind}-uid"), uid.clone());
            }
        }
        User { name: self.subject(), uid: self.uid.clone(), groups: service_account_groups(&self.namespace), extra }
            .with_authenticated_group()
    }

    /// The `sub` claim.
    #[must_use]
    pub fn subject(&self) -> String {
        format!("{SERVICE_ACCOUNT_PREFIX}{}:{}", self.namespace, self.name)
    }

    /// The claims as a JWT's payload, in upstream's order of keys.
    pub(super) fn to_json(&self) -> Value {
        let mut bound = Map::new();
        bound.insert("namespace".into(), json!(self.namespace));
        let mut refer = |kind: &str, target: Option<&(String, String)>| {
            if let Some((name, uid)) = target {
                bound.insert(kind.into(), json!({"name": name, "uid": uid}));
            }
        };
        refer("node", self.node.as_ref());
        refer("pod", self.pod.as_ref());
        refer("secret", self.secret.as_ref());
        refer("serviceaccount", Some(&(self.name.clone(), self.uid.clone())));
        if let Some(at) = self.warn_after_s {
            bound.insert("warnafter".into(), json!(at));
        }
        json!({
            "aud": self.audiences, "exp": self.expires_s, "iat": self.issued_s, "iss": self.issuer, "jti": self.jti,
            "kubernetes.io": bound, "nbf": self.not_before_s, "sub": self.subject(),
        })
    }

    /// None where what makes a ServiceAccount token is missing or contradicts itself.
    pub(super) fn from_json(payload: &Value) -> Option<Claims> {
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let bound = payload.get("kubernetes.io")?;
        let target = |kind: &str| {
            let target = bound.get(kind)?;
            Some((text(&target["name"])?, text(&target["uid"]).unwrap_or_default()))
        };
        let (name, uid) = target("serviceaccount")?;
        let namespace = text(&bound["namespace"])?;
        if split_service_account(payload["sub"].as_str()?)? != (namespace.as_str(), name.as_str()) {
            return None;
        }
        let audiences = match &payload["aud"] {
            Value::String(one) => vec![one.clone()],
            Value::Array(several) => several.iter().filter_map(text).collect(),
            _ => Vec::new(),
        };
        Some(Claims {
            issuer: text(&payload["iss"])?,
            audiences,
            namespace,
            name,
            uid,
            expires_s: payload["exp"].as_i64()?,
            issued_s: payload["iat"].as_i64().unwrap_or_default(),
            not_before_s: payload["nbf"].as_i64().unwrap_or_default(),
            jti: text(&payload["jti"]).unwrap_or_default(),
            pod: target("pod"),
            node: target("node"),
            secret: target("secret"),
            warn_after_s: bound["warnafter"].as_i64(),
        })
    }
}
