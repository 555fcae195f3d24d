//! What operators read of users.

use auth_core::{EventKind, EventQuery, NewAccount, UserQuery, UserState};
use serde_json::{Value, json};

use super::operators::id_of;
use super::probes::reset_token;
use crate::App;
use crate::adapters::block_on;

pub(super) fn users_are_found_by_what_they_begin_with_their_role_and_their_state(apps: &[App]) {
    let app = &apps[0];
    let operator = app.auth.operator("ada");
    let mut ids = Vec::new();
    for (email, username, roles) in [
        ("ada@example.com", Some("lovelace"), &["admin", "a\"b"][..]),
        ("Adam@Example.com", None, &["editor"]),
        ("grace@example.com", Some("Ad_hopper"), &["admin"]),
        ("zoe@bücher.example", None, &[]),
    ] {
        let mut account = NewAccount::new(email);
        account.username = username.map(str::to_owned);
        account.roles = roles.iter().map(|&role| role.to_owned()).collect();
        app.clock.advance(std::time::Duration::from_secs(1));
        ids.push(block_on(operator.create_user(account)).expect("it is acceptable").id);
    }
    let unproven = app.stranger();
    app.sign_up(&unproven);
    block_on(operator.disable(ids[1])).expect("there is such a user");
    let find = |query: UserQuery| {
        let found = block_on(app.auth.users(&query)).expect("the database answers");
        found.into_iter().map(|details| details.user.email).collect::<Vec<_>>()
    };
    let new = UserQuery::new;
    let all = find(new());
    assert_eq!(all.len(), 5);
    assert_eq!(all[..2], ["ada@example.com", "Adam@Example.com"]);
    assert_eq!(
        find(new().search("AD")),
        ["ada@example.com", "Adam@Example.com", "grace@example.com"]
    );
    assert_eq!(find(new().search("ada@")), ["ada@example.com"]);
    assert_eq!(find(new().search("Zoe@BÜCHER.example")), ["zoe@xn--bcher-kva.example"]);
    for nobody in ["example", "%", "_da", "ad%", "'; --", "\u{0}x", "\u{10ffff}"] {
        assert_eq!(find(new().search(nobody)), [""; 0], "{nobody:?}");
    }
    assert_eq!(find(new().search(" ")).len(), 5);
    assert_eq!(find(new().role("admin")), ["ada@example.com", "grace@example.com"]);
    assert_eq!(find(new().role("a\"b")), ["ada@example.com"]);
    assert_eq!(find(new().role("adm")), [""; 0]);
    assert_eq!(find(new().state(UserState::Disabled)), ["Adam@Example.com"]);
    assert_eq!(find(new().state(UserState::Unproven)), [&*unproven.email]);
    assert_eq!(
        find(new().state(UserState::Active).role("admin").search("g")),
        ["grace@example.com"]
    );
    assert_eq!(find(new().limit(2)), all[..2]);
    assert_eq!(find(new().after(ids[1]).limit(2)), all[2..4]);
    assert_eq!(find(new().limit(0)).len(), 1);

    let by_name = block_on(app.auth.user_by_username("AD_HOPPER")).expect("the database answers");
    assert_eq!(by_name.expect("there is one").user.id, ids[2]);
    let adam = block_on(app.auth.user_by_email("adam@EXAMPLE.com")).expect("the database answers");
    let adam = adam.expect("there is one");
    assert_eq!((adam.user.id, adam.state()), (ids[1], UserState::Disabled));
    assert!(block_on(app.auth.user_by_email("nobody")).expect("it is no address").is_none());
}

pub(super) fn details_say_when_a_user_was_last_there(apps: &[App]) {
    let app = &apps[0];
    let person = app.user();
    let details = || {
        let id = id_of(app, &person);
        block_on(app.auth.user(id)).expect("the database answers").expect("there is such a user")
    };
    assert_eq!(details().last_sign_in_at, None);
    app.clock.advance(std::time::Duration::from_secs(60));
    app.post("/sign-in", json!({ "email": person.email, "password": person.password }));
    let json = serde_json::to_value(details()).expect("it is data");
    assert_eq!(json["last_sign_in_at"], "2023-11-14T22:14:20Z");
    assert_eq!((&json["email"], &json["metadata"]), (&json!(person.email), &json!({})));
    let sessions = block_on(app.auth.user_sessions(id_of(app, &person)));
    assert_eq!(sessions.expect("the database answers").len(), 1);
}

pub(super) fn an_export_has_all_that_is_kept_and_no_secret(apps: &[App]) {
    let app = &apps[0];
    let (person, other) = (app.user(), app.user());
    app.sign_in(&other);
    let tokens = app.sign_in(&person);
    let authenticator = app.enable_two_factor(&tokens);
    app.mails();
    let link = reset_token(app, &person);
    let challenge = app
        .post("/sign-in", json!({ "email": person.email, "password": person.password }))
        .json()["mfa_token"]
        .clone();
    let id = id_of(app, &person);
    let export = block_on(app.auth.operator("ada").export_user(id)).expect("there is such a user");
    let export = serde_json::to_value(export).expect("it is data");
    assert_eq!(export["user"]["email"], person.email);
    assert_eq!(export["credentials"]["password"], true);
    assert_eq!(export["credentials"]["totp_since"], "2023-11-14T22:13:20Z");
    assert_eq!(export["credentials"]["recovery_codes"], 10);
    let list = |name: &str, field: &str| {
        let list = export[name].as_array().expect("it is a list").iter();
        list.map(|entry| entry[field].as_str().unwrap_or_default().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(list("sessions", "amr"), ["pwd"]);
    let mut pending = list("pending", "purpose");
    pending.sort();
    assert_eq!(pending, ["password_reset", "second_factor"]);
    let mut mails = list("mails", "kind");
    mails.sort();
    assert_eq!(mails, ["activation", "password_reset", "two_factor_enabled", "welcome"]);
    let kinds = list("events", "kind");
    assert!(kinds.contains(&"user_created".to_owned()), "{kinds:?}");
    assert!(!kinds.contains(&"user_exported".to_owned()), "{kinds:?}");

    let text = export.to_string();
    let secrets = [
        &*person.password,
        &*tokens.access,
        &*tokens.refresh,
        &*authenticator.secret,
        &*authenticator.recovery_codes[0],
        &*link,
        challenge.as_str().expect("a challenge has a token"),
        &*other.email,
        "$argon2id$",
    ];
    for secret in secrets {
        assert!(!text.contains(secret), "{secret} is in {text}");
    }
    let query = EventQuery::new().kind(EventKind::UserExported);
    let events = block_on(app.auth.events(&query)).expect("the database answers");
    assert_eq!(events.len(), 1);
    assert_eq!(events[0].user_id, Some(id));
    assert_eq!(Value::from(events[0].actor.to_string()), "operator:ada");
}
