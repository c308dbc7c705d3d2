//! Selectors: which objects a list, watch, service or workload means.
//!
//! Label selectors come as text (`a in (b,c),!d`) or as an object (`matchLabels`, `matchExpressions`) and become the same
//! [`LabelSelector`]; field selectors become [`FieldRequirement`]s, for the caller knows the fields. Knows no object's form.

mod field;
mod names;
mod parse;

use std::fmt;

use serde_json::{Map, Value};

pub use field::{FieldRequirement, escape_field_value, parse_field_selector};
pub use names::{label_key_problems, label_value_problems};

/// What a requirement asks of a label.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operator {
    /// `in`
    In,
    /// `notin`; an absent label matches.
    NotIn,
    /// `=`
    Equals,
    /// `==`
    DoubleEquals,
    /// `!=`; an absent label matches.
    NotEquals,
    /// The label is there.
    Exists,
    /// `!`
    DoesNotExist,
    /// `>`, integers.
    GreaterThan,
    /// `<`, integers.
    LessThan,
}

/// One condition on one label.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Requirement {
    key: Box<str>,
    operator: Operator,
    values: Vec<Box<str>>,
}

/// All conditions must hold. The default has none and matches everything.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LabelSelector {
    requirements: Vec<Requirement>,
    nothing: bool,
}

/// Why a text or object is no selector, in upstream's words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct SelectorError(pub String);

impl Requirement {
    /// A condition, checked as upstream checks it.
    ///
    /// # Errors
    /// A key or value that is no label's, or a number of values that the operator cannot use.
    pub fn new(key: &str, operator: Operator, values: &[&str]) -> Result<Requirement, SelectorError> {
        let mut problems: Vec<String> = Vec::new();
        let keys = label_key_problems(key);
        if !keys.is_empty() {
            problems.push(format!("key: Invalid value: {key:?}: {}", keys.join("; ")));
        }
        let shown = || if values.is_empty() { "null".to_owned() } else { Value::from(values.to_vec()).to_string() };
        let mut refuse = |why: &str| problems.push(format!("values: Invalid value: {}: {why}", shown()));
        match operator {
            Operator::In | Operator::NotIn if values.is_empty() => {
                refuse("for 'in', 'notin' operators, values set can't be empty");
            }
            Operator::Equals | Operator::DoubleEquals | Operator::NotEquals if values.len() != 1 => {
                refuse("exact-match compatibility requires one single value");
            }
            Operator::Exists | Operator::DoesNotExist if !values.is_empty() => {
                refuse("values set must be empty for exists and does not exist");
            }
            Operator::GreaterThan | Operator::LessThan => {
                if values.len() != 1 {
                    refuse("for 'Gt', 'Lt' operators, exactly one value is required");
                }
                for (index, value) in values.iter().enumerate().filter(|(_, value)| value.parse::<i64>().is_err()) {
                    let why = "for 'Gt', 'Lt' operators, the value must be an integer";
                    problems.push(format!("values[{index}]: Invalid value: {value:?}: {why}"));
                }
            }
            _ => {}
        }
        for (index, value) in values.iter().enumerate() {
            let wrong = label_value_problems(value);
            if !wrong.is_empty() {
                problems.push(format!("values[{index}][{key}]: Invalid value: {value:?}: {}", wrong.join("; ")));
            }
        }
        match problems.len() {
            0 => Ok(Requirement { key: key.into(), operator, values: values.iter().map(|v| (*v).into()).collect() }),
            1 => Err(SelectorError(problems.remove(0))),
            _ => Err(SelectorError(format!("[{}]", problems.join(", ")))),
        }
    }

    /// The label.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    /// The operator.
    #[must_use]
    pub fn operator(&self) -> Operator {
        self.operator
    }

    /// Its values.
    #[must_use]
    pub fn values(&self) -> &[Box<str>] {
        &self.values
    }

    /// Whether a label's value, or its absence, satisfies this.
    #[must_use]
    pub fn holds(&self, value: Option<&str>) -> bool {
        let among = |value: &str| self.values.iter().any(|v| **v == *value);
        match self.operator {
            Operator::In | Operator::Equals | Operator::DoubleEquals => value.is_some_and(among),
            Operator::NotIn | Operator::NotEquals => !value.is_some_and(among),
            Operator::Exists => value.is_some(),
            Operator::DoesNotExist => value.is_none(),
            Operator::GreaterThan | Operator::LessThan => {
                let have = value.and_then(|v| v.parse::<i64>().ok());
                let bound = self.values.first().and_then(|v| v.parse::<i64>().ok());
                match (have, bound) {
                    (Some(have), Some(bound)) if self.operator == Operator::GreaterThan => have > bound,
                    (Some(have), Some(bound)) => have < bound,
                    _ => false,
                }
            }
        }
    }
}

impl LabelSelector {
    /// Parses the query parameter `labelSelector`.
    ///
    /// # Errors
    /// Upstream's text, `unable to parse requirement: …`.
    pub fn parse(text: &str) -> Result<LabelSelector, SelectorError> {
        let mut requirements = parse::requirements(text)?;
        requirements.sort_by(|a, b| a.key.cmp(&b.key));
        Ok(LabelSelector { requirements, nothing: false })
    }

    /// Reads a LabelSelector object. None or null matches nothing, an empty one everything.
    ///
    /// # Errors
    /// An expression that is no condition.
    pub fn from_object(object: Option<&Value>) -> Result<LabelSelector, SelectorError> {
        let Some(object) = object.filter(|o| !o.is_null()) else { return Ok(LabelSelector::nothing()) };
        let mut requirements = Vec::new();
        if let Some(Value::Object(labels)) = object.get("matchLabels") {
            for (key, value) in labels {
                requirements.push(Requirement::new(key, Operator::Equals, &[value.as_str().unwrap_or_default()])?);
            }
        }
        if let Some(Value::Array(expressions)) = object.get("matchExpressions") {
            for expression in expressions {
                requirements.push(expression_requirement(expression)?);
            }
        }
        requirements.sort_by(|a, b| a.key.cmp(&b.key));
        Ok(LabelSelector { requirements, nothing: false })
    }

    /// Reads a plain map of labels (`Service.spec.selector`). An empty map matches everything here, which is not what a
    /// Service means by it; that is for the caller to know.
    ///
    /// # Errors
    /// A key or value that is no label's.
    pub fn from_labels(labels: &Map<String, Value>) -> Result<LabelSelector, SelectorError> {
        let requirement =
            |(key, value): (&String, &Value)| Requirement::new(key, Operator::Equals, &[value.as_str().unwrap_or_default()]);
        let mut requirements = labels.iter().map(requirement).collect::<Result<Vec<_>, _>>()?;
        requirements.sort_by(|a, b| a.key.cmp(&b.key));
        Ok(LabelSelector { requirements, nothing: false })
    }

    /// Matches no object.
    #[must_use]
    pub fn nothing() -> LabelSelector {
        LabelSelector { requirements: Vec::new(), nothing: true }
    }

    /// Whether it asks for nothing and so matches everything.
    #[must_use]
    pub fn is_everything(&self) -> bool {
        !self.nothing && self.requirements.is_empty()
    }

    /// Whether it can match nothing, whatever the labels.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        self.nothing
    }

    /// The conditions, sorted by key.
    #[must_use]
    pub fn requirements(&self) -> &[Requirement] {
        &self.requirements
    }

    /// Whether labels, looked up one by one, match.
    pub fn matches<'l>(&self, mut lookup: impl FnMut(&str) -> Option<&'l str>) -> bool {
        !self.nothing && self.requirements.iter().all(|requirement| requirement.holds(lookup(&requirement.key)))
    }

    /// Whether the labels of an object (`metadata.labels`, absent or null included) match.
    #[must_use]
    pub fn matches_labels(&self, labels: Option<&Value>) -> bool {
        self.matches(|key| labels?.get(key)?.as_str())
    }
}

fn expression_requirement(expression: &Value) -> Result<Requirement, SelectorError> {
    let text = |name: &str| expression.get(name).and_then(Value::as_str).unwrap_or_default();
    let operator = match text("operator") {
        "In" => Operator::In,
        "NotIn" => Operator::NotIn,
        "Exists" => Operator::Exists,
        "DoesNotExist" => Operator::DoesNotExist,
        other => return Err(SelectorError(format!("{other:?} is not a valid label selector operator"))),
    };
    let values = expression.get("values").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let values: Vec<&str> = values.iter().filter_map(Value::as_str).collect();
    Requirement::new(text("key"), operator, &values)
}

impl fmt::Display for Requirement {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut values: Vec<&str> = self.values.iter().map(|v| &**v).collect();
        values.sort_unstable();
        let (key, values) = (&self.key, values.join(","));
        match self.operator {
            Operator::Exists => write!(out, "{key}"),
            Operator::DoesNotExist => write!(out, "!{key}"),
            Operator::In => write!(out, "{key} in ({values})"),
            Operator::NotIn => write!(out, "{key} notin ({values})"),
            Operator::Equals => write!(out, "{key}={values}"),
            Operator::DoubleEquals => write!(out, "{key}=={values}"),
            Operator::NotEquals => write!(out, "{key}!={values}"),
            Operator::GreaterThan => write!(out, "{key}>{values}"),
            Operator::LessThan => write!(out, "{key}<{values}"),
        }
    }
}

impl fmt::Display for LabelSelector {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, requirement) in self.requirements.iter().enumerate() {
            if index > 0 {
                out.write_str(",")?;
            }
            requirement.fmt(out)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
