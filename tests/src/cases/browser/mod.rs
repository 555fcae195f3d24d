//! What only a browser can tell: pages as people use them, and what a browser does with answers.

mod account;
mod activation;
mod assertions;
mod cookies;
mod documents;
mod email_change;
mod foreign_pages;
mod password_reset;
mod people;
mod privacy;
mod second_factor;

use super::BrowserCase;
use crate::{Browser, OtherSite};

/// Every case of a browser.
pub const BROWSER_CASES: &[BrowserCase] = table![
    account::{
        it_leads_from_the_sign_up_to_the_sign_out,
        it_speaks_the_readers_language,
        cookies_outlive_the_browser_only_if_asked_to,
        a_session_is_renewed_where_it_has_to_be,
        sessions_can_be_ended_by_whoever_knows_the_password,
        a_password_is_changed_in_place,
        what_else_an_account_has_is_changed_until_it_is_deleted,
        an_invitation_does_not_stay_in_the_address,
    },
    activation::{
        a_mailed_link_activates_with_one_click,
        a_password_is_asked_for_where_it_has_to_be,
        a_link_can_be_pasted_into_an_open_page,
        a_lost_connection_costs_no_link,
    },
    cookies::{a_page_lives_on_cookies_that_it_cannot_read, another_site_gets_nothing_done},
    documents::{the_reference_lists_every_endpoint, the_development_mailbox_leads_on},
    email_change::{a_new_address_is_confirmed_once},
    foreign_pages::{they_sign_nobody_out_and_change_nothing, they_sign_nobody_in},
    password_reset::{
        a_refused_password_can_be_replaced_in_place,
        another_link_can_be_asked_for,
        what_is_refused_is_said_in_the_readers_language,
    },
    privacy::{a_page_tells_nobody_where_it_was, no_other_site_frames_a_page},
    second_factor::{it_is_switched_on_asked_for_and_switched_off, too_many_tries_begin_anew},
];

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
