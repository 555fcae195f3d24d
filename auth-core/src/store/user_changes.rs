//! What operators do to users.

use serde_json::{Map, Value};
use sqlx::types::Json;
use sqlx::{query, query_as};

use super::{Connection, StoreError, on};
use crate::{SessionId, Timestamp, UserId};

impl Connection {
    /// Shuts a user out, and voids what proves their password or mailbox so far; false if they are
    /// shut out already.
    pub(crate) async fn disable_user(
        &mut self,
        id: UserId,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let disable = "UPDATE auth_users
                       SET disabled_at = $2, password_epoch = password_epoch + 1
                       WHERE id = $1 AND disabled_at IS NULL";
        let pending = [
            "DELETE FROM auth_one_time_tokens WHERE user_id = $1",
            "DELETE FROM auth_totp_enrolments WHERE user_id = $1",
            "DELETE FROM auth_challenges WHERE user_id = $1",
        ];
        let disabled = on!(self, |db| {
            let disabled =
                query(disable).bind(id).bind(now).execute(&mut *db).await?.rows_affected();
            for sql in pending {
                query(sql).bind(id).execute(&mut *db).await?;
            }
            disabled
        });
        Ok(disabled == 1)
    }

    /// Lets a user sign in again; false if they could.
    pub(crate) async fn enable_user(&mut self, id: UserId) -> Result<bool, StoreError> {
        let sql = "UPDATE auth_users SET disabled_at = NULL
                   WHERE id = $1 AND disabled_at IS NOT NULL";
        let enabled = on!(self, |db| query(sql).bind(id).execute(db).await?.rows_affected());
        Ok(enabled == 1)
    }

    pub(crate) async fn set_roles(
        &mut self,
        id: UserId,
        roles: &[String],
    ) -> Result<(), StoreError> {
        let sql = "UPDATE auth_users SET roles = $2 WHERE id = $1";
        on!(self, |db| {
            query(sql).bind(id).bind(Json(roles)).execute(db).await?;
        });
        Ok(())
    }

    pub(crate) async fn set_metadata(
        &mut self,
        id: UserId,
        metadata: &Map<String, Value>,
    ) -> Result<(), StoreError> {
        let sql = "UPDATE auth_users SET metadata = $2 WHERE id = $1";
        on!(self, |db| {
            query(sql).bind(id).bind(Json(metadata)).execute(db).await?;
        });
        Ok(())
    }

    /// Revokes the live sessions, begun at `begun` or before, of some of the users after `after`: of
    /// the first to whom `limit` of these sessions belong.
    ///
    /// Their rows are locked first and in one order, as whatever ends the sessions of one user does.
    pub(crate) async fn revoke_some_sessions(
        &mut self,
        after: UserId,
        limit: i64,
        begun: Timestamp,
        now: Timestamp,
    ) -> Result<Vec<(UserId, SessionId)>, StoreError> {
        macro_rules! sql {
            ($lock:literal) => {
                concat!(
                    "UPDATE auth_sessions SET revoked_at = $3
                     WHERE revoked_at IS NULL AND created_at <= $2
                       AND user_id IN (SELECT u.id FROM auth_users u
                                       WHERE u.id IN (SELECT user_id FROM auth_sessions
                                                      WHERE user_id > $4 AND revoked_at IS NULL
                                                        AND created_at <= $2 AND expires_at > $3
                                                        AND idle_expires_at > $3
                                                      ORDER BY user_id LIMIT $1)
                                       ORDER BY u.id",
                    $lock,
                    ") RETURNING user_id, id"
                )
            };
        }
        Ok(on!(
            self,
            |db, sql| query_as(sql)
                .bind(limit)
                .bind(begun)
                .bind(now)
                .bind(after)
                .fetch_all(db)
                .await?,
            postgres: sql!(" FOR UPDATE OF u"),
            sqlite: sql!("")
        ))
    }
}
