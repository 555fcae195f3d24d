//! Signing keys come and go while tokens are issued and verified, on several instances.

use std::thread;
use std::time::{Duration, Instant};

use auth_core::SigningKeyState::{Next, Sign, Verify};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::assertions::assert_problem;
use super::counting::{assert_tally, rows};
use crate::adapters::block_on;
use crate::{App, Tokens};

pub(super) fn rotations_under_load_refuse_no_token(apps: &[App]) {
    let config = || App::config().access_token_lifetime(Duration::from_secs(3_600));
    let app = &apps[0].beside(config(), |builder| builder);
    let other = &app.beside(config(), |builder| builder);
    let mut sessions: Vec<Tokens> = (0..4).map(|_| app.sign_in(&app.user())).collect();
    for round in 0..6 {
        let rotating = if round % 2 == 0 { app } else { other };
        thread::scope(|scope| {
            for tokens in &mut sessions {
                scope.spawn(move || {
                    for (issuer, verifier) in [(app, other), (other, app), (app, app)] {
                        let body = json!({ "refresh_token": tokens.refresh });
                        *tokens = App::tokens(&issuer.post("/access", body));
                        for path in ["/private", "/identity"] {
                            let reply = verifier.host(path, Some(&tokens.access));
                            assert_eq!(reply.status, 200, "{path}: {}", reply.text());
                        }
                    }
                });
            }
            let next = block_on(rotating.auth.operator("ada").rotate_signing_keys());
            assert_eq!(next.expect("it can be made").state, Next);
            app.clock.advance(Duration::from_secs(5 * 60));
        });
    }
    assert_eq!(rows(app, "auth_signing_keys"), 7);
}

pub(super) fn the_next_key_waits_until_everybody_has_it(apps: &[App]) {
    let app = &apps[0];
    let person = app.user();
    let operator = app.auth.operator("ada");
    let states = || {
        let keys = block_on(app.auth.signing_keys()).expect("the database answers");
        keys.iter().map(|key| key.state).collect::<Vec<_>>()
    };
    let old = app.sign_in(&person).access;
    assert_eq!(states(), [Sign]);
    let next = block_on(operator.rotate_signing_keys()).expect("it can be made");
    assert_eq!(states(), [Sign, Next]);
    let again = block_on(operator.rotate_signing_keys()).expect("one waits");
    assert_eq!(again, next, "one at a time");
    let published = app.get("/jwks.json", None).json();
    assert_eq!(published["keys"][1]["kid"], next.kid, "{published}");

    app.clock.advance(Duration::from_secs(5 * 60 - 1));
    assert_ne!(kid(&app.sign_in(&person).access), next.kid);
    app.clock.advance(Duration::from_secs(1));
    assert_eq!(kid(&app.sign_in(&person).access), next.kid);
    assert_eq!(states(), [Verify, Sign]);
    assert_eq!(app.get("/me", Some(&old)).status, 200);
    let made = "auth_events WHERE kind = 'signing_key_created' AND actor = 'operator:ada'";
    assert_eq!(rows(app, made), 1);
}

pub(super) fn revoking_them_voids_every_access_token(apps: &[App]) {
    let app = &apps[0];
    let other = &app.beside(App::config(), |builder| builder);
    let person = app.user();
    let tokens = app.sign_in(&person);
    assert_eq!(other.get("/me", Some(&tokens.access)).status, 200);
    let key = block_on(app.auth.operator("ada").revoke_signing_keys()).expect("it can");
    assert_eq!((key.state, key.generation), (Sign, 2));
    assert_problem(&app.get("/me", Some(&tokens.access)), 401, "unauthenticated");
    let next = App::tokens(&app.post("/access", json!({ "refresh_token": tokens.refresh })));
    assert_eq!(kid(&next.access), key.kid);
    // The first token of the new key tells another instance, at the latest.
    let asked = [&next, &tokens].map(|tokens| other.get("/me", Some(&tokens.access)));
    assert_tally(&asked, &[("200", 1), ("401 unauthenticated", 1)]);
    assert_eq!(kid(&other.sign_in(&person).access), key.kid);
    assert_eq!(rows(app, "auth_events WHERE kind = 'signing_keys_revoked'"), 1);
}

pub(super) fn an_instance_in_service_hears_of_it_within_a_second(apps: &[App]) {
    let app = &apps[0];
    let other = &app.beside(App::config(), |builder| builder);
    let tokens = app.sign_in(&app.user());
    let background = block_on(async { other.auth.start() });
    block_on(app.auth.operator("ada").revoke_signing_keys()).expect("it can");
    let begun = Instant::now();
    // A busy machine may be late.
    while other.host("/private", Some(&tokens.access)).status == 200 {
        assert!(begun.elapsed() < Duration::from_secs(5), "nobody tells it");
    }
    block_on(background.stop());
}

/// The clock stands still, so whatever may be done once in a second is used up.
pub(super) fn a_flood_of_unknown_keys_hides_no_key(apps: &[App]) {
    let app = &apps[0];
    let other = &app.beside(App::config(), |builder| builder);
    let person = app.user();
    let genuine = app.sign_in(&person).access;
    for round in 0..3 {
        thread::scope(|scope| {
            for flooder in 0..8 {
                let bogus = renamed(&genuine, &format!("{round}-{flooder}"));
                scope.spawn(move || {
                    for _ in 0..10 {
                        assert_eq!(other.get("/me", Some(&bogus)).status, 401);
                    }
                });
            }
            block_on(app.auth.operator("ada").revoke_signing_keys()).expect("it can");
            let tokens = app.sign_in(&person);
            assert_eq!(other.get("/me", Some(&tokens.access)).status, 200);
        });
    }
}

fn kid(token: &str) -> String {
    let header = header(token);
    header["kid"].as_str().expect("a token names its key").to_owned()
}

fn header(token: &str) -> Value {
    let header = token.split('.').next().unwrap_or_default();
    let header = URL_SAFE_NO_PAD.decode(header).expect("it is base64url");
    serde_json::from_slice(&header).expect("it is JSON")
}

fn renamed(token: &str, kid: &str) -> String {
    let mut header = header(token);
    header["kid"] = json!(kid);
    let (_, rest) = token.split_once('.').expect("a token has parts");
    format!("{}.{rest}", URL_SAFE_NO_PAD.encode(header.to_string()))
}
