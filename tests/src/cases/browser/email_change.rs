//! The page that the link to a new address leads to.

use serde_json::json;

use super::assertions::{assert_clean, mailed_link};
use crate::{App, Browser};

pub(in crate::cases) fn a_new_address_is_confirmed_once(app: &App, browser: &Browser) {
    let person = app.user();
    let tokens = app.sign_in(&person);
    let new = app.stranger();
    app.post_as(&tokens.access, "/change-email", json!({ "new_email": new.email }));
    let link = mailed_link(app, &new.email);
    let email = || app.get("/me", Some(&tokens.access)).json()["email"].clone();

    let page = browser.page();
    page.goto(&link);
    assert_eq!(page.history(), ["about:blank", &app.url("/confirm-email-change")]);
    assert_eq!(email(), person.email, "opening a link changes nothing");
    page.click("#act button");
    assert_eq!(page.text("#done h2"), "Your address is changed");
    assert_eq!(email(), new.email);

    page.goto("about:blank");
    page.goto(&link);
    page.click("#act button");
    assert_eq!(page.text("#invalid h2"), "This link is no longer valid");
    page.goto("about:blank");
    page.goto(&app.url("/confirm-email-change"));
    assert_eq!(page.text("#missing h2"), "This page needs the link from your mail");
    assert_clean(app, &page);
}
