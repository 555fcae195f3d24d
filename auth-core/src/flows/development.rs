//! The development mailbox, at the root of a host that uses one.

use http::StatusCode;
use serde::Serialize;

use crate::http::reply;
use crate::{
    Auth, Email, Endpoint, Error, MessageId, MessageKind, Request, Response, Result, Timestamp,
};

pub(crate) const ENDPOINTS: &[Endpoint] = &[
    Endpoint::get("/dev/mailbox", "Shows every mail, the newest first.", |auth, request| {
        Box::pin(page(auth, request))
    }),
    Endpoint::get(JSON_PATH, "Lists every mail, the newest first.", |auth, request| {
        Box::pin(list(auth, request))
    }),
];

async fn page(auth: &Auth, _: Request) -> Result<Response> {
    let mails = mails(auth)?;
    let page = auth.0.templates.mailbox_page(&mails, JSON_PATH, &auth.0.config);
    Ok(reply::html(page.map_err(Error::internal)?))
}

async fn list(auth: &Auth, _: Request) -> Result<Response> {
    let mails = mails(auth)?;
    let mails: Vec<_> = mails.iter().map(Mail::from).collect();
    Ok(reply::json(StatusCode::OK, &mails))
}

fn mails(auth: &Auth) -> Result<Vec<Email>> {
    Ok(auth.0.mailbox.as_ref().ok_or(Error::NotFound)?.mails())
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
