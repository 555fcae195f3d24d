//! Who there is shows in no answer's time. Only what no noise of a busy machine looks like is
//! measured: whether a hash was computed at all.

use std::time::{Duration, Instant};

use auth_core::HashParams;
use serde_json::json;

use super::probes::try_sign_in;
use crate::{App, Person, Reply};

pub(super) fn a_sign_in_costs_a_hash_whoever_it_is(apps: &[App]) {
    let app = &costly(&apps[0]);
    let [known, disabled, without_password] = [(); 3].map(|()| app.user());
    let set = |person: &Person, what: &str| {
        app.execute(&format!("UPDATE auth_users SET {what} WHERE email = '{}'", person.email));
    };
    set(&disabled, "disabled_at = created_at");
    set(&without_password, "password_hash = NULL");
    let unknown = app.stranger();
    let people = [&known, &unknown, &disabled, &without_password];
    assert_alike_in_cost(app, &people.map(|person| &*person.email), 401, |email| {
        try_sign_in(app, email, "not the password at all")
    });
}

pub(super) fn a_sign_up_costs_a_hash_whoever_has_the_address(apps: &[App]) {
    let app = &costly(&apps[0]);
    let (owner, pending) = (app.user(), app.stranger());
    app.sign_up(&pending);
    let fresh = app.stranger();
    assert_alike_in_cost(app, &[&fresh.email, &pending.email, &owner.email], 202, |email| {
        let body = json!({ "email": email, "password": "vex coral mirrors 88 slowly" });
        app.post("/sign-up", body)
    });
}

/// Asserts that none of the inputs is answered in a small part of the time of the first.
fn assert_alike_in_cost(app: &App, inputs: &[&str], status: u16, ask: impl Fn(&str) -> Reply) {
    let mut fastest = vec![Duration::MAX; inputs.len()];
    for _ in 0..3 {
        app.clock.advance(Duration::from_secs(60 * 60));
        for (input, fastest) in inputs.iter().zip(&mut fastest) {
            let begun = Instant::now();
            assert_eq!(ask(input).status, status, "{input}");
            *fastest = begun.elapsed().min(*fastest);
        }
    }
    let least = fastest[0] / 4;
    assert!(fastest.iter().all(|time| *time > least), "{inputs:?} took {fastest:?}");
}

/// An instance whose hashes take so long that whatever else is done does not matter.
fn costly(app: &App) -> App {
    let params = HashParams::new(19_456, 8, 1).expect("it is above the floor");
    app.beside(App::config().hash_params(params), |builder| builder)
}
