//! `fixtures/xml/documents.jsonl`: documents with what we say of them, what expat says, and the rule where we differ.

use serde_json::Value;

use crate::reading::{Verdict, read};
use crate::rxml_rules::compare;

const DOCUMENTS: &str = include_str!("../../fixtures/xml/documents.jsonl");

/// The rules by which expat may disagree with us, and the verdicts of ours that they explain; `tests/xml_oracle.py`
/// says what they mean and checks that each one holds where it is named.
const RULES: [(&str, &[&str]); 6] = [
    ("document-type", &["document-type"]),
    ("encoding", &["encoding-contradiction", "encoding-invalid", "encoding-unknown", "malformed-character"]),
    ("fifth-edition", &["ok"]),
    ("forbidden-reference", &["forbidden-reference"]),
    ("processing-instruction", &["processing-instruction"]),
    ("version", &["malformed-declaration"]),
];

/// One line of the file.
pub(crate) struct Entry {
    pub(crate) body: Vec<u8>,
    pub(crate) charset: Option<String>,
    soap: String,
    expat: String,
    rule: Option<String>,
}

pub(crate) fn entries() -> Vec<Entry> {
    let entry = |line: &str| {
        let line: Value = serde_json::from_str(line).expect("a line of JSON");
        let text = |key: &str| line.get(key).and_then(Value::as_str).map(str::to_owned);
        Entry {
            body: text("document").map_or_else(|| from_hex(&text("bytes").expect("bytes")), String::into_bytes),
            charset: text("charset"),
            soap: text("soap").expect("our verdict"),
            expat: text("expat").expect("expat's verdict"),
            rule: text("rule"),
        }
    };
    DOCUMENTS.lines().map(entry).collect()
}

fn from_hex(digits: &str) -> Vec<u8> {
    let byte = |pair: &[u8]| {
        let pair = std::str::from_utf8(pair).expect("digits");
        u8::from_str_radix(pair, 16).expect("two digits")
    };
    digits.as_bytes().chunks(2).map(byte).collect()
}

#[test]
fn every_document_gets_its_recorded_verdict() {
    let entries = entries();
    assert!(entries.len() >= 300, "{} documents", entries.len());
    let different: Vec<_> = entries
        .iter()
        .map(|entry| (entry, read(&entry.body, entry.charset.as_deref())))
        .filter(|(entry, verdict)| verdict.label() != entry.soap)
        .map(|(entry, verdict)| {
            format!("{:?}: {}, recorded {}", String::from_utf8_lossy(&entry.body), verdict.label(), entry.soap)
        })
        .collect();
    assert!(different.is_empty(), "{}", different.join("\n"));
}

#[test]
fn expat_agrees_or_a_rule_says_why_not() {
    for entry in entries() {
        let explained = entry.rule.as_deref().is_some_and(|rule| {
            RULES.iter().any(|(known, verdicts)| *known == rule && verdicts.contains(&entry.soap.as_str()))
        });
        assert!(["ok", "refused"].contains(&entry.expat.as_str()), "expat's verdict is recorded");
        let agree = (entry.soap == "ok") == (entry.expat == "ok");
        let text = String::from_utf8_lossy(&entry.body);
        assert!(agree || explained, "{text:?}: ours {}, expat {}", entry.soap, entry.expat);
        assert!(entry.rule.is_none() || explained, "{text:?}: the rule {:?} explains nothing", entry.rule);
    }
}

#[test]
fn rxml_agrees_or_a_rule_says_why_not() {
    let texts = entries().into_iter().filter(|entry| entry.charset.is_none());
    let texts: Vec<_> = texts.filter_map(|entry| String::from_utf8(entry.body).ok()).collect();
    assert!(texts.len() >= 300, "{} texts", texts.len());
    let unexplained: Vec<_> = texts.iter().filter_map(|text| compare(text).err()).collect();
    assert!(unexplained.is_empty(), "{}", unexplained.join("\n\n"));
}

#[test]
fn the_corpus_has_both_kinds_in_number() {
    let verdicts: Vec<_> = entries().iter().map(|entry| read(&entry.body, entry.charset.as_deref())).collect();
    let read = verdicts.iter().filter(|verdict| matches!(verdict, Verdict::Read(_))).count();
    let refused = verdicts.iter().filter(|verdict| matches!(verdict, Verdict::Refused(_))).count();
    assert!(read >= 150 && refused >= 300, "{read} read, {refused} refused");
}
