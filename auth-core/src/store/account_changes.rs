//! What users change about themselves.

use sqlx::{query, query_scalar};

use super::{Connection, NewEmail, StoreError, on};
use crate::crypto::digest::Digest;
use crate::model::Account;
use crate::{SessionId, Timestamp, UserId};

impl Connection {
    /// Sets the password of a user whose password of so far, of that epoch, was proven.
    pub(crate) async fn change_password(
        &mut self,
        id: UserId,
        password_epoch: i64,
        password_hash: &str,
    ) -> Result<bool, StoreError> {
        let sql = "UPDATE auth_users SET password_hash = $3, password_epoch = password_epoch + 1
                   WHERE id = $1 AND password_epoch = $2 AND disabled_at IS NULL";
        let changed = on!(self, |db| query(sql)
            .bind(id)
            .bind(password_epoch)
            .bind(password_hash)
            .execute(db)
            .await?
            .rows_affected());
        Ok(changed == 1)
    }

    /// Locks a user whose address is to change, and whoever claims the new one without having proven
    /// it. All at once and in one order, as sign-ups do.
    pub(crate) async fn lock_for_email_change(
        &mut self,
        id: UserId,
        token: &Digest,
    ) -> Result<(), StoreError> {
        on!(self, |db, sql: "SELECT id FROM auth_users
                             WHERE id = $1
                                OR (activated_at IS NULL
                                    AND email_canonical = (SELECT new_email_canonical
                                                           FROM auth_one_time_tokens
                                                           WHERE digest = $2))
                             ORDER BY id", postgres: " FOR UPDATE"| {
            query(sql).bind(id).bind(token.as_bytes()).execute(db).await?;
        });
        Ok(())
    }

    /// Sets the address of a user, unless another has it.
    pub(crate) async fn change_email(
        &mut self,
        id: UserId,
        new: &NewEmail,
    ) -> Result<bool, StoreError> {
        let sql = "UPDATE auth_users SET email = $2, email_canonical = $3
                   WHERE id = $1 AND disabled_at IS NULL
                     AND NOT EXISTS (SELECT 1 FROM auth_users o
                                     WHERE o.email_canonical = $3 AND o.id <> $1)";
        let changed = on!(self, |db| query(sql)
            .bind(id)
            .bind(&new.email)
            .bind(&new.email_canonical)
            .execute(db)
            .await?
            .rows_affected());
        Ok(changed == 1)
    }

    /// Deletes a user of that address who never proved it, other than the one to keep.
    pub(crate) async fn delete_unproven(
        &mut self,
        canonical: &str,
        keep: UserId,
    ) -> Result<Option<UserId>, StoreError> {
        let sql = "DELETE FROM auth_users
                   WHERE email_canonical = $1 AND id <> $2
                     AND activated_at IS NULL AND disabled_at IS NULL
                   RETURNING id";
        Ok(on!(self, |db| query_scalar(sql).bind(canonical).bind(keep).fetch_optional(db).await?))
    }

    pub(crate) async fn set_language(
        &mut self,
        id: UserId,
        language: &str,
    ) -> Result<(), StoreError> {
        let sql = "UPDATE auth_users SET language = $2 WHERE id = $1";
        on!(self, |db| {
            query(sql).bind(id).bind(language).execute(db).await?;
        });
        Ok(())
    }

    /// Gives a session another id, and lets every instance refuse access tokens of the one before. An
    /// enrolment belongs to the id that started it, and ends.
    pub(crate) async fn rename_session(
        &mut self,
        old: SessionId,
        new: SessionId,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let end = "DELETE FROM auth_totp_enrolments WHERE session_id = $1";
        let rename = "UPDATE auth_sessions SET id = $2 WHERE id = $1";
        let keep = "INSERT INTO auth_revocations (session_id, revoked_at) VALUES ($1, $2)";
        on!(self, |db| {
            query(end).bind(old).execute(&mut *db).await?;
            query(rename).bind(old).bind(new).execute(&mut *db).await?;
            query(keep).bind(old).bind(now).execute(&mut *db).await?;
        });
        Ok(())
    }

    /// Deletes a user and all that is theirs.
    ///
    /// Of the sessions that were revoked after `since`, which includes those that end by this, enough
    /// is kept to tell other instances.
    pub(crate) async fn delete_user(
        &mut self,
        account: &Account,
        since: Timestamp,
    ) -> Result<bool, StoreError> {
        let keep = "INSERT INTO auth_revocations (session_id, revoked_at)
                    SELECT id, revoked_at FROM auth_sessions
                    WHERE user_id = $1 AND revoked_at > $2";
        let release = "DELETE FROM auth_username_holds WHERE email = $1";
        let delete = "DELETE FROM auth_users WHERE id = $1";
        let deleted = on!(self, |db| {
            query(keep).bind(account.user.id).bind(since).execute(&mut *db).await?;
            query(release).bind(&account.email_canonical).execute(&mut *db).await?;
            query(delete).bind(account.user.id).execute(&mut *db).await?.rows_affected()
        });
        Ok(deleted == 1)
    }
}
