//! Which passwords are accepted, and how they are compared: the same on every adapter and store, so
//! it is asked of one.

use std::fmt::Write;
use std::time::Duration;

use serde_json::json;

use super::assertions::assert_problem;
use super::probes::{assert_refused, reset_token, try_sign_in};
use crate::{Adapter, App, Reply, StoreKind};

pub(super) fn a_refusal_says_why() {
    let app = app();
    let (long, heavy) = ("xq7#".repeat(64) + "x", "\u{1d160}".repeat(86));
    for (password, code) in [
        ("", "required"),
        ("xq7#vK2", "too_short"),
        ("e\u{301}q7#vK2", "too_short"),
        (&*long, "too_long"),
        (&*heavy, "too_long"),
        ("PassWord123", "too_common"),
        ("passwordpassword", "too_common"),
        ("jane.doe99", "contextual"),
        ("wondercorp", "contextual"),
        ("auth-auth-auth", "contextual"),
        ("aaaaaaaaaaaaaaaa", "too_weak"),
        ("P@ssw0rd1!x", "too_weak"),
    ] {
        app.clock.advance(MINUTE);
        let body = json!({ "email": "jane.doe@wondercorp.example", "password": password });
        assert_refused(&app.post("/sign-up", body), "#/password", code);
    }
    let of_name = json!({ "email": "a@x.example", "password": "rabbit77", "username": "Rabbit" });
    assert_refused(&app.post("/sign-up", of_name), "#/password", "contextual");
}

pub(super) fn any_characters_will_do() {
    let app = app();
    let mut passwords = vec![
        "   🦀  🐙   🦑  🐡  ".to_owned(),
        "onlylowercaselettersbutlong".to_owned(),
        "жщпвкёнруэбадхыц".to_owned(),
        "蘋魚鑰飛雪橋燈舟夢竹鐘岸藍貓徑霧".to_owned(),
        "뷁숲핥쟁돌밤굴픽놀젤먹튼쇠힌캄옷".to_owned(),
        "뷁숲핥쟁돌밤굴픽".to_owned(),
    ];
    let long: String = (1..)
        .flat_map(|n: u32| (n * 7_919).to_string().into_bytes())
        .map(char::from)
        .take(256)
        .collect();
    passwords.push(long);
    for password in passwords {
        app.clock.advance(MINUTE);
        let person = crate::Person { password, ..app.stranger() };
        app.sign_up(&person);
        let reply = try_sign_in(&app, &person.email, &person.password);
        assert_problem(&reply, 403, "account_not_activated");
    }
}

pub(super) fn nothing_is_cut_off() {
    let app = app();
    let mut filler = String::new();
    for number in 100..124 {
        write!(filler, "{number}").expect("a text grows");
    }
    assert_eq!(filler.len(), 72);
    let person = crate::Person { password: filler.clone() + "Xplum", ..app.stranger() };
    app.sign_up(&person);
    let status = |password: &str| try_sign_in(&app, &person.email, password).status;
    assert_eq!(status(&person.password), 403);
    assert_eq!(status(&(filler.clone() + "Yplum")), 401);
    assert_eq!(status(&filler), 401);
    // Far above what may be set, and refused without being hashed in full or in part.
    let long = try_sign_in(&app, &person.email, &person.password.repeat(100));
    assert_problem(&long, 401, "invalid_credentials");
}

pub(super) fn two_spellings_of_one_text_are_one_password() {
    let app = app();
    let decomposed = "cafe\u{301} trolley 42 bloom";
    let person = crate::Person { password: decomposed.to_owned(), ..app.stranger() };
    app.sign_up(&person);
    let status = |password: &str| try_sign_in(&app, &person.email, password).status;
    assert_eq!(status("caf\u{e9} trolley 42 bloom"), 403);
    assert_eq!(status(decomposed), 403);
    // No other folding: neither compatibility forms, nor case, nor space.
    assert_eq!(status("caf\u{e9} trolley ４２ bloom"), 401);
    assert_eq!(status("Caf\u{e9} trolley 42 bloom"), 401);
    assert_eq!(status("caf\u{e9} trolley 42 bloom "), 401);
}

pub(super) fn the_rules_are_the_same_wherever_one_is_set() {
    let app = app();
    let person = app.user();
    let token = reset_token(&app, &person);
    let pending = app.stranger();
    app.sign_up(&pending);
    let activation = app.mailed_token(&pending.email);
    let ways: [&dyn Fn(&str) -> Reply; 3] = [
        &|password| app.post("/sign-up", json!({ "email": "a@x.example", "password": password })),
        &|password| app.post("/reset-password", json!({ "token": token, "password": password })),
        &|password| {
            app.post("/activate-account", json!({ "token": activation, "password": password }))
        },
    ];
    for way in ways {
        for (password, code) in [
            ("xq7#vK2", "too_short"),
            ("iloveyou", "too_common"),
            ("auth2026auth", "contextual"),
            ("aaaaaaaaaaaaaaaa", "too_weak"),
        ] {
            app.clock.advance(MINUTE);
            assert_refused(&way(password), "#/password", code);
        }
    }
}

fn app() -> App {
    App::start(Adapter::Axum, StoreKind::Sqlite)
}

/// How far apart requests are that are more than a client may send at once.
const MINUTE: Duration = Duration::from_secs(60);
