//! One long session of requests, failures and odd ones included, to look at in different ways.

use std::collections::BTreeSet;
use std::time::Duration;

use auth_core::{Auth, Clock};
use serde_json::{Value, json};

use super::cookie_jar::{CookieJar, sign_in};
use super::mutations::{Form, forms};
use super::schemas::mismatch;
use crate::{App, MOUNT, Person, Reply, Request, totp_code};

/// What was sent, in order, and what was answered.
pub(super) type Recording = Vec<(Request, Reply)>;

pub(super) fn every_answer_is_described(app: &App) {
    let document = app.get("/openapi.json", None).json();
    let mut described = BTreeSet::new();
    for (request, reply) in record(app) {
        let path = request.path.split('?').next().unwrap_or_default();
        let method = if request.method == "HEAD" { "GET" } else { &request.method };
        let operation = &document["paths"][format!("{MOUNT}{path}")][method.to_lowercase()];
        let beginning: String = reply.text().chars().take(300).collect();
        let what = format!("{} {path}: {} {beginning}", request.method, reply.status);
        if request.of_host || operation.is_null() {
            assert!(request.of_host || [404, 405].contains(&reply.status), "{what}");
            continue;
        }
        let answer = &operation["responses"][reply.status.to_string()];
        assert!(answer.is_object(), "the status is not described: {what}");
        let essence = reply.header("content-type").split(';').next().unwrap_or_default();
        if essence.is_empty() {
            assert!(answer.get("content").is_none() && reply.body.is_empty(), "{what}");
        } else {
            let content = &answer["content"][essence];
            assert!(content.is_object(), "{essence} is not described: {what}");
            if let (Some(schema), false) = (content.get("schema"), request.method == "HEAD") {
                let fault = mismatch(&document, schema, &reply.json());
                assert_eq!(fault, None, "the body is not as described: {what}");
            }
        }
        if reply.status < 300 {
            described.insert((method.to_owned(), path.to_owned()));
        }
    }
    let endpoints = Auth::endpoints().map(|row| (row.method.to_string(), row.path.to_owned()));
    let missed: Vec<_> = endpoints.filter(|row| !described.contains(row)).collect();
    assert!(missed.is_empty(), "the recording lacks a success of {missed:?}");
}

/// Plays the session. All that it sends follows from what is answered.
pub(super) fn record(app: &App) -> Recording {
    record_with(app, App::send)
}

/// Plays the session by a way of its own to send a request.
pub(super) fn record_with(app: &App, mut send: impl FnMut(&App, &Request) -> Reply) -> Recording {
    let mut recorder = Recorder { app, send: &mut send, recording: Vec::new() };
    recorder.look_around();
    let (person, access) = recorder.join();
    recorder.use_sessions(&person);
    recorder.use_cookies(&person);
    recorder.use_second_factor(&person, &access);
    recorder.forget_password(&person);
    recorder.change_and_leave();
    recorder.send_nonsense();
    recorder.recording
}

struct Recorder<'a> {
    app: &'a App,
    send: &'a mut dyn FnMut(&App, &Request) -> Reply,
    recording: Recording,
}

impl Recorder<'_> {
    fn look_around(&mut self) {
        for path in Auth::paths() {
            for method in ["GET", "HEAD", "OPTIONS", "DELETE", "FOO"] {
                self.send(Request::new(method, path));
            }
        }
        for accept in [BROWSER, "application/json"] {
            self.send(Request::get("/activate-account?token=x").header("accept", accept));
            self.send(Request::new("HEAD", "/activate-account?token=x").header("accept", accept));
        }
        for path in ["", "/", "//me", "/me/", "/nowhere", "/%6De", "/../me", "/ME", "/me%2F"] {
            self.send(Request::get(path));
        }
        for path in ["/private", "/identity", "/maybe", "/recent", "/editors", "/dev/mailbox.json"]
        {
            self.send(Request::get(path).of_host());
        }
    }

    fn join(&mut self) -> (Person, String) {
        let person = self.app.stranger();
        let other = self.app.stranger();
        let credentials = json!({ "email": person.email, "password": person.password });
        for body in [
            json!({}),
            json!({ "email": "", "password": "" }),
            json!({ "email": "nobody", "password": "short" }),
            json!({ "email": person.email, "password": "password1" }),
            json!({ "email": person.email, "password": person.password, "username": "a b" }),
            json!({ "email": person.email, "password": person.password, "username": "somebody" }),
            json!({ "email": other.email, "password": other.password, "username": "somebody" }),
        ] {
            self.post("/sign-up", &body);
        }
        self.post("/sign-in", &credentials);
        // So that the link below is the only one, and the newest.
        self.app.mails();
        self.post("/send-activation-email", &json!({ "email": person.email }));
        self.post("/send-activation-email", &json!({ "email": other.email }));
        let token = self.mailed(&person);
        for body in [json!({ "token": "x" }), json!({ "token": token }), json!({ "token": token })]
        {
            self.post("/activate-account", &body);
        }
        self.post("/sign-up", &credentials);
        self.post("/sign-up", &json!({ "email": other.email, "password": other.password }));
        let token = self.mailed(&other);
        self.send(Request::get(&format!("/activate-account?token={token}")));
        let access = self.sign_in(&person).0;
        (person, access)
    }

    fn use_sessions(&mut self, person: &Person) {
        for body in [
            json!({ "email": person.email, "password": "wrong" }),
            json!({ "email": "nobody@example.com", "password": person.password }),
            json!({ "username": "somebody", "password": "wrong" }),
            json!({ "email": person.email }),
            json!({ "email": person.email, "username": "somebody", "password": "x" }),
        ] {
            self.post("/sign-in", &body);
        }
        let (access, refresh) = self.sign_in(person);
        for path in ["/me", "/sessions"] {
            self.send(Request::get(path).bearer(&access));
        }
        self.host_routes(&access);
        let refreshed = self.post("/access", &json!({ "refresh_token": refresh })).json();
        self.post("/access", &json!({ "refresh_token": refresh }));
        self.post("/access", &json!({ "refresh_token": refreshed["refresh_token"] }));
        self.post("/access", &json!({ "refresh_token": refresh }));
        self.post("/access", &json!({ "refresh_token": "x" }));
        self.send(Request::get("/me").bearer(&access));
        self.app.mails();

        let (access, refresh) = self.sign_in(person);
        let sessions = self.send(Request::get("/sessions").bearer(&access)).json();
        for body in [
            json!({}),
            json!({ "id": "x" }),
            json!({ "id": "00000000-0000-7000-8000-000000000000" }),
            json!({ "id": sessions["sessions"][1]["id"] }),
            json!({ "id": "x", "others": true }),
            json!({ "others": false }),
            json!({ "others": true }),
        ] {
            self.post_as(&access, "/sessions/revoke", &body);
        }
        self.app.clock.advance(Duration::from_secs(301));
        self.post_as(&access, "/sessions/revoke", &json!({ "others": true }));
        self.host_routes(&access);
        for body in [json!({}), json!({ "password": "x" }), json!({ "password": person.password })]
        {
            self.post_as(&access, "/reauthenticate", &body);
        }
        self.post("/access", &json!({ "refresh_token": refresh }));
        self.post("/sign-out", &json!({}));
        self.post_as(&access, "/sign-out", &json!({}));
        self.post_as(&access, "/sign-out", &json!({}));
        self.post("/sign-out", &json!({ "refresh_token": refresh }));
        self.host_routes(&access);
    }

    fn use_cookies(&mut self, person: &Person) {
        let nothing = || Request::new("POST", "/access");
        let own = |request: Request| request.header("sec-fetch-site", "same-origin");
        let foreign = |request: Request| request.header("origin", "https://evil.example");
        self.send(sign_in(person));
        self.send(foreign(sign_in(person)));
        let jar = CookieJar::of(&self.send(own(sign_in(person))));
        for request in [
            Request::get("/me"),
            own(nothing()),
            foreign(nothing()),
            nothing(),
            own(Request::post("/access", &json!({ "delivery": "body" }))),
            own(Request::post("/access", &json!({ "refresh_token": "x" }))),
            own(Request::post("/reauthenticate", &json!({ "password": person.password }))),
            Request::get("/me").bearer("x"),
            Request::get("/me").header("cookie", "auth_access=x"),
            Request::get("/private").of_host(),
            Request::new("POST", "/private").of_host(),
            Request::get("/editors").of_host(),
            foreign(Request::new("POST", "/sign-out")),
            own(Request::new("POST", "/sign-out")),
            own(Request::new("POST", "/sign-out")),
        ] {
            self.send(jar.carried_by(request));
        }
        self.send(nothing());
    }

    fn use_second_factor(&mut self, person: &Person, _: &str) {
        let (access, _) = self.sign_in(person);
        let code = |code: &str| json!({ "code": code });
        for path in ["/confirm-2fa", "/disable-2fa", "/recovery-codes"] {
            self.post_as(&access, path, &code("123456"));
            self.post_as(&access, path, &json!({}));
            self.post(path, &code("123456"));
        }
        self.send(Request::new("POST", "/enable-2fa").bearer(&access));
        let enrolment = self.post_as(&access, "/enable-2fa", &json!({})).json();
        let secret = enrolment["secret"].as_str().unwrap_or_default().to_owned();
        self.post_as(&access, "/confirm-2fa", &code("12345"));
        let now = || totp_code(&secret, self.app.clock.now());
        let first = now();
        let confirmed = self.post_as(&access, "/confirm-2fa", &code(&first)).json();
        let recovery = confirmed["recovery_codes"][0].clone();
        self.post_as(&access, "/enable-2fa", &json!({}));
        self.post_as(&access, "/confirm-2fa", &code(&first));

        let credentials = json!({ "email": person.email, "password": person.password });
        let challenge = self.post("/sign-in", &credentials).json();
        let mfa_token = &challenge["mfa_token"];
        self.app.clock.advance(Duration::from_secs(30));
        let second = totp_code(&secret, self.app.clock.now());
        for code in [&json!(first), &json!(second), &json!(second)] {
            self.post("/sign-in-mfa", &json!({ "mfa_token": mfa_token, "code": code }));
        }
        for body in [json!({}), json!({ "mfa_token": "x", "code": "x" })] {
            self.post("/sign-in-mfa", &body);
        }
        let challenge = self.post("/sign-in", &credentials).json();
        let body = json!({ "mfa_token": challenge["mfa_token"], "code": recovery });
        self.post("/sign-in-mfa", &body);
        self.app.clock.advance(Duration::from_secs(30));
        let third = totp_code(&secret, self.app.clock.now());
        let both = json!({ "password": person.password, "code": third });
        self.post_as(&access, "/reauthenticate", &json!({ "password": person.password }));
        self.post_as(&access, "/reauthenticate", &both);
        self.app.clock.advance(Duration::from_secs(30));
        let fourth = totp_code(&secret, self.app.clock.now());
        self.post_as(&access, "/recovery-codes", &code(&fourth));
        for _ in 0..11 {
            self.post_as(&access, "/disable-2fa", &code("x"));
        }
        self.app.clock.advance(Duration::from_secs(900));
        let refreshed = self.sign_in_twice(person, &secret);
        self.app.clock.advance(Duration::from_secs(30));
        let fifth = totp_code(&secret, self.app.clock.now());
        self.post_as(&refreshed, "/disable-2fa", &code(&fifth));
        self.send(Request::get("/me").bearer(&refreshed));
        self.app.mails();
    }

    fn forget_password(&mut self, person: &Person) {
        for email in ["", "nobody", "nobody@example.com", &person.email] {
            self.post("/request-password-reset", &json!({ "email": email }));
        }
        let token = self.mailed(person);
        for body in [
            json!({}),
            json!({ "token": "x", "password": "nine brave kettles sing" }),
            json!({ "token": token, "password": "short" }),
            json!({ "token": token, "password": "nine brave kettles sing" }),
            json!({ "token": token, "password": "nine brave kettles sing" }),
        ] {
            self.post("/reset-password", &body);
        }
        self.post("/sign-in", &json!({ "email": person.email, "password": person.password }));
        self.app.mails();
    }

    fn change_and_leave(&mut self) {
        let person = self.app.user();
        let new = Person {
            email: self.app.stranger().email,
            password: "nine brave kettles sing".to_owned(),
        };
        let (access, _) = self.sign_in(&person);
        let passwords =
            |current: &str, new: &str| json!({ "current_password": current, "new_password": new });
        for body in [
            json!({}),
            passwords("x", &new.password),
            passwords(&person.password, "short"),
            passwords(&person.password, &person.password),
            passwords(&person.password, &new.password),
            passwords(&person.password, &new.password),
        ] {
            self.post_as(&access, "/change-password", &body);
        }
        let (access, _) = self.sign_in(&Person { email: person.email.clone(), ..new.clone() });
        for email in ["", "nobody", &person.email, &new.email] {
            self.post_as(&access, "/change-email", &json!({ "new_email": email }));
        }
        let token = self.mailed(&new);
        for token in ["", "x", &token, &token] {
            self.post("/confirm-email-change", &json!({ "token": token }));
        }
        for language in ["", "x", "fr"] {
            self.post_as(&access, "/change-language", &json!({ "language": language }));
        }
        let (access, _) = self.sign_in(&new);
        for request in [
            Request::new("DELETE", "/me").bearer(&access).json(&json!({ "sure": true })),
            Request::new("DELETE", "/me").bearer(&access),
            Request::new("DELETE", "/me").bearer(&access),
        ] {
            self.send(request);
        }
        self.host_routes(&access);
        self.app.mails();
    }

    fn send_nonsense(&mut self) {
        let forms = forms(self.app);
        let form = forms.iter().find(|form| form.path == "/sign-in").expect("it is described");
        for mutations in [Form::broken_bodies, Form::wrong_fields, Form::other_types] {
            for mutation in mutations(form) {
                self.send(mutation.request);
            }
        }
        self.send(form.json(vec![b' '; 16_385]));
        self.send(form.json("").bearer("a").bearer("b"));
        for value in
            ["", "Bearer", "Bearer ", "Basic eDp5", "Bearer a b", "bearer a.b.c", "Bearer \u{e9}"]
        {
            self.send(Request::get("/me").header("authorization", value));
            self.send(Request::get("/private").of_host().header("authorization", value));
        }
        self.send(Request::get("/me").bearer("a").bearer("b"));
        self.send(Request::get("/me?access_token=x"));
    }

    fn sign_in(&mut self, person: &Person) -> (String, String) {
        let body = json!({ "email": person.email, "password": person.password });
        let tokens = App::tokens(&self.post("/sign-in", &body));
        (tokens.access, tokens.refresh)
    }

    fn sign_in_twice(&mut self, person: &Person, secret: &str) -> String {
        let body = json!({ "email": person.email, "password": person.password });
        let challenge = self.post("/sign-in", &body).json();
        let code = totp_code(secret, self.app.clock.now());
        let body = json!({ "mfa_token": challenge["mfa_token"], "code": code });
        App::tokens(&self.post("/sign-in-mfa", &body)).access
    }

    fn host_routes(&mut self, access: &str) {
        for route in ["/private", "/identity", "/maybe", "/recent"] {
            self.send(Request::get(route).of_host().bearer(access));
        }
    }

    fn mailed(&self, person: &Person) -> String {
        let mails = self.app.mails();
        let mail = mails.iter().rfind(|mail| mail.to == person.email && mail.link.is_some());
        App::token_of(mail.expect("a mail came"))
    }

    fn post(&mut self, path: &str, body: &Value) -> Reply {
        self.send(Request::post(path, body))
    }

    fn post_as(&mut self, token: &str, path: &str, body: &Value) -> Reply {
        self.send(Request::post(path, body).bearer(token))
    }

    fn send(&mut self, request: Request) -> Reply {
        let reply = (self.send)(self.app, &request);
        self.recording.push((request, reply.clone()));
        reply
    }
}

const BROWSER: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
