//! Who may, and what is filled in or refused before a write: authentication, authorization, limits, the built-in plugins.

pub mod authenticate;
pub mod authorize;
pub mod limits;
pub mod plugins;
pub mod policies;
