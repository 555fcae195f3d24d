use std::time::Duration;

use auth_core::{Client, Error, MessageKind, RefreshToken};
use serde_json::json;

use super::assertions::assert_problem;
use super::probes::{assert_ended, assert_live, assert_refused, claims, refresh};
use crate::App;
use crate::adapters::block_on;

pub(super) fn each_token_is_exchanged_for_the_next(app: &App) {
    let person = app.user();
    let first = app.sign_in(&person);
    app.clock.advance(MINUTE);
    let second = App::tokens(&refresh(app, &first.refresh));
    assert_ne!(first.refresh, second.refresh);
    assert_live(app, &second);
    assert_eq!(second.body["user"], first.body["user"]);
    assert_eq!(second.body["refresh_expires_in"], 14 * 24 * 60 * 60, "{}", second.body);
    app.clock.advance(MINUTE);
    let third = App::tokens(&refresh(app, &second.refresh));
    assert_live(app, &third);
}

pub(super) fn it_proves_nothing_anew(app: &App) {
    let person = app.user();
    let first = app.sign_in(&person);
    app.clock.advance(MINUTE);
    let second = App::tokens(&refresh(app, &first.refresh));
    let (before, after) = (claims(&first.access), claims(&second.access));
    for name in ["amr", "aud", "auth_time", "iss", "sid", "sub"] {
        assert_eq!(after[name], before[name], "{name}: {before} {after}");
    }
    assert_eq!(before["amr"], json!(["pwd"]));
    assert_eq!(before["auth_time"], before["iat"]);
    for name in ["exp", "iat", "jti", "nbf"] {
        assert_ne!(after[name], before[name], "{name}: {before} {after}");
    }
    assert_eq!(before["sub"], first.body["user"]["id"]);
    assert!(!before.to_string().contains(&person.email), "{before}");
}

pub(super) fn a_replay_ends_the_session_and_is_told(app: &App) {
    let person = app.user();
    let (other, first) = (app.sign_in(&person), app.sign_in(&person));
    let second = App::tokens(&refresh(app, &first.refresh));
    let third = App::tokens(&refresh(app, &second.refresh));
    assert_problem(&refresh(app, &first.refresh), 401, "invalid_refresh_token");
    assert_ended(app, &third);
    assert_ended(app, &second);
    assert_live(app, &other);

    let mails = app.mails();
    let [mail] = &mails[..] else { panic!("one notice comes, not {}", mails.len()) };
    assert_eq!((mail.kind, &mail.to), (MessageKind::RefreshTokenReuse, &person.email));
    assert_eq!(mail.link, None);
}

pub(super) fn a_lost_answer_can_be_asked_for_again(app: &App) {
    let person = app.user();
    let first = app.sign_in(&person);
    let second = App::tokens(&refresh(app, &first.refresh));
    app.clock.advance(Duration::from_secs(9));
    let again = App::tokens(&refresh(app, &first.refresh));
    assert_eq!(again.refresh, second.refresh);
    assert_live(app, &again);
    let third = App::tokens(&refresh(app, &again.refresh));
    assert_live(app, &third);
    assert_eq!(app.mails().len(), 0);
}

pub(super) fn a_used_successor_ends_the_grace(app: &App) {
    let person = app.user();
    let first = app.sign_in(&person);
    let second = App::tokens(&refresh(app, &first.refresh));
    let third = App::tokens(&refresh(app, &second.refresh));
    // Within ten seconds still, but somebody has gone on already.
    assert_problem(&refresh(app, &first.refresh), 401, "invalid_refresh_token");
    assert_ended(app, &third);
}

pub(super) fn the_core_says_that_there_is_none(app: &App) {
    let refreshed = block_on(app.auth.refresh(&RefreshToken::from(""), &Client::default()));
    let Err(Error::Validation(errors)) = refreshed else { panic!("it is none: {refreshed:?}") };
    assert_eq!((errors[0].pointer, errors[0].code), ("#/refresh_token", "required"));
}

pub(super) fn what_is_no_token_is_refused_and_nothing_breaks(app: &App) {
    let person = app.user();
    let tokens = app.sign_in(&person);
    let flipped = tokens.refresh.replace(&tokens.refresh[4..12], "AAAAAAAA");
    let long = format!("rt_{}", "A".repeat(10_000));
    let hostile = [
        "rt_",
        "x",
        "\u{0}",
        "rt_%%%",
        "rt_\u{1f980}",
        " ",
        "null",
        "rt_====",
        "' OR 1=1 --",
        &long,
        &flipped,
        &tokens.refresh[..45],
        &tokens.refresh[3..],
        &tokens.access,
    ];
    for token in hostile {
        assert_problem(&refresh(app, token), 401, "invalid_refresh_token");
    }
    for body in [json!({}), json!({ "refresh_token": "" })] {
        assert_refused(&app.post("/access", body), "#/refresh_token", "required");
    }
    for body in [json!({ "refresh_token": 7 }), json!({ "refresh_token": ["x"] }), json!([])] {
        assert_problem(&app.post("/access", body), 400, "malformed_request");
    }
    let reply = app.get(&format!("/access?refresh_token={}", tokens.refresh), None);
    assert_problem(&reply, 405, "method_not_allowed");
    App::tokens(&refresh(app, &tokens.refresh));
}

const MINUTE: Duration = Duration::from_secs(60);
