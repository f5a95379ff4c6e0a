//! The stores against the conformance suite, and what only one of them can get wrong.
#![allow(clippy::unwrap_used)]

#[cfg(feature = "celery")]
mod celery;
mod conformance;
mod domain;
mod examine;
mod live;
mod opening;
mod postgres;
mod processes;
mod running;
mod support;
mod transfer;
mod transport;
