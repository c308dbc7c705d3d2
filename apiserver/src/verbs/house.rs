//! What a request handler can reach: the store, the kinds, the keys, the agents. Made once by `run.rs`.

use super::reply::Shown;
use crate::agents::Agents;
use crate::registry::{Kind, Registry};
use crate::store::Store;
use parking_lot::RwLock;
use skiff_access::{RoleBook, StaticTokens, TokenKeys};
use std::sync::Arc;

/// The house.
pub struct House {
    /// The one writer and its tables.
    pub store: Arc<Store>,
    /// Kinds.
    pub registry: Arc<Registry>,
    /// Sessions with nodes and gateways.
    pub agents: Arc<Agents>,
    /// Roles and bindings, kept beside their documents.
    pub roles: Arc<RwLock<RoleBook>>,
    /// Policies of admission, kept beside their documents.
    pub policies: crate::admit::policies::PolicyBook,
    /// Bearer tokens from files.
    pub tokens: StaticTokens,
    /// Signs ServiceAccount tokens.
    pub keys: TokenKeys,
    /// Certificate of the authority, PEM.
    pub ca_pem: String,
    /// Where clients reach the server.
    pub address: std::net::SocketAddr,
    /// Domain of routes without one of their own.
    pub domain: String,
    /// Metrics.
    pub metrics: crate::observe::Metrics,
    /// Namespaces that may lack what each is given.
    pub given: super::namespace::given::Given,
    /// Published schemas, made when first asked for.
    pub documents: crate::observe::openapi::Documents,
}

impl House {
    /// One object as it is now.
    #[must_use]
    pub fn find(&self, kind: &Kind, key: &str) -> Option<Shown> {
        let core = self.store.read();
        let item = core.item(kind.id, key)?;
        let body = core.show(kind, &item.key, &item.view);
        Some(Shown { version: item.version, body })
    }
}
