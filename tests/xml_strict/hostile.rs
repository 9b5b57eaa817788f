//! Documents made to cost much. Each is followed by something broken: that the limit is what is reported shows that
//! reading stopped there. How little work is done below the limits is counted beside the code that does it.

use soapgate::soap::{Document, Flaw, Limits, ReadErrorKind};

fn check(text: &str, expected: Result<(), ReadErrorKind>) {
    let found = Document::read(text, &Limits::default()).map(drop).map_err(|error| error.kind);
    assert_eq!(found, expected, "{text:.80}");
}

/// Checks that the start of a document is refused for a limit, whatever comes after it.
fn check_stopped(start: &str, limit: ReadErrorKind) {
    check(start, Err(limit));
    check(&format!("{start}<broken"), Err(limit));
}

fn numbered(count: usize, piece: impl Fn(usize) -> String) -> String {
    (0..count).map(piece).collect()
}

#[test]
fn twenty_thousand_attributes_stop_at_the_limit() {
    let attributes = numbered(20_000, |number| format!(" a{number}='1'"));
    check_stopped(&format!("<a{attributes}>"), ReadErrorKind::TooManyAttributes);
    check_stopped(&format!("<a{attributes} broken>"), ReadErrorKind::TooManyAttributes);
    let most = numbered(128, |number| format!(" a{number}='1'"));
    check(&format!("<a{most}/>"), Ok(()));
}

#[test]
fn attributes_chosen_to_collide_in_hash_tables_are_attributes_like_others() {
    // "Ez" and "FY" have one hash in the DJB family; so have all names put together from them.
    let name = |number: usize| (0..14).map(|bit| if number >> bit & 1 == 0 { "Ez" } else { "FY" }).collect::<String>();
    check_stopped(
        &format!("<a{}>", numbered(10_000, |at| format!(" {}=''", name(at)))),
        ReadErrorKind::TooManyAttributes,
    );
    let elements = numbered(900, |element| {
        let attributes = numbered(128, |at| format!(" {}=''", name((at * 37 + element) % 16_384)));
        format!("<b{attributes}/>")
    });
    check(&format!("<a>{elements}</a>"), Ok(()));
    let doubled = numbered(127, |at| format!(" {}=''", name(at)));
    check(&format!("<a{doubled} {}=''/>", name(126)), Err(ReadErrorKind::Malformed(Flaw::DoubledAttribute)));
}

#[test]
fn thirty_thousand_nested_elements_stop_at_the_limit() {
    check_stopped(&"<a>".repeat(30_000), ReadErrorKind::TooDeep);
    check_stopped(&format!("{}{}", "<a>".repeat(65), "</a>".repeat(65)), ReadErrorKind::TooDeep);
    check(&format!("{}{}", "<a>".repeat(64), "</a>".repeat(64)), Ok(()));
}

#[test]
fn many_elements_and_comments_stop_at_the_limit() {
    check_stopped(&format!("<a>{}", "<b/>".repeat(25_000)), ReadErrorKind::TooManyChildren);
    check_stopped(&format!("<a>{}", "<!---->".repeat(25_000)), ReadErrorKind::TooManyElements);
    let groups = format!("<b>{}</b>", "<c/>".repeat(900)).repeat(6);
    check_stopped(&format!("<a>{groups}"), ReadErrorKind::TooManyElements);
}

#[test]
fn names_and_values_of_a_hundred_thousand_characters_stop_at_the_limit() {
    let long = "a".repeat(100_000);
    check_stopped(&format!("<{long}>"), ReadErrorKind::NameTooLong);
    check_stopped(&format!("<a {long}=''>"), ReadErrorKind::NameTooLong);
    check_stopped(&format!("<a xmlns:{long}='u'>"), ReadErrorKind::NameTooLong);
    check_stopped(&format!("<a b='{long}'>"), ReadErrorKind::AttributeTooLong);
    check_stopped(&format!("<a xmlns='{}'>", "u".repeat(2_000)), ReadErrorKind::NameTooLong);
}

#[test]
fn a_mebibyte_of_text_is_read_in_any_form_and_not_a_byte_more() {
    const MEBIBYTE: usize = 1024 * 1024;
    let plain = "x".repeat(MEBIBYTE);
    check(&format!("<a>{plain}</a>"), Ok(()));
    check(&format!("<a><![CDATA[{plain}]]></a>"), Ok(()));
    check_stopped(&format!("<a>{plain}x"), ReadErrorKind::TextTooLong);
    check_stopped(&format!("<a>{plain}<![CDATA[x]]>"), ReadErrorKind::TextTooLong);
    check_stopped(&format!("<a>{plain}&#x20;"), ReadErrorKind::TextTooLong);
    check_stopped(&format!("<a><b/>{plain}x"), ReadErrorKind::TextTooLong);
    check(&format!("<a>{}</a>", "&lt;".repeat(200_000)), Ok(()));
    check(&format!("<a>{}</a>", "x<![CDATA[y]]>".repeat(70_000)), Ok(()));
    check(&format!("<a>{}</a>", "<b/>x".repeat(1_000)), Ok(()));
    check(&format!("<a>{}</a>", "\r".repeat(MEBIBYTE)), Ok(()));
}

#[test]
fn many_namespace_declarations_stop_at_the_limit() {
    let declarations = |count| numbered(count, |number| format!(" xmlns:p{number}='urn:{number}'"));
    let nested = |elements| numbered(elements, |_| format!("<a{}>", declarations(50)));
    check_stopped(&nested(6), ReadErrorKind::TooManyNamespaces);
    check_stopped(&format!("<a>{}", "<b xmlns='u'/>".repeat(300)), ReadErrorKind::TooManyNamespaces);
    let used = numbered(128, |number| format!("<p{number}:b p{number}:c=''/>"));
    check(&format!("<a{}>{used}</a>", declarations(128)), Ok(()));
}

#[test]
fn entities_are_never_expanded() {
    let levels = numbered(20, |level| format!("<!ENTITY e{} '&e{level};&e{level};'>", level + 1));
    check(&format!("<!DOCTYPE a [<!ENTITY e0 'x'>{levels}]><a>&e20;</a>"), Err(ReadErrorKind::DocumentType));
    check("<a>&e20;</a>", Err(ReadErrorKind::Malformed(Flaw::Reference)));
}
