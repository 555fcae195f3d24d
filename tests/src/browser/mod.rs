//! A real browser: Chromium, driven over the pipes of its DevTools protocol.
//!
//! A case of `BROWSER_CASES` gets an [`App`](crate::App) whose public URL is where it listens, and a
//! [`Browser`] of its own: it shares no cookie, no cache and no page with any other.
//!
//! ```no_run
//! # use auth_conformance::{App, Browser};
//! # fn case(app: &App, browser: &Browser) {
//! let page = browser.page();
//! page.goto(&app.url("/reset-password"));               // until it has loaded
//! page.fill("#email", "ada@example.com");               // waits for a field that can be seen
//! page.click("#request button");                        // a real click, where the button is seen
//! assert_eq!(page.text("h1"), "Choose a new password"); // waits for an element that can be seen
//! page.wait_for("location.hash === ''");                // any expression, asked until it is true
//! assert!(page.cookies().iter().all(|cookie| cookie.http_only));
//! assert_eq!(page.console_errors(), [""; 0]);           // exceptions, and breaches of a policy
//! # }
//! ```
//!
//! Whatever waits, waits half a minute at most, and then panics with what the page shows. Nothing
//! leaves the machine: only `127.0.0.1` and `localhost` have addresses, though [`Page::requests`]
//! lists what was asked of others. The browser's clock is the real one, the server's is not.
//! [`OtherSite`] is another site, at `http://localhost`.

mod cookie;
mod other_site;
mod page;
mod process;

use std::fmt;

use serde_json::json;

pub use cookie::Cookie;
pub use other_site::OtherSite;
pub use page::Page;
pub use process::close_browser;
use process::process;

/// A browser that has been nowhere yet; its pages share their cookies, and nothing with others.
#[must_use]
pub struct Browser {
    context: String,
}

impl Browser {
    /// Opens one, in the process that all of them share.
    ///
    /// # Panics
    ///
    /// If the program that `AUTH_TEST_BROWSER` names does not start.
    #[expect(clippy::new_without_default, reason = "it is not a value, it is opened")]
    pub fn new() -> Self {
        let answer = process().ask(None, "Target.createBrowserContext", &json!({}));
        Self { context: process::text(&answer["browserContextId"]) }
    }

    /// Opens a page that shows nothing yet.
    pub fn page(&self) -> Page<'_> {
        Page::open(&self.context)
    }

    /// Returns every cookie that it keeps, those that scripts cannot see among them.
    pub fn cookies(&self) -> Vec<Cookie> {
        Cookie::all(&self.context)
    }
}

impl fmt::Debug for Browser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Browser({})", self.context)
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let context = json!({ "browserContextId": self.context });
        // A case that failed has said so already.
        let _ = process().call(None, "Target.disposeBrowserContext", &context);
    }
}
