use serde_json::{Map, Value};
use sqlx::query;
use sqlx::types::Json;

use super::{Connection, StoreError, on};
use crate::{EmailAddress, Timestamp, UserId, Username};

/// A user who comes whole, from an operator or from another system.
pub(crate) struct WholeUser<'a> {
    pub(crate) id: UserId,
    pub(crate) email: &'a EmailAddress,
    pub(crate) username: Option<&'a Username>,
    pub(crate) password_hash: Option<&'a str>,
    pub(crate) roles: &'a [String],
    pub(crate) metadata: &'a Map<String, Value>,
    pub(crate) language: Option<&'a str>,
    pub(crate) activated_at: Option<Timestamp>,
    pub(crate) created_at: Timestamp,
}

impl Connection {
    /// Adds a user; false if the address or the username has one.
    pub(crate) async fn insert_whole_user(
        &mut self,
        row: &WholeUser<'_>,
    ) -> Result<bool, StoreError> {
        let sql =
            "INSERT INTO auth_users (id, email, email_canonical, username, username_canonical,
                       password_hash, password_epoch, factor_epoch, roles, metadata, language,
                       activated_at, created_at)
                   VALUES ($1, $2, $3, $4, $5, $6, 0, 0, $7, $8, $9, $10, $11)
                   ON CONFLICT DO NOTHING";
        let inserted = on!(self, |db| query(sql)
            .bind(row.id)
            .bind(row.email.original())
            .bind(row.email.canonical())
            .bind(row.username.map(Username::original))
            .bind(row.username.map(Username::canonical))
            .bind(row.password_hash)
            .bind(Json(row.roles))
            .bind(Json(row.metadata))
            .bind(row.language)
            .bind(row.activated_at)
            .bind(row.created_at)
            .execute(db)
            .await?
            .rows_affected());
        Ok(inserted == 1)
    }

    /// Marks where to go back to if what comes next is not to be.
    pub(crate) async fn savepoint(&mut self) -> Result<(), StoreError> {
        self.run("SAVEPOINT auth_record").await
    }

    pub(crate) async fn release_savepoint(&mut self) -> Result<(), StoreError> {
        self.run("RELEASE SAVEPOINT auth_record").await
    }

    pub(crate) async fn roll_back_to_savepoint(&mut self) -> Result<(), StoreError> {
        self.run("ROLLBACK TO SAVEPOINT auth_record").await?;
        self.release_savepoint().await
    }

    async fn run(&mut self, sql: &'static str) -> Result<(), StoreError> {
        on!(self, |db| {
            query(sql).execute(db).await?;
        });
        Ok(())
    }
}
