use sqlx::query;

use super::{Connection, StoreError, on};
use crate::{EmailAddress, Timestamp, Username};

impl Connection {
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
        if held != 1 {
            return Ok(false);
        }
        // Of the names that an address asks for, the latest is held, or one address could hold any
        // number of them.
        let sql = "DELETE FROM auth_username_holds WHERE email = $1 AND username <> $2";
        on!(self, |db| {
            query(sql).bind(email.canonical()).bind(username.canonical()).execute(db).await?;
        });
        Ok(true)
    }

    /// Holds what is held for the address until `until`, whether or not a user awaits activation
    /// there: how long a name is held must not tell.
    pub(crate) async fn extend_holds(
        &mut self,
        email: &EmailAddress,
        until: Timestamp,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let sql = "UPDATE auth_username_holds SET held_until = $2
                   WHERE email = $1 AND held_until > $3";
        on!(self, |db| {
            query(sql).bind(email.canonical()).bind(until).bind(now).execute(db).await?;
        });
        Ok(())
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
}
