//! `matchConstraints` and `matchResources`: is a request meant?

use crate::request::{Operation, Request, Resource, Surroundings};
use serde_json::Value;
use skiff_schema::select::LabelSelector;

/// Which requests are meant.
#[derive(Debug)]
pub struct Constraints {
    rules: Vec<Rule>,
    excluded: Vec<Rule>,
    equivalent: bool,
    namespaces: Result<LabelSelector, String>,
    objects: Result<LabelSelector, String>,
}

/// `NamedRuleWithOperations`
#[derive(Debug)]
struct Rule {
    operations: Vec<Box<str>>,
    groups: Vec<Box<str>>,
    versions: Vec<Box<str>>,
    resources: Vec<Box<str>>,
    names: Vec<Box<str>>,
    scope: Box<str>,
}

/// The objects of a request, as selectors look at them.
#[derive(Clone, Copy)]
pub struct Objects<'o> {
    /// After.
    pub new: Option<&'o Value>,
    /// Before.
    pub old: Option<&'o Value>,
}

impl Constraints {
    /// From a `MatchResources`.
    #[must_use]
    pub fn read(value: &Value) -> Constraints {
        let rules = |field: &str| value.get(field).and_then(Value::as_array).into_iter().flatten().map(Rule::read).collect();
        let selector = |field: &str| LabelSelector::from_object(value.get(field)).map_err(|e| e.to_string());
        let anything = |field: &str| match value.get(field) {
            None => Ok(LabelSelector::default()),
            Some(_) => selector(field),
        };
        Constraints {
            rules: rules("resourceRules"),
            excluded: rules("excludeResourceRules"),
            equivalent: value.get("matchPolicy").and_then(Value::as_str) != Some("Exact"),
            namespaces: anything("namespaceSelector"),
            objects: anything("objectSelector"),
        }
    }

    /// The resource that a request is meant as; `None` if it is not meant.
    ///
    /// # Errors
    /// A selector that is none.
    pub fn matches(
        &self,
        request: &Request<'_>,
        objects: Objects<'_>,
        around: &dyn Surroundings,
    ) -> Result<Option<Resource>, String> {
        // Rules are asked first, for they cost least; what the selectors say counts only if the rules match.
        let exact = |rules: &[Rule]| rules.iter().any(|rule| rule.matches(request, &request.resource));
        if exact(&self.excluded) {
            return Ok(None);
        }
        let direct = self.rules.is_empty() || exact(&self.rules);
        let others = match self.equivalent && (!direct || !self.excluded.is_empty()) {
            true => around.equivalents(&request.resource, request.subresource),
            false => Vec::new(),
        };
        let other =
            |rules: &[Rule]| rules.iter().find_map(|rule| others.iter().find(|other| rule.matches(request, other)).cloned());
        if other(&self.excluded).is_some() {
            return Ok(None);
        }
        let found = if direct { Some(request.resource.clone()) } else { other(&self.rules) };
        let Some(found) = found else { return Ok(None) };
        let meant = self.selects_namespace(request, objects, around)? && self.selects_object(objects)?;
        Ok(meant.then_some(found))
    }

    /// Whether rules name an operation on a resource, whatever the selectors say.
    #[must_use]
    pub fn names(&self, operation: Operation, group: &str, version: &str, plural: &str) -> bool {
        self.rules.iter().any(|rule| {
            among(&rule.operations, operation.as_str())
                && among(&rule.groups, group)
                && among(&rule.versions, version)
                && rule.resources.iter().any(|named| matches!(&**named, "*" | "*/*") || **named == *plural)
        })
    }

    fn selects_namespace(&self, request: &Request<'_>, objects: Objects<'_>, around: &dyn Surroundings) -> Result<bool, String> {
        if request.namespace.is_empty() && !request.is_namespace() {
            return Ok(true);
        }
        let selector = self.namespaces.as_ref().map_err(Clone::clone)?;
        if selector.is_everything() {
            return Ok(true);
        }
        if request.is_namespace() && request.subresource.is_empty() && request.operation != Operation::Delete {
            return Ok(selector.matches_labels(objects.new.and_then(|new| new.pointer("/metadata/labels"))));
        }
        let Some(namespace) = around.namespace(request.namespace) else {
            return Err(format!("namespaces {:?} not found", request.namespace));
        };
        Ok(selector.matches_labels(namespace.pointer("/metadata/labels")))
    }

    fn selects_object(&self, objects: Objects<'_>) -> Result<bool, String> {
        let selector = self.objects.as_ref().map_err(Clone::clone)?;
        if selector.is_everything() {
            return Ok(true);
        }
        let matches =
            |object: Option<&Value>| object.is_some_and(|object| selector.matches_labels(object.pointer("/metadata/labels")));
        Ok(matches(objects.new) || matches(objects.old))
    }
}

fn among(list: &[Box<str>], wanted: &str) -> bool {
    list.iter().any(|item| &**item == "*" || &**item == wanted)
}

impl Rule {
    fn read(value: &Value) -> Rule {
        let texts = |field: &str| {
            let list = value.get(field).and_then(Value::as_array).into_iter().flatten();
            list.filter_map(Value::as_str).map(Into::into).collect()
        };
        Rule {
            operations: texts("operations"),
            groups: texts("apiGroups"),
            versions: texts("apiVersions"),
            resources: texts("resources"),
            names: texts("resourceNames"),
            scope: value.get("scope").and_then(Value::as_str).unwrap_or("*").into(),
        }
    }

    fn matches(&self, request: &Request<'_>, resource: &Resource) -> bool {
        let namespaced = !request.is_namespace() && !request.namespace.is_empty();
        let scope = match &*self.scope {
            "Namespaced" => namespaced,
            "Cluster" => !namespaced,
            _ => true,
        };
        scope
            && among(&self.operations, request.operation.as_str())
            && among(&self.groups, &resource.group)
            && among(&self.versions, &resource.version)
            && self.resources.iter().any(|rule| {
                let (plural, subresource) = rule.split_once('/').unwrap_or((rule, ""));
                (plural == "*" || plural == &*resource.plural) && (subresource == "*" || subresource == request.subresource)
            })
            && (self.names.is_empty() || self.names.iter().any(|name| &**name == request.name))
    }
}
