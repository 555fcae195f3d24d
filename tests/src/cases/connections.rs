//! Few connections to the database are slow, and no more than that.

use auth_core::Store;
use serde_json::json;

use super::counting::tally;
use crate::adapters::block_on;
use crate::{App, Request, StoreKind, Tokens};

/// A request that took a second connection while it holds one would wait for itself.
pub(super) fn one_or_two_do_for_everything_at_once(apps: &[App]) {
    if apps[0].kind == StoreKind::Sqlite {
        // Its one writer is a pool of one in every trial.
        return;
    }
    for connections in [1, 2] {
        let store = block_on(async {
            let pool = Store::postgres_pool_options().max_connections(connections);
            let pool = pool.connect(apps[0].service_url()).await.expect("Postgres answers");
            Store::from_postgres(pool).await.expect("the schema is there")
        });
        let app = apps[0].beside_on(store, App::config(), |builder| builder);
        let background = block_on(async { app.auth.start() });
        // A busy machine may keep one waiting for too long; a deadlock does so every time.
        let answered = (0..4).any(|_| {
            let replies = [request_by_password, request_by_token].map(|kind| storm(&app, kind));
            replies.iter().all(|served| *served)
        });
        assert!(answered, "{connections} connections do not do");
        block_on(background.stop());
    }
}

/// Whether 32 requests at once are all answered with anything but that the service is overtaxed.
fn storm(app: &App, kind: fn(usize, &Tokens, &str) -> Request) -> bool {
    let people = [(); 4].map(|()| app.user());
    let sessions = people.each_ref().map(|person| app.sign_in(person));
    let replies =
        app.race(32, |number| kind(number / 4, &sessions[number % 4], &people[number % 4].email));
    app.mails();
    !tally(&replies).contains_key("503 unavailable")
}

/// Of which no more than the queue for hashing takes do hash.
fn request_by_password(number: usize, tokens: &Tokens, email: &str) -> Request {
    let right = "seven plum tractors hum";
    match number {
        0 => Request::post("/sign-in", &json!({ "email": email, "password": right })),
        1 => Request::post("/sign-up", &json!({ "email": email, "password": right })),
        2 => Request::post("/enable-2fa", &json!({})).bearer(&tokens.access),
        3 => Request::post("/change-email", &json!({ "new_email": format!("new.{email}") }))
            .bearer(&tokens.access),
        4 => Request::post("/access", &json!({ "refresh_token": tokens.refresh })),
        5 => Request::get("/private").of_host().bearer(&tokens.access),
        6 => Request::post("/sessions/revoke", &json!({ "others": true })).bearer(&tokens.access),
        _ => Request::get("/health"),
    }
}

fn request_by_token(number: usize, tokens: &Tokens, email: &str) -> Request {
    let token = json!({ "token": "A".repeat(43) });
    match number {
        0 => Request::post("/request-password-reset", &json!({ "email": email })),
        1 => Request::post("/send-activation-email", &json!({ "email": email })),
        2 => Request::post("/activate-account", &token),
        3 => Request::post("/confirm-email-change", &token),
        4 => Request::post("/sign-in-mfa", &json!({ "mfa_token": "A", "code": "123456" })),
        5 => Request::get("/identity").of_host().bearer(&tokens.access),
        6 => Request::get("/sessions").bearer(&tokens.access),
        _ => Request::post("/sign-out", &json!({ "refresh_token": tokens.refresh })),
    }
}
