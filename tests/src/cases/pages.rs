//! The pages that people see, and what opening one does not do.

use auth_core::{Language, Usernames};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use sha2::{Digest, Sha256};

use super::assertions::assert_problem;
use crate::{App, Reply, Request};

pub(super) fn a_page_allows_its_own_script_and_style_and_nothing_else(app: &App) {
    for (path, scripts) in [
        ("/account", 1),
        ("/activate-account", 1),
        ("/confirm-email-change", 1),
        ("/reset-password", 1),
    ] {
        let page = app.send(&Request::get(path).header("accept", BROWSER));
        assert_page(&page);
        assert_eq!(assert_policy(&page), scripts, "{path}");
        // Its own requests go to the mount that it came from.
        assert!(page.text().contains("data-mount=\"/api/auth\""), "{}", page.text());
    }
    let mailbox = app.host("/dev/mailbox", None);
    assert_page(&mailbox);
    assert_eq!(assert_policy(&mailbox), 0);
}

pub(super) fn a_browser_gets_a_page_and_a_program_json(app: &App) {
    let path = format!("/activate-account?token={}", "A".repeat(43));
    for accept in [BROWSER, "text/html", "TEXT/HTML", "application/json;q=0.5, text/html"] {
        assert_page(&app.send(&Request::get(&path).header("accept", accept)));
    }
    for accept in ["application/json", "*/*", "application/json, text/html;q=0.9", "text/html;q=0"]
    {
        let reply = app.send(&Request::get(&path).header("accept", accept));
        assert_problem(&reply, 400, "invalid_token");
    }
    assert_problem(&app.get(&path, None), 400, "invalid_token");
    // The form of the other page is for people alone.
    assert_page(&app.get("/reset-password", None));
    let with_token = app.get(&format!("/reset-password?token={}", "A".repeat(43)), None);
    assert!(!with_token.text().contains("AAAA"), "{}", with_token.text());
}

pub(super) fn a_page_is_in_the_language_that_the_browser_asks_for(app: &App) {
    let config = App::config().default_language(Language::Spanish);
    let spanish = app.beside(config, |builder| builder);
    for (path, vary) in
        [("/activate-account", "accept, accept-language"), ("/reset-password", "accept-language")]
    {
        for (asked, tag, label) in [
            ("de-AT,de;q=0.9,en;q=0.8", "de", "E-Mail-Adresse"),
            ("en", "en", "E-mail address"),
            ("fr;q=0.5, it", "fr", "Adresse e-mail"),
            ("zh-CN", "zh", "电子邮件地址"),
            ("it", "es", "Correo electrónico"),
            ("\u{e9};q=,", "es", "Correo electrónico"),
            ("", "es", "Correo electrónico"),
        ] {
            let request = Request::get(path).header("accept", BROWSER);
            let page = spanish.send(&request.header("accept-language", asked));
            assert_page(&page);
            assert_policy(&page);
            assert_eq!((page.header("content-language"), page.header("vary")), (tag, vary));
            let html = page.text();
            assert!(html.contains(&format!("<html lang=\"{tag}\">")), "{asked:?}: {html}");
            assert!(html.contains(&format!("<label for=\"email\">{label}<")), "{asked:?}: {html}");
        }
    }
    let mailbox = app.send(&Request::get("/dev/mailbox").of_host().header("accept-language", "de"));
    assert!(mailbox.text().contains("<html lang=\"en\">"), "{}", mailbox.text());
}

pub(super) fn what_is_switched_off_is_not_on_the_account_page(app: &App) {
    let disabled = [
        "/sign-up",
        "/reset-password",
        "/sessions/revoke",
        "POST /change-email",
        "/change-language",
        "DELETE /me",
    ]
    .map(str::to_owned);
    let less = app.beside(App::config().disabled_endpoints(disabled), |builder| builder);
    let (whole, less) = (app.get("/account", None), less.get("/account", None));
    for part in [
        "id=\"sign-up\"",
        "data-opens=\"sign-up-view\"",
        "/reset-password#request\"",
        "id=\"end-others\"",
        "id=\"change-email\"",
        "id=\"change-language\"",
        "id=\"delete-account\"",
    ] {
        assert!(whole.text().contains(part), "{part}");
        assert!(!less.text().contains(part), "{part}");
    }
    let usernames = |usernames| {
        let other = app.beside(App::config().usernames(usernames), |builder| builder);
        let page = other.get("/account", None);
        let label = |id: &str| {
            let (_, rest) = page.text().split_once(&format!("<label for=\"{id}\">"))?;
            Some(rest.split('<').next().unwrap_or_default().to_owned())
        };
        (label("sign-in-name"), label("sign-up-username"))
    };
    let (either, email) = ("E-mail address or username", "E-mail address");
    for (setting, sign_in, sign_up) in [
        (Usernames::Off, email, None),
        (Usernames::Optional, either, Some("Username (optional)")),
        (Usernames::Required, either, Some("Username")),
    ] {
        assert_eq!(usernames(setting), (Some(sign_in.to_owned()), sign_up.map(str::to_owned)));
    }
    let refused = app.raw("POST", "/account", &[], b"");
    assert_problem(&refused, 405, "method_not_allowed");
}

pub(super) fn only_a_get_of_a_program_or_a_post_activates(app: &App) {
    let person = app.stranger();
    app.sign_up(&person);
    let token = app.mailed_token(&person.email);
    let path = format!("/activate-account?token={token}");
    // A scanner of mail follows links like a browser does (REG-05).
    for _ in 0..5 {
        let page = app.send(&Request::get(&path).header("accept", BROWSER));
        assert_page(&page);
        assert!(!page.text().contains(&token), "a token in a page can leak from it");
        for accept in [BROWSER, "application/json"] {
            let head = app.raw("HEAD", &path, &[("accept", accept)], b"");
            assert_eq!((head.status, head.text()), (200, ""), "{accept}");
        }
    }
    assert!(app.mails().is_empty());
    for (method, status) in [("OPTIONS", 405), ("PUT", 405), ("DELETE", 405)] {
        assert_eq!(app.raw(method, &path, &[], b"").status, status, "{method}");
    }
    let activated = app.post("/activate-account", json!({ "token": token }));
    assert_eq!((activated.status, activated.json()), (200, json!({ "status": "activated" })));
    assert_problem(&app.get(&path, None), 400, "invalid_token");
    let head = app.raw("HEAD", &path, &[], b"");
    assert_eq!(head.status, 400, "a token that is used is none");

    let other = app.stranger();
    app.sign_up(&other);
    app.mails();
    app.post("/send-activation-email", json!({ "email": other.email }));
    let token = app.mailed_token(&other.email);
    let path = format!("/activate-account?token={token}");
    let twice = app.get(&format!("{path}&token={token}"), None);
    assert_problem(&twice, 400, "malformed_request");
    let reply = app.get(&path, None);
    assert_eq!((reply.status, reply.json()), (200, json!({ "status": "activated" })));
    assert_problem(&app.get(&path, None), 400, "invalid_token");
    let missing = app.get("/activate-account", None);
    assert_problem(&missing, 422, "validation_failed");
}

pub(super) fn the_development_mailbox_shows_what_was_mailed(app: &App) {
    let person = app.stranger();
    app.sign_up(&person);
    let token = app.mailed_token(&person.email);
    let list = app.host("/dev/mailbox.json", None);
    assert_eq!((list.status, list.header("content-type")), (200, "application/json"));
    assert_eq!(list.header("cache-control"), "no-store");
    let mails = list.json();
    assert_eq!(mails.as_array().map(Vec::len), Some(1), "{mails}");
    assert_eq!((&mails[0]["to"], &mails[0]["kind"]), (&json!(person.email), &json!("activation")));
    let link = format!("http://127.0.0.1:8000/api/auth/activate-account#token={token}");
    assert_eq!(mails[0]["link"], link, "{mails}");
    let page = app.host("/dev/mailbox", None);
    assert_page(&page);
    assert!(page.text().contains(&token) && page.text().contains(&person.email));
    for path in ["/dev/mailbox", "/dev/mailbox.json"] {
        let refused = app.send(&Request::new("POST", path).of_host());
        assert_problem(&refused, 405, "method_not_allowed");
    }
}

#[track_caller]
fn assert_page(page: &Reply) {
    assert_eq!(page.status, 200, "{}", page.text());
    for (name, value) in [
        ("content-type", "text/html; charset=utf-8"),
        ("cache-control", "no-store"),
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "no-referrer"),
        ("x-frame-options", "DENY"),
        ("cross-origin-opener-policy", "same-origin"),
    ] {
        assert_eq!(page.header(name), value, "{name}");
    }
    assert_eq!(page.all("content-security-policy").len(), 1);
}

/// Asserts that the policy names the digests of what is inline, that nothing else can run, and that
/// nothing comes from elsewhere; returns how many scripts there are.
#[track_caller]
fn assert_policy(page: &Reply) -> usize {
    let policy = page.header("content-security-policy");
    let sources = |name: &str| {
        let directives = policy.split("; ").filter_map(|directive| directive.split_once(' '));
        directives.filter(|(found, _)| *found == name).map(|(_, sources)| sources).next()
    };
    for name in ["default-src", "base-uri", "frame-ancestors", "form-action"] {
        assert_eq!(sources(name), Some("'none'"), "{policy}");
    }
    let html = page.text();
    let (styles, scripts) = (inline(html, "style"), inline(html, "script"));
    let digests = |contents: &[&str]| {
        let digest = |content| format!("'sha256-{}'", STANDARD.encode(Sha256::digest(content)));
        contents.iter().map(digest).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(sources("style-src"), Some(&*digests(&styles)), "{policy}");
    assert_eq!(sources("script-src").unwrap_or_default(), digests(&scripts), "{policy}");
    let rest =
        scripts.iter().chain(&styles).fold(html.to_owned(), |rest, part| rest.replace(part, ""));
    for forbidden in ["<script src", " onclick", " onload", " style=", "javascript:", "<iframe"] {
        assert!(!rest.contains(forbidden), "{forbidden}: {rest}");
    }
    let foreign = html.match_indices("://").filter(|(at, _)| {
        !html[..*at].ends_with("http") || !html[*at..].starts_with("://127.0.0.1:8000/")
    });
    assert_eq!(foreign.count(), 0, "{html}");
    scripts.len()
}

/// The contents of every element of that name.
fn inline<'a>(html: &'a str, name: &str) -> Vec<&'a str> {
    let (open, close) = (format!("<{name}>"), format!("</{name}>"));
    let contents = html.split(open.as_str()).skip(1);
    contents.map(|rest| rest.split(close.as_str()).next().unwrap_or_default()).collect()
}

/// What a browser sends when somebody follows a link.
const BROWSER: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
