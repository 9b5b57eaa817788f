//! What tests of the running server share: a server of their own and a client that sends bytes as they are.

pub(crate) mod asked;
pub(crate) mod bench;
pub(crate) mod books;
pub(crate) mod client;
pub(crate) mod clock;
pub(crate) mod fake;
pub(crate) mod gateway;
pub(crate) mod lives;
pub(crate) mod log;
pub(crate) mod messages;
pub(crate) mod pair;
pub(crate) mod process;
pub(crate) mod scribe;
pub(crate) mod signin;
pub(crate) mod step;
pub(crate) mod until;
