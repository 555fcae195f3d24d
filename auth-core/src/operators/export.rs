use serde::Serialize;

use super::Operator;
use crate::store::{EventFilter, KeptCredentials, KeptHold, KeptMail, KeptSession, KeptToken};
use crate::{Error, Event, EventKind, Result, UserDetails, UserId};

/// Everything that is kept about one person, to be serialised and handed over.
///
/// It has no password, secret, token or code, in whatever form, and not the counters of attempts,
/// which are kept by digests for a day at most. Mails are those to the present address.
#[derive(Debug, Serialize)]
#[must_use]
pub struct UserExport {
    user: UserDetails,
    credentials: KeptCredentials,
    sessions: Vec<KeptSession>,
    pending: Vec<KeptToken>,
    held_usernames: Vec<KeptHold>,
    mails: Vec<KeptMail>,
    events: Vec<Event>,
}

impl Operator<'_> {
    /// Returns everything that is kept about a user, whom it belongs to (GDPR art. 15 and 20).
    ///
    /// What the host keeps in tables of its own is the host's to add.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`].
    pub async fn export_user(&self, id: UserId) -> Result<UserExport> {
        let mut connection = self.auth.0.store.read_job().await?;
        let account = connection.account(id).await?.ok_or(Error::NotFound)?;
        let user = connection.user_details(id).await?.ok_or(Error::NotFound)?;
        let credentials = connection.kept_credentials(id).await?.ok_or(Error::NotFound)?;
        let sessions = connection.kept_sessions(id).await?;
        let pending = connection.kept_tokens(id).await?;
        let held_usernames = connection.kept_holds(&account.email_canonical).await?;
        let mails = connection.kept_mails(&user.user.email).await?;
        let mut events = Vec::new();
        loop {
            let before = events.last().map(|event: &Event| event.id);
            let filter =
                EventFilter { user_id: Some(id), kind: None, since: None, before, limit: PAGE };
            let page = connection.events(&filter).await?;
            if page.is_empty() {
                break;
            }
            events.extend(page);
        }
        drop(connection);
        self.auth
            .note(self, EventKind::UserExported, |event| {
                event.user(id);
            })
            .await?;
        Ok(UserExport { user, credentials, sessions, pending, held_usernames, mails, events })
    }
}

const PAGE: i64 = 1_000;
