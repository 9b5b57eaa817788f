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
