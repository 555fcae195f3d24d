//! What operators do to users.

use std::time::Duration;

use auth_core::{
    Error, EventKind, EventQuery, MessageKind, NewAccount, Operator, Password, UserId,
};
use serde_json::{Map, Value, json};

use super::assertions::assert_problem;
use super::counting::rows;
use super::probes::{OTHER_PASSWORD, assert_ended, assert_live, reset_token, try_sign_in};
use crate::adapters::block_on;
use crate::{App, Person};

pub(super) fn a_user_is_created_with_all_that_is_theirs(apps: &[App]) {
    let app = &apps[0];
    let mut account = NewAccount::new("Ada@Example.com");
    account.username = Some("Ada".to_owned());
    account.password = Some(Password::from(OTHER_PASSWORD));
    account.roles = ["editor", "admin", "editor"].map(str::to_owned).to_vec();
    account.metadata = object(&json!({ "plan": "gold" }));
    let user = block_on(operator(app).create_user(account)).expect("it is acceptable");
    assert_eq!(user.roles, ["admin", "editor"]);

    let reply = app.post("/sign-in", json!({ "username": "ada", "password": OTHER_PASSWORD }));
    let tokens = App::tokens(&reply);
    assert_eq!(tokens.body["user"]["email"], "Ada@Example.com");
    assert_eq!(tokens.body["user"]["roles"], json!(["admin", "editor"]));
    let plan: Value = block_on(app.auth.metadata(user.id)).expect("it is an object");
    assert_eq!(plan, json!({ "plan": "gold" }));
    assert_eq!(app.mails().len(), 0, "who was given a password is told by who gave it");
    assert_eq!(events(app, user.id), ["operator:ada user_created", "user authn_login_success"]);
}

pub(super) fn without_a_password_the_user_chooses_one(apps: &[App]) {
    let app = &apps[0];
    let create = |email: &str, username: &str| {
        let mut account = NewAccount::new(email);
        account.username = Some(username.to_owned());
        block_on(operator(app).create_user(account)).expect("it is acceptable");
        let mails = app.mails();
        let [mail] = &mails[..] else { panic!("{} mails", mails.len()) };
        assert_eq!((mail.kind, &*mail.to), (MessageKind::UserCreated, email));
        App::token_of(mail)
    };
    let reset = |token: &str| {
        app.post("/reset-password", json!({ "token": token, "password": OTHER_PASSWORD }))
    };
    let token = create("first@example.com", "first");
    assert_problem(&try_sign_in(app, "first@example.com", ""), 422, "validation_failed");
    app.clock.advance(7 * DAY - TICK);
    assert_eq!(reset(&token).status, 200);
    let by_name = json!({ "username": "first", "password": OTHER_PASSWORD });
    App::tokens(&app.post("/sign-in", by_name));
    app.mails();
    let token = create("second@example.com", "second");
    app.clock.advance(7 * DAY);
    assert_problem(&reset(&token), 400, "invalid_token");
}

pub(super) fn an_address_that_nobody_vouches_for_is_proven_first(apps: &[App]) {
    let app = &apps[0];
    let person = Person { password: OTHER_PASSWORD.to_owned(), ..app.stranger() };
    let create = |password: Option<&str>| {
        let mut account = NewAccount::new(&person.email);
        account.password = password.map(Password::from);
        account.activated = false;
        block_on(operator(app).create_user(account))
    };
    assert_refused(create(None), "#/password", "required");
    create(Some(OTHER_PASSWORD)).expect("it is acceptable");
    let reply = try_sign_in(app, &person.email, OTHER_PASSWORD);
    assert_problem(&reply, 403, "account_not_activated");
    let token = app.mailed_token(&person.email);
    assert_eq!(app.post("/activate-account", json!({ "token": token })).status, 200);
    app.sign_in(&person);
}

pub(super) fn a_proven_address_is_taken_and_an_unproven_one_is_not(apps: &[App]) {
    let app = &apps[0];
    let (owner, squatter) = (app.user(), app.stranger());
    let refused = block_on(operator(app).create_user(NewAccount::new(&owner.email)));
    assert_refused(refused, "#/email", "taken");
    assert_refused(block_on(operator(app).invite(&owner.email)), "#/email", "taken");
    app.sign_in(&owner);

    app.sign_up(&squatter);
    let link = app.mailed_token(&squatter.email);
    let mut account = NewAccount::new(&squatter.email);
    account.password = Some(Password::from(OTHER_PASSWORD));
    block_on(operator(app).create_user(account)).expect("nobody has proven it");
    assert_problem(
        &try_sign_in(app, &squatter.email, &squatter.password),
        401,
        "invalid_credentials",
    );
    assert_problem(&app.post("/activate-account", json!({ "token": link })), 400, "invalid_token");
    App::tokens(&try_sign_in(app, &squatter.email, OTHER_PASSWORD));
    assert_eq!(rows(app, "auth_users"), 2);
}

pub(super) fn what_is_not_acceptable_creates_nobody(apps: &[App]) {
    let app = &apps[0];
    let with = |change: fn(&mut NewAccount)| {
        let mut account = NewAccount::new("ada@example.com");
        change(&mut account);
        block_on(operator(app).create_user(account))
    };
    assert_refused(with(|it| it.email = "ada".to_owned()), "#/email", "invalid");
    assert_refused(with(|it| it.username = Some("a".to_owned())), "#/username", "too_short");
    assert_refused(with(|it| it.password = Some("abc".into())), "#/password", "too_short");
    assert_refused(with(|it| it.roles = vec![String::new()]), "#/roles", "invalid");
    let large = |it: &mut NewAccount| {
        it.metadata.insert("note".to_owned(), "x".repeat(16 * 1024).into());
    };
    assert_refused(with(large), "#/metadata", "too_large");
    let user = app.user();
    let named = json!({ "email": user.email, "password": user.password, "username": "grace" });
    app.post("/sign-up", named);
    let taken = with(|it| it.username = Some("Grace".to_owned()));
    assert!(matches!(taken, Err(Error::UsernameTaken)), "{taken:?}");
    assert_eq!(rows(app, "auth_users"), 1);
}

pub(super) fn disabling_ends_everything_and_enabling_revives_nothing(apps: &[App]) {
    let app = &apps[0];
    let person = app.user();
    let id = id_of(app, &person);
    let tokens = app.sign_in(&person);
    let (second, authenticator) = {
        let second = app.user();
        let authenticator = app.enable_two_factor(&app.sign_in(&second));
        (second, authenticator)
    };
    app.mails();
    let body = json!({ "email": second.email, "password": second.password });
    let challenge = app.post("/sign-in", body).json()["mfa_token"].clone();
    let link = reset_token(app, &person);
    let enrolment = app.post_as(&tokens.access, "/enable-2fa", json!({})).json();

    for id in [id, id_of(app, &second)] {
        block_on(operator(app).disable(id)).expect("there is such a user");
        block_on(operator(app).disable(id)).expect("it can be repeated");
    }
    let kinds: Vec<_> = app.mails().iter().map(|mail| mail.kind).collect();
    assert_eq!(kinds, [MessageKind::AccountDisabled; 2]);
    let refused = || {
        assert_ended(app, &tokens);
        let reset = json!({ "token": link, "password": OTHER_PASSWORD });
        assert_problem(&app.post("/reset-password", reset), 400, "invalid_token");
        app.clock.advance(Duration::from_secs(30));
        let code = json!({ "mfa_token": challenge, "code": app.code(&authenticator) });
        assert_problem(&app.post("/sign-in-mfa", code), 401, "invalid_challenge");
    };
    refused();
    for person in [&person, &second] {
        let reply = try_sign_in(app, &person.email, &person.password);
        assert_problem(&reply, 401, "invalid_credentials");
    }
    assert_refused(block_on(operator(app).send_password_reset(id)), "#/user", "disabled");

    for id in [id, id_of(app, &second)] {
        block_on(operator(app).enable(id)).expect("there is such a user");
        block_on(operator(app).enable(id)).expect("it can be repeated");
    }
    refused();
    let own = app.sign_in(&person);
    let secret = enrolment["secret"].as_str().expect("an enrolment has a secret").to_owned();
    let stale = crate::Authenticator { secret, recovery_codes: Vec::new() };
    let code = json!({ "code": app.code(&stale) });
    let reply = app.post_as(&own.access, "/confirm-2fa", code);
    assert_problem(&reply, 409, "no_pending_enrolment");
    app.clock.advance(Duration::from_secs(30));
    app.sign_in_twice(&second, &authenticator);
    let own: Vec<_> = events(app, id).into_iter().filter(|it| it.contains("operator")).collect();
    let expected = ["user_disabled", "session_revoked", "user_enabled"];
    assert_eq!(own, expected.map(|kind| format!("operator:ada {kind}")));
}

pub(super) fn nobody_writes_to_the_disabled(apps: &[App]) {
    let app = &apps[0];
    let (person, owner) = (app.user(), app.user());
    let tokens = app.sign_in(&person);
    let id = id_of(app, &owner);
    block_on(operator(app).disable(id)).expect("there is such a user");
    app.mails();
    let recorded = events(app, id);
    let email = json!({ "email": owner.email });
    let replies = [
        app.post("/sign-up", json!({ "email": owner.email, "password": OTHER_PASSWORD })),
        app.post("/send-activation-email", email.clone()),
        app.post("/request-password-reset", email),
        app.post_as(&tokens.access, "/change-email", json!({ "new_email": owner.email })),
    ];
    assert!(replies.iter().all(|reply| reply.status == 202), "{replies:?}");
    let told: Vec<_> = app.mails().into_iter().map(|mail| (mail.kind, mail.to)).collect();
    assert_eq!(told, [(MessageKind::EmailChangeRequested, person.email)]);
    assert_eq!(events(app, id), recorded);
}

pub(super) fn sessions_end_at_a_word(apps: &[App]) {
    let app = &apps[0];
    let (ada, grace) = (app.user(), app.user());
    let hers = [app.sign_in(&ada), app.sign_in(&ada)];
    let other = app.sign_in(&grace);
    let count = block_on(operator(app).revoke_sessions(id_of(app, &ada)));
    assert_eq!(count.expect("there is such a user"), 2);
    hers.iter().for_each(|tokens| assert_ended(app, tokens));
    assert_live(app, &other);

    let again = app.sign_in(&ada);
    assert_eq!(block_on(operator(app).revoke_all_sessions()).expect("the database answers"), 2);
    assert_eq!(block_on(operator(app).revoke_all_sessions()).expect("the database answers"), 0);
    assert_ended(app, &again);
    assert_ended(app, &other);
    assert_live(app, &app.sign_in(&grace));
    let query = EventQuery::new().kind(EventKind::SessionRevoked);
    assert_eq!(block_on(app.auth.events(&query)).expect("the database answers").len(), 4);
}

pub(super) fn a_lost_factor_is_taken_off(apps: &[App]) {
    let app = &apps[0];
    let person = app.user();
    let id = id_of(app, &person);
    let off = block_on(operator(app).reset_two_factor(id));
    assert!(matches!(off, Err(Error::TwoFactorNotEnabled)), "{off:?}");
    let tokens = app.sign_in(&person);
    let authenticator = app.enable_two_factor(&tokens);
    app.mails();
    let body = json!({ "email": person.email, "password": person.password });
    let challenge = app.post("/sign-in", body).json()["mfa_token"].clone();

    block_on(operator(app).reset_two_factor(id)).expect("it is on");
    assert_ended(app, &tokens);
    let code = json!({ "mfa_token": challenge, "code": authenticator.recovery_codes[0] });
    assert_problem(&app.post("/sign-in-mfa", code), 401, "invalid_challenge");
    let kinds: Vec<_> = app.mails().iter().map(|mail| mail.kind).collect();
    assert_eq!(kinds, [MessageKind::TwoFactorDisabled]);
    let tokens = app.sign_in(&person);
    assert_eq!(tokens.body["user"]["two_factor_enabled"], false);
    assert_eq!(rows(app, "auth_recovery_codes"), 0);
}

pub(super) fn a_reset_is_begun_and_the_user_ends_it(apps: &[App]) {
    let app = &apps[0];
    let person = app.user();
    let tokens = app.sign_in(&person);
    block_on(operator(app).send_password_reset(id_of(app, &person))).expect("there is a user");
    let token = app.mailed_token(&person.email);
    assert_live(app, &tokens);
    let body = json!({ "token": token, "password": OTHER_PASSWORD });
    assert_eq!(app.post("/reset-password", body).status, 200);
    assert_ended(app, &tokens);
    App::tokens(&try_sign_in(app, &person.email, OTHER_PASSWORD));
}

pub(super) fn roles_and_metadata_are_set_whole(apps: &[App]) {
    let strict = apps[0].beside(App::config(), |builder| {
        builder.metadata(|metadata| match metadata.get("plan") {
            Some(Value::String(_)) | None => Ok(()),
            Some(_) => Err("A plan is a text.".to_owned()),
        })
    });
    let person = strict.user();
    let (id, tokens) = (id_of(&strict, &person), strict.sign_in(&person));
    let set = |roles: &[&str]| block_on(operator(&strict).set_roles(id, roles));
    assert_eq!(set(&["b", "a"]).expect("they are roles").roles, ["a", "b"]);
    assert_eq!(set(&["a", "b"]).expect("they are roles").roles, ["a", "b"]);
    assert_eq!(set(&["c"]).expect("it is a role").roles, ["c"]);
    assert_refused(set(&["d", "\n"]), "#/roles", "invalid");
    assert_eq!(strict.get("/me", Some(&tokens.access)).json()["roles"], json!(["c"]));
    let query = EventQuery::new().kind(EventKind::AuthzChange);
    let details: Vec<_> = block_on(strict.auth.events(&query))
        .expect("the database answers")
        .into_iter()
        .map(|event| Value::Object(event.detail))
        .collect();
    let second = json!({ "before": ["a", "b"], "after": ["c"] });
    assert_eq!(details, [second, json!({ "before": [], "after": ["a", "b"] })]);

    let set = |metadata: Value| block_on(operator(&strict).set_metadata(id, &object(&metadata)));
    set(json!({ "plan": "gold", "seats": 3 })).expect("a plan is a text");
    assert_refused(set(json!({ "notes": [{ "a": "\u{0}" }] })), "#/metadata", "invalid");
    set(json!({ "plan": "blue ünï" })).expect("a plan is a text");
    assert_refused(set(json!({ "plan": 1 })), "#/metadata", "invalid");
    let kept: Value = block_on(strict.auth.metadata(id)).expect("it is an object");
    assert_eq!(kept, json!({ "plan": "blue ünï" }));
}

pub(super) fn a_deleted_user_is_gone_and_the_address_is_free(apps: &[App]) {
    let app = &apps[0];
    let person = app.user();
    let (id, tokens) = (id_of(app, &person), app.sign_in(&person));
    block_on(operator(app).delete(id)).expect("there is such a user");
    assert_ended(app, &tokens);
    let kinds: Vec<_> = app.mails().iter().map(|mail| mail.kind).collect();
    assert_eq!(kinds, [MessageKind::AccountDeleted]);
    assert!(block_on(app.auth.user(id)).expect("the database answers").is_none());
    let of_user = |table: &str| rows(app, table);
    assert_eq!(["auth_users", "auth_sessions", "auth_one_time_tokens"].map(of_user), [0; 3]);
    app.sign_up(&person);
    app.mailed_token(&person.email);
    assert_eq!(events(app, id).last().map(String::as_str), Some("operator:ada user_deleted"));
}

pub(super) fn nobody_is_not_found(apps: &[App]) {
    let app = &apps[0];
    let nobody: UserId = "0190a5e0-0000-7000-8000-000000000000".parse().expect("it is an id");
    let operator = operator(app);
    let results = [
        block_on(operator.delete(nobody)),
        block_on(operator.disable(nobody)),
        block_on(operator.enable(nobody)),
        block_on(operator.export_user(nobody)).map(drop),
        block_on(operator.reset_two_factor(nobody)),
        block_on(operator.revoke_sessions(nobody)).map(drop),
        block_on(operator.send_password_reset(nobody)),
        block_on(operator.set_metadata(nobody, &Map::new())),
        block_on(operator.set_roles(nobody, &[])).map(drop),
        block_on(app.auth.metadata::<Value>(nobody)).map(drop),
    ];
    for (index, result) in results.iter().enumerate() {
        assert!(matches!(result, Err(Error::NotFound)), "{index}: {result:?}");
    }
    assert_eq!(rows(app, "auth_events WHERE user_id IS NOT NULL"), 0);
}

/// The operator of these cases.
fn operator(app: &App) -> Operator<'_> {
    app.auth.operator("ada")
}

#[track_caller]
pub(super) fn id_of(app: &App, person: &Person) -> UserId {
    let user = block_on(app.auth.user_by_email(&person.email)).expect("the database answers");
    user.expect("there is such a user").user.id
}

/// Who did what to a user, in order, without what every account begins with.
fn events(app: &App, id: UserId) -> Vec<String> {
    let query = EventQuery::new().user(id);
    let events = block_on(app.auth.events(&query)).expect("the database answers");
    events.iter().rev().map(|event| format!("{} {}", event.actor, event.kind)).collect()
}

#[track_caller]
fn assert_refused<T: std::fmt::Debug>(result: Result<T, Error>, pointer: &str, code: &str) {
    match result {
        Err(Error::Validation(errors)) => {
            let found: Vec<_> = errors.iter().map(|error| (error.pointer, error.code)).collect();
            assert_eq!(found, [(pointer, code)]);
        }
        other => panic!("{other:?} is not refused for {pointer} {code}"),
    }
}

fn object(value: &Value) -> Map<String, Value> {
    value.as_object().expect("it is an object").clone()
}

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// The least that both databases can tell apart.
const TICK: Duration = Duration::from_micros(1);
