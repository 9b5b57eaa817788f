//! What is allowed.

use std::time::Duration;

use crate::domain::attempts::DAY;

/// How many attempts are allowed: an attempt is a password that the identity service may have counted as a failed
/// sign-in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AttemptRule {
    /// Attempts of one account in a window.
    pub per_account: u32,
    /// Attempts of one account by one integration in a window.
    pub per_integration: u32,
    /// How long a window is, as the service counts it: from when a password reached it.
    pub window: Duration,
    /// How long after its slot was taken a password may reach the service, as any node's clock has it.
    pub on_the_way: Duration,
    /// Attempts of one account in 24 hours since its last success.
    pub per_day: u32,
    /// When the same wrong password is asked again, at first; each time twice as long, up to six hours.
    pub recheck: Duration,
    /// How many nodes share the budgets while the store is away.
    pub nodes: u32,
}

impl AttemptRule {
    /// What one node allows while it counts alone.
    #[must_use]
    pub fn of_one_node(&self) -> Self {
        let share = |budget| budget / self.nodes.max(1);
        Self {
            per_account: share(self.per_account),
            per_integration: share(self.per_integration),
            per_day: share(self.per_day),
            ..*self
        }
    }

    /// What it allows, of that, of an account of which it does not know what was counted before: a single attempt in a
    /// window. A right password takes none, so that whoever knows it is let in.
    #[must_use]
    pub fn of_the_unknown(&self) -> Self {
        Self { per_account: self.per_account.min(1), per_integration: self.per_integration.min(1), ..*self }
    }

    /// How many attempts may reach a service in one window at worst. Nodes that see the store spend the budget, and one
    /// with the password last accepted. One that does not spends its share besides, and again one with that password; that
    /// may be every node but the one that spent the budget before the store went away.
    #[must_use]
    pub fn at_worst(&self) -> u32 {
        let alone = self.of_one_node().per_account + 1;
        self.per_account + 1 + self.nodes.saturating_sub(1) * alone
    }

    /// How long a slot counts for the window: until its password has left the service's own, however late it came there.
    #[must_use]
    pub fn counted_window(&self) -> Duration {
        self.window + self.on_the_way
    }

    /// How long a slot counts for anything.
    #[must_use]
    pub fn counts_for(&self) -> Duration {
        self.counted_window().max(DAY)
    }
}

impl Default for AttemptRule {
    fn default() -> Self {
        Self {
            per_account: 10,
            per_integration: 4,
            window: Duration::from_mins(30),
            on_the_way: Duration::ZERO,
            per_day: 40,
            recheck: Duration::from_mins(10),
            nodes: 1,
        }
    }
}
