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
    pub(crate) language: Option<&'a str>,
    pub(crate) created_at: Timestamp,
}

/// A user as mails address them.
#[derive(sqlx::FromRow)]
pub(crate) struct Addressee {
    pub(crate) id: UserId,
    pub(crate) email: String,
    pub(crate) username: Option<String>,
    /// The tag of the language that they chose.
    pub(crate) language: Option<String>,
}

/// The columns of an [`Account`], of `auth_users u`. Each by its name: a statement that is prepared
/// as `*` fails for good once a migration of a newer instance adds a column.
macro_rules! user_columns {
    () => {
        "u.id, u.email, u.username, u.roles, u.activated_at, u.created_at,
         EXISTS (SELECT 1 FROM auth_totp t WHERE t.user_id = u.id) AS two_factor_enabled"
    };
}
pub(super) use user_columns;

macro_rules! account_columns {
    () => {
        concat!(
            $crate::store::users::user_columns!(),
            ", u.email_canonical, u.password_hash, u.password_epoch, u.factor_epoch, u.language,
             u.disabled_at"
        )
    };
}
pub(super) use account_columns;

macro_rules! account {
    ($condition:literal) => {
        concat!("SELECT ", account_columns!(), " FROM auth_users u ", $condition)
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

    /// Locks the rows that a mail to the address may change: of its user, and of whoever claims the
    /// name without having proven an address. All at once and in one order.
    pub(crate) async fn lock_claimants(
        &mut self,
        email: &EmailAddress,
        username: Option<&Username>,
    ) -> Result<(), StoreError> {
        on!(self, |db, sql: "SELECT id FROM auth_users
                             WHERE email_canonical = $1
                                OR (username_canonical = $2 AND activated_at IS NULL)
                             ORDER BY id", postgres: " FOR UPDATE"| {
            query(sql)
                .bind(email.canonical())
                .bind(username.map(Username::canonical))
                .execute(db)
                .await?;
        });
        Ok(())
    }

    /// Inserts a user, or starts an unproven one anew: of passwords set before a mailbox was proven,
    /// none survives a second sign-up. `None` if the address has an activated user.
    pub(crate) async fn insert_user(
        &mut self,
        new: &NewUser<'_>,
    ) -> Result<Option<Addressee>, StoreError> {
        let sql =
            "INSERT INTO auth_users (id, email, email_canonical, username, username_canonical,
                       password_hash, password_epoch, factor_epoch, roles, created_at, language)
                   VALUES ($1, $2, $3, $4, $5, $6, 0, 0, '[]', $7, $8)
                   ON CONFLICT (email_canonical) DO UPDATE
                   SET email = excluded.email, username = excluded.username,
                       username_canonical = excluded.username_canonical, password_hash = NULL,
                       password_epoch = auth_users.password_epoch + 1,
                       language = excluded.language
                   WHERE auth_users.activated_at IS NULL AND auth_users.disabled_at IS NULL
                   RETURNING id, email, username, language";
        Ok(on!(self, |db| query_as(sql)
            .bind(new.id)
            .bind(new.email.original())
            .bind(new.email.canonical())
            .bind(new.username.map(Username::original))
            .bind(new.username.map(Username::canonical))
            .bind(new.password_hash)
            .bind(new.created_at)
            .bind(new.language)
            .fetch_optional(db)
            .await?))
    }

    /// Drops what was set for an address whose mailbox is not proven; its mailed link stays good.
    pub(crate) async fn drop_unproven_credentials(
        &mut self,
        email: &EmailAddress,
    ) -> Result<(), StoreError> {
        let sql = "UPDATE auth_users
                   SET password_hash = NULL, username = NULL, username_canonical = NULL
                   WHERE email_canonical = $1 AND activated_at IS NULL";
        on!(self, |db| {
            query(sql).bind(email.canonical()).execute(db).await?;
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
    ) -> Result<Option<Addressee>, StoreError> {
        let sql = "UPDATE auth_users
                   SET activated_at = $2, password_hash = COALESCE($3, password_hash),
                       password_epoch = password_epoch + CASE WHEN $3 IS NULL THEN 0 ELSE 1 END
                   WHERE id = $1 AND activated_at IS NULL AND disabled_at IS NULL
                     AND COALESCE($3, password_hash) IS NOT NULL
                   RETURNING id, email, username, language";
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
    ) -> Result<Option<Addressee>, StoreError> {
        let sql = "UPDATE auth_users
                   SET password_hash = $2, password_epoch = password_epoch + 1,
                       username = CASE WHEN activated_at IS NULL THEN NULL ELSE username END,
                       username_canonical = CASE WHEN activated_at IS NULL THEN NULL
                                                 ELSE username_canonical END,
                       activated_at = COALESCE(activated_at, $3)
                   WHERE id = $1 AND disabled_at IS NULL
                   RETURNING id, email, username, language";
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
