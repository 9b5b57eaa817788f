//! How many accounts are written in one transaction: fewer for a store that is late, until it keeps up.

/// In one transaction at most.
pub(super) const MOST: usize = 256;
/// After each one that was in time the next has more, by this part of it.
const PART: usize = 8;

pub(super) struct Pace(usize);

impl Pace {
    pub(super) const fn new() -> Self {
        Self(MOST)
    }

    /// Accounts for the next transaction.
    pub(super) const fn accounts(&self) -> usize {
        self.0
    }

    /// One was in time.
    pub(super) fn kept(&mut self) {
        self.0 = (self.0 + (self.0 / PART).max(1)).min(MOST);
    }

    /// One of so many accounts was not.
    pub(super) fn missed(&mut self, accounts: usize) {
        self.0 = (accounts / 2).max(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_that_is_late_is_given_half_each_time_and_more_once_it_keeps_up() {
        let mut pace = Pace::new();
        assert_eq!(pace.accounts(), MOST);
        for _ in 0..20 {
            pace.missed(pace.accounts());
        }
        assert_eq!(pace.accounts(), 1, "never none");
        pace.kept();
        assert_eq!(pace.accounts(), 2);
        (0..100).for_each(|_| pace.kept());
        assert_eq!(pace.accounts(), MOST);
    }
}
