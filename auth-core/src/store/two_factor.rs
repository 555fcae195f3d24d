use sqlx::{query, query_as};

use super::{Connection, StoreError, on};
use crate::crypto::digest::Digest;
use crate::{SessionId, Timestamp, UserId};

/// A sign-in that is to await its second factor.
pub(crate) struct NewChallenge {
    pub(crate) digest: Digest,
    pub(crate) user_id: UserId,
    pub(crate) password_epoch: i64,
    pub(crate) remembered: bool,
    pub(crate) expires_at: Timestamp,
}

/// What a challenge was issued under.
#[derive(sqlx::FromRow)]
pub(crate) struct Met {
    pub(crate) password_epoch: i64,
    pub(crate) remembered: bool,
}

/// A confirmed authenticator app.
#[derive(sqlx::FromRow)]
pub(crate) struct TotpRow {
    /// The shared secret, sealed.
    pub(crate) secret: Vec<u8>,
}

/// An authenticator app that is not confirmed yet.
#[derive(sqlx::FromRow)]
pub(crate) struct EnrolmentRow {
    pub(crate) user_id: UserId,
    pub(crate) session_id: SessionId,
    /// The shared secret, sealed.
    pub(crate) secret: Vec<u8>,
    pub(crate) expires_at: Timestamp,
}

impl Connection {
    /// Begins a challenge; false if the user is deleted by now.
    pub(crate) async fn insert_challenge(
        &mut self,
        new: &NewChallenge,
    ) -> Result<bool, StoreError> {
        let inserted = on!(self, |db, sql:
            "INSERT INTO auth_challenges
                 (digest, user_id, password_epoch, tries, expires_at, remembered)
             SELECT $1, u.id, $3, 0, $4, $5 FROM auth_users u WHERE u.id = $2",
            postgres: " FOR KEY SHARE OF u"
        | query(sql)
            .bind(new.digest.as_bytes())
            .bind(new.user_id)
            .bind(new.password_epoch)
            .bind(new.expires_at)
            .bind(new.remembered)
            .execute(db)
            .await?
            .rows_affected());
        Ok(inserted == 1)
    }

    /// Takes one of the challenge's tries; `None` if it is unknown, expired or out of them.
    pub(crate) async fn try_challenge(
        &mut self,
        digest: &Digest,
        tries: i64,
        now: Timestamp,
    ) -> Result<Option<UserId>, StoreError> {
        let sql = "UPDATE auth_challenges SET tries = tries + 1
                   WHERE digest = $1 AND tries < $2 AND expires_at > $3
                   RETURNING user_id";
        let row: Option<(UserId,)> = on!(self, |db| query_as(sql)
            .bind(digest.as_bytes())
            .bind(tries)
            .bind(now)
            .fetch_optional(db)
            .await?);
        Ok(row.map(|(user_id,)| user_id))
    }

    /// Takes the challenge. At most one caller ever gets the password epoch it was made under.
    pub(crate) async fn consume_challenge(
        &mut self,
        digest: &Digest,
        now: Timestamp,
    ) -> Result<Option<Met>, StoreError> {
        let sql = "DELETE FROM auth_challenges WHERE digest = $1 AND expires_at > $2
                   RETURNING password_epoch, remembered";
        Ok(on!(self, |db| query_as(sql)
            .bind(digest.as_bytes())
            .bind(now)
            .fetch_optional(db)
            .await?))
    }

    pub(crate) async fn totp(&mut self, user_id: UserId) -> Result<Option<TotpRow>, StoreError> {
        let sql = "SELECT secret FROM auth_totp WHERE user_id = $1";
        Ok(on!(self, |db| query_as(sql).bind(user_id).fetch_optional(db).await?))
    }

    /// Starts an enrolment in place of an earlier one.
    pub(crate) async fn insert_enrolment(&mut self, row: &EnrolmentRow) -> Result<(), StoreError> {
        let sql = "INSERT INTO auth_totp_enrolments (user_id, session_id, secret, expires_at)
                   VALUES ($1, $2, $3, $4)
                   ON CONFLICT (user_id) DO UPDATE
                   SET session_id = excluded.session_id, secret = excluded.secret,
                       expires_at = excluded.expires_at";
        on!(self, |db| {
            query(sql)
                .bind(row.user_id)
                .bind(row.session_id)
                .bind(&row.secret)
                .bind(row.expires_at)
                .execute(db)
                .await?;
        });
        Ok(())
    }

    pub(crate) async fn enrolment(
        &mut self,
        user_id: UserId,
        session_id: SessionId,
        now: Timestamp,
    ) -> Result<Option<EnrolmentRow>, StoreError> {
        let sql = "SELECT user_id, session_id, secret, expires_at FROM auth_totp_enrolments
                   WHERE user_id = $1 AND session_id = $2 AND expires_at > $3";
        Ok(on!(self, |db| query_as(sql)
            .bind(user_id)
            .bind(session_id)
            .bind(now)
            .fetch_optional(db)
            .await?))
    }

    /// Takes the enrolment with exactly this secret. At most one caller ever does.
    pub(crate) async fn consume_enrolment(
        &mut self,
        row: &EnrolmentRow,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let sql = "DELETE FROM auth_totp_enrolments
                   WHERE user_id = $1 AND session_id = $2 AND secret = $3 AND expires_at > $4";
        let taken = on!(self, |db| query(sql)
            .bind(row.user_id)
            .bind(row.session_id)
            .bind(&row.secret)
            .bind(now)
            .execute(db)
            .await?
            .rows_affected());
        Ok(taken == 1)
    }

    /// Switches the second factor on, with the step of the confirming code spent; false if it is on.
    pub(crate) async fn insert_totp(
        &mut self,
        user_id: UserId,
        secret: &[u8],
        step: i64,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let sql = "INSERT INTO auth_totp (user_id, secret, last_step, confirmed_at)
                   VALUES ($1, $2, $3, $4) ON CONFLICT (user_id) DO NOTHING";
        let inserted = on!(self, |db| query(sql)
            .bind(user_id)
            .bind(secret)
            .bind(step)
            .bind(now)
            .execute(db)
            .await?
            .rows_affected());
        Ok(inserted == 1)
    }

    /// Spends a time step: each is accepted at most once, and never one before the last.
    pub(crate) async fn spend_step(
        &mut self,
        user_id: UserId,
        step: i64,
    ) -> Result<bool, StoreError> {
        let sql = "UPDATE auth_totp SET last_step = $2 WHERE user_id = $1 AND last_step < $2";
        let spent =
            on!(self, |db| query(sql).bind(user_id).bind(step).execute(db).await?.rows_affected());
        Ok(spent == 1)
    }

    /// Spends a recovery code of this user, who must have a second factor.
    pub(crate) async fn spend_recovery_code(
        &mut self,
        user_id: UserId,
        digest: &Digest,
    ) -> Result<bool, StoreError> {
        let sql = "DELETE FROM auth_recovery_codes
                   WHERE user_id = $1 AND digest = $2
                     AND EXISTS (SELECT 1 FROM auth_totp t WHERE t.user_id = $1)";
        let spent = on!(self, |db| query(sql)
            .bind(user_id)
            .bind(digest.as_bytes())
            .execute(db)
            .await?
            .rows_affected());
        Ok(spent == 1)
    }

    /// Replaces all recovery codes of the user.
    pub(crate) async fn set_recovery_codes(
        &mut self,
        user_id: UserId,
        digests: &[Digest],
    ) -> Result<(), StoreError> {
        let delete = "DELETE FROM auth_recovery_codes WHERE user_id = $1";
        let insert = "INSERT INTO auth_recovery_codes (user_id, digest) VALUES ($1, $2)";
        on!(self, |db| {
            query(delete).bind(user_id).execute(&mut *db).await?;
            for digest in digests {
                query(insert).bind(user_id).bind(digest.as_bytes()).execute(&mut *db).await?;
            }
        });
        Ok(())
    }

    /// Removes every factor but the password, and what awaits one.
    pub(crate) async fn remove_second_factor(
        &mut self,
        user_id: UserId,
    ) -> Result<bool, StoreError> {
        let totp = "DELETE FROM auth_totp WHERE user_id = $1";
        let rest = [
            "DELETE FROM auth_totp_enrolments WHERE user_id = $1",
            "DELETE FROM auth_recovery_codes WHERE user_id = $1",
            "DELETE FROM auth_challenges WHERE user_id = $1",
        ];
        let removed = on!(self, |db| {
            let removed = query(totp).bind(user_id).execute(&mut *db).await?.rows_affected();
            for sql in rest {
                query(sql).bind(user_id).execute(&mut *db).await?;
            }
            removed
        });
        Ok(removed == 1)
    }
}
