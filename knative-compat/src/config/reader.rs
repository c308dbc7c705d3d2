//! Reading single values out of a config map, with the errors of Go's parsers.

use super::{ConfigError, Data};
use crate::duration;
use skiff_schema::Quantity;

/// A config map being read.
pub(super) struct Reader<'a> {
    data: &'a Data,
    /// Put before every parse error.
    prefix: &'static str,
}

impl<'a> Reader<'a> {
    pub(super) const fn new(data: &'a Data, prefix: &'static str) -> Self {
        Self { data, prefix }
    }

    pub(super) fn text(&self, key: &str) -> Option<&'a str> {
        self.data.get(key).map(String::as_str)
    }

    fn broken(&self, key: &str, why: &str) -> ConfigError {
        ConfigError(format!("{}failed to parse {key:?}: {why}", self.prefix))
    }

    /// A boolean; its error does not name the key.
    pub(super) fn bool(&self, key: &str, default: bool) -> Result<bool, ConfigError> {
        match self.text(key) {
            None => Ok(default),
            Some("1" | "t" | "T" | "true" | "TRUE" | "True") => Ok(true),
            Some("0" | "f" | "F" | "false" | "FALSE" | "False") => Ok(false),
            Some(other) => Err(ConfigError(format!("{}strconv.ParseBool: parsing {other:?}: invalid syntax", self.prefix))),
        }
    }

    pub(super) fn int(&self, key: &str, default: i64) -> Result<i64, ConfigError> {
        let Some(text) = self.text(key) else { return Ok(default) };
        text.parse().map_err(|_| self.broken(key, &format!("strconv.ParseInt: parsing {text:?}: invalid syntax")))
    }

    pub(super) fn float(&self, key: &str, default: f64) -> Result<f64, ConfigError> {
        let Some(text) = self.text(key) else { return Ok(default) };
        text.parse().map_err(|_| self.broken(key, &format!("strconv.ParseFloat: parsing {text:?}: invalid syntax")))
    }

    /// A duration in nanoseconds.
    pub(super) fn duration(&self, key: &str, default: i64) -> Result<i64, ConfigError> {
        let Some(text) = self.text(key) else { return Ok(default) };
        duration::parse(text).ok_or_else(|| self.broken(key, &format!("time: invalid duration {text:?}")))
    }

    /// A quantity in its canonical spelling.
    pub(super) fn quantity(&self, key: &str) -> Result<Option<String>, ConfigError> {
        let Some(text) = self.text(key).filter(|t| !t.is_empty()) else { return Ok(None) };
        text.parse::<Quantity>().map(|q| Some(q.to_string())).map_err(|e| self.broken(key, &e.to_string()))
    }
}

/// Refuses with a message unless the condition holds.
pub(super) fn demand(condition: bool, message: impl FnOnce() -> String) -> Result<(), ConfigError> {
    if condition { Ok(()) } else { Err(ConfigError(message())) }
}
