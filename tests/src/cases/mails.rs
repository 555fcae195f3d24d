use std::time::Duration;

use auth_core::{Config, MessageKind};
use serde_json::json;

use super::probes::assert_alike;
use crate::{App, Mail, Person, Reply, Request};

pub(super) fn each_step_has_its_mail(app: &App) {
    let person = app.stranger();
    app.sign_up(&person);
    let token = check(app, &person, MessageKind::Activation, "/activate-account");
    app.post("/activate-account", json!({ "token": token }));
    check(app, &person, MessageKind::Welcome, "");
    app.sign_up(&person);
    check(app, &person, MessageKind::AlreadyRegistered, "");
    ask(app, "/request-password-reset", &person);
    let token = check(app, &person, MessageKind::PasswordReset, "/reset-password");
    app.post("/reset-password", json!({ "token": token, "password": person.password }));
    check(app, &person, MessageKind::PasswordChanged, "");
    app.sign_in(&person);
    assert_eq!(app.mails().len(), 0, "a sign-in is nothing to write about");
}

pub(super) fn links_come_from_the_configuration_alone(app: &App) {
    let person = app.user();
    let body = json!({ "email": person.email });
    for (name, value) in [
        ("host", "evil.example"),
        ("x-forwarded-host", "evil.example"),
        ("x-forwarded-proto", "gopher"),
        ("x-original-url", "http://evil.example/"),
        ("forwarded", "host=evil.example;proto=https"),
        ("referer", "https://evil.example/"),
    ] {
        // One at a time, an hour apart: a mailbox takes only so many.
        app.clock.advance(HOUR);
        let request = Request::post("/request-password-reset", &body).header(name, value);
        let reply = app.send(&request);
        assert_eq!(reply.status, 202, "{name}: {}", reply.text());
        check(app, &person, MessageKind::PasswordReset, "/reset-password");
    }

    app.clock.advance(HOUR);
    let body = body.to_string();
    let absolute = format!(
        "POST http://evil.example/api/auth/request-password-reset HTTP/1.1\r\nhost: evil.example\r\n\
         content-type: application/json\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let reply = app.bytes(absolute.as_bytes());
    assert_eq!(reply.status, 202, "{}", reply.text());
    check(app, &person, MessageKind::PasswordReset, "/reset-password");
}

pub(super) fn a_front_end_takes_the_links(app: &App) {
    let config = Config::new("https://api.example.com")
        .and_then(|config| config.front_end_url("https://www.example.com/account/"))
        .expect("both are https")
        .product_name("Acme <b>Cloud</b>")
        .mail_from("Acme <no-reply@example.com>");
    let front = app.beside(config, |builder| builder);
    let person = front.stranger();
    front.sign_up(&person);
    let mails = front.mails();
    let [mail] = &mails[..] else { panic!("one mail comes, not {}", mails.len()) };
    let link = mail.link.as_deref().unwrap_or_default();
    assert!(link.starts_with("https://www.example.com/account/activate-account#token="), "{link}");
    assert_eq!(mail.from, "Acme <no-reply@example.com>");
    assert!(mail.text.contains("Acme <b>Cloud</b>"), "{}", mail.text);
    assert!(!mail.html.contains("<b>Cloud"), "{}", mail.html);
}

pub(super) fn a_mailbox_takes_five_an_hour_for_each_purpose(app: &App) {
    let person = app.stranger();
    app.sign_up(&person);
    let mut replies: Vec<Reply> = Vec::new();
    for _ in 0..6 {
        app.clock.advance(MINUTE);
        replies.push(ask(app, "/send-activation-email", &person));
    }
    assert_alike(&replies);
    let mails = app.mails();
    assert_eq!(kinds(&mails), [MessageKind::Activation; 5]);

    // What is not mailed takes nothing away.
    let token = App::token_of(&mails[4]);
    let reply = app.post("/activate-account", json!({ "token": token }));
    assert_eq!(reply.status, 200, "{}", reply.text());
    app.mails();
    app.sign_up(&person);
    assert_eq!(kinds(&app.mails()), [], "of a taken address nobody is told more often, either");
    ask(app, "/request-password-reset", &person);
    assert_eq!(kinds(&app.mails()), [MessageKind::PasswordReset], "another purpose");

    app.clock.advance(HOUR - 6 * MINUTE);
    app.sign_up(&person);
    assert_eq!(kinds(&app.mails()), [MessageKind::AlreadyRegistered], "another hour");
}

pub(super) fn a_mailbox_takes_twenty_a_day(app: &App) {
    let person = app.user();
    // The activation mail was the first.
    let (mut mailed, mut hours) = (1, 0);
    for _ in 0..5 {
        for _ in 0..5 {
            ask(app, "/request-password-reset", &person);
        }
        mailed += app.mails().len();
        app.clock.advance(HOUR);
        hours += 1;
    }
    assert_eq!(mailed, 20, "in a day");
    app.clock.advance(HOUR * (24 - hours));
    ask(app, "/request-password-reset", &person);
    assert_eq!(kinds(&app.mails()), [MessageKind::PasswordReset]);
}

pub(super) fn nobody_else_pays_for_a_full_mailbox(app: &App) {
    let (bob, eve) = (app.user(), app.user());
    for _ in 0..6 {
        ask(app, "/request-password-reset", &bob);
    }
    assert_eq!(app.mails().len(), 5);
    ask(app, "/request-password-reset", &eve);
    assert_eq!(app.mails().len(), 1);
}

pub(super) fn the_limits_are_configuration(app: &App) {
    // The activation mail is the first of the day.
    let config = App::config().mails_per_hour(1_u32).mails_per_day(3_u32);
    let strict = app.beside(config, |builder| builder);
    let person = app.user();
    ask(&strict, "/request-password-reset", &person);
    ask(&strict, "/request-password-reset", &person);
    assert_eq!(strict.mails().len(), 1);
    for (mails, why) in [(1, "another hour"), (0, "two in this day already")] {
        strict.clock.advance(HOUR);
        ask(&strict, "/request-password-reset", &person);
        assert_eq!(strict.mails().len(), mails, "{why}");
    }
}

/// Asserts that exactly this mail came, and returns its token if it has to have a link.
#[track_caller]
fn check(app: &App, person: &Person, kind: MessageKind, path: &str) -> String {
    let mails = app.mails();
    let [mail] = &mails[..] else { panic!("{:?} came instead of one", kinds(&mails)) };
    assert_eq!((mail.kind, &mail.to), (kind, &person.email));
    assert_eq!(mail.from, "Auth <auth@localhost>");
    assert!(!mail.subject.is_empty() && !mail.subject.contains(char::is_control));
    let all = format!("{} {} {}", mail.subject, mail.text, mail.html);
    assert!(!all.contains("evil") && !all.contains("gopher"), "{all}");
    if path.is_empty() {
        assert_eq!(mail.link, None, "{kind}");
        assert!(!all.contains("#token="), "{all}");
        return String::new();
    }
    let link = mail.link.as_deref().unwrap_or_default();
    assert!(link.starts_with(&format!("http://127.0.0.1:8000/api/auth{path}#token=")), "{link}");
    assert!(mail.text.contains(link), "{}", mail.text);
    App::token_of(mail)
}

#[track_caller]
fn ask(app: &App, path: &str, person: &Person) -> Reply {
    let reply = app.post(path, json!({ "email": person.email }));
    assert_eq!(reply.status, 202, "{}", reply.text());
    reply
}

fn kinds(mails: &[Mail]) -> Vec<MessageKind> {
    mails.iter().map(|mail| mail.kind).collect()
}

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(60 * 60);
