use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::{Arc, Mutex};

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Instrument, Level, Subscriber};
use tracing_subscriber::Registry;
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;

use super::*;
use crate::authentication::refused;
use crate::crypto::access_token::AccessTokenError;
use crate::manual::marked;
use crate::{Auth, Config, MasterSecret, NewAccount, Peer, Store, SystemRandom};

#[tokio::test]
async fn the_span_is_a_child_of_the_hosts_and_has_the_fields_that_the_manual_lists() {
    let seen = Seen::default();
    let _guard = tracing::subscriber::set_default(Registry::default().with(seen.clone()));
    let auth = service().await;
    let user = auth.operator("ada").create_user(NewAccount::new("ada@example.com")).await.unwrap();
    let body = r#"{"email": "ada@example.com", "password": "wrong"}"#;
    let mut request = Request::new(body.into());
    *request.method_mut() = Method::POST;
    request.headers_mut().insert(X_REQUEST_ID, "of-a-proxy".parse().unwrap());
    request.headers_mut().insert("content-type", "application/json".parse().unwrap());
    let host = tracing::error_span!("host");
    let response = auth.respond("/sign-in", Ok(request)).instrument(host).await;
    assert_eq!(response.status(), 401);

    let (parent, fields) = seen.only("auth");
    assert_eq!(parent.as_deref(), Some("host"));
    let user = user.id.to_string();
    let expected = [
        ("request_id", "of-a-proxy"),
        ("method", "POST"),
        ("path", "/sign-in"),
        ("status", "401"),
        ("outcome", "invalid_credentials"),
        ("auth.user", &user),
    ];
    let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert_eq!(fields, BTreeMap::from(expected));

    let listed = marked(include_str!("../manual/operations.md"), "span");
    let mut listed: Vec<_> = listed.into_iter().map(|[field, _]| field).collect();
    listed.sort();
    let mut names = seen.declared("auth");
    names.sort();
    assert_eq!(listed, names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>());
}

#[tokio::test]
async fn the_span_says_whose_request_it_is() {
    let auth = service().await;
    let mut account = NewAccount::new("ada@example.com");
    (account.password, account.activated) = (Some("seven plum tractors hum".into()), true);
    let user = auth.operator("ada").create_user(account).await.unwrap();
    let ask = async |method: Method, path: &str, bearer: &str, body: String| {
        let seen = Seen::default();
        let _guard = tracing::subscriber::set_default(Registry::default().with(seen.clone()));
        let mut request = Request::new(body.into());
        *request.method_mut() = method;
        request.headers_mut().insert("content-type", "application/json".parse().unwrap());
        if !bearer.is_empty() {
            let header = format!("Bearer {bearer}").parse().unwrap();
            request.headers_mut().insert("authorization", header);
        }
        let response = auth.respond(path, Ok(request)).await;
        assert_eq!(response.status(), 200, "{path}");
        let (_, fields) = seen.only("auth");
        let noted = ["auth.user", "auth.session"].map(|name| fields.get(name).cloned());
        (noted, serde_json::from_slice::<serde_json::Value>(response.body()).unwrap())
    };
    let body = r#"{"email": "ada@example.com", "password": "seven plum tractors hum"}"#;
    let (signed_in, tokens) = ask(Method::POST, "/sign-in", "", body.to_owned()).await;
    let access = tokens["access_token"].as_str().unwrap();
    let session = auth.session(&access.into()).await.unwrap();
    let expected = [Some(user.id.to_string()), Some(session.id().to_string())];
    let (read, _) = ask(Method::GET, "/me", access, String::new()).await;
    let body = serde_json::json!({ "refresh_token": tokens["refresh_token"] });
    let (refreshed, _) = ask(Method::POST, "/access", "", body.to_string()).await;
    assert_eq!([signed_in, read, refreshed], [expected.clone(), expected.clone(), expected]);
}

#[tokio::test]
async fn what_a_client_chooses_is_in_no_field() {
    let seen = Seen::default();
    let _guard = tracing::subscriber::set_default(Registry::default().with(seen.clone()));
    let auth = service().await;
    let mut request = Request::new("{}".into());
    *request.method_mut() = "EVIL".parse().unwrap();
    *request.uri_mut() = "/api/auth/evil?evil".parse().unwrap();
    for name in ["x-request-id", "user-agent", "host", "origin"] {
        request.headers_mut().insert(name, "e vil".parse().unwrap());
    }
    let response = auth.respond("/evil", Ok(request)).await;
    assert_eq!(response.status(), 404);
    let (_, mut fields) = seen.only("auth");
    assert_eq!(fields.remove("request_id").map(|id| id.len()), Some(36));
    let expected =
        [("method", "other"), ("path", "unmatched"), ("status", "404"), ("outcome", "not_found")];
    let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert_eq!(fields, BTreeMap::from(expected));
}

#[tokio::test]
async fn a_failure_is_logged_as_one_and_a_refusal_is_not() {
    let auth = service().await;
    let logged = Logged::default();
    let _guard = tracing::subscriber::set_default(Registry::default().with(logged.clone()));
    for (error, level) in [
        (Error::internal("it broke"), Level::ERROR),
        (Error::TimedOut, Level::ERROR),
        (Error::Draining, Level::DEBUG),
        (Error::Forbidden, Level::DEBUG),
    ] {
        let _ = auth.reject(error);
        assert_eq!(logged.take(), [level]);
    }
}

#[test]
fn a_token_that_is_over_is_no_news_and_one_that_is_wrong_is() {
    let logged = Logged::default();
    let _guard = tracing::subscriber::set_default(Registry::default().with(logged.clone()));
    for (reason, level) in [
        (AccessTokenError::Expired, Level::DEBUG),
        (AccessTokenError::NotYetValid, Level::INFO),
        (AccessTokenError::Signature, Level::INFO),
    ] {
        assert!(matches!(refused(reason), Error::Unauthenticated));
        assert_eq!(logged.take(), [level], "{reason:?}");
    }
}

#[tokio::test]
async fn that_nobody_knows_the_clients_is_told_once() {
    let logged = Logged::default();
    let _guard = tracing::subscriber::set_default(Registry::default().with(logged.clone()));
    let auth = service().await;
    let ask = async |peer: Option<Peer>| {
        let mut request = Request::default();
        peer.map(|peer| request.extensions_mut().insert(peer));
        logged.take();
        let _ = auth.respond("/health", Ok(request)).await;
        logged.take().contains(&Level::WARN)
    };
    let here = Peer([127, 0, 0, 1].into());
    let told = [ask(Some(here)).await, ask(None).await, ask(None).await];
    assert_eq!(told, [false, true, false]);
}

async fn service() -> Auth {
    let config = Config::new("http://localhost:8000").unwrap();
    let config = config.front_end_url("http://localhost:8000").unwrap();
    let store = Store::sqlite("sqlite::memory:").await.unwrap();
    Auth::builder(config, store, MasterSecret::generate(&SystemRandom)).build().await.unwrap()
}

/// A span as it was at its end: its name, its parent's name and its fields.
#[derive(Default)]
struct Span {
    name: &'static str,
    parent: Option<String>,
    declared: Vec<&'static str>,
    fields: BTreeMap<String, String>,
}

#[derive(Clone, Default)]
struct Seen(Arc<Mutex<BTreeMap<u64, Span>>>);

impl Seen {
    fn only(&self, name: &str) -> (Option<String>, BTreeMap<String, String>) {
        let spans = self.0.lock().unwrap();
        let mut found = spans.values().filter(|span| span.name == name);
        let span = found.next().unwrap();
        assert!(found.next().is_none());
        (span.parent.clone(), span.fields.clone())
    }

    fn declared(&self, name: &str) -> Vec<&'static str> {
        let spans = self.0.lock().unwrap();
        let span = spans.values().find(|span| span.name == name);
        span.unwrap().declared.clone()
    }
}

/// The levels of what was logged.
#[derive(Clone, Default)]
struct Logged(Arc<Mutex<Vec<Level>>>);

impl Logged {
    fn take(&self) -> Vec<Level> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }
}

impl<S: Subscriber> Layer<S> for Logged {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        self.0.lock().unwrap().push(*event.metadata().level());
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Seen {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let parent = context.span(id).and_then(|span| Some(span.parent()?.name().to_owned()));
        let metadata = attributes.metadata();
        let declared = metadata.fields().iter().map(|field| field.name()).collect();
        let mut span = Span { name: metadata.name(), parent, declared, ..Span::default() };
        attributes.record(&mut span);
        self.0.lock().unwrap().insert(id.into_u64(), span);
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, _: Context<'_, S>) {
        if let Some(span) = self.0.lock().unwrap().get_mut(&id.into_u64()) {
            values.record(span);
        }
    }
}

impl Visit for Span {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.fields.insert(field.name().to_owned(), value.to_owned());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.fields.insert(field.name().to_owned(), format!("{value:?}"));
    }
}
