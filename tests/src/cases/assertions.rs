//! What several files of cases assert.

use serde_json::Value;

use crate::Reply;

/// Asserts that `reply` is the problem document of `code`, whole and with the headers of one.
#[track_caller]
pub(super) fn assert_problem(reply: &Reply, status: u16, code: &str) -> Value {
    assert_eq!(reply.status, status, "{}", reply.text());
    assert_eq!(reply.header("content-type"), "application/problem+json");
    assert_eq!(reply.header("cache-control"), "no-store");
    assert_eq!(reply.header("x-content-type-options"), "nosniff");
    let problem = reply.json();
    assert_eq!(problem["status"], status, "{problem}");
    assert_eq!(problem["code"], code, "{problem}");
    let kind = problem["type"].as_str().unwrap_or_default();
    assert!(kind.ends_with(&format!("/api/auth/problems/{code}")), "{problem}");
    problem
}
