//! What a request leaves behind for whoever runs the service: its span, its id, its measures.

use std::cell::Cell;
use std::time::Instant;

use http::Method;
use tracing::field::{Empty, display};
use tracing::{Instrument, Span};

use crate::request_id::{RequestId, X_REQUEST_ID};
use crate::{Error, Request, Response, Result, SessionId, UserId, telemetry};

/// One request, from when it is handed over until its answer is.
pub(crate) struct Observation {
    span: Span,
    id: RequestId,
    path: &'static str,
    method: &'static str,
    started: Instant,
}

impl Observation {
    /// Opens the span of a request to the endpoint at `path`, a child of the host's if it has one, and
    /// tells the request its id.
    pub(crate) fn begin(
        path: Option<&'static str>,
        request: &mut Result<Request>,
        new_id: impl FnOnce() -> RequestId,
    ) -> Self {
        let headers = request.as_ref().ok().map(Request::headers);
        let id = headers.and_then(RequestId::brought).unwrap_or_else(new_id);
        let method = request.as_ref().map_or(UNREAD, |request| name_of(request.method()));
        let path = path.unwrap_or(UNMATCHED);
        // Of the highest level, so that whatever is logged has its fields.
        let span = tracing::error_span!(
            "auth",
            request_id = id.as_str(),
            method,
            path,
            status = Empty,
            outcome = Empty,
            auth.user = Empty,
            auth.session = Empty,
        );
        if let Ok(request) = request {
            request.extensions_mut().insert(id.clone());
        }
        Self { span, id, path, method, started: Instant::now() }
    }

    pub(crate) fn span(&self) -> Span {
        self.span.clone()
    }

    /// Writes down how the request ended, and its id into the answer.
    pub(crate) fn end(&self, error: Option<&Error>, response: &mut Response) {
        let outcome = error.map_or(OK, |error| error.code().as_str());
        let took = self.started.elapsed();
        self.span.record("status", response.status().as_u16()).record("outcome", outcome);
        tracing::debug!(duration_seconds = took.as_secs_f64(), "answered");
        telemetry::request(self.path, self.method, outcome, took);
        response.headers_mut().insert(X_REQUEST_ID, self.id.header_value());
    }
}

/// Runs what answers a request in its span.
///
/// By a future that awaited it, `work` would be held twice.
pub(crate) fn observed<T>(span: Span, work: impl Future<Output = T>) -> impl Future<Output = T> {
    NOTED.scope(Cell::default(), work).instrument(span)
}

/// Says whom the request is of, in the span of the request or, if it has these fields, of the host.
pub(crate) fn note_user(user: UserId, session: Option<SessionId>) {
    let noted = NOTED.try_with(|noted| {
        let (_, session_noted) = noted.get();
        noted.replace((true, session_noted || session.is_some()))
    });
    let (user_noted, session_noted) = noted.unwrap_or_default();
    let span = Span::current();
    if !user_noted {
        span.record("auth.user", display(user));
    }
    if let Some(session) = session.filter(|_| !session_noted) {
        span.record("auth.session", display(session));
    }
}

tokio::task_local! {
    /// Whether the user and the session are noted already: most logs would show them twice.
    static NOTED: Cell<(bool, bool)>;
}

/// A method by a name that no client chooses.
fn name_of(method: &Method) -> &'static str {
    match *method {
        Method::CONNECT => "CONNECT",
        Method::DELETE => "DELETE",
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::OPTIONS => "OPTIONS",
        Method::PATCH => "PATCH",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::TRACE => "TRACE",
        _ => "other",
    }
}

const OK: &str = "ok";
/// The path of what is no endpoint's.
const UNMATCHED: &str = "unmatched";
/// The method of what could not be read.
const UNREAD: &str = "unread";

#[cfg(test)]
#[cfg(feature = "sqlite")]
mod tests;
