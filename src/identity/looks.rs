//! Second looks: remembered for a while, and few in a second, whatever the adapter.

use std::future::Future;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use moka::sync::Cache;
use tokio::time::Instant;

use crate::domain::AccountId;
use crate::identity::port::{IdentityError, SecondLook};
use crate::identity::rate::{Bucket, Rate};

/// How long a look is remembered, and how many are.
const TTL: Duration = Duration::from_mins(10);
const LOOKS: u64 = 10_000;
/// Looks a second, and how many more may come at once.
const PER_SECOND: u32 = 1;
const BURST: u32 = 10;

/// What was seen lately, and how fast more may be looked at.
pub(crate) struct Looks {
    seen: Cache<AccountId, Option<SecondLook>>,
    rate: Mutex<Bucket>,
}

impl Looks {
    pub(crate) fn new() -> Self {
        Self { seen: Cache::builder().max_capacity(LOOKS).time_to_live(TTL).build(), rate: Mutex::default() }
    }

    /// What is remembered of `account`, or what `look` finds. `None` too when nobody may look now: `may_look` says no,
    /// or others just did.
    pub(crate) async fn look(
        &self,
        account: &AccountId,
        deadline: Instant,
        may_look: impl FnOnce() -> bool,
        look: impl Future<Output = Result<Option<SecondLook>, IdentityError>>,
    ) -> Result<Option<SecondLook>, IdentityError> {
        if let Some(known) = self.seen.get(account) {
            return Ok(known);
        }
        if !may_look() || !self.takes_a_turn(deadline) {
            return Ok(None);
        }
        let found = look.await?;
        self.seen.insert(account.clone(), found.clone());
        Ok(found)
    }

    fn takes_a_turn(&self, deadline: Instant) -> bool {
        let now = Instant::now();
        let mut bucket = self.rate.lock().unwrap_or_else(PoisonError::into_inner);
        now < deadline && bucket.take(Rate::new(PER_SECOND, BURST), now.into_std(), Duration::ZERO).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use std::future::ready;

    use super::*;
    use crate::domain::{Institution, NoAnswer};

    fn account(n: usize) -> AccountId {
        AccountId::parse(&Institution::parse("01X").expect("a code"), &format!("user{n}")).expect("an identifier")
    }

    #[tokio::test]
    async fn a_look_is_remembered_and_few_are_taken() {
        let (looks, deadline) = (Looks::new(), Instant::now() + TTL);
        let seen = Some(SecondLook { kept_elsewhere: true, ..SecondLook::default() });
        for _ in 0..100 {
            assert_eq!(looks.look(&account(0), deadline, || true, ready(Ok(seen.clone()))).await, Ok(seen.clone()));
        }
        let mut taken = 0;
        for n in 1..100 {
            let found = looks.look(&account(n), deadline, || true, ready(Ok(seen.clone()))).await.expect("fine");
            taken += usize::from(found.is_some());
        }
        assert!((1..30).contains(&taken), "{taken}");
    }

    #[tokio::test]
    async fn what_failed_or_may_not_be_looked_at_is_not_remembered() {
        let (looks, deadline) = (Looks::new(), Instant::now() + TTL);
        let failed = IdentityError::sent(NoAnswer::Protocol, "HTML");
        assert_eq!(looks.look(&account(0), deadline, || true, ready(Err(failed.clone()))).await, Err(failed));
        assert_eq!(looks.look(&account(0), deadline, || false, ready(Ok(Some(SecondLook::default())))).await, Ok(None));
        let found = looks.look(&account(0), deadline, || true, ready(Ok(Some(SecondLook::default())))).await;
        assert_eq!(found, Ok(Some(SecondLook::default())));
    }
}
