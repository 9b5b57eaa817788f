//! How large a document may be, per node and in total: per-node limits without totals were a CVE elsewhere
//! (CVE-2026-108039).

/// Limits of one document. The size of the document itself is the HTTP layer's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Open elements at once.
    pub depth: usize,
    /// Elements and comments in the whole document.
    pub elements: usize,
    /// Children of one element.
    pub children: usize,
    /// Attributes of one element, namespace declarations included.
    pub attributes: usize,
    /// Bytes of one attribute value.
    pub attribute_bytes: usize,
    /// Bytes of one element's text.
    pub text_bytes: usize,
    /// Bytes of one name.
    pub name_bytes: usize,
    /// Namespace declarations in the whole document.
    pub namespaces: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            depth: 64,
            elements: 5_000,
            children: 1_000,
            attributes: 128,
            attribute_bytes: 64 * 1024,
            text_bytes: 1024 * 1024,
            name_bytes: 1_024,
            namespaces: 256,
        }
    }
}
