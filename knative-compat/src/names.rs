//! Names: upstream's child names, the rules for DNS labels and subdomains with apimachinery's texts, and the MD5 that child
//! names need. Knows no kind.

mod md5;

/// `kmeta.ChildName`: parent and suffix, shortened with a hash when they do not fit into 63 characters.
#[must_use]
pub fn child(parent: &str, suffix: &str) -> String {
    const LONGEST: usize = 63;
    const HASH: usize = 32;
    if parent.len() + suffix.len() <= LONGEST {
        return format!("{parent}{suffix}");
    }
    let head = if suffix.len() >= LONGEST - HASH {
        let cut = LONGEST - HASH;
        let mut name = format!("{}{}", &parent[..parent.len().min(cut)], md5::hex(&format!("{parent}{suffix}")));
        name.truncate(LONGEST);
        return name.trim_end_matches(|c: char| !c.is_ascii_alphanumeric()).to_owned();
    } else {
        &parent[..LONGEST - HASH - suffix.len()]
    };
    format!("{head}{}{suffix}", md5::hex(parent))
}

/// The rule and its text for a DNS-1035 label.
const LABEL_1035: &str = "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic \
character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is \
'[a-z]([-a-z0-9]*[a-z0-9])?')";
const SUBDOMAIN: &str = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must \
start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is \
'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
const QUALIFIED: &str = "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an \
alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is \
'([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";

/// What is wrong with a DNS-1035 label, in apimachinery's words.
#[must_use]
pub fn label_1035(text: &str) -> Vec<String> {
    let mut wrong = too_long(text, 63);
    if !(is_label(text) && text.starts_with(|c: char| c.is_ascii_lowercase())) {
        wrong.push(LABEL_1035.into());
    }
    wrong
}

/// The same for a prefix that a generated name starts with: it may end with a dash.
#[must_use]
pub fn label_1035_prefix(text: &str) -> Vec<String> {
    let whole = text.strip_suffix('-').map_or_else(|| text.to_owned(), |head| format!("{head}a"));
    label_1035(&whole)
}

/// Whether a text is a DNS-1123 label.
#[must_use]
pub fn is_label_1123(text: &str) -> bool {
    text.len() <= 63 && is_label(text)
}

/// What is wrong with a DNS-1123 subdomain.
#[must_use]
pub fn subdomain(text: &str) -> Vec<String> {
    let mut wrong = too_long(text, 253);
    if !text.split('.').all(is_label) {
        wrong.push(SUBDOMAIN.into());
    }
    wrong
}

/// What is wrong with a qualified name without a prefix.
#[must_use]
pub fn qualified(text: &str) -> Vec<String> {
    let mut wrong = too_long(text, 63);
    let inner = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    let ends = text.starts_with(|c: char| c.is_ascii_alphanumeric()) && text.ends_with(|c: char| c.is_ascii_alphanumeric());
    if !(ends && text.chars().all(inner)) {
        wrong.push(QUALIFIED.into());
    }
    wrong
}

fn too_long(text: &str, most: usize) -> Vec<String> {
    if text.len() > most { vec![format!("must be no more than {most} characters")] } else { Vec::new() }
}

fn is_label(text: &str) -> bool {
    let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    !text.is_empty() && text.chars().all(inner) && !text.starts_with('-') && !text.ends_with('-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn child_names_are_shortened_with_a_hash() {
        assert_eq!(child("hello", "-00001"), "hello-00001");
        let long = child(&"n".repeat(63), "-00001");
        assert_eq!(long.len(), 63);
        assert!(long.ends_with("-00001"));
    }

    #[test]
    fn labels() {
        assert!(label_1035("a-b1").is_empty());
        assert_eq!(label_1035("a.b").len(), 1);
        assert_eq!(label_1035(&"n".repeat(64)), ["must be no more than 63 characters"]);
        assert!(label_1035_prefix("gen-").is_empty());
        assert!(subdomain("a.b-c").is_empty() && !subdomain("Not_OK").is_empty());
    }
}
