//! Real requests, and the documents of the corpus, changed at random: whatever comes out is read the same by rxml, or
//! refused by both.
//!
//! Environment, for `tests/xml_oracle.py --compare` and for longer runs: `XML_STRICT_CASES` (how many),
//! `XML_STRICT_SEED` (which), `XML_STRICT_DUMP` (a file to write every document and reading into).

use std::cell::RefCell;
use std::env;
use std::fs::File;
use std::io::{BufWriter, Write};

use proptest::collection::vec;
use proptest::prelude::{Strategy, any};
use proptest::prop_oneof;
use proptest::sample::{Index, select};
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner};
use serde_json::json;

use crate::corpus;
use crate::reading::{Verdict, as_json, read};
use crate::rxml_rules::compare;

const REQUESTS: [&str; 12] = [
    include_str!("../../fixtures/xml/requests/dotnet.xml"),
    include_str!("../../fixtures/xml/requests/emacs-rpc.xml"),
    include_str!("../../fixtures/xml/requests/gsoap.xml"),
    include_str!("../../fixtures/xml/requests/headers.xml"),
    include_str!("../../fixtures/xml/requests/kdsoap-digest.xml"),
    include_str!("../../fixtures/xml/requests/node-soap-token.xml"),
    include_str!("../../fixtures/xml/requests/perl-by-hand.xml"),
    include_str!("../../fixtures/xml/requests/php-soap12.xml"),
    include_str!("../../fixtures/xml/requests/php.xml"),
    include_str!("../../fixtures/xml/requests/soap-lite.xml"),
    include_str!("../../fixtures/xml/requests/suds-token.xml"),
    include_str!("../../fixtures/xml/requests/zeep-token.xml"),
];

/// Pieces that mean something to a parser.
const TOKENS: [&str; 62] = [
    "<",
    ">",
    "/>",
    "</",
    "&",
    ";",
    "'",
    "\"",
    "=",
    " ",
    "\r",
    "\n",
    "\r\n",
    "\t",
    ":",
    "/",
    "!",
    "?",
    "]",
    "]]>",
    "-",
    "--",
    "-->",
    "<!--",
    "<!-- -->",
    "<![CDATA[",
    "<![CDATA[]]>",
    "<a/>",
    "<a>",
    "</a>",
    "<p:a/>",
    "<a xmlns=''/>",
    "&amp;",
    "&lt;",
    "&#65;",
    "&#x1F600;",
    "&#13;",
    "&#32;",
    "&#1;",
    "&#xD800;",
    "&nope;",
    " a=''",
    " a='&lt;'",
    " xmlns=''",
    " xmlns='u'",
    " xmlns:p='u'",
    " xmlns:q='u'",
    " p:a='1'",
    " q:a='2'",
    " xmlns:xml='u'",
    " xml:lang=''",
    "<?xml version='1.0'?>",
    "<?p?>",
    "<!DOCTYPE a>",
    "\u{FEFF}",
    "\u{1}",
    "\u{FFFE}",
    "é",
    "\u{1F600}",
    "xmlns",
    "arg0",
    "\0",
];

/// Pieces that may well stand between two tags.
const CONTENT: [&str; 15] = [
    "text",
    " ",
    "\r\n",
    "\r",
    "<!-- - -->",
    "<a/>",
    "<a b='1'>x</a>",
    "&amp;",
    "&#65;",
    "&#xD;",
    "&#1;",
    "]]&gt;",
    "<![CDATA[<&]]>",
    "<a xmlns='u'/>",
    "é",
];

/// Pieces that may well stand in a start tag.
const ATTRIBUTES: [&str; 12] = [
    " a=''",
    " b = \"'\"",
    " c='&lt;&#10;\t\r\n'",
    " xmlns='u'",
    " xmlns:p='u'",
    " xmlns:q='&#117;'",
    " p:a='1'",
    " q:a='2'",
    " xml:lang='en'",
    " xmlns=''",
    "\r\n",
    " d='é>'",
];

/// One change to a document.
#[derive(Clone, Debug)]
enum Edit {
    /// Puts an attribute at the end of a tag.
    Attribute {
        tag: Index,
        token: &'static str,
    },
    /// Puts something behind a tag.
    Content {
        tag: Index,
        token: &'static str,
    },
    Delete {
        at: Index,
        length: usize,
    },
    Duplicate {
        at: Index,
        length: usize,
        to: Index,
    },
    Flip {
        at: Index,
        bits: u8,
    },
    Insert {
        at: Index,
        token: &'static str,
    },
    Replace {
        at: Index,
        length: usize,
        token: &'static str,
    },
    Splice {
        at: Index,
        other: Index,
        from: Index,
        length: usize,
    },
    Truncate {
        at: Index,
    },
}

fn edits() -> impl Strategy<Value = Edit> {
    let length = || prop_oneof![4 => 1_usize..8, 1 => 8_usize..200];
    let at = any::<Index>;
    prop_oneof![
        12 => (at(), select(&CONTENT[..])).prop_map(|(tag, token)| Edit::Content { tag, token }),
        8 => (at(), select(&ATTRIBUTES[..])).prop_map(|(tag, token)| Edit::Attribute { tag, token }),
        3 => (at(), length()).prop_map(|(at, length)| Edit::Delete { at, length }),
        3 => (at(), length(), at()).prop_map(|(at, length, to)| Edit::Duplicate { at, length, to }),
        3 => (at(), prop_oneof![(0_u32..8).prop_map(|bit| 1 << bit), any::<u8>()])
            .prop_map(|(at, bits)| Edit::Flip { at, bits }),
        8 => (at(), select(&TOKENS[..])).prop_map(|(at, token)| Edit::Insert { at, token }),
        4 => (at(), length(), select(&TOKENS[..])).prop_map(|(at, length, token)| Edit::Replace { at, length, token }),
        2 => (at(), at(), at(), length()).prop_map(|(at, other, from, length)| Edit::Splice { at, other, from, length }),
        1 => at().prop_map(|at| Edit::Truncate { at }),
    ]
}

impl Edit {
    fn apply(&self, body: &mut Vec<u8>, seeds: &[Vec<u8>]) {
        let place = |index: &Index, body: &[u8]| index.index(body.len() + 1);
        let span = |at: usize, length: usize, body: &[u8]| at..(at + length).min(body.len());
        let tag_ends = |body: &[u8]| (0..body.len()).filter(|at| body[*at] == b'>').collect::<Vec<_>>();
        match self {
            Self::Attribute { tag, token } => {
                let ends = tag_ends(body);
                if !ends.is_empty() {
                    let end = *tag.get(&ends);
                    let end = if end > 0 && body[end - 1] == b'/' { end - 1 } else { end };
                    body.splice(end..end, token.bytes());
                }
            }
            Self::Content { tag, token } => {
                let ends = tag_ends(body);
                if !ends.is_empty() {
                    let at = *tag.get(&ends) + 1;
                    body.splice(at..at, token.bytes());
                }
            }
            Self::Delete { at, length } => {
                let at = place(at, body);
                body.drain(span(at, *length, body));
            }
            Self::Duplicate { at, length, to } => {
                let at = place(at, body);
                let piece = body[span(at, *length, body)].to_vec();
                let to = place(to, body);
                body.splice(to..to, piece);
            }
            Self::Flip { at, bits } => {
                let at = place(at, body);
                if let Some(byte) = body.get_mut(at) {
                    *byte ^= bits;
                }
            }
            Self::Insert { at, token } => {
                let at = place(at, body);
                body.splice(at..at, token.bytes());
            }
            Self::Replace { at, length, token } => {
                let at = place(at, body);
                body.splice(span(at, *length, body), token.bytes());
            }
            Self::Splice { at, other, from, length } => {
                let other = &seeds[other.index(seeds.len())];
                let from = place(from, other);
                let piece = other[span(from, *length, other)].to_vec();
                let at = place(at, body);
                body.splice(at..at, piece);
            }
            Self::Truncate { at } => body.truncate(place(at, body)),
        }
    }
}

fn number(variable: &str, default: u32) -> u32 {
    env::var(variable).map_or(default, |value| value.parse().expect("a number"))
}

#[test]
fn mutated_requests_are_read_as_rxml_reads_them() {
    let mut seeds: Vec<Vec<u8>> = REQUESTS.iter().map(|request| request.as_bytes().to_vec()).collect();
    for seed in &seeds {
        assert!(matches!(read(seed, None), Verdict::Read(_)), "{}", String::from_utf8_lossy(seed));
    }
    let small = |entry: &corpus::Entry| entry.charset.is_none() && entry.body.len() < 300;
    seeds.extend(corpus::entries().into_iter().filter(small).map(|entry| entry.body));

    let dump =
        env::var_os("XML_STRICT_DUMP").map(|path| RefCell::new(BufWriter::new(File::create(path).expect("a file"))));
    let accepted = RefCell::new(0_u32);
    let cases = number("XML_STRICT_CASES", 6_000);
    let mut seed = [0; 32];
    seed[..4].copy_from_slice(&number("XML_STRICT_SEED", 0).to_le_bytes());
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &seed));
    // Requests three times as often as all the small documents together.
    let origin = prop_oneof![3 => 0..REQUESTS.len(), 1 => 0..seeds.len()];
    let outcome = runner.run(&(origin, vec(edits(), 1..4)), |(origin, edits)| {
        let mut body = seeds[origin].clone();
        for edit in &edits {
            edit.apply(&mut body, &seeds);
        }
        let verdict = read(&body, None);
        if let Verdict::Read(_) = verdict {
            *accepted.borrow_mut() += 1;
        }
        if let Some(dump) = &dump {
            let reading = if let Verdict::Read(reading) = &verdict { as_json(reading) } else { json!(null) };
            let line = if let Ok(text) = std::str::from_utf8(&body) {
                json!({ "document": text, "soap": verdict.label(), "reading": reading })
            } else {
                json!({ "bytes": hex(&body), "soap": verdict.label(), "reading": reading })
            };
            writeln!(dump.borrow_mut(), "{line}").expect("written");
        }
        // rxml reads UTF-8 only, and that without looking at the declaration.
        if let Ok(text) = std::str::from_utf8(&body) {
            compare(text.strip_prefix('\u{FEFF}').unwrap_or(text)).map_err(TestCaseError::fail)?;
        }
        Ok(())
    });
    if let Err(TestError::Fail(reason, (origin, edits))) = &outcome {
        panic!("{reason}\nfrom document {origin} by {edits:?}");
    }
    outcome.expect("every mutation is read alike");
    let accepted = accepted.into_inner();
    assert!(accepted > cases / 5, "only {accepted} of {cases} mutations were accepted: they test too little");
}

fn hex(bytes: &[u8]) -> String {
    let digit = |value: u8| char::from_digit(u32::from(value), 16).expect("a digit");
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}
