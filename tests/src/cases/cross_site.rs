//! What a foreign page makes a browser send.

use auth_core::Auth;
use http::Method;
use serde_json::json;

use super::assertions::assert_problem;
use super::cookie_jar::{CookieJar, sign_in};
use crate::{App, Request};

/// What a browser says of a foreign page: a recent one, an older one, and of a page that hides.
const FOREIGN: [(&str, &str); 5] = [
    ("sec-fetch-site", "cross-site"),
    ("sec-fetch-site", "same-site"),
    ("origin", "https://evil.example"),
    ("origin", "null"),
    ("origin", "http://localhost:8000"),
];

pub(super) fn no_endpoint_takes_cookies_from_a_foreign_page(app: &App) {
    let person = app.user();
    let jar = CookieJar::sign_in(app, &person);
    let state = || (count(app, "auth_sessions"), count(app, "auth_events"), app.mails().len());
    let before = state();
    for endpoint in Auth::endpoints().filter(|endpoint| endpoint.method != Method::GET) {
        let request = Request::post(endpoint.path, &json!({}));
        let request = Request { method: endpoint.method.to_string(), ..request };
        for (name, value) in FOREIGN {
            let reply = app.send(&jar.carried_by(request.clone()).header(name, value));
            assert_problem(&reply, 403, "cross_site_request");
            assert!(reply.all("set-cookie").is_empty(), "{endpoint:?}");
        }
        // With cookies, saying nothing is not enough.
        let reply = app.send(&jar.carried_by(request));
        assert_problem(&reply, 403, "cross_site_request");
    }
    assert_eq!(state(), before);
    let me = app.send(&jar.carried_by(Request::get("/me")));
    assert_eq!(me.status, 200);
    // The refresh cookie alone is enough to be careful.
    let alone = Request::new("POST", "/sign-out");
    let alone = alone.header("cookie", &format!("auth_refresh={}", jar.refresh));
    assert_problem(&app.send(&alone), 403, "cross_site_request");
}

/// Somebody who is signed in to another's account works for them (login CSRF).
pub(super) fn no_foreign_page_signs_its_visitor_in(app: &App) {
    let (person, newcomer) = (app.user(), app.stranger());
    let before = (count(app, "auth_sessions"), count(app, "auth_users"));
    let credentials = json!({ "email": person.email, "password": person.password });
    let sign_up = json!({ "email": newcomer.email, "password": newcomer.password });
    let email = json!({ "email": person.email });
    for (name, value) in FOREIGN {
        for request in [
            Request::post("/sign-in", &credentials),
            Request::post("/sign-up", &sign_up),
            Request::post("/request-password-reset", &email),
            Request::post("/send-activation-email", &email),
            sign_in(&person),
        ] {
            let reply = app.send(&request.header(name, value));
            assert_problem(&reply, 403, "cross_site_request");
        }
    }
    assert_eq!((count(app, "auth_sessions"), count(app, "auth_users")), before);
    assert!(app.mails().is_empty());
    // A program says nothing about pages, and is heard.
    assert_eq!(app.post("/sign-in", credentials).status, 200);
}

pub(super) fn only_our_own_pages_get_cookies(app: &App) {
    let person = app.user();
    let before = count(app, "auth_sessions");
    let nothing = app.send(&sign_in(&person));
    assert_problem(&nothing, 403, "cross_site_request");
    assert_eq!(count(app, "auth_sessions"), before);
    for (name, value) in [
        ("sec-fetch-site", "same-origin"),
        ("sec-fetch-site", "none"),
        ("origin", "http://127.0.0.1:8000"),
    ] {
        CookieJar::of(&app.send(&sign_in(&person).header(name, value)));
    }
}

pub(super) fn a_page_that_is_listed_is_no_stranger(app: &App) {
    let person = app.user();
    let config = App::config()
        .allowed_origins(["https://admin.example.com"])
        .and_then(|config| config.front_end_url("https://www.example.com/account"))
        .expect("both are https");
    let app = app.beside(config, |builder| builder);
    let from = |request: Request, origin: &str| {
        app.send(&request.header("origin", origin).header("sec-fetch-site", "cross-site"))
    };
    let jar = CookieJar::of(&from(sign_in(&person), "https://admin.example.com"));
    let refresh = jar.carried_by(Request::new("POST", "/access"));
    assert_eq!(from(refresh.clone(), "https://admin.example.com").status, 200);

    // Where mailed links lead, forms are sent, but no cookies.
    let front_end = "https://www.example.com";
    let body = json!({ "email": person.email });
    let reply = from(Request::post("/request-password-reset", &body), front_end);
    assert_eq!(reply.status, 202);
    assert_problem(&from(sign_in(&person), front_end), 403, "cross_site_request");
    assert_problem(&from(refresh, front_end), 403, "cross_site_request");
}

pub(super) fn the_hosts_own_routes_are_protected(app: &App) {
    let person = app.user();
    let jar = CookieJar::sign_in(app, &person);
    let post = || Request::new("POST", "/private").of_host();
    let upgrade = || {
        let request = Request::get("/private").of_host();
        request.header("connection", "close, upgrade").header("upgrade", "websocket")
    };
    for (name, value) in FOREIGN {
        for request in [post(), upgrade()] {
            let reply = app.send(&jar.carried_by(request).header(name, value));
            assert_problem(&reply, 403, "cross_site_request");
        }
        // A link from elsewhere leads to a page that knows its visitor.
        let link = jar.carried_by(Request::get("/private").of_host()).header(name, value);
        assert_eq!(app.send(&link).text(), person.email);
        // No page can have a browser send a bearer's token.
        let bearer = post().bearer(&jar.access).header(name, value);
        assert_eq!(app.send(&bearer).text(), person.email);
    }
    assert_problem(&app.send(&jar.carried_by(post())), 403, "cross_site_request");
    assert_eq!(app.send(&jar.own_page(post())).text(), person.email);
}

fn count(app: &App, table: &str) -> Option<String> {
    let mut rows = app.texts(&format!("SELECT CAST(COUNT(*) AS TEXT) FROM {table}"));
    rows.pop().expect("a count is a row")
}
