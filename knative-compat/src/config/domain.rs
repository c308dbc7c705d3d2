//! `config-domain`: which domain a route gets, by its labels.

use super::{ConfigError, Data};
use std::collections::BTreeMap;

/// `config-domain`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Domains {
    /// Each domain with the labels a route must carry; none for a default.
    pub by_selector: Vec<(String, BTreeMap<String, String>)>,
    /// The domain when the map says nothing.
    pub fallback: String,
}

impl Default for Domains {
    fn default() -> Self {
        Self { by_selector: Vec::new(), fallback: "localhost".into() }
    }
}

impl Domains {
    /// Reads the map; keys that start with `_` are no domains.
    pub(super) fn read(data: &Data) -> Result<Self, ConfigError> {
        let mut by_selector = Vec::new();
        for (domain, text) in data.iter().filter(|(key, _)| !key.starts_with('_')) {
            by_selector.push((domain.clone(), selector(text)?));
        }
        Ok(Self { by_selector, ..Self::default() })
    }

    /// The domain of something with these labels: the most specific selector that matches, the shortest name among equals.
    #[must_use]
    pub fn of<'a>(&'a self, label: impl Fn(&str) -> Option<&'a str>) -> &'a str {
        let matching = |selector: &BTreeMap<String, String>| selector.iter().all(|(k, v)| label(k) == Some(v.as_str()));
        self.by_selector
            .iter()
            .filter(|(_, selector)| matching(selector))
            .max_by_key(|(domain, selector)| (selector.len(), std::cmp::Reverse(domain.clone())))
            .map_or(self.fallback.as_str(), |(domain, _)| domain.as_str())
    }
}

/// The small YAML of a selector: `selector:` and indented `key: value` lines, or nothing.
fn selector(text: &str) -> Result<BTreeMap<String, String>, ConfigError> {
    let broken = || ConfigError("error converting YAML to JSON: yaml: line 1: did not find expected node content".into());
    let mut out = BTreeMap::new();
    let mut inside = false;
    for line in text.lines().filter(|line| !line.trim().is_empty() && !line.trim_start().starts_with('#')) {
        let (key, value) = line.split_once(':').ok_or_else(broken)?;
        let (key, value) = (key.trim(), value.trim().trim_matches(['"', '\'']));
        if line.starts_with(char::is_whitespace) {
            if inside {
                out.insert(key.trim_matches(['"', '\'']).to_owned(), value.to_owned());
            }
        } else {
            inside = key == "selector";
            if !value.is_empty() && value != "{}" {
                return Err(broken());
            }
        }
    }
    Ok(out)
}
