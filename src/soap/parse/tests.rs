//! What the pass refuses and accepts, rule by rule.

use std::cell::Cell;

use super::*;
use crate::soap::counted::Counted;

fn kind(text: &str) -> Result<(), ReadErrorKind> {
    read(text, &Limits::default()).map(drop).map_err(|error| error.kind)
}

fn check_flaw(flaw: Flaw, texts: &[&str]) {
    for text in texts {
        assert_eq!(kind(text), Err(ReadErrorKind::Malformed(flaw)), "{text:?}");
    }
}

#[test]
fn elements_are_closed_in_order_and_by_name() {
    check_flaw(
        Flaw::EndTag,
        &["<a>", "<a><b></a></b>", "<a></b>", "</a>", "<a/></a>", "<a></A>", "<p:a xmlns:p='u'></a>"],
    );
    check_flaw(Flaw::EndTag, &["<a></a b='c'>", "<a></ a>", "<a></a/>", "<a xmlns:p='u'><p:b></q:b></a>", "<a></>"]);
    check_flaw(
        Flaw::Markup,
        &["<a", "<a b='>", "<a></a", "<", "<a><!", "<a><![CDATA[]]", "<a><!--", "<a><![cdata[]]></a>"],
    );
    assert_eq!(kind("<a></a \n>"), Ok(()));
}

#[test]
fn there_is_one_root_and_nothing_but_blanks_and_comments_beside_it() {
    check_flaw(Flaw::OutsideRoot, &["", " ", "<?xml version='1.0'?>", "<!-- -->", "x", "<a/>x", "x<a/>", "<a/><b/>"]);
    check_flaw(Flaw::OutsideRoot, &["<a/>&#32;", "&#32;<a/>", "<a/>&amp;", "<a/><![CDATA[]]>", "<![CDATA[ ]]><a/>"]);
    assert_eq!(kind(" \r\n\t<!-- - --> <a/> <!----> \n"), Ok(()));
}

#[test]
fn a_declaration_stands_at_the_very_start() {
    check_flaw(Flaw::Declaration, &[" <?xml version='1.0'?><a/>", "<a><?xml version='1.0'?></a>", "<?xml?><a/>"]);
    check_flaw(
        Flaw::Declaration,
        &["<?xml version='1.0'?><?xml version='1.0'?><a/>", "<!-- --><?xml version='1.0'?><a/>"],
    );
    check_flaw(
        Flaw::Declaration,
        &["<?xml version='1.1'?><a/>", "<?xml encoding='UTF-8'?><a/>", "<a/><?xml version='1.0'?>"],
    );
    check_flaw(Flaw::Markup, &["<?xml version='1.0'>", "<?xml version='1.0'><a/>"]);
    check_flaw(Flaw::Character, &["\u{FEFF}<a/>", "\u{FEFF}<?xml version='1.0'?><a/>"]);
}

#[test]
fn what_soap_forbids_is_told_apart() {
    for text in
        ["<!DOCTYPE a><a/>", "<!DOCTYPE a [<!ENTITY x 'y'>]><a>&x;</a>", "<a><!DOCTYPE a></a>", "<!doctype a><a/>"]
    {
        assert_eq!(kind(text), Err(ReadErrorKind::DocumentType), "{text}");
    }
    for text in
        ["<?p?><a/>", "<a><?p x?></a>", "<a/><?p ?>", "<?XML version='1.0'?><a/>", "<a><?xmlx?></a>", "<a><? ?></a>"]
    {
        assert_eq!(kind(text), Err(ReadErrorKind::ProcessingInstruction), "{text}");
    }
}

#[test]
fn forbidden_characters_are_refused_wherever_they_stand() {
    for character in ['\0', '\u{1}', '\u{B}', '\u{1F}', '\u{FFFE}', '\u{FFFF}'] {
        for (before, after) in [("<a b='", "'/>"), ("<a><!--", "--></a>"), ("<a/>", ""), ("<a", "/>"), ("", "<a/>")] {
            check_flaw(Flaw::Character, &[&format!("{before}{character}{after}")]);
        }
        for (before, after) in [("<a>", "</a>"), ("<a><![CDATA[", "]]></a>"), ("<a>x<b/>y", "</a>"), ("<a>&lt;", "")] {
            check_flaw(Flaw::CharacterInText, &[&format!("{before}{character}{after}")]);
        }
    }
    assert_eq!(kind("<a>\t\r\n\u{7F}\u{85}\u{D7FF}\u{E000}\u{FFFD}\u{10FFFF}\u{FEFF}</a>"), Ok(()));
}

#[test]
fn sections_comments_and_references_end_where_they_should() {
    check_flaw(Flaw::UnescapedSectionEnd, &["<a>]]></a>", "<a>]]]></a>", "<a><![CDATA[]]>]]></a>"]);
    assert_eq!(kind("<a>]]&gt; ] ]> ]]<!---->></a>"), Ok(()));
    check_flaw(Flaw::Comment, &["<a><!-- -- --></a>", "<a><!-- ---></a>", "<a><!-----></a>"]);
    check_flaw(Flaw::Markup, &["<a><!--></a>", "<a><!---></a>"]);
    check_flaw(
        Flaw::Reference,
        &["<a>&</a>", "<a>& b;</a>", "<a>&amp</a>", "<a>&nope;</a>", "<a>&#;</a>", "<a>&#x;</a>", "<a>&&amp;</a>"],
    );
}

#[test]
fn names_and_prefixes_follow_the_namespaces_recommendation() {
    check_flaw(
        Flaw::Name,
        &["<1r/>", "<r!x/>", "<r\"x\"/>", "<>", "< a/>", "<a 1a='1'/>", "<a:b:c xmlns:a='u'/>", "<a:/>", "<:a/>"],
    );
    check_flaw(Flaw::Name, &["<a:1 xmlns:a='u'/>", "<a xmlns:='u'/>", "<a b:c:d='1' xmlns:b='u'/>", "<a/ >", "<a / >"]);
    check_flaw(Flaw::UndeclaredPrefix, &["<p:a/>", "<a p:b='1'/>", "<xmlns:a/>", "<a><b xmlns:p='u'/><p:c/></a>"]);
    assert_eq!(kind("<a:b a:c='1' xmlns:a='u' xml:lang='en'/>"), Ok(()));
}

#[test]
fn reserved_namespaces_stay_what_they_are() {
    let xml = crate::soap::namespaces::XML;
    let xmlns = crate::soap::namespaces::XMLNS;
    for text in [
        "<a xmlns:p=''/>".to_owned(),
        "<a xmlns:xmlns='u'/>".to_owned(),
        "<a xmlns:xml='u'/>".to_owned(),
        format!("<a xmlns='{xml}'/>"),
        format!("<a xmlns:p='{xml}'/>"),
        format!("<a xmlns='{xmlns}'/>"),
        format!("<a xmlns:xmlns='{xmlns}'/>"),
        "<a xmlns:p='http://www.w3.org/2000/xml&#110;s/'/>".to_owned(),
    ] {
        check_flaw(Flaw::NamespaceDeclaration, &[&text]);
    }
    assert_eq!(kind(&format!("<a xmlns:xml='{xml}' xml:b='' xmlns=''/>")), Ok(()));
}

#[test]
fn attributes_are_doubled_by_their_expanded_name() {
    check_flaw(
        Flaw::DoubledAttribute,
        &["<a b='1' b='2'/>", "<a xmlns:p='u' xmlns:p='u'/>", "<a xmlns='u' xmlns='v'/>"],
    );
    check_flaw(Flaw::DoubledAttribute, &["<a xmlns:p='u' xmlns:q='u' p:b='1' q:b='1'/>"]);
    check_flaw(Flaw::DoubledAttribute, &["<a xmlns:p='u' p:b='1'><b xmlns:q='&#117;' q:b='1' p:b='1'/></a>"]);
    let many = (0..40).map(|number| format!("b{number}='{number}'")).collect::<Vec<_>>().join(" ");
    check_flaw(Flaw::DoubledAttribute, &[&format!("<a {many} b7=''/>")]);
    assert_eq!(kind(&format!("<a xmlns:p='u' p:b7='' {many}/>")), Ok(()));
    assert_eq!(kind("<a xmlns='u' xmlns:p='u' p:b='1' b='2'/>"), Ok(()));
}

#[test]
fn attributes_are_written_as_they_should() {
    check_flaw(
        Flaw::Markup,
        &["<a b='<'/>", "<a b=\"1\"c=\"2\"/>", "<a b/>", "<a b=1/>", "<a b=''c/>", "<a b='&lt;<'/>"],
    );
    check_flaw(Flaw::Reference, &["<a b='&'/>", "<a b='&nope;'/>", "<a b='&#1;'/>", "<a b='&#0;'/>", "<a b='a&b'/>"]);
}

#[test]
fn every_limit_is_one_with_its_own_error() {
    let limits = Limits {
        depth: 3,
        elements: 6,
        children: 4,
        attributes: 3,
        attribute_bytes: 5,
        text_bytes: 4,
        name_bytes: 7,
        namespaces: 4,
    };
    let cases = [
        ("<a><b><c/></b></a>", "<a><b><c><d/></c></b></a>", ReadErrorKind::TooDeep),
        ("<a><b><c/><c/></b><b/><b/></a>", "<a><b><c/><c/></b><b/><b/><b/></a>", ReadErrorKind::TooManyElements),
        (
            "<a><b/><!-- --><!-- --><!-- --><!-- --></a>",
            "<!-- --><a><b/><!-- --><!-- --><!-- --><!-- --></a>",
            ReadErrorKind::TooManyElements,
        ),
        ("<a><b/><b/><b/><b/></a>", "<a><b/><b/><b/><b/><b/></a>", ReadErrorKind::TooManyChildren),
        ("<a b='' c='' d=''/>", "<a b='' c='' d='' e=''/>", ReadErrorKind::TooManyAttributes),
        ("<a b='' c='' xmlns='u'/>", "<a b='' c='' d='' xmlns='u'/>", ReadErrorKind::TooManyAttributes),
        ("<a b='12345'/>", "<a b='123456'/>", ReadErrorKind::AttributeTooLong),
        ("<a>1234</a>", "<a>12345</a>", ReadErrorKind::TextTooLong),
        ("<a>1<!-- -->2&lt;4</a>", "<a>1<!-- -->2&lt;45</a>", ReadErrorKind::TextTooLong),
        ("<a>123&lt;</a>", "<a>1234&lt;</a>", ReadErrorKind::TextTooLong),
        ("<a><![CDATA[1234]]></a>", "<a><![CDATA[12345]]></a>", ReadErrorKind::TextTooLong),
        ("<a><b/>1234</a>", "<a><b/>12345</a>", ReadErrorKind::TextTooLong),
        ("<abcdefg/>", "<abcdefgh/>", ReadErrorKind::NameTooLong),
        ("<a abcdefg=''/>", "<a abcdefgh=''/>", ReadErrorKind::NameTooLong),
        (
            "<a xmlns='u'><b xmlns:p='u' xmlns:q='u'/><b xmlns='u'/></a>",
            "<a xmlns='u'><b xmlns:p='u' xmlns:q='u'/><b xmlns='u' xmlns:p='u'/></a>",
            ReadErrorKind::TooManyNamespaces,
        ),
    ];
    for (within, beyond, error) in cases {
        assert_eq!(read(within, &limits).map(drop), Ok(()), "{within}");
        assert_eq!(read(beyond, &limits).map(drop), Err(error.into()), "{beyond}");
    }
    let long_namespace = Limits { attribute_bytes: 100, ..limits };
    assert_eq!(read("<a xmlns='1234567'/>", &long_namespace).map(drop), Ok(()));
    assert_eq!(read("<a xmlns='12345678'/>", &long_namespace).map(drop), Err(ReadErrorKind::NameTooLong.into()));
}

#[test]
fn doubles_among_many_are_found_in_few_comparisons() {
    let comparisons = Cell::new(0);
    let orders: [fn(usize) -> usize; 3] = [|n| n, |n| 20_000 - n, |n| n * 7_919 % 20_011];
    for order in orders {
        comparisons.set(0);
        assert!(!has_equal((0..20_000).map(|number| Counted(order(number), &comparisons)).collect()));
        assert!(comparisons.get() < 20_000 * 32, "{} comparisons", comparisons.get());
    }
    assert!(has_equal((0..20_000).map(|number| Counted(number % 19_999, &comparisons)).collect()));
}
