use sqlx::{query, query_as, query_scalar};

use super::{Connection, StoreError, on};
use crate::Timestamp;

/// A signing key as it rests.
#[derive(sqlx::FromRow)]
pub(crate) struct KeyRow {
    pub(crate) generation: i64,
    pub(crate) public_key: Vec<u8>,
    /// The private half, sealed.
    pub(crate) seed: Vec<u8>,
    pub(crate) active_from: Timestamp,
}

impl Connection {
    pub(crate) async fn signing_keys(&mut self) -> Result<Vec<KeyRow>, StoreError> {
        let sql = "SELECT generation, public_key, seed, active_from FROM auth_signing_keys
                   ORDER BY generation";
        Ok(on!(self, |db| query_as(sql).fetch_all(db).await?))
    }

    pub(crate) async fn newest_signing_key(&mut self) -> Result<Option<i64>, StoreError> {
        let sql = "SELECT MAX(generation) FROM auth_signing_keys";
        Ok(on!(self, |db| query_scalar(sql).fetch_one(db).await?))
    }

    /// Deletes all of them, and returns which was the newest.
    pub(crate) async fn delete_signing_keys(&mut self) -> Result<Option<i64>, StoreError> {
        let sql = "DELETE FROM auth_signing_keys RETURNING generation";
        let deleted: Vec<i64> = on!(self, |db| query_scalar(sql).fetch_all(db).await?);
        Ok(deleted.into_iter().max())
    }

    /// Adds the key; false if another instance was first with that generation.
    pub(crate) async fn insert_signing_key(&mut self, key: &KeyRow) -> Result<bool, StoreError> {
        let sql = "INSERT INTO auth_signing_keys (generation, public_key, seed, active_from)
                   VALUES ($1, $2, $3, $4) ON CONFLICT (generation) DO NOTHING";
        let inserted = on!(self, |db| query(sql)
            .bind(key.generation)
            .bind(&key.public_key)
            .bind(&key.seed)
            .bind(key.active_from)
            .execute(db)
            .await?
            .rows_affected());
        Ok(inserted == 1)
    }
}
