//! A cookie as the browser keeps it.

use serde_json::{Value, json};

use super::process::{process, text};

/// A cookie and its attributes.
#[derive(Clone, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "cases compare it whole")]
pub struct Cookie {
    /// The name, with its prefix.
    pub name: String,
    /// The value.
    pub value: String,
    /// The host that it is for; with a leading dot, for those below it as well.
    pub domain: String,
    /// The path that it is for, and for all below it.
    pub path: String,
    /// Whether it travels over TLS alone.
    pub secure: bool,
    /// Whether it is hidden from scripts.
    pub http_only: bool,
    /// `Strict`, `Lax`, `None`, or empty if the server did not say.
    pub same_site: String,
    /// Whether it ends with the browser, having no time of its own.
    pub session: bool,
}

impl Cookie {
    /// Returns all that a browser keeps.
    pub(super) fn all(context: &str) -> Vec<Self> {
        let context = json!({ "browserContextId": context });
        let answer = process().ask(None, "Storage.getCookies", &context);
        answer["cookies"].as_array().expect("cookies are a list").iter().map(Self::read).collect()
    }

    /// Reads a `Network.Cookie` of the protocol.
    fn read(cookie: &Value) -> Self {
        let flag = |name: &str| cookie[name].as_bool().unwrap_or_default();
        Self {
            name: text(&cookie["name"]),
            value: text(&cookie["value"]),
            domain: text(&cookie["domain"]),
            path: text(&cookie["path"]),
            secure: flag("secure"),
            http_only: flag("httpOnly"),
            same_site: cookie["sameSite"].as_str().unwrap_or_default().to_owned(),
            session: flag("session"),
        }
    }
}
