use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use super::{Delivery, Outbox, OutboxError};
use crate::last_resort::without_panic;
use crate::templates::Templates;
use crate::{Clock, Config, Mailer, MailerError, Message, Random, telemetry};

/// Empties the outbox: claims, renders, sends, settles.
pub(crate) struct Courier {
    pub(crate) outbox: Arc<dyn Outbox>,
    pub(crate) mailer: Arc<dyn Mailer>,
    pub(crate) templates: Arc<Templates>,
    pub(crate) config: Arc<Config>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) random: Arc<dyn Random>,
}

impl Courier {
    /// Delivers until told to stop; what it has claimed by then it still delivers.
    pub(crate) async fn run(self, mut stop: watch::Receiver<bool>) {
        while !*stop.borrow() {
            let idle = match self.deliver_due().await {
                Ok(0) => self.outbox.wait(POLL),
                Ok(_) => continue,
                Err(error) => {
                    let source = std::error::Error::source(&error).map(ToString::to_string);
                    tracing::warn!(source, "the outbox cannot be read; trying again");
                    Box::pin(tokio::time::sleep(POLL))
                }
            };
            tokio::select! {
                () = idle => {}
                _ = stop.changed() => {}
            }
        }
    }

    /// Delivers one batch of what is due, and returns how many messages that were.
    pub(crate) async fn deliver_due(&self) -> Result<usize, OutboxError> {
        let now = self.clock.now();
        let messages = self.outbox.claim(BATCH, now, now.plus(LEASE)).await?;
        for message in &messages {
            let delivery = self.deliver(message).await;
            let outcome = match &delivery {
                Delivery::Abandon { .. } => "given_up",
                Delivery::Retry { .. } => "delayed",
                Delivery::Send => "sent",
            };
            telemetry::mail(message.kind.as_str(), outcome);
            // A message that is not settled comes again; the others are not to wait for it.
            if let Err(error) = self.outbox.settle(message.id, &delivery, self.clock.now()).await {
                tracing::error!(mail = %message.id, %error, "a mail was not settled");
            }
        }
        Ok(messages.len())
    }

    async fn deliver(&self, message: &Message) -> Delivery {
        let now = self.clock.now();
        if message.not_after.is_some_and(|not_after| not_after <= now) {
            tracing::warn!(mail = %message.id, kind = %message.kind, "a mail expired unsent");
            return Delivery::Abandon { reason: "its token expired before it was sent".to_owned() };
        }
        let email = match self.templates.email(message, &self.config, now) {
            Ok(email) => email,
            Err(error) => {
                tracing::error!(mail = %message.id, kind = %message.kind, %error, "a mail cannot be rendered");
                return Delivery::Abandon { reason: error.to_string() };
            }
        };
        let sent = without_panic(self.mailer.send(email)).await;
        let Err(error) = sent.unwrap_or_else(|| Err(MailerError::temporary("the mailer panicked")))
        else {
            tracing::debug!(mail = %message.id, kind = %message.kind, "a mail was sent");
            return Delivery::Send;
        };
        let reason = match std::error::Error::source(&error) {
            Some(source) => format!("{error}: {source}"),
            None => error.to_string(),
        };
        if error.is_permanent() || message.attempts >= ATTEMPTS {
            tracing::error!(mail = %message.id, kind = %message.kind, reason, "a mail is given up");
            return Delivery::Abandon { reason };
        }
        let at = now.plus(backoff(message.attempts, &*self.random));
        tracing::warn!(mail = %message.id, kind = %message.kind, reason, %at, "a mail is tried again later");
        Delivery::Retry { at, reason }
    }
}

/// Four times as long after each attempt, from 15 s to 1 h, of which up to half is left to chance,
/// so that what failed together is not tried together; all attempts together span some hours.
fn backoff(attempts: u32, random: &dyn Random) -> Duration {
    let grown = Duration::from_secs(15) * 4_u32.pow(attempts.saturating_sub(1).min(6));
    let full = grown.min(Duration::from_secs(60 * 60));
    let chance = f64::from(u16::from_le_bytes(random.bytes())) / f64::from(u16::MAX);
    full.mul_f64(0.5 + chance / 2.0)
}

/// After how many attempts a message is a dead letter.
const ATTEMPTS: u32 = 8;
const BATCH: usize = 8;
/// Longer than a batch whose every mail runs into the mail server's time limit.
const LEASE: Duration = Duration::from_secs(5 * 60);
/// How long a message may go unnoticed if nothing wakes the courier.
const POLL: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SeededRandom;

    #[test]
    fn back_off_grows_up_to_an_hour_with_jitter() {
        let random = SeededRandom::new(1);
        for (attempts, full) in [(1, 15), (2, 60), (3, 240), (4, 960), (5, 3600), (u32::MAX, 3600)]
        {
            let delay = backoff(attempts, &random);
            let full = Duration::from_secs(full);
            assert!(delay >= full / 2 && delay <= full, "{attempts}: {delay:?}");
        }
        assert_ne!(backoff(5, &random), backoff(5, &random));
    }
}
