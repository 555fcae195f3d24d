//! The page on which people sign in and look after their account.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;

use super::assertions::{assert_clean, mailed_link};
use super::people::{assert_signed_in, assert_signed_out, sign_in};
use crate::cases::assertions::assert_problem;
use crate::cases::probes::{OTHER_PASSWORD, assert_ended, assert_live, try_sign_in};
use crate::{App, Browser, Page, Person};

pub(in crate::cases) fn it_leads_from_the_sign_up_to_the_sign_out(app: &App, browser: &Browser) {
    let person = app.stranger();
    let page = browser.page();
    page.goto(&app.url("/account"));
    page.click("[data-opens=sign-up-view]");
    page.fill("#sign-up-email", &person.email);
    page.fill("#sign-up-username", "a");
    page.fill("#sign-up-password", "password");
    page.click("#sign-up button:not([type])");
    assert!(page.text("#sign-up-username-error").starts_with("A username has 3 to 32 letters"));
    page.fill("#sign-up-username", "ada");
    page.click("#sign-up button:not([type])");
    assert!(page.text("#sign-up-password-error").contains("list of common"));
    page.fill("#sign-up-password", &person.password);
    page.click("#sign-up button:not([type])");
    assert_eq!(page.text("#signed-up h2"), "Look into your mailbox");

    page.click("#signed-up button");
    page.fill("#sign-in-name", "ADA");
    page.fill("#sign-in-password", &person.password);
    page.click("#sign-in button:not([type])");
    page.text("#not-activated a");
    assert!(page.text("#sign-in .error").starts_with("This account is not active yet."));

    page.goto(&mailed_link(app, &person.email));
    page.click("#act button");
    page.click("#done a");
    page.fill("#sign-in-name", "ADA");
    page.fill("#sign-in-password", "not the password");
    page.click("#sign-in button:not([type])");
    assert!(page.text("#sign-in-password-error").starts_with("This does not match any account."));
    assert_eq!(page.eval("document.activeElement.id"), "sign-in-password");
    page.fill("#sign-in-password", &person.password);
    page.click("#sign-in button:not([type])");
    assert_eq!(page.text("#who"), format!("ada ({})", person.email));

    page.eval("location.reload()");
    page.wait_for("performance.getEntriesByType('navigation')[0].type === 'reload'");
    assert_eq!(page.text("#who"), format!("ada ({})", person.email));
    assert_eq!(page.text("#session-list li strong"), "Chrome on Linux");
    assert_eq!(page.text("#session-list .badge"), "this session");
    assert!(!page.shows("#session-list button") && !page.shows("#end-others"));

    let kept =
        page.eval("document.cookie + JSON.stringify([{ ...localStorage, ...sessionStorage }])");
    assert_eq!(kept, "[{}]", "no script finds anything of the session");
    page.click("#sign-out button");
    page.text("#signed-out h2");
    assert_eq!(page.cookies(), []);
    assert_signed_out(app, &page);
    assert_clean(app, &page);
}

pub(in crate::cases) fn cookies_outlive_the_browser_only_if_asked_to(app: &App, browser: &Browser) {
    let person = app.user();
    let page = browser.page();
    for remember in [false, true] {
        page.goto(&app.url("/account"));
        page.fill("#sign-in-name", &person.email);
        page.fill("#sign-in-password", &person.password);
        if remember {
            page.click("#sign-in [name=remember]");
        }
        page.click("#sign-in button:not([type])");
        page.text("#who");
        let mut cookies = page.cookies();
        cookies.sort_by(|one, other| one.name.cmp(&other.name));
        let kept: Vec<_> = cookies
            .iter()
            .map(|cookie| (&*cookie.name, &*cookie.path, &*cookie.same_site, cookie.session))
            .collect();
        let expected = [
            ("auth_access", "/", "Lax", !remember),
            ("auth_refresh", "/api/auth", "Strict", !remember),
        ];
        assert_eq!(kept, expected);
        assert!(cookies.iter().all(|cookie| cookie.http_only));
        page.click("#sign-out button");
        page.text("#signed-out h2");
    }
    assert_clean(app, &page);
}

pub(in crate::cases) fn a_session_is_renewed_where_it_has_to_be(app: &App, browser: &Browser) {
    let person = app.user();
    let page = browser.page();
    sign_in(app, &page, &person);
    let refresh = |page: &Page<'_>| {
        let cookies = page.cookies();
        cookies.into_iter().find(|cookie| cookie.name == "auth_refresh").map(|cookie| cookie.value)
    };

    // A cookie that has expired is not there.
    let first = refresh(&page);
    page.forget("auth_access");
    page.goto(&app.url("/account"));
    assert_eq!(page.text("#who"), person.email);
    let second = refresh(&page);
    assert_ne!(first, second);

    // One that lasts as long as the browser has a token that has expired, here in several tabs.
    app.clock.advance(Duration::from_secs(11 * 60));
    let tabs = [browser.page(), browser.page(), browser.page()];
    for tab in &tabs {
        tab.eval(&format!("(location.href = {:?}, true)", app.url("/account")));
    }
    for tab in &tabs {
        assert_eq!(tab.text("#who"), person.email);
        assert_clean(app, tab);
    }
    let refreshes = |page: &Page<'_>| {
        page.requests().iter().filter(|request| request.ends_with("/access")).count()
    };
    assert_eq!(tabs.iter().map(refreshes).sum::<usize>(), 1, "one of them is enough");

    // Without either there is no session.
    page.forget("auth_access");
    page.forget("auth_refresh");
    page.click("#sign-out button");
    page.text("#signed-out h2");
    assert_clean(app, &page);
}

pub(in crate::cases) fn sessions_can_be_ended_by_whoever_knows_the_password(
    app: &App,
    browser: &Browser,
) {
    let person = app.user();
    let page = browser.page();
    let (one, two, three) = (app.sign_in(&person), app.sign_in(&person), app.sign_in(&person));
    sign_in(app, &page, &person);
    page.wait_for("document.querySelectorAll('#session-list button').length === 3");
    app.clock.advance(Duration::from_secs(6 * 60));

    page.click("#session-list button");
    page.click("#cancel-reauthentication");
    page.wait_for("!document.querySelector('#sessions[aria-busy]')");
    for tokens in [&one, &two, &three] {
        assert_live(app, tokens);
    }

    page.click("#session-list button");
    page.fill("#own-password", "not the password");
    assert!(!page.shows("#own-code"));
    page.click("#reauthenticate button:not([type])");
    assert_eq!(page.text("#own-password-error"), "This password is wrong.");
    page.fill("#own-password", &person.password);
    page.click("#reauthenticate button:not([type])");
    page.wait_for("document.querySelectorAll('#session-list button').length === 2");
    assert_eq!(page.eval("document.querySelector('#own-password').value"), "");
    let live = [&one, &two, &three].map(|tokens| app.get("/me", Some(&tokens.access)).status);
    assert_eq!(live.iter().filter(|&&status| status == 401).count(), 1, "{live:?}");

    page.click("#end-others");
    page.wait_for("document.querySelectorAll('#session-list li').length === 1");
    for tokens in [&one, &two, &three] {
        assert_ended(app, tokens);
    }
    assert_eq!(page.text("#who"), person.email);
    assert_clean(app, &page);
}

pub(in crate::cases) fn a_password_is_changed_in_place(app: &App, browser: &Browser) {
    let person = app.user();
    let other = app.sign_in(&person);
    let page = browser.page();
    sign_in(app, &page, &person);
    let change = |current: &str, new: &str| {
        page.fill("#current-password", current);
        page.fill("#new-password", new);
        page.click("#change-password button:not([type])");
    };
    change("not the password", OTHER_PASSWORD);
    assert_eq!(page.text("#current-password-error"), "This password is wrong.");
    change(&person.password, "password");
    assert!(page.text("#new-password-error").contains("list of common"));
    assert_live(app, &other);

    // It is asked for once, even where the sign-in is not recent.
    app.clock.advance(Duration::from_secs(6 * 60));
    change(&person.password, OTHER_PASSWORD);
    page.click("#reauthenticate button:not([type])");
    page.wait_for("!document.querySelector('#change-password[aria-busy]')");
    let status = page.text("#change-password [role=status]");
    assert!(status.starts_with("Your password is changed."), "{status}");
    assert_eq!(page.eval("document.querySelector('#new-password').value"), "");
    assert_ended(app, &other);
    let changed = Person { password: OTHER_PASSWORD.to_owned(), ..person };
    app.sign_in(&changed);
    assert_signed_in(app, &page, &changed, 2);
    assert_clean(app, &page);
}

pub(in crate::cases) fn what_else_an_account_has_is_changed_until_it_is_deleted(
    app: &App,
    browser: &Browser,
) {
    let (person, new) = (app.user(), app.stranger());
    let page = browser.page();
    sign_in(app, &page, &person);
    let status = |form: &str| page.text(&format!("{form} [role=status]"));
    page.click("#change-language button");
    assert!(!page.shows("#change-language [role=status]:not(:empty)"), "no language is chosen");
    page.eval("document.querySelector('#mail-language').value = 'fr'");
    page.click("#change-language button");
    page.wait_for("!document.querySelector('#change-language[aria-busy]')");
    assert_eq!(status("#change-language"), "Mails to you are in this language from now on.");

    app.clock.advance(Duration::from_secs(6 * 60));
    page.fill("#new-email", &new.email);
    page.click("#change-email button");
    page.text("#reauthentication h2");
    assert!(!page.shows("#account [role=status]:not(:empty)"), "it was about something else");
    let middle = "(({ top, bottom }) => Math.abs(top + bottom - innerHeight) < 2)";
    page.wait_for(&format!(
        "{middle}(document.querySelector('dialog[open]').getBoundingClientRect())"
    ));
    page.fill("#own-password", &person.password);
    page.click("#reauthenticate button:not([type])");
    page.wait_for("!document.querySelector('#change-email[aria-busy]')");
    assert!(status("#change-email").starts_with("A link was sent to the new address."));
    let mails = app.mails();
    let mail = mails.iter().find(|mail| mail.to == new.email).expect("a link was mailed");
    assert!(mail.subject.starts_with("Confirmez votre nouvelle adresse"), "{}", mail.subject);

    app.clock.advance(Duration::from_secs(6 * 60));
    page.click("#delete");
    assert!(page.text("#deletion").contains("Nobody can undo this."));
    page.click("#cancel-deletion");
    page.click("#delete");
    page.click("#delete-account button:not([type])");
    page.fill("#own-password", &person.password);
    page.click("#reauthenticate button:not([type])");
    page.text("#signed-out h2");
    assert_eq!(page.text("#status"), "Your account is deleted.");
    assert!(!page.shows("dialog") && page.cookies().is_empty());
    let gone = try_sign_in(app, &person.email, &person.password);
    assert_problem(&gone, 401, "invalid_credentials");
    assert_clean(app, &page);
}

pub(in crate::cases) fn an_invitation_does_not_stay_in_the_address(app: &App, browser: &Browser) {
    let page = browser.page();
    page.goto(&app.url("/account#invitation=secret"));
    assert!(page.text("#invited").starts_with("You are invited."));
    let person = app.stranger();
    page.fill("#sign-up-email", &person.email);
    page.fill("#sign-up-password", OTHER_PASSWORD);
    page.click("#sign-up button:not([type])");
    page.text("#signed-up h2");
    mailed_link(app, &person.email);
    assert_eq!(page.history(), ["about:blank", &app.url("/account")]);
    let bodies = page.bodies();
    assert!(bodies.iter().any(|body| body.contains("\"invitation\":\"secret\"")), "{bodies:?}");
    assert_clean(app, &page);
}

pub(in crate::cases) fn it_speaks_the_readers_language(app: &App, browser: &Browser) {
    let catalog = |text: &str| -> BTreeMap<String, String> {
        serde_json::from_str(text).expect("a catalog is an object of texts")
    };
    let english = catalog(include_str!("../../../../templates/locales/en.json"));
    let french = catalog(include_str!("../../../../templates/locales/fr.json"));
    let person = app.user();
    let page = browser.page();
    page.languages("fr-CA,en;q=0.5");
    page.goto(&app.url("/account"));
    let assert_french = || {
        let html = text(&page.eval("document.querySelector('main').outerHTML + document.title"));
        let own = english.iter().filter(|(key, _)| key.contains("page."));
        for (key, english) in own.filter(|(_, english)| english.len() > 4) {
            // Up to a placeholder, as the value of it is known to the server alone.
            let english = english.split('{').next().unwrap_or_default().trim();
            let known = french.values().any(|french| french.contains(english));
            assert!(known || english.is_empty() || !html.contains(english), "{key}: {html}");
        }
    };
    page.fill("#sign-in-name", &person.email);
    page.fill("#sign-in-password", "faux");
    page.click("#sign-in button:not([type])");
    let error = page.text("#sign-in-password-error");
    assert_eq!(error, french["account_page.invalid_credentials"]);
    assert_french();
    page.fill("#sign-in-password", &person.password);
    page.click("#sign-in button:not([type])");
    page.text("#who");
    assert_eq!(page.text("#session-list li strong"), "Chrome sous Linux");
    assert!(page.text("#session-list .muted").contains("dernière utilisation : 14 nov. 2023"));
    page.click("#enable-2fa button");
    page.text("#secret");
    page.fill("#confirm-code", "000000");
    page.click("#confirm-2fa button:not([type])");
    assert_eq!(page.text("#confirm-code-error"), french["account_page.invalid_code"]);
    assert_french();
    page.click("#sign-out button");
    page.click("[data-opens=sign-up-view]");
    page.fill("#sign-up-email", &app.stranger().email);
    page.fill("#sign-up-username", "a b");
    page.fill("#sign-up-password", "court");
    page.click("#sign-up button:not([type])");
    assert!(
        page.text("#sign-up-username-error").starts_with("Un nom d’utilisateur comporte de 3 à 32")
    );
    page.fill("#sign-up-username", "abc");
    page.click("#sign-up button:not([type])");
    assert!(page.text("#sign-up-password-error").contains("au moins 8 caractères"));
    assert_french();
    assert_clean(app, &page);
}

fn text(value: &Value) -> String {
    value.as_str().expect("it is a text").to_owned()
}
