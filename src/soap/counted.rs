//! For tests: something that counts how often it is compared, so that work can be measured without a clock.

use std::cell::Cell;
use std::cmp::Ordering;

#[derive(Clone, Copy)]
pub(in crate::soap) struct Counted<'c>(pub(in crate::soap) usize, pub(in crate::soap) &'c Cell<usize>);

impl PartialEq for Counted<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Counted<'_> {}

impl PartialOrd for Counted<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Counted<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.1.set(self.1.get() + 1);
        self.0.cmp(&other.0)
    }
}
