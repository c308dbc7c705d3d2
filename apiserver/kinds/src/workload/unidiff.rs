//! Unified differences of two texts, matched the way Python's difflib (and its Go port, which upstream uses) matches lines.
//!
//! Fed by the update rules of pods. Knows nothing but lines.

use std::collections::HashMap;

const CONTEXT: usize = 3;
/// From this many lines on, difflib ignores lines that stand in more than one of a hundred places.
const POPULAR_FROM: usize = 200;

/// A run of equal lines: where in each text, and how many.
type Run = (usize, usize, usize);

struct Matcher<'a> {
    a: Vec<&'a str>,
    b: Vec<&'a str>,
    places: HashMap<&'a str, Vec<usize>>,
}

impl<'a> Matcher<'a> {
    fn new(a: &'a str, b: &'a str) -> Self {
        let (a, b): (Vec<&str>, Vec<&str>) = (a.split('\n').collect(), b.split('\n').collect());
        let mut places: HashMap<&str, Vec<usize>> = HashMap::new();
        for (j, line) in b.iter().enumerate() {
            places.entry(line).or_default().push(j);
        }
        if b.len() >= POPULAR_FROM {
            let most = b.len() / 100 + 1;
            places.retain(|_, at| at.len() <= most);
        }
        Self { a, b, places }
    }

    fn longest(&self, (alo, ahi): (usize, usize), (blo, bhi): (usize, usize)) -> Run {
        let mut best = (alo, blo, 0);
        let mut lengths: HashMap<usize, usize> = HashMap::new();
        for i in alo..ahi {
            let mut next: HashMap<usize, usize> = HashMap::new();
            for &j in self.places.get(self.a[i]).into_iter().flatten() {
                if j < blo {
                    continue;
                }
                if j >= bhi {
                    break;
                }
                let length = j.checked_sub(1).and_then(|p| lengths.get(&p)).copied().unwrap_or(0) + 1;
                next.insert(j, length);
                if length > best.2 {
                    best = (i + 1 - length, j + 1 - length, length);
                }
            }
            lengths = next;
        }
        // Popular lines take no part above, but may lengthen what was found.
        while best.0 > alo && best.1 > blo && self.a[best.0 - 1] == self.b[best.1 - 1] {
            best = (best.0 - 1, best.1 - 1, best.2 + 1);
        }
        while best.0 + best.2 < ahi && best.1 + best.2 < bhi && self.a[best.0 + best.2] == self.b[best.1 + best.2] {
            best.2 += 1;
        }
        best
    }

    /// All runs in order, adjacent ones joined, closed by an empty one at the ends.
    fn runs(&self) -> Vec<Run> {
        let mut found: Vec<Run> = Vec::new();
        let mut open = vec![((0, self.a.len()), (0, self.b.len()))];
        while let Some((x, y)) = open.pop() {
            let run = self.longest(x, y);
            let (i, j, length) = run;
            if length == 0 {
                continue;
            }
            found.push(run);
            if x.0 < i && y.0 < j {
                open.push(((x.0, i), (y.0, j)));
            }
            if i + length < x.1 && j + length < y.1 {
                open.push(((i + length, x.1), (j + length, y.1)));
            }
        }
        found.sort_unstable();
        let mut joined: Vec<Run> = Vec::new();
        for run in found {
            match joined.last_mut() {
                Some(last) if last.0 + last.2 == run.0 && last.1 + last.2 == run.1 => last.2 += run.2,
                _ => joined.push(run),
            }
        }
        joined.push((self.a.len(), self.b.len(), 0));
        joined
    }
}

/// A stretch of both texts: equal, or changed.
struct Stretch {
    equal: bool,
    a: (usize, usize),
    b: (usize, usize),
}

fn stretches(runs: &[Run]) -> Vec<Stretch> {
    let (mut i, mut j) = (0, 0);
    let mut out = Vec::new();
    for &(x, y, length) in runs {
        if i < x || j < y {
            out.push(Stretch { equal: false, a: (i, x), b: (j, y) });
        }
        if length > 0 {
            out.push(Stretch { equal: true, a: (x, x + length), b: (y, y + length) });
        }
        (i, j) = (x + length, y + length);
    }
    out
}

/// Groups of stretches with at most `CONTEXT` equal lines around each change.
fn groups(all: Vec<Stretch>) -> Vec<Vec<Stretch>> {
    let count = all.len();
    let (mut out, mut group): (Vec<Vec<Stretch>>, Vec<Stretch>) = (Vec::new(), Vec::new());
    for (n, mut s) in all.into_iter().enumerate() {
        if s.equal && n == 0 {
            s.a.0 = s.a.0.max(s.a.1.saturating_sub(CONTEXT));
            s.b.0 = s.b.0.max(s.b.1.saturating_sub(CONTEXT));
        }
        if s.equal && n + 1 == count {
            s.a.1 = s.a.1.min(s.a.0 + CONTEXT);
            s.b.1 = s.b.1.min(s.b.0 + CONTEXT);
        }
        if s.equal && s.a.1 - s.a.0 > 2 * CONTEXT {
            let head = Stretch { equal: true, a: (s.a.0, s.a.0 + CONTEXT), b: (s.b.0, s.b.0 + CONTEXT) };
            group.push(head);
            out.push(std::mem::take(&mut group));
            s.a.0 = s.a.1 - CONTEXT;
            s.b.0 = s.b.1 - CONTEXT;
        }
        group.push(s);
    }
    if group.iter().any(|s| !s.equal) {
        out.push(group);
    }
    out
}

fn span((from, to): (usize, usize)) -> String {
    match to - from {
        1 => format!("{}", from + 1),
        0 => format!("{from},0"),
        length => format!("{},{length}", from + 1),
    }
}

/// The unified difference from `a` to `b`, without file names; empty when they are equal.
pub(crate) fn unified(a: &str, b: &str) -> String {
    let matcher = Matcher::new(a, b);
    let mut out = String::new();
    for group in groups(stretches(&matcher.runs())) {
        let (Some(first), Some(last)) = (group.first(), group.last()) else { continue };
        let (x, y) = ((first.a.0, last.a.1), (first.b.0, last.b.1));
        out.push_str(&format!("@@ -{} +{} @@\n", span(x), span(y)));
        let mut lines = |mark: char, from: &[&str]| {
            for line in from {
                out.push(mark);
                out.push_str(line);
                out.push('\n');
            }
        };
        for s in &group {
            if s.equal {
                lines(' ', &matcher.a[s.a.0..s.a.1]);
            } else {
                lines('-', &matcher.a[s.a.0..s.a.1]);
                lines('+', &matcher.b[s.b.0..s.b.1]);
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hunks() {
        let a: Vec<String> = (1..=20).map(|n| n.to_string()).collect();
        let mut b = a.clone();
        b[9] = "x".into();
        assert_eq!(unified(&a.join("\n"), &b.join("\n")), "@@ -7,7 +7,7 @@\n 7\n 8\n 9\n-10\n+x\n 11\n 12\n 13\n");
        assert_eq!(unified("a\nb", "a\nb"), "");
        assert_eq!(unified("a\nc", "a\nb\nc"), "@@ -1,2 +1,3 @@\n a\n+b\n c\n");
    }
}
