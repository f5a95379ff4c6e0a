//! Workers on a real store.
#![allow(clippy::unwrap_used)]

mod inference;
mod judging;
mod shutdown;
mod support;
mod training;
mod watch;
