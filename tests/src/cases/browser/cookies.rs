//! Session cookies as a browser keeps and sends them.

use serde_json::{Value, json};

use super::assertions::assert_clean;
use crate::{App, Browser, Cookie, MOUNT, OtherSite, Page, Person};

pub(in crate::cases) fn a_page_lives_on_cookies_that_it_cannot_read(app: &App, browser: &Browser) {
    let person = app.user();
    let page = browser.page();
    page.goto(&app.url("/reset-password"));
    let signed_in = sign_in(&page, &person);
    assert_eq!(signed_in[0], 200, "{signed_in}");
    let cookies = browser.cookies();
    assert_eq!(
        attributes(&cookies),
        [("auth_access", "/", "Lax"), ("auth_refresh", MOUNT, "Strict")]
    );
    for cookie in &cookies {
        assert!(cookie.http_only && !cookie.session && cookie.domain == "127.0.0.1", "{cookie:?}");
        assert!(!signed_in.to_string().contains(&cookie.value), "{signed_in}");
    }
    assert_eq!(page.eval("document.cookie"), "");

    assert_eq!(send(&page, "GET", &format!("{MOUNT}/me"), &Value::Null)[0], 200);
    for method in ["GET", "POST"] {
        let private = send(&page, method, "/private", &Value::Null);
        assert_eq!(private, json!([200, person.email]), "{method}");
    }
    let refreshed = send(&page, "POST", &format!("{MOUNT}/access"), &json!({}));
    assert_eq!(refreshed[0], 200, "{refreshed}");
    assert_eq!(attributes(&browser.cookies()), attributes(&cookies));
    assert_ne!(browser.cookies(), cookies);
    let signed_out = send(&page, "POST", &format!("{MOUNT}/sign-out"), &json!({}));
    assert_eq!((signed_out, browser.cookies()), (json!([204, ""]), Vec::new()));
    assert_clean(app, &page);
}

pub(in crate::cases) fn another_site_gets_nothing_done(app: &App, browser: &Browser) {
    let person = app.user();
    let page = browser.page();
    page.goto(&app.url("/reset-password"));
    sign_in(&page, &person);
    let cookies = browser.cookies();

    let forms = ["/api/auth/sign-out", "/api/auth/sign-in", "/private"]
        .map(|path| format!("<form method=post action='{}{path}'></form>", app.origin()));
    let other = OtherSite::start(&forms.concat());
    for (form, code) in
        ["cross_site_request", "cross_site_request", "unauthenticated"].into_iter().enumerate()
    {
        page.goto(&other.url());
        page.eval(&format!("(document.forms[{form}].submit(), true)"));
        page.wait_for("location.hostname === '127.0.0.1'");
        let shown = page.eval("document.body.innerText").to_string();
        assert!(shown.contains(code), "{form}: {shown}");
    }
    // A script is not even let near, nor told anything.
    page.goto(&other.url());
    let read = format!(
        "fetch('{}', {{ credentials: 'include' }}).then(() => 'read', () => 'refused')",
        app.url("/me")
    );
    assert_eq!(page.eval(&read), "refused");

    assert_eq!(browser.cookies(), cookies);
    // A link from there still leads to a page that knows its visitor.
    page.eval(&format!("(location.href = '{}/private', true)", app.origin()));
    page.wait_for("location.hostname === '127.0.0.1'");
    assert_eq!(page.eval("document.body.innerText"), person.email);
}

/// Signs in from the page, and returns the status and the text of the answer.
fn sign_in(page: &Page<'_>, Person { email, password }: &Person) -> Value {
    let body = json!({ "email": email, "password": password, "delivery": "cookie" });
    send(page, "POST", &format!("{MOUNT}/sign-in"), &body)
}

fn send(page: &Page<'_>, method: &str, path: &str, body: &Value) -> Value {
    let mut options = json!({ "method": method });
    if !body.is_null() {
        options["headers"] = json!({ "content-type": "application/json" });
        options["body"] = json!(body.to_string());
    }
    let answered = "async (answer) => [answer.status, await answer.text()]";
    page.eval(&format!("fetch('{path}', {options}).then({answered})"))
}

fn attributes(cookies: &[Cookie]) -> Vec<(&str, &str, &str)> {
    let mut attributes: Vec<(&str, &str, &str)> = cookies
        .iter()
        .map(|Cookie { name, path, same_site, .. }| (&**name, &**path, &**same_site))
        .collect();
    attributes.sort_unstable();
    attributes
}
