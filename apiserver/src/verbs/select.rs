//! Which objects of a resource a list, watch or deletecollection means: label and field selectors over rendered objects.

use super::ask::Ask;
use crate::registry::Kind;
use crate::status::{Outcome, Refusal};
use skiff_kinds::show;
use skiff_schema::Tree;
use skiff_schema::select::{FieldRequirement, LabelSelector, parse_field_selector};

/// Both selectors of a request.
#[derive(Debug, Default)]
pub struct Selection {
    labels: Option<LabelSelector>,
    fields: Vec<FieldRequirement>,
    /// `metadata.name=x`: only this object can match.
    pub name: Option<String>,
}

impl Selection {
    /// From the query.
    ///
    /// # Errors
    /// 400 with upstream's text.
    pub fn parse(ask: &Ask) -> Outcome<Selection> {
        let labels = match ask.query.text("labelSelector") {
            "" => None,
            text => Some(LabelSelector::parse(text).map_err(|e| Refusal::bad_request(e.to_string()))?),
        };
        let fields = match ask.query.text("fieldSelector") {
            "" => Vec::new(),
            text => parse_field_selector(text).map_err(|e| Refusal::bad_request(e.to_string()))?,
        };
        for requirement in &fields {
            let label = requirement.path.as_str();
            if field_of(&ask.kind, &Tree::Null, label).is_none() {
                let text = if ask.kind.resource.custom {
                    show::unknown_custom_field_label(label)
                } else {
                    show::unknown_field_label(ask.kind.group(), ask.kind.kind(), label)
                };
                return Err(Refusal::bad_request(text));
            }
        }
        let exact = |r: &&FieldRequirement| r.path == "metadata.name" && r.equal;
        let name = fields.iter().find(exact).map(|r| r.value.to_string()).or_else(|| {
            // A watch of one object by its path is a selection by name.
            (!ask.address.name.is_empty()).then(|| ask.address.name.clone())
        });
        Ok(Selection { labels: labels.filter(|l| !l.is_everything()), fields, name })
    }

    /// Nothing is asked for: everything matches without a look.
    #[must_use]
    pub fn is_everything(&self) -> bool {
        self.labels.is_none() && self.fields.is_empty() && self.name.is_none()
    }

    /// Whether a key can match at all, without a look at the object.
    #[must_use]
    pub fn admits_key(&self, key: &str) -> bool {
        self.name.as_ref().is_none_or(|name| key.rsplit('/').next() == Some(name.as_str()))
    }

    /// Whether an object matches.
    #[must_use]
    pub fn matches(&self, kind: &Kind, body: &[u8]) -> bool {
        if self.labels.is_none() && self.fields.iter().all(|r| r.path == "metadata.name" && r.equal) {
            return true;
        }
        let object = Tree::parse(body).unwrap_or(Tree::Null);
        self.matches_tree(kind, &object)
    }

    fn matches_tree(&self, kind: &Kind, object: &Tree<'_>) -> bool {
        let labels = object.pointer("/metadata/labels");
        if self.labels.as_ref().is_some_and(|selector| !selector.matches(|key| labels?.get(key)?.as_str())) {
            return false;
        }
        self.fields.iter().all(|requirement| {
            let value = field_of(kind, object, &requirement.path).unwrap_or_default();
            (value == requirement.value) == requirement.equal
        })
    }
}

/// The value of a selectable field; `None` for a label that the kind does not take.
fn field_of(kind: &Kind, object: &Tree<'_>, label: &str) -> Option<String> {
    match &kind.custom {
        Some(version) => {
            let selectable: Vec<&str> = version.selectable.iter().map(String::as_str).collect();
            show::custom_field_value(object, kind.resource.namespaced, &selectable, label)
        }
        None => show::field_value(kind.group(), kind.kind(), object, label),
    }
}
