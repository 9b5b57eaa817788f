//! The queue, and the worker with stores that fail in every way.

mod house;
mod left_over;
mod out_of_reach;
mod queue;
mod trouble;
