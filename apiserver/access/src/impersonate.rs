//! stub
/// c
pub struct Check;
/// i
pub struct Impersonation;
