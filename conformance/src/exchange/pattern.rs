//! The few patterns that `exchanges.py` writes as regular expressions, by hand: each says how many bytes it takes at the start
//! of a text. Fed by normalisation only.

/// Replaces every place where `matcher` takes bytes, left to right.
pub fn replace(text: &str, matcher: impl Fn(&str) -> Option<(usize, String)>) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        if let Some((taken, new)) = matcher(rest) {
            out.push_str(&new);
            rest = &rest[taken..];
        } else {
            out.push(first);
            rest = &rest[first.len_utf8()..];
        }
    }
    out
}

/// How many leading bytes satisfy `test`.
pub fn run(text: &str, test: impl Fn(u8) -> bool) -> usize {
    text.bytes().take_while(|byte| test(*byte)).count()
}

fn digits(text: &str) -> usize {
    run(text, |byte| byte.is_ascii_digit())
}

/// `[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`
pub fn uid(text: &str) -> Option<(usize, String)> {
    let bytes = text.as_bytes().get(..36)?;
    let fits = bytes.iter().enumerate().all(|(i, byte)| match i {
        8 | 13 | 18 | 23 => *byte == b'-',
        _ => byte.is_ascii_digit() || (b'a'..=b'f').contains(byte),
    });
    fits.then(|| (36, "<uid>".to_owned()))
}

/// `^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$`
pub fn is_time(text: &str) -> bool {
    let Some(head) = text.get(..19) else { return false };
    let shape = head.bytes().zip("dddd-dd-ddTdd:dd:dd".bytes()).all(|(is, must)| match must {
        b'd' => is.is_ascii_digit(),
        other => is == other,
    });
    let tail = &text[19..];
    shape && (tail == "Z" || tail.strip_prefix('.').is_some_and(|rest| digits(rest) > 0 && &rest[digits(rest)..] == "Z"))
}

/// `^\d+\.\d+\.\d+\.\d+$`
pub fn is_address(text: &str) -> bool {
    let parts: Vec<&str> = text.split('.').collect();
    parts.len() == 4 && parts.iter().all(|part| !part.is_empty() && digits(part) == part.len())
}

/// `kube-api-access-[a-z0-9]{5}`
pub fn access_volume(text: &str) -> Option<(usize, String)> {
    let prefix = "kube-api-access-";
    let suffix = text.strip_prefix(prefix)?;
    let length = run(suffix, |byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    (length >= 5).then(|| (prefix.len() + 5, format!("{prefix}<suffix>")))
}

/// `current: \d+`
pub fn current(text: &str) -> Option<(usize, String)> {
    let length = digits(text.strip_prefix("current: ")?);
    (length > 0).then(|| ("current: ".len() + length, "current: <rv>".to_owned()))
}

/// `in scheme "[^"]+"`
pub fn scheme(text: &str) -> Option<(usize, String)> {
    let name = text.strip_prefix("in scheme \"")?;
    let end = name.find('"').filter(|end| *end > 0)?;
    Some(("in scheme \"".len() + end + 1, "in scheme \"<scheme>\"".to_owned()))
}

/// `(resource version|resourceVersion):? ?"?\d+"?( \(\d+\))?`
pub fn version(text: &str) -> Option<(usize, String)> {
    let name = ["resource version", "resourceVersion"].into_iter().find(|name| text.starts_with(name))?;
    let mut at = name.len();
    for optional in [":", " ", "\""] {
        if text[at..].starts_with(optional) {
            at += 1;
        }
    }
    let length = digits(&text[at..]);
    if length == 0 {
        return None;
    }
    at += length;
    if text[at..].starts_with('"') {
        at += 1;
    }
    if let Some(inner) = text[at..].strip_prefix(" (") {
        let length = digits(inner);
        if length > 0 && inner[length..].starts_with(')') {
            at += length + 3;
        }
    }
    Some((at, format!("{name} <rv>")))
}

/// `^(.*is invalid: )\[(.*)\]$`: the server's order of several field errors is not fixed.
pub fn several(text: &str) -> Option<String> {
    let marker = "is invalid: [";
    let start = text.rfind(marker)? + marker.len();
    let inner = text[start..].strip_suffix(']')?;
    let mut parts: Vec<&str> = inner.split(", ").collect();
    parts.sort_unstable();
    Some(format!("{}{}]", &text[..start], parts.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_in_messages_are_replaced_whole() {
        for (text, want) in [
            ("too old resource version: 12 (345)", "too old resource version <rv>"),
            ("resourceVersion: \"7\" x", "resourceVersion <rv> x"),
            ("resourceVersion must be set", "resourceVersion must be set"),
            ("resource version12)", "resource version <rv>)"),
        ] {
            assert_eq!(replace(text, version), want);
        }
    }

    #[test]
    fn times_uids_and_volumes() {
        assert!(is_time("2026-11-24T08:29:52Z") && is_time("2026-11-24T08:29:52.123456Z"));
        assert!(!is_time("2026-11-24T08:29:52") && !is_time("2026-11-24T08:29:52.Z"));
        assert_eq!(replace("a 4ece449c-3597-4454-ade6-e8945eb16b45.", uid), "a <uid>.");
        assert_eq!(replace("kube-api-access-qv65t", access_volume), "kube-api-access-<suffix>");
        assert_eq!(several("X is invalid: [b: 2, a: 1]").as_deref(), Some("X is invalid: [a: 1, b: 2]"));
    }
}
