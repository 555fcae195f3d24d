use sqlx::{query, query_as};

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
