use uuid::Uuid;

use super::Operator;
use crate::store::{Addressee, Purpose};
use crate::{Error, EventKind, FieldError, MessageKind, Result, UserId};

impl Operator<'_> {
    /// Shuts a user out: ends all sessions, voids every link and every sign-in that is under way, and
    /// mails a notice. A user who is disabled already stays so.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`].
    ///
    /// # Security
    ///
    /// It acts at once, on this instance and within a second on others (ASVS 7.4.2).
    /// [Enabling](Self::enable) the user brings nothing of it back.
    pub async fn disable(&self, id: UserId) -> Result<()> {
        let now = self.auth.now();
        let mut unit = self.auth.begin(self).await?;
        let account = self.locked(&mut unit, id).await?;
        if !unit.tx().disable_user(id, now).await? {
            return Ok(());
        }
        unit.record(EventKind::UserDisabled).user(id);
        let revoked = unit.tx().revoke_sessions(id, None, now).await?;
        unit.end_sessions(id, revoked, "disabled");
        if account.user.activated_at.is_some() {
            self.auth.notify(&mut unit, MessageKind::AccountDisabled, &account);
        }
        unit.commit().await
    }

    /// Lets a disabled user sign in again, with the password and the second factor of before.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`].
    pub async fn enable(&self, id: UserId) -> Result<()> {
        let mut unit = self.auth.begin(self).await?;
        self.locked(&mut unit, id).await?;
        if !unit.tx().enable_user(id).await? {
            return Ok(());
        }
        unit.record(EventKind::UserEnabled).user(id);
        unit.commit().await
    }

    /// Deletes a user with all that belongs to them, ends their sessions, and mails a notice.
    ///
    /// The address and the username are free at once. [Events](crate::Event) stay, with the id alone.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`]; [`Error::Store`] if a table of the host's refers to the user and does not
    /// let go.
    pub async fn delete(&self, id: UserId) -> Result<()> {
        let mut unit = self.auth.begin(self).await?;
        let account = self.locked(&mut unit, id).await?;
        self.auth.remove_user(&mut unit, &account).await?;
        unit.commit().await
    }

    /// Ends every session of a user, and returns how many there were.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`].
    pub async fn revoke_sessions(&self, id: UserId) -> Result<usize> {
        let mut unit = self.auth.begin(self).await?;
        self.locked(&mut unit, id).await?;
        let revoked = unit.tx().revoke_sessions(id, None, self.auth.now()).await?;
        let count = revoked.len();
        unit.end_sessions(id, revoked, "operator");
        unit.commit().await?;
        Ok(count)
    }

    /// Ends every session that has begun by now, and returns how many there were.
    ///
    /// It works through the users some hundred sessions at a time, each time in a transaction of its own: if
    /// it fails, some are signed out and some are not, and calling it again goes on.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn revoke_all_sessions(&self) -> Result<u64> {
        let begun = self.auth.now();
        let nobody = UserId::from(Uuid::nil());
        let (mut count, mut after) = (0, nobody);
        loop {
            let mut unit = self.auth.begin_job(self).await?;
            let now = self.auth.now();
            let revoked = unit.tx().revoke_some_sessions(after, AT_ONCE, begun, now).await?;
            let Some(last) = revoked.iter().map(|(user_id, _)| *user_id).max() else {
                if after == nobody {
                    return Ok(count);
                }
                // Sign-ins that were under way have begun sessions of users who were passed.
                after = nobody;
                continue;
            };
            after = last;
            for (user_id, session) in revoked {
                unit.end_sessions(user_id, [session], "operator");
                count += 1;
            }
            unit.commit().await?;
        }
    }

    /// Switches off the second factor of a user who has lost it, ends all sessions, and mails a
    /// notice.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`], [`Error::TwoFactorNotEnabled`].
    ///
    /// # Security
    ///
    /// From here on the password alone signs in: make sure who asks for it as carefully as when the
    /// user was first let in (ASVS 6.4.4, NIST SP 800-63B-4 §4.2).
    pub async fn reset_two_factor(&self, id: UserId) -> Result<()> {
        let mut unit = self.auth.begin(self).await?;
        let account = self.locked(&mut unit, id).await?;
        if !unit.tx().remove_second_factor(id).await? {
            return Err(Error::TwoFactorNotEnabled);
        }
        unit.tx().change_factors(id).await?;
        unit.record(EventKind::MfaDisabled).user(id).detail("by", "operator");
        let revoked = unit.tx().revoke_sessions(id, None, self.auth.now()).await?;
        unit.end_sessions(id, revoked, "operator");
        self.auth.notify(&mut unit, MessageKind::TwoFactorDisabled, &account);
        unit.commit().await
    }

    /// Mails a user the link that sets a new password, in place of an earlier one.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`]; [`Error::Validation`] for a user who is disabled.
    ///
    /// # Security
    ///
    /// An operator never learns or chooses the password (ASVS 6.4.6), and what signs in now goes on
    /// to. The limits of mails are not asked.
    pub async fn send_password_reset(&self, id: UserId) -> Result<()> {
        let mut unit = self.auth.begin(self).await?;
        let account = self.locked(&mut unit, id).await?;
        if account.disabled_at.is_some() {
            let detail = "This user is disabled.";
            return Err(Error::field(FieldError::new("#/user", "disabled", detail)));
        }
        let (user, now) = (Addressee::from(&account), self.auth.now());
        self.auth.send_link(&mut unit, &user, Purpose::PasswordReset, now).await?;
        unit.commit().await
    }
}

const AT_ONCE: i64 = 500;
