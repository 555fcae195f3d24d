//! A browser that holds session cookies, as far as the cases need one.

use serde_json::json;

use crate::{App, Person, Reply, Request};

/// The cookies of a session, under the names that they have without TLS.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct CookieJar {
    pub(super) access: String,
    pub(super) refresh: String,
}

impl CookieJar {
    /// Signs `person` in from a page of ours.
    #[track_caller]
    pub(super) fn sign_in(app: &App, person: &Person) -> Self {
        Self::of(&app.send(&sign_in(person).header("sec-fetch-site", "same-origin")))
    }

    /// Reads the cookies that an answer sets.
    #[track_caller]
    pub(super) fn of(reply: &Reply) -> Self {
        let cookies = reply.all("set-cookie");
        let value = |name: &str| {
            let mut values = cookies.iter().filter_map(|cookie| cookie.strip_prefix(name));
            let (Some(value), None) = (values.next(), values.next()) else {
                panic!("not one {name} in {}: {cookies:?} {}", reply.status, reply.text());
            };
            value.split(';').next().unwrap_or_default().to_owned()
        };
        Self { access: value("auth_access="), refresh: value("auth_refresh=") }
    }

    /// Adds both cookies to a request, as one header.
    pub(super) fn carried_by(&self, request: Request) -> Request {
        let Self { access, refresh } = self;
        request.header("cookie", &format!("auth_access={access}; a=b; auth_refresh={refresh}"))
    }

    /// Adds both cookies to a request of a page of ours.
    pub(super) fn own_page(&self, request: Request) -> Request {
        self.carried_by(request).header("sec-fetch-site", "same-origin")
    }
}

/// A sign-in that asks for cookies.
pub(super) fn sign_in(person: &Person) -> Request {
    let Person { email, password } = person;
    let body = json!({ "email": email, "password": password, "delivery": "cookie" });
    Request::post("/sign-in", &body)
}
