use sqlx::{query, query_as, query_scalar};

use super::users::account_columns;
use super::{Connection, StoreError, on};
use crate::crypto::digest::Digest;
use crate::model::Account;
use crate::{Timestamp, UserId};

/// What a one-time token is good for, and nothing else.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Purpose {
    Activation,
    EmailChange,
    PasswordReset,
}

impl Purpose {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Activation => "activation",
            Self::EmailChange => "email_change",
            Self::PasswordReset => "password_reset",
        }
    }
}

pub(crate) struct NewToken {
    pub(crate) user_id: UserId,
    pub(crate) purpose: Purpose,
    pub(crate) digest: Digest,
    /// The address that an [`EmailChange`](Purpose::EmailChange) is to set.
    pub(crate) new_email: Option<NewEmail>,
    pub(crate) expires_at: Timestamp,
}

/// An address that is to become a user's.
#[derive(sqlx::FromRow)]
pub(crate) struct NewEmail {
    #[sqlx(rename = "new_email")]
    pub(crate) email: String,
    #[sqlx(rename = "new_email_canonical")]
    pub(crate) email_canonical: String,
}

/// A token is good for the address and the password it was issued under, of a user in good standing.
macro_rules! good {
    () => {
        "k.digest = $1 AND k.purpose = $2 AND k.expires_at > $3
         AND k.email = u.email_canonical AND k.password_epoch = u.password_epoch
         AND u.disabled_at IS NULL"
    };
}

impl Connection {
    /// Issues a token for the address and the password that the user has now, in place of an
    /// earlier one of the same purpose.
    pub(crate) async fn insert_token(&mut self, new: &NewToken) -> Result<(), StoreError> {
        let sql = "INSERT INTO auth_one_time_tokens
                       (user_id, purpose, digest, email, password_epoch, expires_at,
                        new_email, new_email_canonical)
                   SELECT id, $2, $3, email_canonical, password_epoch, $4, $5, $6
                   FROM auth_users WHERE id = $1
                   ON CONFLICT (user_id, purpose) DO UPDATE
                   SET digest = excluded.digest, email = excluded.email,
                       password_epoch = excluded.password_epoch, expires_at = excluded.expires_at,
                       new_email = excluded.new_email,
                       new_email_canonical = excluded.new_email_canonical";
        on!(self, |db| {
            query(sql)
                .bind(new.user_id)
                .bind(new.purpose.as_str())
                .bind(new.digest.as_bytes())
                .bind(new.expires_at)
                .bind(new.new_email.as_ref().map(|new| &new.email))
                .bind(new.new_email.as_ref().map(|new| &new.email_canonical))
                .execute(db)
                .await?;
        });
        Ok(())
    }

    /// The user whom a token that is good at `now` belongs to; it stays good.
    pub(crate) async fn token_owner(
        &mut self,
        purpose: Purpose,
        digest: &Digest,
        now: Timestamp,
    ) -> Result<Option<Account>, StoreError> {
        let sql = concat!(
            "SELECT ",
            account_columns!(),
            " FROM auth_users u JOIN auth_one_time_tokens k ON k.user_id = u.id WHERE ",
            good!()
        );
        Ok(on!(self, |db| query_as(sql)
            .bind(digest.as_bytes())
            .bind(purpose.as_str())
            .bind(now)
            .fetch_optional(db)
            .await?))
    }

    /// Takes the token if it is still good at `now`. At most one caller ever gets it.
    pub(crate) async fn consume_token(
        &mut self,
        purpose: Purpose,
        digest: &Digest,
        now: Timestamp,
    ) -> Result<Option<UserId>, StoreError> {
        let sql = concat!(
            "DELETE FROM auth_one_time_tokens AS k
             WHERE k.digest = $1
               AND EXISTS (SELECT 1 FROM auth_users u WHERE u.id = k.user_id AND ",
            good!(),
            ") RETURNING user_id"
        );
        Ok(on!(self, |db| query_scalar(sql)
            .bind(digest.as_bytes())
            .bind(purpose.as_str())
            .bind(now)
            .fetch_optional(db)
            .await?))
    }

    /// Takes the token of an e-mail change, and returns the address that it was issued for.
    pub(crate) async fn consume_email_change(
        &mut self,
        digest: &Digest,
        now: Timestamp,
    ) -> Result<Option<NewEmail>, StoreError> {
        let sql = concat!(
            "DELETE FROM auth_one_time_tokens AS k
             WHERE k.digest = $1
               AND EXISTS (SELECT 1 FROM auth_users u WHERE u.id = k.user_id AND ",
            good!(),
            ") RETURNING new_email, new_email_canonical"
        );
        Ok(on!(self, |db| query_as(sql)
            .bind(digest.as_bytes())
            .bind(Purpose::EmailChange.as_str())
            .bind(now)
            .fetch_optional(db)
            .await?))
    }

    /// Voids every token of the user.
    pub(crate) async fn delete_tokens(&mut self, user_id: UserId) -> Result<(), StoreError> {
        let sql = "DELETE FROM auth_one_time_tokens WHERE user_id = $1";
        on!(self, |db| {
            query(sql).bind(user_id).execute(db).await?;
        });
        Ok(())
    }
}
