//! A session that ends on one instance ends on all of them.

use std::time::{Duration, Instant};

use serde_json::json;

use super::probes::OTHER_PASSWORD;
use crate::adapters::block_on;
use crate::{App, Tokens};

pub(super) fn another_instance_refuses_at_once_where_it_asks_the_database(apps: &[App]) {
    let app = &apps[0];
    let other = app.beside(App::config(), |builder| builder);
    let tokens = app.sign_in(&app.user());
    assert_eq!(statuses(&other, &tokens), [200, 200, 200]);
    app.post("/sign-out", json!({ "refresh_token": tokens.refresh }));
    assert_eq!(statuses(app, &tokens), [401, 401, 401]);
    // Without a feed `/identity` asks, too.
    assert_eq!(statuses(&other, &tokens), [401, 401, 401]);
}

/// As long as the feed is fresh an instance believes it, and no longer: the clock stands still, so
/// it stays fresh when it is stopped.
pub(super) fn another_instance_is_told_within_a_second(apps: &[App]) {
    let app = &apps[0];
    let other = app.beside(App::config(), |builder| builder);
    let person = app.user();
    let background = block_on(async { other.auth.start() });

    let mut told = false;
    // A busy machine may be late; one that never tells is late every time.
    for _ in 0..5 {
        let tokens = app.sign_in(&person);
        app.execute("UPDATE auth_sessions SET revoked_at = created_at");
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_secs(1) {
            other.host("/identity", Some(&tokens.access));
        }
        // From now on the database denies it, but what was told is remembered.
        app.execute("UPDATE auth_sessions SET revoked_at = NULL");
        told = other.host("/identity", Some(&tokens.access)).status == 401;
        assert_eq!(app.host("/identity", Some(&tokens.access)).status, 200);
        if told {
            break;
        }
    }
    assert!(told);
    block_on(background.stop());

    let tokens = app.sign_in(&person);
    app.post("/sign-out", json!({ "refresh_token": tokens.refresh }));
    assert_eq!(statuses(&other, &tokens), [401, 200, 401]);
    app.clock.advance(Duration::from_secs(1));
    assert_eq!(statuses(&other, &tokens), [401, 200, 401]);
    app.clock.advance(Duration::from_millis(1));
    assert_eq!(statuses(&other, &tokens), [401, 401, 401]);
}

pub(super) fn an_instance_refuses_at_once_what_it_has_revoked_itself(apps: &[App]) {
    let app = &apps[0];
    let person = app.user();
    let background = block_on(async { app.auth.start() });
    for end in ["/sign-out", "/sessions/revoke", "/access", "/change-password"] {
        let tokens = app.sign_in(&person);
        match end {
            "/sign-out" => app.post_as(&tokens.access, end, json!({})),
            "/sessions/revoke" => {
                let other = app.sign_in(&person);
                app.post_as(&other.access, end, json!({ "others": true }))
            }
            "/change-password" => {
                let new = json!({
                    "current_password": person.password,
                    "new_password": OTHER_PASSWORD,
                });
                app.post_as(&tokens.access, end, new)
            }
            _ => {
                let body = json!({ "refresh_token": tokens.refresh });
                let next = App::tokens(&app.post(end, body.clone()));
                App::tokens(&app.post(end, json!({ "refresh_token": next.refresh })));
                app.post(end, body)
            }
        };
        assert_eq!(statuses(app, &tokens), [401, 401, 401], "{end}");
    }
    block_on(background.stop());
}

/// Of the routes that ask the database, that believe the feed, and that ask again.
fn statuses(app: &App, tokens: &Tokens) -> [u16; 3] {
    [
        app.host("/private", Some(&tokens.access)).status,
        app.host("/identity", Some(&tokens.access)).status,
        app.get("/me", Some(&tokens.access)).status,
    ]
}
