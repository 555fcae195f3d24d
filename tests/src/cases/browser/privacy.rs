//! What other sites learn of a page, and may do with it.

use super::assertions::mailed_link;
use crate::{App, Browser, OtherSite};

pub(in crate::cases) fn a_page_tells_nobody_where_it_was(app: &App, browser: &Browser) {
    let other = OtherSite::start("<h1>Elsewhere</h1>");
    let person = app.stranger();
    app.sign_up(&person);
    let page = browser.page();
    let link = mailed_link(app, &person.email);
    for url in [link, app.url("/account"), app.url("/reset-password"), app.url("/docs")] {
        page.goto(&url);
        page.eval(&format!("(location.href = {:?}, true)", other.url()));
        page.text("h1");
        page.wait_for("document.querySelector('h1').innerText === 'Elsewhere'");
        assert_eq!(page.eval("document.referrer"), "", "{url}");
    }
    let requests = other.requests();
    let visits: Vec<_> = requests.iter().filter(|head| head.starts_with("GET /\n")).collect();
    assert_eq!(visits.len(), 4, "{requests:#?}");
    assert!(requests.iter().all(|head| !head.contains("\nreferer:")), "{requests:#?}");
}

pub(in crate::cases) fn no_other_site_frames_a_page(app: &App, browser: &Browser) {
    let urls =
        ["/account", "/activate-account", "/reset-password", "/docs"].map(|path| app.url(path));
    let other = OtherSite::start(
        &urls.clone().map(|url| format!("<iframe src='{url}'>")).join("</iframe>"),
    );
    let page = browser.page();
    page.goto(&other.url());
    for url in urls {
        assert!(page.requests().contains(&url), "{url}: {:#?}", page.requests());
    }
    let errors = page.console_errors();
    let blocked = errors.iter().filter(|error| error.contains("frame-ancestors 'none'"));
    assert_eq!((blocked.count(), errors.len()), (4, 4), "{errors:#?}");
}
