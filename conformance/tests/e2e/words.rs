//! Makes printed output comparable: column widths, blank lines, ages, times, addresses, uids, hashes and random endings.
//! Fed with a client's lines and with golden lines alike, so that golden files can be written as the client prints.

/// Characters of names that Kubernetes generates, and of a pod template's hash (a number, spelled with these letters).
const RANDOM: &str = "bcdfghjklmnpqrstvwxz2456789";
const HASH: &str = "456789bcdf";

/// Lines without what differs from run to run; blank ones left out.
pub fn lines(text: &str) -> Vec<String> {
    text.lines().map(line).filter(|line| !line.is_empty()).collect()
}

/// One line, words separated by one space.
pub fn line(text: &str) -> String {
    text.split_whitespace().map(word).collect::<Vec<_>>().join(" ")
}

fn word(text: &str) -> String {
    let start = text.len() - text.trim_start_matches(['(', '"', '[']).len();
    let end = text.trim_end_matches([')', '"', ']', ',', ';', '.']).len().max(start);
    let (before, inner, after) = (&text[..start], &text[start..end], &text[end..]);
    let inner = if is_age(inner) {
        "<age>".to_owned()
    } else if is_time(inner) {
        "<time>".to_owned()
    } else if is_version(inner) {
        "<version>".to_owned()
    } else {
        parts(inner)
    };
    format!("{before}{inner}{after}")
}

/// `7s`, `2m30s`, `5d`: what kubectl prints for a duration. Not `100m`, a quantity.
fn is_age(text: &str) -> bool {
    let minutes =
        text.strip_suffix('m').is_some_and(|number| number.len() > 1 && number.bytes().all(|byte| byte.is_ascii_digit()));
    !minutes
        && text.starts_with(|first: char| first.is_ascii_digit())
        && text.ends_with(['s', 'm', 'h', 'd', 'y'])
        && text.bytes().all(|byte| byte.is_ascii_digit() || b"smhdy".contains(&byte))
}

fn is_time(text: &str) -> bool {
    text.len() >= 20 && text.as_bytes().get(10) == Some(&b'T') && text.ends_with('Z') && text.starts_with("20")
}

fn is_version(text: &str) -> bool {
    text.strip_prefix("v1.").is_some_and(|rest| rest.split('.').count() == 2 && rest.starts_with(|c: char| c.is_ascii_digit()))
}

/// Names inside of a word, such as `pod/web-5478bbff74-nnd42` or `10.244.0.3:8080`.
fn parts(text: &str) -> String {
    let mut out = String::new();
    let mut name = String::new();
    for one in text.chars().chain(std::iter::once('\0')) {
        if one.is_ascii_lowercase() || one.is_ascii_digit() || one == '-' || one == '.' {
            name.push(one);
        } else {
            out.push_str(&part(&name));
            name.clear();
            out.push(one);
        }
    }
    out.pop();
    out
}

fn part(name: &str) -> String {
    if name.split('.').count() == 4 && name.split('.').all(|number| number.parse::<u8>().is_ok()) {
        return "<ip>".to_owned();
    }
    let pieces: Vec<&str> = name.split('-').collect();
    let hex = |piece: &&str| piece.bytes().all(|byte| byte.is_ascii_hexdigit());
    if pieces.iter().map(|piece| piece.len()).eq([8, 4, 4, 4, 12]) && pieces.iter().all(hex) {
        return "<uid>".to_owned();
    }
    let mut out: Vec<String> = pieces.iter().map(|piece| (*piece).to_owned()).collect();
    let last = out.len() - 1;
    if last > 0 && out[last].len() == 5 && made_of(&out[last], RANDOM) {
        "<id>".clone_into(&mut out[last]);
    }
    for piece in &mut out {
        if (8..=10).contains(&piece.len()) && made_of(piece, HASH) {
            "<hash>".clone_into(piece);
        }
    }
    out.join("-")
}

fn made_of(text: &str, letters: &str) -> bool {
    text.chars().all(|one| letters.contains(one))
}

#[test]
fn what_differs_from_run_to_run_is_named() {
    for (text, want) in [
        ("web-5478bbff74-nnd42   1/1     Running   0          2m30s", "web-<hash>-<id> 1/1 Running 0 <age>"),
        ("pod/web-5478bbff74-nnd42 condition met", "pod/web-<hash>-<id> condition met"),
        ("web   10.64.0.3:8080,10.64.0.4:8080   5s", "web <ip>:8080,<ip>:8080 <age>"),
        ("pod-template-hash=5478bbff74", "pod-template-hash=<hash>"),
        ("Normal  ScalingReplicaSet  7s (x7 over 8s)", "Normal ScalingReplicaSet <age> (x7 over <age>)"),
        ("uid 4ece449c-3597-4454-ade6-e8945eb16b45", "uid <uid>"),
        ("node-0   Ready    <none>   27s   v1.34.9", "node-0 Ready <none> <age> <version>"),
        ("hello-00001 dev.local/web:1 deleted.", "hello-00001 dev.local/web:1 deleted."),
        ("  0.123s Ready to serve.", "0.123s Ready to serve."),
    ] {
        assert_eq!(line(text), want);
    }
}
