"""Chooses the tests of one class, and writes what became of them into RESULTS.md. Called by ../kubernetes.sh.

select LIST            prints the ginkgo focus that names exactly the tests of LIST
write LIST --junit …   puts the class's section into RESULTS.md; exits 1 if a test failed that LIST's known failures do not name

Known failures are lines `test name<TAB>reason` in the file beside LIST that ends in `-known.tsv`.
"""

import argparse
import datetime
import pathlib
import re
import sys
import xml.etree.ElementTree

NOT_RUN = "takes ten minutes or more: run with SLOW=1"
# A reason is one line of a table.
REASON_MAX = 300


def names_of(path):
    return [line for line in path.read_text().splitlines() if line]


def is_slow(name):
    return "[Slow]" in name


def focus(names):
    # Go's syntax knows no \- nor "\ " outside a class, so only what is special in both is escaped.
    return "(" + "|".join(re.sub(r"([\[\]().+*?|^$\\{}])", r"\\\1", name) for name in names) + ")$"


def known_failures(path):
    known = path.with_name(path.stem + "-known.tsv")
    if not known.exists():
        return {}
    return dict(line.split("\t", 1) for line in names_of(known))


def one_line(text):
    line = " ".join(text.split()).replace("|", "\\|")
    return line if len(line) <= REASON_MAX else line[: REASON_MAX - 1] + "…"


def outcomes(junit):
    """Test name → (outcome, seconds, what was said). A suite that died has no report, or one without some tests."""
    found = {}
    if not junit.exists():
        return found
    for case in xml.etree.ElementTree.parse(junit).iter("testcase"):
        # "[It] [sig-x] … [Conformance]", followed by the labels in some versions of ginkgo's report.
        name = re.sub(r"^\[It\] ", "", case.get("name"))
        failure = next((case.find(tag) for tag in ("failure", "error") if case.find(tag) is not None), None)
        skipped = case.find("skipped")
        if failure is not None:
            outcome, said = "failed", failure.get("message") or failure.text or ""
        elif skipped is not None:
            outcome, said = "skipped", skipped.get("message") or ""
        else:
            outcome, said = "passed", ""
        found[name] = (outcome, float(case.get("time") or 0), said)
    return found


def judge(names, found, known, slow):
    """One row a test: (name, outcome, seconds, reason, whether it was to be expected)."""
    for name in names:
        if is_slow(name) and not slow:
            yield name, "not run", None, NOT_RUN, True
            continue
        outcome, seconds, said = found.get(name, ("failed", None, "not in the suite's report"))
        if outcome == "failed":
            yield name, outcome, seconds, known.get(name, one_line(said)), name in known
        else:
            yield name, outcome, seconds, one_line(said), True


def section(options, title, rows, known):
    count = {outcome: sum(row[1] == outcome for row in rows) for outcome in ("passed", "failed", "skipped", "not run")}
    total = ", ".join(f"{n} {outcome}" for outcome, n in count.items() if n)
    lines = [
        f"## {title}",
        "",
        f"**{len(rows)} tests: {total}.**",
        "",
        f"- Server: {options.server}, `skiff up --nodes fake:2`",
        f"- Suite: {options.suite}, unmodified",
        f"- Date and duration: {datetime.datetime.now(datetime.timezone.utc):%Y-%m-%d}, {options.seconds} s",
        f"- Command: `{'SLOW=1 ' if options.slow else ''}make conformance CLASS={title.split()[-1]}`",
        "",
        "| Result | Seconds | Test | Reason |",
        "|---|---:|---|---|",
    ]
    for name, outcome, seconds, reason, expected in rows:
        shown = f"**{outcome}**" if outcome == "failed" else outcome
        note = reason if expected else f"not known before: {reason}"
        lines.append(f"| {shown} | {'' if seconds is None else f'{seconds:.1f}'} | {name.replace(' [Conformance]', '')} | {note} |")
    passed = {row[0] for row in rows if row[1] == "passed"}
    mended = sorted(passed & known.keys())
    if mended:
        lines += ["", "Known failures that passed: " + "; ".join(mended)]
    return "\n".join(lines) + "\n"


def replace_section(path, title, text):
    head = "# Upstream's conformance tests\n\nWritten by `make conformance CLASS=…`; one section a class.\n"
    old = path.read_text() if path.exists() else head
    kept = [part for part in re.split(r"(?m)^(?=## )", old) if not part.startswith(f"## {title}\n")]
    path.write_text("\n".join(part.strip("\n") + "\n" for part in [kept[0], *sorted(kept[1:] + [text])]))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("what", choices=["select", "write"])
    parser.add_argument("list", type=pathlib.Path)
    parser.add_argument("--slow", action="store_true")
    parser.add_argument("--junit", type=pathlib.Path)
    parser.add_argument("--results", type=pathlib.Path)
    parser.add_argument("--seconds", type=int)
    parser.add_argument("--server")
    parser.add_argument("--suite")
    options = parser.parse_args()
    names = names_of(options.list)
    if options.what == "select":
        print(focus(name for name in names if options.slow or not is_slow(name)))
        return
    title = options.list.stem.replace("class-", "Class ")
    known = known_failures(options.list)
    rows = list(judge(names, outcomes(options.junit), known, options.slow))
    replace_section(options.results, title, section(options, title, rows, known))
    passed = sum(row[1] == "passed" for row in rows)
    surprises = [row for row in rows if not row[4]]
    print(f"{title}: {passed} of {len(rows)} passed; {options.results}")
    for name, _, _, reason, _ in surprises:
        print(f"FAILED {name}: {reason}")
    sys.exit(1 if surprises else 0)


main()
