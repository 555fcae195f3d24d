//! The second factor on the account page.

use std::time::Duration;

use super::assertions::assert_clean;
use super::people::{enter_password, sign_in};
use crate::cases::assertions::assert_problem;
use crate::cases::probes::try_sign_in;
use crate::{App, Authenticator, Browser, Page};

pub(in crate::cases) fn it_is_switched_on_asked_for_and_switched_off(app: &App, browser: &Browser) {
    let person = app.user();
    let page = browser.page();
    sign_in(app, &page, &person);
    let authenticator = switch_on(app, &page);
    assert_eq!(authenticator.recovery_codes.len(), 10);
    assert!(page.text("#recovery-codes").contains("They are shown only now."));
    page.click("#keep-codes");
    page.text("#manage-2fa");
    let html = page.eval("document.documentElement.outerHTML").to_string();
    assert!(
        !html.contains(&authenticator.secret) && !html.contains(&authenticator.recovery_codes[0])
    );
    page.click("#sign-out button");
    page.text("#signed-out h2");

    // The code that confirmed is spent.
    enter_password(app, &page, &person);
    let enter = |code: &str| {
        page.fill("#second-factor-code", code);
        page.click("#second-factor button:not([type])");
    };
    enter(&app.code(&authenticator));
    assert!(page.text("#second-factor-code-error").starts_with("This code is wrong"));
    assert_eq!(page.cookies(), [], "a password alone yields nothing");
    app.clock.advance(STEP);
    enter(&app.code(&authenticator));
    assert_eq!(page.text("#who"), person.email);
    page.click("#sign-out button");
    page.text("#signed-out h2");
    enter_password(app, &page, &person);
    enter(&authenticator.recovery_codes[0]);
    assert_eq!(page.text("#who"), person.email);

    // To change it later takes the password and two codes, of which each works once.
    app.clock.advance(Duration::from_secs(6 * 60));
    let manage = |code: &str, path: &str| {
        page.fill("#manage-code", code);
        page.click(&format!("#manage-2fa [value='{path}']"));
    };
    manage(&app.code(&authenticator), "/recovery-codes");
    page.fill("#own-password", &person.password);
    page.fill("#own-code", &app.code(&authenticator));
    page.click("#reauthenticate button:not([type])");
    page.wait_for("!document.querySelector('#manage-2fa[aria-busy]')");
    assert!(page.text("#manage-2fa [role=status]").contains("next code"));
    app.clock.advance(STEP);
    manage(&app.code(&authenticator), "/recovery-codes");
    let codes = shown_codes(&page);
    assert!(codes.len() == 10 && codes != authenticator.recovery_codes);
    page.click("#keep-codes");
    manage(&codes[0], "/disable-2fa");
    page.text("#enable-2fa button");
    assert_eq!(try_sign_in(app, &person.email, &person.password).json()["status"], "signed_in");
    assert_clean(app, &page);
}

pub(in crate::cases) fn too_many_tries_begin_anew(app: &App, browser: &Browser) {
    let person = app.user();
    let tokens = app.sign_in(&person);
    app.enable_two_factor(&tokens);
    let page = browser.page();
    enter_password(app, &page, &person);
    for _ in 0..5 {
        page.fill("#second-factor-code", "000000");
        page.click("#second-factor button:not([type])");
        page.wait_for("!document.querySelector('#second-factor[aria-busy]')");
    }
    page.fill("#second-factor-code", "000000");
    page.click("#second-factor button:not([type])");
    page.text("#signed-out h2");
    assert!(page.text("#status").contains("too many tries"));
    assert_problem(&app.get("/me", None), 401, "unauthenticated");
    assert_clean(app, &page);
}

/// Switches it on with the secret that the page shows.
#[track_caller]
fn switch_on(app: &App, page: &Page<'_>) -> Authenticator {
    page.click("#enable-2fa button");
    let secret = page.text("#secret").replace(' ', "");
    let drawn = "document.querySelector('#qr-code').naturalWidth > 0";
    page.wait_for(drawn);
    let authenticator = Authenticator { secret, recovery_codes: Vec::new() };
    page.fill("#confirm-code", &app.code(&authenticator));
    page.click("#confirm-2fa button:not([type])");
    Authenticator { recovery_codes: shown_codes(page), ..authenticator }
}

#[track_caller]
fn shown_codes(page: &Page<'_>) -> Vec<String> {
    page.text("#codes").split_whitespace().map(str::to_owned).collect()
}

const STEP: Duration = Duration::from_secs(30);
