//! The whole service as one total function from request to response.

use http::{HeaderValue, Method};

use crate::flows::{DEVELOPMENT, SECTIONS};
use crate::http::cookies::SessionCookie;
use crate::http::{cors, cross_site};
use crate::last_resort::without_panic;
use crate::model::new_uuid;
use crate::observation::{Observation, observed};
use crate::{Auth, Endpoint, Error, Limit, Rejection, Request, Response, Result};

impl Auth {
    /// What an adapter passes to [`respond`](Self::respond) for a path under the mount point that is
    /// no endpoint's.
    pub const UNMATCHED: &'static str = "";

    /// Returns every endpoint, in the order of the flows.
    pub fn endpoints() -> impl Iterator<Item = &'static Endpoint> {
        SECTIONS.iter().flat_map(|(_, flows)| flows.iter().copied().flatten())
    }

    /// Returns the paths that an adapter mounts, each once.
    #[must_use]
    pub fn paths() -> Vec<&'static str> {
        let mut paths = Vec::new();
        for endpoint in Self::endpoints() {
            if !paths.contains(&endpoint.path) {
                paths.push(endpoint.path);
            }
        }
        paths
    }

    /// Returns the paths of the development mailbox, which an adapter mounts at the host's root.
    ///
    /// They answer 404 unless a [mailbox](crate::Builder::mailbox) is in use.
    #[must_use]
    pub fn development_paths() -> Vec<&'static str> {
        DEVELOPMENT.iter().map(|endpoint| endpoint.path).collect()
    }

    /// Answers `request` as the endpoint mounted at `path`; an error is what kept the adapter from
    /// reading it. Never fails: every error is a problem document.
    ///
    /// It has the id that the request brought as `X-Request-Id`, if that is a name of 1 to 64 letters,
    /// digits, dots, dashes and underscores, or else a new one; events and logs have it too.
    pub async fn respond(&self, path: &str, mut request: Result<Request>) -> Response {
        let known = every_row().find(|row| row.path == path).map(|row| row.path);
        let new_id = || new_uuid(self.now(), &*self.0.random).into();
        let observation = Observation::begin(known, &mut request, new_id);
        let reader = request.as_ref().ok().and_then(|request| self.reader(path, request));
        let span = observation.span();
        let answer = async {
            let answered = match request {
                Ok(request) => without_panic(self.in_time(self.dispatch(path, request))).await,
                Err(error) => Some(Err(error)),
            };
            let answered = answered.unwrap_or_else(|| Err(Error::internal("a flow panicked")));
            let (mut response, rejection) = match answered {
                Ok(response) => (response, None),
                Err(error) => {
                    let rejection = self.reject(error);
                    (rejection.response(), Some(rejection))
                }
            };
            cors::share(&mut response, reader, &self.0.config);
            observation.end(rejection.as_ref().map(Rejection::error), &mut response);
            response
        };
        observed(span, answer).await
    }

    async fn dispatch(&self, path: &str, request: Request) -> Result<Response> {
        let Some(row) = self.row(path, request.method()) else {
            return self.no_row(path, &request);
        };
        let cookies = SessionCookie::any(request.headers(), &self.0.config);
        cross_site::check(request.method(), request.headers(), cookies, &self.0.config)?;
        let _entry = match row.limits.contains(&Limit::Hashing) {
            true => Some(self.0.hashing.enter().await?),
            false => None,
        };
        // Boxed, so that a request that waits for its entry or in its flow does not hold it too.
        Box::pin(self.count_request(row.limits, &self.client(&request))).await?;
        (row.handler)(self, request).await
    }

    /// The endpoint that answers `method` at `path`.
    fn row(&self, path: &str, method: &Method) -> Option<&'static Endpoint> {
        // HEAD is GET without the body, which the framework leaves out (RFC 9110 §9.3.2).
        let method = if method == Method::HEAD { &Method::GET } else { method };
        self.rows(path).find(|row| row.method == *method)
    }

    /// Answers what no endpoint does.
    fn no_row(&self, path: &str, request: &Request) -> Result<Response> {
        let mut allow = Vec::new();
        for row in self.rows(path) {
            allow.push(row.method.as_str());
            if row.method == Method::GET {
                allow.push(Method::HEAD.as_str());
            }
        }
        if allow.is_empty() {
            return Err(Error::NotFound);
        }
        let allow = allow.join(", ");
        if cors::is_preflight(request) && self.reader(path, request).is_some() {
            return Ok(cors::preflight(&allow));
        }
        Err(Error::MethodNotAllowed { allow })
    }

    fn rows(&self, path: &str) -> impl Iterator<Item = &'static Endpoint> {
        every_row().filter(move |row| row.path == path && !row.is_disabled(&self.0.config))
    }

    /// The origin whose pages may read the answer to `request`. None reads the development mailbox.
    fn reader(&self, path: &str, request: &Request) -> Option<HeaderValue> {
        let development = DEVELOPMENT.iter().any(|row| row.path == path);
        if development { None } else { cors::reader(request.headers(), &self.0.config) }
    }
}

fn every_row() -> impl Iterator<Item = &'static Endpoint> {
    Auth::endpoints().chain(DEVELOPMENT)
}

#[cfg(all(test, feature = "sqlite"))]
mod tests {
    use super::*;
    use crate::{Config, MasterSecret, Store, SystemRandom};

    /// A flood is made of them: each holds what it waits in, once for the request and once for its
    /// flow.
    #[tokio::test]
    async fn a_request_that_waits_takes_little_memory() {
        let store = Store::sqlite("sqlite::memory:").await.unwrap();
        let config = Config::new("http://127.0.0.1:8000").unwrap();
        let secret = MasterSecret::generate(&SystemRandom);
        let auth = Auth::builder(config, store, secret).build().await.unwrap();
        let request = size_of_val(&auth.respond("/sign-in", Ok(Request::default())))
            + size_of_val(&auth.dispatch("/sign-in", Request::default()));
        assert!(request <= 3 * 1024, "{request}");
        for endpoint in Auth::endpoints() {
            let flow = size_of_val(&*(endpoint.handler)(&auth, Request::default()));
            assert!(flow <= 10 * 1024, "{}: {flow}", endpoint.path);
        }
    }
}
