#!/usr/bin/env python3
"""Lets expat, an XML parser that shares nothing with ours, judge the documents that `cargo test --test xml_strict` reads.

    tests/xml_oracle.py                      expat still says what fixtures/xml/documents.jsonl records, and our
                                             recorded verdicts agree with it or name a rule of DISAGREEMENTS
    tests/xml_oracle.py --record             write expat's verdicts and the rules into that file
    tests/xml_oracle.py --compare            run the cargo test, let it write down every mutated document together with
                                             what was read from it, and read all of them with expat
        [--cases N] [--seed N]               how many mutations, and which
    tests/xml_oracle.py --check-dump FILE    the second half of --compare, on a file that was written before

Needs Python 3.8 and nothing else. Exits with 1 on any disagreement that no rule explains.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from xml.parsers import expat

ROOT = Path(__file__).resolve().parent.parent
DOCUMENTS = ROOT / "fixtures" / "xml" / "documents.jsonl"
# No XML document can hold it, so it is in no namespace name.
SEPARATOR = "\f"
BLANKS = " \t\r\n"

# Every reason for which the two may disagree; nothing else may.
DISAGREEMENTS = {
    "document-type": "SOAP forbids document type declarations",
    "processing-instruction": "SOAP forbids processing instructions",
    "forbidden-reference": "a forbidden character given by reference is marked, and its refusal left to the caller",
    "version": "only XML 1.0 is read; expat takes any version",
    "fifth-edition": "names follow the fifth edition of XML 1.0, expat's the fourth",
    "encoding": "an encoding has to be said (UTF-16 without a mark), known, and said alike everywhere",
}


def read(document, charset):
    """What expat reads: `None` when it refuses, else one entry per element, in document order."""
    elements = []
    stack = []

    def split(name):
        namespace, _, local = name.rpartition(SEPARATOR)
        return namespace, local

    def start(name, attributes):
        if stack:
            stack[-1]["children"] = True
        pairs = sorted([*split(attribute), value] for attribute, value in zip(attributes[::2], attributes[1::2]))
        element = {"depth": len(stack), "name": split(name), "attributes": pairs, "text": "", "children": False}
        stack.append(element)
        elements.append(element)

    def end(_name):
        stack.pop()

    def text(data):
        stack[-1]["text"] += data

    try:
        parser = expat.ParserCreate(charset, SEPARATOR)
        parser.ordered_attributes = True
        parser.StartElementHandler = start
        parser.EndElementHandler = end
        parser.CharacterDataHandler = text
        parser.Parse(document, True)
    except (expat.ExpatError, LookupError, ValueError, UnicodeError):
        return None
    return [
        [
            element["depth"],
            *element["name"],
            element["attributes"],
            None if element["children"] else element["text"],
            element["children"] and element["text"].strip(BLANKS) != "",
        ]
        for element in elements
    ]


def explain(document, ours, expat_accepts, charset):
    """The rule that explains why the verdicts differ, or `None`."""
    if not expat_accepts:
        if ours == "forbidden-reference":
            return ours
        # Letters that both editions know in the place of all others: only the name tables can have made the difference.
        if ours == "ok" and read(re.sub(r"[^\x00-\x7f]", "\u00e9", decoded(document)).encode(), "utf-8") is not None:
            return "fifth-edition"
        return None
    if ours in ("document-type", "processing-instruction"):
        return ours
    if ours.startswith("encoding-") or (charset is None and b"\0" in document[:2]):
        return "encoding"
    if ours == "malformed-declaration" and not re.match(r"<\?xml\s+version\s*=\s*['\"]1\.0['\"]", decoded(document)):
        return "version"
    return None


def decoded(document):
    for mark, encoding in ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16")):
        if document.startswith(mark):
            return document.decode(encoding, "replace")
    return document.decode("utf-8", "replace")


def bytes_of(entry):
    return bytes.fromhex(entry["bytes"]) if "bytes" in entry else entry["document"].encode()


def load(path):
    with open(path, encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def complain(entry, why):
    print(f"{why}: {json.dumps(entry, ensure_ascii=True)[:2000]}", file=sys.stderr)
    return 1


def check_documents(record):
    entries = load(DOCUMENTS)
    failures = 0
    for entry in entries:
        document, charset, ours = bytes_of(entry), entry.get("charset"), entry["soap"]
        accepts = read(document, charset) is not None
        verdict = "ok" if accepts else "refused"
        rule = None
        if (ours == "ok") != accepts or ours == "forbidden-reference":
            rule = explain(document, ours, accepts, charset)
        if rule is None and (ours == "ok") != accepts:
            failures += complain(entry, f"expat: {verdict}, and no rule explains it")
        if record:
            entry["expat"] = verdict
            entry.pop("rule", None)
            if rule is not None:
                entry["rule"] = rule
        elif entry.get("expat") != verdict or entry.get("rule") != rule:
            failures += complain(entry, f"recorded otherwise; expat now: {verdict}, rule now: {rule}")
    if record:
        with open(DOCUMENTS, "w", encoding="utf-8") as lines:
            lines.writelines(json.dumps(entry, ensure_ascii=True) + "\n" for entry in entries)
    accepted = sum(entry.get("expat") == "ok" for entry in entries)
    print(f"{expat.EXPAT_VERSION}: {len(entries)} documents, {accepted} accepted, {failures} failures")
    return len(entries), failures if entries else 1


def check_dump(path):
    failures = 0
    explained = {}
    entries = load(path)
    for entry in entries:
        document, ours = bytes_of(entry), entry["soap"]
        theirs = read(document, None)
        if (ours == "ok") == (theirs is not None):
            if ours == "ok" and entry["reading"] != theirs:
                failures += complain(entry, f"read differently: {json.dumps(theirs)[:2000]}")
            continue
        rule = explain(document, ours, theirs is not None, None)
        if rule is None:
            failures += complain(entry, f"expat {'refuses' if theirs is None else 'accepts'}, and no rule explains it")
        explained[rule] = explained.get(rule, 0) + 1
    accepted = sum(entry["soap"] == "ok" for entry in entries)
    print(f"{expat.EXPAT_VERSION}: {len(entries)} mutations, {accepted} accepted, {failures} failures, explained: {explained}")
    return len(entries), failures if entries else 1


def compare(cases, seed):
    with tempfile.TemporaryDirectory() as folder:
        dump = os.path.join(folder, "mutations.jsonl")
        settings = {"XML_STRICT_DUMP": dump, "XML_STRICT_CASES": str(cases), "XML_STRICT_SEED": str(seed)}
        command = ["cargo", "test", "--locked", "--test", "xml_strict"]
        subprocess.run(command, cwd=ROOT, env={**os.environ, **settings}, check=True)
        return check_dump(dump)


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--record", action="store_true")
    arguments.add_argument("--compare", action="store_true")
    arguments.add_argument("--check-dump", metavar="FILE")
    arguments.add_argument("--cases", type=int, default=20_000)
    arguments.add_argument("--seed", type=int, default=1)
    chosen = arguments.parse_args()
    if chosen.check_dump:
        cases, failures = check_dump(chosen.check_dump)
    else:
        cases, failures = check_documents(chosen.record)
        if chosen.compare:
            compared, differing = compare(chosen.cases, chosen.seed)
            cases, failures = cases + compared, failures + differing
    # One document may fail in more ways than one.
    failed = min(failures, max(cases, 1))
    print(f"{max(cases, 1) - failed} passed, {failed} failed, 0 skipped")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
