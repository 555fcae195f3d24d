use sqlx::query_as;

use super::{Connection, StoreError, on};
use crate::{UserDetails, UserId, UserState};

/// Which users are asked for.
pub(crate) struct UserFilter<'a> {
    /// What the canonical address or username begins with.
    pub(crate) prefix: Option<&'a str>,
    pub(crate) role: Option<&'a str>,
    pub(crate) state: Option<UserState>,
    pub(crate) after: Option<UserId>,
    pub(crate) limit: i64,
}

/// Postgres would answer an `EXISTS` for a page of users from a hash of the whole other table.
macro_rules! details {
    ($($condition:tt)*) => {
        concat!(
            "SELECT u.id, u.email, u.username, u.roles, u.activated_at, u.disabled_at,
                    u.created_at, u.language, u.metadata,
                    (SELECT 1 FROM auth_totp t WHERE t.user_id = u.id) IS NOT NULL
                        AS two_factor_enabled,
                    (SELECT max(s.created_at) FROM auth_sessions s
                     WHERE s.user_id = u.id) AS last_sign_in_at
             FROM auth_users u WHERE ",
            $($condition)*
        )
    };
}

impl Connection {
    pub(crate) async fn user_details(
        &mut self,
        id: UserId,
    ) -> Result<Option<UserDetails>, StoreError> {
        let sql = details!("u.id = $1");
        Ok(on!(self, |db| query_as(sql).bind(id).fetch_optional(db).await?))
    }

    pub(crate) async fn user_details_by_email(
        &mut self,
        canonical: &str,
    ) -> Result<Option<UserDetails>, StoreError> {
        let sql = details!("u.email_canonical = $1");
        Ok(on!(self, |db| query_as(sql).bind(canonical).fetch_optional(db).await?))
    }

    pub(crate) async fn user_details_by_username(
        &mut self,
        canonical: &str,
    ) -> Result<Option<UserDetails>, StoreError> {
        let sql = details!("u.username_canonical = $1");
        Ok(on!(self, |db| query_as(sql).bind(canonical).fetch_optional(db).await?))
    }

    /// The users that the filter lets pass, the earliest first.
    pub(crate) async fn users(
        &mut self,
        filter: &UserFilter<'_>,
    ) -> Result<Vec<UserDetails>, StoreError> {
        // Both columns are compared byte for byte, so a prefix is a range of their indices.
        macro_rules! sql {
            ($has_role:literal) => {
                details!(
                    "($1 IS NULL OR u.id > $1)
                     AND ($2 IS NULL OR (u.email_canonical >= $2 AND u.email_canonical < $3)
                          OR (u.username_canonical >= $2 AND u.username_canonical < $3))
                     AND ($4 IS NULL OR (u.roles <> '[]' AND ", $has_role, "))
                     AND ($5 IS NULL
                          OR ($5 = 'disabled' AND u.disabled_at IS NOT NULL)
                          OR ($5 = 'unproven' AND u.disabled_at IS NULL AND u.activated_at IS NULL)
                          OR ($5 = 'active' AND u.disabled_at IS NULL
                              AND u.activated_at IS NOT NULL))
                     ORDER BY u.id LIMIT $6"
                )
            };
        }
        Ok(on!(
            self,
            |db, sql| query_as(sql)
                .bind(filter.after)
                .bind(filter.prefix)
                .bind(filter.prefix.map(end_of_range))
                .bind(filter.role)
                .bind(filter.state.map(UserState::as_str))
                .bind(filter.limit)
                .fetch_all(db)
                .await?,
            postgres: sql!("u.roles @> to_jsonb($4::text)"),
            sqlite: sql!("EXISTS (SELECT 1 FROM json_each(u.roles) WHERE value = $4)")
        ))
    }
}

/// What is greater than everything with that prefix, and nothing else that is text.
fn end_of_range(prefix: &str) -> String {
    format!("{prefix}{}", char::MAX)
}
