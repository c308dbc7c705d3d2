//! One rule of a role, and what it matches.
//!
//! Fed with rules as stored. Must not know whose rule it is.

use super::Attributes;
use serde_json::{Map, Value, json};

const ALL: &str = "*";

/// A PolicyRule.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Rule {
    /// The verbs, `*` for all.
    pub verbs: Vec<String>,
    /// The API groups, `*` for all.
    pub groups: Vec<String>,
    /// The resources, `*` for all, `*/scale` for a subresource of all.
    pub resources: Vec<String>,
    /// The objects' names; none for all.
    pub names: Vec<String>,
    /// The paths, with `*` at the end for all that begin so.
    pub urls: Vec<String>,
}

impl Rule {
    /// Reads a stored rule; what is missing is empty and matches nothing (save names).
    #[must_use]
    pub fn from_json(rule: &Value) -> Rule {
        let list = |field: &str| {
            let entries = rule.get(field).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
            entries.iter().filter_map(Value::as_str).map(str::to_owned).collect()
        };
        Rule {
            verbs: list("verbs"),
            groups: list("apiGroups"),
            resources: list("resources"),
            names: list("resourceNames"),
            urls: list("nonResourceURLs"),
        }
    }

    /// The rule as stored.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let mut rule = Map::new();
        rule.insert("verbs".into(), json!(self.verbs));
        let lists = [
            ("apiGroups", &self.groups),
            ("resources", &self.resources),
            ("resourceNames", &self.names),
            ("nonResourceURLs", &self.urls),
        ];
        for (field, list) in lists.into_iter().filter(|(_, list)| !list.is_empty()) {
            rule.insert(field.into(), json!(list));
        }
        Value::Object(rule)
    }

    /// Whether the rule allows what is asked.
    #[must_use]
    pub fn allows(&self, asked: &Attributes) -> bool {
        if !holds(&self.verbs, asked.verb) {
            return false;
        }
        match asked.path {
            Some(path) => self.urls.iter().any(|url| url_covers(url, path)),
            None => {
                holds(&self.groups, asked.group)
                    && self.resources.iter().any(|held| resource_matches(held, asked.resource, asked.subresource))
                    && (self.names.is_empty() || self.names.iter().any(|held| held == asked.name))
            }
        }
    }

    /// Whether holding this rule is holding all of another, broken down to a single grant.
    #[must_use]
    pub fn covers(&self, other: &Rule) -> bool {
        holds_all(&self.verbs, &other.verbs)
            && holds_all(&self.groups, &other.groups)
            && other.resources.iter().all(|asked| {
                let (resource, subresource) = asked.split_once('/').unwrap_or((asked, ""));
                self.resources.iter().any(|held| resource_matches(held, resource, subresource))
            })
            && other.urls.iter().all(|asked| self.urls.iter().any(|held| url_covers(held, asked)))
            && (self.names.is_empty() || !other.names.is_empty() && other.names.iter().all(|name| self.names.contains(name)))
    }
}

fn holds(list: &[String], asked: &str) -> bool {
    list.iter().any(|held| held == ALL || held == asked)
}

fn holds_all(list: &[String], asked: &[String]) -> bool {
    asked.iter().all(|asked| holds(list, asked))
}

fn resource_matches(held: &str, resource: &str, subresource: &str) -> bool {
    if held == ALL {
        return true;
    }
    match held.split_once('/') {
        None => subresource.is_empty() && held == resource,
        Some((held_resource, held_subresource)) => {
            !subresource.is_empty() && held_subresource == subresource && (held_resource == ALL || held_resource == resource)
        }
    }
}

fn url_covers(held: &str, asked: &str) -> bool {
    held == asked || held.ends_with('*') && asked.starts_with(held.trim_end_matches('*'))
}
