//! The seam through which e-mails leave.

use std::error::Error;
use std::fmt;

use async_trait::async_trait;

use crate::{MessageId, MessageKind, Timestamp};

mod mailbox;
#[cfg(feature = "smtp")]
mod smtp;

pub use mailbox::Mailbox;
#[cfg(feature = "smtp")]
pub use smtp::SmtpMailer;

/// An e-mail that is ready to be sent.
///
/// # Security
///
/// The texts and the link carry a token that takes the account, so `Debug` shows none of them, nor the
/// address.
#[derive(Clone)]
#[non_exhaustive]
pub struct Email {
    /// The same for every attempt to send it: a key for mailers that can refuse duplicates.
    pub id: MessageId,
    /// What it says.
    pub kind: MessageKind,
    /// The configured sender, such as `Example <auth@example.com>`.
    pub from: String,
    /// The address of its only recipient, without a name.
    pub to: String,
    /// The `Message-ID` header with its angle brackets; made of `id` (RFC 5322 §3.6.4).
    pub message_id: String,
    /// One line without control characters.
    pub subject: String,
    /// The body for readers that show plain text, complete by itself.
    pub text: String,
    /// The same as HTML.
    pub html: String,
    /// The link that the body asks to open, where it asks for that.
    pub link: Option<String>,
    /// The `Date` header: when this attempt to send it was made.
    pub sent_at: Timestamp,
}

impl fmt::Debug for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Email")
            .field("id", &self.id)
            .field("kind", &self.kind)
            .field("sent_at", &self.sent_at)
            .finish_non_exhaustive()
    }
}

/// Sends e-mails; hosts implement it for services that take something else than SMTP.
///
/// Delivery is at least once: after a crash or an answer that was lost, the same e-mail comes again
/// with the same [`Email::id`].
#[async_trait]
pub trait Mailer: Send + Sync + 'static {
    /// Hands `email` to whoever delivers it.
    ///
    /// # Errors
    ///
    /// A temporary one is tried again later, a permanent one is given up. The courier waits for the
    /// answer, so an implementation limits its own time.
    async fn send(&self, email: Email) -> Result<(), MailerError>;

    /// Finds out whether a mail could be sent, without sending one; by default it always could.
    ///
    /// # Errors
    ///
    /// What keeps it from being sent.
    async fn check(&self) -> Result<(), MailerError> {
        Ok(())
    }
}

/// Why an e-mail was not taken.
#[derive(Debug)]
pub struct MailerError {
    permanent: bool,
    source: Box<dyn Error + Send + Sync>,
}

impl MailerError {
    /// Tells of a failure that may have passed when the e-mail is tried again.
    ///
    /// # Security
    ///
    /// `source` ends in logs: it must name neither the recipient nor the link.
    #[must_use]
    pub fn temporary(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { permanent: false, source: source.into() }
    }

    /// Tells of a refusal that will be the same every time.
    ///
    /// # Security
    ///
    /// `source` ends in logs: it must name neither the recipient nor the link.
    #[must_use]
    pub fn permanent(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { permanent: true, source: source.into() }
    }

    /// Returns whether it is useless to try again.
    #[must_use]
    pub fn is_permanent(&self) -> bool {
        self.permanent
    }
}

impl fmt::Display for MailerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.permanent {
            "the e-mail was refused for good"
        } else {
            "the e-mail could not be sent for now"
        })
    }
}

impl Error for MailerError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&*self.source)
    }
}

#[cfg(test)]
pub(crate) fn sample() -> Email {
    Email {
        id: MessageId::from(uuid::Uuid::from_u128(7)),
        kind: MessageKind::Activation,
        from: "Example <auth@example.com>".to_owned(),
        to: "bob@example.org".to_owned(),
        message_id: "<00000000-0000-0000-0000-000000000007@example.com>".to_owned(),
        subject: "Activate your account".to_owned(),
        text: "Open https://example.com/#token=s3cret\n".to_owned(),
        html: "<p>Open https://example.com/#token=s3cret</p>\n".to_owned(),
        link: Some("https://example.com/#token=s3cret".to_owned()),
        sent_at: Timestamp::from_secs(1_700_000_000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_email_is_printed_without_address_and_token() {
        let printed = format!("{:?}", sample());
        assert!(!printed.contains("s3cret") && !printed.contains("bob"), "{printed}");
        assert!(printed.contains("00000000-0000-0000-0000-000000000007"), "{printed}");
    }

    #[test]
    fn the_cause_of_an_error_is_its_source_alone() {
        let error = MailerError::permanent("550 bob@example.org");
        assert!(error.is_permanent() && !MailerError::temporary("").is_permanent());
        assert!(!error.to_string().contains("bob"), "{error}");
        assert_eq!(error.source().unwrap().to_string(), "550 bob@example.org");
    }
}
