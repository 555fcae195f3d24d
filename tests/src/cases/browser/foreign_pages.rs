//! What pages of others can do to somebody who is signed in, which is nothing: neither those of
//! another site, nor those of the same host on another port, to which cookies do go.

use serde_json::json;

use super::people::{assert_signed_in, sign_in};
use crate::cases::probes::{OTHER_PASSWORD, try_sign_in};
use crate::{App, Browser, OtherSite, Page};

pub(in crate::cases) fn they_sign_nobody_out_and_change_nothing(app: &App, browser: &Browser) {
    let person = app.user();
    let page = browser.page();
    sign_in(app, &page, &person);
    let id =
        page.eval("fetch('sessions').then((answer) => answer.json())")["sessions"][0]["id"].clone();
    let cookies = browser.cookies();
    let other = OtherSite::start(HOSTILE);
    for url in [other.url(), sibling(&other)] {
        for (path, body) in [
            ("/sign-out", ""),
            ("/access", ""),
            ("/enable-2fa", ""),
            ("/sessions/revoke", &*json!({ "id": id }).to_string()),
            ("/reauthenticate", &*json!({ "password": person.password }).to_string()),
            (
                "/sign-up",
                &*json!({ "email": "x@example.com", "password": OTHER_PASSWORD }).to_string(),
            ),
            ("/request-password-reset", &*json!({ "email": person.email }).to_string()),
        ] {
            let hostile = Hostile { app, page: &page, url: &url };
            hostile.send(path, body);
            hostile.submit(path, body);
        }
        page.goto(&url);
        for path in ["/me", "/sessions", "/account", "/openapi.json"] {
            let read = page.eval(&format!(
                "fetch({:?}, {{ credentials: 'include' }}).then(() => 'read', () => 'refused')",
                app.url(path),
            ));
            assert_eq!(read, "refused", "{url} {path}");
        }
        let seen = page.eval(&format!(
            "new Promise((resolve) => {{
               const image = document.createElement('img');
               image.onload = () => resolve('seen');
               image.onerror = () => resolve('nothing');
               image.src = {:?};
             }})",
            app.url("/sign-out"),
        ));
        assert_eq!(seen, "nothing");
    }
    assert_eq!(browser.cookies(), cookies);
    assert_eq!(app.mails().len(), 0, "nobody was mailed");
    assert_signed_in(app, &page, &person, 1);
    assert_eq!(page.text("#enable-2fa button"), "Switch on");
    assert_eq!(try_sign_in(app, &person.email, &person.password).status, 200);
}

/// Whoever is signed in to somebody else's account works for them (login CSRF).
pub(in crate::cases) fn they_sign_nobody_in(app: &App, browser: &Browser) {
    let person = app.user();
    let page = browser.page();
    let other = OtherSite::start(HOSTILE);
    for url in [other.url(), sibling(&other)] {
        for delivery in ["cookie", "body"] {
            let body = json!({
                "email": person.email, "password": person.password, "delivery": delivery,
            });
            let hostile = Hostile { app, page: &page, url: &url };
            hostile.send("/sign-in", &body.to_string());
            hostile.submit("/sign-in", &body.to_string());
            assert_eq!(browser.cookies(), []);
        }
    }
    let sessions = app.texts("SELECT CAST(COUNT(*) AS TEXT) FROM auth_sessions");
    assert_eq!(sessions, [Some("0".to_owned())]);
}

/// A page of somebody else's, and whom it is after.
struct Hostile<'a> {
    app: &'a App,
    page: &'a Page<'a>,
    url: &'a str,
}

impl Hostile<'_> {
    /// Sends `body` in all ways that need no permission, and in the one that does.
    #[track_caller]
    fn send(&self, path: &str, body: &str) {
        self.page.goto(self.url);
        for (mode, media) in [
            ("no-cors", "text/plain"),
            ("no-cors", "application/x-www-form-urlencoded"),
            ("no-cors", "application/json"),
            ("cors", "text/plain"),
            ("cors", "application/json"),
        ] {
            let answer = self.page.eval(&format!(
                "fetch({:?}, {{ method: 'POST', mode: {mode:?}, credentials: 'include',
                   headers: {{ 'content-type': {media:?} }}, body: {} || undefined }})
                 .then((answer) => answer.type, () => 'refused')",
                self.app.url(path),
                json!(body),
            ));
            let expected = if mode == "cors" { "refused" } else { "opaque" };
            assert_eq!(answer, expected, "{} {path} {media}", self.url);
        }
    }

    /// Submits `body` as a form does, in place of the page: a field's name is everything up to a `=`
    /// that stands in a text.
    #[track_caller]
    fn submit(&self, path: &str, body: &str) {
        self.page.goto(self.url);
        let field = body.strip_suffix('}').map(|start| format!("{start},\"x\":\""));
        self.page.eval(&format!(
            "(() => {{
               const form = document.createElement('form');
               Object.assign(form, {{ method: 'post', action: {:?}, enctype: 'text/plain' }});
               const field = document.createElement('input');
               Object.assign(field, {{ type: 'hidden', name: {}, value: '\"}}' }});
               form.append(field);
               document.body.append(form);
               form.submit();
             }})()",
            self.app.url(path),
            json!(field.unwrap_or_default()),
        ));
        self.page.wait_for("document.body.innerText.includes('cross_site_request')");
    }
}

/// The address of the same page on the host of the application: another origin, but the same site,
/// and cookies know no ports.
fn sibling(other: &OtherSite) -> String {
    other.url().replace("localhost", "127.0.0.1")
}

const HOSTILE: &str = "<h1>Win a prize</h1>";
