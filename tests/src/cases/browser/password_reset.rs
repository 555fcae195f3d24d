//! The page that the link of a reset mail leads to.

use serde_json::json;

use super::assertions::{assert_clean, mailed_link};
use crate::cases::assertions::assert_problem;
use crate::cases::probes::{OTHER_PASSWORD, assert_ended, assert_live, try_sign_in};
use crate::{App, Browser, Person};

pub(in crate::cases) fn a_refused_password_can_be_replaced_in_place(app: &App, browser: &Browser) {
    let person = app.user();
    let tokens = app.sign_in(&person);
    let page = browser.page();
    page.goto(&ask(app, &person));
    assert_eq!(page.history(), ["about:blank", &app.url("/reset-password")]);

    page.fill("#password", "password");
    assert_eq!(page.eval("document.querySelector('#password').type"), "password");
    page.click("#act button");
    page.text("#password-error");
    assert_eq!(page.eval("document.activeElement.id"), "password");
    assert_eq!(page.eval("document.querySelector('#password').ariaInvalid"), "true");
    assert_live(app, &tokens);

    page.fill("#password", OTHER_PASSWORD);
    page.click("#act button");
    assert_eq!(page.text("#done h2"), "Your password is changed");
    assert_ended(app, &tokens);
    let old = try_sign_in(app, &person.email, &person.password);
    assert_problem(&old, 401, "invalid_credentials");
    app.sign_in(&Person { password: OTHER_PASSWORD.to_owned(), ..person });
    let typed = page.eval("document.querySelector('#password').value");
    assert_eq!(typed, "", "what was typed does not stay in the page");
    assert_clean(app, &page);
}

pub(in crate::cases) fn another_link_can_be_asked_for(app: &App, browser: &Browser) {
    let person = app.user();
    let (old, new) = (ask(app, &person), ask(app, &person));
    let page = browser.page();
    page.goto(&old);
    page.fill("#password", OTHER_PASSWORD);
    page.click("#act button");
    assert_eq!(page.text("#invalid h2"), "This link is no longer valid");
    assert_ne!(old, new);

    page.goto(&app.url("/account"));
    page.click("[href$='#request']");
    assert_eq!(page.text("#wanted h2"), "Forgot your password?");
    page.fill("#email", &person.email);
    page.click("#request button");
    assert_eq!(page.text("#requested h2"), "Look into your mailbox");
    page.goto(&mailed_link(app, &person.email));
    page.fill("#password", OTHER_PASSWORD);
    page.click("#act button");
    page.text("#done h2");
    app.sign_in(&Person { password: OTHER_PASSWORD.to_owned(), ..person });
    assert_clean(app, &page);
}

pub(in crate::cases) fn what_is_refused_is_said_in_the_readers_language(
    app: &App,
    browser: &Browser,
) {
    let person = app.user();
    let link = ask(app, &person);
    let page = browser.page();
    let refused = |password: &str| {
        page.fill("#password", password);
        page.click("#act button");
        page.text("#password-error")
    };
    page.languages("zh-CN,en;q=0.5");
    page.goto(&link);
    assert_eq!(refused("short"), "密码至少需要 8 个字符。");

    page.languages("de-AT,en;q=0.5");
    page.goto("about:blank");
    page.goto(&link);
    assert_eq!(refused("short"), "Das Passwort muss mindestens 8 Zeichen haben.");
    for password in ["password1", &person.email, "aaaaaaaabbbb", &"x".repeat(257)] {
        let text = refused(password);
        assert!(text.starts_with("Das Passwort "), "{password}: {text}");
    }
    assert_clean(app, &page);
}

/// Asks for a reset link and returns it.
#[track_caller]
fn ask(app: &App, person: &Person) -> String {
    let reply = app.post("/request-password-reset", json!({ "email": person.email }));
    assert_eq!(reply.status, 202, "{}", reply.text());
    mailed_link(app, &person.email)
}
