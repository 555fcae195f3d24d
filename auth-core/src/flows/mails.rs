//! The mails that flows queue; with a link, its token is issued in the same transaction.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::auth::Unit;
use crate::crypto::digest::Digest;
use crate::model::Account;
use crate::store::{Addressee, NewEmail, NewToken, Purpose};
use crate::{
    Auth, Client, EmailAddress, EventKind, Language, Limit, Message, MessageId, MessageKind,
    OneTimeToken, Result, Timestamp, telemetry,
};

impl Auth {
    /// A mail of that kind about what happens now.
    pub(crate) fn message(
        &self,
        kind: MessageKind,
        recipient: &str,
        username: Option<&str>,
        now: Timestamp,
    ) -> Message {
        let id = MessageId::generate(&*self.0.clock, &*self.0.random);
        let mut message = Message::new(id, kind, recipient, now);
        message.username = username.map(str::to_owned);
        message
    }

    /// The same to a user, in the language that they chose.
    pub(super) fn message_to(
        &self,
        user: &Addressee,
        kind: MessageKind,
        now: Timestamp,
    ) -> Message {
        let mut message = self.message(kind, &user.email, user.username.as_deref(), now);
        message.language = user.language.as_deref().and_then(|tag| Language::parse(tag).ok());
        message
    }

    /// Queues a notice to the user of `account`.
    pub(crate) fn notify(&self, unit: &mut Unit<'_>, kind: MessageKind, account: &Account) {
        unit.send(self.message_to(&Addressee::from(account), kind, self.now()));
    }

    /// Issues a token in place of an earlier one of its purpose, and queues the mail that carries it.
    pub(crate) async fn send_link(
        &self,
        unit: &mut Unit<'_>,
        user: &Addressee,
        purpose: Purpose,
        now: Timestamp,
    ) -> Result<()> {
        let message = self.link(unit, user, purpose, None, now).await?;
        unit.send(message);
        Ok(())
    }

    /// The same, in a mail of that kind, for that long.
    pub(crate) async fn send_token(
        &self,
        unit: &mut Unit<'_>,
        user: &Addressee,
        purpose: Purpose,
        mail: (MessageKind, Duration),
        now: Timestamp,
    ) -> Result<()> {
        let message = self.token_mail(unit, user, purpose, mail, None, now).await?;
        unit.send(message);
        Ok(())
    }

    /// Issues a token in place of an earlier one of its purpose, and returns the mail that would
    /// carry it.
    pub(super) async fn link(
        &self,
        unit: &mut Unit<'_>,
        user: &Addressee,
        purpose: Purpose,
        new_email: Option<&EmailAddress>,
        now: Timestamp,
    ) -> Result<Message> {
        let config = &self.0.config;
        let (kind, lifetime) = match purpose {
            Purpose::Activation => (MessageKind::Activation, config.activation_lifetime),
            Purpose::EmailChange => (MessageKind::EmailChange, config.email_change_lifetime),
            Purpose::PasswordReset => (MessageKind::PasswordReset, config.reset_lifetime),
        };
        self.token_mail(unit, user, purpose, (kind, lifetime), new_email, now).await
    }

    async fn token_mail(
        &self,
        unit: &mut Unit<'_>,
        user: &Addressee,
        purpose: Purpose,
        (kind, lifetime): (MessageKind, Duration),
        new_email: Option<&EmailAddress>,
        now: Timestamp,
    ) -> Result<Message> {
        let token = OneTimeToken::generate(&*self.0.random);
        let expires_at = now.plus(lifetime);
        let new = NewToken {
            user_id: user.id,
            purpose,
            digest: Digest::of(token.expose().as_bytes()),
            new_email: new_email.map(NewEmail::from),
            expires_at,
        };
        unit.tx().insert_token(&new).await?;
        unit.record(EventKind::AuthnTokenCreated).user(user.id).detail("purpose", purpose.as_str());
        let mut message = self.message_to(user, kind, now);
        message.token = Some(token);
        message.not_after = Some(expires_at);
        Ok(message)
    }

    /// Counts a mail against what an address may be sent, whether or not it has a user, and returns
    /// whether it is within that.
    ///
    /// Without a limit, anybody could fill a mailbox. An unknown address is counted the same, so
    /// that the answer takes the same writes.
    pub(super) async fn count_mail(
        &self,
        unit: &mut Unit<'_>,
        email: &EmailAddress,
        purpose: Purpose,
        now: Timestamp,
    ) -> Result<bool> {
        let address = URL_SAFE_NO_PAD.encode(Digest::of(email.canonical().as_bytes()).as_bytes());
        let hour = format!("mails:{}:{address}", purpose.as_str());
        let day = format!("mails-a-day:{address}");
        let config = &self.0.config;
        let (count, _) = unit.tx().count_attempt(&hour, now.plus(HOUR), now).await?;
        // What the hour refuses is no mail, so the day does not count it.
        if count > i64::from(config.mails_per_hour) {
            telemetry::limited(Limit::Mails.as_str());
            tracing::info!(
                purpose = purpose.as_str(),
                "no mail: its address has had those of an hour"
            );
            return Ok(false);
        }
        let (count, _) = unit.tx().count_attempt(&day, now.plus(DAY), now).await?;
        let within_limits = count <= i64::from(config.mails_per_day);
        if !within_limits {
            telemetry::limited(Limit::Mails.as_str());
            tracing::info!(
                purpose = purpose.as_str(),
                "no mail: its address has had those of a day"
            );
        }
        Ok(within_limits)
    }

    /// Mails a link to the user of `email` if there is one and `eligible` agrees; answers the same
    /// if not.
    pub(super) async fn request_link(
        &self,
        email: &EmailAddress,
        purpose: Purpose,
        client: &Client,
        eligible: impl Fn(&Account) -> bool + Send,
    ) -> Result<()> {
        let now = self.now();
        let mut unit = self.begin(client).await?;
        let within_limits = self.count_mail(&mut unit, email, purpose, now).await?;
        unit.tx().lock_claimants(email, None).await?;
        // Not before the lock: whoever has moved to another address meanwhile is mailed nothing here.
        let account = unit.tx().account_by_email(email.canonical()).await?;
        if within_limits && purpose == Purpose::Activation {
            let until = now.plus(self.0.config.activation_lifetime);
            unit.tx().extend_holds(email, until, now).await?;
        }
        let account = account.filter(|account| account.disabled_at.is_none() && eligible(account));
        if !within_limits {
            unit.record(EventKind::ExcessRateLimitExceeded).detail("limit", "mails");
        } else if let Some(account) = account {
            let user = Addressee::from(&account);
            self.send_link(&mut unit, &user, purpose, now).await?;
        } else {
            // As many writes as for somebody who is mailed a link.
            unit.record(EventKind::AuthnTokenCreated).detail("purpose", purpose.as_str());
        }
        unit.commit().await
    }
}

impl From<&Account> for Addressee {
    fn from(account: &Account) -> Self {
        let user = &account.user;
        // Mail goes to the spelling on record, never to one that a request brought.
        Self {
            id: user.id,
            email: user.email.clone(),
            username: user.username.clone(),
            language: account.language.clone(),
        }
    }
}

impl From<&EmailAddress> for NewEmail {
    fn from(email: &EmailAddress) -> Self {
        Self { email: email.original().to_owned(), email_canonical: email.canonical().to_owned() }
    }
}

pub(super) const HOUR: Duration = Duration::from_secs(60 * 60);
pub(super) const DAY: Duration = Duration::from_secs(24 * 60 * 60);
