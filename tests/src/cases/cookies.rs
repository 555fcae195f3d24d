//! Sessions that a browser holds as cookies.

use std::time::Duration;

use auth_core::Config;
use serde_json::json;

use super::assertions::assert_problem;
use super::cookie_jar::{CookieJar, sign_in};
use super::probes::assert_refused;
use crate::{App, Request};

pub(super) fn each_has_exactly_its_attributes(app: &App) {
    let person = app.user();
    let production = Config::new("https://app.example.com").expect("it is https");
    let production = app.beside(production, |builder| builder);
    for (app, access_name, refresh_name, secure) in [
        (app, "auth_access", "auth_refresh", ""),
        (&production, "__Host-auth_access", "__Secure-auth_refresh", "; Secure"),
    ] {
        let request = sign_in(&person).header("sec-fetch-site", "same-origin");
        for (remember, ages) in [(true, ["; Max-Age=600", "; Max-Age=1209600"]), (false, ["", ""])]
        {
            let mut body = json!({ "email": person.email, "password": person.password });
            body["delivery"] = json!("cookie");
            body["remember"] = json!(remember);
            let request = Request { body: body.to_string().into(), ..request.clone() };
            let reply = app.send(&request);
            let cookies = reply.all("set-cookie");
            let [access, refresh] = cookies[..] else { panic!("not two: {cookies:?}") };
            assert!(access.len() < 4096 && refresh.len() < 4096, "{cookies:?}");
            let value = |cookie: &str| {
                let value = cookie.split(['=', ';']).nth(1).unwrap_or_default().to_owned();
                assert!(value.len() > 40, "{cookie}");
                value
            };
            let [access_value, refresh_value] = [value(access), value(refresh)];
            let [access_age, refresh_age] = ages;
            assert_eq!(
                [access, refresh],
                [
                    format!(
                        "{access_name}={access_value}; Path=/{access_age}; HttpOnly; SameSite=Lax{secure}"
                    ),
                    format!(
                        "{refresh_name}={refresh_value}; Path=/api/auth{refresh_age}; HttpOnly; SameSite=Strict{secure}"
                    ),
                ]
            );
            // What no script can read, it must not find in the body either.
            let text = reply.text();
            assert!(!text.contains(&access_value) && !text.contains(&refresh_value), "{text}");
            let mut body = reply.json();
            let user = body.as_object_mut().and_then(|body| body.remove("user"));
            assert_eq!(user.expect("it is there")["email"], person.email);
            let rest = json!({
                "status": "signed_in", "expires_in": 600, "refresh_expires_in": body["refresh_expires_in"],
            });
            assert_eq!(body, rest);
        }
    }
    // Whoever can set a cookie without the prefix is not believed.
    let jar = CookieJar::sign_in(app, &person);
    let request = jar.own_page(Request::get("/me"));
    assert_eq!(app.send(&request).status, 200);
    assert_problem(&production.send(&request), 401, "unauthenticated");
}

pub(super) fn one_authenticates_wherever_a_bearer_does(app: &App) {
    let person = app.user();
    let jar = CookieJar::sign_in(app, &person);
    let me = app.send(&jar.carried_by(Request::get("/me"))).json();
    assert_eq!(me["email"], person.email);
    for route in ["/private", "/maybe", "/recent"] {
        let reply = app.send(&jar.carried_by(Request::get(route).of_host()));
        assert_eq!((reply.status, reply.text()), (200, &*person.email), "{route}");
    }
    let reply = app.send(&jar.carried_by(Request::get("/identity").of_host()));
    assert_eq!(json!(reply.text()), me["id"]);
    let enrol = jar.own_page(Request::new("POST", "/enable-2fa"));
    assert_eq!(app.send(&enrol).status, 200);
    // The other one is no access token.
    let refresh = format!("auth_access={}", jar.refresh);
    let reply = app.send(&Request::get("/me").header("cookie", &refresh));
    assert_problem(&reply, 401, "unauthenticated");
}

pub(super) fn one_that_is_there_twice_is_none(app: &App) {
    let jar = CookieJar::sign_in(app, &app.user());
    let (access, refresh) = (&jar.access, &jar.refresh);
    for cookies in [
        vec![format!("auth_access={access}; auth_access={access}")],
        vec![format!("auth_access={access}"), "auth_access=x".to_owned()],
        vec!["auth_access=; a=b".to_owned(), format!("auth_access={access}")],
    ] {
        let add = |request: Request, cookie: &String| request.header("cookie", cookie);
        let me = cookies.iter().fold(Request::get("/me"), add);
        assert_problem(&app.send(&me), 401, "unauthenticated");
        let private = cookies.iter().fold(Request::get("/private").of_host(), add);
        assert_problem(&app.send(&private), 401, "unauthenticated");
    }
    let twice = format!("auth_refresh={refresh}; auth_refresh={refresh}");
    for (path, code) in [("/access", "invalid_refresh_token"), ("/sign-out", "unauthenticated")] {
        let request = Request::post(path, &json!({})).header("sec-fetch-site", "same-origin");
        assert_problem(&app.send(&request.header("cookie", &twice)), 401, code);
    }
    assert_eq!(app.send(&jar.own_page(Request::new("POST", "/access"))).status, 200);
}

pub(super) fn beside_another_credential_it_is_refused(app: &App) {
    let (person, other) = (app.user(), app.user());
    let jar = CookieJar::sign_in(app, &person);
    let bearer = app.sign_in(&other);
    for request in [Request::get("/me"), Request::get("/private").of_host()] {
        let both = jar.carried_by(request.clone()).bearer(&bearer.access);
        assert_problem(&app.send(&both), 400, "malformed_request");
        let same = jar.carried_by(request).bearer(&jar.access);
        assert_eq!(app.send(&same).status, 200);
    }
    for path in ["/access", "/sign-out"] {
        let request = Request::post(path, &json!({ "refresh_token": bearer.refresh }));
        let reply = app.send(&jar.own_page(request));
        assert_problem(&reply, 400, "malformed_request");
    }
    assert_eq!(app.get("/me", Some(&bearer.access)).status, 200);
    assert_eq!(app.send(&jar.carried_by(Request::get("/me"))).status, 200);
}

pub(super) fn a_refresh_by_cookie_is_answered_with_cookies(app: &App) {
    let person = app.user();
    let first = CookieJar::sign_in(app, &person);
    app.clock.advance(Duration::from_secs(60));
    let bodiless = first.own_page(Request::new("POST", "/access"));
    let reply = app.send(&bodiless);
    let second = CookieJar::of(&reply);
    assert_eq!(reply.status, 200);
    assert!(reply.json().get("access_token").is_none(), "{}", reply.text());
    assert!(!reply.text().contains(&second.access) && first.refresh != second.refresh);
    // A second tab, within the grace.
    app.clock.advance(Duration::from_secs(9));
    let again = CookieJar::of(&app.send(&first.own_page(Request::post("/access", &json!({})))));
    assert_eq!(again.refresh, second.refresh);
    // A script that cannot read the cookie must not get its successor to read.
    let asked = Request::post("/access", &json!({ "delivery": "body" }));
    assert_refused(&app.send(&second.own_page(asked)), "#/delivery", "conflict");
    // A replay ends the session, as everywhere.
    app.clock.advance(Duration::from_secs(2));
    assert_problem(&app.send(&bodiless), 401, "invalid_refresh_token");
    let reply = app.send(&second.own_page(Request::new("POST", "/access")));
    assert_problem(&reply, 401, "invalid_refresh_token");
    let nothing = Request::new("POST", "/access");
    assert_problem(&app.send(&nothing), 401, "invalid_refresh_token");

    // A token of a body becomes a cookie where that is asked for.
    let body = json!({ "refresh_token": app.sign_in(&person).refresh, "delivery": "cookie" });
    let moved = Request::post("/access", &body).header("sec-fetch-site", "same-origin");
    let moved = CookieJar::of(&app.send(&moved));
    assert_eq!(app.send(&moved.carried_by(Request::get("/me"))).status, 200);
}

pub(super) fn a_reauthentication_keeps_them_cookies(app: &App) {
    let person = app.user();
    let jar = CookieJar::sign_in(app, &person);
    app.clock.advance(Duration::from_secs(301));
    let enrol = |jar: &CookieJar| jar.own_page(Request::new("POST", "/enable-2fa"));
    assert_problem(&app.send(&enrol(&jar)), 403, "reauthentication_required");
    let body = json!({ "password": person.password });
    let reply = app.send(&jar.own_page(Request::post("/reauthenticate", &body)));
    let renewed = CookieJar::of(&reply);
    assert!(reply.json().get("refresh_token").is_none(), "{}", reply.text());
    assert_eq!(app.send(&enrol(&renewed)).status, 200);
}

pub(super) fn a_second_factor_comes_before_them(app: &App) {
    let person = app.user();
    let authenticator = app.enable_two_factor(&app.sign_in(&person));
    app.clock.advance(Duration::from_secs(30));
    let reply = app.send(&sign_in(&person).header("sec-fetch-site", "same-origin"));
    assert_eq!(reply.json()["status"], "mfa_required");
    assert!(reply.all("set-cookie").is_empty());
    let body = json!({
        "mfa_token": reply.json()["mfa_token"], "code": app.code(&authenticator), "delivery": "cookie",
    });
    let request = Request::post("/sign-in-mfa", &body);
    assert_problem(&app.send(&request), 403, "cross_site_request");
    let reply = app.send(&request.header("sec-fetch-site", "same-origin"));
    let jar = CookieJar::of(&reply);
    assert!(reply.json().get("access_token").is_none(), "{}", reply.text());
    assert_eq!(app.send(&jar.carried_by(Request::get("/me"))).status, 200);
}

pub(super) fn signing_out_removes_both(app: &App) {
    let person = app.user();
    let gone = [
        "auth_access=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax",
        "auth_refresh=; Path=/api/auth; Max-Age=0; HttpOnly; SameSite=Strict",
    ];
    let jar = CookieJar::sign_in(app, &person);
    let sign_out = |cookies: &str| {
        let request = Request::new("POST", "/sign-out").header("cookie", cookies);
        app.send(&request.header("sec-fetch-site", "same-origin"))
    };
    let (access, refresh) =
        (format!("auth_access={}", jar.access), format!("auth_refresh={}", jar.refresh));
    // The access cookie may have expired, and the session may be over already.
    for cookies in [&refresh, &refresh, &access, &format!("{access}; {refresh}")] {
        let reply = sign_out(cookies);
        assert_eq!((reply.status, reply.all("set-cookie")), (204, gone.to_vec()), "{cookies}");
        let me = app.send(&Request::get("/me").header("cookie", &access));
        assert_problem(&me, 401, "unauthenticated");
    }
    let reply = app.send(&jar.own_page(Request::new("POST", "/access")));
    assert_problem(&reply, 401, "invalid_refresh_token");

    let other = CookieJar::sign_in(app, &person);
    let access = format!("auth_access={}", other.access);
    assert_eq!(sign_out(&access).status, 204);
    let reply = app.send(&other.own_page(Request::new("POST", "/access")));
    assert_problem(&reply, 401, "invalid_refresh_token");
    let bearer = app.post_as(&app.sign_in(&person).access, "/sign-out", json!({}));
    assert_eq!((bearer.status, bearer.all("set-cookie").len()), (204, 0));
}

/// The session that a browser had ends when it gets another (ASVS 7.2.4), whoever's it was.
pub(super) fn signing_in_again_ends_the_session_before(app: &App) {
    let (person, other) = (app.user(), app.user());
    let first = CookieJar::sign_in(app, &person);
    let elsewhere = app.sign_in(&person);
    // A sign-in that fails, and one whose tokens are no cookies, replace nothing.
    let wrong = json!({ "email": other.email, "password": "wrong", "delivery": "cookie" });
    let reply = app.send(&first.own_page(Request::post("/sign-in", &wrong)));
    assert_problem(&reply, 401, "invalid_credentials");
    let body = json!({ "email": other.email, "password": other.password });
    let in_body = app.send(&first.own_page(Request::post("/sign-in", &body)));
    assert_eq!((in_body.status, in_body.all("set-cookie").len()), (200, 0));
    assert_eq!(app.send(&first.carried_by(Request::get("/me"))).status, 200);

    let second = CookieJar::of(&app.send(&first.own_page(sign_in(&other))));
    assert!(second.access != first.access && second.refresh != first.refresh);
    let me = app.send(&second.carried_by(Request::get("/me"))).json();
    assert_eq!(me["email"], other.email);
    let me = app.send(&first.carried_by(Request::get("/me")));
    assert_problem(&me, 401, "unauthenticated");
    let reply = app.send(&first.own_page(Request::new("POST", "/access")));
    assert_problem(&reply, 401, "invalid_refresh_token");
    assert_eq!(app.get("/me", Some(&elsewhere.access)).status, 200);
}

pub(super) fn so_does_one_with_a_second_factor(app: &App) {
    let (person, other) = (app.user(), app.user());
    let authenticator = app.enable_two_factor(&app.sign_in(&other));
    let first = CookieJar::sign_in(app, &person);
    let challenge = app.send(&first.own_page(sign_in(&other))).json();
    assert_eq!(app.send(&first.carried_by(Request::get("/me"))).status, 200);
    app.clock.advance(Duration::from_secs(30));
    let body = json!({
        "mfa_token": challenge["mfa_token"],
        "code": app.code(&authenticator),
        "delivery": "cookie",
    });
    let reply = app.send(&first.own_page(Request::post("/sign-in-mfa", &body)));
    let second = CookieJar::of(&reply);
    let me = app.send(&second.carried_by(Request::get("/me"))).json();
    assert_eq!(me["email"], other.email);
    let me = app.send(&first.carried_by(Request::get("/me")));
    assert_problem(&me, 401, "unauthenticated");
}

pub(super) fn deleting_the_account_removes_both(app: &App) {
    let jar = CookieJar::sign_in(app, &app.user());
    let reply = app.send(&jar.own_page(Request::new("DELETE", "/me")));
    let gone = [
        "auth_access=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax",
        "auth_refresh=; Path=/api/auth; Max-Age=0; HttpOnly; SameSite=Strict",
    ];
    assert_eq!((reply.status, reply.all("set-cookie")), (204, gone.to_vec()));
}
