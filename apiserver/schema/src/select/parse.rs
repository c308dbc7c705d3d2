//! The grammar of label selectors: upstream's scanner and parser, because its errors name what they found.

use super::{Operator, Requirement, SelectorError, names};

/// Requirements in one selector; a URL of the largest size that is served holds fewer.
const MAX_REQUIREMENTS: usize = 10_000;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Token {
    Error,
    End,
    Close,
    Comma,
    Not,
    DoubleEquals,
    Equals,
    Greater,
    Identifier,
    In,
    Less,
    NotEquals,
    NotIn,
    Open,
}

fn token(text: &str) -> Option<Token> {
    Some(match text {
        ")" => Token::Close,
        "," => Token::Comma,
        "!" => Token::Not,
        "==" => Token::DoubleEquals,
        "=" => Token::Equals,
        ">" => Token::Greater,
        "in" => Token::In,
        "<" => Token::Less,
        "!=" => Token::NotEquals,
        "notin" => Token::NotIn,
        "(" => Token::Open,
        _ => return None,
    })
}

fn is_symbol(byte: u8) -> bool {
    matches!(byte, b'=' | b'!' | b'(' | b')' | b',' | b'>' | b'<')
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}

/// Splits a selector into tokens; the last is always the end.
fn scan(text: &str) -> Vec<(Token, String)> {
    let bytes = text.as_bytes();
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        if is_space(byte) {
            at += 1;
        } else if is_symbol(byte) {
            let (token, literal) = symbol(text, &mut at);
            tokens.push((token, literal));
        } else if byte == 0 {
            // Upstream's scanner takes a NUL for the end.
            break;
        } else {
            let start = at;
            while bytes.get(at).is_some_and(|b| *b != 0 && !is_symbol(*b) && !is_space(*b)) {
                at += 1;
            }
            let literal = &text[start..at];
            tokens.push((token(literal).unwrap_or(Token::Identifier), literal.to_owned()));
        }
    }
    tokens.push((Token::End, String::new()));
    tokens
}

/// The longest operator at `at`; symbols that begin none are an error.
fn symbol(text: &str, at: &mut usize) -> (Token, String) {
    let bytes = text.as_bytes();
    let start = *at;
    let mut last = None;
    while bytes.get(*at).is_some_and(|b| is_symbol(*b)) {
        let literal = &text[start..=*at];
        match token(literal) {
            Some(token) => last = Some((token, literal)),
            None if last.is_some() => break,
            None => {}
        }
        *at += 1;
    }
    match last {
        Some((token, literal)) => (token, literal.to_owned()),
        None => (Token::Error, format!("error expected: keyword found '{}'", &text[start..*at])),
    }
}

struct Parser {
    tokens: Vec<(Token, String)>,
    at: usize,
}

/// Parses a selector's text.
pub(super) fn requirements(text: &str) -> Result<Vec<Requirement>, SelectorError> {
    let mut parser = Parser { tokens: scan(text), at: 0 };
    let mut requirements = Vec::new();
    loop {
        match parser.look() {
            (Token::Identifier | Token::Not, _) => {}
            (Token::End, _) => return Ok(requirements),
            (_, found) => return fail(format!("found '{found}', expected: !, identifier, or 'end of string'")),
        }
        let requirement =
            parser.requirement().map_err(|SelectorError(why)| SelectorError(format!("unable to parse requirement: {why}")))?;
        requirements.push(requirement);
        if requirements.len() > MAX_REQUIREMENTS {
            return fail(format!("too many requirements, at most {MAX_REQUIREMENTS} are allowed"));
        }
        match parser.take() {
            (Token::End, _) => return Ok(requirements),
            (Token::Comma, _) => {
                let (next, found) = parser.look();
                if !matches!(next, Token::Identifier | Token::Not) {
                    return fail(format!("found '{found}', expected: identifier after ','"));
                }
            }
            (_, found) => return fail(format!("found '{found}', expected: ',' or 'end of string'")),
        }
    }
}

fn fail<T>(text: String) -> Result<T, SelectorError> {
    Err(SelectorError(text))
}

impl Parser {
    /// The next token where a value may be: `in` and `notin` are identifiers there.
    fn look(&self) -> (Token, &str) {
        let (token, literal) = self.raw(self.at);
        (if matches!(token, Token::In | Token::NotIn) { Token::Identifier } else { token }, literal)
    }

    fn raw(&self, at: usize) -> (Token, &str) {
        self.tokens.get(at).map_or((Token::End, ""), |(token, literal)| (*token, literal))
    }

    fn take(&mut self) -> (Token, String) {
        let (token, literal) = self.look();
        let taken = (token, literal.to_owned());
        self.at += 1;
        taken
    }

    fn requirement(&mut self) -> Result<Requirement, SelectorError> {
        let (mut token, mut key) = self.take();
        let negated = token == Token::Not;
        if negated {
            (token, key) = self.take();
        }
        if token != Token::Identifier {
            return fail(format!("found '{key}', expected: identifier"));
        }
        let problems = names::label_key_problems(&key);
        if !problems.is_empty() {
            return fail(format!("<nil>: Invalid value: {key:?}: {}", problems.join("; ")));
        }
        if negated {
            return Requirement::new(&key, Operator::DoesNotExist, &[]);
        }
        if matches!(self.look().0, Token::End | Token::Comma) {
            return Requirement::new(&key, Operator::Exists, &[]);
        }
        let operator = self.operator()?;
        let mut values = match operator {
            Operator::In | Operator::NotIn => self.list()?,
            _ => vec![self.exact()?],
        };
        values.sort_unstable();
        values.dedup();
        let values: Vec<&str> = values.iter().map(String::as_str).collect();
        Requirement::new(&key, operator, &values)
    }

    fn operator(&mut self) -> Result<Operator, SelectorError> {
        let (token, literal) = self.raw(self.at);
        let operator = match token {
            Token::In => Operator::In,
            Token::NotIn => Operator::NotIn,
            Token::Equals => Operator::Equals,
            Token::DoubleEquals => Operator::DoubleEquals,
            Token::NotEquals => Operator::NotEquals,
            Token::Greater => Operator::GreaterThan,
            Token::Less => Operator::LessThan,
            _ => return fail(format!("found '{literal}', expected: in, notin, =, ==, !=, gt, lt")),
        };
        self.at += 1;
        Ok(operator)
    }

    fn exact(&mut self) -> Result<String, SelectorError> {
        if matches!(self.look().0, Token::End | Token::Comma) {
            return Ok(String::new());
        }
        match self.take() {
            (Token::Identifier, value) => Ok(value),
            (_, found) => fail(format!("found '{found}', expected: identifier")),
        }
    }

    /// `(a,b)`; empty places are empty values.
    fn list(&mut self) -> Result<Vec<String>, SelectorError> {
        match self.take() {
            (Token::Open, _) => {}
            (_, found) => return fail(format!("found '{found}' expected: '('")),
        }
        match self.look() {
            (Token::Identifier | Token::Comma, _) => {}
            (Token::Close, _) => {
                self.at += 1;
                return Ok(vec![String::new()]);
            }
            (_, found) => return fail(format!("found '{found}', expected: ',', ')' or identifier")),
        }
        let mut values = Vec::new();
        loop {
            match self.take() {
                (Token::Identifier, value) => {
                    values.push(value);
                    match self.look() {
                        (Token::Comma, _) => {}
                        (Token::Close, _) => break,
                        (_, found) => return fail(format!("found '{found}', expected: ',' or ')'")),
                    }
                }
                (Token::Comma, _) => {
                    let next = self.look().0;
                    if values.is_empty() || matches!(next, Token::Close | Token::Comma) {
                        values.push(String::new());
                    }
                    if next == Token::Close {
                        break;
                    }
                }
                (_, found) => return fail(format!("found '{found}', expected: ',', or identifier")),
            }
        }
        self.at += 1;
        Ok(values)
    }
}
