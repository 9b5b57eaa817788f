//! The steps of random lives.

use proptest::prelude::*;

use soapgate::domain::AttemptRule;

use crate::support::pair::LATEST;

/// A sign-in through one of two nodes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Call {
    pub(crate) node: usize,
    pub(crate) caller: u8,
    pub(crate) guess: u8,
}

#[derive(Clone, Debug)]
pub(crate) enum Step {
    /// Somebody signs in and hears the answer.
    Call(Call),
    /// Somebody changes the password at the service.
    Change(u8),
    /// Many sign in at once.
    Crowd(Vec<Call>),
    /// Somebody signs in and hears the answer so many seconds later.
    Late(Call, u8),
    /// Somebody signs in and does not wait for the answer.
    HangUp(Call),
    /// A node is killed so many milliseconds after many have signed in there, and started again.
    Kill(usize, Vec<Call>, u64),
    /// The service goes wrong from now on, or is mended.
    Service(Health),
    /// A node is started again.
    Restart(usize),
    /// Many sign in while the store does not answer for a moment.
    SlowStore(Vec<Call>),
    /// An operator unlocks the account.
    Unlock,
    /// Minutes go by.
    Wait(u8),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Health {
    Failing,
    Fine,
    Silent,
    Slow,
}

fn call() -> impl Strategy<Value = Call> {
    (0..2_usize, 0..6_u8, 0..16_u8).prop_map(|(node, caller, guess)| Call { node, caller, guess })
}

/// A step of any kind.
pub(crate) fn step() -> impl Strategy<Value = Step> {
    let health = prop_oneof![
        2 => Just(Health::Failing), 6 => Just(Health::Fine), 1 => Just(Health::Silent), 2 => Just(Health::Slow),
    ];
    prop_oneof![
        40 => call().prop_map(Step::Call),
        3 => (0..16_u8).prop_map(Step::Change),
        8 => prop::collection::vec(call(), 2..8).prop_map(Step::Crowd),
        6 => call().prop_map(Step::HangUp),
        6 => health.prop_map(Step::Service),
        2 => (0..2_usize, prop::collection::vec(call(), 1..6), 0..40_u64).prop_map(|(node, calls, after)| {
            Step::Kill(node, calls.into_iter().map(|call| Call { node, ..call }).collect(), after)
        }),
        2 => (0..2_usize).prop_map(Step::Restart),
        6 => (call(), 0..6_u8).prop_map(|(call, late)| Step::Late(call, late)),
        2 => prop::collection::vec(call(), 2..8).prop_map(Step::SlowStore),
        1 => Just(Step::Unlock),
        12 => (0..25_u8).prop_map(Step::Wait),
    ]
}

/// A rule with budgets of any size.
pub(crate) fn rule() -> impl Strategy<Value = AttemptRule> {
    (1..=10_u32).prop_flat_map(|per_account| {
        (1..=per_account, per_account..=40).prop_map(move |(per_integration, per_day)| AttemptRule {
            per_account,
            per_integration,
            per_day,
            on_the_way: LATEST,
            nodes: 2,
            ..AttemptRule::default()
        })
    })
}
