//! The page that the link of an activation mail leads to.

use super::assertions::{assert_clean, mailed_link};
use crate::cases::assertions::assert_problem;
use crate::cases::probes::{OTHER_PASSWORD, try_sign_in};
use crate::{App, Browser, Person};

pub(in crate::cases) fn a_mailed_link_activates_with_one_click(app: &App, browser: &Browser) {
    let person = app.stranger();
    app.sign_up(&person);
    let link = mailed_link(app, &person.email);
    let page = browser.page();
    page.goto(&link);
    assert_eq!(page.text("#act button"), "Activate my account");
    let early = try_sign_in(app, &person.email, &person.password);
    assert_problem(&early, 403, "account_not_activated");

    // Neither the address bar nor the history has the token, though the link had it.
    assert_eq!(page.eval("location.href"), app.url("/activate-account"));
    assert_eq!(page.history(), ["about:blank", &app.url("/activate-account")]);

    page.click("#act button");
    assert_eq!(page.text("#done h2"), "Your account is active");
    app.sign_in(&person);

    page.goto(&link);
    page.click("#act button");
    assert_eq!(page.text("#invalid h2"), "This link is no longer valid");
    assert!(!page.shows("#act") && page.shows("#request"));
    assert_clean(app, &page);
    let (_, token) = link.split_once("#token=").expect("the link has a token");
    let requests = page.requests();
    assert!(!requests.iter().any(|request| request.contains(token)), "{requests:?}");
    assert_eq!(browser.cookies(), []);
}

pub(in crate::cases) fn a_password_is_asked_for_where_it_has_to_be(app: &App, browser: &Browser) {
    let person = app.stranger();
    app.sign_up(&Person { password: "crimson attack vector 4711".to_owned(), ..person.clone() });
    app.mails();
    app.sign_up(&person);
    let page = browser.page();
    page.goto(&mailed_link(app, &person.email));
    assert!(!page.shows("#password"));
    page.click("#act button");
    page.fill("#password", "password");
    assert_eq!(page.eval("document.activeElement.id"), "password");
    page.click("#act button");
    page.text("#password-error");
    page.fill("#password", OTHER_PASSWORD);
    page.click("#act button");
    assert_eq!(page.text("#done h2"), "Your account is active");
    app.sign_in(&Person { password: OTHER_PASSWORD.to_owned(), ..person });
    assert_clean(app, &page);
}

pub(in crate::cases) fn a_link_can_be_pasted_into_an_open_page(app: &App, browser: &Browser) {
    let person = app.stranger();
    app.sign_up(&person);
    let page = browser.page();
    page.goto(&app.url("/activate-account"));
    assert_eq!(page.text("#missing h2"), "This page needs the link from your mail");
    // Only the fragment differs: nothing is loaded.
    page.goto(&mailed_link(app, &person.email));
    page.click("#act button");
    page.text("#done h2");
    app.sign_in(&person);
    assert_clean(app, &page);
}

pub(in crate::cases) fn a_lost_connection_costs_no_link(app: &App, browser: &Browser) {
    let person = app.stranger();
    app.sign_up(&person);
    let page = browser.page();
    page.goto(&mailed_link(app, &person.email));
    page.offline(true);
    page.click("#act button");
    page.wait_for("document.querySelector('#status.error')");
    let status = page.text("#status");
    assert!(status.starts_with("The server could not be reached."), "{status}");
    page.offline(false);
    page.click("#act button");
    page.text("#done h2");
    app.sign_in(&person);
    assert_clean(app, &page);
}
