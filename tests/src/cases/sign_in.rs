use auth_core::{HashBackend, HashParams, Pepper};
use serde_json::{Value, json};

use super::assertions::assert_problem;
use super::counting::rows;
use super::probes::{
    assert_alike, assert_ended, assert_live, assert_refused, claims, refresh, try_sign_in,
};
use crate::{App, Request};

pub(super) fn a_session_is_complete(app: &App) {
    let person = app.user();
    let body = app.sign_in(&person).body;
    assert_eq!(
        keys(&body),
        [
            "access_token",
            "expires_in",
            "refresh_expires_in",
            "refresh_token",
            "status",
            "token_type",
            "user"
        ]
    );
    assert_eq!(body["token_type"], "Bearer", "{body}");
    assert_eq!(body["expires_in"], 600, "{body}");
    assert_eq!(body["refresh_expires_in"], 14 * 24 * 60 * 60, "{body}");
    assert_eq!(body["user"]["email"], person.email, "{body}");
    let refresh = body["refresh_token"].as_str().unwrap_or_default();
    assert!(refresh.starts_with("rt_") && refresh.len() == 46, "{refresh}");
}

pub(super) fn whatever_is_wrong_answers_the_same(app: &App) {
    let person = app.user();
    let guess = "seven plum tractors hum!";
    let unknown = try_sign_in(app, &app.stranger().email, &person.password);
    let wrong = try_sign_in(app, &person.email, guess);
    let no_address = try_sign_in(app, "nobody", guess);
    let no_username = app.post("/sign-in", json!({ "username": "a b", "password": guess }));
    let password_hash = app.texts("SELECT password_hash FROM auth_users")[0].clone();

    app.execute("UPDATE auth_users SET disabled_at = created_at");
    let disabled = try_sign_in(app, &person.email, &person.password);
    app.execute("UPDATE auth_users SET disabled_at = NULL, password_hash = NULL");
    let without_password = try_sign_in(app, &person.email, &person.password);
    assert_problem(&unknown, 401, "invalid_credentials");
    assert_eq!(unknown.header("www-authenticate"), "Bearer");
    assert_alike([&unknown, &wrong, &no_address, &no_username, &disabled, &without_password]);

    let password_hash = password_hash.expect("there was a password");
    app.execute(&format!("UPDATE auth_users SET password_hash = '{password_hash}'"));
    app.sign_in(&person);
}

pub(super) fn a_broken_hash_is_a_wrong_password(app: &App) {
    let person = app.user();
    let salt_and_hash = "c2FsdHNhbHRzYWx0c2FsdA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    for hash in [
        String::new(),
        "plain".to_owned(),
        "☃$☃".to_owned(),
        format!("$argon2id$v=19$m=4194304,t=9999,p=1${salt_and_hash}"),
        "$argon2id$v=19$m=19456,t=2,p=1$$".to_owned(),
    ] {
        app.execute(&format!("UPDATE auth_users SET password_hash = '{hash}'"));
        let reply = try_sign_in(app, &person.email, &person.password);
        assert_problem(&reply, 401, "invalid_credentials");
        // Whatever limits wrong passwords, they are no part of this.
        app.clock.advance(std::time::Duration::from_secs(60 * 60));
    }
}

pub(super) fn an_address_is_known_in_any_case_and_a_password_only_as_it_is(app: &App) {
    let person = app.user();
    let reply = try_sign_in(app, &person.email.to_uppercase(), &person.password);
    assert_eq!(App::tokens(&reply).body["user"]["email"], person.email);
    for password in [person.password.to_uppercase(), format!("{} ", person.password)] {
        let reply = try_sign_in(app, &person.email, &password);
        assert_problem(&reply, 401, "invalid_credentials");
    }
}

pub(super) fn every_sign_in_is_a_session_of_its_own(app: &App) {
    let person = app.user();
    let first = app.sign_in(&person);
    let body = json!({ "email": person.email, "password": person.password });
    let request = Request::post("/sign-in", &body).bearer(&first.access);
    let second = App::tokens(&app.send(&request));
    assert_ne!(claims(&first.access)["sid"], claims(&second.access)["sid"]);
    assert_ne!(first.refresh[..24], second.refresh[..24]);
    assert_live(app, &first);
    assert_live(app, &second);
}

pub(super) fn a_second_factor_comes_before_any_token(app: &App) {
    let person = app.user();
    app.enable_two_factor(&app.sign_in(&person));
    let reply = try_sign_in(app, &person.email, &person.password);
    let body = reply.json();
    assert_eq!(reply.status, 200, "{body}");
    assert_eq!(keys(&body), ["expires_in", "methods", "mfa_token", "status"]);
    assert_eq!(body["status"], "mfa_required", "{body}");
    assert_eq!(body["methods"], json!(["totp", "recovery_code"]), "{body}");
    assert_eq!(body["expires_in"], 300, "{body}");
    assert!(reply.all("set-cookie").is_empty(), "{:?}", reply.headers);

    let ticket = body["mfa_token"].as_str().expect("there is a ticket");
    assert_problem(&app.get("/me", Some(ticket)), 401, "unauthenticated");
    assert_problem(&refresh(app, ticket), 401, "invalid_refresh_token");
    let wrong = try_sign_in(app, &person.email, "not the password at all");
    assert_problem(&wrong, 401, "invalid_credentials");
}

pub(super) fn no_way_to_a_session_is_open_to_the_disabled(app: &App) {
    let person = app.user();
    let tokens = app.sign_in(&person);
    app.post("/request-password-reset", json!({ "email": person.email }));
    let reset = app.mailed_token(&person.email);
    app.execute("UPDATE auth_users SET disabled_at = created_at");

    let reply = try_sign_in(app, &person.email, &person.password);
    assert_problem(&reply, 401, "invalid_credentials");
    assert_problem(&refresh(app, &tokens.refresh), 401, "invalid_refresh_token");
    assert_problem(&app.get("/me", Some(&tokens.access)), 401, "unauthenticated");
    let again = json!({ "password": person.password });
    let reply = app.post_as(&tokens.access, "/reauthenticate", again);
    assert_problem(&reply, 401, "unauthenticated");
    let body = json!({ "token": reset, "password": person.password });
    assert_problem(&app.post("/reset-password", body), 400, "invalid_token");
    app.post("/request-password-reset", json!({ "email": person.email }));
    assert_eq!(app.mails().len(), 0, "and no link is mailed");
}

pub(super) fn input_is_strict(app: &App) {
    let send = |body: Value| app.post("/sign-in", body);
    for body in [
        json!({ "email": "a@x.example", "password": 123_456 }),
        json!({ "email": {}, "password": "x" }),
        json!({ "email": ["a@x.example"], "password": "x" }),
        json!({ "email": "a@x.example", "password": null }),
        json!({ "email": "a@x.example", "password": true }),
        json!({ "email": "a@x.example", "password": "x", "remembered": true }),
        json!(["a@x.example", "x"]),
    ] {
        assert_problem(&send(body), 400, "malformed_request");
    }
    assert_refused(
        &send(json!({ "email": "a@x.example", "password": "" })),
        "#/password",
        "required",
    );
    assert_refused(&send(json!({ "email": "a@x.example" })), "#/password", "required");
    assert_refused(&send(json!({ "password": "x" })), "#/email", "required");
    let both = json!({ "email": "a@x.example", "username": "abc", "password": "x" });
    assert_refused(&send(both), "#/username", "conflict");
}

pub(super) fn a_hash_of_another_cost_is_replaced(app: &App) {
    let hash = || app.texts("SELECT password_hash FROM auth_users")[0].clone().unwrap_or_default();
    let person = app.user();
    assert!(hash().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{}", hash());
    let params = HashParams::new(19_456, 3, 1).expect("it is above the floor");
    let costlier = app.beside(App::config().hash_params(params), |builder| builder);
    try_sign_in(&costlier, &person.email, "not the password at all");
    assert!(hash().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{}", hash());
    costlier.sign_in(&person);
    assert!(hash().starts_with("$argon2id$v=19$m=19456,t=3,p=1$"), "{}", hash());
    app.sign_in(&person);
}

pub(super) fn a_hash_is_good_for_either_backend(app: &App) {
    let hashes = || app.texts("SELECT password_hash FROM auth_users ORDER BY id");
    let simd = &app.beside(App::config().hash_backend(HashBackend::Simd), |builder| builder);
    let people = [(app, simd), (simd, app)].map(|(signs_up, signs_in)| (signs_up.user(), signs_in));
    let made = hashes();
    for (person, signs_in) in people {
        let reply = try_sign_in(signs_in, &person.email, "not the password at all");
        assert_problem(&reply, 401, "invalid_credentials");
        signs_in.sign_in(&person);
    }
    assert_eq!(hashes(), made, "there is nothing to replace");
}

pub(super) fn a_hash_of_another_system_is_replaced(app: &App) {
    let hash = || app.texts("SELECT password_hash FROM auth_users")[0].clone().unwrap_or_default();
    let mut person = app.user();
    person.password = "correct horse battery staple".to_owned();
    for foreign in [
        "$2b$05$abcdefghijklmnopqrstuuFiPhXf1sVd3pCCRO.uVh34H/qI/ZsuS",
        "pbkdf2_sha256$1000$seasalt$3xmXbyk2QpiyNcnoBbzRPwEBsYPTbDlRdtmLyBvQltA=",
        "$scrypt$ln=10,r=8,p=1$AAECAwQFBgcICQoLDA0ODw$mp90zEQd5XGhjEv4WArVH4Z0XRSzkGWtJK2S/AXJlRU",
    ] {
        app.execute(&format!("UPDATE auth_users SET password_hash = '{foreign}'"));
        let reply = try_sign_in(app, &person.email, "not the password at all");
        assert_problem(&reply, 401, "invalid_credentials");
        assert_eq!(hash(), foreign);
        app.sign_in(&person);
        assert!(hash().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{}", hash());
        app.sign_in(&person);
    }
    app.execute("UPDATE auth_users SET password_hash = '$2b$31$abcdefghijklmnopqrstuu'");
    let reply = try_sign_in(app, &person.email, &person.password);
    assert_problem(&reply, 401, "invalid_credentials");
}

pub(super) fn a_pepper_is_introduced_and_removed(app: &App) {
    let hash = || app.texts("SELECT password_hash FROM auth_users")[0].clone().unwrap_or_default();
    let pepper = || Pepper::new((0..32).collect()).expect("it is long enough");
    let person = app.user();
    let peppered = app.beside(App::config(), |builder| builder.pepper(pepper()));
    peppered.sign_in(&person);
    assert!(hash().contains(",keyid=2nx7q+Ys$"), "{}", hash());
    peppered.sign_in(&person);
    let reply = try_sign_in(app, &person.email, &person.password);
    assert_problem(&reply, 401, "invalid_credentials");
    let removed =
        app.beside(App::config(), |builder| builder.pepper(Pepper::none().with_previous(pepper())));
    removed.sign_in(&person);
    assert!(!hash().contains("keyid"), "{}", hash());
    app.sign_in(&person);
}

pub(super) fn a_deleted_user_is_nobody(app: &App) {
    let person = app.user();
    let tokens = app.sign_in(&person);
    app.execute("DELETE FROM auth_users");
    assert_ended(app, &tokens);
    let reply = try_sign_in(app, &person.email, &person.password);
    assert_problem(&reply, 401, "invalid_credentials");
}

fn keys(object: &Value) -> Vec<&str> {
    let mut keys: Vec<_> =
        object.as_object().expect("it is an object").keys().map(String::as_str).collect();
    keys.sort_unstable();
    keys
}

/// A password is right for what was read before it was checked.
pub(super) fn a_factor_that_appears_meanwhile_lets_nobody_in(apps: &[App]) {
    let app = &apps[0];
    let person = app.user();
    app.sign_in(&person);
    let secret = "(SELECT refresh FROM auth_sessions LIMIT 1)";
    let insert =
        format!("INSERT INTO auth_totp SELECT id, {secret}, 0, created_at FROM auth_users");
    let once = "WHERE id NOT IN (SELECT user_id FROM auth_totp)";
    app.whenever(COUNTED, AT_PASSWORDS, &format!("{insert} {once}"));
    let reply = try_sign_in(app, &person.email, &person.password);
    assert_problem(&reply, 401, "invalid_credentials");
    assert_eq!((rows(app, "auth_totp"), rows(app, "auth_sessions")), (1, 1));
}

pub(super) fn who_goes_meanwhile_is_nobody(apps: &[App]) {
    let app = &apps[0];
    let (person, second) = (app.user(), app.user());
    app.sign_in(&person);
    app.enable_two_factor(&app.sign_in(&second));
    app.whenever(COUNTED, AT_PASSWORDS, "DELETE FROM auth_users");
    for person in [&second, &person] {
        let reply = try_sign_in(app, &person.email, &person.password);
        assert_problem(&reply, 401, "invalid_credentials");
    }
    assert_eq!(rows(app, "auth_users"), 0);
}

const COUNTED: &str = "UPDATE ON auth_limits";
const AT_PASSWORDS: &str = "NEW.subject LIKE 'wrong_passwords:%'";
