use serde_json::json;

use super::assertions::assert_problem;
use crate::App;

pub(super) fn a_taken_address_answers_as_a_free_one(app: &App) {
    let person = app.stranger();
    let fresh = app.sign_up(&person);
    assert_eq!(fresh.json(), json!({ "status": "accepted" }));
    let again = app.sign_up(&person);
    assert_eq!(again.comparable(), fresh.comparable());

    let owner = app.user();
    let taken = app.sign_up(&owner);
    assert_eq!(taken.comparable(), fresh.comparable());
}

pub(super) fn what_is_not_acceptable_is_named(app: &App) {
    let reply = app.post("/sign-up", json!({ "email": "nobody", "password": "short" }));
    let problem = assert_problem(&reply, 422, "validation_failed");
    let pointers: Vec<_> = problem["errors"]
        .as_array()
        .expect("it lists the fields")
        .iter()
        .map(|error| error["pointer"].as_str().unwrap_or_default())
        .collect();
    assert_eq!(pointers, ["#/email", "#/password"], "{problem}");
}

pub(super) fn the_adapters_answer_alike(apps: &[App]) {
    let answers: Vec<String> =
        apps.iter().map(|app| app.sign_up(&app.stranger()).comparable()).collect();
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:#?}");
}
