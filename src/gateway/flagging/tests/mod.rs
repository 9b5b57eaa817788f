//! The queue, and the worker with stores that fail in every way.

mod house;
mod queue;
mod trouble;
