//! Method, path and query to what is asked: the URL grammar of api-surface.md 1.1. Pure; knows no kind.

use crate::status::{Outcome, Refusal};
use std::borrow::Cow;

/// Where a path leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// Outside of the resource tree.
    Path(String),
    /// A resource or an object of it.
    Resource(Address),
}

/// A place in the resource tree.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Address {
    /// Empty for core.
    pub group: String,
    /// `v1`.
    pub version: String,
    /// Empty: all namespaces, or cluster scope.
    pub namespace: String,
    /// Plural.
    pub resource: String,
    /// Empty: the collection.
    pub name: String,
    /// Empty: the object itself.
    pub subresource: String,
    /// What follows a `proxy` subresource.
    pub rest: String,
    /// The old `/watch/` form.
    pub watch_prefix: bool,
}

impl Target {
    /// Parses a path.
    #[must_use]
    pub fn parse(path: &str) -> Target {
        let parts: Vec<Cow<'_, str>> = path.split('/').filter(|p| !p.is_empty()).map(percent).collect();
        let parts: Vec<&str> = parts.iter().map(AsRef::as_ref).collect();
        let (group, version, rest) = match parts.as_slice() {
            ["api", version, rest @ ..] if !rest.is_empty() => ("", *version, rest),
            ["apis", group, version, rest @ ..] if !rest.is_empty() => (*group, *version, rest),
            _ => return Target::Path(path.to_owned()),
        };
        let (watch_prefix, rest) = match rest {
            ["watch", rest @ ..] if !rest.is_empty() => (true, rest),
            _ => (false, rest),
        };
        let mut address = Address { group: group.into(), version: version.into(), watch_prefix, ..Address::default() };
        let rest = match rest {
            // `/namespaces/NAME/status` and `/finalize` belong to the Namespace itself.
            ["namespaces", _, "status" | "finalize"] | ["namespaces"] | ["namespaces", _] => rest,
            ["namespaces", namespace, rest @ ..] => {
                address.namespace = (*namespace).into();
                rest
            }
            _ => rest,
        };
        match rest {
            [resource, tail @ ..] => {
                address.resource = (*resource).into();
                if let Some(name) = tail.first() {
                    address.name = (*name).into();
                }
                if let Some(sub) = tail.get(1) {
                    address.subresource = (*sub).into();
                    address.rest = tail[2..].join("/");
                }
                Target::Resource(address)
            }
            [] => Target::Path(path.to_owned()),
        }
    }
}

impl Address {
    /// Key of the object in its table.
    #[must_use]
    pub fn key(&self) -> String {
        if self.namespace.is_empty() { self.name.clone() } else { format!("{}/{}", self.namespace, self.name) }
    }
}

/// Undoes percent-encoding; what is not valid stays as it is.
fn percent(text: &str) -> Cow<'_, str> {
    if !text.contains('%') {
        return Cow::Borrowed(text);
    }
    Cow::Owned(unescape(text, false))
}

fn unescape(text: &str, plus: bool) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut i = 0;
    while i < bytes.len() {
        let hex = (bytes[i] == b'%').then(|| bytes.get(i + 1..i + 3)).flatten().and_then(|h| std::str::from_utf8(h).ok());
        match hex.and_then(|h| u8::from_str_radix(h, 16).ok()) {
            Some(byte) => {
                out.push(byte);
                i += 3;
            }
            None => {
                out.push(if plus && bytes[i] == b'+' { b' ' } else { bytes[i] });
                i += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// The query: names may repeat.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query(Vec<(String, String)>);

impl Query {
    /// Parses `a=b&c=d`.
    #[must_use]
    pub fn parse(text: &str) -> Query {
        let pair = |part: &str| match part.split_once('=') {
            Some((key, value)) => (unescape(key, true), unescape(value, true)),
            None => (unescape(part, true), String::new()),
        };
        Query(text.split('&').filter(|p| !p.is_empty()).map(pair).collect())
    }

    /// The first value of a name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// All values of a name.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The value, empty if there is none.
    #[must_use]
    pub fn text(&self, name: &str) -> &str {
        self.get(name).unwrap_or_default()
    }

    /// A boolean as Go's `strconv.ParseBool` reads it; present without a value means true.
    ///
    /// # Errors
    /// 400 for anything else.
    pub fn flag(&self, name: &str) -> Outcome<bool> {
        Ok(self.flag_opt(name)?.unwrap_or(false))
    }

    /// As [`Query::flag`], telling absence apart.
    ///
    /// # Errors
    /// 400 for anything else.
    pub fn flag_opt(&self, name: &str) -> Outcome<Option<bool>> {
        match self.get(name) {
            None => Ok(None),
            Some("1" | "t" | "T" | "TRUE" | "true" | "True" | "") => Ok(Some(true)),
            Some("0" | "f" | "F" | "FALSE" | "false" | "False") => Ok(Some(false)),
            // Upstream's conversion takes every other text for true.
            Some(_) => Ok(Some(true)),
        }
    }

    /// A whole number.
    ///
    /// # Errors
    /// 400 with Go's text if it is none.
    pub fn number(&self, name: &str) -> Outcome<Option<i64>> {
        match self.get(name).filter(|v| !v.is_empty()) {
            None => Ok(None),
            Some(text) => text
                .parse()
                .map(Some)
                .map_err(|_| Refusal::bad_request(format!("strconv.ParseInt: parsing {text:?}: invalid syntax"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(path: &str) -> (String, String, String, String, String) {
        match Target::parse(path) {
            Target::Resource(a) => (a.group, a.namespace, a.resource, a.name, a.subresource),
            Target::Path(_) => Default::default(),
        }
    }

    #[test]
    fn the_tree() {
        let want = |g: &str, n: &str, r: &str, o: &str, s: &str| (g.into(), n.into(), r.into(), o.into(), s.into());
        assert_eq!(address("/api/v1/namespaces/x/pods/p/log"), want("", "x", "pods", "p", "log"));
        assert_eq!(address("/api/v1/namespaces/x"), want("", "", "namespaces", "x", ""));
        assert_eq!(address("/api/v1/namespaces/x/status"), want("", "", "namespaces", "x", "status"));
        assert_eq!(address("/apis/apps/v1/deployments"), want("apps", "", "deployments", "", ""));
        assert_eq!(Target::parse("/apis/apps/v1"), Target::Path("/apis/apps/v1".into()));
        assert_eq!(Query::parse("a=b+c&labelSelector=x%3Dy").get("labelSelector"), Some("x=y"));
    }
}
