use std::error::Error as _;
use std::fmt;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use lettre::message::header::{Header, HeaderName, HeaderValue};
use lettre::message::{Mailbox, Message, MultiPart};
use lettre::transport::smtp::{self, AsyncSmtpTransportBuilder};
use lettre::{Address, AsyncSmtpTransport, AsyncTransport, Tokio1Executor};
use time::OffsetDateTime;
use tokio::runtime::Handle;
use url::Url;

use super::{Email, Mailer, MailerError};
use crate::ConfigError;
use crate::config::is_loopback;

/// Sends e-mails through an SMTP server (RFC 5321), over connections that are kept and reused.
///
/// Replies 5xx are permanent, everything else is temporary. A server has 20 s for each reply, and an
/// attempt takes 30 s at most.
///
/// # Security
///
/// The connection is encrypted, and the server proves its name by a certificate of a public
/// authority; only a server on the same machine may be spoken to in plain text.
pub struct SmtpMailer {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
    /// How long an attempt may take as a whole.
    patience: Duration,
}

impl SmtpMailer {
    /// Makes a mailer that sends as `from`, such as `Example <auth@example.com>`.
    ///
    /// The URL is `smtps://user:password@host` (port 465, RFC 8314),
    /// `smtp://user:password@host?tls=required` (STARTTLS, port 587) or, on the same machine only,
    /// `smtp://localhost` (port 25). User and password are percent-encoded.
    ///
    /// # Errors
    ///
    /// If the URL is no such URL (key `smtp_url`) or `from` is no address (key `mail_from`), or there
    /// is no Tokio runtime.
    pub fn new(url: &str, from: &str) -> Result<Self, ConfigError> {
        let (builder, from) = parse(url, from)?;
        // The pool spawns the task that closes idle connections.
        Handle::try_current().map_err(|_| smtp_url("needs a Tokio runtime to be used"))?;
        let transport = builder.timeout(Some(REPLY_TIMEOUT)).build();
        Ok(Self { transport, from, patience: PATIENCE })
    }

    /// Finds the errors of [`SmtpMailer::new`] before there is a runtime.
    #[cfg(feature = "settings")]
    pub(crate) fn check(url: &str, from: &str) -> Result<(), ConfigError> {
        parse(url, from).map(drop)
    }

    fn message(&self, email: Email) -> Result<Message, MailerError> {
        let one_line = |text: &str| !text.chars().any(char::is_control);
        let to: Address = email.to.parse().map_err(|_| refused("recipient"))?;
        if !one_line(&email.subject) || !one_line(&email.message_id) {
            return Err(refused("header"));
        }
        Message::builder()
            .from(self.from.clone())
            .to(Mailbox::new(None, to))
            .subject(email.subject)
            .message_id(Some(email.message_id))
            .date(SystemTime::from(OffsetDateTime::from(email.sent_at)))
            .header(AutoSubmitted)
            .multipart(MultiPart::alternative_plain_html(email.text, email.html))
            .map_err(|_| refused("envelope"))
    }
}

impl fmt::Debug for SmtpMailer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SmtpMailer").finish_non_exhaustive()
    }
}

#[async_trait]
impl Mailer for SmtpMailer {
    async fn send(&self, email: Email) -> Result<(), MailerError> {
        let message = self.message(email)?;
        match tokio::time::timeout(self.patience, self.transport.send(message)).await {
            Ok(sent) => sent.map(drop).map_err(|error| failed(&error)),
            Err(_) => Err(MailerError::temporary(TOO_LONG)),
        }
    }

    async fn check(&self) -> Result<(), MailerError> {
        match tokio::time::timeout(self.patience, self.transport.test_connection()).await {
            Ok(Ok(true)) => Ok(()),
            Ok(Ok(false)) => Err(MailerError::temporary("the SMTP server does not greet back")),
            Ok(Err(error)) => Err(failed(&error)),
            Err(_) => Err(MailerError::temporary(TOO_LONG)),
        }
    }
}

fn parse(url: &str, from: &str) -> Result<(AsyncSmtpTransportBuilder, Mailbox), ConfigError> {
    if from.chars().any(char::is_control) {
        return Err(ConfigError::new("mail_from", "must not have control characters"));
    }
    let from = from.parse().map_err(|_| {
        ConfigError::new("mail_from", "must be an address such as \"Auth <auth@example.com>\"")
    })?;
    Ok((builder(url)?, from))
}

/// Only URLs that end in TLS or on this machine: what lettre itself would take is more.
fn builder(url: &str) -> Result<AsyncSmtpTransportBuilder, ConfigError> {
    let parsed = Url::parse(url)
        .map_err(|_| smtp_url("is no URL such as \"smtps://user:password@mail.example.com\""))?;
    let host = parsed.host_str().unwrap_or_default();
    if host.is_empty() || !matches!(parsed.path(), "" | "/") || parsed.fragment().is_some() {
        return Err(smtp_url("must be such as \"smtps://user:password@host\""));
    }
    if parsed.username().is_empty() != parsed.password().is_none_or(str::is_empty) {
        return Err(smtp_url("must have both a user and a password, or neither"));
    }
    match (parsed.scheme(), parsed.query()) {
        ("smtps", None) | ("smtp", Some("tls=required")) => {}
        ("smtp", None) if on_this_machine(&parsed) => {}
        ("smtp", None) => return Err(smtp_url("must have \"?tls=required\", or be \"smtps://…\"")),
        _ => return Err(smtp_url("must be \"smtps://…\" or \"smtp://…?tls=required\"")),
    }
    // The error could repeat the URL, and with it the password.
    AsyncSmtpTransport::<Tokio1Executor>::from_url(url).map_err(|_| smtp_url("cannot be used"))
}

/// The host of a scheme that the URL standard does not know is never an address to it.
fn on_this_machine(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    Url::parse(&format!("http://{host}")).is_ok_and(|url| is_loopback(&url))
}

fn smtp_url(problem: impl Into<String>) -> ConfigError {
    ConfigError::new("smtp_url", problem)
}

fn refused(part: &str) -> MailerError {
    MailerError::permanent(format!("the {part} cannot be put into a mail"))
}

/// Keeps what the server said out of logs, because servers repeat the recipient.
fn failed(error: &smtp::Error) -> MailerError {
    if error.is_permanent() || error.is_transient() {
        let reply = error.status().map_or_else(String::new, |code| format!(" {code}"));
        let source = format!("the SMTP server replied{reply}");
        return if error.is_permanent() {
            MailerError::permanent(source)
        } else {
            MailerError::temporary(source)
        };
    }
    let cause = error.source().filter(|_| !error.is_response());
    MailerError::temporary(cause.map_or_else(
        || "the SMTP server broke the dialogue off".to_owned(),
        |cause| format!("the SMTP server cannot be spoken to: {cause}"),
    ))
}

/// Keeps responders from answering (RFC 3834 §5).
#[derive(Clone)]
struct AutoSubmitted;

impl Header for AutoSubmitted {
    fn name() -> HeaderName {
        HeaderName::new_from_ascii_str("Auto-Submitted")
    }

    fn parse(_: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Self)
    }

    fn display(&self) -> HeaderValue {
        HeaderValue::new(Self::name(), "auto-generated".to_owned())
    }
}

const TOO_LONG: &str = "the SMTP server takes too long";
const REPLY_TIMEOUT: Duration = Duration::from_secs(20);
const PATIENCE: Duration = Duration::from_secs(30);

#[cfg(test)]
mod tests;
