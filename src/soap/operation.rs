//! The operation in a body and its arguments, document/literal and rpc alike.

use crate::soap::namespaces::XSI;
use crate::soap::{Element, Name};

/// The child of Body.
#[derive(Clone, Copy)]
pub struct Operation<'d> {
    element: Element<'d>,
}

/// What a message says for one argument.
pub enum Argument<'d> {
    /// Nothing, or `xsi:nil`.
    Absent,
    /// Once.
    Once(Element<'d>),
    /// More than once.
    Several,
}

impl<'d> Operation<'d> {
    pub(in crate::soap) fn new(element: Element<'d>) -> Self {
        Self { element }
    }

    /// The expanded name, by which a call is dispatched.
    #[must_use]
    pub fn name(&self) -> Name<'d> {
        self.element.name()
    }

    /// The operation's own element.
    #[must_use]
    pub fn element(&self) -> Element<'d> {
        self.element
    }

    /// The children, without those that say `xsi:nil`. Text, doubling and nesting are the contract's to judge.
    pub fn arguments(&self) -> impl Iterator<Item = Element<'d>> + use<'d> {
        self.element.children().filter(|child| !is_nil(child))
    }

    /// The argument of this local name, in `namespace` or in none.
    #[must_use]
    pub fn argument(&self, namespace: &str, local: &str) -> Argument<'d> {
        let mut found = self.arguments().filter(|child| child.name().is_loosely(namespace, local));
        match (found.next(), found.next()) {
            (None, _) => Argument::Absent,
            (Some(only), None) => Argument::Once(only),
            (Some(_), Some(_)) => Argument::Several,
        }
    }
}

fn is_nil(element: &Element<'_>) -> bool {
    element.attribute(XSI, "nil").is_some_and(|nil| matches!(nil.trim(), "true" | "1"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::soap::{Document, Limits};

    /// What the argument `u:a` is, in words.
    fn check(children: &str, expected: &str) {
        let text = format!("<o xmlns:u='u' xmlns:v='v' xmlns:xsi='{XSI}'>{children}</o>");
        let document = Document::read(&text, &Limits::default()).expect("a document");
        let found = match Operation::new(document.root()).argument("u", "a") {
            Argument::Absent => "absent",
            Argument::Once(element) => element.text(),
            Argument::Several => "several",
        };
        assert_eq!(found, expected, "{children}");
    }

    #[test]
    fn an_argument_is_found_in_its_namespace_or_in_none() {
        check("<a>1</a><b>2</b>", "1");
        check("<b/><u:a xsi:type='xsd:string'>1</u:a>", "1");
        check("<v:a>1</v:a>", "absent");
        check("<A>1</A><b><a>1</a></b>", "absent");
    }

    #[test]
    fn a_doubled_argument_is_told_and_a_nil_one_is_none() {
        check("<a>1</a><u:a>1</u:a>", "several");
        check("<a>1</a><a/>", "several");
        check("<a xsi:nil='true'/>", "absent");
        check("<a xsi:nil=' 1 '/><a>1</a>", "1");
        check("<a xsi:nil='false'>1</a>", "1");
        check("<a nil='true'>1</a>", "1");
    }
}
