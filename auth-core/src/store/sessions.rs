use sqlx::{query, query_as, query_scalar};

#[cfg(feature = "postgres")]
use super::users::account_columns;
use super::{Connection, Db, StoreError, on};
use crate::crypto::digest::Digest;
use crate::model::Account;
use crate::{Client, SessionId, Timestamp, UserId};
#[cfg(feature = "postgres")]
use crate::{Clock, SystemClock};

/// A session to begin, and what the user has proven for it.
pub(crate) struct NewSession<'a> {
    pub(crate) id: SessionId,
    pub(crate) user_id: UserId,
    /// The password epoch that the password was checked under.
    pub(crate) password_epoch: i64,
    /// Whether the second factor was proven; if not, the user must have none.
    pub(crate) second_factor: bool,
    /// The factor epoch that was read with the password.
    pub(crate) factor_epoch: i64,
    pub(crate) amr: &'a str,
    /// Whether a browser keeps it when it is closed.
    pub(crate) remembered: bool,
    pub(crate) renewal: Renewal,
    pub(crate) client: &'a Client,
    pub(crate) expires_at: Timestamp,
}

/// The first refresh token of a family.
pub(crate) struct Renewal {
    pub(crate) family: Digest,
    pub(crate) refresh: Digest,
    pub(crate) now: Timestamp,
    pub(crate) idle_expires_at: Timestamp,
}

/// A refresh token that is presented, and the one that is to succeed it.
pub(crate) struct Rotation {
    pub(crate) family: Digest,
    pub(crate) presented: Digest,
    pub(crate) successor: Digest,
    pub(crate) now: Timestamp,
    /// An answer to a rotation later than this may be asked for again.
    pub(crate) grace_since: Option<Timestamp>,
    pub(crate) idle_expires_at: Timestamp,
}

/// A session whose refresh token was rotated, and its user.
#[derive(sqlx::FromRow)]
pub(crate) struct Refreshed {
    #[sqlx(flatten)]
    pub(crate) account: Account,
    #[sqlx(flatten)]
    pub(crate) session: Rotated,
}

/// A session whose refresh token was rotated.
#[derive(sqlx::FromRow)]
pub(crate) struct Rotated {
    #[sqlx(rename = "session_id")]
    pub(crate) id: SessionId,
    pub(crate) user_id: UserId,
    pub(crate) authenticated_at: Timestamp,
    pub(crate) amr: String,
    pub(crate) idle_expires_at: Timestamp,
    pub(crate) expires_at: Timestamp,
    pub(crate) remembered: bool,
    pub(crate) user_agent: Option<String>,
}

/// Without an alias, which SQLite does not know where it returns.
macro_rules! rotate {
    ($rotated_at:literal, $from:literal, $($where:expr),+) => {
        concat!(
            "UPDATE auth_sessions
             SET previous = $2, refresh = $3,
                 rotated_at = CASE WHEN refresh = $2 THEN ", $rotated_at, " ELSE rotated_at END,
                 last_used_at = $4, idle_expires_at = $5, idle_day = $7",
            $from,
            " WHERE family = $1
                AND (refresh = $2 OR (previous = $2 AND refresh = $3 AND rotated_at > $6))
                AND revoked_at IS NULL AND expires_at > $4 AND idle_expires_at > $4",
            $($where,)+
            "auth_sessions.id AS session_id, user_id, authenticated_at, amr, idle_expires_at,
             expires_at, remembered, user_agent"
        )
    };
}

macro_rules! bind {
    ($query:expr, $rotation:expr) => {
        $query
            .bind($rotation.family.as_bytes())
            .bind($rotation.presented.as_bytes())
            .bind($rotation.successor.as_bytes())
            .bind($rotation.now)
            .bind($rotation.idle_expires_at)
            .bind($rotation.grace_since)
            .bind($rotation.idle_expires_at.next_day())
    };
}

impl Connection {
    /// Begins a session if what was proven still holds: the password is the same, the user is
    /// activated and not disabled, and no second factor has appeared.
    ///
    /// On Postgres the user's row is locked from here on, so whatever ends all sessions comes either
    /// before it, and this inserts nothing, or after it, and ends this one; and of sessions that begin
    /// at once, each sees the others when they are counted, which is after this.
    pub(crate) async fn insert_session(
        &mut self,
        new: &NewSession<'_>,
    ) -> Result<bool, StoreError> {
        let inserted = on!(self, |db, sql:
            "INSERT INTO auth_sessions (id, user_id, family, refresh, amr, ip, user_agent,
                 created_at, authenticated_at, last_used_at, idle_expires_at, idle_day, expires_at,
                 remembered)
             SELECT $1, u.id, $3, $4, $5, $6, $7, $8, $8, $8, $9, $15, $10, $14
             FROM auth_users u
             WHERE u.id = $2 AND u.password_epoch = $11 AND u.factor_epoch = $12
               AND u.activated_at IS NOT NULL AND u.disabled_at IS NULL
               AND ($13 OR NOT EXISTS (SELECT 1 FROM auth_totp t WHERE t.user_id = u.id))",
            postgres: " FOR NO KEY UPDATE OF u"
        | query(sql)
            .bind(new.id)
            .bind(new.user_id)
            .bind(new.renewal.family.as_bytes())
            .bind(new.renewal.refresh.as_bytes())
            .bind(new.amr)
            .bind(new.client.address.map(|address| address.to_string()))
            .bind(&new.client.user_agent)
            .bind(new.renewal.now)
            .bind(new.renewal.idle_expires_at)
            .bind(new.expires_at)
            .bind(new.password_epoch)
            .bind(new.factor_epoch)
            .bind(new.second_factor)
            .bind(new.remembered)
            .bind(new.renewal.idle_expires_at.next_day())
            .execute(db)
            .await?
            .rows_affected());
        Ok(inserted == 1)
    }

    /// Replaces the presented token by its successor, or finds that this very successor was the
    /// last answer, is unused, and may be given again.
    pub(crate) async fn rotate(
        &mut self,
        rotation: &Rotation,
    ) -> Result<Option<Refreshed>, StoreError> {
        match &mut self.0 {
            #[cfg(feature = "postgres")]
            Db::Postgres(lent, pace) => {
                // What a network held back, or a lock, happens after its client has given up, who is
                // to ask again: the grace begins when it happens. A clock that is minutes off says
                // nothing.
                let sql = rotate!(
                    "CAST($4 AS TIMESTAMPTZ)
                     + CASE WHEN clock_timestamp() - $8 BETWEEN INTERVAL '1 s' AND INTERVAL '1 min'
                            THEN clock_timestamp() - $8 ELSE INTERVAL '0' END",
                    " FROM auth_users u",
                    " AND u.id = user_id AND u.disabled_at IS NULL RETURNING ",
                    account_columns!(),
                    ", "
                );
                let refreshed = bind!(query_as(sql), rotation).bind(SystemClock.now());
                let refreshed = async { Ok(refreshed.fetch_optional(lent.connection()).await?) };
                let refreshed = pace.limit(refreshed).await?;
                lent.answered();
                Ok(refreshed)
            }
            #[cfg(feature = "sqlite")]
            Db::Sqlite(handle) => {
                // It returns nothing of other tables than the one that it changes.
                let sql = rotate!(
                    "$4",
                    "",
                    " AND EXISTS (SELECT 1 FROM auth_users u
                                  WHERE u.id = user_id AND u.disabled_at IS NULL) RETURNING "
                );
                let rotated = bind!(query_as::<_, Rotated>(sql), rotation);
                let rotated = rotated.fetch_optional(handle.connection()).await?;
                let Some(session) = rotated else { return Ok(None) };
                let account = self.account(session.user_id).await?;
                Ok(account.map(|account| Refreshed { account, session }))
            }
        }
    }

    /// Notes that another program goes on with a session; false if somebody else has.
    pub(crate) async fn change_user_agent(
        &mut self,
        id: SessionId,
        old: Option<&str>,
        new: &str,
    ) -> Result<bool, StoreError> {
        let sql = "UPDATE auth_sessions SET user_agent = $3
                   WHERE id = $1 AND COALESCE(user_agent, '') = $2";
        let changed = on!(self, |db| query(sql)
            .bind(id)
            .bind(old.unwrap_or_default())
            .bind(new)
            .execute(db)
            .await?
            .rows_affected());
        Ok(changed == 1)
    }

    /// Revokes the live session of a family of which a token that is not the good one was
    /// presented.
    pub(crate) async fn revoke_reused(
        &mut self,
        family: &Digest,
        presented: &Digest,
        now: Timestamp,
    ) -> Result<Option<(SessionId, UserId)>, StoreError> {
        let sql = "UPDATE auth_sessions SET revoked_at = $3
                   WHERE family = $1 AND refresh <> $2
                     AND revoked_at IS NULL AND expires_at > $3 AND idle_expires_at > $3
                   RETURNING id, user_id";
        Ok(on!(self, |db| query_as(sql)
            .bind(family.as_bytes())
            .bind(presented.as_bytes())
            .bind(now)
            .fetch_optional(db)
            .await?))
    }

    /// Revokes the session of a family, whichever of its tokens was presented.
    pub(crate) async fn revoke_family(
        &mut self,
        family: &Digest,
        now: Timestamp,
    ) -> Result<Option<(SessionId, UserId)>, StoreError> {
        let sql = "UPDATE auth_sessions SET revoked_at = $2
                   WHERE family = $1 AND revoked_at IS NULL
                   RETURNING id, user_id";
        Ok(on!(self, |db| query_as(sql)
            .bind(family.as_bytes())
            .bind(now)
            .fetch_optional(db)
            .await?))
    }

    pub(crate) async fn revoke_session(
        &mut self,
        user_id: UserId,
        id: SessionId,
        now: Timestamp,
    ) -> Result<Option<SessionId>, StoreError> {
        let sql = "UPDATE auth_sessions SET revoked_at = $3
                   WHERE id = $1 AND user_id = $2 AND revoked_at IS NULL
                     AND expires_at > $3 AND idle_expires_at > $3
                   RETURNING id";
        Ok(on!(self, |db| query_scalar(sql)
            .bind(id)
            .bind(user_id)
            .bind(now)
            .fetch_optional(db)
            .await?))
    }

    /// Revokes every session of the user, but for the one to keep.
    pub(crate) async fn revoke_sessions(
        &mut self,
        user_id: UserId,
        keep: Option<SessionId>,
        now: Timestamp,
    ) -> Result<Vec<SessionId>, StoreError> {
        let sql = "UPDATE auth_sessions SET revoked_at = $3
                   WHERE user_id = $1 AND ($2 IS NULL OR id <> $2) AND revoked_at IS NULL
                   RETURNING id";
        Ok(on!(self, |db| query_scalar(sql)
            .bind(user_id)
            .bind(keep)
            .bind(now)
            .fetch_all(db)
            .await?))
    }

    /// Revokes the oldest live sessions of the user beyond the newest `keep`.
    pub(crate) async fn evict_sessions(
        &mut self,
        user_id: UserId,
        keep: i64,
        now: Timestamp,
    ) -> Result<Vec<SessionId>, StoreError> {
        // No `OFFSET` without a `LIMIT` in SQLite; nobody has that many sessions.
        let sql = "UPDATE auth_sessions SET revoked_at = $2
                   WHERE id IN (SELECT id FROM auth_sessions
                                WHERE user_id = $1 AND revoked_at IS NULL
                                  AND expires_at > $2 AND idle_expires_at > $2
                                ORDER BY created_at DESC, id DESC LIMIT 1000000 OFFSET $3)
                   RETURNING id";
        Ok(on!(self, |db| query_scalar(sql)
            .bind(user_id)
            .bind(now)
            .bind(keep)
            .fetch_all(db)
            .await?))
    }

    /// The sessions that were revoked after `since`.
    pub(crate) async fn revoked_since(
        &mut self,
        since: Timestamp,
    ) -> Result<Vec<(SessionId, Timestamp)>, StoreError> {
        let sql = "SELECT id, revoked_at FROM auth_sessions WHERE revoked_at > $1
                   UNION ALL
                   SELECT session_id, revoked_at FROM auth_revocations WHERE revoked_at > $1";
        Ok(on!(self, |db| query_as(sql).bind(since).fetch_all(db).await?))
    }

    /// Starts the family of a session's refresh tokens anew, so that the tokens from before are
    /// worth nothing, and notes how and when it has proven its factors; without `amr` as before.
    pub(crate) async fn renew_session(
        &mut self,
        id: SessionId,
        (password_epoch, factor_epoch): (i64, i64),
        (amr, authenticated_at): (Option<&str>, Timestamp),
        renewal: &Renewal,
    ) -> Result<Option<Rotated>, StoreError> {
        let sql = "UPDATE auth_sessions
                   SET family = $3, refresh = $4, previous = NULL, rotated_at = NULL,
                       amr = COALESCE($5, amr), authenticated_at = $9, last_used_at = $6,
                       idle_expires_at = $7, idle_day = $10
                   WHERE id = $1 AND revoked_at IS NULL
                     AND expires_at > $6 AND idle_expires_at > $6
                     AND EXISTS (SELECT 1 FROM auth_users u
                                 WHERE u.id = user_id AND u.password_epoch = $2 AND u.factor_epoch = $8
                                   AND u.disabled_at IS NULL)
                   RETURNING id AS session_id, user_id, authenticated_at, amr, idle_expires_at,
                             expires_at, remembered, user_agent";
        Ok(on!(self, |db| query_as(sql)
            .bind(id)
            .bind(password_epoch)
            .bind(renewal.family.as_bytes())
            .bind(renewal.refresh.as_bytes())
            .bind(amr)
            .bind(renewal.now)
            .bind(renewal.idle_expires_at)
            .bind(factor_epoch)
            .bind(authenticated_at)
            .bind(renewal.idle_expires_at.next_day())
            .fetch_optional(db)
            .await?))
    }
}
