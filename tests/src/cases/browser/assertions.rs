//! What several files of cases in a browser look at.

use crate::{App, Page};

/// Asserts that nothing went wrong on `page`, and that nobody but `app` heard of it.
#[track_caller]
pub(in crate::cases) fn assert_clean(app: &App, page: &Page<'_>) {
    assert_eq!(page.console_errors(), [""; 0]);
    let own = format!("{}/", app.origin());
    for request in page.requests() {
        assert!(request.starts_with(&own), "{request}");
    }
}

/// Delivers, and returns the link in the only mail that came for `email`.
#[track_caller]
pub(in crate::cases) fn mailed_link(app: &App, email: &str) -> String {
    let mails = app.mails();
    let mut links = mails.iter().filter(|mail| mail.to == email).map(|mail| mail.link.clone());
    let (Some(Some(link)), None) = (links.next(), links.next()) else {
        panic!("not one link for {email}: {mails:?}");
    };
    link
}
