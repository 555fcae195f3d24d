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
    PasswordReset,
}

impl Purpose {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Activation => "activation",
            Self::PasswordReset => "password_reset",
        }
    }
}

pub(crate) struct NewToken {
    pub(crate) user_id: UserId,
    pub(crate) purpose: Purpose,
    pub(crate) digest: Digest,
    pub(crate) expires_at: Timestamp,
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
                       (user_id, purpose, digest, email, password_epoch, expires_at)
                   SELECT id, $2, $3, email_canonical, password_epoch, $4
                   FROM auth_users WHERE id = $1
                   ON CONFLICT (user_id, purpose) DO UPDATE
                   SET digest = excluded.digest, email = excluded.email,
                       password_epoch = excluded.password_epoch, expires_at = excluded.expires_at";
        on!(self, |db| {
            query(sql)
                .bind(new.user_id)
                .bind(new.purpose.as_str())
                .bind(new.digest.as_bytes())
                .bind(new.expires_at)
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
             WHERE EXISTS (SELECT 1 FROM auth_users u WHERE u.id = k.user_id AND ",
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
}
