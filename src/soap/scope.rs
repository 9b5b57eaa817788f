//! Namespaces in force at a place in the document (Namespaces in XML 1.0, third edition).

use crate::soap::namespaces::{XML, XMLNS};
use crate::soap::text::{Text, TextBuffer};
use crate::soap::{Flaw, Limits, ReadError, ReadErrorKind};

/// Index of the namespace name of names in no namespace.
pub(in crate::soap) const NO_NAMESPACE: usize = 0;
/// Index of the namespace that the prefix `xml` always means.
const XML_NAMESPACE: usize = 1;

/// The namespace names of a document and what the prefixes mean at this place in it.
pub(in crate::soap) struct Scope<'a> {
    /// Each name once, so that equal names have equal indexes.
    names: Vec<Text<'a>>,
    bindings: Bindings<&'a str>,
    declarations: usize,
}

/// A moment to go back to.
#[derive(Clone, Copy)]
pub(in crate::soap) struct Mark(usize);

impl<'a> Scope<'a> {
    pub(in crate::soap) fn new() -> Self {
        let mut names = Vec::with_capacity(6);
        names.extend([Text::Raw(""), Text::Raw(XML)]);
        Self { names, bindings: Bindings::new(), declarations: 0 }
    }

    /// The namespace names.
    pub(in crate::soap) fn into_names(self) -> Vec<Text<'a>> {
        self.names
    }

    /// This moment.
    pub(in crate::soap) fn mark(&self) -> Mark {
        Mark(self.bindings.undo.len())
    }

    /// Takes back everything declared since the mark.
    pub(in crate::soap) fn return_to(&mut self, mark: Mark) {
        self.bindings.return_to(mark);
    }

    /// Declares that `prefix` (empty: the default) means `name`, in the element that was opened at `element`.
    pub(in crate::soap) fn declare(
        &mut self,
        prefix: &'a str,
        name: Text<'a>,
        element: Mark,
        texts: &TextBuffer,
        limits: &Limits,
    ) -> Result<(), ReadError> {
        self.declarations += 1;
        if self.declarations > limits.namespaces {
            return Err(ReadErrorKind::TooManyNamespaces.into());
        }
        if self.bindings.declared_since(element, &prefix) {
            return Err(Flaw::DoubledAttribute.into());
        }
        let index = match (prefix, texts.get(&name)) {
            ("xml", XML) => XML_NAMESPACE,
            ("xml" | "xmlns", _) | (_, XML | XMLNS) => return Err(Flaw::NamespaceDeclaration.into()),
            ("", "") => NO_NAMESPACE,
            (_, "") => return Err(Flaw::NamespaceDeclaration.into()),
            (_, value) if value.len() > limits.name_bytes => return Err(ReadErrorKind::NameTooLong.into()),
            (_, value) => self.names.iter().position(|known| texts.get(known) == value).unwrap_or_else(|| {
                self.names.push(name);
                self.names.len() - 1
            }),
        };
        self.bindings.declare(prefix, index);
        Ok(())
    }

    /// The default namespace.
    pub(in crate::soap) fn default_namespace(&self) -> usize {
        self.bindings.meaning(&"").unwrap_or(NO_NAMESPACE)
    }

    /// The namespace of a name whose local part starts at `local_start`, behind a prefix and a colon.
    pub(in crate::soap) fn resolve(&self, qualified: &str, local_start: usize) -> Result<usize, Flaw> {
        match qualified.get(..local_start.saturating_sub(1)) {
            Some("xml") => Ok(XML_NAMESPACE),
            Some(prefix) => self.bindings.meaning(&prefix).ok_or(Flaw::UndeclaredPrefix),
            None => Err(Flaw::UndeclaredPrefix),
        }
    }
}

/// The prefixes in force, sorted, so that a look-up costs little however many a hostile document declares; and what
/// they meant before, so that the end of an element can take its declarations back.
struct Bindings<P> {
    active: Vec<(P, usize)>,
    undo: Vec<(P, Option<usize>)>,
}

impl<P: Ord + Copy> Bindings<P> {
    fn new() -> Self {
        Self { active: Vec::with_capacity(4), undo: Vec::with_capacity(4) }
    }

    fn meaning<Q: Ord + ?Sized>(&self, prefix: &Q) -> Option<usize>
    where
        P: std::borrow::Borrow<Q>,
    {
        let at = self.active.binary_search_by(|(active, _)| active.borrow().cmp(prefix)).ok()?;
        self.active.get(at).map(|(_, namespace)| *namespace)
    }

    fn declare(&mut self, prefix: P, namespace: usize) {
        let before = self.set(prefix, Some(namespace));
        self.undo.push((prefix, before));
    }

    fn declared_since(&self, mark: Mark, prefix: &P) -> bool {
        self.undo.iter().skip(mark.0).any(|(declared, _)| declared == prefix)
    }

    fn return_to(&mut self, mark: Mark) {
        while self.undo.len() > mark.0 {
            if let Some((prefix, before)) = self.undo.pop() {
                self.set(prefix, before);
            }
        }
    }

    fn set(&mut self, prefix: P, namespace: Option<usize>) -> Option<usize> {
        match (self.active.binary_search_by(|(active, _)| active.cmp(&prefix)), namespace) {
            (Ok(at), Some(namespace)) => Some(std::mem::replace(&mut self.active[at].1, namespace)),
            (Ok(at), None) => Some(self.active.remove(at).1),
            (Err(at), Some(namespace)) => {
                self.active.insert(at, (prefix, namespace));
                None
            }
            (Err(_), None) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;
    use crate::soap::counted::Counted;

    #[test]
    fn declarations_end_with_their_element() {
        let mut bindings = Bindings::new();
        let outer = Mark(bindings.undo.len());
        bindings.declare("p", 1);
        bindings.declare("", 2);
        let inner = Mark(bindings.undo.len());
        bindings.declare("q", 3);
        bindings.declare("p", 4);
        let meanings = |bindings: &Bindings<&str>| ["p", "", "q"].map(|prefix| bindings.meaning(prefix));
        assert_eq!(meanings(&bindings), [Some(4), Some(2), Some(3)]);
        assert!(bindings.declared_since(inner, &"p") && !bindings.declared_since(inner, &""));
        bindings.return_to(inner);
        assert_eq!(meanings(&bindings), [Some(1), Some(2), None]);
        bindings.return_to(outer);
        assert_eq!(meanings(&bindings), [None; 3]);
    }

    #[test]
    fn a_look_up_among_all_prefixes_of_a_hostile_document_takes_few_comparisons() {
        let comparisons = Cell::new(0);
        let mut bindings = Bindings::new();
        let declared = Limits::default().namespaces;
        for prefix in 0..declared {
            bindings.declare(Counted(prefix * 7 % declared, &comparisons), prefix);
        }
        comparisons.set(0);
        for prefix in 0..declared {
            assert!(bindings.meaning(&Counted(prefix, &comparisons)).is_some());
        }
        assert!(comparisons.get() <= declared * 10, "{} comparisons", comparisons.get());
    }
}
