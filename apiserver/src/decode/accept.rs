//! Which form of the answer a client wants: the Accept header, negotiated as upstream does (api-surface.md 1.4).

use crate::status::{Outcome, Refusal};

/// The encoding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Encoding {
    /// `application/json`.
    Json,
    /// `application/yaml`.
    Yaml,
    /// `application/vnd.kubernetes.protobuf`.
    Protobuf,
}

/// What is put into it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Shape {
    /// The object.
    Object,
    /// `as=Table`, with its version.
    Table(&'static str),
    /// `as=PartialObjectMetadata(List)`, with its version.
    Partial(&'static str),
}

/// The agreed form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Form {
    /// Encoding.
    pub encoding: Encoding,
    /// Shape.
    pub shape: Shape,
    /// Indented JSON.
    pub pretty: bool,
}

/// What upstream lists in a 406.
pub const ACCEPTED: &str = "application/json, application/yaml, application/vnd.kubernetes.protobuf";
const ACCEPTED_WATCH: &str = "application/json, application/json;stream=watch, application/vnd.kubernetes.protobuf, application/vnd.kubernetes.protobuf;stream=watch";

impl Form {
    /// Plain JSON.
    pub const JSON: Form = Form { encoding: Encoding::Json, shape: Shape::Object, pretty: false };

    /// `Content-Type` of the answer.
    #[must_use]
    pub fn content_type(self, watch: bool) -> &'static str {
        match (self.encoding, watch) {
            (Encoding::Json, _) => "application/json",
            (Encoding::Yaml, _) => "application/yaml",
            (Encoding::Protobuf, false) => "application/vnd.kubernetes.protobuf",
            (Encoding::Protobuf, true) => "application/vnd.kubernetes.protobuf;stream=watch",
        }
    }

    /// Negotiates. `tabular`: the kind can be shown as a table; `protobuf`: it has a protobuf form.
    ///
    /// # Errors
    /// 406 if nothing that the client takes can be had.
    pub fn negotiate(accept: Option<&str>, watch: bool, tabular: bool, protobuf: bool) -> Outcome<Form> {
        let Some(accept) = accept.filter(|a| !a.trim().is_empty()) else { return Ok(Form::JSON) };
        let mut clauses: Vec<(u32, Clause<'_>)> = accept.split(',').map(Clause::parse).collect();
        clauses.sort_by_key(|(quality, _)| std::cmp::Reverse(*quality));
        for (_, clause) in &clauses {
            if let Some(form) = clause.form(watch, tabular, protobuf) {
                return Ok(form);
            }
        }
        Err(Refusal::not_acceptable(if watch { ACCEPTED_WATCH } else { ACCEPTED }))
    }
}

#[derive(Default)]
struct Clause<'a> {
    media: &'a str,
    shape: Option<&'a str>,
    group: Option<&'a str>,
    version: Option<&'a str>,
    pretty: bool,
}

impl<'a> Clause<'a> {
    fn parse(text: &'a str) -> (u32, Clause<'a>) {
        let mut parts = text.split(';').map(str::trim);
        let mut clause = Clause { media: parts.next().unwrap_or_default(), ..Clause::default() };
        let mut quality = 1000;
        for part in parts {
            let (key, value) = part.split_once('=').unwrap_or((part, ""));
            match key.trim() {
                "q" => quality = (value.parse::<f64>().unwrap_or(0.0) * 1000.0) as u32,
                "as" => clause.shape = Some(value),
                "g" => clause.group = Some(value),
                "v" => clause.version = Some(value),
                "pretty" => clause.pretty = value == "1" || value == "true",
                _ => {}
            }
        }
        (quality, clause)
    }

    fn form(&self, watch: bool, tabular: bool, protobuf: bool) -> Option<Form> {
        let encoding = match self.media {
            "application/json" | "*/*" | "application/*" => Encoding::Json,
            "application/yaml" if !watch => Encoding::Yaml,
            "application/vnd.kubernetes.protobuf" if protobuf => Encoding::Protobuf,
            _ => return None,
        };
        let version = match (self.group, self.version) {
            (Some("meta.k8s.io"), Some("v1beta1")) => "v1beta1",
            _ => "v1",
        };
        let known = self.group == Some("meta.k8s.io") && matches!(self.version, Some("v1" | "v1beta1"));
        let shape = match self.shape {
            None => Shape::Object,
            Some("Table") if known && tabular => Shape::Table(version),
            Some("PartialObjectMetadata" | "PartialObjectMetadataList") if known && tabular => Shape::Partial(version),
            Some(_) => return None,
        };
        // Tables and metadata are JSON here, whatever else the clause says.
        if encoding == Encoding::Protobuf && shape != Shape::Object {
            return None;
        }
        Some(Form { encoding, shape, pretty: self.pretty })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_clause_that_can_be_satisfied_wins() {
        let kubectl =
            "application/json;as=Table;v=v1;g=meta.k8s.io,application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json";
        let form = Form::negotiate(Some(kubectl), false, true, false).unwrap();
        assert_eq!(form.shape, Shape::Table("v1"));
        assert_eq!(Form::negotiate(Some(kubectl), false, false, false).unwrap(), Form::JSON);
        let typed = "application/vnd.kubernetes.protobuf,application/json";
        assert_eq!(Form::negotiate(Some(typed), false, true, false).unwrap(), Form::JSON);
        assert_eq!(Form::negotiate(Some("text/csv"), false, true, true).unwrap_err().code, 406);
    }
}
