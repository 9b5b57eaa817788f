//! Where rxml and we may disagree: a closed list. Each rule but the first names something by which rxml departs from
//! XML 1.0 or Namespaces in XML, and takes it out of the text; both must then agree, and we must say of the changed
//! text what we said of the first.

use crate::reading::{Verdict, read_by_rxml, read_text};

/// A rule and how what it speaks of is taken out.
struct Rule {
    name: &'static str,
    take_out: fn(&str) -> String,
    keeps: Keeps,
}

/// What taking it out leaves as it was, by the standards.
#[derive(PartialEq, Eq)]
enum Keeps {
    /// Everything that is read.
    Reading,
    /// Whether the text is well-formed; the rule explains no difference in what is read.
    Verdict,
}

/// We mark a forbidden character that is given by reference; rxml refuses the document.
const FORBIDDEN_REFERENCE: &str = "forbidden-reference";

const RULES: [Rule; 8] = [
    // It reads references in the declaration, and takes no standalone="no" and no encoding but UTF-8.
    Rule { name: "declaration", take_out: plain_declaration, keeps: Keeps::Reading },
    // It refuses some blanks and comments outside the root element.
    Rule { name: "outside-root", take_out: strip_outside_root, keeps: Keeps::Reading },
    // It takes blanks given by reference, and empty CDATA sections, outside the root element.
    Rule { name: "nothing-outside-root", take_out: spell_out_nothing, keeps: Keeps::Verdict },
    // It takes few digits in a character reference.
    Rule { name: "long-reference", take_out: shorten_references, keeps: Keeps::Reading },
    // Its name tables lack U+FDF0 to U+FFFD.
    Rule { name: "name-table", take_out: replace_names, keeps: Keeps::Verdict },
    // It misreads an attribute value in which a carriage return stands alone, and one after brackets in a section.
    Rule { name: "carriage-return", take_out: end_lines, keeps: Keeps::Reading },
    // It takes two default namespaces in one tag.
    Rule { name: "two-defaults", take_out: prefix_defaults, keeps: Keeps::Verdict },
    // It lets prefixes be bound to the namespace of xmlns.
    Rule { name: "reserved-namespace", take_out: replace_reserved, keeps: Keeps::Verdict },
];

/// Compares our reading of a text with rxml's: the names of the rules that it takes to explain why they differ, none
/// when they agree.
pub(crate) fn compare(text: &str) -> Result<Vec<&'static str>, String> {
    let mut rules = Vec::new();
    let mut changed = text.to_owned();
    let mut ours = read_text(text);
    let mut remaining = RULES.iter();
    loop {
        let theirs = read_by_rxml(&changed);
        let explained_by = match (&ours, &theirs) {
            (Verdict::Read(ours), Ok(theirs)) if ours == theirs => return Ok(rules),
            (Verdict::Refused(_), Err(_)) => return Ok(rules),
            (Verdict::Marked, Err(_)) => {
                rules.push(FORBIDDEN_REFERENCE);
                return Ok(rules);
            }
            (Verdict::Read(_), Ok(_)) => |rule: &Rule| rule.keeps == Keeps::Reading,
            _ => |_: &Rule| true,
        };
        let candidates = remaining.by_ref().filter(|rule| explained_by(rule));
        let mut candidates = candidates.map(|rule| (rule, (rule.take_out)(&changed)));
        let Some((rule, next)) = candidates.find(|(_, next)| *next != changed) else { break };
        let now = read_text(&next);
        let kept = match rule.keeps {
            Keeps::Reading if matches!(ours, Verdict::Read(_)) => now == ours,
            Keeps::Reading | Keeps::Verdict => is_read(&now) == is_read(&ours),
        };
        if !kept {
            break;
        }
        rules.push(rule.name);
        (changed, ours) = (next, now);
    }
    Err(format!("{text:?}\nours: {:?}\nrxml: {:?}", read_text(text), read_by_rxml(text)))
}

fn is_read(verdict: &Verdict) -> bool {
    match verdict {
        Verdict::Marked | Verdict::Read(_) => true,
        Verdict::Refused(_) => false,
    }
}

fn plain_declaration(text: &str) -> String {
    let Some((declaration, rest)) = text.strip_prefix("<?xml").and_then(|rest| rest.split_once("?>")) else {
        return text.to_owned();
    };
    // A sound one goes; references in an unsound one are made something that nobody takes.
    if is_read(&read_text(&format!("<?xml{declaration}?><a/>"))) {
        rest.to_owned()
    } else {
        format!("<?xml{}?>{rest}", declaration.replace('&', "x"))
    }
}

fn strip_outside_root(text: &str) -> String {
    let sound = |comment: &str| !comment.contains("--") && !comment.ends_with('-');
    let blanks = [' ', '\t', '\r', '\n'];
    let mut rest = text.trim_matches(blanks);
    while let Some((comment, after)) = rest.strip_prefix("<!--").and_then(|rest| rest.split_once("-->")) {
        if !sound(comment) {
            break;
        }
        rest = after.trim_start_matches(blanks);
    }
    while let Some((before, comment)) = rest.strip_suffix("-->").and_then(|rest| rest.rsplit_once("<!--")) {
        if !sound(comment) {
            break;
        }
        rest = before.trim_end_matches(blanks);
    }
    rest.to_owned()
}

fn spell_out_nothing(text: &str) -> String {
    let nothing = ["&#32;", "&#10;", "&#9;", "&#13;", "&#x20;", "&#xA;", "&#x9;", "&#xD;", "<![CDATA[]]>"];
    nothing.iter().fold(text.to_owned(), |text, nothing| text.replace(nothing, "x"))
}

fn shorten_references(text: &str) -> String {
    let mut shorter = text.to_owned();
    while shorter.contains("&#0") || shorter.contains("&#x0") {
        shorter = shorter.replace("&#0", "&#").replace("&#x0", "&#x");
    }
    shorter
}

fn replace_names(text: &str) -> String {
    text.replace(|character| matches!(character, '\u{FDF0}'..='\u{FFFD}'), "é")
}

fn end_lines(text: &str) -> String {
    text.replace("\r\n", "\n").replace('\r', "\n")
}

fn prefix_defaults(text: &str) -> String {
    text.replace("xmlns=", "xmlns:default=")
}

fn replace_reserved(text: &str) -> String {
    let reserved = ["http://www.w3.org/2000/xmlns/", "http://www.w3.org/2000/xml&#110;s/"];
    reserved.iter().fold(text.to_owned(), |text, name| text.replace(name, "http://www.w3.org/XML/1998/namespace"))
}
