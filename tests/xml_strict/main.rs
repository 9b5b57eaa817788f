//! The strict layer against independent XML parsers. rxml judges here, live; what expat judged is recorded in
//! `fixtures/xml/documents.jsonl` and checked again by `tests/xml_oracle.py`, which can also let expat judge the
//! mutations made here.

#![expect(clippy::expect_used, reason = "a test that cannot go on has failed")]

mod corpus;
mod hostile;
mod mutations;
mod reading;
mod rxml_rules;
