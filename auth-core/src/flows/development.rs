//! The development mailbox, at the root of a host that uses one.

use http::{StatusCode, header};
use serde::Serialize;
use url::Url;

use crate::config::is_loopback;
use crate::http::reply;
use crate::{
    Auth, Email, Endpoint, Error, Limit, MessageId, MessageKind, Peer, Request, Response, Result,
    Timestamp,
};

pub(crate) const ENDPOINTS: &[Endpoint] = &[
    Endpoint::get(
        "/dev/mailbox",
        "Shows every mail, the newest first.",
        &[Limit::Unlimited],
        |auth, request| Box::pin(page(auth, request)),
    ),
    Endpoint::get(
        JSON_PATH,
        "Lists every mail, the newest first.",
        &[Limit::Unlimited],
        |auth, request| Box::pin(list(auth, request)),
    ),
];

async fn page(auth: &Auth, request: Request) -> Result<Response> {
    let mails = mails(auth, &request)?;
    let page = auth.0.templates.mailbox_page(&mails, JSON_PATH, &auth.0.config);
    Ok(reply::html(page.map_err(Error::internal)?))
}

async fn list(auth: &Auth, request: Request) -> Result<Response> {
    let mails = mails(auth, &request)?;
    let mails: Vec<_> = mails.iter().map(Mail::from).collect();
    Ok(reply::json(StatusCode::OK, &mails))
}

/// The mails, for somebody at the same machine who asked for it by a name of that machine: not for
/// the network, and not for a page of another site whose name was made to lead here.
fn mails(auth: &Auth, request: &Request) -> Result<Vec<Email>> {
    let mailbox = auth.0.mailbox.as_ref().ok_or(Error::NotFound)?;
    let peer = request.extensions().get::<Peer>();
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok());
    let host = host.and_then(|host| Url::parse(&format!("http://{host}")).ok());
    if peer.is_some_and(|peer| peer.0.is_loopback()) && host.is_some_and(|host| is_loopback(&host))
    {
        return Ok(mailbox.mails());
    }
    tracing::warn!(?peer, "the development mailbox is only shown on its own machine");
    Err(Error::NotFound)
}

#[derive(Serialize)]
struct Mail<'a> {
    id: MessageId,
    kind: &'static str,
    from: &'a str,
    to: &'a str,
    subject: &'a str,
    text: &'a str,
    html: &'a str,
    link: Option<&'a str>,
    message_id: &'a str,
    sent_at: Timestamp,
}

impl<'a> From<&'a Email> for Mail<'a> {
    fn from(email: &'a Email) -> Self {
        Self {
            id: email.id,
            kind: MessageKind::as_str(email.kind),
            from: &email.from,
            to: &email.to,
            subject: &email.subject,
            text: &email.text,
            html: &email.html,
            link: email.link.as_deref(),
            message_id: &email.message_id,
            sent_at: email.sent_at,
        }
    }
}

const JSON_PATH: &str = "/dev/mailbox.json";

#[cfg(all(test, feature = "sqlite"))]
mod tests {
    use std::net::IpAddr;

    use super::*;
    use crate::{Config, Mailbox, MasterSecret, Store, SystemRandom};

    #[tokio::test]
    async fn it_is_shown_to_its_own_machine_by_a_name_of_it() {
        let store = Store::sqlite("sqlite::memory:").await.unwrap();
        let config = Config::new("http://localhost:8000").unwrap();
        let secret = MasterSecret::generate(&SystemRandom);
        let builder = Auth::builder(config, store, secret).mailbox(Mailbox::new());
        let auth = builder.build().await.unwrap();
        for (peer, host, status) in [
            (Some("127.0.0.1"), Some("localhost:8000"), 200),
            (Some("::1"), Some("[::1]:8000"), 200),
            (Some("127.0.0.1"), Some("127.0.0.1"), 200),
            (Some("192.0.2.7"), Some("localhost:8000"), 404),
            (Some("2001:db8::7"), Some("[::1]:8000"), 404),
            (Some("127.0.0.1"), Some("evil.example:8000"), 404),
            (Some("127.0.0.1"), Some("localhost.evil.example"), 404),
            (Some("127.0.0.1"), None, 404),
            (None, Some("localhost:8000"), 404),
        ] {
            for path in ["/dev/mailbox", JSON_PATH] {
                let mut request = Request::default();
                if let Some(peer) = peer {
                    request.extensions_mut().insert(Peer(peer.parse::<IpAddr>().unwrap()));
                }
                if let Some(host) = host {
                    request.headers_mut().insert(header::HOST, host.parse().unwrap());
                }
                let response = auth.respond(path, Ok(request)).await;
                assert_eq!(response.status(), status, "{peer:?} {host:?} {path}");
            }
        }
    }
}
