//! The port through which attempts are counted, and the types that cross it.

use std::pin::Pin;

use crate::domain::{AccountId, AttemptRule, Caller, Gate, Slot, SlotKind, Timestamp};
use crate::store::{AttemptCounts, StoreError};

/// A future behind the port.
pub type AttemptFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'a>>;

/// The id of a slot.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SlotId(pub(crate) Box<str>);

impl From<&str> for SlotId {
    fn from(id: &str) -> Self {
        Self(Box::from(id))
    }
}

/// A slot that is taken, under an id that was given to it when it was asked for: however often the store is told of it, it
/// counts once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Taken {
    /// Its id.
    pub id: SlotId,
    /// The slot.
    pub slot: Slot,
}

/// A slot asked for: one for each question to an identity service.
#[derive(Clone, Debug)]
pub struct Reservation {
    /// The id of the slot: random, and never used before.
    pub id: SlotId,
    /// The account asked about.
    pub account: AccountId,
    /// Who asks.
    pub caller: Caller,
    /// For what kind of guess.
    pub kind: SlotKind,
    /// What is allowed.
    pub rule: AttemptRule,
    /// When.
    pub at: Timestamp,
    /// Slots that the node took while the store was away: they are written first.
    pub untold: Vec<Taken>,
}

/// What became of a reservation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reserved {
    /// Whether the question may be asked: exactly then the slot is taken.
    pub gate: Gate,
    /// Every slot that still counts for the person, the new one included.
    pub slots: Vec<Taken>,
    /// When the person last signed in.
    pub last_success: Option<Timestamp>,
}

/// What became of a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settled {
    /// The password was right: the slot goes, and a new day begins.
    Accepted,
    /// It was refused: the slot stays, and its outcome is known.
    Refused,
    /// It was not sent: the slot goes.
    Unsent,
}

/// What became of the question that a slot was reserved for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settlement {
    /// The slot.
    pub slot: SlotId,
    /// What became of it.
    pub settled: Settled,
    /// When.
    pub at: Timestamp,
}

/// Where attempts are counted, for all nodes.
pub trait AttemptStore: Send + Sync {
    /// Takes slots in one write, all or nothing; the results are in the order of what was asked.
    fn reserve<'a>(&'a self, asked: &'a [Reservation]) -> AttemptFuture<'a, Vec<Reserved>>;

    /// Notes what became of slots. Slots that are gone are passed over; to say it twice changes nothing.
    fn settle<'a>(&'a self, settled: &'a [Settlement]) -> AttemptFuture<'a, ()>;

    /// Counts slots that a node took without the store; to say it twice changes nothing.
    fn note<'a>(&'a self, taken: &'a [(AccountId, Taken)]) -> AttemptFuture<'a, ()>;

    /// Counts `alias` under `person` from now on, with what was counted under it.
    fn join<'a>(&'a self, alias: &'a AccountId, person: &'a AccountId) -> AttemptFuture<'a, ()>;

    /// Reads what is counted now. What was read before it fails, or is given up, stays read.
    fn counts<'a>(&'a self, counts: &'a mut AttemptCounts) -> AttemptFuture<'a, ()>;
}
