//! What people do on the account page before a case begins.

use crate::{App, Page, Person};

/// Signs in with the password alone.
#[track_caller]
pub(super) fn sign_in(app: &App, page: &Page<'_>, person: &Person) {
    enter_password(app, page, person);
    page.text("#who");
}

/// Enters the password, to which a second factor may follow.
#[track_caller]
pub(super) fn enter_password(app: &App, page: &Page<'_>, person: &Person) {
    page.goto(&app.url("/account"));
    page.fill("#sign-in-name", &person.email);
    page.fill("#sign-in-password", &person.password);
    page.click("#sign-in button:not([type])");
}

/// Asserts that nobody is signed in for the browser of `page`.
#[track_caller]
pub(super) fn assert_signed_out(app: &App, page: &Page<'_>) {
    let status = page.eval(&format!("fetch({:?}).then(({{ status }}) => status)", app.url("/me")));
    assert_eq!(status, 401);
}

/// Asserts that `person` is signed in for the browser of `page`, and what sessions there are.
#[track_caller]
pub(super) fn assert_signed_in(app: &App, page: &Page<'_>, person: &Person, sessions: usize) {
    page.goto(&app.url("/account"));
    assert_eq!(page.text("#who"), person.email);
    page.wait_for(&format!("document.querySelectorAll('#session-list li').length === {sessions}"));
}
