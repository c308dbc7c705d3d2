//! Who is asking, and may they: identities, certificates, tokens, RBAC and impersonation.
//!
//! The API server feeds it headers, certificates and the RBAC objects it stores; it answers with users, decisions and the
//! texts of refusals. It knows nothing of HTTP statuses, storage or sockets.

pub mod bootstrap;
pub mod ca;
pub mod certificate;
pub mod impersonate;
pub mod rbac;
pub mod static_token;
pub mod token;
pub mod user;

pub use ca::{Ca, CaError, Pair};
pub use certificate::user_of_certificate;
pub use impersonate::{Check, Impersonation};
pub use rbac::{Attributes, Decision, RoleBook, RoleKind, forbidden_message, forbidden_text};
pub use static_token::StaticTokens;
pub use token::{Claims, TokenError, TokenKeys};
pub use user::User;
