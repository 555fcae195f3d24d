//! The cases, one file per flow.

mod assertions;
mod services;
mod sign_up;

use crate::App;

/// A case that runs on every adapter and every store.
pub type Case = (&'static str, fn(&App));

/// A case that compares what the adapters answer, one [`App`] each, on every store.
pub type Comparison = (&'static str, fn(&[App]));

/// A case that needs no server.
pub type Check = (&'static str, fn());

macro_rules! table {
    ($($module:ident::{$($case:ident),* $(,)?}),* $(,)?) => {
        &[$($((concat!(stringify!($module), "::", stringify!($case)), $module::$case)),*),*]
    };
}

/// Every case of the matrix.
pub const CASES: &[Case] = table![
    sign_up::{a_taken_address_answers_as_a_free_one, what_is_not_acceptable_is_named},
];

/// Every comparison.
pub const COMPARISONS: &[Comparison] = table![
    sign_up::{the_adapters_answer_alike},
];

/// Every check; those of `services` can be left out by the name of what they ask.
pub const CHECKS: &[Check] = table![
    services::{redis},
];
