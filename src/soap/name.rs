//! Expanded names: what two names are compared by.

/// A namespace name (empty for none) and a local name. The prefix means nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Name<'a> {
    /// The namespace name; empty when the name is in no namespace.
    pub namespace: &'a str,
    /// The local part.
    pub local: &'a str,
}

impl<'a> Name<'a> {
    /// Joins the two parts.
    #[must_use]
    pub const fn new(namespace: &'a str, local: &'a str) -> Self {
        Self { namespace, local }
    }

    /// Whether the local name is `local`, in `namespace` or in none: several toolkits qualify children that the schema
    /// leaves unqualified, others the reverse.
    #[must_use]
    pub fn is_loosely(&self, namespace: &str, local: &str) -> bool {
        self.local == local && (self.namespace == namespace || self.namespace.is_empty())
    }
}
