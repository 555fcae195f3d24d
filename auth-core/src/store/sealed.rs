use sqlx::{query, query_as};
use uuid::Uuid;

use super::{Connection, StoreError, on};
use crate::crypto::seal::Purpose;

/// A column of sealed values, each of which is bound to the key of its row.
pub(crate) struct SealedColumn {
    pub(crate) purpose: Purpose,
    select: &'static str,
    update: &'static str,
}

macro_rules! column {
    ($purpose:ident, $table:literal, $key:literal, $column:literal $(, $also:literal)?) => {
        SealedColumn {
            purpose: Purpose::$purpose,
            select: concat!(
                "SELECT ",
                $key,
                ", ",
                $column,
                " FROM ",
                $table,
                " WHERE ",
                $column,
                " IS NOT NULL",
                $(" AND ", $also,)?
                " AND ",
                $key,
                " > $1 ORDER BY ",
                $key,
                " LIMIT $2"
            ),
            update: concat!(
                "UPDATE ",
                $table,
                " SET ",
                $column,
                " = $3 WHERE ",
                $key,
                " = $1 AND ",
                $column,
                " = $2"
            ),
        }
    };
}

pub(crate) const AUTHENTICATORS: SealedColumn =
    column!(TotpSecret, "auth_totp", "user_id", "secret");
pub(crate) const ENROLMENTS: SealedColumn =
    column!(TotpSecret, "auth_totp_enrolments", "user_id", "secret");
pub(crate) const MESSAGES: SealedColumn = column!(
    Message,
    "auth_messages",
    "id",
    "token",
    // Whatever was sent or given up has lost it, and is far more.
    "sent_at IS NULL AND failed_at IS NULL"
);

impl Connection {
    /// The first `limit` values, of rows after `after`.
    pub(crate) async fn sealed(
        &mut self,
        column: &SealedColumn,
        after: Uuid,
        limit: i64,
    ) -> Result<Vec<(Uuid, Vec<u8>)>, StoreError> {
        Ok(on!(self, |db| query_as(column.select).bind(after).bind(limit).fetch_all(db).await?))
    }

    /// Replaces a value by one that says the same, unless it has changed.
    pub(crate) async fn reseal(
        &mut self,
        column: &SealedColumn,
        key: Uuid,
        old: &[u8],
        new: &[u8],
    ) -> Result<(), StoreError> {
        on!(self, |db| {
            query(column.update).bind(key).bind(old).bind(new).execute(db).await?;
        });
        Ok(())
    }

    /// The same for the private half of a signing key, which is bound to its public half.
    pub(crate) async fn reseal_signing_key(
        &mut self,
        public_key: &[u8],
        old: &[u8],
        new: &[u8],
    ) -> Result<(), StoreError> {
        let sql = "UPDATE auth_signing_keys SET seed = $3 WHERE public_key = $1 AND seed = $2";
        on!(self, |db| {
            query(sql).bind(public_key).bind(old).bind(new).execute(db).await?;
        });
        Ok(())
    }
}
