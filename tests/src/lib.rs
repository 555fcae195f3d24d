//! The conformance suite: the same black-box cases on every adapter and every store.
//!
//! A case is an ordinary function of a served [`App`]; the matrix is data, put together in
//! `conformance.rs`, one trial per adapter, store and case. Every trial has a real socket, a clock
//! that only it moves, and a database of its own. `tests/run` starts what the suite needs.
//!
//! To add a case, write a function in the file of its flow under `cases` and name it in the table of
//! `cases/each_adapter.rs`, or of `cases/comparisons.rs` if all adapters are to be side by side, or one
//! will do. What only a browser can tell is a case under `cases/browser`: it runs in a real one, on
//! every adapter and on SQLite; `browser/mod.rs` shows how.

#![expect(clippy::must_use_candidate, reason = "a request is sent for what it causes, too")]

mod adapters;
mod app;
mod browser;
pub mod cases;
mod client;
mod coverage;
mod databases;
pub mod drills;
mod mail_server;
mod namespace;
mod people;
mod process;
mod proxy;
mod requirements;
mod totp;
mod wiretap;

pub use adapters::Adapter;
pub use app::{App, MOUNT, Mail};
pub use browser::{Browser, Cookie, OtherSite, Page, close_browser};
pub use client::{Reply, Request};
pub use coverage::uncovered;
pub use databases::{StoreKind, drop_template};
pub use people::{Authenticator, Person, Tokens};
pub use process::serve_if_told;
pub use requirements::untraced;
pub use totp::totp_code;

/// The README, whose snippets are tests too.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
