//! Numbers that several files of cases compare.

use std::collections::BTreeMap;

use crate::{App, Reply};

/// Counts the answers by status, problem code included: `"200"`, `"401 invalid_code"`.
pub(super) fn tally<'a>(replies: impl IntoIterator<Item = &'a Reply>) -> BTreeMap<String, usize> {
    let mut tally = BTreeMap::new();
    for reply in replies {
        let outcome = match reply.status {
            ..400 => reply.status.to_string(),
            status => format!("{status} {}", reply.json()["code"].as_str().unwrap_or("?")),
        };
        *tally.entry(outcome).or_default() += 1;
    }
    tally
}

/// Asserts that the answers are exactly these, in any order.
#[track_caller]
pub(super) fn assert_tally<'a>(
    replies: impl IntoIterator<Item = &'a Reply>,
    expected: &[(&str, usize)],
) {
    let expected: BTreeMap<String, usize> =
        expected.iter().map(|(outcome, count)| ((*outcome).to_owned(), *count)).collect();
    assert_eq!(tally(replies), expected);
}

/// Asserts that every answer is one of these.
#[track_caller]
pub(super) fn assert_only<'a>(replies: impl IntoIterator<Item = &'a Reply>, allowed: &[&str]) {
    let tally = tally(replies);
    assert!(tally.keys().all(|outcome| allowed.contains(&&**outcome)), "{tally:?}");
}

/// Returns how many rows a `SELECT` of `from` has.
pub(super) fn rows(app: &App, from: &str) -> usize {
    let counts = app.texts(&format!("SELECT CAST(COUNT(*) AS TEXT) FROM {from}"));
    let count = counts[0].as_deref().expect("a count is never NULL");
    count.parse().expect("a count is a number")
}
