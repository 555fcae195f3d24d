//! More passwords than can be hashed in time.

use std::thread;

use auth_core::HashParams;
use serde_json::json;

use super::assertions::assert_problem;
use super::counting::{assert_only, rows};
use super::probes::{assert_alike, try_sign_in};
use crate::{Adapter, App, Request};

/// Hashing all of them would take far longer than anybody waits for a place, and each that is refused
/// is written down.
pub(super) fn who_goes_away_leaves_their_place(app: &App) {
    let person = app.user();
    let many = 100 * cores();
    app.abandon(many, |number| guess(&format!("nobody{number}@example.com")));
    // On a busy machine the first may be turned away.
    let signed_in = || try_sign_in(app, &person.email, &person.password).status == 200;
    assert!((0..5).any(|_| signed_in()));
    let refused = rows(app, "auth_events WHERE kind = 'authn_login_fail'");
    // poem's server goes on with a request whose connection has ended: what was let in is hashed.
    assert!(refused <= many / 4 || app.adapter == Adapter::Poem, "{refused} of {many}");
}

pub(super) fn who_is_turned_away_learns_nothing(apps: &[App]) {
    let person = apps[0].user();
    let slow = HashParams::new(64 * 1024, 16, 1).expect("it is stronger than the default");
    let config = App::config().hash_params(slow).wrong_passwords(u32::MAX);
    let app = apps[0].beside(config, |builder| builder);
    let replies = app.race(32 * cores(), |number| match number % 2 {
        0 => guess(&format!("nobody{number}@example.com")),
        _ => guess(&person.email),
    });
    assert_only(&replies, &["401 invalid_credentials", "503 unavailable"]);

    let [unknown, known] = [0, 1].map(|first| {
        let of_one_kind = replies.iter().skip(first).step_by(2);
        of_one_kind.filter(|reply| reply.status == 503).collect::<Vec<_>>()
    });
    assert!(!unknown.is_empty() && !known.is_empty(), "{} and {}", unknown.len(), known.len());
    assert_problem(unknown[0], 503, "unavailable");
    assert_eq!(unknown[0].header("retry-after"), "2");
    assert_alike(unknown.into_iter().chain(known));
}

fn guess(email: &str) -> Request {
    Request::post("/sign-in", &json!({ "email": email, "password": "seven plum tractors" }))
}

/// As many as hash at once.
fn cores() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}
