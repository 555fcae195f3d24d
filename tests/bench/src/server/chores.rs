//! What is done to databases before anything is measured.

use auth_bench::{Backend, Hasher, PASSWORD, PEOPLE, Result, SECRET, email};
use auth_core::{Auth, Config, ImportOptions, ImportedUser, MasterSecret, Store};
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Connection, raw_sql};

/// Fills a database with people who all have the same password.
pub(crate) async fn import(url: &str) -> Result<()> {
    let store = if url.starts_with("sqlite:") {
        Store::sqlite(url).await?
    } else {
        Store::postgres(url).await?
    };
    let config = Config::new("http://127.0.0.1")?;
    let auth = Auth::builder(config, store, MasterSecret::parse(SECRET)?).build().await?;
    let hash = Hasher::new(Backend::Portable).phc(PASSWORD.as_bytes());
    let people = (1..=PEOPLE).map(|number| {
        let mut user = ImportedUser::new(&email(number));
        (user.activated, user.password_hash) = (true, Some(hash.clone()));
        Ok::<_, String>(user)
    });
    let options = ImportOptions::new().strict();
    let report = auth.operator("bench").import(people, options, |_| {}).await?;
    match report.problems.first() {
        Some(problem) => Err(problem.to_string().into()),
        None => Ok(()),
    }
}

/// Runs one statement on a Postgres.
pub(crate) async fn execute(url: &str, sql: &str) -> Result<()> {
    let mut connection = PgConnection::connect(url).await?;
    raw_sql(AssertSqlSafe(sql)).execute(&mut connection).await?;
    Ok(connection.close().await?)
}
