//! The cases, one file per flow.

/// Functions, each with the name of its module before its own.
macro_rules! table {
    ($($module:ident::{$($case:ident),* $(,)?}),* $(,)?) => {
        &[$($((concat!(stringify!($module), "::", stringify!($case)), $module::$case)),*),*]
    };
}

mod access_tokens;
mod account;
mod activation;
mod assertions;
mod browser;
mod canaries;
mod cancellation;
mod client;
mod clock_steps;
mod command_line;
mod comparisons;
mod connections;
mod cookie_jar;
mod cookies;
mod cors;
mod counting;
mod cross_site;
mod deadlines;
mod deletion;
mod differential;
mod doctor;
mod documentation;
mod documents;
mod each_adapter;
mod email_change;
mod enrolment;
mod events;
mod extractors;
mod headers;
mod hooks;
mod housekeeping;
mod import;
mod least_privilege;
mod leftovers;
mod lifetimes;
mod limits;
mod limits_redis;
mod mails;
mod malformed;
mod matrix;
mod mutations;
mod operators;
mod operators_reading;
mod outbox;
mod overload;
mod pages;
mod password_change;
mod password_reset;
mod passwords;
mod plans;
mod probes;
mod problems;
mod races;
mod races_operators;
mod races_refresh;
mod races_second_factor;
mod reauthentication;
mod recording;
mod refresh;
mod relays;
mod request_ids;
mod revocation_feed;
mod revocations;
mod roles;
mod schemas;
mod second_factor;
mod secrets_at_rest;
mod services;
mod session_limits;
mod sessions;
mod sign_in;
mod sign_out;
mod sign_up;
mod signing_keys;
mod statements;
mod stores;
mod switches;
mod takeovers;
mod tapped;
mod timing;
mod usernames;

pub use browser::BROWSER_CASES;
pub use comparisons::COMPARISONS;
pub use each_adapter::CASES;

use crate::{App, Browser};

/// A case that runs on every adapter and every store.
pub type Case = (&'static str, fn(&App));

/// A case that compares what the adapters answer, one [`App`] each, on every store.
pub type Comparison = (&'static str, fn(&[App]));

/// A case that runs in a browser, on every adapter and one store.
pub type BrowserCase = (&'static str, fn(&App, &Browser));

/// A case that needs no server.
pub type Check = (&'static str, fn());

/// Every check; those of `services` can be left out by the name of what they ask, and those of
/// `browser` with it.
pub const CHECKS: &[Check] = table![
    browser::{what_a_page_does_is_seen},
    passwords::{
        a_refusal_says_why,
        any_characters_will_do,
        nothing_is_cut_off,
        two_spellings_of_one_text_are_one_password,
        the_rules_are_the_same_wherever_one_is_set,
    },
    limits::{the_manual_lists_what_is_limited},
    documentation::{the_manual_lists_the_problems, the_readme_lists_the_endpoints},
    problems::{the_codes_are_those_of_the_golden_file},
    services::{redis},
];
