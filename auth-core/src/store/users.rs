use sqlx::{query, query_as};

use super::{Connection, StoreError, on};
use crate::model::Account;
use crate::{EmailAddress, Timestamp, UserId, Username};

/// What a sign-up asks for.
pub(crate) struct NewUser<'a> {
    pub(crate) id: UserId,
    pub(crate) email: &'a EmailAddress,
    pub(crate) username: Option<&'a Username>,
    pub(crate) password_hash: &'a str,
    pub(crate) created_at: Timestamp,
}

/// A user whose address is not proven yet.
#[derive(sqlx::FromRow)]
pub(crate) struct Pending {
    pub(crate) id: UserId,
    pub(crate) email: String,
    pub(crate) username: Option<String>,
}

macro_rules! account {
    ($($tail:literal),+) => {
        concat!(
            "SELECT u.*, EXISTS (SELECT 1 FROM auth_totp t WHERE t.user_id = u.id)
                    AS two_factor_enabled
             FROM auth_users u ",
            $($tail),+
        )
    };
}

impl Connection {
    pub(crate) async fn account(&mut self, id: UserId) -> Result<Option<Account>, StoreError> {
        let sql = account!("WHERE u.id = $1");
        Ok(on!(self, |db| query_as(sql).bind(id).fetch_optional(db).await?))
    }

    pub(crate) async fn account_by_email(
        &mut self,
        canonical: &str,
    ) -> Result<Option<Account>, StoreError> {
        let sql = account!("WHERE u.email_canonical = $1");
        Ok(on!(self, |db| query_as(sql).bind(canonical).fetch_optional(db).await?))
    }

    pub(crate) async fn account_by_username(
        &mut self,
        canonical: &str,
    ) -> Result<Option<Account>, StoreError> {
        let sql = account!("WHERE u.username_canonical = $1");
        Ok(on!(self, |db| query_as(sql).bind(canonical).fetch_optional(db).await?))
    }

    /// Makes whoever else changes this user wait until the transaction ends. Flows take this lock
    /// first and those of other rows after it, so that no two of them wait for each other.
    pub(crate) async fn lock_user(&mut self, id: UserId) -> Result<(), StoreError> {
        on!(self, |db, sql: "SELECT 1 FROM auth_users WHERE id = $1", postgres: " FOR UPDATE"| {
            query(sql).bind(id).execute(db).await?;
        });
        Ok(())
    }

    /// Inserts a user, or starts an unproven one anew: of passwords set before a mailbox was proven,
    /// none survives a second sign-up. `None` if the address has an activated user.
    pub(crate) async fn insert_user(
        &mut self,
        new: &NewUser<'_>,
    ) -> Result<Option<Pending>, StoreError> {
        let sql =
            "INSERT INTO auth_users (id, email, email_canonical, username, username_canonical,
                       password_hash, password_epoch, factor_epoch, roles, created_at)
                   VALUES ($1, $2, $3, $4, $5, $6, 0, 0, '[]', $7)
                   ON CONFLICT (email_canonical) DO UPDATE
                   SET email = excluded.email, username = excluded.username,
                       username_canonical = excluded.username_canonical, password_hash = NULL,
                       password_epoch = auth_users.password_epoch + 1
                   WHERE auth_users.activated_at IS NULL AND auth_users.disabled_at IS NULL
                   RETURNING id, email, username";
        Ok(on!(self, |db| query_as(sql)
            .bind(new.id)
            .bind(new.email.original())
            .bind(new.email.canonical())
            .bind(new.username.map(Username::original))
            .bind(new.username.map(Username::canonical))
            .bind(new.password_hash)
            .bind(new.created_at)
            .fetch_optional(db)
            .await?))
    }

    /// Holds `username` for the address until `until`; false if another has or holds it.
    pub(crate) async fn hold_username(
        &mut self,
        username: &Username,
        email: &EmailAddress,
        until: Timestamp,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let sql = "INSERT INTO auth_username_holds (username, email, held_until)
                   SELECT $1, $2, $3
                   WHERE NOT EXISTS (SELECT 1 FROM auth_users
                                     WHERE username_canonical = $1 AND activated_at IS NOT NULL)
                   ON CONFLICT (username) DO UPDATE
                   SET email = excluded.email, held_until = excluded.held_until
                   WHERE auth_username_holds.held_until <= $4
                      OR auth_username_holds.email = excluded.email";
        let held = on!(self, |db| query(sql)
            .bind(username.canonical())
            .bind(email.canonical())
            .bind(until)
            .bind(now)
            .execute(db)
            .await?
            .rows_affected());
        Ok(held == 1)
    }

    /// Takes `username` from an unproven user of another address, whose hold has lapsed.
    pub(crate) async fn release_username(
        &mut self,
        username: &Username,
        email: &EmailAddress,
    ) -> Result<(), StoreError> {
        let sql = "UPDATE auth_users SET username = NULL, username_canonical = NULL
                   WHERE username_canonical = $1 AND email_canonical <> $2
                     AND activated_at IS NULL";
        on!(self, |db| {
            query(sql).bind(username.canonical()).bind(email.canonical()).execute(db).await?;
        });
        Ok(())
    }

    /// Activates a user who is not yet, with a new password if one is given, which it must be if
    /// none is left because the address was signed up more than once.
    pub(crate) async fn activate_user(
        &mut self,
        id: UserId,
        password_hash: Option<&str>,
        now: Timestamp,
    ) -> Result<Option<Pending>, StoreError> {
        let sql = "UPDATE auth_users
                   SET activated_at = $2, password_hash = COALESCE($3, password_hash),
                       password_epoch = password_epoch + CASE WHEN $3 IS NULL THEN 0 ELSE 1 END
                   WHERE id = $1 AND activated_at IS NULL AND disabled_at IS NULL
                     AND COALESCE($3, password_hash) IS NOT NULL
                   RETURNING id, email, username";
        Ok(on!(self, |db| query_as(sql)
            .bind(id)
            .bind(now)
            .bind(password_hash)
            .fetch_optional(db)
            .await?))
    }

    /// Sets the password of a user who proved the mailbox, and activates the user if that was the
    /// first proof, in which case a username that was asked for before it is dropped.
    pub(crate) async fn reset_password(
        &mut self,
        id: UserId,
        password_hash: &str,
        now: Timestamp,
    ) -> Result<Option<Pending>, StoreError> {
        let sql = "UPDATE auth_users
                   SET password_hash = $2, password_epoch = password_epoch + 1,
                       username = CASE WHEN activated_at IS NULL THEN NULL ELSE username END,
                       username_canonical = CASE WHEN activated_at IS NULL THEN NULL
                                                 ELSE username_canonical END,
                       activated_at = COALESCE(activated_at, $3)
                   WHERE id = $1 AND disabled_at IS NULL
                   RETURNING id, email, username";
        Ok(on!(self, |db| query_as(sql)
            .bind(id)
            .bind(password_hash)
            .bind(now)
            .fetch_optional(db)
            .await?))
    }

    /// Replaces a hash by one of the same password at another cost, unless the password changed.
    pub(crate) async fn rehash_password(
        &mut self,
        id: UserId,
        old: &str,
        new: &str,
    ) -> Result<(), StoreError> {
        let sql = "UPDATE auth_users SET password_hash = $3 WHERE id = $1 AND password_hash = $2";
        on!(self, |db| {
            query(sql).bind(id).bind(old).bind(new).execute(db).await?;
        });
        Ok(())
    }

    /// Voids every sign-in that is under way with the factors the user has had so far.
    pub(crate) async fn change_factors(&mut self, id: UserId) -> Result<(), StoreError> {
        let sql = "UPDATE auth_users SET factor_epoch = factor_epoch + 1 WHERE id = $1";
        on!(self, |db| {
            query(sql).bind(id).execute(db).await?;
        });
        Ok(())
    }
}
