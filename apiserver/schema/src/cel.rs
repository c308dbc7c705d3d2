//! What of CEL's grammar those need who run no expression: the words that no field and no variable may be called by.

/// Words of the language (its specification, "Syntax": literals, operators and reserved identifiers).
pub const RESERVED: &[&str] = &[
    "true",
    "false",
    "null",
    "in",
    "as",
    "break",
    "const",
    "continue",
    "else",
    "for",
    "function",
    "if",
    "import",
    "let",
    "loop",
    "package",
    "namespace",
    "return",
    "var",
    "void",
    "while",
];
