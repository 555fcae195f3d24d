//! Another site, which a page may come from or go to.

use std::fmt;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::http::Request;
use axum::response::Html;

use crate::adapters::{Port, Served};

/// A server that answers one HTML page to everybody, at `http://localhost` and a port of its own:
/// neither the origin nor the site of an [`App`](crate::App), which is at `127.0.0.1`.
#[must_use]
pub struct OtherSite {
    served: Served,
    requests: Arc<Mutex<Vec<String>>>,
}

impl OtherSite {
    /// Serves `html`, a document's content, until it is dropped.
    pub fn start(html: &str) -> Self {
        // Without an icon of its own a page is asked for one, sooner or later.
        let html = format!("<!doctype html><link rel=icon href=data:,>{html}");
        let requests = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&requests);
        let answer = async move |request: Request<axum::body::Body>| {
            seen.lock().expect("no panic while held").push(head(&request));
            Html(html.clone())
        };
        Self { served: Served::axum(Router::new().fallback(answer), Port::take()), requests }
    }

    /// Returns its address, with a path at the end: `/`.
    pub fn url(&self) -> String {
        format!("http://localhost:{}/", self.served.port)
    }

    /// Returns the request line and the headers of everything that it was asked, in order; a line
    /// each, names in small letters.
    pub fn requests(&self) -> Vec<String> {
        self.requests.lock().expect("no panic while held").clone()
    }
}

impl fmt::Debug for OtherSite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OtherSite({})", self.url())
    }
}

fn head<B>(request: &Request<B>) -> String {
    let mut head = format!("{} {}\n", request.method(), request.uri());
    for (name, value) in request.headers() {
        head.push_str(&format!("{name}: {}\n", String::from_utf8_lossy(value.as_bytes())));
    }
    head
}
