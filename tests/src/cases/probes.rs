//! What several files of cases look at.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::assertions::assert_problem;
use crate::{App, Person, Reply, Tokens};

/// Returns the pointer and the code of each field that `reply` refuses.
#[track_caller]
pub(super) fn refused_fields(reply: &Reply) -> Vec<(String, String)> {
    let problem = assert_problem(reply, 422, "validation_failed");
    let errors = problem["errors"].as_array().expect("it lists the fields").clone();
    let text = |value: &Value| value.as_str().expect("it is a text").to_owned();
    errors.iter().map(|error| (text(&error["pointer"]), text(&error["code"]))).collect()
}

/// Asserts that `reply` refuses one field for one reason.
#[track_caller]
pub(super) fn assert_refused(reply: &Reply, pointer: &str, code: &str) {
    assert_eq!(refused_fields(reply), [(pointer.to_owned(), code.to_owned())]);
}

/// Asserts that all answers are the same, in every byte that a client may compare.
#[track_caller]
pub(super) fn assert_alike<'a>(replies: impl IntoIterator<Item = &'a Reply>) {
    let mut texts = replies.into_iter().map(Reply::comparable);
    let first = texts.next().expect("there is something to compare");
    for (index, text) in texts.enumerate() {
        assert_eq!(text, first, "answer {} differs from the first", index + 1);
    }
}

/// Asserts that the access token of a session is good, with and without a look at the user.
#[track_caller]
pub(super) fn assert_live(app: &App, tokens: &Tokens) {
    for reply in [app.get("/me", Some(&tokens.access)), app.host("/identity", Some(&tokens.access))]
    {
        assert_eq!(reply.status, 200, "{}", reply.text());
    }
}

/// Asserts that neither token of a session is good for anything.
#[track_caller]
pub(super) fn assert_ended(app: &App, tokens: &Tokens) {
    assert_problem(&app.get("/me", Some(&tokens.access)), 401, "unauthenticated");
    assert_problem(&app.host("/identity", Some(&tokens.access)), 401, "unauthenticated");
    assert_problem(&refresh(app, &tokens.refresh), 401, "invalid_refresh_token");
}

/// Presents a refresh token.
#[track_caller]
pub(super) fn refresh(app: &App, token: &str) -> Reply {
    app.post("/access", json!({ "refresh_token": token }))
}

/// Asks for a sign-in with the address and any password.
#[track_caller]
pub(super) fn try_sign_in(app: &App, email: &str, password: &str) -> Reply {
    app.post("/sign-in", json!({ "email": email, "password": password }))
}

/// Asks for a reset link and returns its token.
#[track_caller]
pub(super) fn reset_token(app: &App, person: &Person) -> String {
    let reply = app.post("/request-password-reset", json!({ "email": person.email }));
    assert_eq!(reply.status, 202, "{}", reply.text());
    app.mailed_token(&person.email)
}

/// Returns the claims of an access token, which anybody who holds it can read.
#[track_caller]
pub(super) fn claims(access_token: &str) -> Value {
    let payload = access_token.split('.').nth(1).expect("a token has three parts");
    let payload = URL_SAFE_NO_PAD.decode(payload).expect("a token is base64url");
    serde_json::from_slice(&payload).expect("claims are JSON")
}

/// Different from the one of every [`Person`], and good enough for the policy.
pub(super) const OTHER_PASSWORD: &str = "nine quiet lanterns drift";
