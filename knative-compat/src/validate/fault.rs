//! Field errors as Knative collects them: messages with paths, merged when they say the same, sorted, some only warnings.

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// What is wrong.
    pub message: String,
    /// Where.
    pub paths: Vec<String>,
    /// More about it, on a line of its own.
    pub details: String,
    /// Whether the write is taken all the same.
    pub warning: bool,
}

/// Everything that is wrong.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Faults(Vec<Fault>);

impl Faults {
    /// Nothing is wrong.
    #[must_use]
    pub const fn none() -> Self {
        Self(Vec::new())
    }

    /// Any message.
    #[must_use]
    pub fn generic(message: impl Into<String>, paths: &[&str]) -> Self {
        let paths = paths.iter().map(|p| (*p).to_owned()).collect();
        Self(vec![Fault { message: message.into(), paths, details: String::new(), warning: false }])
    }

    /// `missing field(s)`.
    #[must_use]
    pub fn missing(paths: &[&str]) -> Self {
        Self::generic("missing field(s)", paths)
    }

    /// `must not set the field(s)`.
    #[must_use]
    pub fn disallowed(paths: &[&str]) -> Self {
        Self::generic("must not set the field(s)", paths)
    }

    /// `invalid value: v`.
    #[must_use]
    pub fn invalid(value: impl std::fmt::Display, path: &str) -> Self {
        Self::generic(format!("invalid value: {value}"), &[path])
    }

    /// `expected A <= V <= B`.
    #[must_use]
    pub fn out_of_bounds(
        value: impl std::fmt::Display,
        low: impl std::fmt::Display,
        high: impl std::fmt::Display,
        path: &str,
    ) -> Self {
        Self::generic(format!("expected {low} <= {value} <= {high}"), &[path])
    }

    /// `expected exactly one, got neither`.
    #[must_use]
    pub fn neither(paths: &[&str]) -> Self {
        Self::generic("expected exactly one, got neither", paths)
    }

    /// `expected exactly one, got both`.
    #[must_use]
    pub fn both(paths: &[&str]) -> Self {
        Self::generic("expected exactly one, got both", paths)
    }

    /// `invalid key name "k"`.
    #[must_use]
    pub fn key_name(key: &str, path: &str, details: &str) -> Self {
        Self::generic(format!("invalid key name {key:?}"), &[path]).details(details)
    }

    /// With a line of details.
    #[must_use]
    pub fn details(mut self, details: impl Into<String>) -> Self {
        let details = details.into();
        for fault in &mut self.0 {
            fault.details.clone_from(&details);
        }
        self
    }

    /// As warnings.
    #[must_use]
    pub fn as_warning(mut self) -> Self {
        for fault in &mut self.0 {
            fault.warning = true;
        }
        self
    }

    /// Adds others.
    pub fn also(&mut self, others: Self) {
        self.0.extend(others.0);
    }

    /// Both together.
    #[must_use]
    pub fn and(mut self, others: Self) -> Self {
        self.also(others);
        self
    }

    /// Seen from one level above.
    #[must_use]
    pub fn via(mut self, prefix: &str) -> Self {
        for path in self.0.iter_mut().flat_map(|fault| fault.paths.iter_mut()) {
            *path = match path.as_str() {
                "" => prefix.to_owned(),
                index if is_index(index) => format!("{prefix}{index}"),
                inner => format!("{prefix}.{inner}"),
            };
        }
        self
    }

    /// Seen from the list above.
    #[must_use]
    pub fn via_index(self, field: &str, index: usize) -> Self {
        self.via(&format!("{field}[{index}]"))
    }

    /// The texts of the warnings, each for a header of its own.
    #[must_use]
    pub fn warnings(&self) -> Vec<String> {
        self.texts(true)
    }

    /// The text of the errors, one on each line; `None` when there are none.
    #[must_use]
    pub fn message(&self) -> Option<String> {
        let texts = self.texts(false);
        if texts.is_empty() { None } else { Some(texts.join("\n")) }
    }

    fn texts(&self, warning: bool) -> Vec<String> {
        let mut merged: Vec<(&str, &str, Vec<&str>)> = Vec::new();
        for fault in self.0.iter().filter(|fault| fault.warning == warning) {
            let paths = fault.paths.iter().map(String::as_str);
            match merged.iter_mut().find(|(message, details, _)| *message == fault.message && *details == fault.details) {
                Some((_, _, known)) => known.extend(paths),
                None => merged.push((&fault.message, &fault.details, paths.collect())),
            }
        }
        merged.sort();
        let text = |(message, details, mut paths): (&str, &str, Vec<&str>)| {
            paths.sort_unstable();
            paths.dedup();
            let place = paths.join(", ");
            if details.is_empty() { format!("{message}: {place}") } else { format!("{message}: {place}\n{details}") }
        };
        merged.into_iter().map(text).collect()
    }
}

/// Whether a path starts with an index of the list above it. A key in brackets contains dots and stays apart.
fn is_index(path: &str) -> bool {
    path.strip_prefix('[').and_then(|rest| rest.split_once(']')).is_some_and(|(inner, _)| !inner.contains('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_are_merged_and_sorted() {
        let all = Faults::missing(&["b"]).and(Faults::invalid(7, "x")).and(Faults::missing(&["a"]).via("l"));
        assert_eq!(all.message().as_deref(), Some("invalid value: 7: x\nmissing field(s): b, l.a"));
        assert_eq!(Faults::missing(&["[0].tag"]).via("traffic").message().as_deref(), Some("missing field(s): traffic[0].tag"));
        assert!(Faults::missing(&["a"]).as_warning().message().is_none());
    }
}
