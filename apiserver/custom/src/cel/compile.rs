//! A rule from its text to an expression, and what keeps it from becoming one.
//!
//! The parser is `kube-cel`'s and knows no types; what upstream's type checker says most often, undeclared names and undefined
//! fields, is looked for here by walking the expression along the schema.

use super::lower::lower;
use super::parse::{failure_at, parse};
use super::value::unescaped;
use crate::tree::{Tree, Type, flag, text};
use kube_cel::cel::IdedExpr;
use kube_cel::cel::common::ast::{EntryExpr, Expr};
use serde_json::Value;
use skiff_kinds::field::Why;

/// A compiled rule.
#[derive(Debug)]
pub struct Rule {
    /// As written, blanks around it removed.
    pub text: String,
    pub(super) expression: IdedExpr,
    /// `message`, empty if there is none.
    pub message: String,
    pub(super) message_expression: Option<IdedExpr>,
    /// `reason`
    pub reason: Why,
    /// `fieldPath`, ready to be appended.
    pub field_path: String,
    /// It asks for the object before, and there must be one.
    pub transition: bool,
    /// `optionalOldSelf`
    pub optional_old: bool,
}

/// What is wrong with a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Field of the rule that is at fault.
    pub field: &'static str,
    /// Upstream's text.
    pub text: String,
}

impl Rule {
    /// Compiles a rule of a node; `root` is the node of the whole object.
    ///
    /// # Errors
    /// What the parser or the walk along the schema found.
    pub fn compile(written: &Value, tree: &Tree, root: bool) -> Result<Rule, Fault> {
        let rule = text(written, "rule").trim();
        if rule.is_empty() {
            return Err(Fault { field: "rule", text: String::new() });
        }
        let scope = Scope { tree, root, source: rule };
        let expression = scope.compile().map_err(|text| Fault { field: "rule", text })?;
        let message_expression = match text(written, "messageExpression").trim() {
            "" => None,
            source => {
                let scope = Scope { tree, root, source };
                Some(scope.compile().map_err(|text| Fault { field: "messageExpression", text })?)
            }
        };
        let optional_old = flag(written, "optionalOldSelf");
        let transition = expression.references().has_variable("oldSelf");
        let reason = match text(written, "reason") {
            "FieldValueForbidden" => Why::Forbidden,
            "FieldValueRequired" => Why::Required,
            "FieldValueDuplicate" => Why::Duplicate,
            _ => Why::InvalidUnshown,
        };
        Ok(Rule {
            text: rule.to_owned(),
            expression,
            message: text(written, "message").trim().to_owned(),
            message_expression,
            reason,
            field_path: field_path(text(written, "fieldPath")),
            transition,
            optional_old,
        })
    }
}

/// `.a.b['c']` as the path of an error spells it.
fn field_path(written: &str) -> String {
    written.trim().replace("['", "[").replace("']", "]")
}

/// What an expression may name.
struct Scope<'t> {
    tree: &'t Tree,
    root: bool,
    source: &'t str,
}

/// What a walk along the schema has come to.
#[derive(Clone, Copy)]
enum Found<'t> {
    Node(&'t Tree, bool),
    /// No schema speaks for it.
    Unknown,
}

/// Types are values too.
const TYPE_NAMES: &[&str] = &[
    "int",
    "uint",
    "double",
    "bool",
    "string",
    "bytes",
    "list",
    "map",
    "null_type",
    "type",
    "timestamp",
    "duration",
    "optional",
    "math",
    "strings",
    "sets",
    "base64",
    "google",
    "cel",
    "format",
    "semver",
    "jsonpatch",
];

/// Macros that upstream has and the parser leaves as calls: names among their arguments are theirs, not the rule's.
const UNEXPANDED: &[&str] = &["optMap", "optFlatMap", "transformList", "transformMap", "transformMapEntry", "sortBy"];

impl<'t> Scope<'t> {
    fn compile(&self) -> Result<IdedExpr, String> {
        let mut expression = parse(self.source)?;
        self.walk(&expression, &mut Vec::new())?;
        lower(&mut expression, &|_, _| false);
        Ok(expression)
    }

    fn fail(&self, name: &str, message: &str) -> String {
        // The parser does not say where a name stands; its first appearance is the best guess.
        let at = self.source.find(name).unwrap_or(0);
        format!("compilation failed: {}", failure_at(self.source, at, message))
    }

    fn all(&self, expressions: &[IdedExpr], bound: &mut Vec<String>) -> Result<(), String> {
        expressions.iter().try_for_each(|inner| self.walk(inner, bound).map(|_| ()))
    }

    fn walk(&self, expression: &IdedExpr, bound: &mut Vec<String>) -> Result<Found<'t>, String> {
        match &expression.expr {
            Expr::Ident(name) => self.name(name, bound),
            Expr::Select(select) => {
                let operand = self.walk(&select.operand, bound)?;
                self.field(operand, &select.field)
            }
            Expr::Call(call) => {
                if let Some(target) = &call.target {
                    self.walk(target, bound)?;
                }
                let depth = bound.len();
                if UNEXPANDED.contains(&call.func_name.as_str()) {
                    bound.extend(call.args.iter().filter_map(|arg| match &arg.expr {
                        Expr::Ident(name) => Some(name.clone()),
                        _ => None,
                    }));
                }
                let result = self.all(&call.args, bound);
                bound.truncate(depth);
                result.map(|()| Found::Unknown)
            }
            Expr::List(list) => self.all(&list.elements, bound).map(|()| Found::Unknown),
            Expr::Map(map) => {
                for entry in &map.entries {
                    if let EntryExpr::MapEntry(entry) = &entry.expr {
                        self.walk(&entry.key, bound)?;
                        self.walk(&entry.value, bound)?;
                    }
                }
                Ok(Found::Unknown)
            }
            Expr::Comprehension(inner) => {
                self.walk(&inner.iter_range, bound)?;
                self.walk(&inner.accu_init, bound)?;
                let depth = bound.len();
                bound.push(inner.iter_var.clone());
                bound.extend(inner.iter_var2.clone());
                bound.push(inner.accu_var.clone());
                let below = [&inner.loop_cond, &inner.loop_step, &inner.result];
                let result = below.into_iter().try_for_each(|e| self.walk(e, bound).map(|_| ()));
                bound.truncate(depth);
                result.map(|()| Found::Unknown)
            }
            _ => Ok(Found::Unknown),
        }
    }

    fn name(&self, name: &str, bound: &[String]) -> Result<Found<'t>, String> {
        match name {
            _ if bound.iter().any(|b| b == name) => Ok(Found::Unknown),
            "self" => Ok(Found::Node(self.tree, self.root)),
            "oldSelf" => Ok(Found::Unknown),
            // The parser's own variables begin with a mark that no rule can write.
            _ if name.starts_with(['@', '.']) || name.starts_with("__") || TYPE_NAMES.contains(&name) => Ok(Found::Unknown),
            _ => Err(self.fail(name, &format!("undeclared reference to '{name}' (in container '')"))),
        }
    }

    fn field(&self, operand: Found<'t>, field: &str) -> Result<Found<'t>, String> {
        let Found::Node(tree, root) = operand else { return Ok(Found::Unknown) };
        let whole = root || tree.embedded;
        if whole && matches!(field, "apiVersion" | "kind" | "metadata") {
            return Ok(Found::Unknown);
        }
        if let Some(name) = unescaped(tree.properties.keys().map(|k| &**k), field) {
            return Ok(tree.properties.get(name).map_or(Found::Unknown, |inner| Found::Node(inner, false)));
        }
        match (&tree.additional, tree.kind) {
            (Some(element), _) => Ok(Found::Node(element, false)),
            (None, Type::Object) => {
                let dotted = format!(".{field}");
                Err(self.fail(&dotted, &format!("undefined field '{field}'")))
            }
            _ => Ok(Found::Unknown),
        }
    }
}
