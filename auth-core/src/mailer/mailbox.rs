use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;

use super::{Email, Mailer, MailerError};

/// A mailer for development and tests that keeps e-mails in memory; clones share them.
///
/// The newest 200 are kept. Each is also logged with its link, so that an account can be activated
/// from the terminal.
///
/// # Security
///
/// The links take accounts, and here anybody who sees the log or the page has them: never use it for
/// accounts of real people.
#[derive(Clone, Default)]
pub struct Mailbox(Arc<Mutex<VecDeque<Email>>>);

impl Mailbox {
    /// Makes an empty mailbox.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns the e-mails, newest first.
    #[must_use]
    pub fn mails(&self) -> Vec<Email> {
        self.0.lock().expect("no panic while held").iter().cloned().collect()
    }
}

impl fmt::Debug for Mailbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mailbox").finish_non_exhaustive()
    }
}

#[async_trait]
impl Mailer for Mailbox {
    async fn send(&self, email: Email) -> Result<(), MailerError> {
        tracing::info!(kind = %email.kind, link = email.link.as_deref(), "mail for the development mailbox");
        let mut mails = self.0.lock().expect("no panic while held");
        mails.push_front(email);
        mails.truncate(KEPT);
        Ok(())
    }
}

const KEPT: usize = 200;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mailer::sample;

    #[tokio::test]
    async fn the_newest_200_are_kept_newest_first() {
        let mailbox = Mailbox::new();
        for number in 0..=200 {
            let email = Email { subject: number.to_string(), ..sample() };
            mailbox.clone().send(email).await.unwrap();
        }
        let mails = mailbox.mails();
        assert_eq!(mails.len(), 200);
        assert_eq!((mails[0].subject.as_str(), mails[199].subject.as_str()), ("200", "1"));
    }
}
