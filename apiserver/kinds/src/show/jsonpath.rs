//! The JSONPath of printer columns and selectable fields: dots, brackets, ranges, wildcards, unions, filters, descent.
//!
//! Follows what client-go's evaluator does with missing keys allowed: whatever does not fit gives no result. Knows no column
//! and no kind.

use skiff_schema::Tree;

/// Longest path that is parsed, in bytes; bounds how deeply filters nest. A longer one is taken for no path.
const MAX_PATH_BYTES: usize = 2048;

/// Most values that a path may stand for, in values; repeated descent would otherwise multiply them. The rest is left out.
const MAX_FOUND_VALUES: usize = 10_000;

/// A parsed path.
#[derive(Clone, Debug, PartialEq)]
pub struct Path(Vec<Step>);

#[derive(Clone, Debug, PartialEq)]
enum Step {
    Key(String),
    Wildcard,
    Descent,
    Range(Range),
    Union(Vec<Step>),
    Filter(Operand, Option<(Operator, Operand)>),
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Range {
    start: Option<i64>,
    end: Option<i64>,
    step: i64,
}

#[derive(Clone, Debug, PartialEq)]
enum Operand {
    Path(Path),
    Literal(Tree<'static>),
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Operator {
    Equal,
    NotEqual,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
}

/// Operators by spelling, the longer ones first.
const OPERATORS: [(&str, Operator); 6] = [
    ("==", Operator::Equal),
    ("!=", Operator::NotEqual),
    ("<=", Operator::LessEqual),
    (">=", Operator::GreaterEqual),
    ("<", Operator::Less),
    (">", Operator::Greater),
];

impl Path {
    /// Parses a path such as `.status.conditions[?(@.type=="Ready")].status`; `None` if it is not one.
    #[must_use]
    pub fn parse(text: &str) -> Option<Path> {
        let text = text.trim();
        let text = text.strip_prefix('{').and_then(|t| t.strip_suffix('}')).unwrap_or(text);
        if text.len() > MAX_PATH_BYTES {
            return None;
        }
        let mut rest = text.strip_prefix(['$', '@']).unwrap_or(text);
        let mut steps = Vec::new();
        while !rest.is_empty() {
            rest = next_step(rest, &mut steps)?;
        }
        Some(Path(steps))
    }

    /// Every value at the path, in order.
    #[must_use]
    pub fn find<'a>(&self, root: &'a Tree<'a>) -> Vec<&'a Tree<'a>> {
        let mut values = vec![root];
        for step in &self.0 {
            let mut next = Vec::new();
            for value in values {
                step.apply(value, &mut next);
                if next.len() >= MAX_FOUND_VALUES {
                    next.truncate(MAX_FOUND_VALUES);
                    break;
                }
            }
            values = next;
        }
        values
    }

    /// The first value at the path.
    #[must_use]
    pub fn first<'a>(&self, root: &'a Tree<'a>) -> Option<&'a Tree<'a>> {
        self.find(root).into_iter().next()
    }
}

/// Parses one step and gives the rest of the text.
fn next_step<'t>(text: &'t str, steps: &mut Vec<Step>) -> Option<&'t str> {
    if let Some(rest) = text.strip_prefix("..") {
        steps.push(Step::Descent);
        return if rest.starts_with('[') { Some(rest) } else { key_step(rest, steps) };
    }
    if let Some(rest) = text.strip_prefix('.') {
        return if rest.is_empty() || rest.starts_with('[') { Some(rest) } else { key_step(rest, steps) };
    }
    if let Some(rest) = text.strip_prefix('[') {
        let end = bracket_end(rest)?;
        steps.push(bracket_step(rest[..end].trim())?);
        return Some(&rest[end + 1..]);
    }
    if steps.is_empty() { key_step(text, steps) } else { None }
}

/// A name up to the next dot or bracket; a backslash takes the next character as it is.
fn key_step<'t>(text: &'t str, steps: &mut Vec<Step>) -> Option<&'t str> {
    let mut key = String::new();
    let mut characters = text.char_indices();
    let mut end = text.len();
    while let Some((at, character)) = characters.next() {
        match character {
            '\\' => key.push(characters.next()?.1),
            '.' | '[' => {
                end = at;
                break;
            }
            other => key.push(other),
        }
    }
    if key.is_empty() {
        return None;
    }
    steps.push(if key == "*" { Step::Wildcard } else { Step::Key(key) });
    Some(&text[end..])
}

/// Where the bracket closes, quotes and nested brackets skipped.
fn bracket_end(text: &str) -> Option<usize> {
    let (mut depth, mut quote, mut escaped) = (0_u32, None, false);
    for (at, character) in text.char_indices() {
        if escaped {
            escaped = false;
            continue;
        }
        match (quote, character) {
            (_, '\\') => escaped = true,
            (Some(open), c) if c == open => quote = None,
            (Some(_), _) => {}
            (None, '\'' | '"') => quote = Some(character),
            (None, '[') => depth += 1,
            (None, ']') if depth == 0 => return Some(at),
            (None, ']') => depth -= 1,
            _ => {}
        }
    }
    None
}

fn bracket_step(text: &str) -> Option<Step> {
    if let Some(filter) = text.strip_prefix("?(").and_then(|t| t.strip_suffix(')')) {
        return filter_step(filter.trim());
    }
    if text == "*" {
        return Some(Step::Wildcard);
    }
    let parts = split_outside_quotes(text, ',');
    if parts.len() > 1 {
        return parts.into_iter().map(|part| bracket_step(part.trim())).collect::<Option<Vec<_>>>().map(Step::Union);
    }
    match unquote(text) {
        Some(key) => Some(Step::Key(key)),
        None => range(text).map(Step::Range),
    }
}

fn range(text: &str) -> Option<Range> {
    let number = |part: &str| if part.trim().is_empty() { Some(None) } else { part.trim().parse().ok().map(Some) };
    let parts: Vec<&str> = text.split(':').collect();
    match parts[..] {
        [index] => {
            let index: i64 = index.parse().ok()?;
            // -1 is the last one, whose end is the end of the list.
            let end = if index == -1 { None } else { Some(index + 1) };
            Some(Range { start: Some(index), end, step: 1 })
        }
        [start, end] => Some(Range { start: number(start)?, end: number(end)?, step: 1 }),
        [start, end, step] => {
            Some(Range { start: number(start)?, end: number(end)?, step: number(step)?.unwrap_or(1) }).filter(|r| r.step > 0)
        }
        _ => None,
    }
}

fn filter_step(text: &str) -> Option<Step> {
    for (spelling, operator) in OPERATORS {
        if let Some(at) = find_outside_quotes(text, spelling) {
            let left = operand(text[..at].trim())?;
            let right = operand(text[at + spelling.len()..].trim())?;
            return Some(Step::Filter(left, Some((operator, right))));
        }
    }
    Some(Step::Filter(operand(text)?, None))
}

fn operand(text: &str) -> Option<Operand> {
    if text.starts_with(['@', '.', '$']) {
        return Path::parse(text).map(Operand::Path);
    }
    if let Some(literal) = unquote(text) {
        return Some(Operand::Literal(Tree::Text(literal.into())));
    }
    Tree::parse(text.as_bytes()).ok().map(|literal| Operand::Literal(literal.into_owned()))
}

/// The text between quotes, backslashes resolved; `None` if it is not quoted.
fn unquote(text: &str) -> Option<String> {
    let quote = text.chars().next().filter(|c| matches!(c, '\'' | '"'))?;
    let inner = text.strip_prefix(quote)?.strip_suffix(quote)?;
    let mut plain = String::new();
    let mut characters = inner.chars();
    while let Some(character) = characters.next() {
        plain.push(if character == '\\' { characters.next()? } else { character });
    }
    Some(plain)
}

fn find_outside_quotes(text: &str, pattern: &str) -> Option<usize> {
    let mut quote = None;
    for (at, character) in text.char_indices() {
        match (quote, character) {
            (Some(open), c) if c == open => quote = None,
            (Some(_), _) => {}
            (None, '\'' | '"') => quote = Some(character),
            (None, _) if text[at..].starts_with(pattern) => return Some(at),
            _ => {}
        }
    }
    None
}

fn split_outside_quotes(text: &str, separator: char) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut rest = text;
    let mut buffer = [0; 4];
    while let Some(at) = find_outside_quotes(rest, separator.encode_utf8(&mut buffer)) {
        parts.push(&rest[..at]);
        rest = &rest[at + separator.len_utf8()..];
    }
    parts.push(rest);
    parts
}

impl Step {
    fn apply<'a>(&self, value: &'a Tree<'a>, out: &mut Vec<&'a Tree<'a>>) {
        match self {
            Step::Key(key) => out.extend(value.get(key.as_str())),
            Step::Wildcard => out.extend(children(value)),
            Step::Descent => descend(value, out),
            Step::Range(range) => range.apply(value, out),
            Step::Union(steps) => steps.iter().for_each(|step| step.apply(value, out)),
            Step::Filter(left, test) => {
                let items = value.as_array().into_iter().flatten();
                out.extend(items.filter(|item| passes(item, left, test.as_ref())));
            }
        }
    }
}

fn children<'a>(value: &'a Tree<'a>) -> Vec<&'a Tree<'a>> {
    match value {
        Tree::List(items) => items.iter().collect(),
        Tree::Map(members) => members.iter().map(|(_, value)| value).collect(),
        _ => Vec::new(),
    }
}

/// The value and everything below it, up to the bound.
fn descend<'a>(value: &'a Tree<'a>, out: &mut Vec<&'a Tree<'a>>) {
    if out.len() >= MAX_FOUND_VALUES {
        return;
    }
    out.push(value);
    for child in children(value) {
        descend(child, out);
    }
}

impl Range {
    fn apply<'a>(self, value: &'a Tree<'a>, out: &mut Vec<&'a Tree<'a>>) {
        let Some(items) = value.as_array() else { return };
        let length = i64::try_from(items.len()).unwrap_or(i64::MAX);
        let from_end = |place: i64| if place < 0 { place + length } else { place };
        let start = from_end(self.start.unwrap_or(0));
        let end = from_end(self.end.unwrap_or(length)).min(length);
        let (Ok(start), Ok(end), Ok(step)) = (usize::try_from(start), usize::try_from(end), usize::try_from(self.step)) else {
            return;
        };
        out.extend(items.get(start..end).into_iter().flatten().step_by(step));
    }
}

impl Operand {
    /// What it stands for at an item.
    fn of<'a>(&'a self, item: &'a Tree<'a>) -> Option<&'a Tree<'a>> {
        match self {
            Operand::Path(path) => path.first(item),
            Operand::Literal(literal) => Some(literal),
        }
    }
}

fn passes(item: &Tree<'_>, left: &Operand, test: Option<&(Operator, Operand)>) -> bool {
    let Some(left) = left.of(item) else { return false };
    let Some((operator, right)) = test else { return true };
    let Some(right) = right.of(item) else { return false };
    let order = match (left, right) {
        (Tree::Text(a), Tree::Text(b)) => Some(a.cmp(b)),
        (Tree::Number(a), Tree::Number(b)) => a.as_f64().zip(b.as_f64()).and_then(|(a, b)| a.partial_cmp(&b)),
        _ => None,
    };
    match operator {
        Operator::Equal => order.map_or(left == right, |o| o.is_eq()),
        Operator::NotEqual => order.map_or(left != right, |o| o.is_ne()),
        Operator::Less => order.is_some_and(|o| o.is_lt()),
        Operator::LessEqual => order.is_some_and(|o| o.is_le()),
        Operator::Greater => order.is_some_and(|o| o.is_gt()),
        Operator::GreaterEqual => order.is_some_and(|o| o.is_ge()),
    }
}
