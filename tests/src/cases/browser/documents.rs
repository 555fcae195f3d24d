//! The pages for developers.

use std::collections::BTreeSet;

use auth_core::Auth;

use super::assertions::assert_clean;
use crate::{App, Browser, MOUNT};

pub(in crate::cases) fn the_reference_lists_every_endpoint(app: &App, browser: &Browser) {
    let page = browser.page();
    page.goto(&app.url("/docs"));
    page.text(".opblock");
    let listed = page.eval(
        "[...document.querySelectorAll('.opblock')].map((block) =>
           block.querySelector('.opblock-summary-method').innerText + ' ' +
           block.querySelector('[data-path]').dataset.path)",
    );
    let listed = listed.as_array().expect("it is a list").iter();
    let listed: BTreeSet<&str> = listed.filter_map(|line| line.as_str()).collect();
    let endpoints: Vec<String> = Auth::endpoints()
        .map(|endpoint| format!("{} {MOUNT}{}", endpoint.method, endpoint.path))
        .collect();
    assert_eq!(listed, endpoints.iter().map(String::as_str).collect());
    assert_clean(app, &page);
}

pub(in crate::cases) fn the_development_mailbox_leads_on(app: &App, browser: &Browser) {
    let person = app.stranger();
    app.sign_up(&person);
    app.mails();
    let page = browser.page();
    page.goto(&format!("{}/dev/mailbox", app.origin()));
    page.click("article a");
    page.click("#act button");
    page.text("#done h2");
    app.sign_in(&person);
    assert_clean(app, &page);
}
