//! What only a browser can tell: pages as people use them, and what a browser does with answers.

pub(super) mod account;
pub(super) mod activation;
mod assertions;
pub(super) mod cookies;
pub(super) mod documents;
pub(super) mod email_change;
pub(super) mod foreign_pages;
pub(super) mod password_reset;
mod people;
pub(super) mod privacy;
pub(super) mod second_factor;

use crate::{Browser, OtherSite};

/// What the other cases find nothing of has to be found where it is.
pub(super) fn what_a_page_does_is_seen() {
    let site = OtherSite::start(
        "<meta http-equiv=content-security-policy content=\"style-src 'none'\">
         <style>p { color: red }</style>
         <img src=http://elsewhere.example/picture.png>
         <script>document.cookie = 'seen=1'; console.error('a complaint'); missing()</script>
         <p hidden>Hidden</p><p>Shown</p>",
    );
    let browser = Browser::new();
    let page = browser.page();
    page.goto(&site.url());
    assert_eq!(page.text("p"), "Shown");
    let errors = page.console_errors();
    for part in ["style-src 'none'", "a complaint", "missing is not defined"] {
        assert!(errors.iter().any(|error| error.contains(part)), "{part}: {errors:#?}");
    }
    assert_eq!(errors.len(), 3, "{errors:#?}");
    let requests = page.requests();
    assert_eq!(requests, [&*site.url(), "http://elsewhere.example/picture.png"]);
    let cookies = page.cookies();
    let cookie = cookies.first().expect("the script has set one");
    assert_eq!((&*cookie.name, &*cookie.domain, cookie.http_only), ("seen", "localhost", false));
    assert_eq!(Browser::new().cookies(), [], "another browser knows nothing of it");
}
