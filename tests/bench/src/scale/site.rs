//! A service on a database of its own, whose time is measured by the database itself.

use auth_bench::{Backend, Hasher, PASSWORD, Result, SECRET};
use auth_core::{Auth, Client, Config, MasterSecret, RefreshToken, SignIn, SignedIn, Store};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sqlx::postgres::{PgConnectOptions, PgPool};
use sqlx::{AssertSqlSafe, raw_sql};

pub(crate) struct Site {
    pub(crate) users: u64,
    name: String,
    auth: Auth,
    /// Of one connection, which is the only one to this database.
    pool: PgPool,
    /// To another database of the server.
    admin: PgPool,
    /// How many of the users have been asked for.
    seen: u64,
    /// Refresh tokens of the sessions that there were before, in turn.
    tokens: Vec<RefreshToken>,
}

impl Site {
    /// Fills a database with so many users, unless it is there.
    pub(crate) async fn open(server: &str, users: u64) -> Result<Self> {
        let options: PgConnectOptions = server.parse()?;
        let admin = PgPool::connect_with(options.clone()).await?;
        let name = format!("auth_scale_{users}");
        let there = "SELECT EXISTS (SELECT 1 FROM pg_database WHERE datname = $1)";
        let there: bool = sqlx::query_scalar(there).bind(&name).fetch_one(&admin).await?;
        if !there {
            raw_sql(AssertSqlSafe(format!("CREATE DATABASE {name}"))).execute(&admin).await?;
        }
        let pool = Store::postgres_pool_options().max_connections(1);
        let pool = pool.connect_with(options.database(&name)).await?;
        let store = Store::from_postgres(pool.clone()).await?;
        if !there {
            let now = "SELECT extract(epoch FROM now())::BIGINT";
            let now: i64 = sqlx::query_scalar(now).fetch_one(&pool).await?;
            raw_sql(AssertSqlSafe(filling(users, now))).execute(&pool).await?;
        }
        let config =
            Config::new("http://127.0.0.1")?.sign_ins(u32::MAX).sessions_per_user(1000_u32);
        let auth = Auth::builder(config, store, MasterSecret::parse(SECRET)?).build().await?;
        // What has come to be over since is not part of what is measured, and neither is a disk.
        auth.purge().await?;
        raw_sql(WARM).execute(&pool).await?;
        // Of the hundredth ones the users were never activated, and are no more.
        let sql = format!(
            "SELECT md5('family' || i) || md5('first' || i)
             FROM generate_series({0} / 50 * 10, {0}, 10) i WHERE i % 100 <> 0
             ORDER BY md5(i::TEXT) LIMIT {1}",
            sessions(users),
            REFRESHES * 10
        );
        let halves: Vec<String> = sqlx::query_scalar(AssertSqlSafe(sql)).fetch_all(&admin).await?;
        let mut tokens = Vec::new();
        for halves in halves {
            tokens.push(token(&halves)?);
        }
        Ok(Self { users, name, auth, pool, admin, seen: 0, tokens })
    }

    /// Measures everything once, in seconds.
    pub(crate) async fn costs(&mut self) -> Result<[f64; 6]> {
        let client = Client::default();
        let people = self.people().await?;
        let mut signed_in = Vec::new();
        let begun = self.active().await?;
        for email in &people {
            let input = SignIn::new(email, PASSWORD);
            match self.auth.sign_in(input, &client).await? {
                SignedIn::Session(tokens) => signed_in.push(tokens),
                other => return Err(format!("{email}: {other:?}").into()),
            }
        }
        let sign_in = (self.active().await? - begun) / people.len() as f64;

        let tokens: Vec<_> = self.tokens.drain(..self.tokens.len().min(REFRESHES)).collect();
        let mut refreshed = Vec::new();
        let begun = self.active().await?;
        for token in &tokens {
            refreshed.push(self.auth.refresh(token, &client).await?);
        }
        let refresh = (self.active().await? - begun) / tokens.len() as f64;

        let mut again = Vec::new();
        let begun = self.active().await?;
        for tokens in &refreshed {
            again.push(self.auth.refresh(&tokens.refresh_token, &client).await?);
        }
        let refresh_again = (self.active().await? - begun) / refreshed.len() as f64;
        let refreshed = again;

        let begun = self.active().await?;
        for tokens in &refreshed {
            self.auth.session(&tokens.access_token).await?;
        }
        let read = (self.active().await? - begun) / refreshed.len() as f64;
        self.tokens.extend(refreshed.into_iter().map(|tokens| tokens.refresh_token));

        let begun = self.active().await?;
        for tokens in &signed_in {
            self.auth.sign_out(&tokens.refresh_token, &client).await?;
        }
        let sign_out = (self.active().await? - begun) / signed_in.len() as f64;

        let over = OVER.replace(":seed", &self.seen.to_string());
        let over = over.replace(":people", &people.join("', '"));
        raw_sql(AssertSqlSafe(over)).execute(&self.pool).await?;
        let begun = self.active().await?;
        let purged = self.auth.purge().await?;
        let rows = purged.sessions + purged.attempts + purged.challenges + purged.messages;
        let clean_up = (self.active().await? - begun) / rows as f64;
        Ok([sign_in, refresh, refresh_again, read, sign_out, clean_up])
    }

    /// The addresses of users who may sign in with a password alone, others each time.
    async fn people(&mut self) -> Result<Vec<String>> {
        let tenth = self.users / 10;
        let step = tenth / 2 + 1;
        let numbers: Vec<i64> = (self.seen..self.seen + SIGN_INS)
            .map(|n| (10 * (1 + n * step % tenth)) as i64)
            .collect();
        self.seen += SIGN_INS;
        let sql = "SELECT substr(md5(i::TEXT), 1, 6) || i || '@example.com' FROM unnest($1) i";
        Ok(sqlx::query_scalar(sql).bind(numbers).fetch_all(&self.admin).await?)
    }

    /// For how many seconds the database has been at work on statements.
    async fn active(&self) -> Result<f64> {
        // What a connection has not told yet it tells after this.
        raw_sql("SELECT pg_stat_force_next_flush()").execute(&self.pool).await?;
        let sql = "SELECT active_time / 1000 FROM pg_stat_database WHERE datname = $1";
        Ok(sqlx::query_scalar(sql).bind(&self.name).fetch_one(&self.admin).await?)
    }
}

fn sessions(users: u64) -> u64 {
    users.min(1_000_000)
}

fn filling(users: u64, now: i64) -> String {
    let hash = Hasher::new(Backend::Portable).phc(PASSWORD.as_bytes());
    FILL.replace(":users", &users.to_string())
        .replace(":sessions", &sessions(users).to_string())
        .replace(":now", &now.to_string())
        .replace(":password_hash", &format!("'{hash}'"))
}

/// The refresh token whose halves are these, in hexadecimal.
fn token(halves: &str) -> Result<RefreshToken> {
    let byte = |at: usize| u8::from_str_radix(&halves[at..at + 2], 16);
    let bytes =
        (0..halves.len()).step_by(2).map(byte).collect::<std::result::Result<Vec<_>, _>>()?;
    Ok(RefreshToken::from(format!("rt_{}", URL_SAFE_NO_PAD.encode(bytes)).as_str()))
}

const FILL: &str = include_str!("../../../scale/fill.sql");
/// Reads everything into the memory that the database shares.
const WARM: &str = "
    CREATE EXTENSION IF NOT EXISTS pg_prewarm;
    SELECT pg_prewarm(oid) FROM pg_class WHERE relkind IN ('r', 'i') AND relname LIKE 'auth_%'";
/// Some of each kind, of these people.
const OVER: &str = "
    WITH ended AS (SELECT id AS user_id, md5(email || ':seed.' || i) AS seed
                  FROM auth_users, generate_series(1, 20) i WHERE email_canonical IN (':people')),
         sessions AS (INSERT INTO auth_sessions
                          (id, user_id, family, refresh, amr, created_at, authenticated_at,
                           last_used_at, idle_expires_at, idle_day, expires_at)
                      SELECT seed::UUID, user_id, decode(seed, 'hex'), '', 'pwd', at, at, at, at, at, at
                      FROM ended, (SELECT now() - INTERVAL '1 day' AS at) long_ago),
         challenges AS (INSERT INTO auth_challenges
                            (digest, user_id, password_epoch, tries, expires_at)
                        SELECT decode(seed, 'hex'), user_id, 0, 0, now() - INTERVAL '1 day' FROM ended)
    INSERT INTO auth_attempts (subject, count, expires_at)
    SELECT seed, 1, now() - INTERVAL '1 day' FROM ended";
const SIGN_INS: u64 = 60;
const REFRESHES: usize = 100;
