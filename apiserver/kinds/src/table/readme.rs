//! The README's table of kinds, made from the resource table, so that what is promised is what discovery shows.

use super::{REFUSED, Resource, Verbs, resources};
use std::fmt::Write as _;

/// The table as Markdown: a row a resource, with its subresources; then what is refused by name.
#[must_use]
pub fn markdown() -> String {
    let mut out = String::from("| Group/version | Kind | Verbs | Subresources |\n|---|---|---|---|\n");
    for resource in resources() {
        let subresources: Vec<&str> = resource.subresources.iter().map(|s| s.name.as_ref()).collect();
        // Writing to a string cannot fail.
        let _ = writeln!(
            out,
            "| {} | {} | {} | {} |",
            resource.api_version(),
            resource.kind,
            verbs(resource),
            subresources.join(", ")
        );
    }
    out.push_str("\nNot served, with the reason:\n\n| Group | Resource | Why |\n|---|---|---|\n");
    for refused in REFUSED {
        let group = if refused.group.is_empty() { "core" } else { refused.group };
        let _ = writeln!(out, "| {group} | {} | {} |", refused.plural, refused.why);
    }
    out
}

fn verbs(resource: &Resource) -> String {
    if resource.verbs == Verbs::ALL {
        return "all".into();
    }
    resource.verbs.names().collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_readme_has_this_table() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../README.md");
        let readme = std::fs::read_to_string(path).unwrap();
        let (begin, end) = ("<!-- kinds -->\n", "<!-- /kinds -->");
        let (head, rest) = readme.split_once(begin).unwrap();
        let (now, tail) = rest.split_once(end).unwrap();
        if std::env::var_os("SKIFF_BLESS").is_some() {
            std::fs::write(path, format!("{head}{begin}{}{end}{tail}", markdown())).unwrap();
        } else {
            assert_eq!(now, markdown(), "run `make readme`");
        }
    }
}
