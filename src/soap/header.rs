//! Header blocks: whom they are meant for, and whether they must be understood.

use crate::soap::{Element, Name, Version};

/// SOAP 1.1, 4.2.2: the first node that processes the message.
const ACTOR_NEXT: &str = "http://schemas.xmlsoap.org/soap/actor/next";
/// SOAP 1.2 part 1, 2.2: every node that processes the message.
const ROLE_NEXT: &str = "http://www.w3.org/2003/05/soap-envelope/role/next";
/// SOAP 1.2 part 1, 2.2: the same as no role.
const ROLE_ULTIMATE_RECEIVER: &str = "http://www.w3.org/2003/05/soap-envelope/role/ultimateReceiver";

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

    /// Whether `mustUnderstand` is set. SOAP 1.1 knows 0 and 1 only, but toolkits send the words as well.
    #[must_use]
    pub fn mandatory(&self) -> bool {
        self.must_understand() == Some(true)
    }

    /// Whether the block is meant for this node: no actor or role, `next`, or the ultimate receiver.
    #[must_use]
    pub fn is_ours(&self) -> bool {
        let namespace = self.version.namespace();
        match self.version {
            Version::Soap11 => {
                matches!(self.element.attribute(namespace, "actor").map(str::trim), None | Some("" | ACTOR_NEXT))
            }
            Version::Soap12 => matches!(
                self.element.attribute(namespace, "role").map(str::trim),
                None | Some("" | ROLE_NEXT | ROLE_ULTIMATE_RECEIVER)
            ),
        }
    }

    /// What `mustUnderstand` says; `None` when it is neither true nor false.
    pub(in crate::soap) fn must_understand(&self) -> Option<bool> {
        match self.element.attribute(self.version.namespace(), "mustUnderstand").map(str::trim) {
            None | Some("0" | "false") => Some(false),
            Some("1" | "true") => Some(true),
            Some(_) => None,
        }
    }
}
